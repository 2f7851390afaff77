"""What a place on a face looks like: the gradients around it as one vector.

The descriptor is DAISY's (Tola, Lepetit, Fua, "DAISY: An Efficient Dense Descriptor Applied to Wide-Baseline Stereo",
PAMI 2010) with 8 directions at 17 places: the middle and two rings of 8.
"""

from __future__ import annotations

from functools import cache
from math import ceil

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, IntArray, Landmarks
from nasion.landmark.view import cut, view_matrix

SIDE = 256  # px of the view; the pupils stand 52 px apart in it, and ears, chin and hair line are inside
FACE = 192  # px of the landmarker's own crop in the middle of it
CELL = 2  # px of the view: the step of the candidates, 2.8 % of the distance between the outer eye corners
GRID = SIDE // CELL
DIRECTIONS = 8
CENTRE_BLUR = 2.0
RINGS = ((6.0, 3.0), (14.0, 6.0))  # radius and blur, px of the view
MARGIN = 14  # px of the view, the reach of the rings; beyond the view the gradients at its edge go on
FLAT = 4.0  # grey levels a px: gradients below it count as noise, and a place without any is like no other


def face_view(landmarks: Landmarks) -> FloatArray:
    """(2, 3) similarity from image px to px of the view around a face."""
    matrix = view_matrix(landmarks, FACE)
    matrix[:, 2] += (SIDE - FACE) / 2
    return matrix


@cache
def middles() -> FloatArray:
    """(GRID * GRID, 2) view px: the middle of each cell, row by row; read only."""
    at = np.arange(GRID) * CELL + (CELL - 1) / 2
    places = np.stack(np.meshgrid(at, at), axis=2).reshape(-1, 2)
    places.setflags(write=False)
    return places


def cell(point: FloatArray) -> int | None:
    """The number of the cell that a point (x, y), view px, lies in; None outside the view."""
    column, row = (int(np.floor((v + 0.5) / CELL)) for v in point)
    return row * GRID + column if 0 <= row < GRID and 0 <= column < GRID else None


class Looks:
    """The descriptors of one face.

    Args:
        image: RGB uint8 (H, W, 3).
        view: from ``face_view``.
    """

    def __init__(self, image: ImageArray, view: FloatArray) -> None:
        grey = cv2.cvtColor(cut(image, view, SIDE), cv2.COLOR_RGB2GRAY).astype(np.float32)
        x, y = (cv2.Sobel(grey, cv2.CV_32F, dx, dy, ksize=3, scale=1 / 8) for dx, dy in ((1, 0), (0, 1)))
        self._angles = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
        slopes = np.stack([np.maximum(np.cos(a) * x + np.sin(a) * y, 0) for a in self._angles], axis=2)
        self._smooth = [_blurred(slopes, blur) for blur in (CENTRE_BLUR, *(blur for _, blur in RINGS))]

        self._kept = np.empty((GRID * GRID, DIRECTIONS * (1 + DIRECTIONS * len(RINGS))), np.float32)
        self._done = np.zeros(GRID * GRID, bool)

    def at(self, cells: IntArray) -> FloatArray:
        """(M, 136) float32, one row for each cell number, of length at most 1; what was asked before is kept."""
        new = cells[~self._done[cells]]
        if len(new):
            self._kept[new] = self._described(new)
            self._done[new] = True
        return np.asarray(self._kept[cells])

    def _described(self, cells: IntArray) -> FloatArray:
        row, column = (CELL * at + MARGIN for at in np.divmod(cells, GRID))
        parts = [self._smooth[0][row, column]]
        for (radius, _), smooth in zip(RINGS, self._smooth[1:], strict=True):
            steps = (np.rint(radius * turn(self._angles)).astype(int).tolist() for turn in (np.sin, np.cos))
            parts += [smooth[row + down, column + right] for down, right in zip(*steps, strict=True)]
        whole = np.concatenate(parts, axis=1)
        return np.asarray(whole / np.sqrt((whole**2).sum(axis=1, keepdims=True) + FLAT**2), np.float32)


def _blurred(slopes: FloatArray, blur: float) -> FloatArray:
    side = 2 * ceil(2.5 * blur) + 1  # OpenCV's own choice is 4 blurs to each side, and twice the time of a face
    smooth = cv2.GaussianBlur(slopes, (side, side), blur)
    return np.asarray(np.pad(smooth, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="edge"), np.float32)
