"""``nasion synth imitate``: what lands in the folder, for a picture and a clip; its refusals."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import rgb
from nasion.cli import imitate
from nasion.expression.imitation.robot import MOTORS
from nasion.media import VideoWriter, open_video

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def _little_babbling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imitate, "BABBLE", 200)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_picture_is_imitated(run: Run, photos: Path, tmp_path: Path) -> None:
    done = run("synth", "imitate", photos / "a.png", "--out", tmp_path / "out", "--size", 96)
    assert done.exit_code == 0, done.output
    (row,) = rows(tmp_path / "out" / "commands.csv")
    assert set(MOTORS) <= set(row)
    assert all(0 <= float(row[name]) <= 1 for name in MOTORS)
    (named,) = rows(tmp_path / "out" / "arkit.csv")
    assert "mouthSmileLeft" in named
    assert rgb(tmp_path / "out" / "imitation.png").shape == (96, 192, 3)
    assert "cannot be shown" in done.stdout


def test_a_clip_is_imitated_from_its_median(run: Run, face_noface_clip: Path, tmp_path: Path) -> None:
    """The face of the clip never changes, so nothing is expressed; frames without it are left out."""
    done = run("synth", "imitate", face_noface_clip, "--out", tmp_path, "--size", 96, "--faults", 3)
    assert done.exit_code == 0, done.output
    found = rows(tmp_path / "commands.csv")
    assert [row["frame"] for row in found] == [str(i) for i in range(10)]
    assert all(float(row[name]) < 0.05 for row in found for name in MOTORS)
    with open_video(tmp_path / "imitation.mp4") as video:
        assert sum(1 for _ in video) == 10


def test_wrong_use_is_refused(run: Run, photos: Path, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "none.mp4", 10) as clip:
        clip.write(rgb(photos / "c.png"))
    for source, more, word in (
        (photos / "c.png", (), "no face"),
        (tmp_path / "none.mp4", (), "no face"),
        (photos / "absent.png", (), "absent.png"),
        (photos / "a.png", ("--rest", photos / "c.png"), "--rest"),
        (photos / "a.png", ("--model", tmp_path / "absent.onnx"), "absent.onnx"),
    ):
        done = run("synth", "imitate", source, "--out", tmp_path / "out", *more)
        assert done.exit_code != 0
        assert word in done.stderr
