"""Detection scores against hand-worked cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasion.core import InputError
from nasion.metrics.detection import average_precision, detection_score, iou_matrix, match_boxes

BOX = np.array([[0.0, 0.0, 10.0, 10.0]])
FAR = np.array([[100.0, 100.0, 110.0, 110.0]])


def test_iou() -> None:
    half = np.array([[5.0, 0.0, 15.0, 10.0]])
    assert iou_matrix(BOX, half)[0, 0] == pytest.approx(1 / 3)
    assert iou_matrix(BOX, BOX)[0, 0] == 1
    assert iou_matrix(BOX, FAR)[0, 0] == 0
    point = np.array([[5.0, 5.0, 5.0, 5.0]])
    assert iou_matrix(point, point)[0, 0] == 0


@given(st.lists(st.floats(0, 50), min_size=4, max_size=4), st.floats(0.1, 3), st.floats(-40, 40))
def test_iou_does_not_change_with_scale_and_shift(values: list[float], scale: float, shift: float) -> None:
    x, y, w, h = values
    box = np.array([[x, y, x + w + 1, y + h + 1]])
    before, after = iou_matrix(box, BOX)[0, 0], iou_matrix(box * scale + shift, BOX * scale + shift)[0, 0]
    assert after == pytest.approx(before, abs=1e-6)


def test_a_true_box_is_given_away_once_to_the_best_score() -> None:
    found = np.concatenate([BOX + 1, BOX, FAR])
    match = match_boxes(found, np.array([0.5, 0.9, 0.7]), BOX, 0.4)
    assert match.tolist() == [-1, 0, -1]


def test_the_best_overlap_is_taken_not_the_first() -> None:
    truth = np.array([[0.0, 0.0, 10.0, 10.0], [4.0, 0.0, 14.0, 10.0]])
    assert match_boxes(truth[1:] + 0.5, np.array([1.0]), truth, 0.1).tolist() == [1]


def test_overlap_exactly_at_the_limit_counts() -> None:
    wide = np.array([[0.0, 0.0, 20.0, 10.0]])
    assert match_boxes(wide, np.ones(1), BOX, 0.5).tolist() == [0]
    assert match_boxes(wide, np.ones(1), BOX, 0.51).tolist() == [-1]


def test_score_over_images() -> None:
    nothing = np.zeros((0, 4))
    score = detection_score(
        [np.concatenate([BOX, FAR]), nothing, BOX],
        [np.array([0.9, 0.6]), np.zeros(0), np.array([0.3])],
        [BOX, BOX, nothing],
        0.5,
    )
    assert (score.true_boxes, score.found_boxes) == (2, 3)
    assert score.recall == 0.5
    assert score.precision == pytest.approx(1 / 3)
    assert score.average_precision == 0.5  # the one hit comes first: precision 1 up to recall 0.5


def test_average_precision_by_hand() -> None:
    hit = np.array([True, False, True])
    # precision 1, 1/2, 2/3; recall 1/2, 1/2, 1; the envelope at recall 1 is 2/3
    assert average_precision(hit, np.array([0.9, 0.8, 0.7]), 2) == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert average_precision(hit, np.array([0.9, 0.1, 0.7]), 2) == 1
    assert average_precision(np.zeros(0, bool), np.zeros(0), 3) == 0
    assert np.isnan(average_precision(hit, np.ones(3), 0))


def test_nothing_found_and_nothing_there() -> None:
    score = detection_score([], [], [])
    assert np.isnan(score.recall)
    assert np.isnan(score.precision)
    with pytest.raises(InputError, match="per image"):
        detection_score([BOX], [], [BOX])
