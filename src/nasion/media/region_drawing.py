"""Regions and circles on a picture: where a point may be, not only where it is guessed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, Landmarks
from nasion.core.regions import DOUBT
from nasion.media.images import check_image

_COLORS = ((255, 196, 64), (96, 200, 250), (255, 126, 142), (120, 214, 122), (200, 160, 255))
_SEEN, _HIDDEN = (96, 200, 250), (255, 140, 60)
_RIM = (12, 16, 24)
_SHIFT = 4  # OpenCV takes sub-pixel positions as integers with this many fractional bits


class Region(Protocol):
    """What can be drawn: a taught point that was found."""

    @property
    def name(self) -> str: ...
    @property
    def point(self) -> FloatArray: ...
    @property
    def face_area(self) -> float: ...
    def outlines(self) -> Sequence[FloatArray]: ...


def draw_regions(image: ImageArray, regions: Sequence[Region]) -> ImageArray:
    """A copy of the picture with each region tinted and outlined, its best guess a dot, and a legend.

    Args:
        image: RGB uint8 (H, W, 3).
        regions: points of the same name have the same colour; without names there is no legend.
    """
    drawn = check_image(image).copy()
    names = list(dict.fromkeys(region.name for region in regions))
    for region in regions:
        color = _COLORS[names.index(region.name) % len(_COLORS)]
        unit = max(0.6, float(np.sqrt(region.face_area)) / 300)
        lines = [_fixed(line) for line in region.outlines()]
        tint = drawn.copy()
        cv2.fillPoly(tint, lines, color, cv2.LINE_AA, _SHIFT)
        drawn = np.asarray(cv2.addWeighted(drawn, 0.75, tint, 0.25, 0), np.uint8)
        cv2.polylines(drawn, lines, True, color, max(1, round(1.2 * unit)), cv2.LINE_AA, _SHIFT)
        x, y = _fixed(region.point[None])[0].tolist()
        for radius, ink in ((2.4, _RIM), (1.6, color)):
            cv2.circle(drawn, (x, y), round(radius * unit * (1 << _SHIFT)), ink, cv2.FILLED, cv2.LINE_AA, _SHIFT)
    if any(names):
        _legend(drawn, names)
    return drawn


def draw_circles(image: ImageArray, landmarks: Landmarks, radius: FloatArray) -> ImageArray:
    """A copy of the picture with a circle around each point: blue where the point is seen, orange where it is hidden.

    Args:
        image: RGB uint8 (H, W, 3).
        landmarks: seen from a visibility of ``DOUBT`` on, and then drawn as a dot; hidden ones are hollow. Points that
            are NaN are left out.
        radius: (N,) px, such as ``landmarks.region(0.1)``.
    """
    drawn = check_image(image).copy()
    points = landmarks.points[:, :2]
    known = np.isfinite(points).all(axis=1) & np.isfinite(radius)
    unit = max(1.0, float(np.sqrt(max(landmarks.box.area, 1.0))) / 220) if known.all() else 1.0
    wide = max(1, round(unit))
    for at, size, seen in zip(
        _fixed(points[known]).tolist(), radius[known], landmarks.visibility[known] >= DOUBT, strict=True
    ):
        color = _SEEN if seen else _HIDDEN
        cv2.circle(drawn, at, round(float(size) * (1 << _SHIFT)), color, wide, cv2.LINE_AA, _SHIFT)
        dot = round(1.8 * unit * (1 << _SHIFT))
        cv2.circle(drawn, at, dot, color, cv2.FILLED if seen else wide, cv2.LINE_AA, _SHIFT)
    return drawn


def _legend(drawn: ImageArray, names: Sequence[str]) -> None:
    """The names in their colours on a dark plate in the top left corner, where it hides no region's surroundings."""
    font, size = cv2.FONT_HERSHEY_SIMPLEX, min(max(drawn.shape[0] / 900, 0.35), 2.0)
    boxes = [cv2.getTextSize(name, font, size, 1)[0] for name in names]
    pad, line = round(10 * size), round(32 * size)
    corner = (max(width for width, _ in boxes) + 2 * pad, line * len(names) + pad)
    cv2.rectangle(drawn, (0, 0), corner, _RIM, cv2.FILLED)
    for i, name in enumerate(names):
        at = (pad, round(line * (i + 0.8)))
        cv2.putText(drawn, name, at, font, size, _COLORS[i % len(_COLORS)], 1, cv2.LINE_AA)


def _fixed(points: FloatArray) -> np.ndarray:
    return np.asarray(np.rint(points * (1 << _SHIFT)), np.int32)
