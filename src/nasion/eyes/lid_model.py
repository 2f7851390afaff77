"""Lids in three dimensions, from where they are in the picture and how the head is turned.

A picture shows where lids are; how deep they lie a network can only guess, and the angle between them hangs on it. Here
depth follows from what eyelids are like: the sixteen points of an eye's lids are, in the frame of the head, the mean of
many eyes plus a few ways in which eyes differ, first of all open and shut. The mixture that explains the points best
once it is turned as the head is and projected is found in one step, as least squares with a prior: linear shapes under
weak perspective, as in Blanz and Vetter, "A Morphable Model for the Synthesis of 3D Faces", SIGGRAPH 1999.

The shapes are those of the synthetic head, whose lids turn about the eyeball: ``training/eye_points/lid_shapes.py``.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np

from nasion.core import FloatArray, Landmarks, Pose, scheme
from nasion.landmark.eye_points import IRIS, eye_rows

DOUBT = 3.0  # times sigma: errors of neighbouring points go together, so sixteen of them say less than sixteen would
OPEN_WAYS, FREE = 2, 3.0  # so many ways, opening above all, may go so many times as far: they are what is asked for
LEAST_MM = 0.3  # error per point that is left however sharp the picture is: eyes differ in more ways than the model has
SIZE_DOUBT = 0.05  # of the scale that the face's points give, as a share
MIRROR = np.array([-1.0, 1.0, 1.0])
ANYWHERE = 100.0  # mm, what is known beforehand about where the eye is
BONE = (10, 151, 9, 8, 168, 6, 197, 195, 5, 4, 33, 133, 263, 362, 127, 356, 234, 454, 21, 251)  # dense478, hold still


@cache
def lid_shapes() -> tuple[FloatArray, FloatArray]:
    """The mean lids and the ways in which they differ.

    Returns:
        (2, 16, 3) and (2, M, 16, 3) mm, left and right eye, each way as long as one standard deviation of what is known
        about it; the head frame, (0, 0, 0) in the middle of the eye's corners, points in the order of
        `nasion.landmark.eye_points.POINTS` without the iris.
    """
    with (files("nasion.eyes") / "lid_shapes.npz").open("rb") as stream:
        data = np.load(stream, allow_pickle=False)
        mean, ways = data["mean"].astype(np.float64), data["ways"].astype(np.float64)
    ways[:OPEN_WAYS] *= FREE
    return np.stack([mean, mean * MIRROR]), np.stack([ways, ways * MIRROR])


def solid_lids(landmarks: Landmarks, pose: Pose) -> FloatArray:
    """The points with lids and corners that an eye could have.

    Args:
        landmarks: ``dense478``; of the lids x, y and sigma are looked at.
        pose: of the head.

    Returns:
        (478, 3) float64 px, x right, y down, z away from the camera, as long as x and y: the lids and corners of both
        eyes are the model's, all other points as they were. The lids are NaN where the pose or their points are not
        known.
    """
    points, rows = landmarks.points.astype(np.float64), eye_rows()[:, len(IRIS) :]
    solid = np.zeros((len(points), 3))
    solid[:, : points.shape[1]] = points
    turned = pose.rotation
    scale = _scale(points[:, :2], turned)
    seen = points[rows, :2]  # (2, 16, 2)
    if not (np.isfinite(seen).all() and np.isfinite(turned).all() and scale > 0):
        solid[rows] = np.nan
        return solid
    sigma = np.maximum(DOUBT * landmarks.sigma[rows].astype(np.float64), LEAST_MM * scale)
    lids, middle = _fitted(scale * turned[:2], seen, sigma)
    solid[rows] = scale * lids @ turned.T
    solid[rows, :2] += middle[:, None]
    return solid


def _fitted(camera: FloatArray, seen: FloatArray, sigma: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The likeliest lids of both eyes.

    Args:
        camera: (2, 3) px of the picture per mm of the head frame.
        seen, sigma: (2, 16, 2) and (2, 16) px.

    Returns:
        (2, 16, 3) mm in the head frame, and (2, 2) px where their origins are.
    """
    mean, ways = lid_shapes()
    start, here = mean @ camera.T, seen.mean(axis=1)
    far = ANYWHERE * float(np.linalg.norm(camera[0]))
    shift = np.broadcast_to(far * np.eye(2)[:, None], (2, 2, len(mean[0]), 2))
    columns = np.concatenate([ways @ camera.T, SIZE_DOUBT * start[:, None], shift], axis=1)  # as long as they may be
    weight = np.repeat(1 / sigma, 2, axis=1)
    a = columns.reshape(*columns.shape[:2], -1) * weight[:, None]
    b = (seen - here[:, None] - start).reshape(2, -1) * weight
    normal = a @ a.transpose(0, 2, 1) + np.eye(a.shape[1])
    found = np.linalg.solve(normal, a @ b[..., None])[..., 0]
    shape, size, place = found[:, :-3], found[:, -3], found[:, -2:]
    lids = (mean + np.einsum("em,emij->eij", shape, ways)) * (1 + SIZE_DOUBT * size)[:, None, None]
    return lids, here + far * place


def _scale(points: FloatArray, turned: FloatArray) -> float:
    """Px per mm: the mean face, turned as the head is, against the points on bone."""
    template = scheme("dense478").template
    assert template is not None, "the dense points ship with their metric template"
    index = list(BONE)
    expected = template[index].astype(np.float64) @ turned[:2].T
    expected, found = expected - expected.mean(axis=0), points[index] - points[index].mean(axis=0)
    return float((expected * found).sum() / (expected**2).sum())
