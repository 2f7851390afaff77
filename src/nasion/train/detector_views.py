"""Square views of labelled pictures, as the embedded detector's network is trained on.

A label is a row of 16 float32: x0, y0, x1, y1 px; kind (1 a face, between 0 and 1 as likely one as that, 0 a place to
ignore, -1 surely none); x and y of five points in ``coarse5`` order, NaN where unknown; score. NumPy and OpenCV only.
"""

from __future__ import annotations

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray

SIDE = 320  # px of a view
SMALLEST = 6.0  # px, root of a box's area: below this a face is ignored, neither taught nor punished
MIRRORED = [1, 0, 2, 4, 3]  # coarse5 under a mirror


def move(rows: FloatArray, matrix: FloatArray, mirrored: bool) -> FloatArray:
    """Rows (N, 16) under a (2, 3) similarity; a turned box stays the bounding box of its turned ellipse."""
    out = rows.copy()
    linear, shift = matrix[:, :2], matrix[:, 2]
    center = (rows[:, 0:2] + rows[:, 2:4]) / 2 @ linear.T + shift
    half = np.sqrt(((rows[:, 2:4] - rows[:, 0:2]) / 2) ** 2 @ (linear**2).T)
    out[:, 0:2], out[:, 2:4] = center - half, center + half
    points = rows[:, 5:15].reshape(-1, 5, 2) @ linear.T + shift
    out[:, 5:15] = (points[:, MIRRORED] if mirrored else points).reshape(-1, 10)
    return out


def similarity(center: FloatArray, scale: float, degrees: float, to: FloatArray, mirrored: bool) -> FloatArray:
    """(2, 3): ``center`` goes to ``to``, scaled, turned, perhaps mirrored."""
    c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    linear = np.array([[c, -s], [s, c]]) @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    return np.concatenate([linear, (to - linear @ center)[:, None]], axis=1)


def warp(image: ImageArray, matrix: FloatArray, fill: tuple[int, int, int] = (0, 0, 0), side: int = SIDE) -> ImageArray:
    """To ``side`` x ``side``; a strong shrink averages first, so that small faces look as a resized photo's do."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 0.6:
        step = max(scale * 1.2, 1 / min(image.shape[:2]))
        size = (max(1, round(image.shape[1] * step)), max(1, round(image.shape[0] * step)))
        ratio = np.array([image.shape[1] / size[0], image.shape[0] / size[1]])
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        matrix = np.concatenate([matrix[:, :2] * ratio, matrix[:, 2:]], axis=1)
    return np.asarray(cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=fill), np.uint8)


def settle(rows: FloatArray, side: int = SIDE) -> FloatArray:
    """Drop what is mostly outside the view; ignore what is too small to tell."""
    inside = np.clip(rows[:, 2:4], 0, side) - np.clip(rows[:, 0:2], 0, side)
    size = rows[:, 2:4] - rows[:, 0:2]
    share = inside.prod(1) / np.maximum(size.prod(1), 1e-6)
    rows = rows.copy()
    rows[np.sqrt(size.prod(1)) < SMALLEST, 4] = 0
    return rows[share > 0.45]


def view_of_face(
    rng: np.random.Generator,
    image: ImageArray,
    rows: FloatArray,
    sizes: tuple[float, float],
    side: int = SIDE,
    *,
    times: float | None = None,
) -> tuple[ImageArray, FloatArray]:
    """A random view that holds one of the labelled faces, perhaps mirrored and a little turned.

    Args:
        rng: decides everything.
        image: RGB uint8 (H, W, 3).
        rows: (N, 16) labels; none means a view of any part.
        sizes: px, smallest and largest that the chosen face shall have in the view, root of its box's area.
        side: px of the view.
        times: with it, ``sizes`` are not px but multiples of the size that the chosen face has in the picture times
            this: of the size at which a detector sees it.

    Returns:
        RGB uint8 (side, side, 3) and its labels.
    """
    extent = np.array(image.shape[1::-1], np.float64)
    least = side / float(extent.max())
    if len(rows):
        face = rows[int(rng.integers(len(rows)))]
        size = float(np.sqrt(max((face[2:4] - face[:2]).prod(), 4.0)))
        wanted = float(np.exp(rng.uniform(*np.log(sizes)))) * (1.0 if times is None else size * times)
        scale = float(np.clip(wanted / size, least, max(4.0, least)))
        middle = (face[:2] + face[2:4]) / 2 + rng.uniform(-0.8, 0.8, 2) * side / scale / 2
    else:
        scale = least * float(np.exp(rng.uniform(0, np.log(3))))
        middle = rng.uniform(0, 1, 2) * extent
    half = side / scale / 2
    middle = np.where(extent > 2 * half, np.clip(middle, half * 0.9, extent - half * 0.9), extent / 2)
    mirrored = bool(rng.random() < 0.5)
    matrix = similarity(middle, scale, float(rng.normal(0, 5)), np.full(2, side / 2), mirrored)
    return warp(image, matrix, side=side), settle(move(rows, matrix, mirrored), side)
