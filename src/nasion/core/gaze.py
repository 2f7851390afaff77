"""Where the eyes look: a direction in the camera frame, with the error to expect of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core.arrays import FloatArray
from nasion.core.reading import Reading


@dataclass(frozen=True, slots=True)
class Gaze(Reading):
    """The direction both eyes look in.

    Attributes:
        vector: (3,) unit vector in the camera frame (x right, y down, z forward), out of the face: z < 0 looks towards
            the camera. NaN when the points admit no pose.
        yaw, pitch: degrees of the same direction, with the signs of ``nasion.core.pose``: yaw > 0 looks to image-left
            (the subject's right), pitch > 0 up; both 0 looks along the camera's axis into the camera.
        expected_error: degrees, the mean angle by which vectors like this one were wrong on rendered heads.
    """

    vector: tuple[float, float, float]
    yaw: float
    pitch: float
    expected_error: float


def gaze_angles(vector: FloatArray) -> FloatArray:
    """(..., 3) directions of any length to (..., 2) degrees: yaw and pitch, as in `Gaze`."""
    v = np.asarray(vector, np.float64)
    v = v / np.linalg.norm(v, axis=-1, keepdims=True)
    angles = np.stack([np.arcsin(np.clip(-v[..., 0], -1, 1)), np.arctan2(-v[..., 1], -v[..., 2])], axis=-1)
    return np.asarray(np.degrees(angles))


def gaze_vector(angles: FloatArray) -> FloatArray:
    """(..., 2) degrees, yaw and pitch, to (..., 3) unit vectors; the inverse of `gaze_angles`."""
    yaw, pitch = np.moveaxis(np.radians(np.asarray(angles, np.float64)), -1, 0)
    return np.stack([-np.sin(yaw), -np.sin(pitch) * np.cos(yaw), -np.cos(pitch) * np.cos(yaw)], axis=-1)
