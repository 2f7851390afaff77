import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from nasion.core import InputError
from nasion.metrics import (
    ONE_SIGMA,
    coverage,
    coverage_radius,
    expected_calibration_error,
    fit_logit_map,
    reliability,
    roc_auc,
    spearman,
)

PROBABILITIES = arrays(np.float64, 50, elements=st.floats(0, 1))


def rayleigh(sigma: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.linalg.norm(np.random.default_rng(seed).normal(size=(*sigma.shape, 2)) * sigma[..., None], axis=-1)


def test_the_radii_are_those_the_landmarks_promise():
    assert coverage_radius(ONE_SIGMA) == pytest.approx(1.515, abs=1e-3)
    assert coverage_radius(0.95) == pytest.approx(2.448, abs=1e-3)


@pytest.mark.parametrize("level", [0.5, ONE_SIGMA, 0.95])
def test_a_true_sigma_covers_what_it_promises(level):
    sigma = np.random.default_rng(1).uniform(0.5, 8, 40_000)
    assert coverage(rayleigh(sigma), sigma, level) == pytest.approx(level, abs=0.01)


def test_a_sigma_too_small_covers_less_and_one_too_large_more():
    sigma = np.full(5000, 2.0)
    error = rayleigh(sigma)
    assert coverage(error, sigma / 2, 0.95) < 0.6
    assert coverage(error, sigma * 2, 0.6827) > 0.95


def test_unknown_points_are_left_out():
    assert coverage(np.array([np.nan, 1.0]), np.array([1.0, 1.0]), 0.95) == 1


@given(arrays(np.float64, 30, elements=st.integers(0, 9)), arrays(np.float64, 30, elements=st.integers(0, 9)))
def test_spearman_matches_scipy(x, y):
    expected = spearmanr(x, y).statistic if np.ptp(x) and np.ptp(y) else np.nan
    assert spearman(x, y) == pytest.approx(expected, nan_ok=True, abs=1e-9)


@given(PROBABILITIES)
def test_spearman_sees_order_only(x):
    x = np.round(x, 3)
    assert spearman(x, np.exp(5 * x)) == pytest.approx(1 if np.ptp(x) else np.nan, nan_ok=True)


def test_honest_probabilities_have_no_calibration_error():
    p = np.random.default_rng(2).uniform(size=100_000)
    happened = np.random.default_rng(3).uniform(size=p.shape) < p
    assert expected_calibration_error(p, happened) < 0.01
    assert expected_calibration_error(np.full(1000, 0.9), np.arange(1000) < 500) == pytest.approx(0.4)


@given(PROBABILITIES, st.integers(0, 10_000))
def test_the_diagram_loses_no_case(p, seed):
    outcome = np.random.default_rng(seed).uniform(size=p.shape) < 0.5
    diagram = reliability(p, outcome)
    assert diagram.count.sum() == len(p)
    filled = diagram.count > 0
    assert (diagram.happened[filled] * diagram.count[filled]).sum() == pytest.approx(outcome.sum())
    assert 0 <= diagram.expected_error <= 1


def test_a_probability_outside_its_range_is_refused():
    with pytest.raises(InputError, match=r"1\.2"):
        reliability(np.array([0.3, 1.2]), np.array([True, False]))


@given(arrays(np.float64, 40, elements=st.integers(0, 5)), st.integers(0, 10_000))
def test_auc_counts_pairs(score, seed):
    positive = np.random.default_rng(seed).uniform(size=40) < 0.5
    if positive.all() or not positive.any():
        assert np.isnan(roc_auc(score, positive))
        return
    difference = score[positive][:, None] - score[~positive][None]
    assert roc_auc(score, positive) == pytest.approx(((difference > 0) + 0.5 * (difference == 0)).mean())
    assert roc_auc(-score, positive) == pytest.approx(1 - roc_auc(score, positive))


def test_nothing_to_measure_is_said():
    with pytest.raises(InputError, match="nothing to measure"):
        coverage(np.array([np.nan]), np.array([1.0]), 0.95)
    with pytest.raises(InputError, match="shape"):
        spearman(np.zeros(3), np.zeros(4))


def test_the_logit_map_undoes_what_was_done_to_the_logits():
    rng = np.random.default_rng(4)
    honest = rng.uniform(0.02, 0.98, 40_000)
    outcome = rng.random(40_000) < honest
    logit = np.log(honest / (1 - honest))
    said = 1 / (1 + np.exp(-(2.5 * logit - 1)))  # too sure, and leaning to one side
    mapping = fit_logit_map(said, outcome)
    assert mapping.scale == pytest.approx(1 / 2.5, rel=0.05)
    assert mapping.bias == pytest.approx(1 / 2.5, abs=0.05)
    assert expected_calibration_error(said, outcome) > 0.1
    assert expected_calibration_error(mapping(said), outcome) < 0.01
    assert roc_auc(mapping(said), outcome) == pytest.approx(roc_auc(said, outcome))


def test_the_logit_map_needs_both_outcomes_and_stands_saturation():
    with pytest.raises(InputError, match="both outcomes"):
        fit_logit_map(np.array([0.2, 0.8]), np.array([True, True]))
    mapping = fit_logit_map(np.array([0.0, 1.0, 1.0, 0.0, 0.5, 0.4]), np.array([False, True, False, True, True, False]))
    assert np.isfinite(mapping(np.array([0.0, 1.0]))).all()
