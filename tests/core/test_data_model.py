"""Box, Camera, Landmarks, Face and Pose: what they compute and what they refuse."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasion.core import Box, Camera, Face, InputError, Landmarks, Pose, SchemeError, scheme
from nasion.core.geometry.rotation import rotation_from_vector
from nasion.core.pose import line_of_sight

numbers = st.floats(-1000, 1000)
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), numbers, numbers, st.floats(0, 500), st.floats(0, 500))


@given(boxes, boxes)
def test_iou_is_symmetric_and_bounded(a, b):
    assert a.iou(b) == pytest.approx(b.iou(a))
    assert 0 <= a.iou(b) <= 1 + 1e-9
    if a.area > 1:
        assert a.iou(a) == pytest.approx(1)


def test_iou_of_halves():
    assert Box(0, 0, 10, 10).iou(Box(5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert Box(0, 0, 10, 10).iou(Box(20, 20, 30, 30)) == 0
    assert Box(0, 0, 0, 0).iou(Box(0, 0, 0, 0)) == 0


@given(boxes, st.floats(0.1, 5))
def test_scaling_keeps_the_centre(box, factor):
    scaled = box.scaled(factor)
    assert scaled.center == pytest.approx(box.center, abs=1e-6)
    assert scaled.width == pytest.approx(box.width * factor, abs=1e-6)


@given(boxes)
def test_clipping_stays_inside(box):
    clipped = box.clipped(640, 480)
    assert 0 <= clipped.x0 <= clipped.x1 <= 640
    assert 0 <= clipped.y0 <= clipped.y1 <= 480


def test_box_around_points_and_as_array():
    box = Box.around(np.array([[10.0, 20], [30, 60], [20, 30]]), margin=0.5)
    np.testing.assert_array_equal(box.to_array(), np.float32([0, 0, 40, 80]))
    assert box.to_array().dtype == np.float32


def test_missing_points_are_not_boxed():
    assert Box.around(np.array([[1.0, 2], [np.nan, np.nan], [3, 5]])) == Box(1, 2, 3, 5)
    with pytest.raises(InputError, match="none of the 3 points"):
        Box.around(np.full((3, 2), np.nan))


@pytest.mark.parametrize("bad", [(10, 0, 5, 5), (0, 0, float("nan"), 5)])
def test_impossible_boxes_are_refused(bad):
    with pytest.raises(InputError, match="x1 >= x0"):
        Box(*bad)


def test_camera_projects_and_looks_back():
    camera = Camera.for_image(640, 480)
    points = np.random.default_rng(0).uniform((-200, -200, 300), (200, 200, 900), (20, 3))
    rays = camera.rays(camera.project(points))
    np.testing.assert_allclose(rays, points / np.linalg.norm(points, axis=1, keepdims=True), atol=1e-9)
    np.testing.assert_allclose(camera.project(np.array([[0, 0, 5.0]])), [[319.5, 239.5]])
    assert np.isnan(camera.project(np.array([[1, 1, -5.0], [1, 1, 0]]))).all()
    homogeneous = points @ camera.matrix.T
    np.testing.assert_allclose(camera.project(points), homogeneous[:, :2] / homogeneous[:, 2:])


def test_camera_has_its_field_of_view_over_the_longer_side():
    camera = Camera.for_image(480, 640, field_of_view=90)
    assert camera.fx == camera.fy == pytest.approx(320)
    with pytest.raises(InputError, match=r"1\.\.170"):
        Camera.for_image(640, 480, field_of_view=0)


def landmarks(n=68, dims=2, **parts):
    rng = np.random.default_rng(0)
    values = {
        "points": rng.uniform(0, 200, (n, dims)).astype(np.float32),
        "visibility": rng.uniform(0, 1, n).astype(np.float32),
        "sigma": np.full(n, 2, np.float32),
        "scheme": scheme("ibug68"),
    }
    return Landmarks(**(values | parts))


def test_groups_are_landmarks_too():
    lm = landmarks()
    eye = lm["left_eye"]
    np.testing.assert_array_equal(eye.points, lm.points[42:48])
    np.testing.assert_array_equal(eye.visibility, lm.visibility[42:48])
    assert eye.scheme.names[0] == "left_eye_inner_corner"
    with pytest.raises(SchemeError, match="left_ear"):
        lm["left_ear"]


@pytest.mark.parametrize("dims", [2, 3])
def test_flipping_twice_is_nothing_and_once_swaps_the_sides(dims):
    view = Landmarks.from_points(np.random.default_rng(1).uniform(0, 200, (5, 2)), scheme("coarse5"))
    lm = landmarks(dims=dims, views={"coarse5": view})
    once = lm.flip(200)
    np.testing.assert_allclose(once.flip(200).points, lm.points, atol=1e-4)
    np.testing.assert_allclose(
        once["left_eye_corners"].points[:, 0], 199 - lm["right_eye_corners"].points[:, 0], atol=1e-4
    )
    np.testing.assert_allclose(once["left_eye_corners"].visibility, lm["right_eye_corners"].visibility)
    np.testing.assert_allclose(once.views["coarse5"].points[0], (199 - view.points[1, 0], view.points[1, 1]), atol=1e-4)


def test_transform_scales_sigma_and_depth_and_views():
    lm = landmarks(dims=3, views={"ibug68": landmarks()})
    moved = lm.transform(np.array([[0, -3.0, 10], [3, 0, 20]]))
    np.testing.assert_allclose(moved.points[:, 0], -3 * lm.points[:, 1] + 10, rtol=1e-5)
    np.testing.assert_allclose(moved.points[:, 2], 3 * lm.points[:, 2], rtol=1e-5)
    np.testing.assert_allclose(moved.sigma, 6)
    np.testing.assert_allclose(moved.views["ibug68"].sigma, 6)
    assert moved.points.dtype == moved.sigma.dtype == np.float32


def test_from_points_takes_labels_as_given():
    lm = Landmarks.from_points(np.zeros((68, 2)), scheme("ibug68"), sigma=1.5)
    assert lm.points.dtype == np.float32
    assert (lm.visibility == 1).all()
    assert (lm.sigma == 1.5).all()
    assert len(lm) == 68
    assert lm.box == Box(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"points": np.zeros((67, 2), np.float32)}, r"68 points.*\(67, 2\)"),
        ({"points": np.zeros((68, 4), np.float32)}, r"\(68, 4\)"),
        ({"visibility": np.zeros(67, np.float32)}, r"need shape \(68,\)"),
        ({"sigma": np.zeros((68, 1), np.float32)}, r"need shape \(68,\)"),
    ],
)
def test_landmarks_of_the_wrong_shape_are_refused(parts, message):
    with pytest.raises(InputError, match=message):
        landmarks(**parts)


def test_a_face_knows_its_readings_by_name():
    face = Face(Box(0, 0, 10, 10), 0.9, landmarks())
    pose = Pose(reliability=1.0, reason="", yaw=30, pitch=0, roll=0, translation=(0, 0, 600))
    with_pose = face.with_reading("pose", pose)
    assert with_pose.pose is pose
    assert face.readings == {}
    with pytest.raises(AttributeError, match=r"no reading 'gaze'.*\['pose'\]"):
        _ = with_pose.gaze
    with pytest.raises(AttributeError):
        _ = face.__wrapped__
    with pytest.raises(FrozenInstanceError):
        face.score = 0.5


def test_the_line_of_sight_is_the_shortest_turn_of_the_z_axis_towards_a_point():
    points = np.array([(0, 0, 500), (300, -40, 600), (-700, 250, 80)])
    turns = line_of_sight(points)
    np.testing.assert_allclose(turns[..., 2] * np.linalg.norm(points, axis=1, keepdims=True), points, atol=1e-9)
    angles = np.arctan2(np.hypot(points[:, 0], points[:, 1]), points[:, 2])
    axes = np.stack([-points[:, 1], points[:, 0], np.zeros(3)], axis=1)
    axes /= np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), 1e-9)
    np.testing.assert_allclose(turns, rotation_from_vector(axes * angles[:, None]), atol=1e-12)


def test_pose_turns_the_nose_where_it_says():
    pose = Pose(reliability=1.0, reason="", yaw=90, pitch=0, roll=0, translation=(0, 0, 600))
    np.testing.assert_allclose(pose.rotation @ (0, 0, -1), (-1, 0, 0), atol=1e-12)
