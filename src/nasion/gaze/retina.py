"""A log-polar retina: sharp where one fixates, coarser the farther from there.

A view has rings as rows and directions as columns. Turning the picture about the fixation rolls the view's columns,
enlarging it shifts the rows; a classifier that sees the view inherits both. Rows far out are read from a smoothed
picture, since neighbouring samples there lie many pixels apart.

Source: "Foveated Retinotopy Improves Classification and Localization in CNNs", arXiv 2402.15480.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, InputError

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Retina:
    """How a view is sampled.

    Attributes:
        rings: rows of a view; the first is the outermost.
        directions: columns; the first looks to the right of the picture, the next ones turn towards its lower edge.
        octaves: the innermost ring's radius is the outermost's halved so many times. What lies inside is not seen.
    """

    rings: int = 224
    directions: int = 224
    octaves: float = 5.0

    def __post_init__(self) -> None:
        if self.rings < 2 or self.directions < 4 or not self.octaves > 0:
            raise InputError(f"a retina needs 2 rings, 4 directions and some octaves at least, got {self}")

    def radii(self, radius: float) -> FloatArray:
        """(rings,) px, for an outermost ring of ``radius`` px."""
        return np.asarray(radius * 2.0 ** np.linspace(0, -self.octaves, self.rings))

    def grid(self, at: Point, radius: float, start: float = 0.0) -> tuple[FloatArray, FloatArray]:
        """X and y, (rings, directions) px each, of what is sampled.

        Args:
            at: fixation, px.
            radius: of the outermost ring, px.
            start: radians that the first direction is turned by, towards the lower edge.
        """
        angle = start + 2 * np.pi * np.arange(self.directions) / self.directions
        r = self.radii(radius)[:, None]
        return at[0] + r * np.cos(angle), at[1] + r * np.sin(angle)

    def view(
        self, image: ImageArray | FloatArray, at: Point | None = None, radius: float | None = None, start: float = 0.0,
        *, smooth: bool = True,
    ) -> ImageArray | FloatArray:  # fmt: skip
        """What the retina sees.

        Args:
            image: (H, W) or (H, W, 3), uint8 or float. Beyond it there is black.
            at: fixation, px; by default the middle of the picture.
            radius: of the outermost ring, px; by default half of the longer side, as if the picture were padded to a
                square (a circle must not become an ellipse).
            start: as in ``grid``; by a face's roll, it makes views of turned heads alike.
            smooth: read outer rings from smoothed copies. Without, they alias.

        Returns:
            (rings, directions) or (rings, directions, 3), of the image's dtype.

        Raises:
            InputError: an empty picture, or a radius that is not positive.
        """
        picture = _picture(image)
        at, radius = _place(picture, at, radius)
        x, y = self.grid(at, radius, start)
        if not smooth:
            return _as(bilinear(picture, x, y), image)
        spacing = self.radii(radius) * 2 * np.pi / self.directions
        level = np.log2(np.maximum(spacing, 1e-6))  # level k is smoothed for samples 2**k px apart
        out = np.zeros((*x.shape, *picture.shape[2:]), np.float32)
        highest = max(int(np.ceil(level.max())), 0)
        position = np.clip(level, 0, highest)
        for k, copy in enumerate(_copies(picture, highest)):
            weight = np.maximum(1 - np.abs(position - k), 0)
            rows = np.flatnonzero(weight > 0)
            if len(rows):
                seen = bilinear(copy, x[rows], y[rows])
                out[rows] += seen * weight[rows].reshape(-1, *(1,) * (seen.ndim - 1))
        return _as(out, image)

    def picture(
        self, view: ImageArray | FloatArray, size: tuple[int, int], at: Point | None = None,
        radius: float | None = None, start: float = 0.0,
    ) -> ImageArray | FloatArray:  # fmt: skip
        """The picture back from a view; black outside the outermost ring, the innermost ring's colours within it.

        Args:
            view: (rings, directions[, 3]).
            size: (width, height) px of the picture.
            at, radius, start: as the view was made.
        """
        seen = np.asarray(view, np.float32)
        if seen.shape[:2] != (self.rings, self.directions):
            raise InputError(f"a view of this retina is {self.rings} x {self.directions}, got {seen.shape[:2]}")
        width, height = size
        at, radius = _place(np.empty((height, width)), at, radius)
        dx, dy = np.arange(width)[None] - at[0], np.arange(height)[:, None] - at[1]
        away = np.hypot(dx, dy)
        row = np.log2(radius / np.maximum(away, 1e-6)) / self.octaves * (self.rings - 1)
        column = (np.arctan2(dy, dx) - start) / (2 * np.pi) % 1.0 * self.directions
        wrapped = np.concatenate([seen, seen[:, :1]], axis=1)
        out = bilinear(wrapped, column, np.clip(row, 0, self.rings - 1))
        out[away > radius] = 0
        return _as(out, view)


def bilinear(picture: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """The picture (H, W[, C]) float32 at places px, 0 beyond its edge, as ``grid_sample`` with zero padding reads it.

    OpenCV's own remapping rounds places to 1/32 px; here they are exact, at a few times its cost.
    """
    height, width = picture.shape[:2]
    edged = np.zeros((height + 2, width + 2, *picture.shape[2:]), np.float32)
    edged[1:-1, 1:-1] = picture
    px, py = np.clip(x + 1, 0, width + 1), np.clip(y + 1, 0, height + 1)
    left, top = np.minimum(px.astype(np.intp), width), np.minimum(py.astype(np.intp), height)
    fx, fy = (px - left).astype(np.float32), (py - top).astype(np.float32)
    if picture.ndim == 3:
        fx, fy = fx[..., None], fy[..., None]
    upper = edged[top, left] * (1 - fx) + edged[top, left + 1] * fx
    lower = edged[top + 1, left] * (1 - fx) + edged[top + 1, left + 1] * fx
    return np.asarray(upper * (1 - fy) + lower * fy)


def fixation(cx: float, cy: float, side: int) -> Point:
    """The paper's fixation, -1..1 of a square picture of ``side`` px, in px."""
    return ((cx + 1) * side - 1) / 2, ((cy + 1) * side - 1) / 2


def foveate(image: ImageArray, at: Point, retina: Retina | None = None, *, radius: float | None = None) -> ImageArray:
    """The picture as the retina keeps it: sharp about the fixation, smooth far away.

    Args:
        image: (H, W, 3) uint8 RGB.
        at: fixation, px, within the picture.
        retina: how fine; by default 160 rings and directions over 6 octaves.
        radius: of the outermost ring, px; by default the farthest corner's distance. Smaller leaves black outside.

    Raises:
        InputError: the fixation lies outside the picture.
    """
    retina = retina or Retina(160, 160, 6.0)
    picture = _picture(image)
    height, width = picture.shape[:2]
    if not (-0.5 <= at[0] <= width - 0.5 and -0.5 <= at[1] <= height - 0.5):
        raise InputError(f"the fixation {at[0]:g},{at[1]:g} lies outside the picture of {width} x {height} px")
    corner = float(np.hypot(max(at[0], width - 1 - at[0]), max(at[1], height - 1 - at[1])))
    reach = radius or max(corner, 1.0)
    # the border is continued before the outer rings are smoothed and read, or black would leak in
    margin = int(np.ceil(reach)) if radius is None else 0
    if margin:
        edged = cv2.copyMakeBorder(picture, margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
        picture = np.asarray(edged, np.float32)
    view = retina.view(picture, (at[0] + margin, at[1] + margin), reach)
    seen = np.asarray(retina.picture(view, (width, height), at, reach))
    # within the innermost ring the view knows nothing; there the eye is sharpest
    inner = float(retina.radii(reach)[-1])
    away = np.hypot(np.arange(width)[None] - at[0], np.arange(height)[:, None] - at[1])
    own = np.clip(2 - away / max(inner, 1e-6), 0, 1)[..., None]
    return np.asarray(np.clip(np.rint(own * image + (1 - own) * seen), 0, 255), np.uint8)


def _copies(picture: FloatArray, highest: int) -> list[FloatArray]:
    """The picture, and copies smoothed for samples 2, 4, 8, ... px apart."""
    made = [picture]
    for k in range(1, highest + 1):
        # half a sample's distance as standard deviation; what the copy before already has is taken off
        sigma = 0.5 * np.sqrt(4.0**k - (4.0 ** (k - 1) if k > 1 else 0.0))
        made.append(np.asarray(cv2.GaussianBlur(made[-1], (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)))
    return made


def _picture(image: ImageArray | FloatArray) -> FloatArray:
    picture = np.asarray(image, np.float32)
    if picture.ndim not in (2, 3) or 0 in picture.shape:
        raise InputError(f"a picture is (H, W) or (H, W, 3), got {picture.shape}")
    return picture


def _place(picture: FloatArray, at: Point | None, radius: float | None) -> tuple[Point, float]:
    height, width = picture.shape[:2]
    at = at or ((width - 1) / 2, (height - 1) / 2)
    radius = max(width, height) / 2 if radius is None else radius
    if not radius > 0 or not np.isfinite(at).all():
        raise InputError(f"a view needs a fixation and a positive radius, got {at} and {radius}")
    return at, float(radius)


def _as(out: FloatArray, like: ImageArray | FloatArray) -> ImageArray | FloatArray:
    if like.dtype == np.uint8:
        return np.asarray(np.clip(np.rint(out), 0, 255), np.uint8)
    return out
