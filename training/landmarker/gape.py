"""Open the mouth of a labelled face: few of the training faces shout, and those were where held-out people failed.

Of the six worst held-out HELEN photos three have a mouth wide open, and the lower lip is placed far too high. The
picture is stretched between the lips, everything below moves down with the jaw, the corners come together a little
as in an "O", and lips that were closed get a dark inside. The labels follow the same displacement.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.landmarker.view import CACHE, PIXELS_PER_VIEW

UPPER, LOWER, CHIN, CORNERS = (60, 61, 62, 63, 64), (60, 67, 66, 65, 64), 8, (48, 54)
INNER = tuple(range(60, 68))
BRIDGE = 27
OPENED = (0.08, 0.34)  # of the face's height (nose bridge to chin) that the lower lip goes down
CLOSED = 0.03  # of it: lips nearer than this have no inside that could be stretched
EDGE = (CACHE - PIXELS_PER_VIEW) / 2 - 0.5  # px of the crop left of the view
_PIXELS = np.stack(np.meshgrid(np.arange(CACHE), np.arange(CACHE)), -1).astype(np.float64)


@dataclass(frozen=True)
class Mouth:
    """Where a mouth is and how far it is to open, px; x along the eyes and y down the face, from the mouth's middle."""

    middle: np.ndarray  # (2,) px of the crop
    axes: np.ndarray  # (2, 2) rows: x and y in the crop
    seam: np.ndarray  # (3, 5) x of the inner lips, y of the upper ones, y of the lower ones
    half: float  # of the mouth's width
    chin: float
    opening: float
    squeeze: float

    def forth(self, points: np.ndarray) -> np.ndarray:
        """Where places (..., 2) px of the crop go."""
        x, y = self._inside(points)
        x = x * self._narrowing(x, y)
        seam, reach, down = self._stretch(x)
        share = np.clip((y - seam + reach) / (2 * reach), 0, 1) * np.clip(2 - y / self.chin, 0, 1)
        return self._outside(x, y + down * share)

    def back(self, points: np.ndarray) -> np.ndarray:
        """Where places (..., 2) px of the opened face come from."""
        x, y = self._inside(points)
        seam, reach, down = self._stretch(x)
        above, below = seam - reach, seam + reach
        came = np.where(y < above, y, above + (y - above) * 2 * reach / (2 * reach + down))
        came = np.where(y > below + down, y - down, came)
        fading = (y - 2 * down) / (1 - down / self.chin)  # of y + down * (2 - y / chin)
        came = np.where(y > self.chin + down, np.where(fading < 2 * self.chin, fading, y), came)
        source = x
        for _ in range(4):  # by fixed point: the squeeze is gentle
            source = x / self._narrowing(source, came)
        return self._outside(source, came)

    def _inside(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        at = (points - self.middle) @ self.axes.T
        return at[..., 0], at[..., 1]

    def _outside(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(np.stack([x, y], -1) @ self.axes + self.middle)

    def _narrowing(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(1 - self.squeeze * np.exp(-0.5 * ((x / (1.3 * self.half)) ** 2 + (y / self.half) ** 2)))

    def _stretch(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """At each x: the middle of the seam, half of what is stretched, and how far all below goes down."""
        upper, lower = (np.interp(x, self.seam[0], row) for row in self.seam[1:])
        aside = np.abs(x) / self.half
        down = self.opening * 0.5 * (1 + np.cos(np.pi * np.clip((aside - 0.4) / 2.4, 0, 1)))  # the jaw's sides stay
        # in the middle the lips part; towards the corners and beyond them skin stretches instead
        skin = 0.8 * self.opening * (1 - np.sqrt(1 - np.clip(aside, 0, 1) ** 2) + np.clip(aside - 1, 0, None))
        return (upper + lower) / 2, np.maximum(np.maximum(lower - upper, 1.0) / 2, skin), down


def gape(
    crop: np.ndarray, dense: np.ndarray, ibug: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The crop (CACHE, CACHE, 3) and its labels (478, 3), (68, 2) in view units, the mouth further open."""
    points = ibug.astype(np.float64) * PIXELS_PER_VIEW + EDGE
    mouth = _mouth(points, rng)
    if mouth is None:
        return crop, dense, ibug
    source = mouth.back(_PIXELS).astype(np.float32)
    out = cv2.remap(np.ascontiguousarray(crop), source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    opened = mouth.forth(points)
    mesh = dense.copy()
    mesh[:, :2] = (mouth.forth(dense[:, :2] * PIXELS_PER_VIEW + EDGE) - EDGE) / PIXELS_PER_VIEW
    height = (points[CHIN] - points[BRIDGE]) @ mouth.axes[1]
    if (mouth.seam[2] - mouth.seam[1]).max() < CLOSED * height:
        mask = np.zeros((CACHE, CACHE), np.uint8)
        cv2.fillPoly(mask, [np.round(opened[list(INNER)] * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
        soft = 0.95 * cv2.GaussianBlur(mask, (0, 0), 1.0)[..., None] / 255.0
        dark = rng.uniform((30, 8, 8), (90, 40, 40)) * rng.uniform(0.3, 1.0)
        out = (out * (1 - soft) + dark * soft).round().astype(np.uint8)
    return np.asarray(out), mesh, ((opened - EDGE) / PIXELS_PER_VIEW).astype(ibug.dtype)


def _mouth(points: np.ndarray, rng: np.random.Generator) -> Mouth | None:
    """The mouth of (68, 2) points; None of a profile, or of labels in disorder."""
    across = points[42:48].mean(0) - points[36:42].mean(0)
    width = float(np.linalg.norm(across))
    if width < 16:
        return None
    axes = np.array([across, (-across[1], across[0])]) / width
    middle = points[list(CORNERS)].mean(0)
    upper, lower = ((points[list(lip)] - middle) @ axes.T for lip in (UPPER, LOWER))
    height, chin = ((points[CHIN] - start) @ axes[1] for start in (points[BRIDGE], middle))
    half = float(np.linalg.norm(points[CORNERS[0]] - points[CORNERS[1]])) / 2
    ordered = (np.diff(upper[:, 0]) > 1).all() and (np.diff(lower[:, 0]) > 1).all()
    opening = height * rng.uniform(*OPENED)
    if not ordered or chin < 1.2 * opening or chin < lower[:, 1].max() + 2 or half < 6:
        return None
    seam = np.stack([(upper[:, 0] + lower[:, 0]) / 2, upper[:, 1], lower[:, 1]])
    return Mouth(middle, axes, seam, half, float(chin), float(opening), float(rng.uniform(0, 0.3)))
