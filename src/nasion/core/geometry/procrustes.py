"""Shapes without place, turn and size.

Source: Gower, "Generalized Procrustes Analysis", Psychometrika 1975.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core.arrays import FloatArray
from nasion.core.errors import InputError
from nasion.core.geometry.similarity import apply_affine, umeyama


def procrustes(src: FloatArray, dst: FloatArray, weights: FloatArray | None = None) -> tuple[FloatArray, float]:
    """Lay ``src`` (N, d) on ``dst`` (N, d) by the best similarity.

    Returns:
        (N, d) float64 aligned points, and the root of the weighted mean squared distance left, in the unit of ``dst``.
    """
    aligned = apply_affine(umeyama(src, dst, weights), src)
    w = np.ones(len(aligned)) if weights is None else np.asarray(weights, np.float64)
    used = w > 0
    squares = ((aligned - dst)[used] ** 2).sum(1)
    return aligned, float(np.sqrt(w[used] @ squares / w.sum()))


@dataclass(frozen=True, slots=True, eq=False)
class GeneralizedProcrustes:
    """Many shapes laid on their common mean.

    Attributes:
        mean: (N, d) float64, centred, root mean square distance of its points from their centroid 1, turned nearly
            like the first shape.
        aligned: (F, N, d) float64, each shape on the mean.
        converged: whether the mean had settled to ``tolerance`` when the rounds ended.
    """

    mean: FloatArray
    aligned: FloatArray
    converged: bool


def generalized_procrustes(shapes: FloatArray, rounds: int = 50, tolerance: float = 1e-9) -> GeneralizedProcrustes:
    """The mean of (F, N, d) shapes, each free to move, turn and grow.

    Args:
        shapes: no NaN; d is 2 or 3.
        rounds: at most so many times are the shapes laid on the mean and averaged again.
        tolerance: stop when no coordinate of the mean (of unit size) moves more than this.
    """
    shapes = np.asarray(shapes, np.float64)
    if shapes.ndim != 3 or len(shapes) == 0 or not np.isfinite(shapes).all():
        raise InputError(f"need a finite (F, N, d) array with F >= 1 shapes, got shape {shapes.shape}")
    mean = _unit(shapes[0])
    aligned, converged = shapes, False
    for _ in range(rounds):
        aligned = np.stack([apply_affine(umeyama(shape, mean), shape) for shape in shapes])
        update = _unit(aligned.mean(0))
        converged = bool(np.abs(update - mean).max() <= tolerance)
        mean = update
        if converged:
            break
    return GeneralizedProcrustes(mean, aligned, converged)


def _unit(shape: FloatArray) -> FloatArray:
    centred = shape - shape.mean(0)
    size = float(np.sqrt((centred**2).sum(1).mean()))
    if size == 0:
        raise InputError("the points of a shape coincide: it has no size")
    return np.asarray(centred / size)
