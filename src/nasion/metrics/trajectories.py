"""How well points were followed: error, share within limits, survival, drift, occlusion, smoothness.

Trajectories are (N, T, D) for N points over T frames, in px (D = 2) or mm (D = 3). The forms are those in use for point
tracking: shares within several limits and their mean from Doersch et al., "TAP-Vid", NeurIPS 2022; survival from Zheng
et al., "PointOdyssey", ICCV 2023. Long trajectories are the easy ones, so no error is given without survival.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasion.core import BoolArray, FloatArray, InputError
from nasion.core.geometry.similarity import apply_affine, umeyama

LIMITS_MM = (0.25, 0.5, 1.0, 2.0)  # at pore scale
LIMITS_PX = (1.0, 2.0, 4.0, 8.0, 16.0)  # of TAP-Vid, at 256 px


@dataclass(frozen=True, slots=True, eq=False)
class TrajectoryScore:
    """What came of following N points over T frames; lengths in the trajectories' unit, shares 0..1.

    Attributes:
        median: of the errors where a point could be seen and was reported.
        end: the same in the last frame.
        drift: median error of the last tenth of the frames less that of the first, per point that has both.
        within: limit to the share of visible points and frames nearer than it; a point not reported counts as far.
        delta_avg: mean of ``within``.
        jaccard: mean over limits of right / (right + missed + false reports): hits and occlusion in one number.
        survival: (T,) share of the points that were never lost until this frame.
        survival_area: mean of ``survival``.
        gross: share beyond the survival limit of what was reported.
        reported: share of visible points and frames that were reported at all.
        occlusion: share of points and frames for which "can be seen" was told rightly.
        smoothness: median third difference of the found trajectories over that of the true ones; far below 1 means
            that motion was smoothed away. NaN for fewer than 4 frames or where nothing moves.
    """

    median: float
    end: float
    drift: float
    within: dict[float, float]
    delta_avg: float
    jaccard: float
    survival: FloatArray
    survival_area: float
    gross: float
    reported: float
    occlusion: float
    smoothness: float


def score_trajectories(
    found: FloatArray,
    truth: FloatArray,
    valid: BoolArray | None = None,
    visible: BoolArray | None = None,
    *,
    limits: Sequence[float] = LIMITS_MM,
    lost: float | None = None,
    aligned: bool = False,
) -> TrajectoryScore:
    """Score trajectories.

    Args:
        found: (N, T, D); NaN where nothing is said.
        truth: (N, T, D).
        valid: (N, T) where the tracker stands by ``found``; None wherever it is finite.
        visible: (N, T) where the point can be seen; None everywhere. Hidden ones count for occlusion alone, and for
            the Jaccard index.
        limits: of ``within``.
        lost: error from which a point is lost; None takes the largest of ``limits``.
        aligned: take each point's error in its first frame off all its frames: how it was followed, whatever was
            clicked.

    Raises:
        InputError: shapes that do not fit, no points, or limits that are not positive.
    """
    found, truth, valid, visible = _checked(found, truth, valid, visible)
    if not limits or min(limits) <= 0:
        raise InputError(f"limits must be positive lengths, got {tuple(limits)}")
    lost = max(limits) if lost is None else lost
    error = trajectory_errors(found, truth, aligned=aligned)
    hit = valid & visible
    nearer = {float(limit): hit & (error <= limit) for limit in limits}
    seen = max(int(visible.sum()), 1)
    false = valid & ~visible
    jaccard = [near.sum() / max(seen + (false.sum() + (hit & ~near).sum()), 1) for near in nearer.values()]
    within = {limit: float(near.sum() / seen) for limit, near in nearer.items()}
    alive = survival(error, valid, visible, lost)
    return TrajectoryScore(
        median=_median(error[hit]),
        end=_median(error[:, -1][hit[:, -1]]),
        drift=_drift(error, hit),
        within=within,
        delta_avg=float(np.mean(list(within.values()))),
        jaccard=float(np.mean(jaccard)),
        survival=alive,
        survival_area=float(alive.mean()),
        gross=float((error[hit] > lost).mean()) if hit.any() else float("nan"),
        reported=float(hit.sum() / seen),
        occlusion=float((valid == visible).mean()),
        smoothness=_roughness(found, hit) / _roughness(truth, hit) if _roughness(truth, hit) > 0 else float("nan"),
    )


def trajectory_errors(found: FloatArray, truth: FloatArray, *, aligned: bool = False) -> FloatArray:
    """(N, T) distances of (N, T, D) trajectories; infinite where ``found`` is NaN.

    Args:
        found, truth: the trajectories.
        aligned: take off what each point is off by in the first frame that is found.
    """
    off = np.asarray(found, np.float64) - np.asarray(truth, np.float64)
    if aligned:
        there = np.asarray(np.isfinite(off).all(axis=2))
        start = off[np.arange(len(off)), there.argmax(1)]  # NaN for a point that is never found
        off = off - np.nan_to_num(start)[:, None]
    distance = np.linalg.norm(off, axis=2)
    return np.where(np.isfinite(distance), distance, np.inf)


def survival(error: FloatArray, valid: BoolArray, visible: BoolArray, lost: float) -> FloatArray:
    """(T,) share of the points not lost until each frame.

    A point is lost at the first frame where it can be seen and is not reported, or is off by more than ``lost``; it
    does not come back.
    """
    failed = visible & (~valid | (error > lost))
    return np.asarray(1 - np.maximum.accumulate(failed, axis=1).mean(0))


def without_rigid(trajectories: FloatArray, stable: BoolArray | None = None) -> FloatArray:
    """Trajectories with the head's own motion taken out: each frame moved onto the first by rotation and shift.

    Args:
        trajectories: (N, T, D), NaN where unknown.
        stable: (N,) points that move with the head alone, such as forehead and nose bridge; None takes all.

    Returns:
        (N, T, D); NaN in frames with fewer than D + 1 stable points known there and in the first frame.
    """
    paths = np.asarray(trajectories, np.float64)
    chosen = np.ones(len(paths), bool) if stable is None else np.asarray(stable, bool)
    out = np.full_like(paths, np.nan)
    for t in range(paths.shape[1]):
        both = chosen & np.isfinite(paths[:, [0, t]]).all((1, 2))
        if both.sum() > paths.shape[2]:
            out[:, t] = apply_affine(umeyama(paths[both, t], paths[both, 0], scale=False), paths[:, t])
    return out


def _checked(
    found: FloatArray, truth: FloatArray, valid: BoolArray | None, visible: BoolArray | None
) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray]:
    found, truth = np.asarray(found, np.float64), np.asarray(truth, np.float64)
    if found.ndim != 3 or found.shape != truth.shape or 0 in found.shape:
        raise InputError(f"trajectories are (N, T, 2|3), found and true alike; got {found.shape} and {truth.shape}")
    finite = np.asarray(np.isfinite(found).all(axis=2))
    told = finite if valid is None else np.asarray(valid, bool)
    seen = np.ones(finite.shape, bool) if visible is None else np.asarray(visible, bool)
    if told.shape != finite.shape or seen.shape != finite.shape:
        raise InputError(f"valid and visible must be {finite.shape}, got {told.shape} and {seen.shape}")
    return found, truth, told & finite, seen & np.asarray(np.isfinite(truth).all(axis=2))


def _median(values: FloatArray) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _drift(error: FloatArray, hit: BoolArray) -> float:
    tenth = max(1, error.shape[1] // 10)
    known = np.where(hit, error, np.nan)
    first, last = known[:, :tenth], known[:, -tenth:]
    both = np.isfinite(first).any(1) & np.isfinite(last).any(1)
    if not both.any():
        return float("nan")
    return float(np.median(np.nanmedian(last[both], axis=1) - np.nanmedian(first[both], axis=1)))


def _roughness(paths: FloatArray, hit: BoolArray) -> float:
    """Median length of the third difference where four frames in a row are known."""
    if paths.shape[1] < 4:
        return 0.0
    third = np.linalg.norm(np.diff(np.where(hit[..., None], paths, np.nan), 3, axis=1), axis=2)
    known = np.isfinite(third)
    return float(np.median(third[known])) if known.any() else 0.0
