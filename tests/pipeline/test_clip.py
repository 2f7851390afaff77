"""Tasks of a whole clip: what is kept from each frame, and what comes out at the end."""

import json

import numpy as np
import pytest

from nasion.core import Box, Face, InputError, Landmarks, MediaError, Pose, TaskError, scheme
from nasion.eyes import Lids, Mouth
from nasion.media.event_table import write_events_table
from nasion.metrics import blink_score
from nasion.pipeline import find_task
from nasion.pipeline.clip import ClipReader, ClipReport, split_tasks
from nasion.report.clip import clip_tables, write_clip_page, write_plot

FPS = 30.0
LANDMARKS = Landmarks.from_points(np.zeros((5, 2)), scheme("coarse5"))
BLINKS = {0: (2.0, 4.0, 6.0), 1: (3.0, 7.0)}


def face(track: int, time_s: float, yaw: float = 0.0, seen: float = 0.9) -> Face:
    shut = max((np.clip(1 - abs(time_s - at) / 0.12, 0, 1) for at in BLINKS[track]), default=0.0)
    opening = 80 - 30 * shut
    lids = Lids(seen, "", opening, opening, opening, seen, seen, (0.0, 0.0), (0.0, 0.0), 20.0, 500.0)
    x = 100.0 + 200 * track
    readings = {"lids": lids, "mouth": Mouth(0.9, "", 0.05), "pose": Pose(0.9, "", yaw, 0.0, 0.0, (0.0, 0.0, 500.0))}
    return Face(Box(x, 50, x + 80, 150), 0.9, LANDMARKS, track, readings)


@pytest.fixture(scope="module")
def report() -> ClipReport:
    """Ten seconds: person 0 all the time, turned to the right from 5 to 8 s; person 1 from the second second on."""
    reader = ClipReader(["blinks", "attention"])
    for frame in range(round(10 * FPS)):
        time_s = frame / FPS
        faces = [face(0, time_s, 40.0 if 5 <= time_s < 8 else 0.0)]
        reader.add([*faces, face(1, time_s)] if time_s >= 2 else faces, time_s)
    return reader.finish()


def test_each_person_has_their_own_blinks(report: ClipReport) -> None:
    assert [person.track_id for person in report.people] == [0, 1]
    for person in report.people:
        middles = [(blink.shut_s + blink.lift_s) / 2 for blink in person.blinks]
        assert middles == pytest.approx(BLINKS[person.track_id], abs=0.03)


def test_attention_counts_the_time_before_somebody_came_as_unseen(report: ClipReport) -> None:
    first, second = (person.attention for person in report.people)
    assert first is not None and second is not None
    assert first.right == pytest.approx(0.3, abs=0.02) and second.forward == 1
    assert first.unseen == pytest.approx(0, abs=0.01) and second.unseen == pytest.approx(0.2, abs=0.01)


def test_the_table_of_events_reads_back(report: ClipReport, tmp_path) -> None:
    rows = report.events("a.mp4")
    assert [row["event"] for row in rows if row["track_id"] == 0 and row["event"] == "blink"] == ["blink"] * 3
    assert {row["event"] for row in rows} == {"blink", "faces_forward", "faces_right"}
    for name in ("e.parquet", "e.csv", "e.jsonl"):
        write_events_table(tmp_path / name, rows)
    text = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    import pyarrow.parquet as pq

    table = pq.read_table(tmp_path / "e.parquet").to_pylist()
    assert len(text) == len(table) == len(rows) == (tmp_path / "e.csv").read_text().count("\n") - 1
    assert text[0]["source"] == "a.mp4" and text == table
    with pytest.raises(MediaError, match="extension"):
        write_events_table(tmp_path / "e.txt", rows)


def test_tracks_score_against_the_truth(report: ClipReport) -> None:
    from nasion.metrics import BlinkTrack

    def true(track: int) -> BlinkTrack:
        times = np.arange(300) / FPS
        boxes = np.full((300, 4), np.nan)
        boxes[(times >= 2) | (track == 0)] = face(track, 0).box.to_array()
        frames = np.array([(round((at - 0.12) * FPS), round((at + 0.12) * FPS) + 1) for at in BLINKS[track]], float)
        return BlinkTrack(boxes, frames, np.ones(len(frames)))

    score = blink_score([report.blink_tracks()], [[true(0), true(1)]])
    assert score.inst_ap == 1 and score.blink_ap50 == 1


def test_it_can_be_looked_at(report: ClipReport, tmp_path) -> None:
    from rich.console import Console

    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(clip_tables(report))
    words = console.export_text()
    assert "PERCLOS" in words and "no diagnosis" in words and "30 %" in words and "not attention" in words
    write_plot(tmp_path / "p.png", report)
    write_clip_page(tmp_path / "p.html", report, "a.mp4")
    page = (tmp_path / "p.html").read_text()
    assert (tmp_path / "p.png").stat().st_size > 5000
    assert page.count("<td>blink</td>") == 5 and "no diagnosis" in page


def test_too_few_frames_a_second_are_said_and_stop_nothing() -> None:
    reader = ClipReader(["blinks"])
    for frame in range(30):
        reader.add([face(0, frame / 5)], frame / 5)
    (person,) = reader.finish().people
    assert "8 frames per second" in person.problem and not person.blinks


def test_lids_that_cannot_be_seen_are_left_out() -> None:
    reader = ClipReader(["blinks"])
    for frame in range(300):
        time_s = frame / FPS
        reader.add([face(0, time_s, seen=0.1 if 3.5 < time_s < 4.5 else 0.9)], time_s)
    (person,) = reader.finish().people
    assert len(person.blinks) == 2 and np.isnan(person.opening).any()


def test_tasks_of_a_clip_bring_what_they_need() -> None:
    assert split_tasks(("pose", "blinks")) == (("pose", "lids", "mouth"), ("blinks",))
    assert split_tasks(("landmarks",)) == (("landmarks",), ())
    assert split_tasks(("attention",)) == (("pose",), ("attention",))
    with pytest.raises(TaskError, match="whole clip"):
        find_task("blinks")
    with pytest.raises(InputError, match="'naps'"):
        ClipReader(["naps"])


def test_an_empty_clip_has_nobody(tmp_path) -> None:
    empty = ClipReader(["blinks", "attention"]).finish()
    assert empty.people == () and empty.events() == [] and empty.clip_s == 0
    write_plot(tmp_path / "p.png", empty)
    clip_tables(empty)
