"""Tiny sets of labelled crops, drawn: a pale face with dark points on grey, so that training has something to find."""

import cv2
import numpy as np

from nasion.core import scheme
from nasion.train.data import LandmarkSet, stored_side


def drawn_set(count: int = 40, size: int = 32, seed: int = 0, sway: float = 0.0) -> LandmarkSet:
    """Faces of five points that lie near where a view has them; with ``sway`` they are shifted by that part of it."""
    rng = np.random.default_rng(seed)
    side = stored_side(size)
    offset = (side - size) / 2
    layout = np.array([[0.635, 0.40], [0.365, 0.40], [0.5, 0.555], [0.607, 0.69], [0.393, 0.69]]) * size + offset - 0.5
    points = layout + rng.normal(0, 0.04 * size, (count, 5, 2))
    points += rng.uniform(-sway, sway, (count, 1, 2)) * size
    images = np.full((count, side, side, 3), 110, np.uint8)
    colours = [(20, 20, 160), (20, 160, 20), (200, 160, 20), (160, 20, 20), (160, 20, 160)]
    for image, face in zip(images, points, strict=True):
        middle = face.mean(axis=0)
        cv2.circle(image, np.round(middle).astype(int).tolist(), round(0.45 * size), (225, 200, 180), -1)
        for point, colour in zip(face, colours, strict=True):
            cv2.circle(image, np.round(point).astype(int).tolist(), max(1, size // 16), colour, -1)
    names = tuple(f"set/person{i // 2}/{i}.png" for i in range(count))
    ones = np.ones((count, 5), np.float32)
    return LandmarkSet(images, points.astype(np.float32), ones, scheme("coarse5"), names, size)
