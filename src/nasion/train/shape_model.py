"""A point distribution model of faces: which shapes there are, and the nearest of them to a given one.

Source: Cootes et al., "Active Shape Models: Their Training and Application", CVIU 61 (1995). Shapes are brought onto
the mean by a similarity first, so that the modes hold the face and not how it stands in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray, InputError

LIMIT = 3.0  # standard deviations that a mode may reach
_ROUNDS = 5  # of aligning to the mean and taking it anew; it stands still after three


@dataclass(frozen=True, slots=True, eq=False)
class ShapeModel:
    """Mean shape and modes.

    Attributes:
        mean: (K, 2), in the unit of the shapes it was fitted to.
        modes: (M, 2 K) orthonormal rows, the widest first.
        spread: (M,) standard deviation along each mode.
    """

    mean: FloatArray
    modes: FloatArray
    spread: FloatArray

    @classmethod
    def fit(cls, shapes: FloatArray, variance: float = 0.9) -> ShapeModel:
        """Learn from shapes.

        Args:
            shapes: (N, K, 2); faces with NaN are left out.
            variance: 0..1, the share of the variance that the modes kept have together.

        Raises:
            InputError: fewer than 10 whole shapes, or a share outside 0..1.
        """
        whole = np.asarray(shapes, np.float64)
        whole = whole[np.isfinite(whole).all(axis=(1, 2))]
        if len(whole) < 10 or not 0 < variance <= 1:
            raise InputError(f"a shape model needs 10 whole shapes and 0 < variance <= 1, got {len(whole)}, {variance}")
        mean = whole.mean(axis=0)
        for _ in range(_ROUNDS):
            aligned = _apply(whole, *_onto(whole, mean))
            mean = _apply(aligned.mean(axis=0)[None], *_onto(aligned.mean(axis=0)[None], mean))[0]
        flat = (aligned - mean).reshape(len(aligned), -1)
        _, size, modes = np.linalg.svd(flat, full_matrices=False)
        share = (size**2).cumsum() / (size**2).sum()
        kept = int(np.searchsorted(share, variance - 1e-12)) + 1 if variance < 1 else int((size > 1e-9 * size[0]).sum())
        return cls(mean, modes[:kept], size[:kept] / np.sqrt(len(aligned)))

    def smooth(self, points: FloatArray) -> FloatArray:
        """The nearest shape of the model to each of (N, K, 2), no mode beyond 3 standard deviations."""
        linear, shift = _onto(np.asarray(points, np.float64), self.mean)
        within = np.clip(self._coefficients(points), -LIMIT, LIMIT) * self.spread
        soft = self.mean + (within @ self.modes).reshape(len(points), -1, 2)
        return np.asarray((soft - shift[:, None]) @ np.linalg.inv(linear).transpose(0, 2, 1))

    def strangeness(self, points: FloatArray) -> FloatArray:
        """(N,) the farthest mode of each of (N, K, 2), in standard deviations: above 3 it is hardly a face."""
        return np.asarray(np.abs(self._coefficients(points)).max(axis=1))

    def _coefficients(self, points: FloatArray) -> FloatArray:
        points = np.asarray(points, np.float64)
        flat = (_apply(points, *_onto(points, self.mean)) - self.mean).reshape(len(points), -1)
        return np.asarray(flat @ self.modes.T / self.spread)


def _onto(shapes: FloatArray, mean: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The least-squares similarity of each (N, K, 2) onto ``mean``: (N, 2, 2) and (N, 2)."""
    middle, target = shapes.mean(axis=1, keepdims=True), mean.mean(axis=0)
    s, d = shapes - middle, mean - target
    size = np.maximum((s**2).sum(axis=(1, 2)), 1e-12)
    a = (s * d).sum(axis=(1, 2)) / size
    b = (s[..., 0] * d[:, 1] - s[..., 1] * d[:, 0]).sum(axis=1) / size
    linear = np.stack([np.stack([a, -b], 1), np.stack([b, a], 1)], 1)
    return linear, target - np.einsum("nij,nj->ni", linear, middle[:, 0])


def _apply(shapes: FloatArray, linear: FloatArray, shift: FloatArray) -> FloatArray:
    return np.asarray(shapes @ linear.transpose(0, 2, 1) + shift[:, None])
