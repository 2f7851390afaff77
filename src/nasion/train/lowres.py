"""Small and badly kept pictures of faces: made for training and for curves of error against size.

Resizing aligns centres, so a point at x of a crop of S px lies at (x + 0.5) s / S - 0.5 of the same crop at s px.
"""

from __future__ import annotations

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray

FACE = 0.62  # root of the area of the 68 points' box over the side of the landmarker's view; mean of 870 faces
BLUR = (0.5, 2.0)  # standard deviation in px of the large picture
QUALITY = (20, 90)  # JPEG
NOISE = 6.0  # largest standard deviation, of 255


def crop_side(face: float) -> int:
    """Px, side of the view in which a face is ``face`` px large."""
    return max(4, round(face / FACE))


def shrink(image: ImageArray, side: int, rng: np.random.Generator | None = None) -> ImageArray:
    """The picture at ``side`` px: RGB uint8 (S, S, 3) to (side, side, 3).

    Args:
        image: at least as large as ``side``.
        side: px.
        rng: draws blur, the way of resizing, noise and JPEG, each some of the time; None only averages.
    """
    if rng is None:
        return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    x = image
    if rng.random() < 0.5:
        x = np.asarray(cv2.GaussianBlur(x, (0, 0), rng.uniform(*BLUR)), np.uint8)
    how = (cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LINEAR)[rng.integers(3)]
    x = np.asarray(cv2.resize(x, (side, side), interpolation=how), np.uint8)
    if rng.random() < 0.5:
        x = np.clip(x + rng.normal(0, rng.uniform(0, NOISE), x.shape), 0, 255).astype(np.uint8)
    return coded(x, int(rng.integers(*QUALITY))) if rng.random() < 0.5 else x


def coded(image: ImageArray, quality: int) -> ImageArray:
    """The picture after JPEG of ``quality`` 1..100."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def enlarge(image: ImageArray, size: int) -> ImageArray:
    """Bicubic: RGB uint8 (s, s, 3) to (size, size, 3)."""
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)


def psnr(found: ImageArray, truth: ImageArray) -> FloatArray:
    """(N,) dB of pictures uint8 (N, S, S, 3) against the true ones; infinite where they are equal."""
    error = (found.astype(np.float64) - truth).reshape(len(found), -1)
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(255.0**2 / np.square(error).mean(1)))
