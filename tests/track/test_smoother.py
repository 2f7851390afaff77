"""Smooth paths for every identity, each for itself."""

from dataclasses import replace

import numpy as np

from nasion.core import Face
from nasion.track import Smoother
from scenes import face_at


def face(number: int | None, x: float, y: float = 100) -> Face:
    return replace(face_at(x, y, 100), track_id=number)


def test_a_resting_face_shakes_less() -> None:
    spots = np.random.default_rng(0).normal(0, 1, (100, 2)) + 100
    smoother = Smoother(1.0)
    given = [smoother([face(0, *spot)], i / 25)[0].landmarks.points[2] for i, spot in enumerate(spots)]
    raw = [face(0, *spot).landmarks.points[2] for spot in spots]
    assert np.std(given[25:]) < 0.75 * np.std(raw[25:])


def test_identities_do_not_mix_and_views_are_smoothed_too() -> None:
    smoother, one = Smoother(1.0), face(0, 100)
    smoother([replace(one, landmarks=replace(one.landmarks, views={"coarse5": one.landmarks}))], 0.0)
    moved = face(0, 103)
    moved = replace(moved, landmarks=replace(moved.landmarks, views={"coarse5": moved.landmarks}))
    first, second = smoother([moved, face(1, 400)], 0.04)
    nose = one.landmarks.points[2, 0]
    assert nose < first.landmarks.points[2, 0] < moved.landmarks.points[2, 0]
    assert first.landmarks.views["coarse5"].points[2, 0] < moved.landmarks.points[2, 0]
    np.testing.assert_array_equal(second.landmarks.points, face(1, 400).landmarks.points)


def test_a_short_gap_is_bridged_and_a_long_one_forgotten() -> None:
    for gap, forgotten in ((0.5, False), (1.5, True)):
        smoother = Smoother(1.0)
        smoother([face(0, 100)], 0.0)
        smoother([face(1, 300)], gap)
        (back,) = smoother([face(0, 101)], gap)
        assert np.array_equal(back.landmarks.points, face(0, 101).landmarks.points) is forgotten


def test_faces_without_an_identity_pass_as_they_are() -> None:
    (given,) = Smoother(1.0)([lone := face(None, 100)], 0.0)
    assert given is lone
