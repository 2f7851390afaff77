"""The three measures of OccFace: hidden is the positive class, over all points and point by point."""

import numpy as np
import pytest

from nasion.core import InputError
from nasion.metrics import occlusion_scores


def test_hidden_points_are_what_is_looked_for() -> None:
    """Two hidden of eight; one is ranked first, the other third: AP = (1 + 2/3) / 2, one false alarm below 0.5."""
    said = np.array([[0.1, 0.3, 0.4, 0.9], [0.8, 0.7, 0.95, 0.6]])
    hidden = np.array([[True, False, True, False], [False, False, False, False]])
    scores = occlusion_scores(said, hidden)
    assert scores.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert scores.f1 == pytest.approx(2 * 2 / (3 + 2))
    assert scores.roc_auc == pytest.approx(11 / 12)
    assert scores.hidden == 0.25


def test_points_without_a_hidden_face_have_no_figure_and_do_not_count_in_the_mean() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.random((40, 3)) < 0.4
    hidden[:, 2] = False
    said = np.where(hidden, 0.2, 0.8) + rng.uniform(-0.1, 0.1, hidden.shape)
    said[:, 1] = 0.5
    scores = occlusion_scores(said, hidden)
    assert np.isnan(scores.per_point[2]).all()
    assert scores.per_point[0, 2] == 1.0
    assert scores.per_point[1, 2] == 0.5
    assert scores.macro[2] == pytest.approx(0.75)


def test_unknown_points_are_left_out() -> None:
    hidden = np.array([[True, False], [False, True]])
    said = np.array([[0.1, np.nan], [0.9, np.nan]])
    assert occlusion_scores(said, hidden).roc_auc == 1.0


def test_calibration_is_of_being_seen() -> None:
    hidden = np.zeros((1, 100), bool)
    hidden[:, :30] = True
    assert occlusion_scores(np.full((1, 100), 0.7), hidden).calibration_error == pytest.approx(0)
    assert occlusion_scores(np.full((1, 100), 0.3), hidden).calibration_error == pytest.approx(0.4)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(InputError, match="faces, points"):
        occlusion_scores(np.zeros(3), np.zeros(3, bool))
    with pytest.raises(InputError, match="nothing to measure"):
        occlusion_scores(np.full((1, 2), np.nan), np.zeros((1, 2), bool))
