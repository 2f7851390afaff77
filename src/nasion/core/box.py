"""Axis-aligned boxes in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from nasion.core.arrays import FloatArray
from nasion.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Box:
    """A box in the image as displayed: x right, y down, pixel centres at integers.

    Attributes:
        x0, y0: left and top edge, px.
        x1, y1: right and bottom edge, px; never smaller than ``x0``, ``y0``.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not (self.x1 >= self.x0 and self.y1 >= self.y0):
            raise InputError(f"a box needs x1 >= x0 and y1 >= y0 and no NaN, got {self.x0, self.y0, self.x1, self.y1}")

    @classmethod
    def around(cls, points: FloatArray, margin: float = 0.0) -> Box:
        """The smallest box that holds ``points`` (N, 2+) px, grown on each side by ``margin`` times its size.

        Missing points (NaN) do not count.

        Raises:
            InputError: there is no point at all.
        """
        known = points[:, :2]
        x0, y0 = known.min(axis=0, initial=inf).tolist()
        x1, y1 = known.max(axis=0, initial=-inf).tolist()
        if not (isfinite(x1 - x0) and isfinite(y1 - y0)):
            known = known[np.isfinite(known).all(axis=1)]
            if len(known) == 0:
                raise InputError(f"none of the {len(points)} points is known: a box needs at least one finite point")
            (x0, y0), (x1, y1) = known.min(axis=0).tolist(), known.max(axis=0).tolist()
        across, down = (x1 - x0) * margin, (y1 - y0) * margin
        return cls(x0 - across, y0 - down, x1 + across, y1 + down)

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def center(self) -> tuple[float, float]:
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def scaled(self, factor: float) -> Box:
        """The box with the same centre and ``factor`` times the width and height."""
        (cx, cy), w, h = self.center, self.width * factor / 2, self.height * factor / 2
        return Box(cx - w, cy - h, cx + w, cy + h)

    def clipped(self, width: int, height: int) -> Box:
        """The part inside an image of ``width`` x ``height`` pixels; zero area when nothing is."""
        x0, x1 = (min(max(v, 0.0), float(width)) for v in (self.x0, self.x1))
        y0, y1 = (min(max(v, 0.0), float(height)) for v in (self.y0, self.y1))
        return Box(x0, y0, x1, y1)

    def iou(self, other: Box) -> float:
        """Intersection over union, 0..1; 0 when both boxes are empty."""
        w = min(self.x1, other.x1) - max(self.x0, other.x0)
        h = min(self.y1, other.y1) - max(self.y0, other.y0)
        shared = max(w, 0.0) * max(h, 0.0)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0

    def to_array(self) -> FloatArray:
        """(4,) float32: x0, y0, x1, y1."""
        return np.array([self.x0, self.y0, self.x1, self.y1], np.float32)
