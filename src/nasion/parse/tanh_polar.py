"""The RoI tanh-polar warp: one face at full resolution and everything around it in one square picture, and back.

Rows are angles around the face, columns distances from its middle, squeezed by tanh so that the whole plane fits: the
edge of the face's ellipse, which has the area of its box, lies at tanh(1) = 76 % of the columns. A face that turns in
the picture moves along the rows, exactly. Beside it stand the two warps it is compared with: tanh along x and y, and a
plain crop.

Source: Lin, Shen, Wang and Pantic, "RoI Tanh-polar Transformer Network for Face Parsing in the Wild", Image and Vision
Computing 112, 2021.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from nasion.core import Box, FloatArray, InputError

FACE_EDGE = float(np.tanh(1.0))  # share of the columns that the face itself gets
HALF_BOX = float(np.sqrt(np.pi)) / 2  # half a box's side over its ellipse's radius
LARGEST = 32767  # px that OpenCV can remap

Pixels: TypeAlias = npt.NDArray[Any]
"""A picture, a label map or what a network says of one: (H, W) or (H, W, C), uint8 or float32."""


@dataclass(frozen=True, slots=True)
class Roi:
    """An ellipse around a face.

    Attributes:
        x, y: its middle, px.
        a, b: its radii along its own axes, px.
        turn: degrees by which these are turned, clockwise as one sees it.
    """

    x: float
    y: float
    a: float
    b: float
    turn: float = 0.0

    def __post_init__(self) -> None:
        if not (self.a > 0 and self.b > 0 and np.isfinite([self.x, self.y, self.a, self.b, self.turn]).all()):
            raise InputError(f"a region needs finite numbers and radii above 0, got {self}")

    @classmethod
    def of_box(cls, box: Box, turn: float = 0.0, *, circle: bool = False) -> Roi:
        """The ellipse with the middle, the proportions and the area of a box; ``circle`` drops the proportions."""
        (x, y), w, h = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2), box.width, box.height
        if circle:
            w = h = float(np.sqrt(w * h))
        return cls(x, y, w / np.sqrt(np.pi), h / np.sqrt(np.pi), turn)

    def to_unit(self, points: FloatArray) -> FloatArray:
        """Px (..., 2) in the ellipse's own frame, where its edge is the unit circle."""
        return np.asarray((points - (self.x, self.y)) @ self._axes / (self.a, self.b))

    def to_px(self, unit: FloatArray) -> FloatArray:
        """The way back."""
        return np.asarray((unit * (self.a, self.b)) @ self._axes.T + (self.x, self.y))

    @property
    def _axes(self) -> FloatArray:
        c, s = np.cos(np.radians(self.turn)), np.sin(np.radians(self.turn))
        return np.array([[c, -s], [s, c]])


class View(Protocol):
    """How a face and its surroundings become a square of ``size`` px."""

    @property
    def wraps(self) -> bool:
        """Whether the last row is followed by the first."""

    def grid(self, roi: Roi, size: int) -> FloatArray:
        """(size, size, 2) px: what each pixel of the square shows."""

    def place(self, roi: Roi, points: FloatArray, size: int) -> FloatArray:
        """(..., 2) column and row at which the square shows points (..., 2) px."""


@dataclass(frozen=True, slots=True)
class TanhPolar:
    """Rows: angle, from the ellipse's first axis clockwise. Columns: tanh of the distance, in radii.

    Attributes:
        keep_aspect: angles are those in the picture; otherwise those after the ellipse was made round.
    """

    keep_aspect: bool = True
    wraps: ClassVar[bool] = True

    def grid(self, roi: Roi, size: int) -> FloatArray:
        angle, away = np.meshgrid(2 * np.pi * np.arange(size) / size, np.arctanh(np.arange(size) / size), indexing="ij")
        way = np.stack([np.cos(angle), np.sin(angle)], -1)
        if self.keep_aspect:
            way = way / (roi.a, roi.b)
            way = way / np.linalg.norm(way, axis=-1, keepdims=True)
        return roi.to_px(way * away[..., None])

    def place(self, roi: Roi, points: FloatArray, size: int) -> FloatArray:
        unit = roi.to_unit(points)
        x, y = np.moveaxis(unit * (roi.a, roi.b) if self.keep_aspect else unit, -1, 0)
        row = np.arctan2(y, x) % (2 * np.pi) * size / (2 * np.pi)
        return np.stack([np.tanh(np.linalg.norm(unit, axis=-1)) * size, row], -1)


@dataclass(frozen=True, slots=True)
class TanhCartesian:
    """Columns and rows: tanh of x and of y, in halves of the box: the whole plane, upright."""

    wraps: ClassVar[bool] = False

    def grid(self, roi: Roi, size: int) -> FloatArray:
        return roi.to_px(HALF_BOX * np.arctanh(_even(size)))

    def place(self, roi: Roi, points: FloatArray, size: int) -> FloatArray:
        return np.asarray((np.tanh(roi.to_unit(points) / HALF_BOX) + 1) / 2 * size - 0.5)


@dataclass(frozen=True, slots=True)
class Crop:
    """A plain crop.

    Attributes:
        reach: side of the crop over the side of the box.
    """

    reach: float = 1.0
    wraps: ClassVar[bool] = False

    def grid(self, roi: Roi, size: int) -> FloatArray:
        return roi.to_px(HALF_BOX * self.reach * _even(size))

    def place(self, roi: Roi, points: FloatArray, size: int) -> FloatArray:
        return (roi.to_unit(points) / (HALF_BOX * self.reach) + 1) / 2 * size - 0.5


POLAR = TanhPolar()
VIEWS: dict[str, View] = {"polar": POLAR, "tanh": TanhCartesian(), "crop": Crop(1.25), "wide": Crop(2.5)}


def warp(image: Pixels, roi: Roi, size: int, *, view: View = POLAR, nearest: bool = False) -> Pixels:
    """Look at a face through a view.

    Args:
        image: (H, W) or (H, W, C), uint8 or float32.
        roi: where the face is.
        size: px of the square.
        view: how.
        nearest: take the nearest pixel: for label maps, between whose classes there is nothing.

    Returns:
        (size, size) or (size, size, C); 0 where the picture ends.
    """
    grid = view.grid(roi, size)
    height, width = image.shape[:2]
    low = np.clip(np.floor(grid.min((0, 1))) - 1, 0, (width - 1, height - 1)).astype(int)
    high = np.clip(np.ceil(grid.max((0, 1))) + 2, low + 1, (width, height)).astype(int)
    if (high - low).max() > LARGEST:
        raise InputError(f"a face of {2 * max(roi.a, roi.b):.0f} px is too large to warp: shrink the picture first")
    part, grid = image[low[1] : high[1], low[0] : high[0]], (grid - low).astype(np.float32)
    how = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return np.asarray(cv2.remap(part, grid[..., 0], grid[..., 1], how, borderMode=cv2.BORDER_CONSTANT))


def restore(
    warped: Pixels,
    roi: Roi,
    shape: tuple[int, int],
    *,
    view: View = POLAR,
    size: int | None = None,
    nearest: bool = False,
) -> Pixels:
    """The picture again, from what a view showed of it.

    Args:
        warped: (h, h) or (h, h, C), uint8 or float32; smaller than the view where a network has strides.
        roi: as it was warped.
        shape: (H, W) of the picture.
        view: as it was warped.
        size: px of the view, when ``warped`` is not as large.
        nearest: as it was warped.

    Returns:
        (H, W) or (H, W, C); where the view showed nothing, its edge continues.
    """
    side = warped.shape[0]
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    at = view.place(roi, np.stack([x, y], -1), size or side) * (side / (size or side))
    if view.wraps:
        warped = np.concatenate([warped[-1:], warped, warped[:1]])
        at[..., 1] += 1
    how = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    x, y = np.moveaxis(at.astype(np.float32), -1, 0)
    return np.asarray(cv2.remap(warped, x, y, how, borderMode=cv2.BORDER_REPLICATE))


def restore_window(
    warped: Pixels, roi: Roi, shape: tuple[int, int], *, view: View = POLAR, size: int | None = None
) -> tuple[Pixels, tuple[slice, slice]]:
    """``restore`` of the part of the picture that the view showed: that part, and its rows and columns."""
    grid = view.grid(roi, size or warped.shape[0])
    limit = np.array(shape[::-1])
    low = np.clip(np.floor(grid.min((0, 1))).astype(int), 0, limit)
    high = np.clip(np.ceil(grid.max((0, 1))).astype(int) + 1, low, limit)
    moved = replace(roi, x=roi.x - float(low[0]), y=roi.y - float(low[1]))
    window = slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
    part = int(high[1] - low[1]), int(high[0] - low[0])
    if not all(part):
        return np.zeros((*part, *warped.shape[2:]), warped.dtype), window
    return restore(warped, moved, part, view=view, size=size), window


def polar_to_cartesian(size: int) -> FloatArray:
    """(size, size, 2) column and row of a tanh-polar map at which the places of its tanh-Cartesian twin lie.

    The same for every box: both count in its radii.
    """
    return TanhPolar(False).place(_UNIT, TanhCartesian().grid(_UNIT, size), size)


def cartesian_to_polar(size: int) -> FloatArray:
    """(size, size, 2) column and row of a tanh-Cartesian map at which the places of its tanh-polar twin lie."""
    return TanhCartesian().place(_UNIT, TanhPolar(False).grid(_UNIT, size), size)


_UNIT = Roi(0.0, 0.0, 1.0, 1.0)


def _even(size: int) -> FloatArray:
    """(size, size, 2) the middles of the pixels of a square from -1 to 1."""
    u = (np.arange(size) + 0.5) / size * 2 - 1
    return np.stack(np.meshgrid(u, u), -1)
