"""Two sets of points side by side, joined where they belong together."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray, InputError, IntArray
from nasion.media.images import check_image

_GROUND = (24, 26, 32)
_SURE, _DOUBTFUL, _ALONE = (96, 200, 250), (255, 140, 60), (130, 136, 148)
_SHIFT = 4  # OpenCV takes sub-pixel positions as integers with this many fractional bits
SIDE = 620  # px of each half where there is no picture
_MARGIN = 0.08  # of the side


def draw_matches(
    points_a: FloatArray,
    points_b: FloatArray,
    pairs: IntArray,
    ambiguous: BoolArray | Sequence[bool],
    images: tuple[ImageArray, ImageArray] | None = None,
) -> ImageArray:
    """Set A on the left, set B on the right, a line for each pair.

    Blue lines are sure, orange ones ambiguous; points without a partner are grey.

    Args:
        points_a, points_b: (n, 2) and (m, 2) px; NaN points are left out.
        pairs: (P, 2) indices into A and B.
        ambiguous: (P,).
        images: the pictures that the points lie on, RGB uint8; without them each set fills a dark square.

    Returns:
        (H, W, 3) RGB uint8.

    Raises:
        InputError: the points are not (N, 2), or the flags do not fit the pairs.
    """
    if len(pairs) != len(ambiguous):
        raise InputError(f"{len(pairs)} pairs need as many flags, got {len(ambiguous)}")
    halves = [_half(points, None if images is None else images[i]) for i, points in enumerate((points_a, points_b))]
    height = max(image.shape[0] for image, _ in halves)
    sheet = np.full((height, sum(image.shape[1] for image, _ in halves), 3), _GROUND, np.uint8)
    left = 0
    placed: list[FloatArray] = []
    for image, own in halves:
        sheet[: image.shape[0], left : left + image.shape[1]] = image
        placed.append(own + np.array([left, 0]))
        left += image.shape[1]
    a, b = placed
    unit = max(1, round(height / 500))
    ends = np.concatenate([a[pairs[:, 0]], b[pairs[:, 1]]], axis=1).reshape(-1, 2, 2)
    lines = sheet.copy()
    for flag, color in ((False, _SURE), (True, _DOUBTFUL)):
        chosen = ends[np.asarray(ambiguous, bool) == flag]
        chosen = chosen[np.isfinite(chosen).all(axis=(1, 2))]
        cv2.polylines(lines, list(_fixed(chosen)), False, color, unit, cv2.LINE_AA, _SHIFT)
    sheet = np.asarray(cv2.addWeighted(sheet, 0.35, lines, 0.65, 0), np.uint8)
    for points, paired in ((a, pairs[:, 0]), (b, pairs[:, 1])):
        alone = np.setdiff1d(np.arange(len(points)), paired)
        _dots(sheet, points[alone], _ALONE, 2 * unit)
        for flag, color in ((False, _SURE), (True, _DOUBTFUL)):
            _dots(sheet, points[paired[np.asarray(ambiguous, bool) == flag]], color, 2.6 * unit)
    return sheet


def _half(points: FloatArray, image: ImageArray | None) -> tuple[ImageArray, FloatArray]:
    """One side's ground, and its points on it."""
    points = np.array(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(f"points to draw have shape (N, 2), got {points.shape}")
    if image is not None:
        return check_image(image), points
    ground = np.full((SIDE, SIDE, 3), _GROUND, np.uint8)
    known = points[np.isfinite(points).all(axis=1)]
    if not len(known):
        return ground, points
    low, high = known.min(axis=0), known.max(axis=0)
    scale = SIDE * (1 - 2 * _MARGIN) / max(float((high - low).max()), 1e-9)
    return ground, (points - (low + high) / 2) * scale + SIDE / 2


def _dots(sheet: ImageArray, points: FloatArray, color: tuple[int, int, int], radius: float) -> None:
    for at in _fixed(points[np.isfinite(points).all(axis=1)]).tolist():
        cv2.circle(sheet, at, round(radius * (1 << _SHIFT)), color, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _fixed(points: FloatArray) -> IntArray:
    return np.asarray(np.rint(points * (1 << _SHIFT)), np.int32)
