"""What is painted on skin: pores, spots, lines, brows, lashes, make-up, stubble; and on eyes, teeth and ears."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from nasion.core import FloatArray, IntArray, scheme
from nasion.synth import eyes
from nasion.synth.atlas import Atlas
from nasion.synth.parameters import HAIR_COLOURS, IRIS_COLOURS, HeadParameters
from nasion.synth.surface import Region

BROW: Final = {1: (70, 63, 105, 66, 107, 55, 65, 52, 53, 46), 0: (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)}
BROW_STROKES: Final = 260
AGE_LINES: Final = (  # (lines, each with its shift up the forehead), width mm, softness mm, strength
    ((((130, 35, 143), 0), ((130, 31, 111), 0), ((247, 124, 156), 0)), 0.7, 0.5, 0.48),  # crow's feet
    ((((49, 203, 206, 216, 212), 0), ((61, 43, 204), 0)), 1.4, 1.4, 0.67),  # beside nose and mouth
    ((((243, 112, 232, 231, 230, 229, 228), 0),), 1.4, 1.6, 0.45),  # under the eyes
    ((((104, 69, 108, 151, 337, 299, 333), 0.45), ((103, 67, 109, 10, 338, 297, 332), -0.25),
      ((104, 69, 108, 151, 337, 299, 333), 0.0)), 1.2, 1.3, 0.36),  # across the forehead
    ((((9, 107), 0),), 1.0, 1.0, 0.36),  # frown
)  # fmt: skip
CONJUNCTIVA, CARUNCLE, LASH = np.array([(0.56, 0.46, 0.42), (0.46, 0.20, 0.17), (0.018, 0.013, 0.011)], np.float32)
LIPSTICK: Final = np.array([(0.42, 0.035, 0.05), (0.36, 0.07, 0.09), (0.25, 0.02, 0.06), (0.45, 0.14, 0.13)])
SHADOW: Final = np.array([(0.10, 0.07, 0.06), (0.09, 0.09, 0.14), (0.16, 0.08, 0.09), (0.05, 0.05, 0.05)])


def texture(atlas: Atlas, grain: FloatArray, p: HeadParameters, fine: FloatArray) -> FloatArray:
    """(A, A, 3) log reflectance of what is finer than the learned patterns: pores, mottling, spots, lines, stubble.

    ``fine`` (A, A) is the pores' strength: off the face the atlas is too coarse for them.
    """
    mm = atlas.mm
    pores = cv2.GaussianBlur(grain[..., 0], (0, 0), max(0.35, 0.45 * mm))
    pores = pores - cv2.GaussianBlur(pores, (0, 0), 1.6 * mm)
    mottle = cv2.GaussianBlur(grain[..., 1], (0, 0), 4.0 * mm) * (8.0 * mm)
    red = cv2.GaussianBlur(grain[..., 2], (0, 0), 6.0 * mm) * (12.0 * mm)
    out = p.detail * (0.038 / max(pores.std(), 1e-6) * pores * fine + 0.03 * mottle)[..., None] * np.ones(3, np.float32)
    out = out + p.detail * 0.05 * red[..., None] * np.array([0.25, -0.5, -0.45], np.float32)
    rng = np.random.default_rng((p.seed, 3))
    x, y, _ = np.moveaxis(atlas.place, -1, 0)
    cheeks = np.exp(-(((np.abs(x) - 32) / 24) ** 2) - ((y - 22) / 20) ** 2) + np.exp(
        -((x / 16) ** 2) - ((y - 22) / 16) ** 2
    )
    out = out - _spots(atlas, rng, 420, (0.35, 0.9), p)[..., None] * (1.3 * p.freckles * np.clip(cheeks + 0.12, 0, 1))[
        ..., None
    ] * np.array([0.35, 0.65, 0.8], np.float32)
    moles = _spots(atlas, rng, 7, (0.5, 1.1), p)
    out = out - (0.9 * min(p.detail, 1.0)) * moles[..., None] * np.array([0.7, 1.0, 1.0], np.float32)
    out = out - age_lines(atlas, p)[..., None] * np.array([0.8, 1.0, 1.0], np.float32)
    return np.asarray(out - _beard(atlas, grain, p))


def _spots(
    atlas: Atlas, rng: np.random.Generator, count: int, radius_mm: tuple[float, float], p: HeadParameters
) -> FloatArray:
    """(A, A) 0..1: round spots all over the face."""
    reach = 0.27 * atlas.size
    at = rng.uniform(-1, 1, (count, 2)) * reach + np.array([0.5, 0.395]) * (atlas.size - 1)
    if p.mirrored:
        at[:, 0] = atlas.size - 1 - at[:, 0]
    size = rng.uniform(*radius_mm, count) * atlas.mm
    mask = np.zeros((atlas.size, atlas.size), np.uint8)
    for (cx, cy), r in zip(at, size, strict=True):
        cv2.circle(mask, (round(cx * 16), round(cy * 16)), max(8, round(r * 16)), 255, -1, cv2.LINE_AA, 4)
    return atlas.soften(mask.astype(np.float32) / 255, 0.3)


def age_lines(atlas: Atlas, p: HeadParameters) -> FloatArray:
    """(A, A) darkening by wrinkles, folds and bags."""
    out = np.zeros((atlas.size, atlas.size), np.float32)
    if p.wrinkles == 0:
        return out
    mirror = scheme("dense478").mirror
    up = atlas.dots[10] - atlas.dots[151]
    for lines, width, soft, strength in AGE_LINES:
        strokes = []
        for line, shift in lines:
            strokes += [smooth_line(atlas.dots[list(side)] + shift * up) for side in (line, [mirror[i] for i in line])]
        out = np.maximum(out, strength * atlas.lines(strokes, width, soft))
    return out * p.wrinkles


def smooth_line(points: FloatArray, steps: int = 8) -> FloatArray:
    """(M, 2) a smooth line through (N, 2) points (Catmull and Rom)."""
    padded = np.concatenate([[2 * points[0] - points[1]], points, [2 * points[-1] - points[-2]]])
    t = (np.arange(steps) / steps)[:, None]
    out = []
    for a, b, c, d in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        out.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate([*out, points[-1:]])


def _beard(atlas: Atlas, grain: FloatArray, p: HeadParameters) -> FloatArray:
    """(A, A, 3) darkening by stubble."""
    if p.stubble == 0:
        return np.zeros((1, 1, 3), np.float32)
    x, y, z = np.moveaxis(atlas.place, -1, 0)
    side = np.abs(x)
    cheek_line = 40 + 26 * np.exp(-(((side - 34) / 16) ** 2)) - 34 * np.clip((side - 52) / 16, 0, 1)
    mask = np.clip((y - cheek_line) / 9, 0, 1) * np.clip((68 - z) / 14, 0, 1) * np.clip((120 - y) / 14, 0, 1)
    under_nose = np.clip((y - 49) / 4, 0, 1) * np.clip((30 - side) / 5, 0, 1) * (y < 75)
    mask = np.maximum(mask * (y > 30), under_nose)
    lips = atlas.polygon(atlas.group("outer_lips"), 0.8)
    bare = np.exp(-(((side - 15) / 8) ** 2) - ((y - 86) / 5) ** 2) * 0.6
    mask = mask * (1 - lips) * (1 - bare) * atlas.disc * (y > 30)
    dots = cv2.GaussianBlur(grain[..., 2], (0, 0), 0.45)
    dots = np.clip(0.75 + 0.5 * dots / max(dots.std(), 1e-6), 0, 2.2)
    colour = np.array(HAIR_COLOURS[p.hair_colour])
    tint = 0.75 + 0.18 * colour.mean() / np.maximum(colour, 1e-3)
    strength = 0.85 * p.stubble * mask * dots
    return np.asarray(strength[..., None] * tint * np.array([1.05, 0.95, 0.85]))


def make_up(albedo: FloatArray, atlas: Atlas, lips: FloatArray, p: HeadParameters) -> None:
    """Lipstick, eye shadow and blush, in place."""
    rng = np.random.default_rng((p.seed, 5))
    stick, shade = LIPSTICK[rng.integers(len(LIPSTICK))], SHADOW[rng.integers(len(SHADOW))]
    if p.lip_colour > 0:
        grey = albedo.mean(2, keepdims=True) / max(lip_reflectance(albedo, lips), 1e-3)
        cover = (0.85 * p.lip_colour * lips)[..., None]
        depth = np.clip(0.35 + 1.6 * lip_reflectance(albedo, lips), 0.35, 1)  # dark lips shine through
        albedo += cover * (depth * stick * np.clip(grey, 0.5, 1.5) - albedo)
    if p.eye_shadow > 0:
        for side in (0, 1):
            rim = np.concatenate([atlas.lid_line(side, upper=True), atlas.crease[side][16::-1] * 1.0])
            albedo *= np.exp(
                -(1.1 * p.eye_shadow * atlas.polygon(rim, 1.3))[..., None] * (1 - shade / shade.max() * 0.6)
            )
    if p.blush > 0:
        x, y = atlas.place[..., 0], atlas.place[..., 1]
        spot = np.exp(-(((np.abs(x) - 42) / 15) ** 2) - ((y - 26) / 12) ** 2) * atlas.disc
        albedo *= np.exp(-(0.5 * p.blush * spot)[..., None] * np.array([0.05, 0.9, 0.7]))


def lip_reflectance(albedo: FloatArray, lips: FloatArray) -> float:
    """Mean reflectance of the bare lips."""
    return float(albedo[lips > 0.5].mean())


def brows(albedo: FloatArray, regions: IntArray, atlas: Atlas, p: HeadParameters) -> None:
    """Brows stroke by stroke, in place, a little darker than the hair of the head."""
    colour = np.array(HAIR_COLOURS[p.hair_colour]) * 0.7
    strokes: list[FloatArray] = []
    body = np.zeros((atlas.size, atlas.size), np.float32)
    for side, region in ((0, Region.LEFT_BROW), (1, Region.RIGHT_BROW)):
        ring = atlas.dots[list(BROW[side])]
        upper, lower = ring[:5], ring[:4:-1]
        rng = np.random.default_rng((p.seed, 13, side if not p.mirrored else 1 - side))
        strokes += _brow_strokes(upper, lower, rng, round(BROW_STROKES * min(p.brow_weight, 1.2)), atlas.mm)
        body = np.maximum(body, atlas.polygon(_waist(upper, lower), 1.1))
        regions[atlas.polygon(_waist(upper, lower), 0.3) > 0.4] = region
    if p.brow_weight > 0:
        hairs = atlas.lines(strokes, 0.22 + 0.10 * p.brow_weight, 0.12)
        cover = np.clip(1.25 * hairs + 0.42 * body * p.brow_weight, 0, 0.92) * min(1.0, 0.35 + p.brow_weight)
        albedo += cover[..., None] * (colour - albedo)


def _waist(upper: FloatArray, lower: FloatArray) -> FloatArray:
    """The brow's outline, slimmer than the points' band, pointed at its outer end."""
    middle = (upper + lower) / 2
    share = np.array([0.25, 0.62, 0.72, 0.74, 0.66])[:, None]
    top, bottom = smooth_line(middle + (upper - middle) * share), smooth_line(middle + (lower - middle) * share)
    return np.concatenate([top, bottom[::-1]])


def _brow_strokes(
    upper: FloatArray, lower: FloatArray, rng: np.random.Generator, count: int, mm: float
) -> list[FloatArray]:
    """Short curved strokes: upright at the inner end, lying outward further on, converging on the brow's line."""
    middle = (upper + lower) / 2
    t, s = rng.random(count) ** 0.9, rng.uniform(-0.62, 0.62, count)
    at = np.arange(5) / 4

    def along(line: FloatArray, where: FloatArray) -> FloatArray:
        return np.stack([np.interp(where, at, line[:, k]) for k in (0, 1)], axis=1)

    width = np.interp(t, [0, 0.25, 1], [0.25, 0.8, 0.85])
    root = along(middle, t) + (along(lower, t) - along(upper, t)) / 2 * (s * width)[:, None]
    outward = along(middle, np.clip(t - 0.08, 0, 1)) - along(middle, np.clip(t + 0.08, 0, 1))
    outward /= np.linalg.norm(outward, axis=1, keepdims=True) + 1e-9
    rise = np.interp(t, [0, 0.6, 0.9, 1], [0.0, 0.25, 0.7, 1.3]) - 0.5 * s * (-1)
    heading = outward + np.array([0, -1.0]) * (rise * 0.9)[:, None] + rng.normal(0, 0.12, (count, 2))
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    length = rng.uniform(3.0, 5.5, count)[:, None] * mm
    bend = outward * length * 0.35
    tip, end = root + heading * length * 0.5 + bend * 0.2, root + heading * length * 0.8 + bend
    return list(np.stack([root, tip, end], axis=1))


def lid_edges(albedo: FloatArray, atlas: Atlas, p: HeadParameters) -> None:
    """The lids' wet inside, lashes along the margins and the crease above the upper lid, in place."""
    inside = np.maximum(*(atlas.polygon(atlas.margin[side], 0.2) for side in (0, 1)))
    inside = np.clip(1.6 * inside - 0.6, 0, 1)[..., None]
    # pale outside, red towards the nose, where the caruncle is
    towards = np.clip((48 - np.abs(atlas.unrolled[..., 0:1])) / 30, 0, 1) ** 2
    flesh = CONJUNCTIVA + (CARUNCLE - CONJUNCTIVA) * towards
    albedo += 0.85 * inside * (flesh - albedo)
    upper = [smooth_line(atlas.lid_line(side, upper=True)) for side in (0, 1)]
    lower = [smooth_line(atlas.lid_line(side, upper=False)) for side in (0, 1)]
    lash = atlas.lines(upper, 1.1 + 0.9 * p.eye_shadow, 0.28)
    under = atlas.lines(lower, 0.5 + 0.6 * p.eye_shadow, 0.25)
    cover = np.clip(0.95 * lash + (0.45 + 0.3 * p.eye_shadow) * under, 0, 0.95)
    albedo += cover[..., None] * (LASH - albedo)
    between = [(atlas.crease[side] * 0.6 + atlas.margin[side] * 0.4)[2:15] for side in (0, 1)]
    albedo *= np.exp(-0.5 * atlas.lines([smooth_line(line) for line in between], 0.5, 0.5))[..., None]


def eyeball(angle: FloatArray, turn: FloatArray, grain: FloatArray, iris: str) -> tuple[FloatArray, IntArray]:
    """Colours (N, 3) and regions (N,) of texels ``angle`` degrees off the axis and ``turn`` radians round it."""
    base = np.array(IRIS_COLOURS[iris])
    share = np.clip(angle / eyes.LIMBUS, 0, 1)
    fibre = np.cos(turn * 23 + 3 * np.sin(turn * 5)) * 0.5 + np.cos(turn * 41 + 1.3 + 2 * np.sin(3 * turn)) * 0.35
    ring = 0.55 * np.exp(-(((share - 0.50) / 0.10) ** 2)) - 1.1 * np.clip((share - 0.82) / 0.18, 0, 1) ** 1.5
    colour = base * np.exp(0.35 * fibre + ring + 0.1 * grain[:, 0])[:, None]
    white = np.array([0.40, 0.375, 0.36]) * np.exp(
        -0.30 * np.clip((angle - 45) / 40, 0, 1)[:, None] * np.array([0.35, 1.0, 1.0])
    )
    vein = np.clip(np.sin(turn * 9 + 0.12 * angle + np.sin(turn * 31)) - 0.93, 0, 1) * np.clip((angle - 38) / 25, 0, 1)
    white = white * np.exp(-3.0 * vein[:, None] * np.array([0.2, 1.0, 1.0])) * np.exp(0.02 * grain)
    edge = np.clip((angle - eyes.LIMBUS + 1.6) / 3.2, 0, 1)[:, None]
    out = colour * (1 - edge) + white * edge
    pupil = np.clip((angle - eyes.LIMBUS * eyes.PUPIL_UV + 0.7) / 1.4, 0, 1)[:, None]
    out = np.array([0.004, 0.004, 0.004]) * (1 - pupil) + out * pupil
    region = np.where(angle > eyes.LIMBUS, Region.EYE_WHITE, Region.IRIS)
    region[angle < eyes.LIMBUS * eyes.PUPIL_UV] = Region.PUPIL
    return out, region.astype(np.uint8)


TEETH_EDGES: Final = np.array([0.0, 0.34, 0.60, 0.86, 1.05])  # from the midline, over 24 mm; incisors, canine, premolar


def teeth(x: FloatArray, y: FloatArray) -> FloatArray:
    """(N, 3) reflectance of texels in the teeth's patch: -1..1 across; y > 0 upper row, edge to gum, y < 0 lower."""
    across, up = np.abs(x), np.abs(y)
    gap = np.abs(across[:, None] - TEETH_EDGES).min(1)
    dark = 0.85 * np.exp(-((gap / 0.014) ** 2)) * np.clip(up / 0.1, 0.35, 1)
    back = 0.9 * np.clip(across - 0.35, 0, 1)
    enamel = np.array([0.80, 0.76, 0.66]) * np.exp(-dark - back - 0.15 * up)[:, None]
    gum = np.array([0.36, 0.13, 0.12]) * np.exp(-back)[:, None]
    scallop = 0.60 + 0.06 * np.cos(np.interp(across, TEETH_EDGES, np.arange(5.0)) * 2 * np.pi)
    share = np.clip((up - scallop) / 0.06, 0, 1)[:, None]
    return np.asarray(enamel * (1 - share) + gum * share)


def ear(x: FloatArray, y: FloatArray) -> FloatArray:
    """(N, 3) factor on the skin's reflectance in the ear's patch: redder at the rim, darker in the bowl."""
    radius = np.hypot(x, y)
    bowl = np.exp(-(((radius - 0.25) / 0.28) ** 2))[:, None]
    rim = np.clip((radius - 0.6) / 0.4, 0, 1)[:, None]
    return np.asarray(np.exp(-bowl * np.array([0.30, 0.50, 0.52]) - rim * np.array([0.0, 0.16, 0.14])))
