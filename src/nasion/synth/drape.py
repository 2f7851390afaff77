"""How high the face stands at a place, so that cloth, frames and fingers can lie on it."""

from __future__ import annotations

import numpy as np

from nasion.core import FloatArray

AXIS_MM = 70.0  # how far behind the eyes the vertical axis stands that cloth is wrapped round
REACH_MM = 11.0  # neighbourhood over which a height is taken
TAUT_MM = 3.0  # the smaller, the closer the result is to the highest point of the neighbourhood: cloth spans hollows


def front(points: FloatArray, x: FloatArray, y: FloatArray, reach: float = REACH_MM) -> FloatArray:
    """How far forward (towards the viewer, -z) the face reaches around places, mm.

    Args:
        points: (N, 3) mm on the face, head frame.
        x, y: (...) mm.
        reach: mm, size of the neighbourhood.
    """
    return _high(points[:, :2], -points[:, 2], np.stack([x, y], axis=-1), reach)


def around(points: FloatArray, angle: FloatArray, y: FloatArray, reach: float = REACH_MM) -> FloatArray:
    """Distance of the face from the vertical axis ``AXIS_MM`` behind the eyes, mm.

    Args:
        points: (N, 3) mm on the face, head frame.
        angle: (...) radians round the axis, 0 straight ahead, positive to image-right.
        y: (...) mm.
        reach: mm.
    """
    behind = AXIS_MM - points[:, 2]
    radius = np.hypot(points[:, 0], behind)
    places = np.stack([np.arctan2(points[:, 0], behind) * 90.0, points[:, 1]], axis=1)  # about mm at the cheeks
    return _high(places, radius, np.stack([angle * 90.0, y], axis=-1), reach)


def on_axis(angle: FloatArray, y: FloatArray, radius: FloatArray) -> FloatArray:
    """(..., 3) head-frame points of the places that ``around`` speaks of."""
    return np.stack([radius * np.sin(angle), y, AXIS_MM - radius * np.cos(angle)], axis=-1)


def _high(places: FloatArray, heights: FloatArray, wanted: FloatArray, reach: float) -> FloatArray:
    """A soft maximum of the heights around each wanted place; far from all places, of the nearest ones."""
    flat = wanted.reshape(-1, 2)
    square = ((flat[:, None] - places) ** 2).sum(2) / (2 * reach * reach)
    square -= square.min(1, keepdims=True)
    weight = np.exp(np.clip(-square, -60, 0) + (heights - heights.max()) / TAUT_MM)
    return np.asarray(((weight @ heights) / weight.sum(1)).reshape(wanted.shape[:-1]))
