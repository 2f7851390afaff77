"""The one rotation convention: signs as the manual says, and every way there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasion.core import InputError
from nasion.core.geometry.rotation import (
    angles_to_rotation,
    nearest_rotation,
    rotation_from_vector,
    rotation_to_angles,
    rotation_to_vector,
    rotations_to_angles,
)

yaws, turns = st.floats(-89.9, 89.9), st.floats(-179.9, 179.9)
NOSE, RIGHT_IN_IMAGE = np.array([0.0, 0.0, -1.0]), np.array([1.0, 0.0, 0.0])


@given(yaws, turns, turns)
def test_angles_come_back(yaw, pitch, roll):
    np.testing.assert_allclose(rotation_to_angles(angles_to_rotation(yaw, pitch, roll)), (yaw, pitch, roll), atol=1e-6)


@given(yaws, turns, turns)
def test_matrix_is_the_documented_product(yaw, pitch, roll):
    y, p, r = np.radians([yaw, -pitch, roll])
    rx = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rz = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    np.testing.assert_allclose(angles_to_rotation(yaw, pitch, roll), rx @ ry @ rz, atol=1e-12)


def test_signs_as_seen_in_the_image():
    assert (angles_to_rotation(30, 0, 0) @ NOSE)[0] < 0, "yaw > 0 turns the face to image-left"
    assert (angles_to_rotation(0, 30, 0) @ NOSE)[1] < 0, "pitch > 0 looks up"
    assert (angles_to_rotation(0, 0, 30) @ RIGHT_IN_IMAGE)[1] > 0, "roll > 0 lets the eye line fall to image-right"


@given(yaws, turns, turns)
def test_mirror_image_negates_yaw_and_roll(yaw, pitch, roll):
    mirror = np.diag([-1.0, 1.0, 1.0])
    mirrored = rotation_to_angles(mirror @ angles_to_rotation(yaw, pitch, roll) @ mirror)
    np.testing.assert_allclose(mirrored, (-yaw, pitch, -roll), atol=1e-6)


@pytest.mark.parametrize("yaw", [90.0, -90.0])
@given(pitch=turns, roll=turns)
def test_gimbal_lock_keeps_the_rotation_and_puts_roll_to_zero(yaw, pitch, roll):
    rotation = angles_to_rotation(yaw, pitch, roll)
    angles = rotation_to_angles(rotation)
    assert angles[2] == 0
    np.testing.assert_allclose(angles_to_rotation(*angles), rotation, atol=1e-6)


def test_many_at_once_equal_one_by_one():
    yaw, pitch, roll = np.random.default_rng(0).uniform(-80, 80, (3, 2, 5))
    rotations = angles_to_rotation(yaw, pitch, roll)
    assert rotations.shape == (2, 5, 3, 3)
    angles = rotations_to_angles(rotations)
    np.testing.assert_allclose(angles, np.stack([yaw, pitch, roll], axis=-1), atol=1e-9)
    np.testing.assert_allclose(rotations[1, 2], angles_to_rotation(yaw[1, 2], pitch[1, 2], roll[1, 2]))


@given(st.lists(st.floats(-1.8, 1.8), min_size=3, max_size=3))
def test_vectors_come_back(vector):
    np.testing.assert_allclose(rotation_to_vector(rotation_from_vector(np.array(vector))), vector, atol=1e-7)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3), st.floats(np.pi - 1e-6, np.pi))
def test_half_turns_come_back_as_the_same_rotation(axis, angle):
    axis = np.array(axis) + np.array([0, 0, 1.5])
    rotation = rotation_from_vector(axis / np.linalg.norm(axis) * angle)
    np.testing.assert_allclose(rotation_from_vector(rotation_to_vector(rotation)), rotation, atol=1e-7)


@given(yaws, turns, turns)
def test_nearest_rotation_undoes_noise_and_never_reflects(yaw, pitch, roll):
    rotation = angles_to_rotation(yaw, pitch, roll)
    np.testing.assert_allclose(nearest_rotation(rotation * 3.0), rotation, atol=1e-9)
    assert np.linalg.det(nearest_rotation(rotation @ np.diag([1.0, 1.0, -0.5]))) == pytest.approx(1)


def test_wrong_shapes_teach():
    with pytest.raises(InputError, match=r"\(3, 3\).*\(2, 3\)"):
        rotation_to_angles(np.eye(2, 3))
    with pytest.raises(InputError, match="rotations_to_angles"):
        rotation_to_angles(np.stack([np.eye(3)] * 2))
    with pytest.raises(InputError, match="3 numbers"):
        rotation_from_vector(np.zeros(4))
    with pytest.raises(InputError, match=r"\(3, 3\)"):
        rotation_to_vector(np.eye(4))
    with pytest.raises(InputError, match=r"\(3, 3\)"):
        rotations_to_angles(np.zeros((5, 3)))
