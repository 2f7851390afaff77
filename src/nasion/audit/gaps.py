"""Gaps between groups in a positive measure: raw, with the confounders held constant, and by a second estimator.

All work on the logarithm, so that a gap is a ratio to the reference group. Controlled ratios are averaged over all
faces with the group set to each level in turn (g-computation, Robins 1986); as no interaction enters, that is the
exponential of a coefficient. The second estimator weighs the faces of two groups by how probable the other group is
for such a picture (overlap weights, Li, Morgan and Zaslavsky, JASA 2018): it needs no curve for the error itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nasion.audit.design import Design, robust_fit
from nasion.core import FloatArray

LEVEL = 0.95
_RIDGE = 1e-3  # keeps the weights finite where a circumstance occurs in one group only


@dataclass(frozen=True, slots=True)
class Ratio:
    """A group's measure over the reference group's.

    Attributes:
        value: 1.05 is 5 per cent more error.
        low, high: its 95 per cent interval.
        p: that the true ratio is 1, two-sided.
        p_equal: that the true ratio lies outside the margin (two one-sided tests): small values show equality.
    """

    value: float
    low: float
    high: float
    p: float
    p_equal: float


@dataclass(frozen=True, slots=True)
class Factor:
    """One attribute in a regression.

    Attributes:
        ratios: level to its ratio; the reference is left out.
        p: that no level differs (Wald test of the whole factor).
    """

    ratios: Mapping[str, Ratio]
    p: float


def factor_gaps(
    design: Design, y: FloatArray, attribute: str, margin: float, clusters: Sequence[str] | None = None
) -> Factor:
    """The gaps of one attribute, all else in the design held constant.

    Args:
        design: with the attribute and whatever is to be held constant.
        y: (N,) logarithms of the measure.
        attribute: whose gaps.
        margin: ratios within 1 / (1 + margin) .. 1 + margin count as equal.
        clusters: (N,) rows that belong together.
    """
    return _factor(design, design.fit(y, clusters), attribute, margin)


def all_gaps(design: Design, y: FloatArray, margin: float, clusters: Sequence[str] | None = None) -> dict[str, Factor]:
    """`factor_gaps` of every attribute in the design, from one fit."""
    fitted = design.fit(y, clusters)
    return {name: _factor(design, fitted, name, margin) for name in design.levels}


def _factor(design: Design, fitted: Any, attribute: str, margin: float) -> Factor:
    columns = design.columns[attribute]
    index = range(columns.start, columns.stop)
    wanted = np.eye(design.matrix.shape[1])[columns]
    test = fitted.wald_test(wanted, use_f=True, scalar=True)
    params, errors = np.asarray(fitted.params), np.asarray(fitted.bse)
    freedom = float(getattr(fitted, "df_resid_inference", fitted.df_resid))  # clusters less one where there are any
    ratios = {
        level: _ratio(float(params[i]), float(errors[i]), freedom, margin)
        for level, i in zip(design.levels[attribute][1:], index, strict=True)
    }
    return Factor(ratios, float(test.pvalue))


def adjusted_means(design: Design, y: FloatArray, attribute: str) -> dict[str, float]:
    """The mean of the measure if all faces were of one level and photographed as they were, for each level.

    The mean of the exponential is taken with Duan's smearing factor (JASA 1983).
    """
    params = np.asarray(design.fit(y).params)
    columns = design.columns[attribute]
    without = design.matrix.copy()
    without[:, columns] = 0
    smear = float(np.exp(y - design.matrix @ params).mean())
    base = float(np.exp(without @ params).mean()) * smear
    means = base * np.exp([0.0, *params[columns]])
    return {level: float(mean) for level, mean in zip(design.levels[attribute], means, strict=True)}


def overlap_ratio(
    design: Design,
    y: FloatArray,
    attribute: str,
    level: str,
    margin: float,
    clusters: Sequence[str] | None = None,
) -> tuple[Ratio, float]:
    """The gap between one level and the reference by overlap weights.

    Returns:
        The ratio, and how many faces of the level the weights leave (Kish's effective number).
    """
    code = design.levels[attribute].index(level)
    rows = np.isin(design.codes[attribute], (0, code))
    other = np.ones(design.matrix.shape[1], bool)
    other[design.columns[attribute]] = False
    of_level = (design.codes[attribute][rows] == code).astype(np.float64)
    chance = _chances(design.matrix[np.ix_(rows, other)], of_level)
    weights = np.where(of_level > 0, 1 - chance, chance)
    own = weights[of_level > 0]
    belongs = None if clusters is None else np.asarray(clusters)[rows].tolist()
    fitted = robust_fit(np.column_stack([np.ones(rows.sum()), of_level]), y[rows], belongs, weights)
    ratio = _ratio(float(fitted.params[1]), float(fitted.bse[1]), float(fitted.df_resid), margin)
    return ratio, float(own.sum() ** 2 / (own**2).sum())


def _chances(matrix: FloatArray, group: FloatArray) -> FloatArray:
    """(N,) probability to be of the group, by logistic regression with a touch of ridge (Newton's method)."""
    beta = np.zeros(matrix.shape[1])
    ridge = _RIDGE * np.eye(matrix.shape[1])
    ridge[0, 0] = 0
    for _ in range(30):
        chance = 1 / (1 + np.exp(-np.clip(matrix @ beta, -30, 30)))
        slope = matrix.T @ (group - chance) - ridge @ beta
        step = np.linalg.solve((matrix * (chance * (1 - chance))[:, None]).T @ matrix + ridge, slope)
        beta += step
        if np.abs(step).max() < 1e-8:
            break
    return np.asarray(1 / (1 + np.exp(-np.clip(matrix @ beta, -30, 30))))


def _ratio(log_ratio: float, error: float, freedom: float, margin: float) -> Ratio:
    from scipy.stats import t

    wide = float(t.ppf(0.5 + LEVEL / 2, freedom)) * error
    edge = np.log1p(margin)
    low, high = float(np.exp(log_ratio - wide)), float(np.exp(log_ratio + wide))
    if error <= 0:
        return Ratio(float(np.exp(log_ratio)), low, high, float(log_ratio == 0), float(abs(log_ratio) >= edge))
    p = 2 * float(t.sf(abs(log_ratio) / error, freedom))
    p_equal = float(t.sf((edge - abs(log_ratio)) / error, freedom))
    return Ratio(float(np.exp(log_ratio)), low, high, p, p_equal)


def holm(factor: Factor) -> Factor:
    """The factor with its levels' p corrected for their number (Holm 1979)."""
    order = sorted(factor.ratios, key=lambda level: factor.ratios[level].p)
    corrected, worst = {}, 0.0
    for rank, level in enumerate(order):
        worst = max(worst, min(1.0, factor.ratios[level].p * (len(order) - rank)))
        corrected[level] = replace(factor.ratios[level], p=worst)
    return Factor({level: corrected[level] for level in factor.ratios}, factor.p)


def benjamini_hochberg(values: Sequence[float]) -> list[float]:
    """Adjusted p of several tests: the false discovery rate at which each would be called (JRSS B 1995)."""
    from scipy.stats import false_discovery_control

    return [float(v) for v in false_discovery_control(np.asarray(values))] if len(values) else []
