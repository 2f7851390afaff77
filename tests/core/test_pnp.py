"""Pose from points: exact on exact data, unbiased under noise, honest about what cannot be solved."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasion.core import Camera, InputError, scheme
from nasion.core.geometry.pnp import solve_pnp, solve_pnp_batch
from nasion.core.geometry.rotation import angles_to_rotation, rotation_to_angles

CAMERA = Camera.for_image(640, 480)
FACE = scheme("dense478").template.astype(np.float64)
FIFTY = FACE[np.random.default_rng(0).choice(468, 50, replace=False)]
SQUARE = np.array([[-30.0, -30, 0], [30, -30, 0], [30, 30, 0], [-30, 30, 0]])


def degrees_between(a, b):
    return np.degrees(2 * np.arcsin(np.minimum(1, np.linalg.norm(a - b, axis=(-2, -1)) / np.sqrt(8))))


poses = given(
    st.floats(-80, 80), st.floats(-45, 45), st.floats(-90, 90), st.floats(-100, 100), st.floats(-100, 100),
    st.floats(300, 3000),
)  # fmt: skip


@poses
@settings(max_examples=60)
def test_exact_points_give_the_exact_pose(yaw, pitch, roll, x, y, z):
    rotation, shift = angles_to_rotation(yaw, pitch, roll), np.array([x, y, z])
    result = solve_pnp(FIFTY, CAMERA.project(FIFTY @ rotation.T + shift), CAMERA)
    assert result.converged
    assert degrees_between(result.rotation, rotation) < 0.01
    np.testing.assert_allclose(result.translation, shift, rtol=1e-4, atol=0.01)
    assert result.residual_px < 1e-4


@poses
@settings(max_examples=40)
def test_a_flat_square_is_solved_from_four_corners(yaw, pitch, roll, x, y, z):
    rotation, shift = angles_to_rotation(yaw, pitch, roll), np.array([x, y, z / 3 + 100])
    result = solve_pnp(SQUARE, CAMERA.project(SQUARE @ rotation.T + shift), CAMERA)
    assert result.residual_px < 1e-3
    # far off, both sides of a flat set look alike to rounding: what was found must then look the same
    np.testing.assert_allclose(
        CAMERA.project(SQUARE @ result.rotation.T + result.translation),
        CAMERA.project(SQUARE @ rotation.T + shift),
        atol=1e-2,
    )


def test_flat_and_tilted_away_from_the_axes():
    plane = np.random.default_rng(1).uniform(-50, 50, (9, 2)) @ angles_to_rotation(20, 30, 40)[:2]
    rotation = angles_to_rotation(-35, 15, 10)
    result = solve_pnp(plane, CAMERA.project(plane @ rotation.T + (10, 20, 300)), CAMERA)
    assert degrees_between(result.rotation, rotation) < 0.01


def test_six_points_are_enough():
    six = FACE[[33, 263, 4, 61, 291, 152]]
    rotation = angles_to_rotation(40, -20, 15)
    result = solve_pnp(six, CAMERA.project(six @ rotation.T + (0, 0, 500)), CAMERA)
    assert degrees_between(result.rotation, rotation) < 0.01


def test_mirrored_pixels_negate_yaw_and_roll():
    layout = scheme("dense478")
    rotation = angles_to_rotation(35, 10, -12)
    pixels = CAMERA.project(FACE @ rotation.T + (30, -20, 600))
    mirrored = pixels[layout.flip]
    mirrored[:, 0] = 639 - mirrored[:, 0]
    yaw, pitch, roll = rotation_to_angles(solve_pnp(FACE, mirrored, CAMERA).rotation)
    # the template is symmetric to float32 only
    np.testing.assert_allclose((yaw, pitch, roll), (-35, 10, 12), atol=1e-3)


def test_noise_moves_the_pose_little_and_shows_in_the_residual():
    rng = np.random.default_rng(0)
    rotation = angles_to_rotation(np.linspace(-60, 60, 40), np.zeros(40), np.zeros(40))
    pixels = np.stack([CAMERA.project(FACE @ r.T + (0, 0, 600)) for r in rotation])
    result = solve_pnp_batch(FACE, pixels + rng.normal(0, 1, pixels.shape), CAMERA)
    assert result.converged.all()
    assert np.median(degrees_between(result.rotation, rotation)) < 0.5
    np.testing.assert_allclose(result.residual_px, np.sqrt(2), rtol=0.1)


def test_weight_zero_silences_wild_and_missing_points():
    rotation = angles_to_rotation(-25, 5, 3)
    pixels = CAMERA.project(FIFTY @ rotation.T + (0, 0, 500))
    pixels[:5], pixels[5:10] = 1e4, np.nan
    weights = np.r_[np.zeros(10), np.ones(40)]
    result = solve_pnp(FIFTY, pixels, CAMERA, weights)
    assert degrees_between(result.rotation, rotation) < 0.01
    assert result.residual_px < 1e-4


def test_weights_are_counts():
    pixels = CAMERA.project(FIFTY + np.array((0, 0, 500))) + np.random.default_rng(0).normal(0, 2, (50, 2))
    weights = np.ones(50)
    weights[:10] = 3
    repeated = np.r_[np.arange(50), np.arange(10), np.arange(10)]
    one, other = solve_pnp(FIFTY, pixels, CAMERA, weights), solve_pnp(FIFTY[repeated], pixels[repeated], CAMERA)
    np.testing.assert_allclose(one.rotation, other.rotation, atol=1e-6)
    assert one.residual_px == pytest.approx(other.residual_px)


def test_the_unit_of_the_points_is_the_unit_of_the_translation():
    pixels = CAMERA.project(FIFTY @ angles_to_rotation(20, 0, 0).T + (10, 20, 700))
    metres = solve_pnp(FIFTY / 1000, pixels, CAMERA)
    np.testing.assert_allclose(metres.translation, (0.010, 0.020, 0.700), atol=1e-5)


def test_a_batch_solves_what_it_can():
    pixels = np.stack([CAMERA.project(FIFTY + np.array((0, 0, 400 + 50 * k))) for k in range(4)])
    pixels[1] = np.nan
    weights = np.ones((4, 50))
    weights[2, 3:] = 0  # three points left
    result = solve_pnp_batch(np.broadcast_to(FIFTY, (4, 50, 3)), pixels, CAMERA, weights)
    assert result.converged.tolist() == [True, False, False, True]
    assert np.isnan(result.residual_px[1:3]).all()
    assert np.isnan(result.rotation[1:3]).all()
    np.testing.assert_allclose(result.translation[[0, 3], 2], (400, 550), rtol=1e-6)
    assert len(solve_pnp_batch(FIFTY, np.zeros((0, 50, 2)), CAMERA).converged) == 0


LINE = np.linspace(0, 1, 8)[:, None] * np.array([[10.0, 20.0, 5.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: solve_pnp(FIFTY[:3], np.zeros((3, 2)), CAMERA), "at least 4"),
        (lambda: solve_pnp(LINE, CAMERA.project(LINE + np.array((0, 0, 500))), CAMERA), "one line"),
        (lambda: solve_pnp(FIFTY, np.full((50, 2), np.nan), CAMERA), "finite"),
        (lambda: solve_pnp(FIFTY, np.zeros((49, 2)), CAMERA), r"49 pixels.*\(50, 3\)"),
        (lambda: solve_pnp(FIFTY, np.zeros((2, 50, 2)), CAMERA), "solve_pnp_batch"),
        (lambda: solve_pnp_batch(FIFTY, np.zeros((50, 2)), CAMERA), r"\(B, N, 2\)"),
        (lambda: solve_pnp_batch(np.zeros((3, 50, 3)), np.zeros((2, 50, 2)), CAMERA), "2 faces"),
        (lambda: solve_pnp(FIFTY, np.zeros((50, 2)), CAMERA, -np.ones(50)), "weights"),
    ],
)
def test_bad_input_teaches(call, message):
    with pytest.raises(InputError, match=message):
        call()
