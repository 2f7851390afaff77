"""Pieces of a picture that is much larger than what the network looks at.

The picture is looked at whole, then three times larger, and so on up to its own size, each time in overlapping tiles.
A face that a tile's edge cuts is whole in the next tile or, when it is larger than the overlap, at a coarser size. One
tile is in memory at a time beside the picture itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nasion.core import BoolArray, FloatArray

OVERLAP = 0.25  # of a tile's side; a face of up to this size is whole in at least one tile
FINER = 3.0  # from one size to the next; a face too large for the overlap is still 1/12 of the coarser tile's side
_EDGE = 2.0  # px of the tile as the network sees it: a box that comes this near has been cut


@dataclass(frozen=True, slots=True)
class Tile:
    """A piece of a picture of ``width`` x ``height`` px.

    Attributes:
        x0, y0, x1, y1: whole px, the end excluded.
        scale: how large the network sees it, px per px of the picture.
        whole: it is all of the picture.
    """

    x0: int
    y0: int
    x1: int
    y1: int
    scale: float
    whole: bool

    def trusted(self, boxes: FloatArray, width: int, height: int) -> BoolArray:
        """Which of (N, 4) boxes, px of the picture, this tile sees whole.

        Args:
            boxes: found in this tile.
            width, height: of the picture: its own borders cut nothing that another tile could show.
        """
        if self.whole:
            return np.ones(len(boxes), np.bool_)
        margin = _EDGE / self.scale
        inner = np.array([self.x0 > 0, self.y0 > 0, self.x1 < width, self.y1 < height])
        gap = np.stack(
            [boxes[:, 0] - self.x0, boxes[:, 1] - self.y0, self.x1 - 1 - boxes[:, 2], self.y1 - 1 - boxes[:, 3]], axis=1
        )
        small = (boxes[:, 2:4] - boxes[:, :2]).max(axis=1, initial=0) <= OVERLAP * max(
            self.x1 - self.x0, self.y1 - self.y0
        )
        return np.asarray(small & ~((gap < margin) & inner).any(axis=1))


def tiles(width: int, height: int, side: int) -> Iterator[Tile]:
    """The whole picture first, then tiles of finer and finer sizes up to the picture's own.

    Args:
        width, height: of the picture, px.
        side: px of a tile's longer side as the network sees it.
    """
    scale = min(1.0, side / max(width, height))
    yield Tile(0, 0, width, height, scale, whole=True)
    while scale < 1:
        scale = min(1.0, scale * FINER)
        for y0, y1 in _cuts(height, side / scale):
            for x0, x1 in _cuts(width, side / scale):
                yield Tile(x0, y0, x1, y1, scale, whole=False)


def _cuts(length: int, side: float) -> list[tuple[int, int]]:
    """Intervals of ``side`` px that cover ``length``, evenly, each sharing at least OVERLAP of itself with the next."""
    if length <= side:
        return [(0, length)]
    count = 1 + int(np.ceil((length - side) / (side * (1 - OVERLAP))))
    starts = np.linspace(0, length - side, count)
    return [(int(start), min(length, int(np.ceil(start + side)))) for start in starts]
