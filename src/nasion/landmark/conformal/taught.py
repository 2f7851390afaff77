"""A new kind of point, taught from a few marked photos, and where it may be on another one.

Each marked photo is a one-shot predictor (see ``sets``): it knows where its mark lies among the landmarks of its face
and what the place looks like. A candidate on a new face fits it badly by how far it is from where the landmarks carry
the mark, plus how unlike the place looks. Candidates are the cells of a view around the face (see ``looks``).

The promise is over photos: of new ones that are exchangeable with the marked ones (the same kind of people, cameras
and poses, the same hand that marks) and on which a face is found, the region holds the point at least 1 - alpha of the
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray, InputError, Landmarks
from nasion.core.geometry.similarity import apply_affine, invert_affine
from nasion.landmark.conformal.looks import CELL, GRID, Looks, cell, face_view, middles
from nasion.landmark.conformal.sets import NEAREST, aggregate, leave_one_out, prediction_set, too_few

# Chosen for small regions on 260 HELEN training photos, five points; the promise holds for any.
LOOKS_PX = 7.0  # view px that a place costs when it looks like nothing marked: a tenth of the eye corners' distance
REACH = 4.0  # view px: landmarks this near to a mark say where it is carried, farther ones less and less


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """One photo with one click.

    Attributes:
        image: RGB uint8 (H, W, 3).
        landmarks: of the marked face.
        point: (2,) px, where the mark is.
        photo: what the photo is called, for messages.
    """

    image: ImageArray
    landmarks: Landmarks
    point: FloatArray
    photo: str = "this photo"


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A marked photo as a one-shot predictor; no pixel of it is kept.

    Attributes:
        mesh: (N, 2) the landmarks, view px.
        middle: (2,) of the marked cell, view px.
        carry: (N,) weights; the mark is expected at the weighted sum of a face's landmarks.
        look: (136,) descriptor of the marked cell.
    """

    mesh: FloatArray
    middle: FloatArray
    carry: FloatArray
    look: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class TaughtPoint:
    """What was learned from n marked photos.

    Attributes:
        name: what the point is called.
        scheme: layout of the landmarks that carry it.
        carry: (n, N), of the examples.
        looks: (n, 136), of the examples.
        calibration: (n,) score of each mark by the other examples.
    """

    name: str
    scheme: str
    carry: FloatArray
    looks: FloatArray
    calibration: FloatArray

    def __len__(self) -> int:
        """How many photos it was taught from."""
        return len(self.calibration)


@dataclass(frozen=True, slots=True, eq=False)
class FoundPoint:
    """Where a taught point is on one face.

    Attributes:
        name: of the point.
        alpha: the share of misses that was allowed.
        point: (2,) px, the best guess: the middle of the cell with the lowest score.
        inside: (GRID, GRID) bool, the cells of the region.
        view: (2, 3) similarity from image px to view px; a cell is ``CELL`` view px wide.
        face_area: square px, of the hull around the landmarks.
    """

    name: str
    alpha: float
    point: FloatArray
    inside: BoolArray
    view: FloatArray
    face_area: float

    @property
    def grain(self) -> float:
        """Side of a cell, px of the image: what the region can resolve."""
        return CELL / float(np.hypot(self.view[0, 0], self.view[1, 0]))

    @property
    def area(self) -> float:
        """Of the region, square px of the image."""
        return float(self.inside.sum()) * self.grain**2

    @property
    def share(self) -> float:
        """Area of the region over that of the face."""
        return self.area / self.face_area

    def contains(self, point: FloatArray) -> bool:
        """Whether (x, y), px of the image, lies in a cell of the region."""
        at = cell(apply_affine(self.view, point))
        return at is not None and bool(self.inside.flat[at])

    def outlines(self) -> list[FloatArray]:
        """Closed lines around the region, (K, 2) px of the image each: one for each of its parts and holes."""
        fine = self.inside.astype(np.uint8).repeat(CELL, axis=0).repeat(CELL, axis=1)
        lines, _ = cv2.findContours(fine, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        return [apply_affine(invert_affine(self.view), line[:, 0].astype(np.float64)) for line in lines]


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
    return Example(mesh, middles()[at], carrying_weights(mesh, mark), look)


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
    carry, looks = (np.stack([getattr(e, part) for e in examples]) for part in ("carry", "look"))
    return TaughtPoint(name, scheme, carry, looks, leave_one_out(own_scores(examples)))


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
    for point in points:
        scores = cell_scores(point, seen, apply_affine(view, landmarks.to(point.scheme).points[:, :2]))
        inside = prediction_set(scores, point.calibration, alpha).inside.reshape(GRID, GRID)
        found.append(FoundPoint(point.name, alpha, apply_affine(back, middles()[scores.argmin()]), inside, view, area))
    return found


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
    """(N,) weights that sum to one: the mark is the weighted sum of the landmarks, and follows them to other faces.

    The mark moves by the affine map that fits its surroundings best (moving least squares; Schaefer et al., "Image
    Deformation Using Moving Least Squares", SIGGRAPH 2006), which is one linear combination of the landmarks.

    Args:
        mesh: (N, 2) the landmarks, view px.
        mark: (2,) view px.
    """
    offset = (mesh - mark) / REACH
    weight = (1.0 + (offset**2).sum(axis=1)) ** -2
    basis = np.concatenate([offset, np.ones((len(mesh), 1))], axis=1)
    weighted = (basis * weight[:, None]).T
    return np.asarray(np.linalg.solve(weighted @ basis, weighted)[2])


def _apart(expected: FloatArray, cells: FloatArray) -> FloatArray:
    """(n, M) view px between (n, 2) expected places and (M, 2) cells."""
    return np.asarray(np.hypot(*(expected[:, None, axis] - cells[None, :, axis] for axis in (0, 1))))


def _unlike(looks: FloatArray, seen: FloatArray) -> FloatArray:
    """(n, M) what the looks of M places cost (n examples); never below 0."""
    return np.asarray(LOOKS_PX * np.maximum(1 - looks @ seen.T, 0))
