"""Errors of angles, rotations and directions, all in degrees."""

from __future__ import annotations

import numpy as np

from nasion.core import FloatArray, InputError


def angle_difference(a: FloatArray, b: FloatArray) -> FloatArray:
    """``a - b`` the short way round, in [-180, 180): 179 and -179 are two degrees apart."""
    return np.asarray((np.asarray(a, np.float64) - b + 180) % 360 - 180)


def pose_errors(found: FloatArray, truth: FloatArray) -> FloatArray:
    """Absolute errors of each angle.

    Args:
        found, truth: (F, 3) yaw, pitch, roll, in the convention of ``nasion.core.pose``.

    Returns:
        (F, 3), 0..180; their mean over faces is the MAE of the head-pose literature (Ruiz et al., "Fine-Grained Head
        Pose Estimation Without Keypoints", CVPRW 2018).
    """
    found, truth = np.asarray(found, np.float64), np.asarray(truth, np.float64)
    if found.shape != truth.shape or found.ndim != 2 or found.shape[1] != 3:
        raise InputError(f"poses must be two arrays of shape (faces, 3), got {found.shape} and {truth.shape}")
    return np.abs(angle_difference(found, truth))


def rotation_error(found: FloatArray, truth: FloatArray) -> FloatArray:
    """The angle of the rotation that takes one rotation to the other (geodesic distance on SO(3)).

    Unlike the error of three angles it has no trouble near yaw = +-90, where yaw and roll run together.

    Args:
        found, truth: (..., 3, 3) rotation matrices.

    Returns:
        (...), 0..180.
    """
    chord = np.linalg.norm(np.asarray(found, np.float64) - truth, axis=(-2, -1))
    # The chord 2 sqrt(2) sin(angle / 2) stays exact for small angles, where the arc cosine of the trace does not.
    return np.asarray(np.degrees(2 * np.arcsin(np.clip(chord / np.sqrt(8), 0, 1))))


def gaze_error(found: FloatArray, truth: FloatArray) -> FloatArray:
    """The angle between directions.

    Args:
        found, truth: (..., 3) vectors of any length but zero.

    Returns:
        (...), 0..180; NaN for a zero vector.
    """
    a, b = np.asarray(found, np.float64), np.asarray(truth, np.float64)
    sine = np.linalg.norm(np.cross(a, b), axis=-1)
    cosine = (a * b).sum(axis=-1)
    zero = (sine == 0) & (cosine == 0)
    return np.asarray(np.where(zero, np.nan, np.degrees(np.arctan2(sine, cosine))))
