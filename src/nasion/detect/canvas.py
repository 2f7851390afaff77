"""From a picture of any size to what the network sees, and back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, InputError

MULTIPLE = 32  # the coarsest stride
_X, _Y = np.array([0, 2, *range(5, 15, 2)]), np.array([1, 3, *range(6, 15, 2)])  # of a candidate's row


def shift(rows: FloatArray, x: float, y: float) -> FloatArray:
    """Candidates (N, 15) moved by (x, y) px."""
    out = np.array(rows, np.float32)
    out[:, _X] += x
    out[:, _Y] += y
    return out


@dataclass(frozen=True, slots=True)
class Canvas:
    """A resized picture in the upper left corner of a black canvas.

    Attributes:
        pixels: (h, w, 3) uint8 RGB, h and w multiples of 32.
        scale: (x, y) canvas px per picture px.
    """

    pixels: ImageArray
    scale: tuple[float, float]

    def back(self, rows: FloatArray) -> FloatArray:
        """Candidates (N, 15) in px of the canvas to px of the picture."""
        if self.scale == (1.0, 1.0):
            return np.asarray(rows, np.float32)
        out = np.array(rows, np.float32)
        # resizing keeps the outer edges, which lie half a pixel outside the centres of the first and last pixels
        out[:, _X] = (out[:, _X] + 0.5) / self.scale[0] - 0.5
        out[:, _Y] = (out[:, _Y] + 0.5) / self.scale[1] - 0.5
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


def fit(image: ImageArray, longest: int, enlarged: float, fixed: tuple[int, int] | None = None) -> Canvas:
    """Resize so that the longer side is ``longest`` px, then pad.

    Args:
        image: RGB uint8 (H, W, 3).
        longest: px.
        enlarged: a small picture is made at most this many times larger.
        fixed: (height, width) of the canvas, for networks that take one size only; the picture is made to fit.
    """
    height, width = image.shape[:2]
    scale = min(longest / max(height, width), enlarged)
    if fixed is not None:
        scale = min(scale, fixed[0] / height, fixed[1] / width)
    h, w = max(1, round(height * scale)), max(1, round(width * scale))
    rows, columns = fixed or (-(-h // MULTIPLE) * MULTIPLE, -(-w // MULTIPLE) * MULTIPLE)
    if (h, w) != (height, width):
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(image, (w, h), interpolation=how), np.uint8)
    if (rows, columns) != (h, w):
        pixels = np.zeros((rows, columns, 3), np.uint8)
        pixels[:h, :w] = image
        image = pixels
    return Canvas(image, (w / width, h / height))
