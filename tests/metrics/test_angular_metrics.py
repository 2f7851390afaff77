import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nasion.core import InputError
from nasion.metrics import angle_difference, gaze_error, pose_errors, rotation_error

ANGLE = st.floats(-720, 720)


@given(ANGLE, ANGLE, st.integers(-2, 2))
def test_angles_wrap(a, b, turns):
    assert -180 <= angle_difference(a, b) < 180
    gap = abs(angle_difference(a + 360 * turns, b)) - abs(angle_difference(a, b))
    assert gap == pytest.approx(0, abs=1e-6)


def test_either_side_of_the_seam_is_close():
    assert angle_difference(np.array([179.0]), np.array([-179.0])) == pytest.approx([-2])


def test_pose_errors_keep_the_angles_apart():
    errors = pose_errors(np.array([[10.0, -170, 3]]), np.array([[7.0, 175, 3]]))
    np.testing.assert_allclose(errors, [[3, 15, 0]])
    with pytest.raises(InputError):
        pose_errors(np.zeros((2, 3)), np.zeros((3, 3)))


@given(st.floats(0, 180), st.integers(0, 1000))
def test_rotation_error_is_the_angle_between(angle, seed):
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    start = Rotation.random(rng=rng)
    step = Rotation.from_rotvec(np.radians(angle) * axis / np.linalg.norm(axis))
    found = rotation_error((step * start).as_matrix(), start.as_matrix())
    assert found == pytest.approx(angle, abs=1e-4)


def test_small_rotations_are_not_rounded_away():
    step = Rotation.from_rotvec([0, np.radians(1e-6), 0]).as_matrix()
    assert rotation_error(step, np.eye(3)) == pytest.approx(1e-6, rel=1e-3)


@given(st.floats(0, 180), st.floats(0.01, 100))
def test_gaze_error_is_the_angle_whatever_the_length(angle, length):
    a = np.array([0, 0, -1.0])
    b = length * np.array([np.sin(np.radians(angle)), 0, -np.cos(np.radians(angle))])
    assert gaze_error(a, b) == pytest.approx(angle, abs=1e-6)


def test_no_direction_no_angle():
    assert np.isnan(gaze_error(np.zeros(3), np.array([1.0, 0, 0])))
