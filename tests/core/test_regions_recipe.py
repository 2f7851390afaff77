"""The recipe of the packaged regions never makes a promise larger than the faces allow."""

from __future__ import annotations

import sys
import zlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from conftest import shared_data

ROOT = Path(__file__).parents[2]
if not (ROOT / "training").is_dir():
    pytest.skip("recipes are not part of the installed package", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from training.regions import held_out, stretch, thinned, upward  # noqa: E402

from nasion.core import Landmarks, scheme  # noqa: E402
from nasion.core.regions import calibrate, conformal_rank  # noqa: E402


def test_small_numbers_are_rounded_upwards():
    values = np.random.default_rng(0).lognormal(0, 2, 5000)
    small = upward(values)
    assert small.dtype == np.float16
    assert (small.astype(np.float64) >= values).all()
    assert np.allclose(small, values, rtol=2e-3)


@pytest.mark.parametrize("count", [10, 1999, 2000, 23456])
def test_fewer_ratios_never_promise_more(count):
    values = np.random.default_rng(1).lognormal(0, 1, count)
    few = thinned(values)
    assert len(few) <= 1999
    assert (np.diff(few) >= 0).all()
    assert few[-1] == values.max()
    for alpha in (0.32, 0.2, 0.1, 0.05):
        whole, part = (np.sort(v)[conformal_rank(len(v), alpha) - 1 :][:1] for v in (values, few))
        if len(whole) and len(part):
            assert part[0] >= whole[0] * 0.999


def test_the_faces_that_calibrate_are_those_that_training_keeps_out():
    photos = held_out(shared_data())
    assert len(photos) == 182
    assert all(zlib.crc32(f"landmarks68/train/{photo.path.name}".encode()) % 5 == 0 for photo in photos)


def test_a_calibration_of_your_own_works_alike():
    error = np.abs(np.random.default_rng(2).normal(size=(50, 68)))
    mine = calibrate(error, np.ones((50, 68)), "ibug68", "fifty photos")
    ranked = np.sort(error, axis=0)
    assert (mine.factors(0.1, np.ones(68)) == ranked[46]).all()  # one rank above the mean's, for one set of faces
    assert (replace(mine, dependence=0.0).factors(0.1, np.ones(68)) == ranked[45]).all()


def test_a_network_that_grew_surer_of_itself_gets_its_circles_back():
    """Sigmas of the shipped one are three quarters; small, covered and unmatched faces do not count."""
    template = np.asarray(scheme("dense478").template)[:, :2]

    def faces(sigma, seen=1.0, size=1.0, at=0.0):
        points = (size * template + 200 + at).astype(np.float32)
        flags, sigmas = np.full(478, seen, np.float32), np.full(478, sigma, np.float32)
        return SimpleNamespace(landmarks=Landmarks(points, flags, sigmas, scheme("dense478")))

    def held(_):
        return [faces(2.0), faces(9.0, at=150.0)]

    def shipped(_):
        return [faces(1.5), faces(0.1, seen=0.5), faces(0.1, size=0.1), faces(0.1, at=500.0)]

    wider, count = stretch(held, shipped, [np.zeros((8, 8, 3), np.uint8)] * 2)
    assert count == 2
    assert np.allclose(wider["dense478"], 2 / 1.5)
    assert (wider["ibug68"] > 1).all()  # what a conversion adds to sigma, it adds to both
