"""Displays of the six searches in which people show an asymmetry: one odd item among others, drawn.

Curves and straight lines, discs lit from the side or from above, crosses and T-like junctions, L and T, bars at 0 or 20
degrees among alike or mixed others; after Wolfe (2001) and the works named there. Human times are those that the
released code of arXiv 2106.02953 compares with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from nasion.core import Box, FloatArray, ImageArray, InputError

ITEM = 28  # px of an item; about one degree
SIDE = 480  # px of a display
_FINE = 4


@dataclass(frozen=True, slots=True)
class Task:
    """A pair of searches.

    Attributes:
        hard, easy: names of the target that people find slowly, and fast.
        sizes: numbers of items of the human data.
        hard_ms, easy_ms: people's times at those.
    """

    hard: str
    easy: str
    sizes: tuple[int, ...]
    hard_ms: tuple[float, ...]
    easy_ms: tuple[float, ...]


_BARS = 200 / 9.5  # ms a unit of the figure that the times of the bars were read from
_LIT = 200 / 7.5

TASKS: dict[str, Task] = {
    "curvature": Task("line", "curve", (8, 16, 32), (565, 640, 750), (510, 516.4, 529.2)),
    "lighting": Task(
        "left_right", "top_down", (1, 6, 12), (400 + 3.3 * _LIT, 600 + 2.8 * _LIT, 600 + 5.8 * _LIT),
        (400 + _LIT, 400 + 1.2 * _LIT, 400 + 2.7 * _LIT),
    ),
    "crosses": Task("cross", "non_cross", (3, 6, 9), (829, 1117, 1405), (645, 780, 915)),
    "letters": Task("L", "T", (3, 6, 9), (573, 672, 771), (541, 583, 625)),
    "bars": Task(
        "upright", "tilted", (1, 4, 8, 12), tuple(400 + k * _BARS for k in (1.5, 7, 7.25, 7.5)),
        tuple(400 + k * _BARS for k in (0.7, 1.8, 1.95, 2.1)),
    ),
    "mixed_bars": Task(
        "tilted", "upright", (1, 4, 8, 12),
        (400 + 6 * _BARS, 800 + 1.5 * _BARS, 1000 + 4 * _BARS, 1200 + 6 * _BARS),
        (400 + 1.5 * _BARS, 400 + 8 * _BARS, 600 + 1.6 * _BARS, 600 + 5.1 * _BARS),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Display:
    """One search.

    Attributes:
        image: RGB uint8 (480, 480, 3).
        target: RGB uint8 (28, 28, 3), the picture of what is looked for.
        items: boxes of all items, px.
        wanted: row of the target.
    """

    image: ImageArray
    target: ImageArray
    items: tuple[Box, ...]
    wanted: int


def draw_display(task: str, target: str, count: int, rng: np.random.Generator) -> Display:
    """A display of ``count`` items, one of them the target.

    Args:
        task: a key of ``TASKS``.
        target: its ``hard`` or ``easy`` target; the others are then of the other kind.
        count: 1..36.
        rng: places, and turns where the task has them.

    Raises:
        InputError: there is no such task or target, or too many items.
    """
    if task not in TASKS or target not in (TASKS[task].hard, TASKS[task].easy):
        known = "; ".join(f"{name}: {t.hard}, {t.easy}" for name, t in TASKS.items())
        raise InputError(f"there is no search for {target!r} in {task!r}; there are {known}")
    if not 1 <= count <= 36:
        raise InputError(f"a display holds 1 to 36 items, got {count}")
    ground = 128 if task == "lighting" else 255
    image = np.full((SIDE, SIDE), ground, np.uint8)
    cells = [(row, column) for row in range(6) for column in range(6)]
    places = [cells[i] for i in rng.permutation(36)[:count]]
    step, boxes, looked_for = SIDE / 6, [], None
    for number, (row, column) in enumerate(places):
        picture = _DRAW[task](target, number == 0, rng)
        shift = rng.uniform(-0.25, 0.25, 2) * (step - ITEM)
        x = round(column * step + (step - ITEM) / 2 + shift[0])
        y = round(row * step + (step - ITEM) / 2 + shift[1])
        image[y : y + ITEM, x : x + ITEM] = picture
        boxes.append(Box(x, y, x + ITEM - 1, y + ITEM - 1))
        looked_for = picture if number == 0 else looked_for
    assert looked_for is not None, "count is above 0"
    order = rng.permutation(count)
    scene, target_picture = (np.repeat(picture[..., None], 3, axis=2) for picture in (image, looked_for))
    return Display(scene, target_picture, tuple(boxes[i] for i in order), int(np.flatnonzero(order == 0)[0]))


def _lines(paths: list[FloatArray], angle: float = 0.0, wide: float = 2.6) -> ImageArray:
    """Open lines on white; places -1..1 of an item, turned by degrees."""
    side = ITEM * _FINE
    picture = np.full((side, side), 255, np.uint8)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    for path in paths:
        turned = np.asarray(path, np.float64) @ np.array([[c, s], [-s, c]])
        px = np.rint((turned * 0.42 + 0.5) * side).astype(np.int32)
        cv2.polylines(picture, [px], False, 0, round(wide * _FINE), cv2.LINE_AA)
    return np.asarray(cv2.resize(picture, (ITEM, ITEM), interpolation=cv2.INTER_AREA), np.uint8)


def _curvature(target: str, odd: bool, _: np.random.Generator) -> ImageArray:
    bend = 0.5 if (target == "curve") == odd else 0.0
    along = np.linspace(-1, 1, 21)
    return _lines([np.stack([bend * (1 - along**2) - bend / 2, along], 1)])


def _lighting(target: str, odd: bool, _: np.random.Generator) -> ImageArray:
    """The others are lit along the same axis from the opposite side."""
    at = (np.arange(ITEM) - (ITEM - 1) / 2) / (ITEM / 2)
    x, y = np.meshgrid(at, at)
    light = (-1 if odd else 1) * (x if target == "left_right" else y)
    inside = np.clip((0.92 - np.hypot(x, y)) * ITEM / 2 + 0.5, 0, 1)
    return np.asarray(np.rint(128 + inside * 110 * light), np.uint8)


def _crosses(target: str, odd: bool, rng: np.random.Generator) -> ImageArray:
    """Two lines that cross in the middle, or meet where one of them ends."""
    shift = 0.0 if (target == "cross") == odd else 0.9
    return _lines([np.array([[-1, shift], [1, shift]]), _UPRIGHT], float(90 * rng.integers(4)))


def _letters(target: str, odd: bool, rng: np.random.Generator) -> ImageArray:
    stem = -0.9 if (target == "L") == odd else 0.0
    lines = [np.array([[-0.9, -0.9], [0.9, -0.9]]), np.array([[stem, -0.9], [stem, 0.9]])]
    return _lines(lines, float(90 * rng.integers(4)))


def _bars(target: str, odd: bool, _: np.random.Generator) -> ImageArray:
    return _lines([_UPRIGHT], 0.0 if (target == "upright") == odd else 20.0, 4.0)


def _mixed_bars(target: str, odd: bool, rng: np.random.Generator) -> ImageArray:
    if odd:
        return _bars(target, odd, rng)
    near = (0.0, 40.0) if target == "tilted" else (-20.0, 20.0)
    return _lines([_UPRIGHT], float(rng.choice((-60, -40, 60, 80, *near))), 4.0)


_UPRIGHT = np.array([[0.0, -1.0], [0.0, 1.0]])
_DRAW: dict[str, Callable[[str, bool, np.random.Generator], ImageArray]] = {
    "curvature": _curvature,
    "lighting": _lighting,
    "crosses": _crosses,
    "letters": _letters,
    "bars": _bars,
    "mixed_bars": _mixed_bars,
}
