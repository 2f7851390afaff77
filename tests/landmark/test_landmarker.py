"""The landmarker around its network: crops in, points back in px of the picture, alone and in company."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from nasion.core import Face, Landmarks, scheme
from nasion.core.geometry.similarity import invert_affine
from nasion.landmark import Landmarker
from nasion.landmark.view import cut, view_matrix
from nasion.landmark.views import View, look


@pytest.fixture(scope="module", params=["landmarker", "landmarker_fast"])
def landmarker(request) -> Landmarker:
    return Landmarker(request.param, threads=1)


def drawn(turn: float, size: float, middle: tuple[float, float]) -> tuple[np.ndarray, Face]:
    """A sketch of a face, and a guess of where it is; what matters is that the network sees different crops."""
    mean = scheme("dense478").template
    assert mean is not None
    c, s = np.cos(np.radians(turn)) * size, np.sin(np.radians(turn)) * size
    points = mean[:, :2] @ np.array([[c, s], [-s, c]]) + middle
    image = np.full((480, 640, 3), 90, np.uint8)
    cv2.fillPoly(image, [cv2.convexHull(points.astype(np.int32))], (205, 170, 150))
    for group in ("left_eye", "right_eye", "lips_outer"):
        if group in scheme("dense478").groups:
            cv2.fillPoly(
                image, [cv2.convexHull(points[scheme("dense478").index(group)].astype(np.int32))], (60, 30, 40)
            )
    landmarks = Landmarks.from_points(points, scheme("dense478"))
    return image, Face(landmarks.box, 0.9, landmarks)


def as_labelled(landmarker: Landmarker, ibug: np.ndarray) -> np.ndarray:
    """What the model's metadata add to the 68 points, crop px."""
    share = float(landmarker.session.metadata.get("ibug68_shift", 0))
    return np.array([share, 0]) * np.linalg.norm(ibug[:, 36] - ibug[:, 45], axis=1)[:, None, None]


FACES = [drawn(0, 1.5, (320, 240)), drawn(25, 1.1, (200, 200)), drawn(-40, 0.7, (420, 260))]


def test_points_go_back_the_way_the_crop_came(landmarker):
    """The same numbers as one face at a time through general affine maps."""
    for (image, face), placement in zip(FACES, landmarker.place_many(FACES), strict=True):
        matrix = view_matrix(face.landmarks, landmarker.size)
        out = landmarker.session.run({"crops": cut(image, matrix, landmarker.size)[None]})
        out["ibug68"] = out["ibug68"] + as_labelled(landmarker, out["ibug68"])
        plain = {
            name: Landmarks(out[name][0], out["visibility"][0, part], out["sigma"][0, part], scheme(name))
            for name, part in (("ibug68", slice(0, 68)), ("dense478", slice(68, 546)))
        }
        for name, crop in plain.items():
            expected, found = crop.transform(invert_affine(matrix)), placement.landmarks.to(name)
            np.testing.assert_allclose(found.points, expected.points, atol=2e-2)
            np.testing.assert_allclose(found.sigma, expected.sigma, rtol=2e-3)
            np.testing.assert_allclose(found.visibility, expected.visibility, atol=1e-3)
        assert placement.presence == pytest.approx(float(out["presence"][0]), abs=1e-3)


@pytest.mark.parametrize("options", [{}, {"passes": 2}, {"accurate": True}], ids=["plain", "two looks", "accurate"])
def test_the_68_points_are_put_where_people_label_them(monkeypatch, options):
    """HELEN's labels lie to the right on every photo, so mirrored views must not cancel what puts ours there, too."""
    landmarker, (image, face) = Landmarker(threads=1, **options), FACES[1]
    found = {}
    for shift in (0.0, 0.1):
        monkeypatch.setattr(landmarker, "_shift", shift)
        (found[shift],) = landmarker.place(image, [face])
    plain, moved = found[0.0].landmarks, found[0.1].landmarks
    np.testing.assert_array_equal(moved.points, plain.points)
    before, after = plain.to("ibug68").points, moved.to("ibug68").points
    (a, b), _ = view_matrix(face.landmarks, landmarker.size)[:, :2]  # of a similarity: right in the crop is (a, b)
    right = np.array([a, b]) / np.hypot(a, b)
    expected = before + 0.1 * np.linalg.norm(before[36] - before[45]) * right
    np.testing.assert_allclose(after, expected, atol=0.04 * np.abs(expected - before).max())  # two crops, two turns


def test_company_changes_nothing(landmarker):
    together = landmarker.place_many(FACES * 12, passes=2)
    for i, pair in enumerate(FACES):
        (alone,) = landmarker.place_many([pair], passes=2)
        for placement in (together[i], together[i + 33]):
            np.testing.assert_allclose(placement.landmarks.points, alone.landmarks.points, atol=5e-2)


def test_two_looks_are_averaged(landmarker):
    """The second look is mirrored, at a crop cut anew, and counts as much as the first."""
    image, face = FACES[0]
    (first,) = landmarker.place(image, [face])
    matrix = view_matrix(first.landmarks, landmarker.size)
    crop = look(image, matrix, landmarker.size, View(mirrored=True))
    out = landmarker.session.run({"crops": crop[None]})
    flip = scheme("dense478").flip
    seen = out["dense478"][0, flip, :2] * (-1, 1) + (landmarker.size - 1, 0)
    again = Landmarks.from_points(seen, scheme("dense478")).transform(invert_affine(matrix)).points
    (placed,) = landmarker.place(image, [face], passes=2)
    expected = (first.landmarks.points[:, :2] + again) / 2
    np.testing.assert_allclose(placed.landmarks.points[:, :2], expected, atol=5e-2)
    (whole,) = out["visibility"][:, 68 + flip]
    np.testing.assert_allclose(placed.landmarks.visibility, (first.landmarks.visibility + whole) / 2, atol=2e-3)
    assert placed.presence == pytest.approx(float(out["presence"][0]), abs=1e-3)


def test_looks_from_far_off_do_not_count(landmarker, monkeypatch):
    """Where the crops jump, only the last answer counts, which is a third one."""
    image, face = FACES[0]
    (first,) = landmarker.place(image, [face])
    monkeypatch.setattr("nasion.landmark.landmarker.FAR", 0.0)  # every crop is too far off now
    (placed,) = landmarker.place(image, [face], passes=2)
    matrix = view_matrix(first.landmarks, landmarker.size)
    crop = look(image, matrix, landmarker.size, View(mirrored=True))
    (second,) = landmarker.session.run({"crops": crop[None]})["dense478"][:, scheme("dense478").flip]
    seen = Landmarks.from_points(second[:, :2] * (-1, 1) + (landmarker.size - 1, 0), scheme("dense478"))
    (third,) = landmarker.place(image, [replace(face, landmarks=seen.transform(invert_affine(matrix)))])
    np.testing.assert_allclose(placed.landmarks.points, third.landmarks.points, atol=5e-2)


@pytest.mark.parametrize("degrees", [-60, -45, 45, 60])
def test_a_tilted_start_ends_near_where_an_upright_one_does(landmarker, monkeypatch, degrees):
    """A detector took a tilted face for an upright one; if every look counted, the points would end further away."""
    image, face = FACES[0]
    (good,) = landmarker.place(image, [face], passes=2)
    five, turn = good.landmarks.to("coarse5"), np.radians(degrees)
    middle, (c, s) = five.points[:, :2].mean(0), (np.cos(turn), np.sin(turn))
    linear = np.array([[c, -s], [s, c]])
    tilted = replace(face, landmarks=five.transform(np.column_stack([linear, middle - linear @ middle])))

    def off() -> float:
        (placed,) = landmarker.place(image, [tilted], passes=2)
        return float(np.linalg.norm((placed.landmarks.points - good.landmarks.points)[:, :2], axis=1).mean())

    found = off()
    monkeypatch.setattr("nasion.landmark.landmarker.FAR", 10.0)
    assert found < 0.9 * off()


def test_accurate_looks_more_often_and_stays_near(landmarker):
    accurate = Landmarker(landmarker.session.path, threads=1, accurate=True)
    image, face = FACES[0]
    (one,), (mean,) = landmarker.place(image, [face]), accurate.place(image, [face])
    apart = np.linalg.norm(one.landmarks.points[:, :2] - mean.landmarks.points[:, :2], axis=1)
    assert apart.max() > 0
    assert apart.mean() < 0.03 * face.box.width
    assert landmarker.place_many([]) == accurate.place_many([]) == []
