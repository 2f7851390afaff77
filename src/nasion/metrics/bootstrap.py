"""How sure a mean, or any other figure, is: percentile bootstrap, by case or by cluster.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray, InputError, IntArray


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean (or another figure) and the interval that holds the true one with probability ``level``.

    Attributes:
        value: the mean, or the figure.
        low, high: the interval, in the unit of ``value``.
        level: such as 0.95.
        count: how many independent cases (clusters where there are any).
    """

    value: float
    low: float
    high: float
    level: float
    count: int

    def __format__(self, spec: str) -> str:
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


def bootstrap_mean(
    values: FloatArray,
    clusters: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Mean:
    """The mean of ``values`` with its percentile interval.

    Args:
        values: (N,) finite numbers.
        clusters: (N,) what each value belongs to (person, clip, photo); values of one cluster are drawn together,
            because they are not independent. None: each value stands alone.
        level: of the interval, 0..1.
        draws: resamples.
        seed: of the random draws; the same seed gives the same interval.

    Raises:
        InputError: no values, a NaN or inf among them, or clusters of another length.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise InputError(f"values must be a list of finite numbers, at least one, got shape {values.shape}")
    if not 0 < level < 1:
        raise InputError(f"the level of an interval lies between 0 and 1, got {level}")
    if clusters is None:
        clusters = range(len(values))
    if len(clusters) != len(values):
        raise InputError(f"{len(values)} values need as many clusters, got {len(clusters)}")
    number: dict[Hashable, int] = {}
    place = np.array([number.setdefault(c, len(number)) for c in clusters])
    sums, sizes = np.bincount(place, values), np.bincount(place)
    count = len(sums)
    taken = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    means = (taken @ sums) / (taken @ sizes)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Mean(float(values.mean()), float(low), float(high), level, count)


def bootstrap(
    figure: Callable[[IntArray], float], count: int, *, level: float = 0.95, draws: int = 400, seed: int = 0
) -> Mean:
    """A figure that is no mean, such as an area or a rank correlation, with its percentile interval.

    Args:
        figure: takes the indices of the cases drawn, (count,), some of them several times, and gives the number. For
            clusters let the cases be the clusters.
        count: how many cases there are.
        level: of the interval, 0..1.
        draws: resamples; those whose figure is NaN (say, all of one class) are left out.
        seed: of the random draws; the same seed gives the same interval.

    Returns:
        ``value`` is the figure of all cases, each once; the interval is NaN when every resample was.

    Raises:
        InputError: no cases.
    """
    if count < 1:
        raise InputError("there is nothing to draw from: a bootstrap needs at least one case")
    if not 0 < level < 1:
        raise InputError(f"the level of an interval lies between 0 and 1, got {level}")
    rng = np.random.default_rng(seed)
    drawn = np.array([figure(rng.integers(0, count, count)) for _ in range(draws)])
    drawn = drawn[~np.isnan(drawn)]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]) if drawn.size else (np.nan, np.nan)
    return Mean(float(figure(np.arange(count))), float(low), float(high), level, count)
