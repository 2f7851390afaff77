"""Gaze without learning: along the head's axis, or out of an eyeball of average size through the iris."""

from __future__ import annotations

import numpy as np

from nasion.core import Camera, FloatArray

RADIUS = 12.0  # mm, adult eyeball
BEHIND = np.array([0.0, -1.2, 7.2])  # mm, from the middle of an eye's corners to the eyeball's centre, head frame
_CORNERS = ((33, 133), (263, 362))
_IRISES = (468, 473)


def head_direction(rotation: FloatArray) -> FloatArray:
    """(B, 3, 3) head to camera frame to (B, 3) unit vectors straight out of the face: the baseline to beat."""
    return np.asarray(-rotation[:, :, 2])


def eyeball_gaze(points: FloatArray, rotation: FloatArray, translation: FloatArray, camera: Camera) -> FloatArray:
    """The mean direction from each eyeball's centre to its iris.

    The centre lies behind the middle of the eye's corners, which are taken to be as far away as the head; the iris is
    where its ray meets the ball, or passes it nearest.

    Args:
        points: (B, 478, 2) px, ``dense478``.
        rotation: (B, 3, 3), head to camera frame.
        translation: (B, 3) mm.
        camera: the camera of all.

    Returns:
        (B, 3) unit vectors, camera frame.
    """
    total = np.zeros((len(points), 3))
    for corners, iris in zip(_CORNERS, _IRISES, strict=True):
        middle = camera.rays(points[:, corners].mean(axis=1))
        middle = middle * (translation[:, 2] / middle[:, 2])[:, None]
        centre = middle + rotation @ BEHIND
        ray = camera.rays(points[:, iris])
        along = (ray * centre).sum(axis=1)
        aside = (centre * centre).sum(axis=1) - along**2
        reach = along - np.sqrt(np.clip(RADIUS**2 - aside, 0, None))
        out = ray * reach[:, None] - centre
        total += out / np.linalg.norm(out, axis=1, keepdims=True)
    return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True))
