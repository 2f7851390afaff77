"""Drawing things in front of a face: shaded capsules, polygons and cast shadows, with the mask of what they hide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray

Paint: TypeAlias = FloatArray | Callable[[FloatArray, FloatArray], FloatArray]

_LIGHT = np.array([-0.45, -0.6, 0.66])  # where the light comes from: above, a little from the left, in front
_SHADOW = 0.35  # of the light that a cast shadow takes
_FINER = 4  # polygons are filled this many times finer and averaged; OpenCV's own soft edges grow them by half a pixel
_FRACTION_BITS = 4  # OpenCV's fixed point for polygon corners: sixteenths of a (finer) pixel
_INNER_CORNERS, _OUTER_CORNERS = (39, 42), (36, 45)


@dataclass(frozen=True, slots=True)
class FaceFrame:
    """The face's own axes: origin between the eyes, u towards the picture's right eye corner, v down the face.

    Attributes:
        points: (68, 2) px, the annotated points.
        origin: (2,) px.
        axes: (2, 2) rows u and v in px; their length is the inter-ocular distance, so 1 reaches from eye to eye.
    """

    points: FloatArray
    origin: FloatArray
    axes: FloatArray

    @classmethod
    def of(cls, points: FloatArray) -> FaceFrame:
        """The frame of 68 points (at least the four eye corners count)."""
        right, left = (points[i].astype(np.float64) for i in _OUTER_CORNERS)
        u = left - right
        return cls(points, points[[*_INNER_CORNERS, *_OUTER_CORNERS]].mean(axis=0), np.stack([u, (-u[1], u[0])]))

    @property
    def unit(self) -> float:
        """The inter-ocular distance, px."""
        return float(np.linalg.norm(self.axes[0]))

    def px(self, uv: object) -> FloatArray:
        """(..., 2) in eye distances to px."""
        return np.asarray(np.asarray(uv, np.float64) @ self.axes + self.origin)

    def grid(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Both coordinates, (h, w) each, of the pixels at x (1, w) and y (h, 1)."""
        at = self.uv(np.stack(np.broadcast_arrays(x, y), axis=-1))
        return at[..., 0], at[..., 1]

    def uv(self, px: FloatArray) -> FloatArray:
        """The way back."""
        return np.asarray((px - self.origin) @ np.linalg.inv(self.axes))


class Canvas:
    """A picture that things are painted over.

    Attributes:
        image: (H, W, 3) float32, RGB 0..255.
        hidden: (H, W) bool, what has been painted over by more than half.
    """

    def __init__(self, image: ImageArray) -> None:
        self.image = image.astype(np.float32)
        self.hidden = np.zeros(image.shape[:2], bool)
        self._light = np.ones(image.shape[:2], np.float32)  # what shadows have left; they overlap, they do not add up

    def picture(self) -> ImageArray:
        """As RGB uint8."""
        return np.clip(np.round(self.image), 0, 255).astype(np.uint8)

    def polygon(self, corners: FloatArray, paint: Paint, shadow: float = 0.0) -> None:
        """Fill a polygon (N, 2) px with soft edges; ``paint`` and ``shadow`` as for ``_lay``."""
        window = self._window(corners.min(axis=0), corners.max(axis=0), shadow)
        y, x = window
        height, width = y.stop - y.start, x.stop - x.start
        if height and width:
            fine = np.zeros((_FINER * height, _FINER * width), np.float32)
            placed = (corners - (x.start, y.start) + 0.5) * _FINER - 0.5
            cv2.fillPoly(
                fine, [np.round(placed * (1 << _FRACTION_BITS)).astype(np.int32)], 1, cv2.LINE_8, _FRACTION_BITS
            )
            cover = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
            self._lay(window, cover.astype(np.float64), paint, shadow)

    def capsule(
        self, start: FloatArray, end: FloatArray, radii: tuple[float, float], colour: FloatArray, shadow: float = 0.0
    ) -> None:
        """A round-ended rod lit from above: a finger, a bar, a handle; a ball where both ends are one.

        Args:
            start, end: (2,) px. radii: px at both ends.
            colour: (3,) 0..255, fully lit.
            shadow: as for ``_lay``.
        """
        reach = max(radii) + 1
        window = self._window(np.minimum(start, end) - reach, np.maximum(start, end) + reach, shadow)
        x, y = self._grid(window)
        along = end - start
        t = np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / max(float(along @ along), 1e-9), 0, 1)
        radius = radii[0] + t * (radii[1] - radii[0])
        lean_x, lean_y = (x - start[0] - t * along[0]) / radius, (y - start[1] - t * along[1]) / radius
        cover = np.clip(radius * (1 - np.hypot(lean_x, lean_y)) + 0.5, 0, 1)
        if cover.size:
            self._lay(window, cover, colour * shade(lean_x, lean_y), shadow)

    def _lay(self, window: tuple[slice, slice], alpha: FloatArray, paint: Paint, shadow: float) -> None:
        """Put paint over part of the picture.

        Args:
            window: rows and columns.
            alpha: (h, w) 0..1, how much of each pixel is covered.
            paint: 0..255: (3,), (h, w, 3), or what gives it for x (1, w) and y (h, 1) px of the picture.
            shadow: px by which its cast shadow is blurred and moved down; 0 casts none.
        """
        cover, part, light = alpha.astype(np.float32)[..., None], self.image[window], self._light[window]
        if shadow > 0:
            moved = np.roll(cover[..., 0], int(np.ceil(shadow / 2)), axis=0)
            darker = np.minimum(light, 1 - _SHADOW * cv2.GaussianBlur(moved, (0, 0), shadow))
            part, light = part * (darker / light)[..., None], darker
        self._light[window] = light * (1 - cover[..., 0]) + cover[..., 0]
        colour = paint(*self._grid(window)) if callable(paint) else paint
        self.image[window] = part * (1 - cover) + np.asarray(colour, np.float32) * cover
        self.hidden[window] |= alpha >= 0.5

    def _window(self, low: FloatArray, high: FloatArray, shadow: float) -> tuple[slice, slice]:
        """Rows and columns around a thing and its shadow, cut to the picture."""
        size = np.array(self.hidden.shape[::-1])
        x0, y0 = np.clip(np.floor(low - 4 * shadow).astype(int) - 1, 0, size)
        x1, y1 = np.clip(np.ceil(high + 4 * shadow).astype(int) + 2, (x0, y0), size)
        return slice(int(y0), int(y1)), slice(int(x0), int(x1))

    @staticmethod
    def _grid(window: tuple[slice, slice]) -> tuple[FloatArray, FloatArray]:
        """Columns x (1, w) and rows y (h, 1) of the pixel centres."""
        y, x = (np.arange(part.start, part.stop, dtype=np.float64) for part in window)
        return x[None], y[:, None]


def shade(x: FloatArray, y: FloatArray) -> FloatArray:
    """(H, W, 1) brightness 0..1 of a round body whose surface leans by (x, y) of its radius."""
    z = np.sqrt(np.clip(1 - x**2 - y**2, 0, 1))
    lit = np.clip(x * _LIGHT[0] + y * _LIGHT[1] + z * _LIGHT[2], 0, 1)
    return np.asarray((0.45 + 0.55 * lit)[..., None])


def smooth_outline(corners: FloatArray, steps: int = 8) -> FloatArray:
    """A closed Catmull-Rom curve through the corners (N, 2); (N * steps, 2)."""
    t = (np.arange(steps) / steps)[:, None]
    before, ahead, beyond = (np.roll(corners, k, axis=0) for k in (1, -1, -2))
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(before, corners, ahead, beyond, strict=True)
    ]
    return np.concatenate(pieces)


def rounded_box(half: tuple[float, float], power: float = 5.0, steps: int = 48) -> FloatArray:
    """(steps, 2): a rectangle with round corners about the origin (a superellipse)."""
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    ring = np.stack([np.sign(c) * np.abs(c) ** (2 / power), np.sign(s) * np.abs(s) ** (2 / power)], axis=1)
    return np.asarray(ring * half)


def ribbon(path: FloatArray, half: FloatArray) -> FloatArray:
    """(2 * N, 2) px: the outline of a line through (N, 2) px that is ``2 * half`` (N,) px wide."""
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * half[:, None]
    return np.concatenate([path + across, (path - across)[::-1]])


def turned(points: FloatArray, degrees: float) -> FloatArray:
    """(N, 2) turned about the origin, clockwise as one sees it."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.asarray(points @ np.array([[c, s], [-s, c]]))


def hidden_points(points: FloatArray, hidden: BoolArray) -> BoolArray:
    """(N,) bool: the point lies on a hidden pixel or outside the picture."""
    at = np.round(points[:, :2]).astype(int)
    height, width = hidden.shape
    inside = (at >= 0).all(axis=1) & (at[:, 0] < width) & (at[:, 1] < height)
    out = np.ones(len(at), bool)
    out[inside] = hidden[at[inside, 1], at[inside, 0]]
    return out
