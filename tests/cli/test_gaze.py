"""``nasion gaze`` with a fake detector and landmarker: the plumbing."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import picture
from nasion.media import VideoWriter, write_image

Run = Callable[..., Any]
SPOTS = [(0.1, 0.1), (0.9, 0.1), (0.5, 0.5), (0.1, 0.9), (0.9, 0.9)]


@pytest.fixture
def session(tmp_path: Path) -> tuple[Path, Path]:
    """Ten pictures of one face, and what it is said to look at."""
    folder, table = tmp_path / "frames", tmp_path / "targets.csv"
    with table.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["file", "x", "y"])
        for i in range(10):
            write_image(folder / f"{i}.png", picture(("red", 160 + i, 120, 90)))
            rows.writerow([f"{i}.png", *SPOTS[i // 2]])
    return folder, table


def test_calibrate_then_look(run: Run, session: tuple[Path, Path], tmp_path: Path) -> None:
    folder, table = session
    kept, out = tmp_path / "me.npz", tmp_path / "looks.csv"
    done = run("gaze", "calibrate", folder, table, "--screen", "300x200", "--out", kept)
    assert done.exit_code == 0, done.output
    assert "10 frames; correction: " in done.stdout
    assert kept.exists()
    done = run("gaze", "look", folder, "--calibration", kept, "--targets", table, "--out", out, "--pixels", "3000x2000")
    assert done.exit_code == 0, done.output
    assert "degrees" in done.stdout
    assert "px" in done.stdout
    rows = list(csv.DictReader(out.open()))
    assert [row["frame"] for row in rows] == [f"{i}.png" for i in range(10)]
    assert np.isfinite([float(row["x_mm"]) for row in rows]).all()


def test_a_video_is_smoothed(run: Run, session: tuple[Path, Path], tmp_path: Path) -> None:
    clip, kept, targets = tmp_path / "c.mp4", tmp_path / "me.npz", tmp_path / "frames.csv"
    with VideoWriter(clip, 25.0) as writer:
        for i in range(12):
            writer.write(picture(("red", 150 + 2 * i, 120, 90)))
    targets.write_text("frame,x,y\n" + "".join(f"{i},{0.1 + 0.2 * (i // 3)},0.5\n" for i in range(12)))
    done = run("gaze", "calibrate", clip, targets, "--screen", "300x200", "--out", kept)
    assert done.exit_code == 0, done.output
    done = run("gaze", "look", clip, "--calibration", kept, "--out", tmp_path / "o.csv")
    assert done.exit_code == 0, done.output
    assert "12 frames" in done.stdout
    assert float(list(csv.DictReader((tmp_path / "o.csv").open()))[3]["time_s"]) > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--screen", "big"), "--screen big: give width and height in mm"),
        (("--screen", "1x1"), "a screen is 10..10000 mm"),
    ],
)
def test_bad_screens_are_named(run: Run, session: tuple[Path, Path], change: tuple[str, str], words: str) -> None:
    done = run("gaze", "calibrate", *session, *change)
    assert done.exit_code == 2
    assert words in done.stderr.replace("\n", " ")


def test_bad_targets_are_named(run: Run, session: tuple[Path, Path], tmp_path: Path) -> None:
    folder, _ = session
    for text, words in (
        ("file,x\n0.png,1\n", "needs columns file (or frame), x and y"),
        ("file,x,y\n0.png,here,1\n", "must be numbers"),
        ("file,x,y\ngone.png,0.5,0.5\n", "the targets name it"),
    ):
        table = tmp_path / "bad.csv"
        table.write_text(text)
        done = run("gaze", "calibrate", folder, table, "--screen", "300x200")
        assert done.exit_code == 2, done.output
        assert words in " ".join(done.stderr.split())


def test_a_calibration_of_another_camera_is_refused(run: Run, session: tuple[Path, Path], tmp_path: Path) -> None:
    kept = tmp_path / "me.npz"
    run("gaze", "calibrate", *session, "--screen", "300x200", "--out", kept)
    done = run("gaze", "look", session[0], "--calibration", kept, "--field-of-view", "80")
    assert done.exit_code == 2
    assert "another --field-of-view" in " ".join(done.stderr.split())


def test_gaze_stands_in_the_table(run: Run, session: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "t.csv"
    done = run("analyze", session[0] / "0.png", "--tasks", "gaze", "--out", out)
    assert done.exit_code == 0, done.output
    assert "gaze yaw" in done.stdout
    (row,) = csv.DictReader(out.open())
    assert {"gaze_vector", "gaze_yaw", "gaze_pitch", "gaze_expected_error", "gaze_reliability"} <= row.keys()


def test_networks_are_written_as_onnx(run: Run, tmp_path: Path) -> None:
    done = run("gaze", "train", "emc-gaze", "--out", tmp_path / "e.pt")
    assert done.exit_code == 2
    assert "written as .onnx" in done.stderr
