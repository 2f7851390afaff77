"""Regions and circles as drawn."""

from dataclasses import dataclass

import numpy as np

from nasion.core import Landmarks, scheme
from nasion.media import draw_circles, draw_regions

GREY = np.full((200, 240, 3), 120, np.uint8)


@dataclass(frozen=True)
class Square:
    name: str
    point: np.ndarray
    face_area: float = 40_000.0

    def outlines(self):
        return [self.point + np.array([[-20.0, -20.0], [20.0, -20.0], [20.0, 20.0], [-20.0, 20.0]])]


def changed(drawn):
    return (drawn != GREY).any(axis=2)


def test_a_region_is_tinted_inside_and_nothing_far_away():
    drawn = draw_regions(GREY, [Square("", np.array([60.0, 100.0]))])
    marked = changed(drawn)
    assert marked[85:116, 45:76].all()
    assert not marked[:, 110:].any()
    assert (GREY == 120).all()  # a copy


def test_points_of_one_name_share_a_colour_and_others_differ():
    places = [("a", 40.0), ("b", 120.0), ("a", 200.0)]
    drawn = draw_regions(GREY, [Square(name, np.array([x, 60.0])) for name, x in places])
    colours = [drawn[74, round(x)].tolist() for _, x in places]
    assert colours[0] == colours[2] != colours[1]
    plate = drawn[4:24, 4:12].reshape(-1, 3).astype(int)
    assert (abs(plate - (255, 196, 64)).sum(axis=1) < 150).any()  # the first name in the legend


def test_circles_tell_seen_points_from_hidden_ones():
    layout = scheme("coarse5")
    points = np.array([[40, 50], [120, 50], [40, 140], [120, 140], [np.nan, np.nan]], np.float32)
    seen = np.array([0.9, 0.2, 0.9, 0.2, 0.9], np.float32)
    landmarks = Landmarks(points, seen, np.ones(5, np.float32), layout)
    drawn = draw_circles(GREY, landmarks, np.array([10.0, 20.0, 10.0, 20.0, 5.0]))
    assert drawn[50, 50].argmax() == 2  # blue on the ring of a seen point
    assert drawn[50, 140].argmax() == 0  # orange on the ring of a hidden one
    assert changed(drawn)[50, 40]  # a dot
    assert not changed(drawn)[50, 120]  # hollow
    assert not changed(drawn)[:, 160:].any()
