"""The landmarker's view of a face: an upright crop in which the five coarse points lie where a mean face has them."""

from __future__ import annotations

from functools import cache, reduce
from math import hypot, inf, log2

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, InputError, IntArray, Landmarks, scheme
from nasion.core.convert import conversion_path

# coarse5 (subject's left eye first) in the crop, 0..1 from its left and top edge. The inter-pupil distance of 0.27
# leaves room for the forehead above and an open mouth below; training/landmarker/view.py holds the same numbers.
TEMPLATE = np.array([[0.635, 0.40], [0.365, 0.40], [0.5, 0.555], [0.607, 0.69], [0.393, 0.69]])


def view_matrix(landmarks: Landmarks, size: int) -> FloatArray:
    """(2, 3) similarity from image px to the px of a ``size`` x ``size`` crop.

    Args:
        landmarks: any scheme that converts to ``coarse5``; the five points must not all coincide.
        size: side of the crop, px.

    Raises:
        InputError: the points are not finite or all in one place.
    """
    used, weights = _coarse5(landmarks.scheme.name)
    points = (weights @ landmarks.points.take(used, axis=0)[:, :2].astype(np.float64)).tolist()
    # In the plane the best similarity (Umeyama, PAMI 1991) is one complex number and a shift. For five points Python's
    # own numbers are quicker than arrays.
    source, (aim, target) = [complex(x, y) for x, y in points], _aim(size)
    middle = sum(source) / 5
    around = [z - middle for z in source]
    spread = sum(z.real * z.real + z.imag * z.imag for z in around)
    if not 1e-6 < spread < inf:
        raise InputError(f"cannot place a view on these five points, they are not finite or coincide: {points}")
    turn = sum(z.conjugate() * to for z, to in zip(around, target, strict=True)) / spread
    shift = aim - turn * middle
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def moved(first: FloatArray, second: FloatArray, size: int) -> float:
    """How far the corners of one crop lie from those of another, px of the second; the largest of the four.

    Args:
        first, second: (2, 3) similarities from image px to crop px, as `view_matrix` gives them.
        size: side of both crops, px.
    """
    corners = (size - 1) * np.array([0, 1, 1j, 1 + 1j])
    (turn1, shift1), (turn2, shift2) = ((complex(*m[:, 0]), complex(*m[:, 2])) for m in (first, second))
    return float(np.abs((corners - shift1) / turn1 * turn2 + shift2 - corners).max())


@cache
def _aim(size: int) -> tuple[complex, tuple[complex, ...]]:
    """Where the five points go in the crop, as complex numbers: their middle, and each from there."""
    target = (TEMPLATE * size - 0.5) @ (1, 1j)
    return complex(target.mean()), tuple((target - target.mean()).tolist())


@cache
def _coarse5(source: str) -> tuple[IntArray, FloatArray]:
    """The U points of a layout that the five are made of, and the (5, U) weights."""
    steps = [step.weights() for step in conversion_path(source, "coarse5")]
    weights = reduce(lambda done, step: step @ done, steps, np.eye(len(scheme(source))))
    used = np.flatnonzero(weights.any(axis=0))
    return used, weights[:, used]


def cut(image: ImageArray, matrix: FloatArray, size: int) -> ImageArray:
    """The (size, size, 3) crop of ``image`` under the (2, 3) similarity ``matrix``; outside, the border repeats."""
    shrink = hypot(matrix[0, 0], matrix[1, 0])
    if shrink <= 0.5:  # bilinear sampling would skip pixels: average whole blocks of the face's surroundings first
        image, matrix = _reduce(image, matrix, size, int(-log2(shrink)))
    crop = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8)


def _reduce(image: ImageArray, matrix: FloatArray, size: int, halvings: int) -> tuple[ImageArray, FloatArray]:
    """Halve the part of ``image`` that the crop sees some times; returns it with the fitting matrix.

    Halving twice takes a third of the time of averaging blocks of 4 x 4 px at once, and a fifth of 3 x 3 (OpenCV 5).
    """
    factor = 2**halvings
    (a, _, right), (b, _, down) = matrix.tolist()
    right, down = (size - 1) / 2 - right, (size - 1) / 2 - down
    x, y = ((a * right + b * down) / (a * a + b * b), (a * down - b * right) / (a * a + b * b))  # middle of the crop
    reach = size / 2 * (abs(a) + abs(b)) / (a * a + b * b) + 2 * factor
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (
        max(int(x - reach), 0),
        max(int(y - reach), 0),
        min(int(x + reach), width),
        min(int(y + reach), height),
    )
    if x1 - x0 < factor or y1 - y0 < factor:  # the crop lies outside the image
        return image, matrix
    columns, rows = (x1 - x0) // factor, (y1 - y0) // factor
    small = image[y0 : y0 + rows * factor, x0 : x0 + columns * factor]
    for _ in range(halvings):
        half = (small.shape[1] // 2, small.shape[0] // 2)
        small = np.asarray(cv2.resize(small, half, interpolation=cv2.INTER_AREA), np.uint8)
    # a pixel centre i of the small part stands at x0 + factor * i + (factor - 1) / 2 of the image
    offset = np.array([x0, y0], np.float64) + (factor - 1) / 2
    adapted = np.concatenate([matrix[:, :2] * factor, (matrix[:, :2] @ offset + matrix[:, 2])[:, None]], axis=1)
    return small, adapted
