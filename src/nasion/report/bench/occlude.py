"""Hide part of a face behind a textured blob, so that which points can be seen is known exactly."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from nasion.core import BoolArray, Box, FloatArray, ImageArray
from nasion.report.bench.brush import hidden_points


def hide_part(
    image: ImageArray, points: FloatArray, texture: ImageArray, rng: np.random.Generator, share: float = 0.3
) -> tuple[ImageArray, BoolArray]:
    """Paste a blob over a face.

    Args:
        image: RGB uint8 (H, W, 3).
        points: (N, 2) px, the face's annotated points.
        texture: RGB uint8, another picture, from which a piece is cut.
        rng: decides place, shape and texture.
        share: the blob's area over that of the box around the points, 0..1.

    Returns:
        The new picture and (N,) bool, true where the point stays in view.
    """
    box = Box.around(points)
    stretch = float(rng.uniform(0.6, 1.6))
    half = np.sqrt(share * box.area / np.pi) * np.array([np.sqrt(stretch), 1 / np.sqrt(stretch)])
    center = points[rng.integers(len(points))]  # on the face, not beside it
    mask = np.zeros(image.shape[:2], np.uint8)
    outline = _blob(center, half, rng)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
    covered = mask.astype(bool)
    out = image.copy()
    out[covered] = _cover(texture, image.shape[:2], rng)[covered]
    return out, ~hidden_points(points, covered)


def _blob(center: FloatArray, half: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(24, 2) px: an ellipse with a wavy edge, turned at random."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    wave = (
        1 + 0.15 * np.sin(3 * angle + rng.uniform(0, 2 * np.pi)) + 0.1 * np.sin(5 * angle + rng.uniform(0, 2 * np.pi))
    )
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * half * wave[:, None]
    turn = rng.uniform(0, np.pi)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray(ring @ spin.T + center)


def _cover(texture: ImageArray, shape: tuple[int, int], rng: np.random.Generator) -> ImageArray:
    """A random quarter of the texture, stretched over the whole picture, turned upside down."""
    height, width = texture.shape[:2]
    y, x = int(rng.integers(height // 2 + 1)), int(rng.integers(width // 2 + 1))
    piece = texture[y : y + height // 2 + 1, x : x + width // 2 + 1][::-1]
    return cast("ImageArray", cv2.resize(np.ascontiguousarray(piece), (shape[1], shape[0])))
