"""Things that people hold or wear in front of their faces, drawn, for measuring on occluders nobody was trained on.

The landmarker's recipe covers faces with ellipses, boxes and polygons of plain colour, noise, skin or pieces of
photos. None of these is like that: they have their own shapes and places, are lit from one side, throw a shadow, and
are drawn in the frame of the human labels, so that what they hide is known to the pixel.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray
from nasion.report.bench.brush import Canvas, FaceFrame, hidden_points, ribbon, rounded_box, smooth_outline, turned

_SKIN = np.array([(241, 205, 180), (224, 172, 138), (198, 134, 96), (150, 97, 66), (101, 66, 46), (66, 42, 30)], float)
_CLOTH = np.array([(160, 40, 45), (40, 60, 110), (215, 205, 185), (70, 95, 65), (45, 45, 50), (190, 150, 70)], float)
_HAIR = np.array([(30, 24, 20), (70, 46, 30), (120, 82, 48), (190, 155, 100), (110, 50, 30), (150, 145, 140)], float)
_METAL = np.array([(150, 152, 155), (60, 62, 66), (95, 70, 50), (210, 210, 205)], float)
_MASKS = np.array([(150, 195, 220), (235, 238, 240), (45, 45, 50), (160, 205, 185)], float)


def draw_occluder(
    kind: str, image: ImageArray, points: FloatArray, rng: np.random.Generator
) -> tuple[ImageArray, BoolArray]:
    """Draw one thing over a face.

    Args:
        kind: one of ``OCCLUDERS``.
        image: RGB uint8 (H, W, 3).
        points: (68, 2) px, the face's human labels.
        rng: decides side, size, tilt and colour.

    Returns:
        The new picture, and (68,) bool, true where the point stays in view.
    """
    canvas = Canvas(image)
    OCCLUDERS[kind](canvas, FaceFrame.of(points), rng)
    return canvas.picture(), ~hidden_points(points, canvas.hidden)


def _hand(canvas: Canvas, face: FaceFrame, rng: np.random.Generator) -> None:
    """A palm from below on one side, four fingers and a thumb over cheek, mouth or eye."""
    side = _side(rng)
    skin, shadow = _pick(_SKIN, rng), 0.06 * face.unit
    wrist = np.array([side * rng.uniform(0.75, 1.0), rng.uniform(1.5, 1.8)])
    reach = np.array([side * rng.uniform(-0.15, 0.25), rng.uniform(0.3, 0.9)])  # where the knuckles lie
    along = (reach - wrist) / np.linalg.norm(reach - wrist)
    across = np.array([-along[1], along[0]])
    _rod(canvas, face, wrist - 0.8 * along, wrist, (0.24, 0.22), skin, shadow)
    for k in np.linspace(-1, 1, 5):
        _rod(canvas, face, wrist + 0.08 * k * across, reach + 0.2 * k * across, (0.17, 0.115), skin, shadow)
    lengths = rng.uniform(0.9, 1.1) * np.array([0.42, 0.52, 0.5, 0.4])
    for k, length in zip((-1.0, -0.35, 0.3, 0.95), lengths, strict=True):
        knuckle = reach + 0.21 * k * across
        bent = turned(along[None], float(rng.uniform(-6, 6) + 7 * k))[0]
        joint = knuckle + 0.55 * length * bent
        _rod(canvas, face, knuckle, joint, (0.1, 0.088), skin, shadow)
        _rod(canvas, face, joint, joint + 0.5 * length * bent, (0.088, 0.07), skin, shadow)
    thumb = wrist + 0.35 * (reach - wrist) - 0.18 * side * across
    _rod(canvas, face, thumb, thumb + 0.4 * along - 0.22 * side * across, (0.12, 0.085), skin, shadow)


def _sunglasses(canvas: Canvas, face: FaceFrame, rng: np.random.Generator) -> None:
    """Two dark lenses with a bright streak, a frame, a bridge and temples towards the ears."""
    half = (float(rng.uniform(0.3, 0.37)), float(rng.uniform(0.22, 0.3)))
    power, rim = float(rng.uniform(2.2, 5.0)), float(rng.uniform(0.02, 0.05))
    frame, lens = _pick(_METAL, rng) * rng.uniform(0.3, 1.0), rng.uniform(8, 55, 3)
    eyes = [np.add(face.uv(face.points[i : i + 6].mean(axis=0)), (0, 0.03)) for i in (36, 42)]
    ears = [face.uv(face.points[i]) for i in (0, 16)]
    width = rim * face.unit
    phase = float(rng.uniform(0, 6))

    def glass(x: FloatArray, y: FloatArray) -> FloatArray:
        return np.asarray(lens + 70 * np.sin((x + y) / (0.35 * face.unit) + phase)[..., None] ** 12)

    inner = [np.add(eye, (sign * half[0] * 0.95, -0.05)) for eye, sign in zip(eyes, (1, -1), strict=True)]
    canvas.capsule(face.px(inner[0]), face.px(inner[1]), (width, width), frame, 0.04 * face.unit)
    for eye, ear, sign in zip(eyes, ears, (-1, 1), strict=True):
        hinge = np.add(eye, (sign * half[0], -0.08))
        canvas.capsule(face.px(hinge), face.px((ear[0], ear[1] - 0.1)), (width, 0.7 * width), frame)
        outline = rounded_box((half[0] + rim, half[1] + rim), power) + eye
        canvas.polygon(face.px(outline), frame, 0.05 * face.unit)
        canvas.polygon(face.px(rounded_box(half, power) + eye), glass)


def _surgical_mask(canvas: Canvas, face: FaceFrame, rng: np.random.Generator) -> None:
    """A pleated mask from the bridge of the nose to below the chin, with loops to the ears."""
    jaw = np.stack([face.uv(face.points[i]) for i in (2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 14)])
    centre = jaw.mean(axis=0)
    below = centre + (jaw - centre) * rng.uniform(1.03, 1.09, 2)
    nose = np.add(face.uv(face.points[28]), (0, rng.uniform(-0.05, 0.2)))
    cheeks = [np.add(nose, (sign * 0.3, 0.16)) for sign in (1, -1)]
    outline = smooth_outline(face.px(np.concatenate([below, [cheeks[0], nose, cheeks[1]]])))
    colour, pleats = _pick(_MASKS, rng), int(rng.integers(2, 5))
    for ear, edges in ((0, (0, 2)), (16, (-1, -3))):
        for edge in edges:
            canvas.capsule(face.px(below[edge]), face.points[ear].astype(float), (0.016 * face.unit,) * 2, colour * 0.9)

    def cloth(x: FloatArray, y: FloatArray) -> FloatArray:
        right, down = face.grid(x, y)
        fold = 0.12 * np.sin(np.pi * pleats * (down - nose[1]) + 0.6 * right**2) ** 8
        light = 0.92 - 0.28 * np.clip(np.abs(right - nose[0]) / 0.8, 0, 1) ** 2 - fold
        return np.asarray(colour * light[..., None])

    canvas.polygon(outline, cloth, 0.04 * face.unit)


def _scarf(canvas: Canvas, face: FaceFrame, rng: np.random.Generator) -> None:
    """A knitted scarf round the neck, pulled up over mouth or nose."""
    colours = _CLOTH[rng.choice(len(_CLOTH), 2, replace=False)]
    chin, lip = face.uv(face.points[8]), face.uv(face.points[33])
    top, tilt = float(rng.uniform(lip[1] - 0.12, lip[1] + 0.4)), float(rng.uniform(-0.12, 0.12))
    u = np.linspace(-1.15, 1.15, 12)
    upper = np.stack([u, top + tilt * u + 0.2 * u**2 + 0.03 * np.sin(5 * u + rng.uniform(0, 6))], axis=1)
    lower = np.stack([0.9 * u[::-1], chin[1] + 1.0 - 0.25 * u[::-1] ** 2], axis=1)
    width, share, phase = rng.uniform(0.15, 0.4), rng.uniform(-0.5, 0.9), rng.uniform(0, 6)

    def wool(x: FloatArray, y: FloatArray) -> FloatArray:
        right, down = face.grid(x, y)
        wave = down - tilt * right - 0.2 * right**2
        stripe = (np.sin(2 * np.pi * wave / width) > share)[..., None]
        knit = 0.86 + 0.14 * np.sin(90 * wave) * np.sin(70 * right)
        folds = (0.8 + 0.2 * np.sin(9 * wave + 2 * right + phase)) * (1.1 - 0.35 * right**2)
        return np.asarray(np.where(stripe, colours[0], colours[1]) * (knit * folds)[..., None])

    canvas.polygon(face.px(np.concatenate([upper, lower])), wool, 0.06 * face.unit)


def _microphone(canvas: Canvas, face: FaceFrame, rng: np.random.Generator) -> None:
    """A ball of wire mesh before the mouth, its handle and the fist that holds it."""
    mouth = face.uv(face.points[48:68].mean(axis=0)) + rng.normal(0, 0.06, 2)
    radius, lean = float(rng.uniform(0.2, 0.3)), _side(rng) * rng.uniform(0.15, 0.8)
    down = np.array([lean, 1.0]) / np.hypot(lean, 1)
    shadow = 0.06 * face.unit
    _rod(canvas, face, mouth, mouth + 1.6 * down, (0.55 * radius, 0.4 * radius), rng.uniform(20, 60, 3), shadow)
    centre = face.px(mouth)
    canvas.capsule(centre, centre, (radius * face.unit,) * 2, _pick(_METAL, rng), shadow)
    wire = np.linspace(-0.9, 0.9, 8) * radius
    for k in wire:  # lines across the ball, both ways
        half = np.sqrt(radius**2 - k**2) * 0.97
        for ends in (np.array([(k, -half), (k, half)]), np.array([(-half, k), (half, k)])):
            line = ribbon(face.px(turned(ends, 45) + mouth), np.full(2, 0.008 * face.unit))
            canvas.polygon(line, np.full(3, 30.0))
    fist, skin = mouth + rng.uniform(0.75, 1.0) * down, _pick(_SKIN, rng)
    across = np.array([-down[1], down[0]])
    for k in range(4):
        middle = fist + 0.17 * k * down
        _rod(canvas, face, middle - 0.2 * across, middle + 0.2 * across, (0.1, 0.09), skin, 0.03 * face.unit)


def _phone(canvas: Canvas, face: FaceFrame, rng: np.random.Generator) -> None:
    """The back of a telephone held up before one half of the face, with the fingers that hold it."""
    side, tilt = _side(rng), float(rng.uniform(-20, 20))
    half = (float(rng.uniform(0.26, 0.33)), float(rng.uniform(0.55, 0.68)))
    centre = np.array([side * rng.uniform(0.15, 0.5), rng.uniform(0.2, 0.9)])
    body = rng.uniform(15, 70, 3) if rng.random() < 0.6 else rng.uniform(150, 235, 3)
    phase = float(rng.uniform(0, 6))

    def sheen(x: FloatArray, y: FloatArray) -> FloatArray:
        return np.asarray(body * (0.85 + 0.15 * np.sin((x - 0.6 * y) / (0.5 * face.unit) + phase))[..., None])

    def panel(size: tuple[float, float], at: tuple[float, float], power: float) -> FloatArray:
        return face.px(turned(rounded_box(size, power) + at, tilt) + centre)

    bump = (-half[0] + 0.15, -half[1] + 0.18)
    canvas.polygon(panel(half, (0, 0), 9.0), sheen, 0.07 * face.unit)
    canvas.polygon(panel((0.11, 0.13), bump, 5.0), body * 0.7 + 10)
    for lens_y in (-0.06, 0.06):
        canvas.polygon(panel((0.045, 0.045), (bump[0], bump[1] + lens_y), 2.0), np.full(3, 12.0))
    skin = _pick(_SKIN, rng)
    for k, v in enumerate(np.linspace(0.02, 0.5, 4)):
        ends = turned(np.array([(side * (half[0] + 0.25), v + 0.1), (side * (half[0] - 0.2 - 0.03 * k), v)]), tilt)
        start, end = ends + centre
        _rod(canvas, face, start, end, (0.095, 0.075), skin, 0.04 * face.unit)


def _hair(canvas: Canvas, face: FaceFrame, rng: np.random.Generator) -> None:
    """A curtain of strands from the parting down over one eye and cheek."""
    side, colour = _side(rng), _pick(_HAIR, rng)
    edge, length = float(rng.uniform(-0.05, 0.35)), float(rng.uniform(1.3, 2.0))
    t = np.linspace(0, 1, 7)[:, None]
    for _ in range(220):
        lateral = rng.uniform(0, 1)
        start = np.array([side * (0.15 + 0.85 * lateral), -1.2 + 0.35 * lateral**2 + rng.uniform(-0.08, 0.08)])
        end = np.array([side * (edge + lateral * (1.05 - edge)), length * rng.uniform(0.7, 1.1)])
        bend = np.array([side * (edge + lateral * (1.3 - edge)), rng.uniform(-0.1, 0.4)])
        path = face.px((1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end)
        half, tone = max(rng.uniform(0.006, 0.016) * face.unit, 0.5), colour * rng.uniform(0.55, 1.25)
        canvas.polygon(ribbon(path, half * (1 - 0.5 * t[:, 0] ** 3)), tone)


def _fence(canvas: Canvas, face: FaceFrame, rng: np.random.Generator) -> None:
    """Round metal bars before the whole picture, evenly spaced, upright or aslant, at times crossed."""
    metal, radius = _pick(_METAL, rng), float(rng.uniform(0.05, 0.09))
    step, start = float(rng.uniform(0.38, 0.6)), float(rng.uniform(0, 1))
    tilt = float(rng.uniform(-35, 35))
    for turn in (tilt, tilt + 90) if rng.random() < 0.4 else (tilt,):
        for k in np.arange(-4, 5):
            a, b = turned(np.array([((k + start) * step, v) for v in (-3.0, 3.0)]), turn)
            _rod(canvas, face, a, b, (radius, radius), metal, 0.03 * face.unit)


OCCLUDERS: dict[str, Callable[[Canvas, FaceFrame, np.random.Generator], None]] = {
    "hand": _hand,
    "sunglasses": _sunglasses,
    "surgical mask": _surgical_mask,
    "scarf": _scarf,
    "microphone": _microphone,
    "phone": _phone,
    "hair": _hair,
    "fence": _fence,
}


def _rod(
    canvas: Canvas,
    face: FaceFrame,
    start: FloatArray,
    end: FloatArray,
    radii: tuple[float, float],
    colour: FloatArray,
    shadow: float,
) -> None:
    """A capsule given in eye distances."""
    canvas.capsule(face.px(start), face.px(end), (radii[0] * face.unit, radii[1] * face.unit), colour, shadow)


def _pick(colours: FloatArray, rng: np.random.Generator) -> FloatArray:
    """One of the colours, not quite."""
    return np.asarray(colours[rng.integers(len(colours))] * rng.uniform(0.85, 1.1) + rng.normal(0, 4, 3))


def _side(rng: np.random.Generator) -> float:
    return 1.0 if rng.random() < 0.5 else -1.0
