"""Lids, irises and how far to believe each eye, on a mean face that is turned and covered."""

from dataclasses import replace

import numpy as np
import pytest

from nasion.core import Box, Camera, Face, Landmarks, Pose, TaskError, scheme
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.eyes import DEPTH, EyeKit, Lids, MouthOpening, eyelid_angles
from nasion.eyes.eyelid_angle import CORNERS, LIDS
from nasion.eyes.kit import IRIS_MM, IRISES
from nasion.synth import HeadModel, HeadParameters

SIZE = 640
CAMERA = Camera.for_image(SIZE, SIZE)
GREY = np.full((SIZE, SIZE, 3), 120, np.uint8)
DISTANCE = 500.0


def head(yaw: float = 0.0, *, seen: float = 0.95, sigma: float = 0.4, model: np.ndarray | None = None) -> Face:
    dense = scheme("dense478")
    solid = (dense.template if model is None else model) @ angles_to_rotation(yaw, 0, 0).T + (0, 0, DISTANCE)
    depth = (solid[:, 2:] - DISTANCE) * CAMERA.fx / DISTANCE / DEPTH  # flat as our landmarker's
    points = np.concatenate([CAMERA.project(solid), depth], 1).astype(np.float32)
    landmarks = Landmarks(points, np.full(478, seen, np.float32), np.full(478, sigma, np.float32), dense)
    pose = Pose(0.9, "", yaw, 0.0, 0.0, (0.0, 0.0, DISTANCE))
    return Face(Box(0, 0, SIZE, SIZE), 0.9, landmarks, readings={"pose": pose})


def read(face: Face, image: np.ndarray = GREY, *, refined: bool = True) -> Lids:
    return EyeKit(refined=refined).read(image, [face])[0]


def with_iris(diameter: float, dx: float = 0.0, dy: float = 0.0) -> np.ndarray:
    """The mean face with irises of this size, mm, moved from the middle of the corners."""
    model = scheme("dense478").template.astype(np.float64).copy()
    ring = np.array([(0, 0), (1, 0), (0, -1), (-1, 0), (0, 1)]) * diameter / 2
    for side in (0, 1):
        middle = model[CORNERS[side]].mean(0)
        model[IRISES[side]] = middle + np.column_stack([np.add(ring, (dx, dy)), np.zeros(5)])
    return model


@pytest.mark.parametrize("refined", [True, False])
def test_the_opening_is_the_angle_between_the_lids_in_any_pose(refined: bool) -> None:
    model = HeadModel.load().points(HeadParameters(lids=(36.0, 36.0)))
    true = eyelid_angles(model, depth=1.0)
    for yaw in (-30, 0, 30):
        lids = read(head(yaw, model=model), refined=refined)
        assert (lids.left, lids.right) == pytest.approx(tuple(true), rel=0.08)  # the camera is near: perspective
        assert min(lids.left, lids.right) - 1e-3 <= lids.opening <= max(lids.left, lids.right) + 1e-3


def test_the_iris_says_where_it_is_and_how_far() -> None:
    assert read(head(model=with_iris(IRIS_MM))).left_iris == pytest.approx((0, 0), abs=0.03)
    moved = read(head(model=with_iris(IRIS_MM, dx=4, dy=2)))
    assert moved.left_iris[0] > 0.2 and moved.right_iris[0] > 0.2  # both to image-right
    assert moved.left_iris[1] > 0.1 and moved.right_iris[1] > 0.1  # and down
    assert moved.distance_mm == pytest.approx(DISTANCE, rel=0.1)
    assert moved.iris_px == pytest.approx(IRIS_MM * CAMERA.fx / DISTANCE, rel=0.1)


def test_a_mirror_swaps_the_eyes() -> None:
    model = with_iris(IRIS_MM, dx=3)
    one = head(20, model=model)
    pose = replace(one.readings["pose"], yaw=-20.0)
    two = Face(one.box, 0.9, one.landmarks.flip(SIZE), readings={"pose": pose})
    a, b = read(one), read(two)
    assert (b.left, b.right) == pytest.approx((a.right, a.left), abs=0.01)
    assert (b.left_reliability, b.right_reliability) == pytest.approx((a.right_reliability, a.left_reliability))
    assert b.left_iris == pytest.approx((-a.right_iris[0], a.right_iris[1]), abs=0.01)


def test_the_eye_that_turns_away_is_believed_less() -> None:
    front, turned, profile = (read(head(yaw)) for yaw in (0, 60, 85))
    assert front.left_reliability == front.right_reliability > 0.8
    assert turned.left_reliability > 0.8 > 0.5 > turned.right_reliability  # yaw > 0 shows the left side
    assert profile.right_reliability == 0


def test_hidden_blurred_and_glaring_eyes_say_so() -> None:
    assert "hidden" in read(head(seen=0.2)).reason
    assert "blurred" in read(head(sigma=20.0)).reason
    face, image = head(), GREY.copy()
    x0, y0 = face.landmarks.points[LIDS.ravel(), :2].min(0).astype(int)
    x1, y1 = face.landmarks.points[LIDS.ravel(), :2].max(0).astype(int)
    image[y0 : y1 + 1, x0 : x1 + 1] = 255
    assert "reflection" in read(face, image).reason
    one = GREY.copy()
    one[:, SIZE // 2 :] = 255  # only the left eye, which is on the right of the picture
    half = read(face, one)
    assert half.left_reliability < 0.1 and half.right_reliability > 0.8 and half.reason == ""
    assert half.opening == pytest.approx(half.right, abs=1e-3)


def test_what_comes_before() -> None:
    assert "eye_points" in EyeKit().needs
    assert "eye_points" not in EyeKit(refined=False).needs


def test_depth_is_asked_for_where_lids_are_read_as_placed() -> None:
    face = head()
    flat = replace(face, landmarks=replace(face.landmarks, points=face.landmarks.points[:, :2]))
    assert read(flat).opening == pytest.approx(read(face).opening, abs=0.5)
    with pytest.raises(TaskError, match="depth"):
        read(flat, refined=False)


def test_an_eye_outside_the_picture_does_not_stop_the_reading() -> None:
    face = head()
    points = face.landmarks.points.copy()
    points[:, 0] -= SIZE
    away = Face(face.box, 0.9, replace(face.landmarks, points=points), readings=face.readings)
    assert np.isfinite(read(away).opening)


def test_the_mouth_opens() -> None:
    shut, model = head(), scheme("dense478").template.astype(np.float64).copy()
    model[14, 1] += 30
    assert MouthOpening().read(GREY, [shut])[0].opening < 0.15
    assert MouthOpening().read(GREY, [head(model=model)])[0].opening > 0.5
    assert "hidden" in MouthOpening().read(GREY, [head(seen=0.2)])[0].reason
