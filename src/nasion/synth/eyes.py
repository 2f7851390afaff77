"""The eyeball: a sphere with pupil, iris, limbus and white, turned by the gaze."""

from __future__ import annotations

import numpy as np

from nasion.core import FloatArray, IntArray
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.synth.lids import EYE_RADIUS, IRIS_RADIUS

SEGMENTS = 28
LIMBUS = float(np.degrees(np.arcsin(IRIS_RADIUS / EYE_RADIUS)))
FIXED_RINGS = (0.60, 0.88, 1.0)  # of the limbus' angle; the pupil's edge comes before them
WHITE_RINGS = (33.0, 40.0, 50.0, 62.0, 78.0, 98.0)  # degrees from the optical axis
EDGE = WHITE_RINGS[-1]
PUPIL_UV = 0.34  # of the limbus: where the atlas has the pupil's edge, whatever its size


def rings(pupil: float) -> tuple[FloatArray, FloatArray]:
    """Degrees from the optical axis of the eyeball's rings, on the ball and in the atlas."""
    edge = float(np.degrees(np.arcsin(pupil / 2 / EYE_RADIUS)))
    between = np.array([0.5, 1.0])
    ball = np.concatenate([[0.55 * edge, edge], edge + (LIMBUS - edge) * between, WHITE_RINGS])
    paint = np.concatenate([
        [0.55 * PUPIL_UV * LIMBUS, PUPIL_UV * LIMBUS],
        LIMBUS * (PUPIL_UV + (1 - PUPIL_UV) * between),
        WHITE_RINGS,
    ])  # fmt: skip
    return ball, paint


def ball(pupil: float) -> tuple[FloatArray, FloatArray]:
    """The eyeball looking straight ahead (along -z), centre at the origin.

    Returns:
        (V, 3) mm; (V, 2) -1..1 in the eye's patch of the atlas.
    """
    at, painted = rings(pupil)
    turn = 2 * np.pi * np.arange(SEGMENTS) / SEGMENTS
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    polar = np.radians(at)[:, None, None]
    flat = np.sin(polar) * circle
    points = np.concatenate([flat, np.broadcast_to(-np.cos(polar), (*flat.shape[:2], 1))], axis=2).reshape(-1, 3)
    uv = (painted / EDGE)[:, None, None] * circle
    return (
        np.concatenate([[[0, 0, -1.0]], points]) * EYE_RADIUS,
        np.concatenate([[[0.0, 0.0]], uv.reshape(-1, 2)]),
    )


def triangles() -> IntArray:
    """(T, 3) outward."""
    n = 4 + len(WHITE_RINGS)
    ring = 1 + np.arange(n * SEGMENTS).reshape(n, SEGMENTS)
    following = np.roll(ring, -1, axis=1)
    cap = np.stack([np.zeros(SEGMENTS, int), following[0], ring[0]], axis=1)
    quads = [
        np.stack(t, axis=-1).reshape(-1, 3)
        for t in ((ring[:-1], following[:-1], ring[1:]), (following[:-1], following[1:], ring[1:]))
    ]
    return np.concatenate([cap, *quads])


def look(gaze: tuple[float, float]) -> FloatArray:
    """(3, 3) turn of an eye from straight ahead to (yaw, pitch) degrees."""
    return angles_to_rotation(gaze[0], gaze[1], 0.0)


def iris_points() -> FloatArray:
    """(5, 3) mm on the ball straight ahead: centre, image-right, top, image-left, bottom.

    ``dense478`` runs round both irises the same way, so its second point is the right iris' inner and the left one's
    outer edge.
    """
    angle = np.radians(LIMBUS)
    s, c = np.sin(angle), np.cos(angle)
    return EYE_RADIUS * np.array([[0, 0, -1], [s, 0, -c], [0, -s, -c], [-s, 0, -c], [0, s, -c]])
