"""Eye openness from lids whose opening is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasion.core import Box, Face, Landmarks, scheme
from nasion.eyes import EyeOpenness, eye_aspect_ratio

IMAGE = np.zeros((200, 200, 3), np.uint8)


def lid(opening: float, width: float = 30.0, at: tuple[float, float] = (0, 0)) -> np.ndarray:
    """Six points of an eye ``width`` px wide whose four inner lid points stand ``opening`` px apart."""
    x = np.array([0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3]) * width
    y = np.array([0, -1, -1, 0, 1, 1]) * opening / 2
    return np.stack([x, y], axis=1) + at


def face(right: float, left: float, visibility: float = 1.0, sigma: float = 0.2) -> Face:
    layout = scheme("ibug68")
    points = np.stack([np.linspace(20, 150, 68), np.linspace(60, 160, 68)], axis=1)
    points[36:42], points[42:48] = lid(right, at=(40, 80)), lid(left, at=(110, 80))
    seen = np.ones(68, np.float32)
    seen[42:48] = visibility
    landmarks = Landmarks(points.astype(np.float32), seen, np.full(68, sigma, np.float32), layout)
    return Face(Box(10, 10, 190, 190), 0.9, landmarks)


@given(st.floats(0, 25), st.floats(5, 200))
def test_the_ratio_is_height_over_width(opening, width):
    assert eye_aspect_ratio(lid(opening, width)) == pytest.approx(opening / width, abs=1e-6)


def test_coinciding_corners_give_nan_not_a_number_that_looks_fine():
    assert np.isnan(eye_aspect_ratio(np.zeros((6, 2))))


def test_left_is_the_subjects_left():
    eyes = EyeOpenness().read(IMAGE, [face(right=3, left=9)])[0]
    assert eyes.right == pytest.approx(0.1, abs=1e-5)
    assert eyes.left == pytest.approx(0.3, abs=1e-5)


def test_a_mirror_swaps_the_eyes():
    one = face(right=3, left=9)
    mirrored = Face(one.box, one.score, one.landmarks.flip(200))
    straight, turned = EyeOpenness().read(IMAGE, [one, mirrored])
    assert (turned.left, turned.right) == pytest.approx((straight.right, straight.left), abs=1e-5)


def test_a_hidden_lid_lowers_the_reliability_and_says_why():
    seen, hidden = EyeOpenness().read(IMAGE, [face(8, 8), face(8, 8, visibility=0.2)])
    assert seen.reliability > 0.9 and seen.reason == ""
    assert hidden.reliability < 0.5 and "hidden" in hidden.reason


def test_points_as_uncertain_as_the_eye_is_high_are_not_believed():
    blurred = EyeOpenness().read(IMAGE, [face(8, 8, sigma=6.0)])[0]
    assert blurred.reliability < 0.5 and "blurred" in blurred.reason


def test_faces_read_together_say_what_each_says_alone():
    faces = [face(8, 4), face(0, 0), face(8, 8, sigma=6.0), face(8, 8, visibility=0.2)]
    assert EyeOpenness().read(IMAGE, faces) == [EyeOpenness().read(IMAGE, [one])[0] for one in faces]


def test_no_faces_no_readings():
    assert EyeOpenness().read(IMAGE, []) == []
