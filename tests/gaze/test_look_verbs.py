"""``nasion gaze follow | looks | foveate | locate | search`` on real photos, and what they refuse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from nasion.cli.main import app
from nasion.media import read_image, write_image

Run = Callable[..., Any]


@pytest.fixture
def cli() -> Run:
    def run(*arguments: object) -> Any:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})

    return run


def test_looks_and_foveate(cli: Run, astronaut_path: Path, tmp_path: Path) -> None:
    done = cli("gaze", "looks", astronaut_path, "--count", "2", "--out", tmp_path / "looks.png")
    assert done.exit_code == 0, done.output
    assert done.stdout.count("face 0") == 2
    drawn, photo = read_image(tmp_path / "looks.png"), read_image(astronaut_path)
    changed = np.argwhere((drawn != photo).any(axis=2))
    assert len(changed)
    assert (changed.min(axis=0) > 60).all() and (changed.max(axis=0) < 270).all()  # on the face alone
    done = cli("gaze", "foveate", astronaut_path, "--at", "170,380", "--out", tmp_path / "seen.png")
    assert done.exit_code == 0, done.output
    seen = read_image(tmp_path / "seen.png").astype(int)
    error = np.abs(seen - photo).mean(axis=2)
    assert error[360:400, 150:190].mean() < 0.5 * error[60:180, 170:270].mean()
    done = cli("gaze", "foveate", astronaut_path, "--view", "--at", "200,100", "--out", tmp_path / "view.png")
    assert read_image(tmp_path / "view.png").shape == (224, 224, 3)


def test_follow_draws_everybody(cli: Run, astronaut_path: Path, tmp_path: Path) -> None:
    done = cli("gaze", "follow", astronaut_path, "--heat", "0", "--out", tmp_path / "follow.png")
    assert done.exit_code == 0, done.output
    assert "face 0: looks" in done.stdout
    assert (read_image(tmp_path / "follow.png") != read_image(astronaut_path)).any()
    done = cli("gaze", "follow", astronaut_path, "--heat", "3")
    assert done.exit_code == 2
    assert "has 1 faces" in done.stderr


def test_search_finds_the_person(cli: Run, astronaut_path: Path, hopper_path: Path, tmp_path: Path) -> None:
    scene = np.concatenate([read_image(hopper_path)[:512], read_image(astronaut_path)], axis=1)
    write_image(tmp_path / "scene.png", scene)
    write_image(tmp_path / "target.png", read_image(astronaut_path)[20:220, 120:330])
    given = (tmp_path / "target.png", tmp_path / "scene.png", "--hog", "--out", tmp_path / "path.png")
    done = cli("gaze", "search", *given)
    assert done.exit_code == 0, done.output
    assert "found after" in done.stdout
    last = next(line for line in done.stdout.splitlines() if "found after" in line)
    row = last.split("face ")[1]
    place = next(line for line in done.stdout.splitlines() if f"face {row} at" in line).split(" at ")[1]
    assert float(place.split(",")[0]) > 512


def test_what_is_refused(cli: Run, astronaut_path: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "blank.png", np.full((120, 120, 3), 128, np.uint8))
    done = cli("gaze", "looks", tmp_path / "blank.png")
    assert done.exit_code == 2
    assert "shows no face" in done.stderr
    done = cli("gaze", "foveate", astronaut_path, "--at", "here")
    assert done.exit_code == 2
    assert "--at here" in done.stderr
