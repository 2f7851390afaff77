"""Points followed in space by several calibrated cameras: paired in the first frame, followed in each view, met again.

As in Li et al., "PoreTrack3D", arXiv 2512.02648, in its classical form: the paper's Gaussian splatting is not built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray, InputError, IntArray
from nasion.core.geometry.triangulate import reproject, triangulate, widest_angle
from nasion.core.trajectory import Trajectories
from nasion.landmark.matching import View
from nasion.landmark.matching.views import epipolar_cost
from nasion.track.points import By, PointTracker
from nasion.track.pores import Pores, find_pores, pair_pores

EPIPOLAR_PX = 1.0  # a pore's partner is no farther from its epipolar line
REPROJECTION_PX, ANGLE = 1.0, 5.0  # a place farther off, or seen under a smaller angle (degrees), is not believed


@dataclass(frozen=True, slots=True, eq=False)
class RigTracks:
    """What `track_rig` gives.

    Attributes:
        trajectories: mm (the rig's unit) in the world.
        start: (V, N, 2) px of each point in each view's first frame; NaN where it was not paired.
    """

    trajectories: Trajectories
    start: FloatArray


def projections(views: Sequence[View]) -> FloatArray:
    """(V, 3, 4) world to homogeneous px."""
    return np.stack([v.camera.matrix @ np.column_stack([v.rotation, v.translation]) for v in views])


def pair_views(found: Sequence[Pores], views: Sequence[View], main: int = 0) -> IntArray:
    """Pores of the main view in the others.

    A partner lies on the epipolar line, looks alike and is the only one that does; of three views, all three pairs
    must agree (cyclic consistency), so a pore needs partners in two other views.

    Args:
        found: of each view's first frame.
        views: the cameras, three or more.
        main: the view that points are counted in.

    Returns:
        (N, V) rows of ``found``; -1 where a view has no partner.
    """
    count = len(views)
    if count < 3:
        raise InputError(f"pairing pores needs three views or more, to check that pairs agree; got {count}")

    def pairs(i: int, j: int) -> dict[int, int]:
        near = epipolar_cost(found[i].points, found[j].points, views[i], views[j]) < EPIPOLAR_PX
        return {int(a): int(b) for a, b in pair_pores(found[i], found[j], near)}

    others = [v for v in range(count) if v != main]
    direct = {v: pairs(main, v) for v in others}
    between = {(a, b): pairs(a, b) for a in others for b in others if a < b}
    rows = []
    for pore in range(len(found[main].points)):
        partner = {v: direct[v][pore] for v in others if pore in direct[v]}
        agree = {v for (a, b), known in between.items() if a in partner and known.get(partner[a]) == partner.get(b, -2)
                 for v in (a, b)}  # fmt: skip
        if len(agree) >= 2:
            row = np.full(count, -1)
            row[main] = pore
            for v in agree:
                row[v] = partner[v]
            rows.append(row)
    return np.array(rows, int).reshape(-1, count)


def track_rig(
    frames: Sequence[Sequence[ImageArray]] | ImageArray,
    views: Sequence[View],
    time_s: FloatArray,
    *,
    main: int = 0,
    by: By = "both",
    gate: bool = True,
    skin: Sequence[BoolArray] | None = None,
    most: int = 500,
) -> RigTracks:
    """Find pores in the first frames of a rig's clips and follow them in space.

    Args:
        frames: for each of V views T pictures, RGB or grey uint8, undistorted and taken at the same times.
        views: the cameras, at least three.
        time_s: (T,) seconds.
        main: the view in which points are chosen.
        by, gate: as for `PointTracker`; without the gate places are believed whatever their reprojection error.
        skin: (V, H, W) bool where to look for pores.
        most: pores sought in each view.

    Raises:
        InputError: fewer than three views, or views that do not go together.
    """
    if len(frames) != len(views) or any(len(clip) != len(time_s) for clip in frames):
        raise InputError(f"{len(views)} views and {len(time_s)} times need as many clips of as many frames")
    firsts = [np.asarray(clip[0]) for clip in frames]
    found = [find_pores(first, None if skin is None else skin[v], most) for v, first in enumerate(firsts)]
    table = pair_views(found, views, main)
    count = len(table)
    places, valid = (
        np.full((len(views), count, len(time_s), 2), np.nan),
        np.zeros((len(views), count, len(time_s)), bool),
    )
    quality = np.zeros((len(views), count, len(time_s)))
    for v, pores in enumerate(found):
        there = np.flatnonzero(table[:, v] >= 0)
        if not len(there):
            continue
        start = pores.points[table[there, v]]
        tracker = PointTracker(firsts[v], start, by=by, gate=gate)
        places[v, there, 0], valid[v, there, 0], quality[v, there, 0] = start, True, 1
        for t in range(1, len(time_s)):
            now = tracker.step(np.asarray(frames[v][t]))
            places[v, there, t], valid[v, there, t], quality[v, there, t] = now.points, now.valid, now.quality
    points, believed = meet(places, valid, views, gate)
    best = np.where(valid, quality, 0).max(0)
    names = tuple(f"pore{i}" for i in range(count))
    tracks = Trajectories(
        names, points, believed, np.where(believed, best, 0), np.asarray(time_s, np.float64), "mm", "world",
        ("pore",) * count,
    )  # fmt: skip
    return RigTracks(tracks, places[:, :, 0])


def meet(
    places: FloatArray, valid: BoolArray, views: Sequence[View], gate: bool = True
) -> tuple[FloatArray, BoolArray]:
    """Triangulate tracks.

    Args:
        places: (V, N, T, 2) px.
        valid: (V, N, T).
        views: the cameras.
        gate: while some view is farther than ``REPROJECTION_PX`` off, drop the one without which the others agree best.

    Returns:
        (N, T, 3) in the unit of the rig and (N, T) whether the place is believed.
    """
    matrices, centers = projections(views), np.stack([view.center for view in views])
    count, length = places.shape[1:3]
    at, use = places.reshape(len(views), -1, 2), valid.reshape(len(views), -1).copy()
    points = triangulate(at, matrices, use)
    if not gate:
        return points.reshape(count, length, 3), np.isfinite(points).all(1).reshape(count, length)
    off = _worst(points, at, use, matrices)
    for _ in range(len(views) - 2):
        bad = np.flatnonzero((off > REPROJECTION_PX) & (use.sum(0) > 2))
        if not len(bad):
            break
        fewer = np.repeat(use[None, :, bad], len(views), axis=0)
        fewer[np.arange(len(views)), np.arange(len(views))] = False  # without each view in turn
        without = [triangulate(at[:, bad], matrices, one) for one in fewer]
        errors = np.stack([_worst(p, at[:, bad], one, matrices) for p, one in zip(without, fewer, strict=True)])
        errors[~use[:, bad]] = np.inf
        best = errors.argmin(0)
        use[best, bad] = False
        points[bad], off[bad] = np.stack(without)[best, np.arange(len(bad))], errors[best, np.arange(len(bad))]
    good = np.asarray(np.isfinite(points).all(axis=1)) & (off <= REPROJECTION_PX)
    good &= widest_angle(np.nan_to_num(points), centers, use) >= ANGLE
    return points.reshape(count, length, 3), good.reshape(count, length)


def _worst(points: FloatArray, at: FloatArray, use: BoolArray, matrices: FloatArray) -> FloatArray:
    """(N,) px, the largest distance of (N, 3) points from where the views in use see them; infinite where unknown."""
    off = np.where(use, np.linalg.norm(reproject(points, matrices) - at, axis=2), 0)
    return np.asarray(np.nan_to_num(off, nan=np.inf).max(0))
