"""Lines between two sets of points."""

import numpy as np
import pytest

from nasion.core import InputError
from nasion.media.match_drawing import SIDE, draw_matches

A = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0], [np.nan, 5.0]])
B = A[:3] * 7 + 30
PAIRS = np.array([[0, 0], [1, 1]])


def near(image, x, y, color):
    patch = image[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4].astype(int)
    return bool((abs(patch - color).sum(axis=2) < 30).any())


def test_sure_doubtful_and_lonely_points_differ():
    drawn = draw_matches(A, B, PAIRS, [False, True])
    assert drawn.shape == (SIDE, 2 * SIDE, 3)
    low, high = 0.08 * SIDE, 0.92 * SIDE
    for left in (0, SIDE):
        assert near(drawn, left + low, low, (96, 200, 250))
        assert near(drawn, left + high, low, (255, 140, 60))
        assert near(drawn, left + high, high, (130, 136, 148))
    between = drawn[round(low) - 2 : round(low) + 3, SIDE]
    assert between.max() > 150  # the lines cross the middle


def test_pictures_are_laid_side_by_side_in_their_own_size():
    images = (np.full((50, 120, 3), 90, np.uint8), np.full((80, 60, 3), 30, np.uint8))
    drawn = draw_matches(A[:2] / 2, B[:2] / 20, PAIRS, np.array([False, False]), images)
    assert drawn.shape == (80, 180, 3)
    assert (images[0] == 90).all()
    np.testing.assert_array_equal(drawn[40, 10], [90, 90, 90])
    np.testing.assert_array_equal(drawn[70, 170], [30, 30, 30])


def test_no_pairs_and_no_points_are_drawn_too():
    assert draw_matches(A, B, np.empty((0, 2), int), np.empty(0, bool)).any()
    assert draw_matches(A[3:], B, np.empty((0, 2), int), []).any()


def test_flags_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="2 pairs"):
        draw_matches(A, B, PAIRS, [True])
    with pytest.raises(InputError, match=r"\(N, 2\)"):
        draw_matches(np.zeros((3, 3)), B, PAIRS, [True, True])
