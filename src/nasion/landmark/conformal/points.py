"""What a taught point is made of: marked photos, examples, what was learned, and what is found."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray, Landmarks
from nasion.core.geometry.similarity import apply_affine, invert_affine
from nasion.landmark.conformal.looks import CELL, cell


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
        meshes: (n, N, 2), of the examples.
        middles: (n, 2), of the examples.
        carry: (n, N), of the examples.
        looks: (n, 136), of the examples.
        nearest: (NEAREST, n) what the examples that fit it best say of each mark.
    """

    name: str
    scheme: str
    meshes: FloatArray
    middles: FloatArray
    carry: FloatArray
    looks: FloatArray
    nearest: FloatArray

    def __len__(self) -> int:
        """How many photos it was taught from."""
        return len(self.middles)

    @property
    def calibration(self) -> FloatArray:
        """(n,) score of each mark by the other examples."""
        return np.asarray(self.nearest.sum(axis=0))


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
