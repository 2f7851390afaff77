"""Trajectories in and out."""

import json

import numpy as np
import pytest

from nasion.core import InputError, MediaError
from nasion.core.trajectory import Trajectories
from nasion.media.trajectory_files import read_trajectories, write_trajectories


def paths(dims=3):
    rng = np.random.default_rng(0)
    points = rng.normal(0, 50, (4, 6, dims)).round(3)
    points[1, 3] = np.nan
    valid = np.isfinite(points).all(2)
    valid[2, 0] = False
    unit = ("px", "image") if dims == 2 else ("mm", "world")
    names = ("nose", "pore1", "pore2", "cheek")
    quality = np.round(valid * 0.5, 2)
    return Trajectories(names, points, valid, quality, np.arange(6) / 30, *unit, ("nose", "pore", "pore", ""))


@pytest.mark.parametrize("dims", [2, 3])
def test_json_keeps_everything(tmp_path, dims):
    before = paths(dims)
    after = read_trajectories(write_trajectories(tmp_path / "t.json", before))
    assert (after.names, after.unit, after.frame, after.regions) == (
        before.names, before.unit, before.frame, before.regions,
    )  # fmt: skip
    np.testing.assert_allclose(after.points[before.valid], before.points[before.valid])
    np.testing.assert_array_equal(after.valid, before.valid)
    np.testing.assert_allclose(after.time_s, before.time_s, atol=1e-6)


def test_csv_has_a_row_for_every_point_and_frame(tmp_path):
    lines = write_trajectories(tmp_path / "t.csv", paths(2)).read_text().splitlines()
    assert lines[0] == "name,frame,time_s,x,y,valid,quality"
    assert len(lines) == 1 + 4 * 6
    assert lines[1 + 6 + 3] == "pore1,3,0.1,,,0,0.0"


@pytest.mark.parametrize("break_it", ["unit", "time_s", "points", "format"])
def test_what_is_missing_is_named(tmp_path, break_it):
    path = write_trajectories(tmp_path / "t.json", paths())
    held = json.loads(path.read_text())
    del held[break_it]
    path.write_text(json.dumps(held))
    with pytest.raises(InputError, match="format" if break_it == "format" else break_it):
        read_trajectories(path)


def test_paths_of_unequal_length_are_refused(tmp_path):
    path = write_trajectories(tmp_path / "t.json", paths())
    held = json.loads(path.read_text())
    held["points"][0]["path"].pop()
    path.write_text(json.dumps(held))
    with pytest.raises(InputError, match="equal length"):
        read_trajectories(path)


def test_files_that_are_none(tmp_path):
    with pytest.raises(MediaError):
        read_trajectories(tmp_path / "gone.json")
    with pytest.raises(InputError, match=r"\.json or \.csv"):
        write_trajectories(tmp_path / "t.txt", paths())


def test_contradictions_are_refused():
    t = paths()
    with pytest.raises(InputError, match="name of its own"):
        Trajectories(("a",) * 4, t.points, t.valid, t.quality, t.time_s, "mm", "world")
    with pytest.raises(InputError, match="rise"):
        Trajectories(t.names, t.points, t.valid, t.quality, np.zeros(6), "mm", "world")
    with pytest.raises(InputError, match="unit"):
        Trajectories(t.names, t.points, t.valid, t.quality, t.time_s, "m", "world")
