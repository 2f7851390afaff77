"""From a picture of any size to what the network sees, and back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, InputError

MULTIPLE = 32  # the coarsest stride
MOST_ENLARGED = 2.0  # a small picture gains nothing from more: its faces only outgrow the network


@dataclass(frozen=True, slots=True)
class Canvas:
    """A resized picture in the upper left corner of a black canvas.

    Attributes:
        pixels: (h, w, 3) uint8 RGB, h and w multiples of 32.
        scale: (x, y) canvas px per picture px.
        filled: (height, width) of the picture on the canvas, px.
    """

    pixels: ImageArray
    scale: tuple[float, float]
    filled: tuple[int, int]

    def shrunk(self, longest: int) -> Canvas:
        """The same picture at ``longest`` px or less, made from this canvas."""
        h, w = self.filled
        smaller = fit(self.pixels[:h, :w], min(longest, max(h, w)))
        scale = (self.scale[0] * smaller.scale[0], self.scale[1] * smaller.scale[1])
        return Canvas(smaller.pixels, scale, smaller.filled)

    def back(self, rows: FloatArray) -> FloatArray:
        """Candidates (N, 15) in px of the canvas to px of the picture."""
        out = np.array(rows, np.float32)
        # resizing keeps the outer edges, which lie half a pixel outside the centres of the first and last pixels
        out[:, [0, 2, *range(5, 15, 2)]] = (out[:, [0, 2, *range(5, 15, 2)]] + 0.5) / self.scale[0] - 0.5
        out[:, [1, 3, *range(6, 15, 2)]] = (out[:, [1, 3, *range(6, 15, 2)]] + 0.5) / self.scale[1] - 0.5
        return out


def check_image(image: ImageArray) -> None:
    """Refuse what is not a picture.

    Raises:
        InputError: not an array, not uint8, not (H, W, 3), or without pixels.
    """
    if not isinstance(image, np.ndarray):
        raise InputError(
            f"an image must be a NumPy array, got {type(image).__name__}; read files with nasion.read_image"
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(
            f"an image must be RGB uint8 of shape (H, W, 3), got {image.dtype} {image.shape}; "
            "scale floats to 0..255 and convert, repeat grey three times, drop alpha"
        )
    if image.size == 0:
        raise InputError(f"an image needs at least one pixel, got shape {image.shape}")


def fit(image: ImageArray, longest: int, fixed: tuple[int, int] | None = None) -> Canvas:
    """Resize so that the longer side is ``longest`` px (small pictures at most double), then pad.

    Args:
        image: RGB uint8 (H, W, 3).
        longest: px.
        fixed: (height, width) of the canvas, for networks that take one size only; the picture is made to fit.
    """
    height, width = image.shape[:2]
    scale = min(longest / max(height, width), MOST_ENLARGED)
    if fixed is not None:
        scale = min(scale, fixed[0] / height, fixed[1] / width)
    h, w = max(1, round(height * scale)), max(1, round(width * scale))
    if (h, w) != (height, width):
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(image, (w, h), interpolation=how), np.uint8)
    rows, columns = fixed or (-(-h // MULTIPLE) * MULTIPLE, -(-w // MULTIPLE) * MULTIPLE)
    pixels = np.zeros((rows, columns, 3), np.uint8)
    pixels[:h, :w] = image
    return Canvas(pixels, (w / width, h / height), (h, w))
