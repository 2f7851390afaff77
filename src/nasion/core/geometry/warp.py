"""Warps that carry points from one face to another: thin-plate splines and piecewise affine maps.

Sources: Bookstein, "Principal Warps: Thin-Plate Splines and the Decomposition of Deformations", PAMI 1989; Cootes,
Edwards and Taylor, "Active Appearance Models", PAMI 2001 (piecewise affine).
"""

from __future__ import annotations

import numpy as np

from nasion.core.arrays import FloatArray, IntArray
from nasion.core.errors import InputError

EDGE = 1e-9  # barycentric coordinates this little below 0 still count as inside: a shared edge has no gap
PAIRS = 1_000_000  # points times triangles looked at in one go: 50 MB


class ThinPlateSpline:
    """The smoothest map of the plane that takes ``src`` to ``dst``. It follows any affine change exactly.

    Far from the control points it goes over into an affine map, so it is defined everywhere.
    """

    def __init__(self, src: FloatArray, dst: FloatArray, regularization: float = 0.0) -> None:
        """Fit.

        Args:
            src: (N, 2) control points, N >= 3, all different and not on one line.
            dst: (N, 2) where they go.
            regularization: 0 goes through ``dst`` exactly; larger values trade exactness for smoothness, in the limit
                the best affine map. Free of units: ``src`` is scaled to unit size first.

        Raises:
            InputError: wrong shapes, NaN, a negative regularization, or control points that do not span the plane.
        """
        a, b = _points("src", src), _points("dst", dst)
        if a.shape != b.shape:
            raise InputError(f"src and dst must pair up, got {len(a)} and {len(b)} points")
        if not regularization >= 0:
            raise InputError(f"regularization must be >= 0, got {regularization}")
        self._center = a.mean(0)
        self._size = float(np.sqrt(((a - self._center) ** 2).sum(1).mean())) or 1.0
        self._control = (a - self._center) / self._size
        n = len(a)
        if n < 3 or np.linalg.matrix_rank(self._control, tol=1e-9 * n) < 2:
            raise InputError("the control points lie on one line: give at least three that span the plane")
        affine = np.c_[np.ones(n), self._control]
        system = np.block([
            [_kernel(self._control, self._control) + regularization * np.eye(n), affine],
            [affine.T, np.zeros((3, 3))],
        ])  # fmt: skip
        try:
            solution = np.linalg.solve(system, np.concatenate([b, np.zeros((3, 2))]))
        except np.linalg.LinAlgError:
            raise InputError("two control points coincide: leave one out, or give regularization > 0") from None
        if regularization == 0 and not np.allclose(system[:n] @ solution, b, atol=1e-6 * (1 + np.abs(b).max())):
            raise InputError("two control points all but coincide: leave one out, or give regularization > 0")
        self._bend, self._affine = solution[:n], solution[n:]

    def __call__(self, points: FloatArray) -> FloatArray:
        """(M, 2) points to (M, 2) float64."""
        p = (_points("points", points) - self._center) / self._size
        return np.asarray(_kernel(p, self._control) @ self._bend + np.c_[np.ones(len(p)), p] @ self._affine)


def _kernel(a: FloatArray, b: FloatArray) -> FloatArray:
    """U(r) = r^2 log r between (M, 2) and (N, 2), as (M, N)."""
    squares = ((a[:, None] - b[None]) ** 2).sum(2)
    return np.asarray(squares * np.log(np.where(squares > 0, squares, 1.0)) / 2)


class PiecewiseAffine:
    """A map that is affine in each triangle of a mesh and joins without gaps along the edges.

    Outside the mesh there is no map: points there come back as NaN. On an edge that two triangles share both agree.
    """

    def __init__(self, src: FloatArray, dst: FloatArray, triangles: IntArray) -> None:
        """Prepare.

        Args:
            src: (N, 2) vertices where points are given.
            dst: (N, 2) the same vertices where points go.
            triangles: (T, 3) vertex indices, such as a scheme's own mesh or ``scipy.spatial.Delaunay(src).simplices``.

        Raises:
            InputError: wrong shapes, NaN, an index out of range, or a triangle without area in ``src``.
        """
        a, b = _points("src", src), _points("dst", dst)
        t = np.asarray(triangles)
        if a.shape != b.shape:
            raise InputError(f"src and dst must pair up, got {len(a)} and {len(b)} points")
        if t.ndim != 2 or t.shape[1] != 3 or len(t) == 0 or not np.issubdtype(t.dtype, np.integer):
            raise InputError(f"triangles must be (T, 3) whole numbers, got {t.dtype} of shape {t.shape}")
        if t.min() < 0 or t.max() >= len(a):
            raise InputError(f"triangles name vertices {t.min()}..{t.max()}, but there are only 0..{len(a) - 1}")
        self._corner = a[t[:, 0]]
        edges = np.stack([a[t[:, 1]] - self._corner, a[t[:, 2]] - self._corner], axis=2)
        area = np.abs(np.linalg.det(edges))
        flat = area <= 1e-12 * np.maximum((edges**2).sum((1, 2)), 1e-300)
        if flat.any():
            raise InputError(f"triangle {int(np.argmax(flat))} has no area in src: {t[np.argmax(flat)].tolist()}")
        self._inverse = np.linalg.inv(edges)
        self._dst, self._triangles = b, t

    def locate(self, points: FloatArray) -> tuple[IntArray, FloatArray]:
        """The triangle of each of (M, 2) points, and where in it.

        Returns:
            (M,) triangle index, -1 outside the mesh (the first one where triangles overlap); (M, 3) barycentric
            coordinates, NaN outside.
        """
        p = _points("points", points)
        index, weights = np.full(len(p), -1, np.intp), np.full((len(p), 3), np.nan)
        block = max(1, PAIRS // len(self._triangles))
        for start in range(0, len(p), block):
            away = p[start : start + block, None] - self._corner[None]
            local = np.einsum("tij,mtj->mti", self._inverse, away)
            inside = (local >= -EDGE).all(axis=2) & (local.sum(axis=2) <= 1 + EDGE)
            point, triangle = np.nonzero(inside)
            # written backwards, so that the first triangle of a point is the one that stays
            index[start + point[::-1]] = triangle[::-1]
            chosen = local[point[::-1], triangle[::-1]]
            weights[start + point[::-1]] = np.c_[1 - chosen.sum(axis=1), chosen]
        return index, weights

    def __call__(self, points: FloatArray) -> FloatArray:
        """(M, 2) points to (M, 2) float64; NaN outside the mesh."""
        index, weights = self.locate(points)
        return np.asarray(np.einsum("mk,mki->mi", weights, self._dst[self._triangles[index]]))


def _points(name: str, points: FloatArray) -> FloatArray:
    array = np.asarray(points, np.float64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise InputError(f"{name} must be (N, 2), got shape {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds NaN or infinite numbers: leave those points out")
    return array
