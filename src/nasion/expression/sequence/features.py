"""Points over time to the geometry that the network reads: distances, angles, and how they change.

Source: arXiv 2512.05669, equations 1 and 2, after its raw coordinates are freed of place, size and roll: the source's
own form takes a head that tilts or comes nearer for an expression.
"""

from __future__ import annotations

import numpy as np

from nasion.core import FloatArray, InputError
from nasion.expression.sequence.presets import Preset

CORNERS = ((33, 133), (263, 362))  # dense478: outer and inner corner of the right and of the left eye
FRAMES = 5  # of a sequence, neutral first
SHORT_PX = 2.0  # of a pair, below which its angle is noise


def upright(points: FloatArray, corners: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Points without place, size and roll.

    Args:
        points: (..., P, 2) px, x and y in one unit (never one over the width and the other over the height).
        corners: (..., 4, 2) px, the corners of the eyes in the order of ``CORNERS``.

    Returns:
        (..., P, 2) with the middle of the eyes at 0, the line through the eyes to the right and the distance of the
        eyes as unit; (...,) that distance, px.

    Raises:
        InputError: the eyes coincide.
    """
    right, left = corners[..., :2, :].mean(-2), corners[..., 2:, :].mean(-2)
    along = left - right
    apart = np.linalg.norm(along, axis=-1)
    if not (apart > 0).all():
        raise InputError("the corners of both eyes lie at one place: these points are no face")
    ux, uy = np.moveaxis(along / apart[..., None] ** 2, -1, 0)
    turn = np.stack([np.stack([ux, uy], -1), np.stack([-uy, ux], -1)], -2)
    centred = points - (right + left)[..., None, :] / 2
    return np.asarray(np.einsum("...ij,...pj->...pi", turn, centred)), apart


def corner_points(points: FloatArray) -> FloatArray:
    """(..., 4, 2) corners of the eyes of (..., 478, 2|3) dense points."""
    return np.asarray(points[..., [i for pair in CORNERS for i in pair], :2])


def pair_features(points: FloatArray, chosen: Preset) -> FloatArray:
    """F: (..., 2 K) distances, then angles atan2(dx, dy) in -pi..pi, of the pairs of (..., P, 2) points."""
    first, second = chosen.pairs.T
    dx, dy = np.moveaxis(points[..., first, :] - points[..., second, :], -1, 0)
    return np.concatenate([np.hypot(dx, dy), np.arctan2(dx, dy)], axis=-1)


def change_tensor(points: FloatArray, chosen: Preset, short: FloatArray | float = 0.0) -> FloatArray:
    """What changes from step to step: (..., T - 1, 2 K) of (..., T, P, 2) points.

    A sequence that stands still gives zeros; played backwards it gives the same numbers reversed, with other signs.

    Args:
        points: upright points of the frames, neutral first.
        chosen: which pairs.
        short: (...,) length, in the unit of the points, below which a pair's angle is noise: its change counts as 0
            where either frame is below. The distance of such a pair stays: it is known as well as any.

    Raises:
        InputError: fewer than two frames.
    """
    if points.shape[-3] < 2:
        raise InputError(f"a sequence needs two frames or more, got {points.shape[-3]}")
    raw = pair_features(points, chosen)
    count = len(chosen.pairs)
    change = np.diff(raw, axis=-2)
    turn = change[..., count:]
    turn -= 2 * np.pi * np.round(turn / (2 * np.pi))
    clear = raw[..., :count] >= np.asarray(short)[..., None, None]
    turn *= clear[..., 1:, :] & clear[..., :-1, :]
    return np.asarray(change)


def sequence_features(points: FloatArray, chosen: Preset) -> FloatArray:
    """(..., T - 1, 2 K) float32 of (..., T, 478, 2|3) dense points in px: upright, pairs, changes.

    Raises:
        InputError: fewer than two frames, or points that are no face.
    """
    flat = np.asarray(points[..., :2], np.float64)
    still, apart = upright(flat[..., chosen.points, :], corner_points(flat))
    return change_tensor(still, chosen, SHORT_PX / apart.min(-1)).astype(np.float32)
