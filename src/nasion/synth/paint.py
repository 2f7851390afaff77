"""The skin's colours: what is learned from faces, and what is painted on top of it, in the atlas."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from nasion.core import FloatArray, IntArray, scheme
from nasion.synth import assembly, eyes
from nasion.synth.parameters import HAIR_COLOURS, IRIS_COLOURS, HeadParameters
from nasion.synth.raster import rasterise
from nasion.synth.surface import Paint, Part, Region, Surface

MONK: Final = (  # sRGB of the Monk skin tone scale, 1..10; Monk, "The Monk Skin Tone Scale", 2023
    "f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420",
)  # fmt: skip


def tone_colour(tone: float) -> FloatArray:
    """(3,) linear RGB of a place on the Monk scale, 1..10; between whole numbers on the straight line."""
    swatches = np.array([[int(code[k : k + 2], 16) for k in (0, 2, 4)] for code in MONK]) / 255
    linear = np.where(swatches <= 0.04045, swatches / 12.92, ((swatches + 0.055) / 1.055) ** 2.4)
    return np.array([np.interp(tone, np.arange(1, 11), linear[:, k]) for k in range(3)])


class Painter:
    """Paints heads on an atlas of one size."""

    def __init__(self, rest: Surface, parts: assembly.Assembly, arrays: dict[str, FloatArray], size: int) -> None:
        """Look up what each texel shows, from the mean head at rest."""
        self.size = size
        pixels = rest.uv.astype(np.float64) * (size - 1)
        depth = np.full(len(pixels), 1000.0)
        seen = rasterise(pixels, depth, rest.triangles, (size, size), both_sides=True)
        self.triangle = seen.triangle
        inside = self.triangle >= 0
        rows, columns = np.nonzero(inside)
        hit = self.triangle[inside]
        corners = rest.triangles[hit]
        weights = _weights(pixels[corners], np.stack([columns, rows], axis=1))
        self.position = np.zeros((size, size, 3), np.float32)
        self.position[inside] = np.einsum("nk,nki->ni", weights, rest.vertices[corners])
        self.part = np.full((size, size), 255, np.uint8)
        self.part[inside] = rest.part[hit]
        self.uv = rest.uv

    def paint(self, parameters: HeadParameters) -> Paint:
        size = self.size
        skin = tone_colour(parameters.tone) * 0.8
        albedo = np.broadcast_to(skin, (size, size, 3)).astype(np.float32).copy()
        regions = np.where(self.part == 255, Region.NONE, Region.SKIN).astype(np.uint8)
        gloss = np.full((size, size), 0.15, np.float32)
        regions[self.part == Part.LIPS] = Region.UPPER_LIP
        albedo[self.part == Part.LIPS] *= (0.8, 0.5, 0.5)
        regions[self.part == Part.MOUTH] = Region.MOUTH
        albedo[self.part == Part.MOUTH] = (0.05, 0.01, 0.01)
        regions[self.part == Part.TEETH] = Region.TEETH
        albedo[self.part == Part.TEETH] = (0.7, 0.68, 0.6)
        regions[self.part == Part.TONGUE] = Region.TONGUE
        albedo[self.part == Part.TONGUE] = (0.3, 0.1, 0.1)
        regions[self.part == Part.NECK] = Region.NECK
        regions[self.part == Part.EAR] = Region.EAR
        x, y, z = np.moveaxis(self.position, -1, 0)
        hair = (y < -55) & (self.part == 0) | (z > 75) & (y < 60) & (self.part == 0)
        regions[hair] = Region.HAIR
        albedo[hair] = HAIR_COLOURS[parameters.hair_colour]
        for side in ("right", "left"):
            polygon = self.uv[scheme("dense478").index(f"{side}_brow")] * (size - 1)
            mask = np.zeros((size, size), np.uint8)
            cv2.fillPoly(mask, [np.rint(polygon).astype(np.int32)], 1)
            regions[mask > 0] = Region.RIGHT_BROW if side == "right" else Region.LEFT_BROW
            albedo[mask > 0] = HAIR_COLOURS[parameters.hair_colour]
        self._eye(albedo, regions, gloss, parameters)
        return Paint(albedo, regions, gloss)

    def _eye(self, albedo: FloatArray, regions: IntArray, gloss: FloatArray, parameters: HeadParameters) -> None:
        (cx, cy), (rx, ry) = assembly.PATCHES["eye"]
        v, u = np.mgrid[: self.size, : self.size] / (self.size - 1)
        angle = np.hypot((u - cx) / rx, (v - cy) / ry) / 0.97 * eyes.EDGE
        patch = angle < eyes.EDGE * 1.1
        for limit, region, colour in (
            (1e9, Region.EYE_WHITE, (0.72, 0.68, 0.66)),
            (eyes.LIMBUS, Region.IRIS, IRIS_COLOURS[parameters.iris]),
            (eyes.LIMBUS * eyes.PUPIL_UV, Region.PUPIL, (0.006, 0.006, 0.006)),
        ):
            here = patch & (angle < limit)
            regions[here], albedo[here] = region, colour
        gloss[patch] = 1.0


def _weights(corners: FloatArray, at: FloatArray) -> FloatArray:
    """(N, 3) barycentric coordinates of (N, 2) points in (N, 3, 2) triangles."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, ac, ap = b - a, c - a, at - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    wb = (ap[:, 0] * ac[:, 1] - ap[:, 1] * ac[:, 0]) / area
    wc = (ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0]) / area
    return np.stack([1 - wb - wc, wb, wc], axis=1)
