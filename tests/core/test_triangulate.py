"""Points in space from several views."""

import numpy as np
import pytest

from nasion.core import Camera, InputError
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.core.geometry.triangulate import reproject, triangulate, widest_angle

CAMERA = Camera(4000, 4000, 239.5, 199.5)
TURNS = [angles_to_rotation(yaw, pitch, 0) for yaw, pitch in ((-20, 5), (0, 0), (15, -5), (30, 8))]
VIEWS = np.stack([CAMERA.matrix @ np.column_stack([turn, [0, 0, 600]]) for turn in TURNS])
POINTS = np.random.default_rng(1).uniform(-25, 25, (60, 3))


def test_exact_pixels_give_the_points_back():
    assert triangulate(reproject(POINTS, VIEWS), VIEWS) == pytest.approx(POINTS, abs=1e-6)


def test_noise_of_a_tenth_px_costs_little_and_no_less_error_is_near():
    noisy = reproject(POINTS, VIEWS) + np.random.default_rng(2).normal(0, 0.1, (4, 60, 2))
    found = triangulate(noisy, VIEWS)
    assert np.linalg.norm(found - POINTS, axis=1).mean() < 0.04  # mm; a px is 0.15 mm
    cost = ((reproject(found, VIEWS) - noisy) ** 2).sum((0, 2))
    for step in 0.01 * np.eye(3):
        assert (((reproject(found + step, VIEWS) - noisy) ** 2).sum((0, 2)) >= cost).all()


def test_views_that_do_not_count_change_nothing():
    pixels, valid = reproject(POINTS, VIEWS), np.ones((4, 60), bool)
    pixels[2, :30] += 40
    valid[2, :30] = False
    pixels[3, 5], valid[:2, 7] = np.nan, False
    assert triangulate(pixels, VIEWS, valid)[np.r_[0:7, 8:60]] == pytest.approx(POINTS[np.r_[0:7, 8:60]], abs=1e-6)
    assert np.isnan(triangulate(pixels, VIEWS, valid)[7]).all()


def test_the_widest_angle_is_of_valid_views():
    centers = np.stack([-turn.T @ [0, 0, 600] for turn in TURNS])
    valid = np.ones((4, 1), bool)
    all_views = widest_angle(np.zeros((1, 3)), centers, valid)
    valid[3] = False
    fewer = widest_angle(np.zeros((1, 3)), centers, valid)
    assert all_views[0] == pytest.approx(50, abs=2)
    assert fewer[0] == pytest.approx(36, abs=2)
    assert widest_angle(np.zeros((1, 3)), centers, np.eye(4, 1, dtype=bool))[0] == 0


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="projections"):
        triangulate(np.zeros((3, 5, 2)), VIEWS)
