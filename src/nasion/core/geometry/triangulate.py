"""Points in space from several calibrated views."""

from __future__ import annotations

import numpy as np

from nasion.core.arrays import BoolArray, FloatArray
from nasion.core.errors import InputError

STEPS = 4


def triangulate(pixels: FloatArray, projections: FloatArray, valid: BoolArray | None = None) -> FloatArray:
    """World points with the least squared reprojection error.

    A linear start (direct linear transformation), then Gauss-Newton on the reprojection error (Hartley and Zisserman,
    "Multiple View Geometry", 2004, chapter 12).

    Args:
        pixels: (V, N, 2) px, undistorted; what is not valid may be NaN.
        projections: (V, 3, 4), world to homogeneous px.
        valid: (V, N) which pixels to use; None all finite ones.

    Returns:
        (N, 3) in the unit of the rig; NaN where fewer than two views are valid.

    Raises:
        InputError: shapes that do not fit.
    """
    pixels, projections = np.asarray(pixels, np.float64), np.asarray(projections, np.float64)
    if pixels.ndim != 3 or pixels.shape[2] != 2 or projections.shape != (len(pixels), 3, 4):
        raise InputError(
            f"triangulation takes (V, N, 2) px and (V, 3, 4) projections, got {pixels.shape}, {projections.shape}"
        )
    usable = np.asarray(np.isfinite(pixels).all(axis=2))
    if valid is not None:
        usable = usable & np.asarray(valid, bool)
    enough = usable.sum(0) >= 2
    out = np.full((pixels.shape[1], 3), np.nan)
    if not enough.any():
        return out
    at, weight = np.where(usable[..., None], pixels, 0)[:, enough], usable[:, enough].astype(np.float64)
    rows = at[..., None] * projections[:, None, None, 2] - projections[:, None, :2]  # (V, N, 2, 4)
    rows = rows / np.linalg.norm(rows[..., :3], axis=3, keepdims=True) * weight[..., None, None]
    rows = rows.transpose(1, 0, 2, 3).reshape(at.shape[1], -1, 4)
    # The scale of the last column is px * mm against px: without it the start is poor for small objects far away.
    scale = np.abs(rows[..., 3]).max() + 1e-12
    rows[..., 3] /= scale
    homogeneous = np.linalg.svd(rows)[2][:, -1]
    point = homogeneous[:, :3] / (homogeneous[:, 3:] / scale)
    for _ in range(STEPS):
        off, slope = _residuals(point, at, projections)
        slope = slope * weight[..., None, None]
        normal = np.einsum("vnki,vnkj->nij", slope, slope)
        right = np.einsum("vnki,vnk->ni", slope, off * weight[..., None])
        point = point - np.linalg.solve(normal + 1e-12 * np.eye(3), right[..., None])[..., 0]
    out[enough] = point
    return out


def reproject(points: FloatArray, projections: FloatArray) -> FloatArray:
    """(V, N, 2) px of (N, 3) world points in views with (V, 3, 4) projections."""
    homogeneous = np.einsum("vij,nj->vni", projections[..., :3], points) + projections[:, None, :, 3]
    return np.asarray(homogeneous[..., :2] / homogeneous[..., 2:])


def widest_angle(points: FloatArray, centers: FloatArray, valid: BoolArray) -> FloatArray:
    """(N,) degrees, the largest angle at which two valid views see a point; 0 with fewer than two.

    Args:
        points: (N, 3).
        centers: (V, 3) where the cameras stand.
        valid: (V, N).
    """
    rays = points[None] - centers[:, None]
    rays = rays / np.linalg.norm(rays, axis=2, keepdims=True)
    cosine = np.einsum("vni,wni->nvw", rays, rays)
    both = (valid[:, None] & valid[None]).transpose(2, 0, 1)
    return np.asarray(np.degrees(np.arccos(np.clip(np.where(both, cosine, 1), -1, 1))).max((1, 2)))


def _residuals(point: FloatArray, at: FloatArray, projections: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(V, N, 2) px off, and (V, N, 2, 3) its slope in the point's place."""
    h = np.einsum("vij,nj->vni", projections[..., :3], point) + projections[:, None, :, 3]
    seen = h[..., :2] / h[..., 2:]
    slope = (projections[:, None, :2, :3] - seen[..., None] * projections[:, None, 2:, :3]) / h[..., 2:, None]
    return seen - at, slope
