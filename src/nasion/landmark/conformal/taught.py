"""A new kind of point, taught from a few marked photos, and where it may be on another one.

Each marked photo is a one-shot predictor (see ``sets``): it knows where its mark lies among the landmarks of its face
and what the place looks like. A candidate on a new face fits it badly by how far it is from where the landmarks carry
the mark, plus how unlike the place looks. Candidates are the cells of a view around the face (see ``looks``).

A region is the set of smoothed full conformal prediction: each cell joins the n examples as if it had been marked, and
stays unless too few of the n + 1 marks fit the others as badly. The random number that this takes is drawn from the
picture and the name of the point (``chances``): the same picture always gives the same region.

The promise is over photos: of new ones that are exchangeable with the marked ones (the same kind of people, cameras
and poses, the same hand that marks) and on which a face is found, the region holds the cell of the point with
probability 1 - alpha, neither less nor more, over the draw of the marked photos, the new one and its number.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import cv2
import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray, InputError, Landmarks
from nasion.core.geometry.similarity import apply_affine, invert_affine
from nasion.landmark.conformal.looks import CELL, GRID, Looks, cell, face_view, middles
from nasion.landmark.conformal.points import Example, FoundPoint, Marked, TaughtPoint
from nasion.landmark.conformal.sets import (
    NEAREST,
    aggregate,
    conformal_threshold,
    full_conformal,
    nearest_others,
    too_few,
)

# Chosen for small regions on 260 HELEN training photos, five points; the promise holds for any.
LOOKS_PX = 7.0  # view px that a place costs when it looks like nothing marked: a tenth of the eye corners' distance
REACH = 4.0  # view px: landmarks this near to a mark say where it is carried, farther ones less and less
CHUNK = 512  # cells that are asked at a time, 4 MB of weights


def example(marked: Marked, seen: Looks | None = None) -> Example:
    """What one marked photo has to say.

    Args:
        marked: the photo and its click.
        seen: the looks of this face, where several points are marked on it.

    Raises:
        InputError: the mark lies outside the view around the face.
    """
    view = face_view(marked.landmarks)
    mark, mesh = apply_affine(view, marked.point), apply_affine(view, marked.landmarks.points[:, :2])
    at = cell(mark)
    if at is None:
        raise InputError(
            f"the mark at {np.round(marked.point, 1).tolist()} on {marked.photo} is too far from the face found there: "
            "mark points on or near faces, in px of the picture as displayed"
        )
    look = (seen or Looks(marked.image, view)).at(np.array([at]))[0]
    middle = middles()[at]
    return Example(mesh, middle, carrying_weights(mesh, middle), look)


def teach(name: str, marked: Sequence[Marked]) -> TaughtPoint:
    """Learn a point from photos that each carry one mark of it.

    Args:
        name: what to call it.
        marked: more than ``NEAREST`` photos, 20 if you can, whose landmarks have one layout.

    Raises:
        InputError: too few photos, several layouts, or a mark far from its face.
    """
    schemes = {m.landmarks.scheme.name for m in marked}
    if len(schemes) > 1:
        raise InputError(f"the landmarks of the marked photos are of several layouts: {', '.join(sorted(schemes))}")
    if len(marked) <= NEAREST:
        raise InputError(f"{name!r} is marked on {len(marked)} photos: mark at least {NEAREST + 1}, 20 if you can")
    return taught_from(name, schemes.pop(), [example(m) for m in marked])


def taught_from(name: str, scheme: str, examples: Sequence[Example]) -> TaughtPoint:
    """The point that more than ``NEAREST`` examples teach; ``scheme`` is the layout of their meshes."""
    mesh, middle, carry, look = (
        np.stack([getattr(e, part) for e in examples]) for part in ("mesh", "middle", "carry", "look")
    )
    return TaughtPoint(name, scheme, mesh, middle, carry, look, nearest_others(own_scores(examples)))


def own_scores(examples: Sequence[Example]) -> FloatArray:
    """(n, n): how badly the mark of example j fits example i."""
    carry, looks = (np.stack([getattr(e, part) for e in examples]) for part in ("carry", "look"))
    columns = [_apart(carry @ e.mesh, e.middle[None]) + _unlike(looks, e.look[None]) for e in examples]
    return np.concatenate(columns, axis=1)


def find(points: Sequence[TaughtPoint], image: ImageArray, landmarks: Landmarks, alpha: float) -> list[FoundPoint]:
    """Where taught points are on one face.

    Args:
        points: from ``teach`` or ``read_taught``.
        image: RGB uint8 (H, W, 3).
        landmarks: of the face, in the layout that the points were taught with, or one that converts to it.
        alpha: the share of misses allowed for each point; for all of m points at once, give alpha / m.

    Raises:
        InputError: a point was taught from too few photos for this promise; the message says what can be promised.
    """
    for point in points:
        if reason := too_few(len(point), alpha):
            raise InputError(f"{point.name!r}: {reason}")
    view = face_view(landmarks)
    seen = Looks(image, view)
    hull = cv2.convexHull(landmarks.points[:, :2].astype(np.float32))
    area, back = float(cv2.contourArea(hull)), invert_affine(view)
    found = []
    for point, chance in zip(points, chances(image, [p.name for p in points]), strict=True):
        mesh = apply_affine(view, landmarks.to(point.scheme).points[:, :2])
        scores = cell_scores(point, seen, mesh)
        inside = region(point, seen, mesh, scores, alpha, chance).reshape(GRID, GRID)
        found.append(FoundPoint(point.name, alpha, apply_affine(back, middles()[scores.argmin()]), inside, view, area))
    return found


def chances(image: ImageArray, names: Sequence[str]) -> list[float]:
    """For each name of a point a number from 0..1, as if drawn at random, the same whenever the picture is the same."""
    seed = blake2b(image.tobytes(), digest_size=16).digest()
    return [int.from_bytes(blake2b(n.encode(), key=seed, digest_size=6).digest(), "big") / 2**48 for n in names]


def region(
    point: TaughtPoint, seen: Looks, mesh: FloatArray, scores: FloatArray, alpha: float, chance: float
) -> BoolArray:
    """(GRID * GRID,) the cells that stay when each joins the examples as if it had been marked.

    Args:
        point: what was taught, from enough photos for ``alpha``; from too few every cell stays.
        seen: the looks of the face.
        mesh: (N, 2) its landmarks, view px.
        scores: from ``cell_scores``.
        alpha: the share of misses allowed.
        chance: 0..1, see ``full_conformal``.
    """
    threshold = conformal_threshold(point.calibration, alpha)
    if np.isinf(threshold):
        return np.ones(len(scores), bool)
    inside = scores <= threshold  # what stays lies inside, see ``sets``
    cells = np.flatnonzero(inside)
    for at in np.array_split(cells, len(cells) // CHUNK + 1):
        carry = carrying_weights(mesh, middles()[at])
        away = np.hypot(*(carry @ point.meshes[..., axis].T - point.middles[:, axis] for axis in (0, 1)))
        says = away + _unlike(seen.at(at), point.looks)
        inside[at] = full_conformal(scores[at], point.nearest, says, alpha, chance)
    return np.asarray(inside)


def cell_scores(point: TaughtPoint, seen: Looks, mesh: FloatArray) -> FloatArray:
    """(GRID * GRID,) the score of each cell on one face; infinite where it is above that of the worst example's mark.

    Args:
        point: what was taught.
        seen: the looks of the face.
        mesh: (N, 2) its landmarks, view px.
    """
    expected, cells, worst = point.carry @ mesh, middles(), float(point.calibration.max())
    reach = worst / NEAREST + CELL  # farther from every example, the sum of the nearest is above the worst
    low, high = expected.min(axis=0) - reach, expected.max(axis=0) + reach
    box = np.flatnonzero(((cells >= low) & (cells <= high)).all(axis=1))
    box = box if len(box) else np.arange(len(cells))
    apart = _apart(expected, cells[box])
    # looks only add to a score: where the distances alone are too much, nobody need look
    least = aggregate(apart)
    first = np.array([least.argmin()])
    bound = max(worst, float(aggregate(apart[:, first] + _unlike(point.looks, seen.at(box[first])))[0]))
    near = np.flatnonzero(least <= bound)
    scores = np.full(len(cells), np.inf)
    scores[box[near]] = aggregate(apart[:, near] + _unlike(point.looks, seen.at(box[near])))
    return scores


def carrying_weights(mesh: FloatArray, mark: FloatArray) -> FloatArray:
    """(..., N) weights that sum to one: the mark is the weighted sum of the landmarks, and follows them to other faces.

    The mark moves by the affine map that fits its surroundings best (moving least squares; Schaefer et al., "Image
    Deformation Using Moving Least Squares", SIGGRAPH 2006), which is one linear combination of the landmarks.

    Args:
        mesh: (N, 2) the landmarks, view px.
        mark: (..., 2) view px: one mark or many.
    """
    offset = (mesh - mark[..., None, :]) / REACH
    weight = (1.0 + (offset**2).sum(axis=-1)) ** -2
    basis = np.concatenate([offset, np.ones((*offset.shape[:-1], 1))], axis=-1)
    weighted = np.swapaxes(basis * weight[..., None], -1, -2)
    here = np.array([[0.0], [0.0], [1.0]])  # the map's value at the mark itself
    at = np.linalg.solve(weighted @ basis, np.broadcast_to(here, (*mark.shape[:-1], 3, 1)))
    return np.asarray((np.swapaxes(at, -1, -2) @ weighted)[..., 0, :])


def _apart(expected: FloatArray, cells: FloatArray) -> FloatArray:
    """(n, M) view px between (n, 2) expected places and (M, 2) cells."""
    return np.asarray(np.hypot(*(expected[:, None, axis] - cells[None, :, axis] for axis in (0, 1))))


def _unlike(looks: FloatArray, seen: FloatArray) -> FloatArray:
    """(n, M) what the looks of M places cost (n examples); never below 0."""
    return np.asarray(LOOKS_PX * np.maximum(1 - looks @ seen.T, 0))
