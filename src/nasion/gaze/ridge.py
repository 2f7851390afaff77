"""Corrections fitted to a few known looks, and the rule that none may make things worse.

A correction is a linear map of a frame's numbers, with a constant. It is chosen by leaving out one target after the
other: none, a constant, or ridge with one of several strengths; what does not beat "none" there is not applied.

Sources: EMC-Gaze, arXiv 2603.12388 (closed-form ridge head); Hoerl and Kennard, "Ridge Regression", Technometrics 1970.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray, InputError, IntArray

STRENGTHS = tuple(float(10**e) for e in np.arange(-3, 4.01, 0.5))
FEWEST = 3  # targets from which leaving one out says anything


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """What is added to an uncalibrated estimate.

    Attributes:
        kind: ``"none"``, ``"constant"`` or ``"ridge"``.
        weights: (F, 2), all 0 but for ridge.
        constant: (2,).
        strength: of the ridge; infinite for a constant.
        left_out: kind to the root mean squared error on targets left out; of ridge the best one's. Empty when there
            were too few targets to leave any out.
    """

    kind: str
    weights: FloatArray
    constant: FloatArray
    strength: float
    left_out: dict[str, float]

    def __call__(self, features: FloatArray) -> FloatArray:
        """(N, F) to (N, 2)."""
        return np.asarray(features @ self.weights + self.constant)


def fit_ridge(features: FloatArray, wanted: FloatArray, strength: float) -> tuple[FloatArray, FloatArray]:
    """Least squares with a penalty ``strength`` on the squared weights and none on the constant.

    Args:
        features: (N, F).
        wanted: (N, T).
        strength: 0 or more; infinite leaves the constant alone, the mean of ``wanted``.

    Returns:
        (F, T) weights and the (T,) constant.
    """
    middle, aim = features.mean(axis=0), wanted.mean(axis=0)
    if not np.isfinite(strength):
        return np.zeros((features.shape[1], wanted.shape[1])), np.asarray(aim)
    x, y = features - middle, wanted - aim
    if len(x) < x.shape[1] and strength > 0:  # the same solution by the smaller of both systems
        weights = x.T @ np.linalg.solve(x @ x.T + strength * np.eye(len(x)), y)
    else:
        weights = np.linalg.lstsq(x.T @ x + strength * np.eye(x.shape[1]), x.T @ y, rcond=None)[0]
    return np.asarray(weights), np.asarray(aim - middle @ weights)


def fit_guarded(
    features: FloatArray, wanted: FloatArray, target: IntArray, caution: float = 1.0, margin: float = 1.0
) -> Correction:
    """The correction that does best on targets left out, or none.

    Args:
        features: (N, F), comparable in scale.
        wanted: (N, 2), what is missing from the uncalibrated estimate.
        target: (N,) which target each frame looks at: frames of one target are left out together.
        caution: how many targets' worth of belief that nothing needs correcting: a constant from k targets is
            k / (k + caution) of their mean. It alone is applied where fewer than three targets are known.
        margin: what a correction's error must be of "none"'s to be taken, at most 1.

    Raises:
        InputError: there is no frame, or the lengths differ.
    """
    if not len(features) or not len(features) == len(wanted) == len(target):
        raise InputError(
            f"a calibration needs as many features as wanted values and targets, at least one; got {len(features)}, "
            f"{len(wanted)} and {len(target)}"
        )
    names = np.unique(target)
    nothing = np.zeros((features.shape[1], 2))
    constant = _constant(wanted, target, caution)
    if len(names) < FEWEST:
        return Correction("constant", nothing, constant, np.inf, {})
    off = {"none": wanted, "constant": np.empty_like(wanted)}
    ridges = {strength: np.empty_like(wanted) for strength in STRENGTHS}
    for name in names:
        out, kept = target == name, target != name
        off["constant"][out] = wanted[out] - _constant(wanted[kept], target[kept], caution)
        for strength, left in ridges.items():
            weights, shift = fit_ridge(features[kept], wanted[kept], strength)
            left[out] = wanted[out] - features[out] @ weights - shift
    error = {kind: _root_mean_square(values) for kind, values in off.items()}
    each = {strength: _root_mean_square(values) for strength, values in ridges.items()}
    best = min(each, key=lambda strength: (each[strength], -strength))
    error["ridge"] = each[best]
    kind = min(error, key=lambda name: error[name] * (1.0 if name == "none" else 1 / margin))
    if kind == "none":
        return Correction(kind, nothing, np.zeros(2), np.inf, error)
    if kind == "constant":
        return Correction(kind, nothing, constant, np.inf, error)
    return Correction(kind, *fit_ridge(features, wanted, best), best, error)


def _constant(wanted: FloatArray, target: IntArray, caution: float) -> FloatArray:
    count = len(np.unique(target))
    return np.asarray(wanted.mean(axis=0) * count / (count + caution))


def _root_mean_square(values: FloatArray) -> float:
    return float(np.sqrt((values**2).sum(axis=1).mean()))
