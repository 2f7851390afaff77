"""CAOS: prediction sets from one-shot predictors, calibrated by leaving one out, and the quantile behind them.

Source: Waldron, "CAOS: Conformal Aggregation of One-Shot Predictors", arXiv 2601.05219.

Each of n examples is a predictor of its own: ``s_i(x, y)`` says how badly candidate ``y`` on picture ``x`` fits
example i. The sum of the k smallest is the score of a candidate, and the same sum over the n - 1 other examples the
score of an example's own mark. A candidate belongs to the set when its score is at most the
``ceil((1 - alpha)(n + 1))``-th smallest of those.

Why it holds what it promises: one more example can only lower a sum of the k smallest. So the scores of full conformal
prediction, where the new picture joins the examples, are at most ours, its quantile is at most ours, and its set, which
holds the truth with probability 1 - alpha or more on exchangeable pictures, lies inside ours. Any score that one more
example can only lower will do; a mean over all examples will not.

The price is a set that holds the truth more often than promised. Where a candidate can be asked what it would say as an
example, ``full_conformal`` takes the price back: CAOS says where to look, and what stays is the set of full conformal
prediction itself. Ranks among n + 1 come in steps of 1 / (n + 1); one random number a picture fills the steps, and the
set holds the truth with probability 1 - alpha exactly (smoothed conformal predictors: Vovk, Gammerman, Shafer,
"Algorithmic Learning in a Random World", 2005, proposition 2.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from nasion.core import BoolArray, FloatArray, InputError
from nasion.core.regions import conformal_rank

NEAREST = 3  # k: how many of the examples speak for a candidate


@dataclass(frozen=True, slots=True, eq=False)
class PredictionSet:
    """Which candidates may be the truth.

    Attributes:
        inside: bool, the candidates' shape.
        scores: float64, the same shape; the smallest is the best guess.
        threshold: the largest score that belongs; infinite when there are too few examples, and then all belong.
    """

    inside: BoolArray
    scores: FloatArray
    threshold: float


def examples_needed(alpha: float) -> int:
    """The fewest examples that can promise a coverage of 1 - ``alpha``."""
    conformal_rank(1, alpha)  # says whether alpha is one
    return ceil(1 / alpha - 1 - 1e-9)


def too_few(count: int, alpha: float) -> str:
    """Why ``count`` examples cannot promise ``1 - alpha``, and what they can; empty when they can."""
    needed = examples_needed(alpha)
    if count >= needed:
        return ""
    return (
        f"{count} examples cannot promise that the region holds the point {1 - alpha:.6g} of the time (alpha "
        f"{alpha:.6g}): the promise needs the example of rank {conformal_rank(count, alpha)} by score, and there are "
        f"only {count}, so the region would be the whole picture. {count} examples promise 1 - 1/{count + 1} = "
        f"{1 - 1 / (count + 1):.3f} at most (alpha {1 / (count + 1):.3f} or more); alpha {alpha:.6g} takes {needed}"
    )


def conformal_threshold(scores: FloatArray, alpha: float) -> float:
    """The ``ceil((1 - alpha)(n + 1))``-th smallest of n scores; infinite when that rank is larger than n.

    Args:
        scores: (n,), larger is worse; may hold infinities, not NaN.
        alpha: the share of misses allowed, between 0 and 1.

    Returns:
        At least this share of new scores, exchangeable with these, is at most the threshold: 1 - alpha.

    Raises:
        InputError: alpha is not between 0 and 1, or a score is NaN.
    """
    scores = np.asarray(scores, np.float64).ravel()
    if np.isnan(scores).any():
        raise InputError(f"{int(np.isnan(scores).sum())} of {len(scores)} calibration scores are NaN: leave them out")
    rank = conformal_rank(len(scores), alpha)
    return float(np.partition(scores, rank - 1)[rank - 1]) if rank <= len(scores) else float("inf")


def aggregate(scores: FloatArray, k: int = NEAREST) -> FloatArray:
    """The sum of the k smallest along the first axis: one more example can only lower it.

    Args:
        scores: (n, ...) of n examples for each candidate.
        k: how many.

    Raises:
        InputError: fewer than k examples, whose sum would grow with the next one.
    """
    if not 1 <= k <= len(scores):
        raise InputError(f"the {k} smallest of {len(scores)} one-shot scores do not exist: mark more examples")
    return np.asarray(np.partition(scores, k - 1, axis=0)[:k].sum(axis=0), np.float64)


def nearest_others(own: FloatArray, k: int = NEAREST) -> FloatArray:
    """(k, n) what the k others that it fits best say of each example's mark, ascending along the first axis.

    Args:
        own: (n, n), ``own[i, j]`` is how badly the mark of example j fits example i. The diagonal is not looked at: an
            example that vouches for itself would make every score zero, and the promise empty.
        k: how many; there must be more than k examples.
    """
    others = np.array(own, np.float64)
    np.fill_diagonal(others, np.inf)
    if len(others) <= k:
        raise InputError(
            f"{len(others)} examples are too few: each is scored by the {k} others it fits best, so mark "
            f"at least {k + 1}"
        )
    return np.asarray(np.sort(others, axis=0)[:k])


def leave_one_out(own: FloatArray, k: int = NEAREST) -> FloatArray:
    """(n,) the score of each example's mark by the others; arguments as for ``nearest_others``."""
    return np.asarray(nearest_others(own, k).sum(axis=0))


def full_conformal(
    scores: FloatArray, nearest: FloatArray, says: FloatArray, alpha: float, chance: float = 1.0
) -> BoolArray:
    """(M,) which candidates stay when each joins the examples as if it were the truth.

    All n + 1 marks are then scored alike. A candidate stays when the marks that fit the others worse than it does,
    and ``chance`` times those that fit as well (itself among them), are more than ``alpha (n + 1)``. On exchangeable
    pictures the truth stays with probability 1 - alpha exactly when ``chance`` is uniform; when it is 1, with
    1 - alpha at least and, without ties, 1 - alpha + 1 / (n + 1) at most.

    Args:
        scores: (M,) of the candidates, from ``aggregate``.
        nearest: (k, n) from ``nearest_others``.
        says: (M, n) how badly the mark of each example fits the candidate, were it an example.
        alpha: the share of misses allowed, between 0 and 1.
        chance: drawn from 0..1, once for a picture; the larger the set the larger it is.
    """
    # the candidate takes the place of the worst of the k nearest where it fits better
    joined = nearest.sum(axis=0) - np.maximum(nearest[-1] - says, 0)
    worse, alike = (joined > scores[:, None]).sum(axis=1), (joined == scores[:, None]).sum(axis=1) + 1
    return np.asarray(worse + chance * alike > alpha * (nearest.shape[1] + 1) + 1e-9)  # as in ``conformal_rank``


def prediction_set(scores: FloatArray, calibration: FloatArray, alpha: float) -> PredictionSet:
    """The candidates whose score is no worse than calibration allows.

    Serves CAOS (``scores`` from ``aggregate``, ``calibration`` from ``leave_one_out``) and, as split conformal
    prediction, any detector that scores candidates: calibration then holds its score of the truth on n pictures that it
    did not learn from.

    Args:
        scores: of the candidates, any shape, larger is worse.
        calibration: (n,).
        alpha: the share of misses allowed, between 0 and 1.

    Returns:
        With fewer examples than ``examples_needed(alpha)`` every candidate belongs; ``too_few`` says why.
    """
    threshold = conformal_threshold(calibration, alpha)
    return PredictionSet(np.asarray(scores <= threshold), np.asarray(scores, np.float64), threshold)
