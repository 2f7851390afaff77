"""Behind the lips: the cavity, two rows of teeth and a tongue."""

from __future__ import annotations

from typing import Final

import numpy as np

from nasion.core import FloatArray, IntArray

COLUMNS: Final = 40  # of the lips' inner edge: right corner, upper lip, left corner, lower lip
CAVITY_ROWS: Final = 4
TOOTH_COLUMNS: Final = 25
TEETH_HALF_WIDTH: Final = 24.0  # mm
ARCH: Final = 0.040  # mm back per mm^2 sideways
UPPER_EDGE: Final = 1.6  # mm of the upper teeth below the seam of the lips
LOWER_EDGE: Final = 0.6  # mm of the lower teeth's edge below the seam
BEHIND_LIPS: Final = 7.0  # mm from the lips' inner edge to the upper incisors
OVERBITE: Final = 2.4  # mm that the lower incisors stand behind the upper ones
CROWN: Final = 10.0  # mm
TONGUE: Final = (17.0, 5.5, 20.0)  # half axes, mm
TONGUE_GRID: Final = (11, 7)


def cavity(edge: FloatArray, middle: FloatArray, jaw: FloatArray) -> FloatArray:
    """Rows of vertices from the lips' inner edge to the back of the mouth.

    Args:
        edge: (40, 3) mm, right corner, upper lip, left corner, lower lip.
        middle: (3,) mm, the seam's middle with the mouth shut.
        jaw: (3,) mm, where that point goes with the jaw.

    Returns:
        (CAVITY_ROWS, 40, 3) mm and a last vertex (3,), stacked as (CAVITY_ROWS * 40 + 1, 3).
    """
    turn = np.pi - 2 * np.pi * np.arange(COLUMNS) / COLUMNS  # right corner first, then over the upper lip
    across, up = np.cos(turn), np.sin(turn)
    lower = (up < -1e-9)[:, None]
    home = np.where(lower, jaw, middle)
    rows = []
    for back, wide, high, keep in (
        (2.5, 0, 2.2, 1.0),
        (5.0, 0, 7.0, 0.9),
        (16.0, 27, 16.0, 0.3),
        (36.0, 24, 17.0, 0.0),
    ):
        free = home + np.stack([across * (wide or 26), -up * high, np.full(COLUMNS, back)], axis=1)
        bound = edge + np.stack([np.zeros(COLUMNS), -up * high, np.full(COLUMNS, back)], axis=1)
        rows.append(keep * bound + (1 - keep) * free)
    last = (middle + jaw) / 2 + (0, 0, 44.0)
    return np.concatenate([*rows, last[None]])


def teeth(middle: FloatArray) -> FloatArray:
    """(2, 3, 25, 3) mm: upper and lower row; edge, neck, gum; right to left. The lower ones with the jaw shut."""
    x = np.linspace(-TEETH_HALF_WIDTH, TEETH_HALF_WIDTH, TOOTH_COLUMNS)
    out = []
    for edge, direction, inset, narrow in ((UPPER_EDGE, -1, 0.0, 1.0), (LOWER_EDGE, 1, OVERBITE, 0.93)):
        z = BEHIND_LIPS + inset + ARCH * x**2
        height = CROWN * (1 - 0.25 * (x / TEETH_HALF_WIDTH) ** 2)
        rows = [
            np.stack([x * narrow, np.full_like(x, edge) + 0.05 * direction * 0, z + 0.6], axis=1),
            np.stack([x * narrow, edge + direction * height * 0.55, z - 0.5], axis=1),
            np.stack([x * narrow, edge + direction * (height + 7), z + 1.5], axis=1),
        ]
        out.append(np.stack(rows))
    return np.stack(out) + middle


def tongue(middle: FloatArray) -> FloatArray:
    """(11 * 7, 3) mm: the upper side of the tongue with the jaw shut."""
    u, v = np.meshgrid(np.linspace(-1, 1, TONGUE_GRID[0]), np.linspace(-1, 1, TONGUE_GRID[1]))
    x = TONGUE[0] * u * np.sqrt(1 - 0.35 * v**2)
    z = BEHIND_LIPS + 5 + TONGUE[2] * (1 + v)
    dome = np.sqrt(np.maximum(1 - 0.75 * u**2 - 0.6 * np.minimum(v, 0) ** 2, 0.02))
    y = 9.5 - TONGUE[1] * dome - 2.0 * v + 1.2 * np.exp(-((u / 0.12) ** 2))
    return np.stack([x, y, z], axis=-1).reshape(-1, 3) + middle


def grid(rows: int, columns: int, closed: bool = False) -> IntArray:
    """(T, 3) triangles of a grid numbered row by row, facing the camera when rows run down and columns right."""
    index = np.arange(rows * columns).reshape(rows, columns)
    right = np.roll(index, -1, axis=1) if closed else index[:, 1:]
    left = index if closed else index[:, :-1]
    a, b, c, d = left[:-1], right[:-1], left[1:], right[1:]
    return np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, c, b), (b, c, d))])
