"""Facial action units as displacement fields on the 468 skin points, and the jaw's hinge.

Each unit pulls a few named points of one half of the face in the direction of its muscles; the pull fades with the
distance and reaches nothing beyond its radius. What belongs to the upper lip does not move the lower one. Lids are not
moved here but turned about their hinge (``lids``); units 43 and 45 are nothing else.

Source of the units: Ekman, Friesen and Hager, "Facial Action Coding System", 2002. The fields and amplitudes are ours.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import numpy as np

from nasion.core import BoolArray, FloatArray, IntArray, scheme
from nasion.core.geometry.rotation import rotation_from_vector
from nasion.synth.parameters import ACTION_UNITS, HeadParameters

JAW_HINGE: Final = np.array([0.0, 12.0, 62.0])  # mm, axis along x: in front of the ears
JAW_DEGREES: Final = {26: 9.0, 27: 24.0}
SIDES_BLEND = 9.0  # mm to each side of the midline over which a one-sided unit fades out

ANY, UP, LOW = "any", "up", "low"


class Pull(NamedTuple):
    """Points of the right half, where they go at full intensity, how far the pull reaches and on which lip.

    ``move`` is in mm: sideways away from the midline, down, away from the camera.
    """

    points: tuple[int, ...]
    move: tuple[float, float, float]
    reach: float
    lip: str = ANY


UPPER_EDGE, LOWER_EDGE = (0, 37, 39, 40, 185), (17, 84, 181, 91, 146)
UPPER_RINGS = (11, 72, 73, 74, 12, 38, 41, 42, 13, 82, 81, 80)
LOWER_RINGS = (16, 85, 180, 90, 15, 86, 179, 89, 14, 87, 178, 88)
CORNER = (61, 76, 62, 78)

PULLS: Final[dict[int, tuple[Pull, ...]]] = {
    1: (Pull((107, 66, 55, 65), (-0.3, -5.5, 0.3), 30), Pull((9, 108, 151), (0, -3.0, 0.3), 26)),
    2: (Pull((70, 63, 105, 46, 53, 52), (0.4, -5.5, 0.6), 30), Pull((104, 68), (0, -3.0, 0.4), 24)),
    4: (
        Pull((107, 55, 66, 65), (-3.2, 3.8, -0.6), 24),
        Pull((105, 52, 63, 53), (-1.8, 3.2, 0), 22),
        Pull((9, 8), (0, 2.0, -0.8), 20),
    ),
    5: (Pull((27, 28, 29, 223, 222, 224), (0, -1.2, 0), 14),),
    6: (
        Pull((117, 118, 101, 50), (0.3, -3.6, -1.8), 30),
        Pull((35, 111, 116), (-1.8, -1.0, 0), 22),
        Pull((23, 24, 22, 230, 229, 231), (0, -1.6, -0.6), 16),
    ),
    7: (
        Pull((23, 24, 22, 110, 26), (0.0, -1.5, -0.2), 13),
        Pull((27, 28, 29, 30, 56), (0.0, 0.8, 0), 12),
    ),
    9: (
        Pull((129, 102, 49, 64, 48), (0.6, -3.6, -0.8), 22, UP),
        Pull((193, 122, 8, 168, 55), (-0.8, 1.4, -0.6), 18),
        Pull((126, 142, 47, 114), (0, -1.6, -1.6), 18),
        Pull((37, 39, 0), (0, -2.0, -0.4), 18, UP),
    ),
    10: (
        Pull((*UPPER_EDGE[:4], *UPPER_RINGS), (0, -4.6, -0.6), 17, UP),
        Pull((165, 92, 167), (0.3, -4.0, -1.4), 20, UP),
        Pull((102, 64, 129), (0.6, -1.6, 0), 16, UP),
        Pull((206, 203), (0.5, -3.0, -1.5), 20, UP),
    ),
    12: (
        Pull((*CORNER, 57, 185, 146), (7.0, -6.0, 3.6), 26),
        Pull((40, 91, 80, 88), (4.0, -2.6, 1.6), 17),
        Pull((205, 50, 36, 206), (0.8, -3.8, -2.8), 30, UP),
        Pull((216, 207, 212), (3.6, -3.0, 0), 26),
    ),
    14: (Pull((*CORNER, 57), (4.0, -0.4, 3.6), 17), Pull((216, 212), (1.0, 0, 1.0), 17)),
    15: (
        Pull((*CORNER, 146), (1.4, 5.0, 1.0), 20),
        Pull((43, 106, 202, 204), (0.3, 3.0, 0), 22),
        Pull((91, 181), (0.3, 2.2, 0), 15, LOW),
    ),
    16: (
        Pull((*LOWER_EDGE[:4], *LOWER_RINGS), (0.5, 4.6, -0.8), 17, LOW),
        Pull((18, 83, 182), (0.4, 3.0, -0.6), 18, LOW),
    ),
    17: (
        Pull((*LOWER_EDGE[:4], *LOWER_RINGS), (0, -2.0, -2.4), 16, LOW),
        Pull((18, 83, 200, 201, 199), (0, -4.2, -2.2), 24, LOW),
        Pull((175, 171, 152), (0, -2.6, 0), 24, LOW),
        Pull(UPPER_RINGS, (0, -1.6, -0.8), 14, UP),
    ),
    18: (
        Pull((*CORNER, 185, 146, 57), (-8.0, 0, -3.0), 22),
        Pull((40, 91, 39, 181, 80, 88, 81, 178), (-4.6, 0, -4.4), 17),
        Pull((0, 37, 17, 84, 13, 14, 82, 87), (-0.8, 0, -5.4), 17),
    ),
    20: (
        Pull((*CORNER, 57, 185, 146), (7.4, 1.6, 4.0), 24),
        Pull((91, 181, 88), (4.4, 1.4, 1.6), 17, LOW),
        Pull((40, 80), (4.4, 0.6, 1.6), 16, UP),
    ),
    22: (
        Pull((*UPPER_EDGE[:4], *UPPER_RINGS), (-1.0, -2.2, -5.0), 16, UP),
        Pull((*LOWER_EDGE[:4], *LOWER_RINGS), (-1.0, 2.6, -5.0), 16, LOW),
        Pull((*CORNER, 57), (-4.4, 0, -2.0), 18),
    ),
    23: (
        Pull(UPPER_EDGE[:4], (-0.3, 1.7, 0.6), 9, UP),
        Pull(LOWER_EDGE[:4], (-0.3, -1.9, 0.6), 9, LOW),
        Pull(CORNER, (-2.2, 0, -0.4), 14),
    ),
    24: (
        Pull(UPPER_EDGE[:4], (0, 2.4, 1.4), 10, UP),
        Pull(LOWER_EDGE[:4], (0, -2.6, 1.4), 10, LOW),
        Pull((18, 83, 200), (0, -1.2, -0.8), 18, LOW),
    ),
    25: (
        Pull((*UPPER_EDGE[:4], *UPPER_RINGS), (0, -1.2, 0), 12, UP),
        Pull((*LOWER_EDGE[:4], *LOWER_RINGS), (0, 3.0, 0.3), 14, LOW),
    ),
    26: (Pull(LOWER_RINGS, (0, 0.4, 0), 10, LOW),),
    27: (Pull(UPPER_RINGS, (0, -1.0, 0), 12, UP), Pull((*CORNER, 57), (-2.0, 0, 0), 20)),
    28: (
        Pull(UPPER_EDGE[:4], (0, 3.4, 3.0), 10, UP),
        Pull(LOWER_EDGE[:4], (0, -3.6, 3.0), 10, LOW),
        Pull(UPPER_RINGS, (0, 1.0, 5.4), 10, UP),
        Pull(LOWER_RINGS, (0, -1.0, 5.4), 10, LOW),
    ),
    43: (),
    45: (),
}  # fmt: skip

LIP_PAIRS: Final = (  # upper and lower points that meet when the mouth is shut, from the lips' inside outward
    ((191, 95), (80, 88), (81, 178), (82, 87), (13, 14)),
    ((183, 96), (42, 89), (41, 179), (38, 86), (12, 15)),
)


def lip_pairs(ring: int) -> IntArray:
    """(9, 2) partners across the mouth in one ring of the lips, right to left."""
    mirror = scheme("dense478").mirror
    right = LIP_PAIRS[ring]
    return np.array([*right, *((mirror[u], mirror[w]) for u, w in right[-2::-1])])


def fields(face: FloatArray) -> FloatArray:
    """(U, 2, 468, 3) mm: displacement by each of ``ACTION_UNITS`` on the left and on the right at full intensity.

    Args:
        face: (468, 3) mm, the neutral mean face with its mouth shut.
    """
    flip = scheme("dense478").flip[:468]
    seam = _seam(face)
    out = np.zeros((len(ACTION_UNITS), 2, 468, 3))
    share = np.clip(0.5 - face[:, 0] / (2 * SIDES_BLEND), 0, 1)  # of the right half
    share = share * share * (3 - 2 * share)
    for k, unit in enumerate(ACTION_UNITS):
        right = _field(face, PULLS[unit], seam, flip)
        out[k, 1] = right * share[:, None]
        out[k, 0] = out[k, 1][flip] * (-1, 1, 1)
    return out


def _seam(face: FloatArray) -> FloatArray:
    """(468,) -1..1: below 0 what belongs to the upper lip's side, above 0 the lower one's, 0 beside the mouth."""
    height = face[:, 1] - face[[61, 291], 1].mean()
    side = np.sign(height)
    rings = _lip_sides()
    side[rings[0]], side[rings[1]] = -1, 1
    beyond = np.clip((np.abs(face[:, 0]) - np.abs(face[61, 0])) / 12 + 0.5, 0, 1)
    beyond[np.concatenate(rings)] = 0
    beyond[[61, 291, 76, 306, 62, 292, 78, 308]] = 1
    return np.asarray(side * (1 - beyond))


@cache
def _lip_sides() -> tuple[IntArray, IntArray]:
    mirror = scheme("dense478").mirror
    upper, lower = (*UPPER_EDGE, *UPPER_RINGS, 184, 183, 191), (*LOWER_EDGE, *LOWER_RINGS, 77, 96, 95)
    both = [np.array(sorted({*points, *(mirror[i] for i in points)})) for points in (upper, lower)]
    return both[0], both[1]


def _field(face: FloatArray, pulls: tuple[Pull, ...], seam: FloatArray, flip: IntArray) -> FloatArray:
    """The two-sided field: every pull on the right half and its mirror image, weights shared where pulls overlap."""
    total, move = np.zeros(468), np.zeros((468, 3))
    for pull in pulls:
        allowed = np.ones(468)
        if pull.lip != ANY:
            allowed = np.clip(1 - seam * (1 if pull.lip == UP else -1), 0, 1)
        both = np.array([*pull.points, *flip[list(pull.points)]])
        distance = np.linalg.norm(face[:, None] - face[both][None], axis=2)
        nearest = distance.min(1) / pull.reach
        weight = allowed * np.where(nearest < 1, (1 - nearest) ** 3 * (1 + 3 * nearest), 0)
        total += weight
        outward = np.clip(face[:, 0] / 6, -1, 1)
        direction = np.stack([outward * pull.move[0], np.full(468, pull.move[1]), np.full(468, pull.move[2])], axis=1)
        move += weight[:, None] * direction
    return move / np.maximum(total, 1)[:, None]


def displacement(all_fields: FloatArray, parameters: HeadParameters) -> FloatArray:
    """(468, 3) mm: the sum of the units at their intensities."""
    intensity = np.array([parameters.sides(unit) for unit in ACTION_UNITS])
    return np.asarray(np.tensordot(intensity, all_fields, axes=([0, 1], [0, 1])))


def jaw_angle(parameters: HeadParameters) -> float:
    """Degrees the jaw is open; both sides share one jaw."""
    angle = parameters.jaw + sum(v * max(parameters.sides(u)) for u, v in JAW_DEGREES.items())
    return min(float(angle), 32.0)


def open_jaw(points: FloatArray, weight: FloatArray, degrees: float) -> FloatArray:
    """(N, 3) points turned with the jaw, each by its share ``weight`` (N,) 0..1."""
    turn = rotation_from_vector(np.radians(degrees) * weight[:, None] * np.array([1.0, 0, 0]))
    return np.asarray(JAW_HINGE + np.einsum("nij,nj->ni", turn, points - JAW_HINGE))


def part_lips(points: FloatArray) -> FloatArray:
    """Keep the upper lip above the lower one: pairs that have crossed meet half-way, outer rings follow less."""
    return parted(points, crossed(points))


def crossed(points: FloatArray) -> BoolArray:
    """(9,) which pairs of the lips' inner edge have passed each other."""
    upper, lower = lip_pairs(0).T
    return np.asarray(points[upper, 1] > points[lower, 1])


def parted(points: FloatArray, pairs: BoolArray) -> FloatArray:
    """(..., 468, 3) with these pairs of the lips' inner edge brought together; linear in ``points``."""
    out = points.copy()
    inner_upper, inner_lower = lip_pairs(0).T
    overlap = np.where(pairs, points[..., inner_upper, 1] - points[..., inner_lower, 1], 0)
    for ring, follow in ((0, 1.0), (1, 0.7)):
        upper, lower = lip_pairs(ring).T
        out[..., upper, 1] -= overlap * follow / 2
        out[..., lower, 1] += overlap * follow / 2
    return out
