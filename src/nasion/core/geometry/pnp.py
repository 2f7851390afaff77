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
from nasion.core.geometry.rotation import nearest_rotation

FLAT = 1e-6  # smallest over largest variance of the 3-D points below which they count as flat (or, the next, as a line)
STEPS = 50  # exact data settle in 4..8
SETTLED = 1e-6  # radians and shares of the distance: a step this small ends the search, the next would be far smaller

_EYE, _EYE6 = np.eye(3), np.eye(6)
_CROSS = np.array([[0, 0, 0, 0, 0, -1, 0, 1, 0], [0, 0, 1, 0, 0, 0, -1, 0, 0], [0, -1, 0, 1, 0, 0, 0, 0, 0]], float)


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
    centre: FloatArray = (w[:, None] @ points)[:, 0]
    points = np.where(used, points - centre[:, None], 0.0)
    weighted: FloatArray = (points * w[..., None]).transpose(0, 2, 1)
    variance, axes = np.linalg.eigh(weighted @ points)
    axes[:, :, 0] *= np.linalg.det(axes)[:, None]  # eigh may return a left-handed set
    solvable = variance[:, 1] > FLAT * variance[:, 2]
    if not solvable.all():
        points, weighted, pixels, w, centre = (v[solvable] for v in (points, weighted, pixels, w, centre))
        place, variance, axes = place[solvable], variance[solvable], axes[solvable]
        if not solvable.any():
            return
    size = np.sqrt(variance.sum(1))
    points, weighted = points / size[:, None, None], weighted / size[:, None, None]
    variance = variance / (size**2)[:, None]
    focal = np.array([camera.fx, camera.fy])
    rays = (pixels - (camera.cx, camera.cy)) / focal
    moment = (weighted @ rays).transpose(0, 2, 1)  # weighted points add up to nothing, so rays need not be centred
    flat = variance[:, 0] < FLAT * variance[:, 2]
    # the affine camera (2, 3) that fits best, in the axes of the point set so that the flat direction can be left out
    inverse = np.where(variance > FLAT * variance[:, 2:], 1 / np.maximum(variance, 1e-300), 0.0)
    affine = (moment @ axes) * inverse[:, None]
    start = nearest_rotation(_third_row(affine)) @ axes.transpose(0, 2, 1)
    mean = (w[:, None] @ rays)[:, 0]
    if flat.any():
        start[flat], other = (r @ axes[flat].transpose(0, 2, 1) for r in _two_sides(affine[flat][:, :, 1:]))
    best = _refine(points, rays, w, focal, start, mean, moment)
    if flat.any():
        second = _refine(points[flat], rays[flat], w[flat], focal, other, mean[flat], moment[flat])
        chosen = second[2] < best[2][flat]
        better = np.flatnonzero(flat)[chosen]
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
    return np.concatenate([rows, rows[:, 1:] @ _cross(rows[:, 0]).transpose(0, 2, 1)], axis=1)


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
    points = points.transpose(0, 2, 1)
    turned = rotation @ points
    scale = (rotation[:, :2] * moment).sum((1, 2)) / (w[:, None] * turned[:, :2] ** 2).sum((1, 2))
    nearest = np.where(w > 0, -turned[:, 2], -np.inf).max(1)
    depth = np.maximum(1 / np.maximum(scale, 1e-9), 1.5 * nearest)  # all points in front of the camera
    translation = np.concatenate([mean * depth[:, None], depth[:, None]], axis=1)
    weight = np.sqrt(w)[:, None] * focal[:, None]  # (B, 2, N): from rays to what counts
    target = rays.transpose(0, 2, 1) * weight
    system = _system(turned, translation, target, weight)
    damping = np.full((len(points), 1), 1e-4)
    done = np.zeros(len(points), bool)
    for _ in range(STEPS):
        diagonal = system.diagonal(axis1=1, axis2=2)[:, :6]
        lift = damping * diagonal + 1e-15 * diagonal.max(1, keepdims=True)
        step = np.linalg.solve(system[:, :6, :6] + lift[:, None] * _EYE6, -system[:, :6, 6:])[..., 0]
        trial_rotation, trial_translation = _small_turn(step[:, :3]) @ rotation, translation + step[:, 3:]
        trial = _system(trial_rotation @ points, trial_translation, target, weight)
        better = (trial[:, 6, 6] <= system[:, 6, 6]) & ~done
        rotation = np.where(better[:, None, None], trial_rotation, rotation)
        translation = np.where(better[:, None], trial_translation, translation)
        done |= np.abs(step).max(1) < SETTLED * (1 + np.abs(translation[:, 2]))
        system = np.where(better[:, None, None], trial, system)
        if done.all():
            break
        damping = np.clip(np.where(better[:, None], damping / 10, damping * 10), 1e-12, 1e12)
    return rotation, translation, system[:, 6, 6], done


def _system(turned: FloatArray, translation: FloatArray, target: FloatArray, weight: FloatArray) -> FloatArray:
    """All that a step needs, from one product.

    Args:
        turned: (B, 3, N) points, turned but not moved.
        translation: (B, 3).
        target: (B, 2, N) rays times ``weight``.
        weight: (B, 2, N) px per unit of a ray, times the square root of the point's weight.

    Returns:
        (B, 7, 7): the 6 x 6 Gauss-Newton matrix for a turn about the camera axes and a shift, bordered by the
        gradient; in the corner the weighted mean squared distance, infinite where a point that counts is behind.
    """
    x, y, z = turned.transpose(1, 0, 2)
    depth = z + translation[:, 2:]
    behind = depth <= 0
    inverse = 1 / np.where(behind, 1.0, depth)[:, None]
    ray = (turned[:, :2] + translation[:, :2, None]) * inverse
    rows = np.zeros((len(turned), 7, *ray.shape[1:]))  # derivatives of the ray by turn and shift, over 1 / depth
    rows[:, 0], rows[:, 1], rows[:, 5] = -y[:, None] * ray, x[:, None] * ray, -ray
    rows[:, 0, 1] -= z
    rows[:, 1, 0] += z
    rows[:, 2, 0], rows[:, 2, 1] = -y, x
    rows[:, 3, 0] = rows[:, 4, 1] = 1.0
    rows[:, :6] *= (weight * inverse)[:, None]
    rows[:, 6] = ray * weight - target
    flat = rows.reshape(len(turned), 7, -1)
    system = flat @ flat.transpose(0, 2, 1)
    if behind.any():
        system[(behind & (weight[:, 0] > 0)).any(1), 6, 6] = np.inf
    return np.asarray(system)


def _small_turn(vector: FloatArray) -> FloatArray:
    """(B, 3) axis times small angle to (B, 3, 3) rotations, by Cayley's map: the angle is right to third order."""
    half = vector / 2
    square = (half**2).sum(1)[:, None, None]
    return np.asarray(((1 - square) * _EYE + 2 * (_cross(half) + half[:, :, None] * half[:, None])) / (1 + square))


def _cross(vector: FloatArray) -> FloatArray:
    """(B, 3) to (B, 3, 3) matrices: multiplying by one is the cross product with the vector."""
    return np.asarray((vector @ _CROSS).reshape(-1, 3, 3))
