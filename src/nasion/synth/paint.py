"""The head's colours: skin as learned from faces, moved to a tone, and what is painted on top of it.

Skin is ``tone * exp(mean + components)``: the learned logarithm is zero on average over bare skin, so a tone sets the
skin's colour and nothing else, and components change patterns but not the tone.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from nasion.core import FloatArray, IntArray
from nasion.synth import assembly, eyes, hair, marks
from nasion.synth.atlas import LOWER_LIP, NOSE, UPPER_LIP, Atlas
from nasion.synth.parameters import HAIR_COLOURS, HeadParameters
from nasion.synth.shading import look_up
from nasion.synth.surface import Paint, Part, Region, Surface

MONK: Final = (  # sRGB of the tones 1..10; Monk, "The Monk Skin Tone Scale", 2023
    "f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420",
)  # fmt: skip
LIGHTEST, DARKEST = 0.54, 0.022  # luminance = DARKEST + LIGHTEST * the swatch's: neither chalk nor soot
GRID_MM, Y_TOP = 0.8, -66.0  # of the learned maps, as in training/synth/skin.py
EDGE_MM: Final = 90.0  # of the unrolled face, to each side: the learned map fades out before


NOTHING, FOOT = 255, 0.84  # texels without a surface; where the strip of patches begins
COLLAR: Final = 158.0  # mm below the eyes where cloth begins
LIP_RED: Final = np.array([-0.04, -0.20, -0.22], np.float32)  # what divided-out highlights took from the lips
LUMINANCE: Final = np.array([0.2126, 0.7152, 0.0722])
SKIN_HUE: Final = np.array([1.65, 1.0, 0.66])  # red and blue over green of skin in photos, linear


def tone_colour(tone: float) -> FloatArray:
    """(3,) linear RGB reflectance of skin at a place on the Monk scale, 1..10; straight lines between the tones.

    The luminance grows in step with the swatch's, from 0.032 to 0.49. The hue lies half-way between the swatch's,
    which is rather yellow in the light tones, and that of skin in photos.
    """
    swatches = np.array([[int(code[k : k + 2], 16) for k in (0, 2, 4)] for code in MONK]) / 255
    linear = np.where(swatches <= 0.04045, swatches / 12.92, ((swatches + 0.055) / 1.055) ** 2.4)
    hue = np.sqrt(linear / linear[:, 1:2] * SKIN_HUE)
    colours = hue * ((DARKEST + LIGHTEST * linear @ LUMINANCE) / (hue @ LUMINANCE))[:, None]
    return np.array([np.interp(tone, np.arange(1, 11), colours[:, k]) for k in range(3)])


class Painter:
    """Paints heads on an atlas of one size.

    Args:
        rest: the mean head.
        parts: how it hangs together.
        skin_mean: (R, C / 2, 3) log reflectance over that of bare skin, right half, outer edge first.
        skin_components: (K, R', C', 3) of it per standard deviation.
        size: texels to a side.
    """

    def __init__(
        self, rest: Surface, parts: assembly.Assembly, skin_mean: FloatArray, skin_components: FloatArray, size: int
    ) -> None:
        self.atlas = Atlas(rest, parts, size)
        self._mean = skin_mean.astype(np.float32)
        self._components = skin_components.astype(np.float32)
        a = self.atlas
        self._column = np.abs(a.unrolled[..., 0])
        # the learned map ends at the outline of the face: it fades out before
        outline = a.polygon(_shrunk(a.group("face_oval"), 0.89), 6.0)
        self._learned = (outline * np.clip((EDGE_MM - self._column) / 16, 0, 1))[..., None]
        self._upper = a.polygon(a.dots[list(UPPER_LIP)], 0.25)
        self._lower = a.polygon(a.dots[list(LOWER_LIP)], 0.25)
        self._regions = self._fixed_regions()

    def paint(self, parameters: HeadParameters) -> Paint:
        """The colours of one head."""
        a, p = self.atlas, parameters
        rng = np.random.default_rng((p.seed, 7))
        grain = rng.standard_normal((a.size, a.size, 3)).astype(np.float32)
        if p.mirrored:
            grain = np.ascontiguousarray(grain[:, ::-1])
        lips = np.maximum(self._upper, self._lower)
        log = (
            LIP_RED * lips[..., None]
            + self._skin_pattern(p)
            + marks.texture(a, grain, p, 0.3 + 0.7 * self._learned[..., 0])
        )
        albedo = np.exp(log) * tone_colour(p.tone).astype(np.float32)
        regions = self._regions.copy()
        gloss = np.full((a.size, a.size), 0.16, np.float32)
        gloss += 0.10 * a.soften((regions == Region.NOSE).astype(np.float32), 3)
        gloss += (0.12 + 0.25 * p.lip_colour) * lips
        marks.make_up(albedo, a, lips, p)
        marks.brows(albedo, regions, a, p)
        marks.lid_edges(albedo, a, p)
        self._scalp(albedo, regions, gloss, p)
        self._mouth(albedo, gloss)
        self._cloth(albedo, regions, gloss, p)
        self._patches(albedo, regions, gloss, grain, p)
        albedo = np.clip(albedo, 0.002, 0.95).astype(np.float32)
        return Paint(albedo, regions, np.clip(gloss, 0, 1))

    def _skin_pattern(self, parameters: HeadParameters) -> FloatArray:
        """(A, A, 3) log reflectance over the tone's."""
        rows, columns = self._mean.shape[:2]
        own = np.tensordot(parameters.albedo, self._components, axes=1).astype(np.float32)
        half = self._mean + cv2.resize(own, (columns, rows), interpolation=cv2.INTER_CUBIC)
        found = cv2.remap(half, *self._map_place(self.atlas.unrolled), cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        return np.asarray(found * self._learned)

    def _map_place(self, unrolled: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Columns and rows of the learned half maps at (..., 2) mm of the unrolled face."""
        x = (self._mean.shape[1] * GRID_MM - np.abs(unrolled[..., 0])) / GRID_MM - 0.5
        return x.astype(np.float32), ((unrolled[..., 1] - Y_TOP) / GRID_MM - 0.5).astype(np.float32)

    def skin_basis(self, uv: FloatArray) -> FloatArray:
        """(1 + K, N, 3) log reflectance over the tone's at (N, 2) places of the atlas: the mean, then the components.

        ``paint`` gives the first plus the others times ``albedo``, before lips, pores and what is painted on.
        """
        texel = (uv * (self.atlas.size - 1)).astype(np.float32)
        x, y = self._map_place(look_up(self.atlas.unrolled, texel))
        rows, columns = self._mean.shape[:2]
        out = [look_up(self._mean, np.stack([x, y], axis=1))]
        for component in self._components:
            finer = cv2.resize(component, (columns, rows), interpolation=cv2.INTER_CUBIC)
            out.append(look_up(finer, np.stack([x, y], axis=1)))
        return np.stack(out) * look_up(self._learned, texel)

    def _fixed_regions(self) -> IntArray:
        a = self.atlas
        out = np.full((a.size, a.size), Region.NONE, np.uint8)
        for part, region in (
            (Part.SKIN, Region.SKIN), (Part.LIPS, Region.LOWER_LIP), (Part.NECK, Region.NECK), (Part.EAR, Region.EAR),
            (Part.MOUTH, Region.MOUTH), (Part.TEETH, Region.TEETH), (Part.TONGUE, Region.TONGUE),
        ):  # fmt: skip
            out[a.part == part] = region
        out[(a.part == Part.SKIN) & (a.polygon(a.dots[list(NOSE)]) > 0.5)] = Region.NOSE
        out[(a.part == Part.LIPS) & (self._upper > self._lower)] = Region.UPPER_LIP
        for side, region in ((0, Region.LEFT_LIDS), (1, Region.RIGHT_LIDS)):
            out[(a.part == Part.SKIN) & (a.polygon(a.crease[side], 0.1) > 0.5)] = region
        return out

    def _scalp(self, albedo: FloatArray, regions: IntArray, gloss: FloatArray, p: HeadParameters) -> None:
        a, style = self.atlas, hair.STYLES[p.hair]
        if style.density == 0:
            return
        above = hair.above_hairline(a.place, style)
        strands = self._strands(p)
        edge = np.clip((above + 2.2 * strands + 2.0) / 7.0, 0, 1) * style.density
        edge[~a.disc | (a.part == Part.MOUTH) | (a.place[..., 1] > 110)] = 0
        colour = np.array(HAIR_COLOURS[p.hair_colour], np.float32)
        shade = np.exp(0.30 * strands * p.detail)[..., None] * colour
        albedo += edge[..., None] * (shade - albedo)
        regions[(edge > 0.5) & a.disc] = Region.HAIR
        gloss += edge * (0.22 - gloss)

    def _strands(self, p: HeadParameters) -> FloatArray:
        """(A, A) noise that runs along lines away from the face's middle, as hair on the scalp does."""
        a = self.atlas
        wide = 720
        rough = np.random.default_rng((p.seed, 17)).standard_normal((64, wide // 2)).astype(np.float32)
        finer = cv2.resize(rough, (wide, 64), interpolation=cv2.INTER_LINEAR)
        x = ((a.turn / (2 * np.pi) + 0.5) * wide).astype(np.float32)
        y = (a.radius * 36).astype(np.float32)
        found = cv2.remap(finer, x, y, cv2.INTER_LINEAR, None, cv2.BORDER_WRAP)
        return np.asarray(found[:, ::-1] if p.mirrored else found)

    def _mouth(self, albedo: FloatArray, gloss: FloatArray) -> None:
        a = self.atlas
        inner = a.group("inner_lips")
        deep = np.clip(1 - a.polygon(_shrunk(inner, 0.55), 1.0), 0, 1)[..., None]
        here = a.part == Part.MOUTH
        wet = 0.012 + (albedo * 0.55 - 0.012) * deep * np.array([1.0, 0.62, 0.6], np.float32)
        albedo[here] = wet[here]
        gloss[here] = 0.3

    def _cloth(self, albedo: FloatArray, regions: IntArray, gloss: FloatArray, p: HeadParameters) -> None:
        a = self.atlas
        low = a.place[..., 1] - 0.16 * (a.place[..., 2] - 92)
        cover = np.clip((low - COLLAR) / 3, 0, 1) * (a.part == Part.NECK)
        cover[(a.part == NOTHING) & (a.v < FOOT)] = 1  # beyond the lowest ring, so that its edge does not bleed
        rng = np.random.default_rng((p.seed, 11))
        colour = 0.02 + 0.5 * rng.random(3) ** 2
        albedo += cover[..., None] * (colour - albedo)
        here = (cover > 0.5) & (a.part == Part.NECK)
        regions[here], gloss[here] = Region.CLOTH, 0.0

    def _patches(
        self, albedo: FloatArray, regions: IntArray, gloss: FloatArray, grain: FloatArray, p: HeadParameters
    ) -> None:
        a = self.atlas
        skin = tone_colour(p.tone)
        x, y = self._local("eye")
        angle = np.hypot(x, y) / 0.97 * eyes.EDGE
        here = angle < eyes.EDGE * 1.12
        colour, region = marks.eyeball(angle[here], np.arctan2(y, x)[here], grain[here], p.iris)
        albedo[here], regions[here], gloss[here] = colour, region, 1.0
        x, y = self._local("teeth")
        here = (np.abs(x) < 1.06) & (np.abs(y) < 1.1)
        albedo[here], gloss[here] = marks.teeth(x[here], y[here]), 0.75
        x, y = self._local("tongue")
        here = (np.abs(x) < 1.1) & (np.abs(y) < 1.1)
        furrow = 0.10 * grain[here][:, 0] - 0.35 * np.exp(-((x[here] / 0.1) ** 2))
        albedo[here] = np.array([0.34, 0.115, 0.11]) * np.exp(furrow)[:, None]
        gloss[here] = 0.4
        x, y = self._local("ear")
        here = (np.abs(x) < 1.15) & (np.abs(y) < 1.15)
        albedo[here] = skin * marks.ear(x[here], y[here]) * np.exp(0.03 * grain[here])
        x, y = self._local("hair")
        here = (np.abs(x) < 1.3) & (np.abs(y) < 1.1)
        strand = cv2.resize(grain[:2, : a.size, 1], (a.size, a.size), interpolation=cv2.INTER_LINEAR)
        strand = strand + 0.5 * cv2.GaussianBlur(grain[..., 2], (0, 0), sigmaX=0.4, sigmaY=6) * 3
        albedo[here] = np.array(HAIR_COLOURS[p.hair_colour]) * np.exp(0.25 * strand[here] * p.detail)[:, None]
        regions[here], gloss[here] = Region.HAIR, 0.25

    def _local(self, patch: str) -> tuple[FloatArray, FloatArray]:
        (cx, cy), (rx, ry) = assembly.PATCHES[patch]
        return (self.atlas.u - cx) / rx, (self.atlas.v - cy) / ry


def _shrunk(outline: FloatArray, share: float) -> FloatArray:
    middle = (outline.min(0) + outline.max(0)) / 2
    return np.asarray(middle + (outline - middle) * share)
