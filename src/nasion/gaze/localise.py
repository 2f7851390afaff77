"""Where a classifier finds its answer: the same question asked at a grid of fixations.

A log-polar classifier sees sharply only about the fixation, so what it says changes much when the fixation moves: the
map of its answers over fixations shows where the thing is, though it never learned places.

Source: "Foveated Retinotopy Improves Classification and Localization in CNNs", arXiv 2402.15480.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasion.core import Face, FloatArray, ImageArray, InputError, Landmarks, ModelError
from nasion.gaze.retina import Point, Retina, bilinear
from nasion.models import Session

BATCH = 100  # views asked about at a time, as in the paper
FULL = 0.9  # of the picture's half, how far out fixations go where windows may leave the picture
PARTS = ("left_eye", "right_eye", "mouth")
PATCH = Retina(12, 24, 3.0)
REACH = 0.6  # outer radius of a part's patch over the distance between the eyes

Classifier = Callable[[ImageArray], FloatArray]
"""Views (N, rings, directions, 3) uint8 to (N,) probabilities."""


@dataclass(frozen=True, slots=True, eq=False)
class LocalisationMap:
    """Answers over fixations.

    Attributes:
        scores: (n, n) 0..1, rows from above.
        x, y: (n,) px of the fixations.
        radius: px of the windows.
    """

    scores: FloatArray
    x: FloatArray
    y: FloatArray
    radius: float

    @property
    def peak(self) -> Point:
        """The fixation with the highest score, px."""
        row, column = np.unravel_index(int(self.scores.argmax()), self.scores.shape)
        return float(self.x[column]), float(self.y[row])

    def over(self, width: int, height: int) -> FloatArray:
        """(height, width) float32, the scores between the fixations and a little beyond them; 0 farther out."""
        steps = max(len(self.x) - 1, 1)
        across, down = (max((line[-1] - line[0]) / steps, 1e-6) for line in (self.x, self.y))
        columns, rows = (np.arange(width) - self.x[0]) / across, (np.arange(height) - self.y[0]) / down
        x, y = np.meshgrid(columns, rows)
        return bilinear(np.asarray(self.scores, np.float32), x, y)


def localise(
    classify: Classifier, image: ImageArray, retina: Retina, *, ratio: float = 0.5, steps: int = 11, full: bool = False
) -> LocalisationMap:
    """Ask a classifier at ``steps`` x ``steps`` fixations.

    Args:
        classify: of views.
        image: (H, W, 3) uint8 RGB; thought of as padded to a square.
        retina: what the classifier was trained with.
        ratio: half-size of a window over half of the picture's longer side, 0.05..1.
        steps: fixations along each axis.
        full: let windows leave the picture (fixations up to 0.9 of its half), rather than keep all of them inside.

    Raises:
        InputError: numbers out of range.
    """
    if not 0.05 <= ratio <= 1 or steps < 1:
        raise InputError(f"give a ratio of 0.05..1 and at least one step, got {ratio} and {steps}")
    height, width = image.shape[:2]
    half = max(height, width) / 2
    far = FULL if full else 1 - ratio
    place = np.linspace(-far, far, steps) if steps > 1 else np.zeros(1)
    x, y = (width - 1) / 2 + place * half, (height - 1) / 2 + place * half
    views, scores = [], []
    for at in np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).tolist():
        views.append(retina.view(image, (at[0], at[1]), ratio * half))
        if len(views) == BATCH:
            scores.append(classify(np.stack(views).astype(np.uint8)))
            views = []
    if views:
        scores.append(classify(np.stack(views).astype(np.uint8)))
    return LocalisationMap(np.concatenate(scores).reshape(steps, steps), x, y, ratio * half)


class FaceProbe:
    """Face or not, from a log-polar view: what ``nasion train foveated-retinotopy`` writes.

    Attributes:
        retina: that its views must come from.

    Raises:
        ModelError: the file is no such network.
    """

    def __init__(self, model: str | Path) -> None:
        self.session = Session(model, threads=1)
        try:
            rings, directions, octaves = self.session.metadata["retina"].split(",")
            self.retina = Retina(int(rings), int(directions), float(octaves))
        except (KeyError, ValueError):
            raise ModelError(
                f"{self.session.path} is no log-polar face probe: make one with `nasion train foveated-retinotopy`"
            ) from None

    def __call__(self, views: ImageArray) -> FloatArray:
        """(N,) probabilities 0..1 of (N, rings, directions, 3) uint8 views."""
        return np.asarray(self.session.run({"views": views})["face"])

    def localise(self, image: ImageArray, *, ratio: float = 0.5, full: bool = True) -> LocalisationMap:
        """Where in the picture a face is likely; ``ratio`` near the face's own half-height finds it best."""
        return localise(self, image, self.retina, ratio=ratio, full=full)


def part_patches(image: ImageArray, face: Face | Landmarks) -> FloatArray:
    """Eyes and mouth as log-polar patches, the same however the head is rolled or how large it is.

    The fixation is the part's middle, the first direction the line from the right to the left eye, the radius
    ``REACH`` times the distance between the eyes.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: its points; in any scheme with the groups left_eye, right_eye and mouth.

    Returns:
        (3, 12 * 24) float32, rows left eye, right eye, mouth, each of mean 0 and length 1: compare them by their dot
        products.

    Raises:
        InputError: the eyes coincide or a part is unknown.
    """
    points = face.landmarks if isinstance(face, Face) else face
    middles = np.stack([part_middle(points, part) for part in PARTS])
    across = middles[0] - middles[1]
    apart = float(np.linalg.norm(across))
    if not apart > 0:
        raise InputError(f"the eyes' places are unknown or coincide: {middles[:2].tolist()}")
    grey = np.asarray(image, np.float32).mean(axis=2) if image.ndim == 3 else np.asarray(image, np.float32)
    start = float(np.arctan2(across[1], across[0]))
    rows = np.stack([PATCH.view(grey, (float(x), float(y)), REACH * apart, start).ravel() for x, y in middles])
    rows = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), np.float32)


def part_middle(points: Landmarks, part: str) -> FloatArray:
    """(2,) px, the middle of ``left_eye``, ``right_eye``, ``mouth`` or any other group of the points' scheme."""
    return np.asarray(points[part].points[:, :2].mean(axis=0), np.float64)
