"""Lids that turn about a hinge through the eyeball's centre.

Each eye has a frame: ``a`` mm along the hinge (to image-right), ``rho`` mm away from the hinge and ``phi`` degrees
about it (0 straight ahead, positive up). A margin point keeps its ``a`` and its ``rho`` and only changes ``phi``, so it
can neither enter the eyeball nor leave the lid's own surface of revolution; the lid's angle is the ``phi`` of its
middle point, exactly. ``rho`` is the skin pulled over a ball: the circle of the eyeball plus the lid's thickness, and
the two straight lines that lead from it to the corners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray, IntArray
from nasion.synth.parameters import HeadParameters

EYE_RADIUS = 12.0  # mm, adult eyeball
IRIS_RADIUS = 5.9  # mm, adult mean: white-to-white 11.8
LID = 1.1  # mm, thickness of a lid at its margin
UPPER_OPEN, LOWER_OPEN = 20.0, -20.5  # degrees of a relaxed look straight ahead: 9 mm apart, the iris' top covered
CLOSED = -11.0  # degrees, where the lids meet
FLAT = 4.5  # mm to each side of the eye's middle within which closed lids meet at one angle
ROWS = 6  # rows of skin from the margin to the crease, the crease's own row included
COLUMNS = 32
UPPER = np.arange(17)  # columns of the upper lid, outer corner to inner; the lower lid is the rest, backwards
MIDDLE_UPPER, MIDDLE_LOWER = 8, 24  # columns of the points 159 and 145 (386 and 374)
GAZE_LID = (0.75, 0.35)  # degrees that the upper and the lower lid follow a degree of vertical gaze
AU_UPPER = {5: 10.0, 6: -1.5, 7: -5.5, 4: -2.0, 9: -2.5, 12: -1.0, 1: 1.0, 2: 1.0}
AU_LOWER = {6: 4.5, 7: 6.0, 9: 3.0, 10: 1.0, 12: 2.0, 5: -1.0}
HIGHEST, LOWEST = 36.0, -34.0
STRAIGHT = 1.0  # degrees: a lid whose middle lies so close to the line between the corners has no arc of its own


@dataclass(frozen=True)
class EyeFrame:
    """One eye at rest.

    Attributes:
        centre: (3,) mm of the eyeball.
        axes: (3, 3) rows: along the hinge to image-right, up, forward (out of the face).
        a, rho, open_phi, closed_phi: (32,) each, of the margin's columns; mm, mm, degrees, degrees.
    """

    centre: FloatArray
    axes: FloatArray
    a: FloatArray
    rho: FloatArray
    open_phi: FloatArray
    closed_phi: FloatArray

    def place(self, a: FloatArray, rho: FloatArray, phi: FloatArray) -> FloatArray:
        """(..., 3) head-frame points."""
        turn = np.radians(phi)
        local = np.stack([a, rho * np.sin(turn), rho * np.cos(turn)], axis=-1)
        return np.asarray(self.centre + local @ self.axes)

    def read(self, points: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """``a``, ``rho`` and ``phi`` of (..., 3) points."""
        local = (points - self.centre) @ self.axes.T
        phi = np.degrees(np.arctan2(local[..., 1], local[..., 2]))
        return local[..., 0], np.hypot(local[..., 1], local[..., 2]), phi


def eye_frame(face: FloatArray, margin: IntArray, rest: FloatArray) -> EyeFrame:
    """The eye of a neutral face.

    Args:
        face: (468, 3) mm.
        margin: (16,) points of the lid margin: outer corner, upper lid, inner corner, lower lid.
        rest: (3,) mm from the middle of the corners to the eyeball's centre.
    """
    outer, inner = face[margin[0]], face[margin[8]]
    hinge = (inner - outer) * (1, 1, 0)
    hinge *= np.sign(hinge[0]) / np.linalg.norm(hinge)
    forward = np.array([0.0, 0.0, -1.0])
    axes = np.stack([hinge, np.cross(forward, hinge), forward])
    centre = (outer + inner) / 2 + rest
    bare = EyeFrame(centre, axes, *(np.zeros(COLUMNS) for _ in range(4)))
    a, _, phi = bare.read(face[margin])
    corner_rho = bare.read(face[margin])[1][[0, 8]]
    a, phi = _between(a), _between(phi)
    ends = a[[0, 16]]
    along = (a - ends[0]) / (ends[1] - ends[0])
    line = phi[0] + (phi[16] - phi[0]) * along
    bow = np.clip((1 - np.abs(2 * along - 1)) / (1 - 2 * FLAT / abs(ends[1] - ends[0])), 0, 1)
    bow = 1 - (1 - bow) ** 2
    closed = line * (1 - bow) + CLOSED * bow
    opened = np.empty(COLUMNS)
    for columns, middle, angle in (
        (UPPER, MIDDLE_UPPER, UPPER_OPEN),
        (np.arange(16, 33) % COLUMNS, MIDDLE_LOWER, LOWER_OPEN),
    ):
        lift = phi - line if abs(phi[middle] - line[middle]) > STRAIGHT else bow
        opened[columns] = line[columns] + lift[columns] * (angle - line[middle]) / lift[middle]
    return EyeFrame(centre, axes, a, _profile(a, ends, corner_rho), opened, closed)


def _between(values: FloatArray) -> FloatArray:
    """(16,) values round the margin to (32,): each lid's values and, by cubics, those half-way."""
    out = np.empty(COLUMNS)
    out[::2] = values
    for start in (0, 8):
        arc = values[(start + np.arange(9)) % 16]
        padded = np.concatenate([[2 * arc[0] - arc[1]], arc, [2 * arc[-1] - arc[-2]]])
        out[(2 * start + 1 + 2 * np.arange(8)) % COLUMNS] = (
            9 * (padded[1:-2] + padded[2:-1]) - padded[:-3] - padded[3:]
        ) / 16
    return out


def _profile(a: FloatArray, ends: FloatArray, corner_rho: FloatArray) -> FloatArray:
    """Distance from the hinge: the circle, and beyond its tangents from the corners the straight lines."""
    ball = EYE_RADIUS + LID
    rho = np.sqrt(np.maximum(ball**2 - a**2, 0))
    for end, height in zip(ends, corner_rho, strict=True):
        far, angle = np.hypot(end, height), np.arctan2(height, abs(end))
        if far <= ball:
            continue
        touch = angle + np.arccos(ball / far)
        ta, tr = ball * np.cos(touch), ball * np.sin(touch)
        outside = (np.sign(a) == np.sign(end)) & (np.abs(a) > ta)
        rho[outside] = tr + (height - tr) * (np.abs(a[outside]) - ta) / (abs(end) - ta)
    return np.asarray(rho)


def lid_angles(parameters: HeadParameters, side: int, middle: tuple[float, float]) -> tuple[float, float]:
    """(upper, lower) degrees of the lids' middles for one eye.

    Args:
        side: 0 left, 1 right.
        middle: angles of the relaxed lids.
    """
    pitch = parameters.gaze[side][1]
    upper = middle[0] + GAZE_LID[0] * pitch + sum(v * parameters.sides(u)[side] for u, v in AU_UPPER.items())
    lower = middle[1] + GAZE_LID[1] * pitch + sum(v * parameters.sides(u)[side] for u, v in AU_LOWER.items())
    upper, lower = float(np.clip(upper, CLOSED + 4, HIGHEST)), float(np.clip(lower, LOWEST, CLOSED - 2))
    shut = max(parameters.sides(43)[side], parameters.sides(45)[side])
    factor = 1 - shut
    wanted = parameters.lids[side]
    if wanted is not None:
        factor = wanted / (upper - lower)
    return CLOSED + (upper - CLOSED) * factor, CLOSED + (lower - CLOSED) * factor


def margin_phi(frame: EyeFrame, upper: float, lower: float) -> FloatArray:
    """(32,) degrees of the margin's columns when the lids' middles are at ``upper`` and ``lower``."""
    phi = np.empty(COLUMNS)
    for columns, middle, angle in ((np.arange(17, 32), MIDDLE_LOWER, lower), (UPPER, MIDDLE_UPPER, upper)):
        share = (angle - frame.closed_phi[middle]) / (frame.open_phi[middle] - frame.closed_phi[middle])
        phi[columns] = frame.closed_phi[columns] + (frame.open_phi - frame.closed_phi)[columns] * share
    phi[[0, 16]] = frame.open_phi[[0, 16]]
    return phi


def lid_skin(frame: EyeFrame, phi: FloatArray, crease: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The lids' surface.

    Args:
        phi: (32,) degrees of the margin.
        crease: (32, 3) mm, where the lids' skin ends.

    Returns:
        (ROWS, 32, 3) mm, row 0 the margin, the crease itself left out; (2, 32, 3) the inner side: the edge that
        touches the eyeball and a row under the lid on the eyeball.
    """
    ca, crho, cphi = frame.read(crease)
    s = (np.arange(ROWS) / ROWS)[:, None]
    a = frame.a + (ca - frame.a) * s
    rho = frame.rho + (crho - frame.rho) * s
    turn = phi + (cphi - phi) * s
    # skin between margin and crease lies on the ball; towards the crease it grows thicker
    ball = np.sqrt(np.maximum((EYE_RADIUS + LID + 0.3 * s) ** 2 - a**2, 0))
    skin = frame.place(a, np.maximum(rho, ball), turn)
    skin[0] = frame.place(frame.a, frame.rho, phi)
    edge = frame.place(frame.a, frame.rho - LID, phi)
    under_a = np.clip(frame.a, -0.8 * EYE_RADIUS, 0.8 * EYE_RADIUS) * 0.95
    side = np.where(np.arange(COLUMNS) <= 16, 1.0, -1.0)
    side[[0, 16]] = 0
    under = frame.place(under_a, np.sqrt(EYE_RADIUS**2 - under_a**2) - 0.1, phi + 9 * side)
    return skin, np.stack([edge, under])
