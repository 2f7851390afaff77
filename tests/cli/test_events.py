"""``nasion events``: from an event file to surfaces and rows; its refusals."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pytest

from nasion.media import VideoWriter, open_video
from nasion.synth.events import EVENT, write_events

Run = Callable[..., Any]


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """A bright bar that moves right over 64 x 48 px in 0.2 s."""
    rng = np.random.default_rng(0)
    found = np.zeros(4000, EVENT)
    found["t_us"] = np.sort(rng.integers(0, 199_000, 4000))
    found["x"] = 4 + found["t_us"] // 4000 + rng.integers(0, 3, 4000)
    found["y"] = rng.integers(8, 40, 4000)
    found["p"] = 1
    write_events(tmp_path / "bar.npz", found, (64, 48))
    return tmp_path / "bar.npz"


def test_events_become_a_video(run: Run, events: Path, tmp_path: Path) -> None:
    done = run("events", events, "--draw", tmp_path / "bar.mp4", "--hz", 60)
    assert done.exit_code == 0, done.output
    assert "4000 events of 64 x 48 px, 12 surfaces (er)" in done.stdout
    with open_video(tmp_path / "bar.mp4") as video:
        frames = [(frame.image, frame.time_s) for frame in video]
    assert len(frames) == 12
    assert frames[0][0].shape == (48, 64, 3)
    bright = [float((image[..., 0] > 190).nonzero()[1].mean()) for image, _ in frames]
    assert np.corrcoef(bright, np.arange(12))[0, 1] > 0.97  # the bar moves right
    assert bright[-1] - bright[0] > 20
    assert frames[1][1] - frames[0][1] == pytest.approx(1 / 60, abs=2e-3)


def test_faces_become_rows(run: Run, events: Path, tmp_path: Path) -> None:
    """The fake detector of these tests sees no coloured squares on grey surfaces: a row a surface says so."""
    model = tmp_path / "any.onnx"
    done = run("events", events, "--detector", model, "--out", tmp_path / "rows.csv", "--count", 1000)
    assert done.exit_code == 0, done.output
    rows = pyarrow.csv.read_csv(tmp_path / "rows.csv").to_pylist()
    assert [row["face"] for row in rows] == [-1] * 4
    assert [row["frame"] for row in rows] == [0, 1, 2, 3]


def test_a_video_is_said_to_be_simulated(run: Run, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 30) as clip:
        for k in range(5):
            image = np.full((32, 48, 3), 70, np.uint8)
            image[8:24, 4 + 4 * k : 16 + 4 * k] = 190
            clip.write(image)
    done = run("events", tmp_path / "a.mp4", "--draw", tmp_path / "b.mp4", "--surface", "time")
    assert done.exit_code == 0, done.output
    assert "simulated" in done.stderr
    assert (tmp_path / "b.mp4").stat().st_size > 0


def test_wrong_use_is_refused(run: Run, events: Path, tmp_path: Path) -> None:
    for arguments, word in (
        ((), "--draw"),
        (("--out", tmp_path / "a.csv"), "--detector"),
        (("--draw", tmp_path / "a.mp4", "--surface", "fancy"), "fancy"),
        (("--draw", tmp_path / "a.mp4", "--size", "big"), "346x260"),
        (("--draw", tmp_path / "a.mp4", "--clip", "0"), "above 0"),
    ):
        done = run("events", events, *arguments)
        assert done.exit_code != 0
        assert word in done.stderr
    done = run("events", tmp_path / "absent.npz", "--draw", tmp_path / "a.mp4")
    assert done.exit_code != 0
    assert "absent.npz" in done.stderr
