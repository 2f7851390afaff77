"""What people wear on their faces: surgical masks, glasses, sunglasses; in the head frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray
from nasion.synth.drape import around, front, on_axis
from nasion.synth.mesh import plain_paint, tube
from nasion.synth.surface import Paint

CLOTHS = ((0.36, 0.55, 0.68), (0.75, 0.76, 0.76), (0.02, 0.02, 0.022), (0.25, 0.5, 0.38), (0.65, 0.45, 0.5))
FRAMES = ((0.012, 0.012, 0.013), (0.07, 0.03, 0.012), (0.35, 0.33, 0.3), (0.45, 0.33, 0.12), (0.03, 0.05, 0.12))
EYES = ((33, 133), (263, 362))  # outer and inner corner, right and left
CLEAR = 0.08  # share of a clear lens's own colour and glare


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A grid of points and what it is made of.

    Attributes:
        grid: (R, C, 3) mm, head frame.
        paint: colours.
        alpha: below 1 for clear lenses.
        uv: (R, C, 2), or None for rows and columns from 0 to 1.
    """

    grid: FloatArray
    paint: Paint
    alpha: float = 1.0
    uv: FloatArray | None = None


def mask(face: FloatArray, _: FloatArray, __: FloatArray, rng: np.random.Generator) -> list[Piece]:
    """A pleated surgical mask from the bridge of the nose to under the chin, with ear loops."""
    low = rng.uniform(0, 1) ** 3  # 0: as it should be worn, 1: below the nose
    colour = np.array(CLOTHS[rng.integers(len(CLOTHS))]) * rng.uniform(0.85, 1.1)
    u = np.linspace(-1, 1, 41)
    v = np.linspace(0, 1, 25)[:, None]
    nose, tip, chin, cheek = face[195], face[4], face[152], 0.5 * (face[132] + face[361])
    top = nose[1] + low * 1.15 * (tip[1] + 10 - nose[1])
    side_top, side_bottom = top + 16, cheek[1] + 12
    upper = top + (side_top - top) * (1 - np.sqrt(np.clip(1 - np.abs(u) ** 1.6, 0, 1)) ** 1.0)
    upper -= 2.5 * np.exp(-((u / 0.16) ** 2))  # the wire over the nose
    lower = chin[1] + 9 + (side_bottom - chin[1] - 9) * np.abs(u) ** 2.2
    y = upper + (lower - upper) * v
    angle = np.broadcast_to(u * np.radians(66), y.shape)
    inside = np.minimum(y, chin[1] - 2)  # below the chin nothing carries it: it hangs from the chin's height
    radius = around(face, angle, inside) + 2.2 + 0.9 * np.abs(np.sin(v * np.pi * 3.5)) * (1 - np.abs(u) ** 4)
    under = np.clip((y - chin[1] + 2) / 11, 0, 1)
    radius = radius - 14 * under**2
    texel = np.linspace(0, 1, 64)
    fold = 1 - 0.22 * np.exp(-(((texel[:, None] * 4 + 0.5) % 1 - 0.5) ** 2) / 0.004)
    weave = 1 + 0.04 * rng.normal(size=(64, 64))
    albedo = (np.clip(fold * weave, 0, 1.2)[..., None] * colour).astype(np.float32).clip(0, 1)
    paint = Paint(albedo, np.zeros((64, 64), np.uint8), np.full((64, 64), 0.05, np.float32))
    pieces = [Piece(on_axis(angle, y, radius), paint)]
    cord = plain_paint((0.7, 0.7, 0.7), 0.05)
    for edge, ear in ((0, 234), (-1, 454)):
        out = np.sign(u[edge]) * np.array([6.0, 0, 0])
        behind = face[ear] + out + (0, 6, 22)
        for row in (1, -2):
            start = pieces[0].grid[row, edge]
            t = np.linspace(0, 1, 9)[:, None]
            bow = 4 * np.sin(np.pi * t) * np.sign(u[edge]) * np.array([[1.0, 0, 0]])
            pieces.append(Piece(tube(start + (behind - start) * t + bow, 0.9, 5), cord))
    return pieces


def glasses(face: FloatArray, _: FloatArray, __: FloatArray, rng: np.random.Generator) -> list[Piece]:
    """Rims, bridge and temples, and clear lenses with a glare."""
    lens = plain_paint((0.5, 0.52, 0.55), 1.0)
    return _spectacles(face, rng, lens, CLEAR, rng.uniform(0.7, 2.2))


def sunglasses(face: FloatArray, _: FloatArray, __: FloatArray, rng: np.random.Generator) -> list[Piece]:
    """Glasses that nobody sees through."""
    colour = 0.008 * np.exp(rng.uniform(0, 1.2) + rng.normal(0, 0.3, 3))
    lens = plain_paint((float(colour[0]), float(colour[1]), float(colour[2])), 0.95)
    return _spectacles(face, rng, lens, 1.0, rng.uniform(0.9, 2.4))


def _spectacles(face: FloatArray, rng: np.random.Generator, lens: Paint, alpha: float, thick: float) -> list[Piece]:
    frame_colour = np.array(FRAMES[rng.integers(len(FRAMES))]) * rng.uniform(0.7, 1.4)
    frame = plain_paint((float(frame_colour[0]), float(frame_colour[1]), float(frame_colour[2])), 0.6)
    half_wide, half_high = rng.uniform(24, 29), rng.uniform(15, 24)
    square = rng.uniform(2.0, 4.5)  # exponent of the outline: 2 an ellipse, 4 nearly a rectangle
    centres = np.array([face[list(eye)].mean(0) for eye in EYES])
    middle = centres.mean(0)
    centres[:, 0] = middle[0] + np.array([-1, 1]) * max(half_wide + 8.5, abs(centres[1, 0] - centres[0, 0]) / 2)
    centres[:, 1] += rng.uniform(1, 5)
    angle = np.linspace(0, 2 * np.pi, 49)
    c, s = np.cos(angle), np.sin(angle)
    outline = np.stack([np.sign(c) * np.abs(c) ** (2 / square), np.sign(s) * np.abs(s) ** (2 / square)], axis=1)
    drop = np.where(outline[:, 1] > 0, 1.08, 0.92)  # longer below
    # the front is a curved plate that clears everything behind the lenses
    behind = face[(np.abs(face[:, 0] - middle[0]) < 62) & (np.abs(face[:, 1] - centres[0, 1]) < half_high)]
    behind = behind[np.abs(behind[:, 0] - middle[0]) > 14]
    plate = (-behind[:, 2] + 0.0035 * (behind[:, 0] - middle[0]) ** 2).max() + 2.5

    def on_plate(x: FloatArray, y: FloatArray) -> FloatArray:
        return np.stack([x, y, -(plate - 0.0035 * (x - middle[0]) ** 2)], axis=-1)

    pieces, hinges = [], []
    for centre in centres:
        x, y = centre[0] + half_wide * outline[:, 0], centre[1] + half_high * outline[:, 1] * drop
        rim = on_plate(x, y)
        pieces.append(Piece(tube(rim, thick, 8, closed=True), frame))
        ring = np.linspace(1, 0.02, 7)[:, None]
        glass = on_plate(centre[0] + (x - centre[0]) * ring, centre[1] + (y - centre[1]) * ring)
        pieces.append(Piece(glass, lens, alpha))
        side = np.sign(centre[0] - middle[0])
        hinges.append((side, on_plate(np.array(centre[0] + side * half_wide), np.array(centre[1] - 0.35 * half_high))))
    inner = [centres[k, 0] + (1, -1)[k] * half_wide for k in (0, 1)]
    t = np.linspace(0, 1, 13)
    x = inner[0] + (inner[1] - inner[0]) * t
    y = centres[:, 1].mean() - 0.18 * half_high - 4 * np.sin(np.pi * t)
    bridge = on_plate(x, y)
    bridge[:, 2] = np.minimum(bridge[:, 2], -(front(face, x, y, 6.0) + thick))
    pieces.append(Piece(tube(bridge, thick, 8), frame))
    for (side, hinge), ear in zip(hinges, (127, 356), strict=True):
        temple = face[ear]
        stops = np.array([
            hinge, hinge + np.array([side * 5, 0, 4]), (temple[0] + side * 5, hinge[1] + 2, temple[2] + 8),
            (temple[0] + side * 6, hinge[1] + 6, temple[2] + 42),
        ])  # fmt: skip
        where = np.linspace(0, 3, 16)
        line = np.stack([np.interp(where, range(4), stops[:, k]) for k in range(3)], axis=1)
        pieces.append(Piece(tube(line, max(thick * 0.8, 1.0), 6), frame))
    return pieces
