"""Similarity and affine maps as (d, d+1) matrices ``[A | b]``: a point p goes to A p + b. d is 2 or 3."""

from __future__ import annotations

import numpy as np

from nasion.core.arrays import FloatArray
from nasion.core.errors import InputError


def umeyama(src: FloatArray, dst: FloatArray, weights: FloatArray | None = None, scale: bool = True) -> FloatArray:
    """The rotation, shift and (if ``scale``) size that lay ``src`` on ``dst`` with the least weighted squared error.

    Never a reflection. Source: Umeyama, "Least-Squares Estimation of Transformation Parameters Between Two Point
    Patterns", PAMI 1991.

    Args:
        src, dst: (N, d) points, any unit.
        weights: (N,) not negative; all 1 when left out.
        scale: False keeps the size.

    Returns:
        (d, d+1) float64.

    Raises:
        InputError: the shapes differ, a number is not finite, or the points with weight all coincide.
    """
    a, b, w = _checked(src, dst, weights)
    w = w / w.sum()
    mean_a, mean_b = w @ a, w @ b
    a, b = a - mean_a, b - mean_b
    spread = float(w @ (a**2).sum(1))
    if spread <= 1e-20 * max(1.0, float(mean_a @ mean_a)):
        raise InputError("the source points coincide: no similarity is defined; give at least two different points")
    u, singular, vt = np.linalg.svd((b * w[:, None]).T @ a)
    sign = np.ones(a.shape[1])
    sign[-1] = 1.0 if np.linalg.det(u) * np.linalg.det(vt) > 0 else -1.0
    linear = (u * sign) @ vt
    if scale:
        linear = linear * (float(singular @ sign) / spread)
    return np.concatenate([linear, (mean_b - linear @ mean_a)[:, None]], axis=1)


def apply_affine(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """(..., d) points after the (d, d+1) ``matrix``, float64."""
    d = _dimension(matrix)
    points = np.asarray(points, np.float64)
    if points.shape[-1:] != (d,):
        raise InputError(f"a {matrix.shape} matrix moves {d}-D points, got an array of shape {points.shape}")
    return np.asarray(points @ matrix[:, :d].T + matrix[:, d])


def invert_affine(matrix: FloatArray) -> FloatArray:
    """The (d, d+1) matrix that undoes ``matrix``.

    Raises:
        InputError: it flattens space, so nothing can undo it.
    """
    d = _dimension(matrix)
    linear = np.asarray(matrix[:, :d], np.float64)
    # relative to the matrix's own size: a map to millimetres or to thumbnails is small without being flat
    if not np.isfinite(linear).all() or abs(np.linalg.det(linear)) <= 1e-12 * np.linalg.norm(linear) ** d:
        raise InputError(f"this map flattens space and cannot be inverted: {np.asarray(matrix).tolist()}")
    inverse = np.linalg.inv(linear)
    return np.concatenate([inverse, -inverse @ matrix[:, d:]], axis=1)


def compose(*matrices: FloatArray) -> FloatArray:
    """One (d, d+1) matrix that does ``matrices`` from the last to the first, as a product of matrices would."""
    if not matrices:
        raise InputError("compose needs at least one matrix")
    d = _dimension(matrices[0])
    total = np.eye(d, d + 1)
    for matrix in matrices:
        if _dimension(matrix) != d:
            raise InputError(f"cannot compose maps of {d}-D and {_dimension(matrix)}-D points")
        shift = total[:, :d] @ matrix[:, d] + total[:, d]
        total = np.concatenate([total[:, :d] @ matrix[:, :d], shift[:, None]], axis=1)
    return total


def _dimension(matrix: FloatArray) -> int:
    if np.shape(matrix) not in ((2, 3), (3, 4)):
        raise InputError(f"an affine map is a (2, 3) or (3, 4) matrix, got shape {np.shape(matrix)}")
    return len(matrix)


def _checked(src: FloatArray, dst: FloatArray, weights: FloatArray | None) -> tuple[FloatArray, FloatArray, FloatArray]:
    a, b = np.asarray(src, np.float64), np.asarray(dst, np.float64)
    if a.ndim != 2 or a.shape != b.shape or a.shape[1] not in (2, 3) or len(a) < 2:
        raise InputError(f"need two (N, 2) or (N, 3) arrays of the same N >= 2, got {a.shape} and {b.shape}")
    w = np.ones(len(a)) if weights is None else np.asarray(weights, np.float64)
    if w.shape != (len(a),) or not (w >= 0).all() or w.sum() <= 0:
        raise InputError(f"weights must be {len(a)} numbers >= 0, not all 0; got shape {w.shape}")
    used = w > 0
    if not (np.isfinite(a[used]).all() and np.isfinite(b[used]).all()):
        raise InputError("a point is NaN or infinite: give it weight 0 or leave it out")
    return np.where(used[:, None], a, 0.0), np.where(used[:, None], b, 0.0), w
