"""Head pose against poses that are known because the points were projected from them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasion.core import Box, Camera, Face, Landmarks, scheme
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.core.pose import line_of_sight
from nasion.pose import HeadPose

SIZE = 640
IMAGE = np.zeros((SIZE, SIZE, 3), np.uint8)
CAMERA = Camera.for_image(SIZE, SIZE)


def posed(yaw: float, pitch: float, roll: float, at: tuple[float, float, float] = (0, 0, 600)) -> Face:
    """The mean head, turned relative to the line of sight and placed ``at`` mm, as the assumed camera sees it."""
    dense = scheme("dense478")
    assert dense.template is not None
    rotation = line_of_sight(np.array(at)) @ angles_to_rotation(yaw, pitch, roll)
    pixels = CAMERA.project(dense.template @ rotation.T + at)
    landmarks = Landmarks.from_points(pixels, dense, sigma=0.5)
    return Face(landmarks.box, 0.9, landmarks)


@settings(max_examples=40, deadline=None)
@given(st.floats(-70, 70), st.floats(-40, 40), st.floats(-60, 60), st.floats(-120, 120), st.floats(350, 2000))
def test_true_points_give_the_true_pose(yaw, pitch, roll, x, z):
    pose = HeadPose().read(IMAGE, [posed(yaw, pitch, roll, (x, 20, z))])[0]
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, pitch, roll), abs=0.1)
    assert pose.translation == pytest.approx((x, 20, z), rel=0.01, abs=1)


def test_the_signs_are_those_of_the_convention():
    """Yaw > 0 turns the nose to image-left, pitch > 0 lifts it, roll > 0 lowers the eye line on the image's right."""
    nose, right_eye, left_eye = 1, 33, 263
    straight = posed(0, 0, 0).landmarks.points
    assert posed(30, 0, 0).landmarks.points[nose, 0] < straight[nose, 0]
    assert posed(0, 30, 0).landmarks.points[nose, 1] < straight[nose, 1]
    tilted = posed(0, 0, 20).landmarks.points
    assert tilted[left_eye, 1] > tilted[right_eye, 1]


@settings(max_examples=20, deadline=None)
@given(st.floats(-60, 60), st.floats(-30, 30), st.floats(-45, 45))
def test_a_mirror_turns_yaw_and_roll_round_and_leaves_pitch(yaw, pitch, roll):
    face = posed(yaw, pitch, roll)
    mirrored = Face(face.box, face.score, face.landmarks.flip(SIZE))
    one, two = HeadPose().read(IMAGE, [face, mirrored])
    assert (two.yaw, two.pitch, two.roll) == pytest.approx((-one.yaw, one.pitch, -one.roll), abs=0.2)


def test_a_known_camera_replaces_the_guess():
    tele = Camera(3000, 3000, 319.5, 319.5)
    dense = scheme("dense478")
    assert dense.template is not None
    rotation = line_of_sight(np.array((30, 0, 2000))) @ angles_to_rotation(25, -10, 5)
    pixels = tele.project(dense.template @ rotation.T + (30, 0, 2000))
    landmarks = Landmarks.from_points(pixels, dense, sigma=0.5)
    pose = HeadPose(tele).read(IMAGE, [Face(landmarks.box, 1.0, landmarks)])[0]
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((25, -10, 5), abs=0.1)
    assert pose.translation[2] == pytest.approx(2000, rel=0.01)
    np.testing.assert_allclose(pose.camera_rotation, rotation, atol=1e-3)


def test_a_head_that_looks_into_the_lens_has_zero_pose_wherever_it_stands():
    for at in ((0, 0, 700), (-250, -200, 700), (300, 100, 900)):
        pose = HeadPose().read(IMAGE, [posed(0, 0, 0, at)])[0]
        assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((0, 0, 0), abs=0.1)


def test_points_in_one_spot_give_no_pose_and_say_so():
    landmarks = Landmarks.from_points(np.full((478, 2), 100.0), scheme("dense478"), sigma=0.5)
    pose = HeadPose().read(IMAGE, [Face(Box(90, 90, 110, 110), 0.9, landmarks), posed(10, 0, 0)])
    assert np.isnan(pose[0].yaw) and pose[0].reliability == 0 and "no pose" in pose[0].reason
    assert pose[1].yaw == pytest.approx(10, abs=0.1)


def test_a_profile_says_that_it_is_one():
    pose = HeadPose().read(IMAGE, [posed(82, 0, 0)])[0]
    assert pose.reliability < 0.5 and "turned" in pose.reason


def test_points_that_are_no_head_are_not_believed():
    rng = np.random.default_rng(0)
    landmarks = Landmarks.from_points(rng.uniform(100, 500, (478, 2)), scheme("dense478"), sigma=0.5)
    pose = HeadPose().read(IMAGE, [Face(Box(100, 100, 500, 500), 0.9, landmarks)])[0]
    assert pose.reliability < 0.5 and pose.reason


@pytest.mark.parametrize("layout", ["ibug68", "coarse5"])
@settings(max_examples=20, deadline=None)
@given(yaw=st.floats(-50, 50), pitch=st.floats(-25, 25), roll=st.floats(-45, 45))
def test_fewer_points_do_where_there_are_no_dense_ones(layout, yaw, pitch, roll):
    few = scheme(layout)
    assert few.template is not None
    at = np.array((0.0, 0.0, 600.0))
    rotation = line_of_sight(at) @ angles_to_rotation(yaw, pitch, roll)
    landmarks = Landmarks.from_points(CAMERA.project(few.template @ rotation.T + at), few, sigma=0.5)
    pose = HeadPose().read(IMAGE, [Face(landmarks.box, 0.9, landmarks)])[0]
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, pitch, roll), abs=0.2)
