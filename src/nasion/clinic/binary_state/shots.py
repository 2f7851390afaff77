"""Shots: stretches of a clip in which one face is followed without a break, as a graph and as small crops."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from nasion.clinic.binary_state.graph import nodes, template
from nasion.core import FloatArray, ImageArray, InputError
from nasion.core.geometry.similarity import umeyama

FRAMES, FPS = 16, 10.0  # of a shot
CROP = 32  # px
FILL = 0.3  # of the side for one unit of the template: brows to chin, and nothing of the scene


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One shot.

    Attributes:
        nodes: (16, 68, 6) float32, see `nasion.clinic.binary_state.graph`.
        crops: (16, 32, 32, 3) uint8 RGB, the face upright.
        start_s: seconds.
    """

    nodes: FloatArray
    crops: ImageArray
    start_s: float


def face_crop(image: ImageArray, points: FloatArray) -> ImageArray:
    """(32, 32, 3) of the face alone, upright: (68, 2) px are laid on the template."""
    goal = template() * FILL * CROP + (CROP - 1) / 2
    matrix = umeyama(np.asarray(points, np.float64)[:, :2], goal)
    return np.asarray(cv2.warpAffine(image, matrix[:2], (CROP, CROP), flags=cv2.INTER_AREA), np.uint8)


def make_shot(points: FloatArray, crops: ImageArray, time_s: FloatArray) -> Shot:
    """A shot from 16 frames.

    Args:
        points: (16, 68, 2) px.
        crops: (16, 32, 32, 3) uint8.
        time_s: (16,) rising seconds.
    """
    if points.shape != (FRAMES, 68, 2) or crops.shape != (FRAMES, CROP, CROP, 3):
        raise InputError(
            f"a shot has {FRAMES} frames of 68 points and {CROP} px crops, got {points.shape}, {crops.shape}"
        )
    return Shot(nodes(points, time_s), crops, float(time_s[0]))
