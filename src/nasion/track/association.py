"""Which face is which: the cheapest pairing of known faces with found ones.

Source: Kuhn, "The Hungarian Method for the Assignment Problem", Naval Research Logistics 1955, as in
Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016; here the cost also looks at where the face's five
points lie, because two people who cross rarely turn their heads alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

from nasion.core import BoolArray, Face, FloatArray

SAME_FACE = 0.2  # face sizes: five points closer than this on average belong to one face


def match_faces(known: Sequence[Face], found: Sequence[Face], reach: FloatArray) -> list[tuple[int, int]]:
    """Pair known faces with found ones so that the sum of costs is least.

    The cost is ``(1 - IoU) + centre distance / size + shape difference``. Faces that lie further apart than ``reach``
    or differ in size by more than a factor of two are never paired.

    Args:
        known: faces where they are expected now.
        found: faces of this frame.
        reach: (len(known),) the largest centre distance, in sizes of the known face.

    Returns:
        Pairs (index in ``known``, index in ``found``), each index at most once.
    """
    if not known or not found:
        return []
    cost, allowed = _costs(known, found, reach)
    if 1 in cost.shape:  # one face on a side, as in most videos: no solver, and none of the 50 MB that loading it takes
        i, j = np.unravel_index(np.where(allowed, cost, np.inf).argmin(), cost.shape)
        return [(int(i), int(j))] if allowed[i, j] else []
    from scipy.optimize import linear_sum_assignment

    # A large finite cost, not infinity: the solver must not fail when somebody has no partner at all.
    rows, columns = linear_sum_assignment(np.where(allowed, cost, 1e6))
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if allowed[i, j]]


def without_duplicates(faces: Sequence[Face]) -> list[Face]:
    """Of faces whose points lie on one and the same face, only the first.

    Two faces are one when their five points are closer than `SAME_FACE` of the smaller one's size on average.
    """
    if len(faces) < 2:
        return list(faces)
    points = np.stack([_five_points(face) for face in faces])
    size = np.array([face_size(face) for face in faces])
    distance = np.linalg.norm(points[:, None] - points[None], axis=3).mean(axis=2)
    same = distance < SAME_FACE * np.minimum(size[:, None], size[None])
    kept: list[int] = []
    for i in range(len(faces)):
        if not same[i, kept].any():
            kept.append(i)
    return [faces[i] for i in kept]


def face_size(face: Face) -> float:
    """Square root of the box's area, px."""
    return sqrt(face.box.area)


def _five_points(face: Face) -> FloatArray:
    return face.landmarks.to("coarse5").points[:, :2]


def _costs(known: Sequence[Face], found: Sequence[Face], reach: FloatArray) -> tuple[FloatArray, BoolArray]:
    a, b = (np.array([face.box.to_array() for face in faces], np.float64) for faces in (known, found))
    size_a, size_b = (np.maximum(np.sqrt((x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1])), 1e-6) for x in (a, b))
    distance = np.linalg.norm(_centres(a)[:, None] - _centres(b)[None], axis=2) / size_a[:, None]
    ratio = size_b[None] / size_a[:, None]
    shapes = (_shape(np.stack([_five_points(face) for face in faces])) for faces in (known, found))
    shape_a, shape_b = shapes
    difference = np.linalg.norm(shape_a[:, None] - shape_b[None], axis=3).mean(axis=2)
    allowed = (distance <= reach[:, None]) & (ratio > 0.5) & (ratio < 2.0)
    return 1 - _iou(a, b) + distance + difference, allowed


def _centres(boxes: FloatArray) -> FloatArray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """(A, 4) and (B, 4) boxes to (A, B) intersection over union."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    area_a, area_b = np.prod(a[:, 2:] - a[:, :2], axis=1), np.prod(b[:, 2:] - b[:, :2], axis=1)
    return np.asarray(shared / np.maximum(area_a[:, None] + area_b[None] - shared, 1e-9))


def _shape(points: FloatArray) -> FloatArray:
    """(F, 5, 2) px to the same points without place and size; turn is kept, it tells people apart."""
    centred = points - points.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).sum(axis=2).mean(axis=1))
    return np.asarray(centred / np.maximum(spread, 1e-6)[:, None, None])
