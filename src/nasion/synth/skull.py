"""Cranium, neck and ears: what the landmarks do not reach, grown from the outline of the face.

The head behind the face is an ellipsoid. On it, curves run from every point of the face's outline to a ring round the
neck: the circles through the face's middle and the neck's (straight lines in a stereographic projection from the
neck), so that they fan out over the scalp and never cross. Each starts on the real outline and settles on the
ellipsoid.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from nasion.core import FloatArray, IntArray

CENTRE: Final = np.array([0.0, -14.0, 78.0])  # mm
AXES: Final = np.array([76.0, 100.0, 98.0])  # half breadth, height and length
FACE_POLE: Final = np.array([0.0, 0.12, -1.0])
NECK_POLE: Final = np.array([0.0, 1.0, 0.30])
COLUMNS: Final = 72
SCALP_ROWS: Final = 13  # from the first beyond the outline to the ring round the neck
NECK_ROWS: Final = 4
NECK_CENTRE: Final = np.array([0.0, 106.0, 92.0])
NECK_RADII: Final = (57.0, 58.0)  # x, z
NECK_SLANT: Final = 22.0  # mm by which its ring is higher at the back than at its centre, lower at the throat
NECK_LENGTH: Final = 88.0
SHOULDER: Final = 66.0  # mm that the neck widens to the sides at its lower end
FADE: Final = 0.45  # share of a curve after which the outline no longer shows

# where the columns (0 the top of the forehead, 18 about the ear, 36 the chin) arrive on the neck: degrees, 0 the throat
ARRIVAL: Final = ((0, 180.0), (10, 138.0), (16, 114.0), (20, 92.0), (25, 55.0), (30, 25.0), (36, 0.0))


def neck_angles() -> FloatArray:
    """(72,) degrees round the neck, 0 the throat, 180 the nape, positive to the subject's right (x < 0)."""
    column = np.arange(COLUMNS)
    fold = np.minimum(column, COLUMNS - column)
    at, angle = np.array(ARRIVAL).T
    return np.asarray(np.interp(fold, at, angle) * np.where(column <= COLUMNS // 2, 1, -1))


def neck_ring(down: float, widen: float = 0.0) -> FloatArray:
    """(72, 3) mm: the ring round the neck ``down`` mm below its top; ``widen`` mm towards the shoulders."""
    angle = np.radians(neck_angles())
    side, front = np.sin(angle), np.cos(angle)
    x = -side * (NECK_RADII[0] + widen)
    z = NECK_CENTRE[2] - front * (NECK_RADII[1] + 0.15 * widen)
    y = NECK_CENTRE[1] + NECK_SLANT * front + down
    return np.stack([x, y, z], axis=-1)


def _basis() -> FloatArray:
    n = NECK_POLE / np.linalg.norm(NECK_POLE)
    x = np.array([1.0, 0, 0])
    return np.stack([x, np.cross(n, x), n])


def _project(q: FloatArray) -> FloatArray:
    """Unit vectors (N, 3) to the complex plane, from the neck's pole, with the face's pole at 0."""
    local = q @ _basis().T
    w = (local[..., 0] + 1j * local[..., 1]) / (1 - local[..., 2])
    f = FACE_POLE / np.linalg.norm(FACE_POLE) @ _basis().T
    return np.asarray(w - (f[0] + 1j * f[1]) / (1 - f[2]))


def _lift(w: FloatArray) -> FloatArray:
    f = FACE_POLE / np.linalg.norm(FACE_POLE) @ _basis().T
    w = w + (f[0] + 1j * f[1]) / (1 - f[2])
    square = np.abs(w) ** 2
    local = np.stack([2 * w.real, 2 * w.imag, square - 1], axis=-1) / (square + 1)[..., None]
    return np.asarray(local @ _basis())


def scalp_and_neck(outline: FloatArray) -> FloatArray:
    """Rows of vertices from the outline of the face over the head and down the neck.

    Args:
        outline: (72, 3) mm, from the top of the forehead over the subject's right side and the chin.

    Returns:
        (SCALP_ROWS + NECK_ROWS, 72, 3) mm; the outline itself is not repeated.
    """
    start = (outline - CENTRE) / AXES
    ring = neck_ring(0.0)
    end = (ring - CENTRE) / AXES
    r0, r1 = np.linalg.norm(start, axis=1), np.linalg.norm(end, axis=1)
    w0, w1 = (_project(p / r[:, None]) for p, r in ((start, r0), (end, r1)))
    turn0, turn1 = np.unwrap(np.angle(w0)), np.unwrap(np.angle(w1))
    turn1 += 2 * np.pi * np.round((turn0 - turn1).mean() / (2 * np.pi))
    s = (np.arange(1, SCALP_ROWS + 1) / SCALP_ROWS)[:, None]
    # the log of the radius runs evenly; angles reach the neck's late, so that curves leave the face square to it
    log_r = np.log(np.abs(w0)) + (np.log(np.abs(w1)) - np.log(np.abs(w0))) * s
    turn = turn0 + (turn1 - turn0) * s**1.2
    direction = _lift(np.exp(log_r + 1j * turn))
    settle = np.clip(1 - s / FADE, 0, 1) ** 2
    arrive = np.clip((s - 0.35) / 0.65, 0, 1) ** 1.6
    radius = 1 + (r0 - 1) * settle + (r1 - 1) * arrive
    scalp = CENTRE + AXES * direction * radius[..., None]
    scalp[-1] = ring
    t = (np.arange(1, NECK_ROWS + 1) / NECK_ROWS)[:, None, None]
    last = neck_ring(NECK_LENGTH, SHOULDER)
    neck = ring + (last - ring) * (t, t, t)[0] * np.array([0, 1, 0])
    wide = t**2.4
    neck = np.concatenate([neck[..., :1] + (last - ring)[None, :, :1] * wide, neck[..., 1:2],
                           neck[..., 2:] + (last - ring)[None, :, 2:] * wide], axis=2)  # fmt: skip
    return np.concatenate([scalp, neck])


# an ear in the plane of the head's side: forward is +e (towards the face), up is +h, height stands off the head
EAR_TURNS: Final = 20
EAR_AT: Final = np.array([-70.3, 9.0, 68.0])  # mm, the right ear's middle
EAR_SIZE: Final = (17.5, 31.0)  # half width and half height, mm
EAR_LEAN: Final = 12.0  # degrees its upper end leans back
EAR_FLARE: Final = 24.0  # degrees it stands off the head
EAR_RINGS: Final = (  # share of the outline, height in mm behind and at the lobe: back, rim, dip, inner fold, bowl
    (0.74, -7.0), (0.97, -1.0), (1.0, 2.5), (0.93, 4.8), (0.82, 3.6), (0.72, 1.4), (0.60, 3.4), (0.48, 2.6),
    (0.34, -0.8),
)  # fmt: skip


def right_ear() -> tuple[FloatArray, FloatArray, IntArray]:
    """The subject's right ear of the mean head.

    Returns:
        (V, 3) mm; (V, 2) -1..1 in the ear's patch; (T, 3) outward.
    """
    turn = 2 * np.pi * np.arange(EAR_TURNS) / EAR_TURNS
    e, h = np.cos(turn), np.sin(turn)
    # rounder above, narrower at the lobe, nearly straight where it is joined to the head in front
    width = np.where(e > 0, 0.55, 1.0) * (1 + 0.10 * h) * np.where(h < -0.4, 1 - 0.35 * (-h - 0.4), 1)
    front, lobe = np.clip(e, 0, 1) ** 0.7, np.clip((-h - 0.55) / 0.3, 0, 1) * (e < 0.7)
    points, uv = [], []
    for share, height in EAR_RINGS:
        rise = (height + 1.0) * (1 - 0.85 * front) - 1.0 - 1.2 * front
        if height > EAR_RINGS[0][1]:  # the lobe is flat, but its back is closed against the head
            rise = rise * (1 - lobe) + lobe * np.where(share > 0.9, height, 3.0)
        points.append(np.stack([share * EAR_SIZE[0] * e * width, share * EAR_SIZE[1] * h, rise], axis=1))
        uv.append(share * np.stack([e, -h], axis=1))
    points.append(np.array([[2.0, -2.0, -2.0]]))
    uv.append(np.zeros((1, 2)))
    e, h, out = np.concatenate(points).T
    lean, flare = np.radians(EAR_LEAN), np.radians(EAR_FLARE)
    e, h = e * np.cos(lean) - h * np.sin(lean), h * np.cos(lean) + e * np.sin(lean)
    back = EAR_SIZE[0] * 0.55 - e  # away from the face, from the line where it is joined
    x = -(out * np.cos(flare) + back * np.sin(flare))
    z = back * np.cos(flare) - out * np.sin(flare) - EAR_SIZE[0] * 0.5
    vertices = EAR_AT + np.stack([x, -h, z], axis=1)
    triangles = []
    for r in range(len(EAR_RINGS) - 1):
        for k in range(EAR_TURNS):
            a, b = r * EAR_TURNS + k, r * EAR_TURNS + (k + 1) % EAR_TURNS
            c, d = a + EAR_TURNS, b + EAR_TURNS
            triangles += [(a, c, b), (b, c, d)]
    base, tip = (len(EAR_RINGS) - 1) * EAR_TURNS, len(EAR_RINGS) * EAR_TURNS
    triangles += [(base + k, tip, base + (k + 1) % EAR_TURNS) for k in range(EAR_TURNS)]
    return vertices, np.concatenate(uv), np.array(triangles)
