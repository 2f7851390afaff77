"""Looks drawn on pictures: numbered fixations with the jumps between them, arrows from eyes to targets, heatmaps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, InputError
from nasion.media.drawing import Color
from nasion.media.images import check_image

RIM: Color = (12, 16, 24)
PATH: Color = (255, 221, 87)
GOAL: Color = (120, 214, 122)
LOOKS: tuple[Color, ...] = (
    (255, 92, 220), (90, 200, 250), (255, 159, 64), (120, 214, 122), (255, 221, 87), (178, 150, 255),
)  # fmt: skip


def draw_path(image: ImageArray, points: FloatArray, *, found: bool = False, numbered_from: int = 1) -> ImageArray:
    """A scan path: numbered discs joined in order; the last one green where the search was successful.

    Args:
        image: (H, W, 3) uint8 RGB; a copy is drawn on.
        points: (N, 2) px.
        found: whether the last place is what was looked for.
        numbered_from: number of the first disc; 0 marks where the eyes were before the first look.
    """
    drawn = check_image(image).copy()
    unit = max(min(drawn.shape[:2]) / 45, 6.0)
    places = [(round(float(x)), round(float(y))) for x, y in points]
    for a, b in pairwise(places):
        _line(drawn, a, b, PATH, unit)
    for number, place in enumerate(places):
        last = found and number == len(places) - 1
        cv2.circle(drawn, place, round(unit), RIM, -1, cv2.LINE_AA)
        cv2.circle(drawn, place, round(0.85 * unit), GOAL if last else PATH, -1, cv2.LINE_AA)
        _text(drawn, str(number + numbered_from), place, unit)
    return drawn


def draw_looks(
    image: ImageArray, eyes: Sequence[FloatArray], targets: Sequence[FloatArray], sure: Sequence[float]
) -> ImageArray:
    """Arrows from eyes to what is looked at; broken, and short, where it is more likely outside the picture.

    Args:
        image: (H, W, 3) uint8 RGB; a copy is drawn on.
        eyes, targets: (2,) px each.
        sure: probability 0..1 of each target being inside.
    """
    if not len(eyes) == len(targets) == len(sure):
        raise InputError(f"{len(eyes)} eyes, {len(targets)} targets and {len(sure)} probabilities do not fit")
    drawn = check_image(image).copy()
    unit = max(min(drawn.shape[:2]) / 45, 6.0)
    for row, (start, end, chance) in enumerate(zip(eyes, targets, sure, strict=True)):
        colour = LOOKS[row % len(LOOKS)]
        a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
        if chance >= 0.5:
            _line(drawn, _px(a), _px(b), colour, unit)
            cv2.circle(drawn, _px(b), round(1.1 * unit), RIM, max(2, round(0.5 * unit)), cv2.LINE_AA)
            cv2.circle(drawn, _px(b), round(1.1 * unit), colour, max(1, round(0.25 * unit)), cv2.LINE_AA)
        else:
            step = (b - a) / max(float(np.linalg.norm(b - a)), 1e-6) * unit
            for k in range(3):
                _line(drawn, _px(a + (1 + 2 * k) * step), _px(a + (2 + 2 * k) * step), colour, unit)
        cv2.circle(drawn, _px(a), round(0.5 * unit), RIM, -1, cv2.LINE_AA)
        cv2.circle(drawn, _px(a), round(0.35 * unit), colour, -1, cv2.LINE_AA)
    return drawn


def draw_heat(image: ImageArray, heat: FloatArray, strength: float = 0.55) -> ImageArray:
    """A map (h, w) 0..1 laid over the picture, nothing where it is 0."""
    picture = check_image(image)
    size = picture.shape[1::-1]
    level = np.clip(cv2.resize(np.asarray(heat, np.float32), size, interpolation=cv2.INTER_CUBIC), 0, 1)[..., None]
    colours = cv2.applyColorMap(np.rint(255 * level[..., 0]).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    return np.asarray(np.rint(picture * (1 - strength * level) + strength * level * colours), np.uint8)


def _line(drawn: ImageArray, a: tuple[int, int], b: tuple[int, int], colour: Color, unit: float) -> None:
    cv2.line(drawn, a, b, RIM, max(3, round(0.5 * unit)), cv2.LINE_AA)
    cv2.line(drawn, a, b, colour, max(1, round(0.25 * unit)), cv2.LINE_AA)


def _px(point: FloatArray) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _text(drawn: ImageArray, text: str, place: tuple[int, int], unit: float) -> None:
    scale = unit / (18 if len(text) < 2 else 25)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
    at = (place[0] - width // 2, place[1] + height // 2)
    cv2.putText(drawn, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, RIM, max(1, round(unit / 8)), cv2.LINE_AA)
