"""``nasion landmark follow`` and ``score`` on a drawn clip."""

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from nasion.cli.main import app
from nasion.media import VideoWriter
from nasion.media.trajectory_files import read_trajectories

SHIFT = 1.5  # px a frame


@pytest.fixture
def clip(tmp_path):
    rng = np.random.default_rng(0)
    wide = cv2.GaussianBlur(rng.normal(128, 90, (120, 200)), (0, 0), 1.5)
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, 30, quality=5) as out:
        for t in range(8):
            moved = cv2.warpAffine(wide, np.array([[1, 0, SHIFT * t], [0, 1, 0]]), (160, 120))
            out.write(np.repeat(np.clip(moved, 0, 255).astype(np.uint8)[..., None], 3, axis=2))
    return path


def call(*args):
    return CliRunner().invoke(app, ["landmark", *map(str, args)])


def test_points_of_ones_own_are_followed_written_drawn_and_scored(clip, tmp_path):
    points, paths, drawn = tmp_path / "p.csv", tmp_path / "paths.json", tmp_path / "drawn.mp4"
    points.write_text("x,y,name\n60,50,mole\n80,70,\n")
    done = call("follow", clip, points, "--by", "flow", "-o", paths, "--draw", drawn, "--json")
    assert done.exit_code == 0, done.output
    tracks = read_trajectories(paths)
    assert tracks.names == ("mole", "1")
    assert tracks.points[:, -1, 0] - tracks.points[:, 0, 0] == pytest.approx([7 * SHIFT] * 2, abs=0.4)
    assert tracks.valid.all()
    assert drawn.stat().st_size > 1000
    scored = call("score", paths, paths, "--json")
    assert scored.exit_code == 0, scored.output
    assert json.loads(scored.output)["delta_avg"] == 1


def test_what_is_missing_is_said(clip, tmp_path):
    empty = tmp_path / "p.csv"
    empty.write_text("x,y\n")
    assert call("follow", clip, empty).exit_code != 0
    far = tmp_path / "far.csv"
    far.write_text("x,y\n900,5\n")
    failed = call("follow", clip, far, "--by", "flow")
    assert failed.exit_code != 0
    assert "outside the picture" in failed.output + str(failed.exception)
