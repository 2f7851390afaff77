"""Looking for a person: the scan path over the faces of a crowd or a contact sheet, blurred where one does not look.

The weight-free searcher of the published system's idea: what is compared is a face's code (a network's embedding, or a
histogram of oriented gradients), seen with a resolution that falls with the distance from the fixation. Recognition is
not assumed: a fixated face is taken for the person when its code is near enough, so there are misses and mix-ups.

Source: "Visual Search Asymmetry: Deep Nets and Humans Share Similar Inherent Biases", NeurIPS 2021, arXiv 2106.02953.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from nasion.core import Face, FloatArray, ImageArray, InputError, ModelError
from nasion.core.geometry.similarity import umeyama
from nasion.models import Session

WIDE, HIGH = 96, 112  # px of an aligned face
TEMPLATE = np.array(
    [[65.5318, 51.5014], [30.2946, 51.6963], [48.0252, 71.7366], [62.7299, 92.2041], [33.5493, 92.3655]]
)
"""``coarse5`` in an aligned face, as CASIA-WebFace networks are trained on."""
BLUR = 0.014  # standard deviation of the blur over the distance from the fixation: half the spacing of 224 directions
LEVELS = (0.0, 1.0, 2.0, 3.0, 4.5, 6.5, 9.0)  # px of an aligned face: blurs are rounded to these
SAME = 0.38  # cosine of two embeddings above which a fixated face is taken for the person (benchmarks/search.py)
SAME_HOG = 0.55  # the same of two histograms
CELL, BINS = 8, 9  # px and directions of a histogram

Code = Callable[[ImageArray], FloatArray]
"""Aligned faces (N, 112, 96, 3) uint8 to codes (N, D) of length 1."""


@dataclass(frozen=True, slots=True, eq=False)
class PersonPath:
    """A search for a person.

    Attributes:
        points: (N + 1, 2) px, x and y; the first is where it began.
        visited: rows of the faces, in order.
        likeness: cosine of each visited face's code with the target's.
        answer: row of the face taken for the person; None when none was.
    """

    points: FloatArray
    visited: tuple[int, ...]
    likeness: tuple[float, ...]
    answer: int | None


class PersonSearch:
    """The faces of one scene, ready to be searched for several people.

    Args:
        scene: (H, W, 3) uint8 RGB.
        faces: with landmarks that convert to ``coarse5``.
        code: what faces are compared by: ``face_codes()`` or ``hog_codes``.
        same: cosine above which a fixated face is the person.
        blur: see ``BLUR``; 0 sees all faces sharp at once.

    Raises:
        InputError: there are no faces.
    """

    def __init__(
        self, scene: ImageArray, faces: Sequence[Face], code: Code, *, same: float = SAME, blur: float = BLUR
    ) -> None:
        if not faces:
            raise InputError("there are no faces to search among")
        self.same, self.blur, self._code = same, blur, code
        self.size = scene.shape[:2]
        crops = [aligned(scene, face) for face in faces]
        self.places = np.array([face.box.center for face in faces])
        self._shrunk = np.array([scale for _, scale in crops])
        self._crops = [crop for crop, _ in crops]
        self._seen: dict[tuple[int, int], FloatArray] = {}

    def search(self, target: FloatArray, *, at: tuple[float, float] | None = None) -> PersonPath:
        """Look until a face is taken for the person, or all have been looked at.

        Args:
            target: (D,) the person's code.
            at: where the eyes are at first, px; by default the middle of the scene.
        """
        here = np.array(at or ((self.size[1] - 1) / 2, (self.size[0] - 1) / 2))
        points, visited, likeness = [here], list[int](), list[float]()
        answer = None
        while answer is None and len(visited) < len(self._crops):
            near = self.glance(target, here)
            near[visited] = -np.inf
            best = int(np.argmax(near))
            here = self.places[best]
            visited.append(best)
            points.append(here)
            likeness.append(float(self._codes([best], [0])[0] @ target))
            if likeness[-1] >= self.same:
                answer = best
        return PersonPath(np.array(points), tuple(visited), tuple(likeness), answer)

    def glance(self, target: FloatArray, at: FloatArray) -> FloatArray:
        """(N,) likeness of every face, as seen from a fixation (2,) px."""
        away = np.linalg.norm(self.places - at, axis=1)
        sigma = self.blur * away * self._shrunk
        level = np.abs(sigma[:, None] - np.array(LEVELS)).argmin(axis=1)
        return np.asarray(self._codes(range(len(away)), level.tolist()) @ target)

    def _codes(self, rows: Sequence[int], levels: Sequence[int]) -> FloatArray:
        """Codes of faces at levels of blur, remembered."""
        missing = [key for key in zip(rows, levels, strict=True) if key not in self._seen]
        if missing:
            seen = np.stack([blurred(self._crops[row], LEVELS[level]) for row, level in missing])
            self._seen.update(zip(missing, self._code(seen), strict=True))
        return np.stack([self._seen[key] for key in zip(rows, levels, strict=True)])


def aligned(image: ImageArray, face: Face) -> tuple[ImageArray, float]:
    """The face upright in 96 x 112 px, and how many px of that one px of the picture is."""
    points = face.landmarks if face.landmarks.scheme.name == "coarse5" else face.landmarks.to("coarse5")
    matrix = umeyama(points.points[:, :2].astype(np.float64), TEMPLATE)[:2]
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    picture = image if scale >= 0.7 else cv2.GaussianBlur(image, (0, 0), 0.45 / scale)
    crop = cv2.warpAffine(picture, matrix, (WIDE, HIGH), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8), scale


def blurred(crop: ImageArray, sigma: float) -> ImageArray:
    """An aligned face with a blur of ``sigma`` px; 0 leaves it."""
    return crop if sigma == 0 else np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), np.uint8)


def face_codes(model: str | Path = "mobilefacenet_casia") -> Code:
    """Embeddings by a network of (N, 3, 112, 96) float RGB, (x - 127.5) / 128, of the face and its mirror image.

    Raises:
        ModelError: the weights are not here, or take something else.
    """
    session = Session(model, threads=1)
    (name, shape), *_ = session.input_shapes.items()
    if tuple(shape[1:]) != (3, HIGH, WIDE):
        raise ModelError(f"{session.path} takes {shape}, not aligned faces (N, 3, {HIGH}, {WIDE})")

    def code(crops: ImageArray) -> FloatArray:
        x = (np.moveaxis(crops, 3, 1).astype(np.float32) - 127.5) / 128
        both = [session.run({name: np.ascontiguousarray(side)})[session.output_names[0]] for side in (x, x[..., ::-1])]
        return _unit(np.concatenate(both, axis=1))

    return code


def hog_codes(crops: ImageArray) -> FloatArray:
    """Histograms of oriented gradients (Dalal and Triggs, CVPR 2005) of aligned faces: no weights at all.

    Cells of 8 px, 9 directions without sign, blocks of 2 x 2 cells brought to length 1, cut at 0.2, and once more.
    """
    found = np.stack([_hog(crop) for crop in crops])
    return _unit(found - found.mean(axis=1, keepdims=True))


def _hog(crop: ImageArray) -> FloatArray:
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[24:104, 8:88].astype(np.float32)
    dx, dy = (cv2.Sobel(grey, cv2.CV_32F, *way, ksize=1) for way in ((1, 0), (0, 1)))
    direction = np.arctan2(dy, dx) % np.pi * (BINS / np.pi) - 0.5
    low = np.floor(direction)
    share, strength = direction - low, np.hypot(dx, dy)
    cells = np.zeros((BINS, grey.shape[0] // CELL, grey.shape[1] // CELL), np.float32)
    for number, part in ((low, 1 - share), (low + 1, share)):
        for k in range(BINS):
            votes = np.where(number.astype(int) % BINS == k, strength * part, 0)
            cells[k] += votes.reshape(cells.shape[1], CELL, cells.shape[2], CELL).sum(axis=(1, 3))
    blocks = [cells[:, i : cells.shape[1] - 1 + i, j : cells.shape[2] - 1 + j] for i in (0, 1) for j in (0, 1)]
    rows = np.concatenate(blocks).reshape(4 * BINS, -1).T
    return np.asarray(_unit(np.minimum(_unit(rows), 0.2)).ravel())


def _unit(rows: FloatArray) -> FloatArray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)
