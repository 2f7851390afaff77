"""The landmarker's view: where a face lands in the crop, and that pixels and points go there together."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasion.core import InputError, Landmarks, scheme
from nasion.landmark.view import TEMPLATE, cut, moved, view_matrix

angles = st.floats(-180, 180)
RECIPE = Path(__file__).parents[2] / "training" / "landmarker" / "view.py"


def turned(angle: float, scale: float, shift: tuple[float, float]) -> Landmarks:
    c, s = np.cos(np.radians(angle)) * scale, np.sin(np.radians(angle)) * scale
    points = (TEMPLATE - 0.5) @ np.array([[c, s], [-s, c]]) + shift
    return Landmarks.from_points(points, scheme("coarse5"))


@given(angles, st.floats(20, 2000), st.tuples(st.floats(-500, 500), st.floats(-500, 500)))
def test_the_template_pose_is_undone_whatever_the_turn_and_scale(angle, scale, shift):
    face = turned(angle, scale, shift)
    matrix = view_matrix(face, 128)
    seen = face.points @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(seen, TEMPLATE * 128 - 0.5, atol=0.02)


def test_the_recipe_sees_faces_as_the_package_does():
    """Two copies of the template, because recipes must run before the package has weights: they may not drift apart."""
    spec = spec_from_file_location("recipe_view", RECIPE)
    assert spec is not None
    assert spec.loader is not None
    recipe = module_from_spec(spec)
    spec.loader.exec_module(recipe)
    right_side_first = [1, 0, 2, 4, 3]
    np.testing.assert_allclose(recipe.TEMPLATE, TEMPLATE[right_side_first])
    face = turned(33, 240, (300, 200))
    ours = view_matrix(face, 128)
    theirs = recipe.align(face.points[right_side_first].astype(float)) * 128
    np.testing.assert_allclose(ours, theirs - [[0, 0, 0.5], [0, 0, 0.5]], atol=1e-3)


def test_every_layout_is_framed_as_its_five_points_are_and_missing_points_elsewhere_do_not_matter():
    mean = scheme("dense478").template
    assert mean is not None
    face = Landmarks.from_points(mean[:, :2] * 2 + 300, scheme("dense478"))
    expected = view_matrix(face.to("coarse5"), 128)
    np.testing.assert_allclose(view_matrix(face, 128), expected, atol=1e-4)
    union = face.to("union124")
    np.testing.assert_allclose(view_matrix(union, 128), view_matrix(union.to("coarse5"), 128), atol=1e-4)
    face.points[10] = np.nan  # the top of the forehead
    np.testing.assert_allclose(view_matrix(face, 128), expected, atol=1e-4)


def test_crops_move_as_far_as_their_corners_do():
    plain = np.array([[0.5, 0, 10.0], [0, 0.5, -20.0]])
    assert moved(plain, plain, 128) == 0
    assert moved(plain, np.add(plain, [[0, 0, 3], [0, 0, -4]]), 128) == pytest.approx(5)
    turned_round = np.array([[-0.5, 0, 117.0], [0, -0.5, 147.0]])  # about the crop's middle
    assert moved(plain, turned_round, 128) == pytest.approx(127 * np.sqrt(2))


def test_coinciding_points_are_refused_with_their_values():
    with pytest.raises(InputError, match="coincide"):
        view_matrix(Landmarks.from_points(np.full((5, 2), 7.0), scheme("coarse5")), 128)


@pytest.mark.parametrize("scale", [40.0, 150.0, 700.0])
def test_a_dot_in_the_picture_lands_where_the_matrix_says(scale):
    image = np.zeros((900, 900, 3), np.uint8)
    face = turned(20, scale, (450, 430))
    nose = face.points[2]
    cv2.circle(image, (round(float(nose[0])), round(float(nose[1]))), max(2, int(scale / 40)), (255, 255, 255), -1)
    crop = cut(image, view_matrix(face, 128), 128)[..., 0].astype(float)
    y, x = np.mgrid[:128, :128]
    centre = np.array([(crop * x).sum(), (crop * y).sum()]) / crop.sum()
    np.testing.assert_allclose(centre, TEMPLATE[2] * 128 - 0.5, atol=1.5 if scale < 100 else 0.6)


def test_large_faces_are_averaged_not_skipped():
    """A one-pixel checkerboard turns grey in a strong reduction; bilinear sampling alone leaves it black and white."""
    y, x = np.mgrid[:1600, :1600]
    board = np.repeat((((x + y) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)
    crop = cut(board, view_matrix(turned(0, 1280, (800, 800)), 128), 128)
    assert abs(float(crop.mean()) - 127.5) < 2
    assert float(crop.std()) < 6


def test_a_face_far_outside_the_picture_gives_its_border():
    image = np.full((50, 60, 3), 90, np.uint8)
    crop = cut(image, view_matrix(turned(0, 900, (5000, 5000)), 128), 128)
    assert (crop == 90).all()
