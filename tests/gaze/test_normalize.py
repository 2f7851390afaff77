"""The virtual camera, and the numbers made of what it sees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasion.core import Camera, scheme
from nasion.core.gaze import gaze_angles, gaze_vector
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.core.pose import line_of_sight
from nasion.gaze.eyeball import eyeball_gaze, head_direction
from nasion.gaze.features import GROUPS, POINTS, holistic, two_branch
from nasion.gaze.normalize import DISTANCE, VIRTUAL, normalise
from nasion.synth import HeadModel, HeadParameters

CAMERA = Camera.for_image(640, 480)
FACE = scheme("dense478").template[list(POINTS)].astype(np.float64)
ANGLES = st.tuples(st.floats(-60, 60), st.floats(-40, 40), st.floats(-60, 60))
PLACES = st.tuples(st.floats(-150, 150), st.floats(-100, 100), st.floats(300, 1500))


def rotation_at(angles: tuple[float, float, float], at: tuple[float, float, float]) -> np.ndarray:
    return line_of_sight(np.array(at)) @ angles_to_rotation(*angles)


def seen(rotation: np.ndarray, at: tuple[float, float, float], points: np.ndarray = FACE) -> np.ndarray:
    """(1, N, 2) normalised px, pose known."""
    pixels = CAMERA.project(points @ rotation.T + at)
    return normalise(rotation[None], np.array([at])).points(pixels[None], CAMERA)


@settings(max_examples=60)
@given(ANGLES, PLACES)
def test_the_turn_is_a_rotation_that_looks_at_the_head(angles, at) -> None:
    turn = normalise(rotation_at(angles, at)[None], np.array([at])).rotation[0]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(turn) == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(turn @ at, (0, 0, np.linalg.norm(at)), atol=1e-6)


@settings(max_examples=60)
@given(ANGLES, PLACES, st.floats(-30, 30))
def test_tilting_the_picture_changes_nothing(angles, at, tilt) -> None:
    rotation = rotation_at(angles, at)
    about = line_of_sight(np.array(at)) @ angles_to_rotation(0, 0, tilt) @ line_of_sight(np.array(at)).T
    assert np.abs(seen(about @ rotation, at) - seen(rotation, at)).max() < 0.1


@settings(max_examples=60)
@given(ANGLES, PLACES)
def test_the_virtual_camera_is_a_camera(angles, at) -> None:
    """What it sees is the head at its distance, exactly: the scaling of the picture stands for the farther focus."""
    rotation, distance = rotation_at(angles, at), float(np.linalg.norm(at))
    turn = normalise(rotation[None], np.array([at])).rotation[0]
    solid = (FACE @ rotation.T + at) @ turn.T
    wanted = solid[:, :2] / solid[:, 2:] * (VIRTUAL.fx * distance / DISTANCE) + (VIRTUAL.cx, VIRTUAL.cy)
    np.testing.assert_allclose(seen(rotation, at)[0], wanted, atol=1e-6)


def test_distance_goes_away() -> None:
    rotation = angles_to_rotation(20, -10, 5)
    near, far = (seen(rotation, (0, 0, z))[0] for z in (400, 1200))
    apart = [np.linalg.norm(p[0] - p[9]) for p in (near, far)]
    assert apart[0] == pytest.approx(apart[1], rel=0.03)


@settings(max_examples=60)
@given(ANGLES, PLACES, st.floats(-80, 80), st.floats(-80, 80))
def test_gaze_comes_back(angles, at, yaw, pitch) -> None:
    vector = gaze_vector(np.array([[yaw, pitch]]))
    virtual = normalise(rotation_at(angles, at)[None], np.array([at]))
    np.testing.assert_allclose(virtual.to_camera(virtual.to_virtual(vector)), vector, atol=1e-6)
    np.testing.assert_allclose(gaze_angles(3 * vector), [[yaw, pitch]], atol=1e-6)


def test_angles_have_the_signs_of_the_pose() -> None:
    """A head that looks straight out of its face, turned by yaw and pitch, gazes at yaw and pitch."""
    ahead = head_direction(angles_to_rotation(25, 12, 40)[None])
    np.testing.assert_allclose(gaze_angles(ahead), [[25, 12]], atol=1e-6)
    assert gaze_vector(np.array([20.0, 0]))[0] < 0  # to image-left
    assert gaze_vector(np.array([0, 20.0]))[1] < 0  # up


def test_features_do_not_move_with_the_face() -> None:
    rng = np.random.default_rng(0)
    points = seen(angles_to_rotation(10, 5, 0), (0, 0, 500)) + rng.normal(0, 2, (3, 20, 2))
    moved = points + rng.normal(0, 50, (3, 1, 2))  # each face by another way: one mean for all would not do
    for features, count in ((holistic, 40), (two_branch, 42)):
        assert features(points).shape == (3, count)
        np.testing.assert_allclose(features(moved), features(points), atol=1e-5)


def test_each_eye_has_its_own_middle() -> None:
    points = seen(np.eye(3), (0, 0, 500)).repeat(2, axis=0)
    points[1, :9] += 10  # the right eye alone moves
    still, moved = two_branch(points)
    np.testing.assert_allclose(moved[:36], still[:36], atol=1e-6)
    assert np.abs(moved[36:] - still[36:]).min() > 0.01


def test_groups_cover_all_points_once() -> None:
    rows = sorted(row for part in GROUPS.values() for row in range(part.start, part.stop))
    assert rows == list(range(20))


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (20, 0), (-15, -12), (8, 10)])
def test_the_eyeball_model_reads_eyes_that_fit_it(yaw: float, pitch: float) -> None:
    model, rotation, at = HeadModel.load(), angles_to_rotation(12, -6, 3), np.array([20.0, 10, 600])
    points = model.points(HeadParameters(gaze=((yaw, pitch), (yaw, pitch))))
    pixels = CAMERA.project(points @ rotation.T + at)
    found = eyeball_gaze(pixels[None], rotation[None], at[None], CAMERA)
    truth = rotation @ gaze_vector(np.array([yaw, pitch]))
    assert np.degrees(np.arccos(found[0] @ truth)) < 4  # the corners lie a little nearer than the head's origin
    assert np.linalg.norm(found) == pytest.approx(1)
