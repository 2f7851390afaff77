"""Faces as shapes: without place, turn and size, so that what is left is the person and the expression."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from nasion.core import FloatArray, InputError, Landmarks, scheme
from nasion.core.geometry.similarity import apply_affine, umeyama

POINTS: Final = 468  # the skin and lids of dense478; where the irises look is no expression here
EYES: Final = ((33, 133), (263, 362))  # corners of each; the distance between their middles is the unit
# what no muscle moves far: corners of the eyes, bridge of the nose, temples, the outline beside the eyes
STEADY: Final = (33, 133, 263, 362, 6, 197, 195, 127, 356, 162, 389, 234, 454, 21, 251)


def normalised(points: FloatArray) -> FloatArray:
    """(N, 468, 3) shapes of (N, 478+, 3) or (N, 468, 3) faces, or one of one: upright, facing the camera.

    The points that expressions hardly move are laid on the mean face, then all is brought to 1 between the middles of
    the eyes. The frame is the head frame, its origin between the eyes.

    Args:
        points: dense478 in any unit and frame (a camera's, too), right-handed, z away from the viewer.

    Raises:
        InputError: another shape, points that are not finite, or both eyes in one place.
    """
    points = np.asarray(points, np.float64)
    if points.ndim == 2:
        return np.asarray(normalised(points[None])[0])
    if points.ndim != 3 or points.shape[1] not in (POINTS, POINTS + 10) or points.shape[2] != 3:
        raise InputError(f"shapes are made of dense478 points in 3-D, got an array of shape {points.shape}")
    if not np.isfinite(points).all():
        raise InputError("some of the points are not finite: no shape can be made of them")
    steady, aim = list(STEADY), _template()
    out = np.empty((len(points), POINTS, 3))
    for i, face in enumerate(points):
        upright = apply_affine(umeyama(face[steady], aim[steady]), face[:POINTS])
        right, left = (upright[list(corners)].mean(0) for corners in EYES)
        apart = float(np.linalg.norm(left - right))
        if not apart > 1e-6:
            raise InputError("both eyes are in one place: no shape can be made of these points")
        out[i] = (upright - (left + right) / 2) / apart
    return out


def shape_of(landmarks: Landmarks) -> FloatArray:
    """(468, 3) shape of a face found on a picture.

    Raises:
        InputError: another scheme than ``dense478``, or points without depth.
    """
    if landmarks.scheme.name != "dense478" or landmarks.points.shape[1] != 3:
        raise InputError(
            f"imitation reads dense478 points with depth, got {landmarks.scheme.name} of shape {landmarks.points.shape}"
        )
    return normalised(landmarks.points)


@cache
def _template() -> FloatArray:
    return np.asarray(scheme("dense478").template, np.float64)[:POINTS]
