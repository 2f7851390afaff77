"""What each texel of the atlas shows, from the mean head at rest: part, place in millimetres, masks of features."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from nasion.core import FloatArray, scheme
from nasion.synth import assembly, lids
from nasion.synth.raster import rasterise
from nasion.synth.surface import Part, Surface

UPPER_LIP: Final = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 306, 292, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
    78, 62, 76,
)  # fmt: skip
LOWER_LIP: Final = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 306, 292, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
    78, 62, 76,
)  # fmt: skip
NOSE: Final = (
    168, 417, 465, 412, 399, 456, 420, 360, 344, 278, 294, 327, 2, 98, 64, 48, 115, 131, 198, 236, 174, 188,
    245, 193,
)  # fmt: skip
FINER: Final = 3  # masks are drawn this much finer than the atlas


class Atlas:
    """Maps of one size.

    Attributes:
        size: texels to a side.
        part: (A, A) uint8 ``Part``; 255 where no surface is.
        place: (A, A, 3) float32 mm on the mean head at rest, head frame.
        disc: (A, A) bool, the face, scalp and neck (not the strip of patches at the foot).
        unrolled: (A, A, 2) float32 mm of the unrolled face, on and around the disc.
        dots: (478, 2) float64 texels (x, y) of the dense points.
    """

    def __init__(self, rest: Surface, parts: assembly.Assembly, size: int) -> None:
        """Look up every texel of the mean head's surface."""
        self.size = size
        pixels = rest.uv.astype(np.float64) * (size - 1)
        seen = rasterise(pixels, np.full(len(pixels), 1000.0), rest.triangles, (size, size), both_sides=True).triangle
        inside = seen >= 0
        rows, columns = np.nonzero(inside)
        corners = rest.triangles[seen[inside]]
        weights = barycentric(pixels[corners], np.stack([columns, rows], axis=1))
        self.place = np.zeros((size, size, 3), np.float32)
        self.place[inside] = np.einsum("nk,nki->ni", weights, rest.vertices[corners])
        self.part = np.full((size, size), 255, np.uint8)
        self.part[inside] = rest.part[seen[inside]]
        self.disc = np.isin(self.part, (Part.SKIN, Part.LIPS, Part.MOUTH, Part.NECK))
        v, u = np.mgrid[:size, :size].astype(np.float32) / (size - 1)
        self.u, self.v = u, v
        at = np.stack([u, v], axis=-1) - assembly.DISC_CENTRE.astype(np.float32)
        self.unrolled = (at / np.float32(assembly.DISC_SCALE) + parts.middle.astype(np.float32)).astype(np.float32)
        self.dots = rest.uv[:478].astype(np.float64) * (size - 1)
        self.margin = rest.uv[parts.margin].astype(np.float64) * (size - 1)
        self.crease = rest.uv[parts.crease].astype(np.float64) * (size - 1)
        self.radius = np.hypot(at[..., 0], at[..., 1])
        self.turn = np.arctan2(at[..., 1], at[..., 0])

    @property
    def mm(self) -> float:
        """Texels to a millimetre of the unrolled face."""
        return assembly.DISC_SCALE * (self.size - 1)

    def polygon(self, outline: FloatArray, soft_mm: float = 0.5) -> FloatArray:
        """(A, A) float32 0..1 inside a closed outline (N, 2) of texels, its edge softened."""
        mask = np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
        return self.soften(mask.astype(np.float32) / 255, soft_mm)

    def soften(self, mask: FloatArray, mm: float) -> FloatArray:
        """The mask blurred by a Gaussian of ``mm`` millimetres."""
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.3, mm * self.mm)))

    def lines(self, strokes: list[FloatArray], width_mm: float, soft_mm: float) -> FloatArray:
        """(A, A) float32 0..1: open lines (N, 2) of texels, softened."""
        mask = np.zeros((self.size * FINER, self.size * FINER), np.uint8)
        width = max(1, round(width_mm * self.mm * FINER))
        points = [np.rint((line * FINER + (FINER - 1) / 2) * 16).astype(np.int32) for line in strokes]
        cv2.polylines(mask, points, False, 255, width, cv2.LINE_AA, shift=4)
        small = cv2.resize(mask, (self.size, self.size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        return self.soften(small, soft_mm)

    def group(self, name: str) -> FloatArray:
        """(N, 2) texels of a group of the dense points."""
        return np.asarray(self.dots[scheme("dense478").index(name)])

    def lid_line(self, side: int, upper: bool) -> FloatArray:
        """(17, 2) texels of one lid's margin, outer corner to inner; ``side`` 0 left, 1 right."""
        order = lids.UPPER if upper else np.r_[0, np.arange(31, 15, -1)]
        return np.asarray(self.margin[side][order])


def barycentric(corners: FloatArray, at: FloatArray) -> FloatArray:
    """(N, 3) barycentric coordinates of (N, 2) points in (N, 3, 2) triangles."""
    ab, ac, ap = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], at - corners[:, 0]
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    second = (ap[:, 0] * ac[:, 1] - ap[:, 1] * ac[:, 0]) / area
    third = (ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0]) / area
    return np.stack([1 - second - third, second, third], axis=1)
