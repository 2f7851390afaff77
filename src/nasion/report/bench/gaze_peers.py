"""What calibrated gaze is measured beside: the middle of the screen, and linear fits to the toolkit's raw features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nasion.core import FloatArray, IntArray
from nasion.gaze.ridge import fit_ridge

STRENGTHS = tuple(float(10**e) for e in np.arange(-3, 3.01, 0.5))
ALPHAS = tuple(float(10**e) for e in np.arange(-4, -0.49, 0.5))
MIX, ROUNDS = 0.5, 300  # share of the absolute penalty; sweeps over the features

Fit = Callable[[FloatArray, FloatArray, float], tuple[FloatArray, FloatArray]]


def elastic_net(x: FloatArray, y: FloatArray, alpha: float) -> tuple[FloatArray, FloatArray]:
    """Least squares with both penalties, by coordinate descent (Friedman, Hastie and Tibshirani, J. Stat. Softw. 2010).

    Args:
        x: (N, F).
        y: (N, T).
        alpha: of both penalties, half of it on absolute values.

    Returns:
        (F, T) weights and the (T,) constant.
    """
    middle, aim = x.mean(axis=0), y.mean(axis=0)
    x, left = x - middle, y - aim
    weights, size = np.zeros((x.shape[1], y.shape[1])), (x**2).mean(axis=0)
    for _ in range(ROUNDS):
        moved = 0.0
        for f in np.flatnonzero(size > 1e-12):
            wish = x[:, f] @ left / len(x) + size[f] * weights[f]
            new = np.sign(wish) * np.clip(np.abs(wish) - alpha * MIX, 0, None) / (size[f] + alpha * (1 - MIX))
            change = new - weights[f]
            if np.abs(change).max() > 0:
                left -= np.outer(x[:, f], change)
                weights[f] = new
                moved = max(moved, float(np.abs(change).max()))
        if moved < 1e-6:
            break
    return weights, aim - middle @ weights


def fit_and_look(
    fit: Fit, strengths: tuple[float, ...], x: FloatArray, y: FloatArray, target: IntArray, later: FloatArray
) -> tuple[FloatArray, float]:
    """Fit to standardised features, the strength chosen by leaving out one target after the other.

    Args:
        fit: features, values and strength to weights and constant.
        strengths: to choose from.
        x: (N, F) of the calibration.
        y: (N, 2) what was looked at.
        target: (N,) which target each frame looks at.
        later: (M, F) of other frames.

    Returns:
        (M, 2) where they look, and the strength.
    """
    middle, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
    x, later = (x - middle) / spread, (later - middle) / spread

    def left_out(strength: float) -> float:
        total = 0.0
        for name in np.unique(target):
            out = target == name
            weights, constant = fit(x[~out], y[~out], strength)
            total += float(((y[out] - x[out] @ weights - constant) ** 2).sum())
        return total

    best = min(strengths, key=left_out)
    weights, constant = fit(x, y, best)
    return later @ weights + constant, best


def raw_ridge(x: FloatArray, y: FloatArray, target: IntArray, later: FloatArray) -> tuple[FloatArray, float]:
    """Ridge on raw features; see `fit_and_look`."""
    return fit_and_look(fit_ridge, STRENGTHS, x, y, target, later)


def raw_elastic_net(x: FloatArray, y: FloatArray, target: IntArray, later: FloatArray) -> tuple[FloatArray, float]:
    """Elastic net on raw features; see `fit_and_look`. ``y`` is best of the order of 1."""
    return fit_and_look(elastic_net, ALPHAS, x, y, target, later)
