"""Where a face is looked at first: a rule that one can compute, not a model fitted to people.

An eye sees fine detail only about its fixation. The rule looks where the most detail of faces becomes visible that was
not visible yet, then again, until enough looks are made. Detail is contrast in three bands of the face; how fine a
detail is seen at which distance follows human acuity (it halves ``HALVES`` degrees off the fixation, Strasburger et
al., Journal of Vision 2011), with a face taken to be ``TALL`` degrees high, as it is at a metre's distance.

No eye-tracking data were at hand: nothing here says how well the rule predicts people. Peterson and Eckstein (PNAS
2012) found that people look just below the eyes first, and that such a rule explains why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from nasion.core import Box, Face, FloatArray, ImageArray, InputError
from nasion.gaze.localise import part_middle

GRID = 64  # px of a face's own picture
MARGIN = 0.1  # of the face's box added on each side
STEP = 3  # px of that picture between the fixations that are tried
HALVES = 2.3  # degrees
TALL = 12.0  # degrees
FINEST = 32  # cycles a face's height that the fixation itself resolves
WAVES = (4.0, 8.0, 16.0)  # px of the face's picture: the bands' wavelengths
PARTS = ("left_eye", "right_eye", "nose", "mouth")


@dataclass(frozen=True, slots=True)
class Look:
    """One look.

    Attributes:
        x, y: px of the picture.
        face: row of the face.
        part: what it is nearest to: left_eye, right_eye (the subject's), nose or mouth.
        seen: share 0..1 of that face's detail that is visible once this look is made.
    """

    x: float
    y: float
    face: int
    part: str
    seen: float


def first_looks(image: ImageArray, faces: Sequence[Face], count: int = 3) -> list[Look]:
    """The first looks at a picture's faces, in order.

    Larger faces come first, as their detail counts by the area that it covers; a face that has been seen well enough
    gives way to the next.

    Args:
        image: (H, W, 3) uint8 RGB.
        faces: with landmarks.
        count: how many looks.

    Raises:
        InputError: no faces, or no looks wanted.
    """
    if not faces or count < 1:
        raise InputError(f"give at least one face and one look, got {len(faces)} and {count}")
    views = [_Seen(image, face) for face in faces]
    looks = []
    for _ in range(count):
        best = [view.best() for view in views]
        row = int(np.argmax([gain * view.area for (gain, _, _), view in zip(best, views, strict=True)]))
        _, x, y = best[row]
        px, py, seen = views[row].look(x, y)
        points = faces[row].landmarks
        away = [float(np.hypot(*(part_middle(points, part) - (px, py)))) for part in PARTS]
        looks.append(Look(px, py, row, PARTS[int(np.argmin(away))], seen))
    return looks


class _Seen:
    """What has been seen of one face."""

    def __init__(self, image: ImageArray, face: Face) -> None:
        box = face.box.scaled(1 + 2 * MARGIN)
        side = max(box.width, box.height)
        x, y = box.center
        self.box = Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)
        self.area = face.box.area
        scale = GRID / side
        matrix = np.array([[scale, 0, -scale * self.box.x0], [0, scale, -scale * self.box.y0]])
        small = image if scale >= 1 else cv2.GaussianBlur(image, (0, 0), 0.45 / scale)
        crop = cv2.warpAffine(small, matrix, (GRID, GRID), borderMode=cv2.BORDER_REPLICATE)
        self.detail = details(np.asarray(crop, np.uint8))
        self.seen = np.zeros_like(self.detail)
        at = np.arange(STEP / 2, GRID, STEP)
        self.tried = np.stack(np.meshgrid(at, at), axis=-1).reshape(-1, 2)
        self.sharp = np.stack([visible(x, y) for x, y in self.tried])  # (F, bands, GRID, GRID)

    def best(self) -> tuple[float, float, float]:
        """The share of detail that the best look adds, and where it is in the face's picture."""
        gain = (np.maximum(self.sharp - self.seen, 0) * self.detail).sum(axis=(1, 2, 3))
        row = int(gain.argmax())
        x, y = self.tried[row].tolist()
        return float(gain[row]), x, y

    def look(self, x: float, y: float) -> tuple[float, float, float]:
        """Look there: the place in px of the picture, and the share of detail seen so far."""
        self.seen = np.maximum(self.seen, visible(x, y))
        side = self.box.width / GRID
        return self.box.x0 + x * side, self.box.y0 + y * side, float((self.seen * self.detail).sum())


def details(crop: ImageArray) -> FloatArray:
    """(3, 64, 64) contrast of a face's picture in three bands, within the face's oval; each band sums to a third."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    at = (np.arange(GRID) - (GRID - 1) / 2) / (GRID / 2)
    # the box's own oval, soft at its edge, so that hair and background do not draw the eye
    oval = np.clip((0.85 - np.hypot(at[None] / 0.8, at[:, None])) / 0.2, 0, 1)
    bands = []
    for wave in WAVES:
        fine = cv2.GaussianBlur(grey, (0, 0), wave / 8)
        band = np.abs(fine - cv2.GaussianBlur(grey, (0, 0), wave / 4)) * oval
        bands.append(band / max(float(band.sum()), 1e-6) / len(WAVES))
    return np.stack(bands)


def visible(x: float, y: float) -> FloatArray:
    """(3, 64, 64) 0..1: how well each band is seen about a fixation in the face's picture."""
    away = np.hypot(np.arange(GRID)[None] - x, np.arange(GRID)[:, None] - y) / GRID * TALL
    shortest = GRID / FINEST * (1 + away / HALVES)
    return np.stack([1 / (1 + (shortest / wave) ** 4) for wave in WAVES]).astype(np.float32)
