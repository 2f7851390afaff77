"""Pose of a known 3-D point set from its picture (perspective-n-point), for one face or many at once.

A weak-perspective fit starts, Levenberg-Marquardt on the reprojection error in pixels finishes. Flat point sets look
alike from two sides under weak perspective, so both are tried and the better one is kept.

Sources: DeMenthon and Davis, "Model-Based Object Pose in 25 Lines of Code", IJCV 1995 (the start); Oberkampf, DeMenthon
and Davis, "Iterative Pose Estimation Using Coplanar Feature Points", CVIU 1996 (the two sides of flat sets).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core.arrays import BoolArray, FloatArray, IntArray
from nasion.core.camera import Camera
from nasion.core.errors import InputError
from nasion.core.geometry.rotation import nearest_rotation, rotation_from_vector

FLAT = 1e-6  # smallest over largest variance of the 3-D points below which they count as flat (or, the next, as a line)
STEPS = 50  # exact data settle in 4..8


@dataclass(frozen=True, slots=True, eq=False)
class PnPResult:
    """A pose: camera coordinates = rotation @ point + translation.

    Attributes:
        rotation: (3, 3) float64, object to camera; (B, 3, 3) for a batch.
        translation: (3,) float64, in the unit of the 3-D points; (B, 3) for a batch.
        residual_px: root of the weighted mean squared reprojection distance, px; (B,) for a batch.
        converged: whether the last step was too small to matter; (B,) for a batch. When False do not believe the pose.
    """

    rotation: FloatArray
    translation: FloatArray
    residual_px: float
    converged: bool


@dataclass(frozen=True, slots=True, eq=False)
class PnPBatch:
    """Poses of B point sets. What cannot be solved is NaN with ``converged`` False.

    Attributes:
        rotation: (B, 3, 3) float64, object to camera.
        translation: (B, 3) float64, in the unit of the 3-D points.
        residual_px: (B,) float64.
        converged: (B,).
    """

    rotation: FloatArray
    translation: FloatArray
    residual_px: FloatArray
    converged: BoolArray


def solve_pnp(points3d: FloatArray, pixels: FloatArray, camera: Camera, weights: FloatArray | None = None) -> PnPResult:
    """The pose under which ``camera`` sees ``points3d`` at ``pixels``, by weighted least squares in pixels.

    Args:
        points3d: (N, 3) in the object's own frame, any unit.
        pixels: (N, 2) px. Points that are NaN need weight 0.
        camera: the camera that took the picture.
        weights: (N,) not negative, of the squared distances; all 1 when left out. 1 / sigma^2 is the natural choice.

    Raises:
        InputError: wrong shapes; NaN where there is weight; fewer than 4 points with weight; points on one line.
    """
    if np.ndim(pixels) != 2:
        raise InputError(f"pixels must be (N, 2), got shape {np.shape(pixels)}; for many faces see solve_pnp_batch")
    batch = solve_pnp_batch(
        points3d, np.asarray(pixels)[None], camera, None if weights is None else np.asarray(weights)[None]
    )
    if np.isnan(batch.residual_px[0]):
        raise InputError(
            "no pose from these points: at least 4 with weight, finite and not all on one line or one spot are needed"
        )
    return PnPResult(batch.rotation[0], batch.translation[0], float(batch.residual_px[0]), bool(batch.converged[0]))


def solve_pnp_batch(
    points3d: FloatArray, pixels: FloatArray, camera: Camera, weights: FloatArray | None = None
) -> PnPBatch:
    """``solve_pnp`` for B faces in one picture, vectorised.

    Args:
        points3d: (N, 3) for all, or (B, N, 3).
        pixels: (B, N, 2) px.
        camera: the camera of all.
        weights: (B, N) not negative.

    Raises:
        InputError: wrong shapes or negative weights. A face without a solution is no error: it comes back as NaN.
    """
    pixels = np.asarray(pixels, np.float64)
    points = np.asarray(points3d, np.float64)
    if pixels.ndim != 3 or pixels.shape[2] != 2:
        raise InputError(f"pixels must be (B, N, 2), got shape {pixels.shape}")
    if points.shape[-2:] != (pixels.shape[1], 3) or points.ndim not in (2, 3):
        raise InputError(f"{pixels.shape[1]} pixels need points3d of shape ({pixels.shape[1]}, 3), got {points.shape}")
    if points.ndim == 3 and len(points) != len(pixels):
        raise InputError(f"{len(pixels)} faces need as many 3-D point sets, got {len(points)}")
    w = np.ones(pixels.shape[:2]) if weights is None else np.asarray(weights, np.float64)
    if w.shape != pixels.shape[:2] or not (w >= 0).all():
        raise InputError(f"weights must be numbers >= 0 of shape {pixels.shape[:2]}, got shape {w.shape}")
    result = PnPBatch(
        np.full((len(pixels), 3, 3), np.nan),
        np.full((len(pixels), 3), np.nan),
        np.full(len(pixels), np.nan),
        np.zeros(len(pixels), bool),
    )
    points = np.broadcast_to(points, (len(pixels), *points.shape[-2:]))
    used = w > 0
    finite = np.isfinite(pixels).all(2) & np.isfinite(points).all(2)
    able = ((used & finite).sum(1) >= 4) & ~(used & ~finite).any(1)
    if able.any():
        _solve(points[able], pixels[able], w[able], camera, result, np.flatnonzero(able))
    return result


def _solve(
    points: FloatArray, pixels: FloatArray, w: FloatArray, camera: Camera, result: PnPBatch, place: IntArray
) -> None:
    """Solve sets with enough finite points and write them to ``result`` at ``place``."""
    used = (w > 0)[..., None]
    w = w / w.sum(1, keepdims=True)
    points, pixels = np.where(used, points, 0.0), np.where(used, pixels, 0.0)
    centre = np.einsum("bn,bni->bi", w, points)
    points = np.where(used, points - centre[:, None], 0.0)
    covariance = np.einsum("bn,bni,bnj->bij", w, points, points)
    variance, axes = np.linalg.eigh(covariance)
    axes[:, :, 0] *= np.linalg.det(axes)[:, None]  # eigh may return a left-handed set
    solvable = variance[:, 1] > FLAT * variance[:, 2]
    if not solvable.all():
        points, pixels, w, centre = (v[solvable] for v in (points, pixels, w, centre))
        place = place[solvable]
        covariance, variance, axes = covariance[solvable], variance[solvable], axes[solvable]
        if not solvable.any():
            return
    size = np.sqrt(variance.sum(1))
    points, variance = points / size[:, None, None], variance / (size**2)[:, None]
    focal = np.array([camera.fx, camera.fy])
    rays = (pixels - (camera.cx, camera.cy)) / focal
    moment = np.einsum("bn,bni,bnj->bij", w, rays - np.einsum("bn,bni->bi", w, rays)[:, None], points)
    flat = variance[:, 0] < FLAT * variance[:, 2]
    # the affine camera (2, 3) that fits best, in the axes of the point set so that the flat direction can be left out
    inverse = np.where(variance > FLAT * variance[:, 2:], 1 / np.maximum(variance, 1e-300), 0.0)
    affine = np.einsum("bij,bjk,bk->bik", moment, axes, inverse)
    start = np.empty((len(points), 3, 3))
    other = np.empty((int(flat.sum()), 3, 3))
    start[~flat] = nearest_rotation(_third_row(affine[~flat])) @ axes[~flat].transpose(0, 2, 1)
    start[flat], other[:] = (r @ axes[flat].transpose(0, 2, 1) for r in _two_sides(affine[flat][:, :, 1:]))
    mean = np.einsum("bn,bni->bi", w, rays)
    best = _refine(points, rays, w, focal, start, mean, moment)
    if flat.any():
        second = _refine(points[flat], rays[flat], w[flat], focal, other, mean[flat], moment[flat])
        better = np.flatnonzero(flat)[second[2] < best[2][flat]]
        chosen = second[2] < best[2][flat]
        for mine, theirs in zip(best, second, strict=True):
            mine[better] = theirs[chosen]
    rotation, translation, cost, converged = best
    result.rotation[place] = rotation
    result.translation[place] = translation * size[:, None] - np.einsum("bij,bj->bi", rotation, centre)
    result.residual_px[place] = np.sqrt(cost)
    result.converged[place] = converged


def _third_row(affine: FloatArray) -> FloatArray:
    """Complete (B, 2, 3) scaled rows to (B, 3, 3) nearly rotations."""
    rows = affine / np.maximum(np.linalg.norm(affine, axis=2, keepdims=True), 1e-300)
    return np.concatenate([rows, np.cross(rows[:, 0], rows[:, 1])[:, None]], axis=1)


def _two_sides(affine: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both rotations under which the plane of axes 1 and 2 looks as the (B, 2, 2) ``affine`` says."""
    first, second = affine[:, :, 0], affine[:, :, 1]
    skew = np.einsum("bi,bi->b", first, second)
    excess = (first**2).sum(1) - (second**2).sum(1)
    root = np.hypot(excess, 2 * skew)
    # third components that make the two columns equally long and square to each other
    depth1 = np.sqrt(np.maximum(root - excess, 0) / 2)
    depth2 = -np.sqrt(np.maximum(root + excess, 0) / 2) * np.where(skew < 0, -1.0, 1.0)
    sides = []
    for sign in (1.0, -1.0):
        columns = np.stack([np.c_[first, sign * depth1], np.c_[second, sign * depth2]], axis=2)
        columns /= np.maximum(np.linalg.norm(columns, axis=1, keepdims=True), 1e-300)
        normal = np.cross(columns[:, :, 0], columns[:, :, 1])
        sides.append(nearest_rotation(np.concatenate([normal[:, :, None], columns], axis=2)))
    return sides[0], sides[1]


def _refine(
    points: FloatArray, rays: FloatArray, w: FloatArray, focal: FloatArray, rotation: FloatArray, mean: FloatArray,
    moment: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:  # fmt: skip
    """Levenberg-Marquardt from ``rotation`` with the depth that suits it; points are centred and of unit size.

    Returns:
        Rotations, translations, weighted mean squared distances (px^2), and which have converged.
    """
    rows = rotation[:, :2]
    turned = points @ rotation.transpose(0, 2, 1)
    scale = np.einsum("bij,bij->b", rows, moment) / np.einsum("bn,bni->b", w, turned[..., :2] ** 2)
    nearest = np.where(w > 0, -turned[..., 2], -np.inf).max(1)
    depth = np.maximum(1 / np.maximum(scale, 1e-9), 1.5 * nearest)  # all points in front of the camera
    translation = np.concatenate([mean * depth[:, None], depth[:, None]], axis=1)
    damping = np.full(len(points), 1e-4)
    residual, cost = _residual(turned, translation, rays, w, focal)
    done = np.zeros(len(points), bool)
    for _ in range(STEPS):
        gradient, normal = _normal_equations(turned, translation, residual, w, focal)
        diagonal = normal[:, range(6), range(6)]
        normal[:, range(6), range(6)] += damping[:, None] * diagonal + 1e-15 * diagonal.max(1, keepdims=True)
        step = np.linalg.solve(normal, -gradient[..., None])[..., 0]
        trial_rotation = rotation_from_vector(step[:, :3]) @ rotation
        trial_turned = points @ trial_rotation.transpose(0, 2, 1)
        trial_translation = translation + step[:, 3:]
        trial_residual, trial_cost = _residual(trial_turned, trial_translation, rays, w, focal)
        small = np.abs(step).max(1) < 1e-9 * (1 + np.abs(translation[:, 2]))
        better = (trial_cost <= cost) & ~done
        rotation = np.where(better[:, None, None], trial_rotation, rotation)
        turned = np.where(better[:, None, None], trial_turned, turned)
        translation = np.where(better[:, None], trial_translation, translation)
        residual = np.where(better[:, None, None], trial_residual, residual)
        cost = np.where(better, trial_cost, cost)
        damping = np.clip(np.where(better, damping / 10, damping * 10), 1e-12, 1e12)
        done |= small
        if done.all():
            break
    return rotation, translation, cost, done


def _residual(
    turned: FloatArray, translation: FloatArray, rays: FloatArray, w: FloatArray, focal: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(B, N, 2) px off, and (B,) weighted mean squares; infinite where a point that counts is behind the camera."""
    seen = turned + translation[:, None]
    behind = seen[..., 2] <= 0
    depth = np.where(behind, 1.0, seen[..., 2])
    residual = (seen[..., :2] / depth[..., None] - rays) * focal
    cost = np.einsum("bn,bni,bni->b", w, residual, residual)
    return residual, np.where((behind & (w > 0)).any(1), np.inf, cost)


def _normal_equations(
    turned: FloatArray, translation: FloatArray, residual: FloatArray, w: FloatArray, focal: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(B, 6) gradient and (B, 6, 6) Gauss-Newton matrix for a turn about the camera axes and a shift."""
    x, y, z = np.moveaxis(turned, 2, 0)
    seen = turned + translation[:, None]
    inverse = 1 / np.where(seen[..., 2] > 0, seen[..., 2], 1.0)
    u, v, zero = seen[..., 0] * inverse, seen[..., 1] * inverse, np.zeros_like(x)
    across = np.stack([-u * y, z + u * x, -y, np.ones_like(x), zero, -u], axis=2) * (focal[0] * inverse)[..., None]
    down = np.stack([-z - v * y, v * x, x, zero, np.ones_like(x), -v], axis=2) * (focal[1] * inverse)[..., None]
    jacobian = np.concatenate([across, down], axis=1)
    weighted = jacobian * np.concatenate([w, w], axis=1)[..., None]
    transposed = weighted.transpose(0, 2, 1)
    flat = np.concatenate([residual[..., 0], residual[..., 1]], axis=1)
    return (transposed @ flat[..., None])[..., 0], transposed @ jacobian
