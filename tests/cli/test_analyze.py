"""``nasion analyze``."""

import json
import signal
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import FakeDetector, FakeLandmarker, picture
from nasion.core import Face, ImageArray
from nasion.media import read_image, read_table, table_files, write_image
from nasion.pipeline import analyzer

Run = Callable[..., Any]


def rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_table(path).to_pylist()
    return found


def faces_by_name(path: Path) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in rows(path):
        found.setdefault(Path(row["source"]).name, []).append(row["face"])
    return found


@pytest.mark.parametrize("extension", [".parquet", ".csv", ".jsonl"])
def test_one_row_per_face_and_one_for_none(run: Run, photos: Path, tmp_path: Path, extension: str) -> None:
    out = tmp_path / f"t{extension}"
    done = run("analyze", photos, "--out", out)
    assert done.exit_code == 0, done.output
    assert faces_by_name(out) == {"a.png": [0], "b.png": [0, 1], "c.png": [-1], "d.png": [0]}
    assert "4 inputs, 4 faces, 0 failed" in done.stdout
    first = rows(out)[0]
    assert len(first["points"]) == 2 * 478
    assert first["yaw"] is not None
    assert first["eye_left"] is not None


def test_scheme_and_tasks_are_followed(run: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.parquet"
    run("analyze", photos / "a.png", "--out", out, "--scheme", "ibug68", "--tasks", "landmarks")
    (row,) = rows(out)
    assert row["scheme"] == "ibug68"
    assert len(row["points"]) == 2 * 68
    assert row["yaw"] is None


def test_detection_alone(run: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.parquet"
    assert run("analyze", photos / "a.png", "--out", out, "--tasks", "detect").exit_code == 0
    assert rows(out)[0]["scheme"] == "coarse5"


def test_folders_are_searched_below_only_if_wanted(run: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.jsonl"
    run("analyze", photos, "--out", out, "--no-recursive")
    assert set(faces_by_name(out)) == {"a.png", "b.png", "c.png"}


def test_json_is_one_clean_object_per_row(run: Run, photos: Path) -> None:
    done = run("analyze", photos, "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["face"] for row in found] == [0, 0, 1, -1, 0]
    assert set(found[0]) >= {"source", "score", "points", "visibility", "sigma", "yaw", "error"}
    assert "4 inputs" in done.stderr


def test_the_table_on_the_terminal(run: Run, photos: Path) -> None:
    done = run("analyze", photos)
    assert done.exit_code == 0
    for word in ("picture", "score", "yaw", "eyes left", "a.png", "no face"):
        assert word in done.stdout


def test_long_tables_are_cut_on_the_terminal_only(run: Run, tmp_path: Path) -> None:
    for i in range(45):
        write_image(tmp_path / "many" / f"{i:02d}.png", picture())
    done = run("analyze", tmp_path / "many")
    assert "... and 5 more rows" in done.stdout
    assert "45 inputs" in done.stdout


def test_faces_are_hidden_instead_of_annotated(run: Run, photos: Path, tmp_path: Path, face_clip: Path) -> None:
    done = run("analyze", photos / "a.png", face_clip, "--draw", tmp_path / "hidden", "--hide")
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "hidden").iterdir()} == {"a.jpg", "face.mp4"}
    hidden = read_image(tmp_path / "hidden" / "a.jpg").astype(int)
    assert abs(hidden - read_image(photos / "a.png").astype(int)).max() > 60  # the square has become part of a patch
    assert hidden.min() >= 20 and hidden.max() <= 225  # neither the white nor the dark of a drawing
    refused = run("analyze", photos / "a.png", "--hide")
    assert refused.exit_code == 2 and "--draw" in refused.stderr


def test_drawings_are_named_after_their_inputs(run: Run, photos: Path, tmp_path: Path) -> None:
    write_image(photos / "more" / "a.png", picture())
    run("analyze", photos, "--draw", tmp_path / "drawn")
    names = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert {"b.jpg", "c.jpg", "d.jpg"} < set(names)
    assert len(names) == 5  # the two a.png did not overwrite each other
    drawn = read_image(tmp_path / "drawn" / "d.jpg").astype(int)
    assert abs(drawn - picture(("green", 200, 100, 90))).max() > 60


def test_a_video_among_pictures_gives_a_row_per_frame(run: Run, photos: Path, face_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.parquet"
    done = run("analyze", photos / "a.png", face_clip, photos / "c.png", "--out", out, "--draw", tmp_path / "drawn")
    assert done.exit_code == 0
    found = rows(out)
    assert [row["frame"] for row in found] == [0, *range(20), 0]
    assert {row["track_id"] for row in found[1:21]} == {0}
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {"a.jpg", "face.mp4", "c.jpg"}


class TestBadInput:
    def test_a_bad_file_in_the_middle_stops_nothing(self, run: Run, photos: Path, tmp_path: Path) -> None:
        (photos / "aa.jpg").write_text("this is no picture")
        (photos / "ab.png").write_bytes(b"")
        (photos / "ac.png").write_bytes((photos / "b.png").read_bytes()[:200])
        out = tmp_path / "t.parquet"
        done = run("analyze", photos, "--out", out)
        assert done.exit_code == 1
        assert faces_by_name(out)["d.png"] == [0]
        errors = {Path(row["source"]).name: row["error"] for row in rows(out) if row["error"]}
        assert set(errors) == {"aa.jpg", "ab.png", "ac.png"}
        for name in errors:
            assert done.stderr.count(name) == 1
        assert "7 inputs, 4 faces, 3 failed" in done.stdout

    def test_a_path_that_is_not_there(self, run: Run, photos: Path, tmp_path: Path) -> None:
        out = tmp_path / "t.csv"
        done = run("analyze", tmp_path / "nobody.jpg", photos / "a.png", "--out", out)
        assert done.exit_code == 1
        assert "nobody.jpg" in done.stderr
        assert faces_by_name(out) == {"nobody.jpg": [-1], "a.png": [0]}

    def test_a_folder_without_pictures(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        done = run("analyze", tmp_path / "empty")
        assert done.exit_code == 1
        assert "holds no pictures" in done.stderr

    def test_a_picture_above_the_limit_is_refused_and_the_flag_lifts_it(self, run: Run, tmp_path: Path) -> None:
        head = b"IHDR" + struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)  # no pixels: nobody should look for them
        checked = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
        (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + checked + b"\0\0\0\0IDAT\x35\xaf\x06\x1e")
        write_image(tmp_path / "small.png", picture())
        done = run("analyze", tmp_path / "huge.png")
        assert done.exit_code == 1
        assert "900 megapixels" in done.stderr
        assert run("analyze", tmp_path / "small.png", "--max-pixels", "1000").exit_code == 1
        assert run("analyze", tmp_path / "small.png", "--max-pixels", "100000").exit_code == 0

    def test_a_video_cut_short_keeps_its_frames_and_says_so(self, run: Run, face_clip: Path, tmp_path: Path) -> None:
        broken, out = tmp_path / "broken.mp4", tmp_path / "t.parquet"
        broken.write_bytes(face_clip.read_bytes()[:400])
        done = run("analyze", broken, face_clip, "--out", out)
        assert done.exit_code == 1
        assert "broken.mp4" in done.stderr
        assert sum(Path(row["source"]).name == "face.mp4" for row in rows(out)) == 20

    def test_a_name_that_is_not_utf8(self, run: Run, photos: Path, tmp_path: Path) -> None:
        odd = Path(str(tmp_path / "b\udcffd.png"))
        odd.write_bytes((photos / "a.png").read_bytes())
        out = tmp_path / "t.parquet"
        done = run("analyze", odd, "--out", out)
        assert done.exit_code == 0, done.output
        assert rows(out)[0]["source"].endswith("b\\xffd.png")

    @pytest.mark.parametrize("option", ["--out", "--draw"])
    def test_an_output_that_cannot_be_fails_before_the_work(
        self, run: Run, photos: Path, tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(analyzer, "_load_detector", lambda *_: pytest.fail("work had begun"))
        (tmp_path / "file").write_text("")
        done = run("analyze", photos, option, tmp_path / "file" / "t.parquet")
        assert done.exit_code == 1
        assert "cannot write" in done.stderr

    def test_a_full_disk_ends_the_run_and_says_where_the_rows_are(
        self, run: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> str:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(table_files.TableWriter, "_text", full)
        done = run("analyze", photos, "--out", tmp_path / "t.csv")
        assert done.exit_code == 1
        assert "no space left on device" in done.stderr
        assert "t.csv" in done.stderr
        assert "Traceback" not in done.output


class TestInterrupted:
    @pytest.fixture
    def _stop_at_second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C while the second picture is analysed."""

        class Impatient(FakeDetector):
            def detect(self, image: ImageArray) -> list[Face]:
                if self.calls == 1:
                    signal.raise_signal(signal.SIGINT)
                return super().detect(image)

        monkeypatch.setattr(analyzer, "_load_detector", lambda *_: Impatient())

    @pytest.mark.parametrize("extension", [".parquet", ".csv", ".jsonl"])
    @pytest.mark.usefixtures("_stop_at_second")
    def test_what_was_done_is_on_disk_and_resume_does_the_rest(
        self, run: Run, photos: Path, tmp_path: Path, extension: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / f"t{extension}"
        done = run("analyze", photos, "--out", out)
        assert done.exit_code == 130
        assert "interrupted after 2 of 4 inputs" in done.stderr
        assert faces_by_name(out) == {"a.png": [0], "b.png": [0, 1]}

        looked: list[int] = []

        class Counting(FakeDetector):
            def detect(self, image: ImageArray) -> list[Face]:
                looked.append(1)
                return super().detect(image)

        monkeypatch.setattr(analyzer, "_load_detector", lambda *_: Counting())
        before = rows(out)[0]
        done = run("analyze", photos, "--out", out, "--resume")
        assert done.exit_code == 0, done.output
        assert faces_by_name(out) == {"a.png": [0], "b.png": [0, 1], "c.png": [-1], "d.png": [0]}
        assert len(looked) == 3  # the last picture of the first run may have been half done
        assert rows(out)[0] == before


class TestResume:
    def test_without_a_table_it_begins_one(self, run: Run, photos: Path, tmp_path: Path) -> None:
        out = tmp_path / "t.parquet"
        assert run("analyze", photos, "--out", out, "--resume").exit_code == 0
        assert len(rows(out)) == 5

    def test_what_failed_is_tried_again(self, run: Run, photos: Path, tmp_path: Path) -> None:
        out, late = tmp_path / "t.parquet", photos / "b2.png"
        late.write_bytes(b"")
        assert run("analyze", photos, "--out", out).exit_code == 1
        write_image(late, picture(("red", 100, 100, 80)))
        assert run("analyze", photos, "--out", out, "--resume").exit_code == 0
        assert faces_by_name(out)["b2.png"] == [0]
        assert len(rows(out)) == 6

    def test_after_a_kill_the_partial_rows_count(self, run: Run, photos: Path, tmp_path: Path) -> None:
        out, whole = tmp_path / "t.jsonl", tmp_path / "whole.jsonl"
        run("analyze", photos, "--out", whole)
        lines = whole.read_bytes().splitlines(keepends=True)
        (tmp_path / "t.jsonl.partial").write_bytes(b"".join(lines[:3]) + lines[3][:50])  # killed within a line
        done = run("analyze", photos, "--out", out, "--resume")
        assert done.exit_code == 0, done.output
        assert "3 inputs" in done.stdout
        assert out.read_bytes().splitlines() == whole.read_bytes().splitlines()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "t.jsonl", "whole.jsonl"]

    def test_many_rows_come_through_in_pieces(self, run: Run, tmp_path: Path) -> None:
        for i in range(150):
            write_image(
                tmp_path / "many" / f"{i:03d}.png",
                picture(("red", 30, 30, 20), ("blue", 70, 30, 20), width=100, height=60),
            )
        out = tmp_path / "t.parquet"
        run("analyze", tmp_path / "many", "--out", out, "--tasks", "landmarks")
        before = read_table(out)
        assert before.num_rows == 300
        run("analyze", tmp_path / "many", "--out", out, "--tasks", "landmarks", "--resume")
        after = read_table(out)
        assert after.equals(before)

    def test_other_tasks_or_another_scheme_are_refused(self, run: Run, photos: Path, tmp_path: Path) -> None:
        out = tmp_path / "t.parquet"
        run("analyze", photos, "--out", out)
        done = run("analyze", photos, "--out", out, "--resume", "--scheme", "ibug68")
        assert done.exit_code == 2
        assert "points are in dense478, not ibug68" in done.stderr
        assert len(rows(out)) == 5


def test_numbers_do_not_depend_on_the_way_in(run: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.parquet"
    run("analyze", photos / "b.png", "--out", out)
    alone = analyzer.Analyzer()(read_image(photos / "b.png"))
    for row, face in zip(rows(out), alone, strict=True):
        np.testing.assert_array_equal(np.float32(row["points"]).reshape(-1, 2), face.landmarks.points[:, :2])


def test_fast_and_accurate_reach_the_landmarker(run, photos, monkeypatch):
    asked = []

    def load(model, accurate, *_):
        asked.append((model, accurate))
        return FakeLandmarker()

    monkeypatch.setattr(analyzer, "_load_landmarker", load)
    for options in ((), ("--fast",), ("--accurate",)):
        assert run("analyze", photos / "a.png", *options).exit_code == 0
    assert asked == [("landmarker", False), ("landmarker_fast", False), ("landmarker", True)]
    refused = run("analyze", photos / "a.png", "--fast", "--accurate")
    assert refused.exit_code == 2
    assert "drop one" in refused.stderr


def test_tiles_reach_the_detector(run, photos, monkeypatch):
    asked = []

    def load(model, tiles, *_):
        asked.append(tiles)
        return FakeDetector()

    monkeypatch.setattr(analyzer, "_load_detector", load)
    for options in ((), ("--tiles",)):
        assert run("analyze", photos / "a.png", *options).exit_code == 0
    assert asked == [False, True]
