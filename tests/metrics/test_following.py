"""Measures of gaze following against cases whose answer is plain."""

import numpy as np
import pytest

from nasion.core import InputError
from nasion.metrics.following import gaussian_map, map_auc, peak, score_following


def test_a_perfect_one_pixel_peak_has_no_distance() -> None:
    heat = np.zeros((64, 64))
    heat[20, 41] = 1
    target = np.array([[41.5 / 64, 20.5 / 64]])
    found = score_following(heat[None], np.array([1.0]), [target])
    assert found.distance == pytest.approx(0, abs=1e-9)
    assert found.auc > 0.99
    assert found.people == 1


def test_a_uniform_map_knows_nothing() -> None:
    target = np.array([[0.3, 0.8]])
    assert map_auc(np.ones((64, 64)), target) == 0.5
    assert peak(np.ones((64, 64))) == (0.5, 0.5)


def test_peaks_between_cells_are_found() -> None:
    heat = gaussian_map(np.array([20.3, 41.6]), 64, 3.0)
    assert np.allclose(np.array(peak(heat)) * 64 - 0.5, (20.3, 41.6), atol=0.02)  # argmax alone: 0.3 and 0.4 px off


def test_padding_and_nobody_inside() -> None:
    heat = gaussian_map(np.array([31.5, 31.5]), 64, 3.0)
    marks = [np.array([[0.5, 0.5], [0.7, 0.5], [-1, -1]]), np.array([[-1, -1]]), np.full((1, 2), np.nan)]
    found = score_following(np.stack([heat] * 3), np.array([0.9, 0.2, 0.1]), marks)
    assert found.people == 1
    assert found.distance == pytest.approx(0.1, abs=1e-6)  # to the mean of the two marks
    assert found.nearest == pytest.approx(0, abs=1e-6)
    assert found.outside == 1.0
    alone = score_following(heat[None], np.array([0.5]), [np.array([[-1, -1]])])
    assert np.isnan([alone.auc, alone.distance, alone.outside]).all()


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="do not fit"):
        score_following(np.zeros((2, 8, 8)), np.zeros(1), [np.zeros((1, 2))])
    with pytest.raises(InputError, match="finite"):
        peak(np.full((8, 8), np.nan))
