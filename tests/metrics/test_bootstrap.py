import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nasion.core import InputError
from nasion.metrics import bootstrap, bootstrap_mean

VALUES = arrays(np.float64, st.integers(2, 60), elements=st.floats(-100, 100))


@given(VALUES, st.integers(0, 5))
def test_the_interval_holds_the_mean_and_is_repeatable(values, seed):
    mean = bootstrap_mean(values, draws=200, seed=seed)
    assert mean.value == pytest.approx(values.mean())
    assert values.min() - 1e-9 <= mean.low <= mean.high <= values.max() + 1e-9
    assert mean == bootstrap_mean(values, draws=200, seed=seed)


def test_the_width_is_that_of_the_standard_error():
    values = np.random.default_rng(0).normal(5, 2, 400)
    mean = bootstrap_mean(values)
    assert (mean.high - mean.low) / 2 == pytest.approx(1.96 * 2 / np.sqrt(400), rel=0.15)


def test_the_interval_covers_the_true_mean_as_often_as_it_says():
    draws = np.random.default_rng(1).normal(0, 1, (200, 60))
    intervals = [bootstrap_mean(row, draws=400) for row in draws]
    held = sum(m.low <= 0 <= m.high for m in intervals)
    assert 0.88 <= held / len(intervals) <= 0.99


def test_copies_within_a_cluster_do_not_narrow_the_interval():
    people = np.random.default_rng(2).normal(size=30)
    values, names = np.repeat(people, 20), np.repeat([f"person {i}" for i in range(30)], 20).tolist()
    apart, together = bootstrap_mean(values), bootstrap_mean(values, names)
    assert together.count == 30
    assert together.value == pytest.approx(people.mean())
    width = together.high - together.low
    alone = bootstrap_mean(people)
    assert width == pytest.approx(alone.high - alone.low, rel=0.1)
    assert width > 3 * (apart.high - apart.low)


def test_it_prints_with_its_interval():
    assert f"{bootstrap_mean(np.full(5, 2.0)):.1f}" == "2.0 [2.0, 2.0]"


@pytest.mark.parametrize(
    "call",
    [
        lambda: bootstrap_mean(np.zeros(0)),
        lambda: bootstrap_mean(np.array([1.0, np.inf])),
        lambda: bootstrap_mean(np.ones(3), ["a"]),
        lambda: bootstrap_mean(np.ones(3), level=1.5),
    ],
)
def test_bad_input_is_named(call):
    with pytest.raises(InputError):
        call()


def test_the_bootstrap_of_a_mean_is_that_of_any_other_figure():
    values = np.random.default_rng(2).normal(3, 1, 80)
    known, general = bootstrap_mean(values), bootstrap(lambda at: float(values[at].mean()), 80, draws=1500)
    assert general.value == pytest.approx(known.value)
    assert general.low == pytest.approx(known.low, abs=0.03)
    assert general.high == pytest.approx(known.high, abs=0.03)


def test_resamples_without_a_figure_are_left_out():
    def spread(at):
        return float("nan") if len(set(at.tolist())) == 1 else 1.0

    assert bootstrap(spread, 2).low == 1
    assert np.isnan(bootstrap(lambda _: float("nan"), 3).low)
    for count, level in ((0, 0.95), (3, 1.5)):
        with pytest.raises(InputError):
            bootstrap(spread, count, level=level)
