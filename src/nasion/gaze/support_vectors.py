"""Support vector regression with a Gaussian kernel, for the few hundred looks of a calibration.

Solved in the dual by alternating directions: a linear system that stays the same, then the limits of each number; the
constant is part of the kernel, so that these are independent. Sources: Drucker et al., "Support Vector Regression
Machines", NIPS 1996; Boyd et al., "Distributed Optimization and Statistical Learning via the Alternating Direction
Method of Multipliers", 2011.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray, InputError

ROUNDS, STILL = 1000, 1e-5  # at most; the largest step, in shares of the cost, at which it has converged
PULL = 0.3  # of the two halves of the problem towards each other


@dataclass(frozen=True, slots=True, eq=False)
class SupportVectors:
    """A fitted regression.

    Attributes:
        rows: (N, F) that it was fitted to.
        weight: (N, T) of each, 0 of those that are no support vectors.
        gamma: of the kernel exp(-gamma d^2).
        middle: (T,) added to every value.
    """

    rows: FloatArray
    weight: FloatArray
    gamma: float
    middle: FloatArray

    def __call__(self, features: FloatArray) -> FloatArray:
        """(M, F) to (M, T)."""
        return np.asarray(kernel(np.asarray(features, np.float64), self.rows, self.gamma) @ self.weight + self.middle)


def kernel(a: FloatArray, b: FloatArray, gamma: float) -> FloatArray:
    """(M, N): exp(-gamma |a - b|^2) + 1; the one stands for a constant."""
    apart = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.asarray(np.exp(-gamma * np.clip(apart, 0, None)) + 1)


def fit_support_vectors(
    features: FloatArray, wanted: FloatArray, cost: float, gamma: float, slack: float
) -> SupportVectors:
    """Fit each of T values for itself.

    Args:
        features: (N, F).
        wanted: (N, T).
        cost: the largest weight of a row.
        gamma: of the kernel.
        slack: an error up to this costs nothing, in the unit of ``wanted``.

    Raises:
        InputError: no rows, or lengths that differ.
    """
    x, y = np.asarray(features, np.float64), np.asarray(wanted, np.float64)
    if not len(x) or len(x) != len(y):
        raise InputError(f"support vectors need a value for every row, at least one: got {len(x)} and {len(y)}")
    middle = y.mean(axis=0)
    solve = np.linalg.inv(kernel(x, x, gamma) + PULL * np.eye(len(x)))
    weight = behind = np.zeros_like(y)
    for _ in range(ROUNDS):
        smooth = solve @ (y - middle + PULL * (weight - behind))
        before, ahead = weight, smooth + behind
        weight = np.clip(np.sign(ahead) * np.clip(np.abs(ahead) - slack / PULL, 0, None), -cost, cost)
        behind = ahead - weight
        if max(np.abs(weight - before).max(), np.abs(weight - smooth).max()) < STILL * cost:
            break
    return SupportVectors(x, np.asarray(weight), gamma, middle)
