"""A real browser visits the studio: a rendered person before its camera blinks, calibrates and looks round."""

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from nasion.media import FrameResult, read_table, write_image
from nasion.report.bench.eyes_blinks import read_blinks
from nasion.report.bench.studio_clips import LAPTOP, LOOKED_AT, frames, person, sitting, write_y4m
from nasion.report.bench.studio_room import Room, Timing, find_browser, serving, until_seen, visiting
from nasion.synth import HeadModel

FPS, SIZE = 30.0, (640, 480)
SITTING = sitting(LOOKED_AT[:5], lead=3.0, pause=3.0)


@dataclass
class Visit:
    """What was seen and saved."""

    folder: Path
    results: list[FrameResult]
    timing: Timing
    calibration: dict[str, str]
    gaze: dict[str, str]
    counter: int
    blinks: int
    python_blinks: int
    slower: int
    faults: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Visit:
    if find_browser() is None:
        pytest.skip("Chromium absent: apt-get install chromium, or name one in NASION_CHROMIUM")
    folder = tmp_path_factory.mktemp("studio")
    clip, photo = folder / "sitting.y4m", folder / "photo.png"
    pictures = list(frames(SITTING, person(SIZE), HeadModel.load(), FPS))
    write_y4m(clip, pictures, FPS)
    write_image(photo, pictures[0])
    python_blinks = len(read_blinks(clip).people[0].blinks)

    def once(least: int) -> tuple[Room, Visit]:
        with serving() as address, visiting(address, clip) as page:
            room = Room(page, SITTING.seconds)
            room.ready()
            room.keep_up(photo, clip, FPS, least)
            room.start_camera()
            page.click("#record")
            calibration = room.calibrate(SITTING.calibration_s, LAPTOP.width_mm / 10)
            gaze = room.look_round(SITTING.viewing_s, SITTING.seconds - SITTING.viewing_s - 1)
            room.save("#export-gaze", folder / "gaze.csv")
            room.save("#export-fixations", folder / "fixations.csv")
            timing = room.timing(1.0)
            page.click("#record")
            counter, blinks = room.blinks(folder / "blinks.csv")
            results = room.recorded(folder / "table.csv")
        slower, faults = room.slower, room.faults
        return room, Visit(folder, results, timing, calibration, gaze, counter, blinks, python_blinks, slower, faults)

    return until_seen(once)


def test_the_page_reads_faces_and_says_how_long_it_takes(visit: Visit) -> None:
    print(f"{visit.timing.median['total']:.1f} ms a frame in the page; clock slowed {visit.slower} times")
    assert visit.faults == []
    assert 0 < visit.timing.fastest_total <= visit.timing.median["total"]
    assert visit.timing.median["landmarks"] > 0


def test_it_counts_the_blinks_that_python_counts(visit: Visit) -> None:
    print(f"{visit.blinks} blinks in the page, {visit.python_blinks} by nasion video, {len(SITTING.blinks)} made")
    assert visit.python_blinks >= len(SITTING.blinks) - 1
    assert abs(visit.blinks - visit.python_blinks) <= 1
    rows = list(csv.DictReader((visit.folder / "blinks.csv").open(newline="")))
    assert len(rows) == visit.counter
    assert {row["event"] for row in rows} == {"blink"}
    assert all(0.05 < float(row["end_s"]) - float(row["start_s"]) < 1 for row in rows)


def test_the_exported_table_is_nasions(visit: Visit) -> None:
    table = read_table(visit.folder / "table.csv")
    seen = [result.faces[0] for result in visit.results if result.faces]
    assert len(seen) > 0.9 * len(visit.results)
    assert seen[0].landmarks.points.shape == (478, 3)
    assert seen[0].landmarks.scheme.name == "dense478"
    assert {face.track_id for face in seen} == {seen[0].track_id}
    times = [result.time_s for result in visit.results]
    assert times == sorted(times)
    angles = np.array([table[name].to_pylist() for name in ("yaw", "pitch", "roll")], float)
    assert np.nanmedian(np.abs(angles), axis=1).max() < 12, "somebody who faces the camera"


def test_nine_points_calibrate(visit: Visit) -> None:
    error = float(visit.calibration["error-share"].split()[0])
    assert error < 25, "the mean distance of the nine points from the middle of the screen is 35 % of the diagonal"
    assert int(visit.calibration["frames-used"]) >= 9 * 5
    assert visit.calibration["error-cm"].endswith(" cm")
    assert float(visit.calibration["error-cm"].split()[0]) == pytest.approx(
        error / 100 * np.hypot(LAPTOP.width_mm, LAPTOP.width_mm * 860 / 1360) / 10, rel=0.1
    )
    assert "targets" in visit.calibration["guard"]


def test_looks_land_where_the_eyes_were(visit: Visit) -> None:
    rows = list(csv.DictReader((visit.folder / "gaze.csv").open(newline="")))
    points = np.array([[float(row["x"]), float(row["y"])] for row in rows])
    known = points[np.isfinite(points).all(axis=1)]
    assert len(known) > 0.6 * len(points)
    wanted = np.array(SITTING.looks)[:, 1:][-5:]
    # the eyes went round: left part first, then right, then back; each look is nearest to somewhere they were
    assert np.ptp(known[:, 0]) > 0.3
    to_nearest = np.linalg.norm((known[:, None] - wanted[None]) * (16 / 18.4, 9 / 18.4), axis=2).min(axis=1)
    assert np.median(to_nearest) < 0.2
    fixations = list(csv.DictReader((visit.folder / "fixations.csv").open(newline="")))
    assert len(fixations) == int(visit.gaze["gaze-fixations"]) >= 3


def test_without_a_camera_it_says_what_to_do() -> None:
    if find_browser() is None:
        pytest.skip("Chromium absent: apt-get install chromium, or name one in NASION_CHROMIUM")
    with serving() as address, visiting(address, None) as page:
        page.click("#start-camera")
        page.wait_for_selector("#problem:not([hidden])")
        assert page.inner_text("#problem-title") in ("No camera is there", "The camera was refused")
        assert page.locator("#problem-do li").count() >= 2
        assert page.locator("#problem-file").is_visible(), "videos and photos still work"
