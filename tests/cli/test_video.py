"""``nasion video``; the clips are named like the bugs they guard against."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from conftest import shared_data
from nasion.media import open_video, read_table

Run = Callable[..., Any]


def rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_table(path).to_pylist()
    return found


def column(path: Path, name: str) -> list[Any]:
    return [row[name] for row in rows(path)]


def test_one_face_is_one_track_with_a_row_per_frame(run: Run, face_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.parquet"
    done = run("video", face_clip, "--out", out)
    assert done.exit_code == 0, done.output
    assert column(out, "frame") == list(range(20))
    assert set(column(out, "track_id")) == {0}
    assert column(out, "time_s") == pytest.approx([i / 25 for i in range(20)], abs=1e-4)
    assert "20 frames, 20 with a face and 0 without, 1 track" in done.stdout


def test_face_noface(run: Run, face_noface_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.csv"
    assert run("video", face_noface_clip, "--out", out).exit_code == 0
    assert column(out, "face") == [0] * 10 + [-1] * 10
    assert column(out, "frame") == list(range(20))


def test_noface_face(run: Run, noface_face_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.jsonl"
    assert run("video", noface_face_clip, "--out", out).exit_code == 0
    assert column(out, "face") == [-1] * 10 + [0] * 10


def test_no_face_at_all(run: Run, noface_clip: Path, tmp_path: Path) -> None:
    out, drawn = tmp_path / "t.parquet", tmp_path / "o.mp4"
    done = run("video", noface_clip, "--out", out, "--draw", drawn)
    assert done.exit_code == 0
    assert column(out, "face") == [-1] * 10
    assert set(column(out, "points")) == {None}
    assert "10 frames, 0 with a face and 10 without, 0 tracks" in done.stdout
    assert len(list(open_video(drawn))) == 10


def test_the_drawn_video_has_the_same_frames_and_times(run: Run, face_clip: Path, tmp_path: Path) -> None:
    drawn = tmp_path / "o.mp4"
    done = run("video", face_clip, "--draw", drawn)
    assert done.exit_code == 0
    before, after = list(open_video(face_clip)), list(open_video(drawn))
    assert [frame.time_s for frame in after] == pytest.approx([frame.time_s for frame in before], abs=1e-3)
    assert abs(after[5].image.astype(int) - before[5].image).max() > 60
    assert f"wrote {drawn}" in done.stdout


def test_a_part_of_a_video(run: Run, face_clip: Path, tmp_path: Path) -> None:
    out, drawn = tmp_path / "t.parquet", tmp_path / "o.mp4"
    options = ("--start", 0.2, "--stop", 0.6, "--step", 2)
    assert run("video", face_clip, "--out", out, "--draw", drawn, *options).exit_code == 0
    assert column(out, "frame") == [5, 7, 9, 11, 13]
    assert next(iter(open_video(drawn))).time_s == 0


def test_json_is_one_clean_object_per_row(run: Run, face_noface_clip: Path) -> None:
    done = run("video", face_noface_clip, "--json")
    assert [json.loads(line)["face"] for line in done.stdout.splitlines()] == [0] * 10 + [-1] * 10
    assert "20 frames" in done.stderr


def test_smoothing_and_detection_interval_can_be_chosen(run: Run, face_clip: Path, tmp_path: Path) -> None:
    smooth, raw = tmp_path / "smooth.parquet", tmp_path / "raw.parquet"
    assert run("video", face_clip, "--out", smooth).exit_code == 0
    assert run("video", face_clip, "--out", raw, "--no-smooth", "--detect-every", 1).exit_code == 0
    assert column(smooth, "points")[0] == column(raw, "points")[0]
    assert column(smooth, "points")[10] != column(raw, "points")[10]


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"this is no video", "cannot be opened as a video"), (None, "no such file")]
)
def test_what_is_no_video_is_a_row_with_its_error(run: Run, tmp_path: Path, content: bytes | None, words: str) -> None:
    path, out = tmp_path / "bad.mp4", tmp_path / "t.parquet"
    if content is not None:
        path.write_bytes(content)
    done = run("video", path, "--out", out)
    assert done.exit_code == 1
    assert words in done.stderr
    assert column(out, "face") == [-1]
    assert words in rows(out)[0]["error"]


def test_a_video_cut_short_keeps_its_frames(run: Run, tmp_path: Path, face_clip: Path) -> None:
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    with av.open(str(face_clip)) as before, av.open(str(whole), "w", options={"movflags": "faststart"}) as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        for packet in before.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                after.mux(packet)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    out, drawn = tmp_path / "t.parquet", tmp_path / "o.mp4"
    done = run("video", cut, "--out", out, "--draw", drawn)
    frames = [row for row in rows(out) if not row["error"]]
    assert 0 < len(frames) < 20
    assert len(list(open_video(drawn))) == len(frames)
    assert done.exit_code == 1
    assert "cut.mp4 is cut short" in done.stderr
    assert rows(out)[-1]["face"] == -1
    assert "cut short" in rows(out)[-1]["error"]


@pytest.mark.parametrize(("start", "stop"), [(3, 2), (2, 2)])
def test_a_part_that_ends_before_it_begins_is_bad_usage(run: Run, face_clip: Path, start: int, stop: int) -> None:
    done = run("video", face_clip, "--start", start, "--stop", stop)
    assert done.exit_code == 2
    assert "0 <= start < stop" in done.stderr


PROGRAM = """
    import sys, time
    sys.path.insert(0, {tests!r})
    from fakes import FakeDetector, FakeLandmarker
    from nasion.pipeline import analyzer

    class Slow(FakeLandmarker):
        def place_many(self, *args, **options):
            time.sleep(0.05)
            return super().place_many(*args, **options)

    analyzer._load_detector = lambda *_: FakeDetector()
    analyzer._load_landmarker = lambda *_: Slow()
    from nasion.cli.main import app
    app()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_the_middle_leaves_all_so_far_readable(
    face_clip: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    out, drawn = tmp_path / "t.parquet", tmp_path / "o.mp4"
    program = textwrap.dedent(PROGRAM).format(tests=str(Path(__file__).parents[1]))
    arguments = ["video", str(face_clip), "--out", str(out), "--draw", str(drawn), "--json"]
    running = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert running.stdout is not None
    for _ in range(3):  # three frames are done
        assert running.stdout.readline()
    running.send_signal(number)
    rest, words = running.communicate(timeout=60)
    assert running.returncode == code, words
    done = 3 + len(rest.splitlines())
    assert 3 <= done < 20
    assert column(out, "frame") == list(range(done))
    assert len(list(open_video(drawn))) == done
    assert f"interrupted after {done} frames" in words
    assert "Traceback" not in words


def test_the_face_that_leaves_leaves_rows_without_a_face(tmp_path: Path, run: Run, monkeypatch: Any) -> None:
    clip, out = shared_data("video") / "face_noface.mov", tmp_path / "t.parquet"
    monkeypatch.undo()  # the real models
    done = run("video", clip, "--tasks", "landmarks", "--out", out)
    assert done.exit_code == 0, done.output
    faces = column(out, "face")
    assert faces[:70] == [0] * 70
    assert faces[-60:] == [-1] * 60
    assert column(out, "frame") == list(range(len(faces)))


def test_one_id_through_a_clip(tmp_path: Path, run: Run, monkeypatch: Any) -> None:
    clip, out = shared_data("video") / "WolfgangLanger_Pexels.mp4", tmp_path / "t.parquet"
    monkeypatch.undo()
    done = run("video", clip, "--tasks", "landmarks", "--out", out, "--stop", 6)
    assert done.exit_code == 0, done.output
    assert column(out, "track_id") == [0] * 144


def test_tasks_of_a_clip_print_and_write_what_happened(run: Run, face_clip: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("e.csv", "p.png", "r.html")]
    wanted = ("--events", files[0], "--plot", files[1], "--report", files[2])
    done = run("video", face_clip, "--tasks", "blinks,attention", *wanted)
    assert done.exit_code == 0, done.output
    assert "PERCLOS" in done.stdout and "forward" in done.stdout and "no diagnosis" in done.stdout
    assert all(f"wrote {file}" in done.stdout and file.stat().st_size for file in files)
    assert "faces_forward" in files[0].read_text()


def test_files_of_a_clip_need_a_task_of_a_clip(run: Run, face_clip: Path, tmp_path: Path) -> None:
    done = run("video", face_clip, "--plot", tmp_path / "p.png")
    assert done.exit_code == 2 and "--tasks blinks" in done.stderr
    done = run("video", face_clip, "--tasks", "blinks", "--plot", tmp_path / "p.gif")
    assert done.exit_code == 2 and ".svg" in done.stderr
    done = run("video", face_clip, "--tasks", "blinks", "--events", tmp_path / "e.txt")
    assert done.exit_code == 2 and ".jsonl" in done.stderr
