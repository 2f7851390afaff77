import numpy as np
import pytest

from nasion.core import Box
from nasion.report.bench.degrade import Labelled, blur, darken, grey, jpeg, rotate, shrink


@pytest.fixture
def face():
    """Random fine texture with a white pixel under three of the 68 points."""
    rng = np.random.default_rng(3)
    image = rng.integers(0, 200, (180, 240, 3)).astype(np.uint8)
    points = rng.uniform((60, 40), (180, 150), (68, 2)).round()
    points[36], points[45] = (80, 70), (140, 70)
    return Labelled(image, points)


def sharpness(image):
    return np.abs(np.diff(image.astype(float), axis=1)).mean()


def test_blur_is_measured_in_eye_distances(face):
    line = np.zeros((60, 121, 3), np.uint8)
    line[:, 60] = 255
    spread = blur(Labelled(line, face.points), 0.05).image[30, :, 0].astype(float)  # eyes 60 px apart: 3 px
    assert np.sqrt((spread * (np.arange(121) - 60) ** 2).sum() / spread.sum()) == pytest.approx(3, rel=0.05)
    np.testing.assert_array_equal(blur(face, 0).image, face.image)


def test_jpeg_loses_detail_but_keeps_colours_in_order(face):
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 200
    assert jpeg(Labelled(red, face.points), 20).image.mean(axis=(0, 1)) == pytest.approx([200, 0, 0], abs=6)
    gap = [np.abs(jpeg(face, q).image.astype(int) - face.image).mean() for q in (95, 20)]
    assert gap[0] < gap[1]


def test_shrinking_takes_the_labels_along(face):
    ramp = np.repeat(np.arange(240, dtype=np.float64)[None], 180, axis=0)
    image = np.repeat(ramp.astype(np.uint8)[..., None], 3, axis=2)
    small = shrink(Labelled(image, face.points), 40)
    box = Box.around(small.points)
    assert max(box.width, box.height) == pytest.approx(40, abs=1)
    at = np.round(small.points).astype(int)
    said = small.image[at[:, 1], at[:, 0], 0]  # the ramp's value is the column it came from
    assert np.abs(said - face.points[:, 0]).max() < 3
    np.testing.assert_array_equal(shrink(face, 1000).image, face.image)


@pytest.mark.parametrize("degrees", [45, -45, 90])
def test_turning_takes_the_labels_along_and_loses_nothing(face, degrees):
    image = np.zeros_like(face.image)
    x, y = face.points[36].astype(int)
    image[y - 1 : y + 2, x - 1 : x + 2] = 255
    turned = rotate(Labelled(image, face.points), degrees)
    light = turned.image[..., 0].astype(float) * (turned.image.std(axis=2) == 0) * (turned.image[..., 0] > 140)
    rows, columns = np.nonzero(light)
    np.testing.assert_allclose([columns.mean(), rows.mean()], turned.points[36], atol=0.6)
    corners = rotate(Labelled(image, np.array([[0, 0], [239, 0], [239, 179], [0, 179.0]])), degrees).points
    assert corners.min() > -1
    assert (corners.max(axis=0) < np.array(turned.image.shape[1::-1])).all()


def test_turning_is_clockwise_as_one_sees_it(face):
    right_of_centre = Labelled(face.image, np.array([[200.0, 89.5]]))
    assert rotate(right_of_centre, 45).points[0, 1] > (rotate(right_of_centre, 45).image.shape[0] - 1) / 2


def test_low_light_is_dark_noisy_and_repeatable(face):
    flat = Labelled(np.full((100, 100, 3), 180, np.uint8), face.points)
    dark = darken(flat, 0.05, np.random.default_rng(0)).image
    expected = 180 * 0.05 ** (1 / 2.2)
    assert dark.mean() == pytest.approx(expected, rel=0.05)
    assert dark.std() > 3
    np.testing.assert_array_equal(dark, darken(flat, 0.05, np.random.default_rng(0)).image)


def test_grey_has_no_colour(face):
    out = grey(face).image
    assert out.shape == face.image.shape
    assert (out == out[..., :1]).all()
    assert sharpness(out) > 0
