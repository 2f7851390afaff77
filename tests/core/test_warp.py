"""Warps: they go through their control points, follow affine maps and say where they end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import RBFInterpolator
from scipy.spatial import Delaunay

from nasion.core import InputError
from nasion.core.geometry.similarity import apply_affine
from nasion.core.geometry.warp import PiecewiseAffine, ThinPlateSpline

seeds = st.integers(0, 10_000)


@given(seeds)
def test_spline_goes_through_its_control_points(seed):
    rng = np.random.default_rng(seed)
    src, dst = rng.uniform(0, 300, (2, 25, 2))
    np.testing.assert_allclose(ThinPlateSpline(src, dst)(src), dst, atol=1e-4)


@given(seeds, st.sampled_from([0.0, 0.5]))
def test_spline_follows_affine_maps_everywhere(seed, regularization):
    rng = np.random.default_rng(seed)
    src, matrix = rng.uniform(0, 300, (25, 2)), rng.normal(size=(2, 3))
    warp = ThinPlateSpline(src, apply_affine(matrix, src), regularization)
    far = rng.uniform(-1000, 1000, (10, 2))
    np.testing.assert_allclose(warp(far), apply_affine(matrix, far), atol=1e-3)


def test_spline_agrees_with_scipy():
    rng = np.random.default_rng(0)
    src, dst, probe = rng.normal(size=(3, 20, 2))
    theirs = RBFInterpolator(src, dst, kernel="thin_plate_spline")(probe)
    np.testing.assert_allclose(ThinPlateSpline(src, dst)(probe), theirs, atol=1e-8)


def test_regularization_smooths_towards_the_affine_map():
    rng = np.random.default_rng(0)
    src = rng.uniform(0, 100, (40, 2))
    dst = src + rng.normal(0, 3, src.shape)
    off = [np.linalg.norm(ThinPlateSpline(src, dst, r)(src) - dst) for r in (0, 0.1, 1, 10)]
    assert off[0] < 1e-6
    assert off == sorted(off)
    ones = np.c_[np.ones(40), src]
    affine = ones @ np.linalg.lstsq(ones, dst, rcond=None)[0]
    np.testing.assert_allclose(ThinPlateSpline(src, dst, 1e9)(src), affine, atol=1e-3)


@given(seeds)
def test_piecewise_takes_vertices_to_vertices_and_inside_follows_affine_maps(seed):
    rng = np.random.default_rng(seed)
    src, matrix = rng.uniform(0, 300, (25, 2)), rng.normal(size=(2, 3))
    triangles = Delaunay(src).simplices
    warp = PiecewiseAffine(src, apply_affine(matrix, src), triangles)
    np.testing.assert_allclose(warp(src), apply_affine(matrix, src), atol=1e-4)
    inside = src[triangles].mean(1)
    np.testing.assert_allclose(warp(inside), apply_affine(matrix, inside), atol=1e-6)


@given(seeds)
def test_piecewise_there_and_back(seed):
    rng = np.random.default_rng(seed)
    src = rng.uniform(0, 300, (15, 2))
    triangles = Delaunay(src).simplices
    dst = src * (1.1, 0.8) + rng.normal(0, 1e-3, src.shape)
    probe = src[triangles].mean(1)
    back = PiecewiseAffine(dst, src, triangles)(PiecewiseAffine(src, dst, triangles)(probe))
    np.testing.assert_allclose(back, probe, atol=1e-6)


def test_piecewise_is_nan_outside_and_whole_on_edges():
    src = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    warp = PiecewiseAffine(src, src * 2, np.array([[0, 1, 2], [0, 2, 3]]))
    assert np.isnan(warp(np.array([[2.0, 2], [-0.1, 0.5]]))).all()
    edge = np.linspace(0, 1, 11)[:, None] * [1, 1]
    np.testing.assert_allclose(warp(edge), edge * 2)
    index, weights = warp.locate(np.array([[0.9, 0.1], [0.1, 0.9], [5, 5]]))
    assert index.tolist() == [0, 1, -1]
    np.testing.assert_allclose(weights[:2].sum(1), 1)
    assert np.isnan(weights[2]).all()


def test_piecewise_in_blocks_is_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    src, probe = rng.uniform(0, 1, (30, 2)), rng.uniform(-0.2, 1.2, (200, 2))
    warp = PiecewiseAffine(src, src**2, Delaunay(src).simplices)
    whole = warp(probe)
    monkeypatch.setattr("nasion.core.geometry.warp.PAIRS", 100)
    np.testing.assert_array_equal(warp(probe), whole)


SQUARE = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ThinPlateSpline(SQUARE, SQUARE[:3]), "pair up"),
        (lambda: ThinPlateSpline(SQUARE * (1, 0), SQUARE), "one line"),
        (lambda: ThinPlateSpline(SQUARE[[0, 1, 2, 2]], SQUARE), "coincide"),
        (lambda: ThinPlateSpline(SQUARE, SQUARE, -1), "regularization"),
        (lambda: ThinPlateSpline(SQUARE, SQUARE * np.nan), "NaN"),
        (lambda: ThinPlateSpline(SQUARE, SQUARE)(np.zeros(2)), r"\(N, 2\)"),
        (lambda: PiecewiseAffine(SQUARE, SQUARE, np.array([[0, 1, 4]])), "0..3"),
        (lambda: PiecewiseAffine(SQUARE, SQUARE, np.array([[0, 1, 1]])), "no area"),
        (lambda: PiecewiseAffine(SQUARE, SQUARE, np.array([[0.0, 1, 2]])), "whole numbers"),
        (lambda: PiecewiseAffine(SQUARE, SQUARE[:3], np.array([[0, 1, 2]])), "pair up"),
    ],
)
def test_bad_input_teaches(call, message):
    with pytest.raises(InputError, match=message):
        call()
