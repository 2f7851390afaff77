import numpy as np
import pytest

from nasion.core import scheme
from nasion.report.bench.brush import Canvas, FaceFrame, hidden_points, ribbon, rounded_box, smooth_outline, turned
from nasion.report.bench.occluders import OCCLUDERS, draw_occluder


def mean_face(size=80.0, centre=(150, 130), angle=0.0):
    """The 68 points of the mean face, eyes ``size`` px apart, turned clockwise by degrees."""
    template = scheme("ibug68").template[:, :2]
    unit = (template - template.mean(axis=0)) * size / np.linalg.norm(template[45] - template[36])
    return turned(unit, angle) + centre


IMAGE = np.full((280, 300, 3), 120, np.uint8)


@pytest.mark.parametrize("kind", OCCLUDERS)
def test_what_is_hidden_is_what_was_painted(kind):
    points = mean_face()
    for seed in range(4):
        picture, in_view = draw_occluder(kind, IMAGE, points, np.random.default_rng(seed))
        again, same = draw_occluder(kind, IMAGE, points, np.random.default_rng(seed))
        np.testing.assert_array_equal(picture, again)
        np.testing.assert_array_equal(in_view, same)
        at = np.round(points).astype(int)
        changed = np.abs(picture.astype(int) - 120).max(axis=2)[at[:, 1], at[:, 0]]
        assert (changed[in_view] <= 80).all()  # untouched, an edge below one half, or in the shadow
        assert 2 <= (~in_view).sum() <= 60
    assert (IMAGE == 120).all()


def test_each_thing_hides_what_its_name_says():
    points = mean_face()
    eyes, mouth, chin = slice(36, 48), slice(48, 68), slice(6, 11)
    shares = {}
    for kind in OCCLUDERS:
        seen = np.stack([draw_occluder(kind, IMAGE, points, np.random.default_rng(s))[1] for s in range(8)])
        shares[kind] = [1 - seen[:, part].mean() for part in (eyes, mouth, chin)]
    assert shares["sunglasses"][0] > 0.95 and shares["sunglasses"][1] == 0
    assert shares["surgical mask"][1] > 0.95 and shares["surgical mask"][2] > 0.95 and shares["surgical mask"][0] == 0
    assert shares["scarf"][2] == 1 and shares["scarf"][0] == 0
    assert shares["microphone"][1] > 0.3 and shares["microphone"][0] == 0
    assert 0.2 < shares["hair"][0] < 0.8
    assert 0.1 < shares["fence"][0] < 0.6


def test_things_turn_with_the_head():
    straight = draw_occluder("phone", IMAGE, mean_face(), np.random.default_rng(5))[1]
    tilted = draw_occluder("phone", IMAGE, mean_face(angle=40), np.random.default_rng(5))[1]
    assert (straight == tilted).mean() > 0.9


def test_the_frame_of_the_face_and_back():
    face = FaceFrame.of(mean_face(60, angle=25))
    assert face.unit == pytest.approx(60, rel=1e-6)
    np.testing.assert_allclose(face.uv(face.px([(0.3, 1.2), (-1, 0)])), [(0.3, 1.2), (-1, 0)], atol=1e-12)
    assert face.uv(face.points[8])[1] > 0.8  # the chin is down the face


def test_a_capsule_is_round_lit_from_above_and_throws_its_shadow_down():
    canvas = Canvas(np.full((100, 100, 3), 200, np.uint8))
    canvas.capsule(np.array([30.0, 50]), np.array([70.0, 50]), (10, 10), np.full(3, 160.0), shadow=3)
    assert canvas.hidden.sum() == pytest.approx(40 * 20 + np.pi * 100, rel=0.05)
    assert canvas.image[43, 50, 0] > canvas.image[57, 50, 0]
    assert canvas.image[64, 50, 0] < canvas.image[36, 50, 0] <= 200


def test_shadows_overlap_but_do_not_add_up():
    canvas = Canvas(np.full((60, 100, 3), 200, np.uint8))
    below = []
    for _ in range(4):
        canvas.capsule(np.array([20.0, 20]), np.array([80.0, 20]), (6, 6), np.full(3, 160.0), shadow=3)
        below.append(canvas.image[29:].min())
    assert below[0] < 190
    assert below[3] == pytest.approx(below[0], abs=0.1)


def test_things_half_outside_or_wholly_outside_the_picture_do_no_harm():
    canvas = Canvas(np.zeros((40, 50, 3), np.uint8))
    canvas.capsule(np.array([-5.0, 20]), np.array([5.0, 20]), (4, 4), np.full(3, 255.0), shadow=2)
    canvas.polygon(np.array([(60.0, 50), (90, 50), (90, 80)]), np.full(3, 255.0), shadow=2)
    assert canvas.hidden[:, :12].any()
    assert not canvas.hidden[:, 12:].any()


def test_a_polygon_is_placed_to_a_fraction_of_a_pixel():
    canvas = Canvas(np.zeros((20, 20, 3), np.uint8))
    square = np.array([(4.5, 4.5), (12.5, 4.5), (12.5, 9.5), (4.5, 9.5)])
    canvas.polygon(square, lambda x, y: (x + 0 * y)[..., None] + np.zeros(3))
    assert canvas.hidden.sum() == 8 * 5
    assert canvas.image[7, 8, 0] == pytest.approx(8)


def test_points_outside_the_picture_are_hidden():
    hidden = np.zeros((10, 10), bool)
    hidden[3, 4] = True
    at = np.array([(4.2, 2.8), (0, 0), (-1, 3), (9.6, 2)])
    assert hidden_points(at, hidden).tolist() == [True, False, True, True]


def test_outlines():
    box = rounded_box((2, 1))
    np.testing.assert_allclose(np.abs(box).max(axis=0), (2, 1), atol=0.01)
    corners = np.array([(0.0, 0), (10, 0), (10, 10), (0, 10)])
    np.testing.assert_allclose(smooth_outline(corners)[::8], corners)
    line = ribbon(np.array([(0.0, 0), (5, 0), (10, 0)]), np.array([1.0, 2, 0.5]))
    np.testing.assert_allclose(line, [(0, 1), (5, 2), (10, 0.5), (10, -0.5), (5, -2), (0, -1)])
