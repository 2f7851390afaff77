"""Hair: where it grows, how thick it lies on the scalp, and what hangs down.

The hairline is a height for each direction round the head, measured on the mean head. Scalp beyond it is lifted by the
style's thickness; long styles get a curtain that falls from above the ears.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from nasion.core import FloatArray, IntArray

AXIS_DEPTH: Final = 78.0  # mm: the vertical axis about which directions are measured
HAIRLINE: Final = (  # degrees from straight ahead, mm below the eyes
    (0, -60), (20, -61), (38, -58), (50, -47), (58, -30), (63, -8), (66, 14), (69, 18), (72, 4), (76, -16), (88, -24),
    (97, -18), (102, 8), (108, 34), (118, 56), (135, 68), (180, 78),
)  # fmt: skip
RAMP_MM: Final = 26.0  # from the hairline to where the hair has its full thickness


@dataclass(frozen=True)
class Style:
    """A hair style.

    Attributes:
        top, side, back: mm the hair stands off the scalp.
        receding: mm the hairline lies higher in front.
        parting: degrees beside the middle, to the subject's left; 0 for none.
        length: mm below the eyes to which a curtain falls; 0 for none.
        density: 0..1 how far the scalp is hidden.
        knot: mm radius of a bun; 0 for none.
    """

    top: float
    side: float
    back: float
    receding: float = 0.0
    parting: float = 0.0
    length: float = 0.0
    density: float = 1.0
    knot: float = 0.0


STYLES: Final = {
    "bald": Style(0, 0, 0, density=0.0),
    "buzz": Style(2.0, 1.5, 1.5, density=0.8),
    "short": Style(13, 6, 8),
    "parted": Style(19, 9, 10, parting=28),
    "bob": Style(15, 12, 14, length=84),
    "long": Style(13, 11, 13, length=165, parting=1),
    "tied": Style(7, 4, 6, knot=24),
    "receding": Style(7, 6, 7, receding=34, density=0.92),
}

COLUMNS: Final = 33  # of the curtain, from the right side over the back to the left
ROWS: Final = 9
CURTAIN_FROM: Final = 70.0  # degrees from straight ahead at which it begins
CURTAIN_TOP: Final = -34.0  # mm below the eyes
INSET: Final = 7.0  # mm between the curtain's outside and inside
KNOT_GRID: Final = (13, 9)


def direction(position: FloatArray) -> FloatArray:
    """Degrees 0..180 from straight ahead, about the head's vertical axis."""
    return np.asarray(np.degrees(np.arctan2(np.abs(position[..., 0]), AXIS_DEPTH - position[..., 2])))


def above_hairline(position: FloatArray, style: Style) -> FloatArray:
    """How many mm points of the mean head lie above the style's hairline; negative on bare skin."""
    around = direction(position)
    at, height = np.array(HAIRLINE, float).T
    raised = style.receding * np.clip(1 - np.abs(at - 25) / 50, 0, 1)
    return np.asarray(np.interp(around, at, height - raised) - position[..., 1])


def thickness(position: FloatArray, style: Style) -> FloatArray:
    """How many mm the hair lifts the scalp at points of the mean head."""
    above = above_hairline(position, style)
    ramp = np.clip(above / RAMP_MM, 0, 1)
    ramp = np.sqrt(1 - (1 - ramp) ** 2)
    around = direction(position)
    up = np.clip((-position[..., 1] - 35) / 60, 0, 1)
    sides = style.side + (style.back - style.side) * np.clip((around - 90) / 60, 0, 1)
    lift = sides + (style.top - sides) * up
    if style.parting:
        across = np.degrees(np.arctan2(position[..., 0], -position[..., 1] - 10))
        groove = np.exp(-(((across - style.parting) / 7) ** 2)) * np.clip((70 - position[..., 2]) / 40, 0, 1)
        lift = lift * (1 - 0.8 * groove)
    return np.asarray(ramp * lift)


def curtain(scalp: FloatArray, style: Style) -> FloatArray:
    """(2, ROWS, COLUMNS, 3) mm: outside and inside of hair that falls over ears and neck.

    Args:
        scalp: (S, 3) mm, the scalp with its hair on.
    """
    around = CURTAIN_FROM + (360 - 2 * CURTAIN_FROM) * np.arange(COLUMNS) / (COLUMNS - 1)
    turn = np.radians(around)
    side, ahead = -np.sin(turn), np.cos(turn)
    level = scalp[np.abs(scalp[:, 1] - CURTAIN_TOP) < 22]
    where = np.degrees(np.arctan2(-level[:, 0], AXIS_DEPTH - level[:, 2])) % 360
    reach = np.hypot(level[:, 0], AXIS_DEPTH - level[:, 2])
    order = np.argsort(where)
    wide = np.interp(around, where[order], reach[order], period=360)
    wide = np.convolve(np.pad(wide, 3, mode="edge"), np.ones(7) / 7, mode="valid")
    s = np.linspace(0, 1, ROWS)[:, None]
    y = CURTAIN_TOP + (style.length - CURTAIN_TOP) * s + 0 * turn
    # over the ears it stands out, below it falls towards the neck, long hair rests on the shoulders
    shape = (
        -5
        + 7 * np.sqrt(s)
        + 11 * np.sin(np.pi * np.clip(s * (style.length - CURTAIN_TOP) / 120, 0, 1)) * np.abs(side)
        - 9 * s
    )
    out = []
    for inset in (0.0, INSET):
        radius = wide + shape - inset * (0.15 + np.sqrt(s))
        out.append(np.stack([side * radius, y - inset * 0.5 * (s > 0.99), AXIS_DEPTH - ahead * radius], axis=-1))
    return np.stack(out)


def knot(centre: FloatArray, radius: float) -> FloatArray:
    """(9 * 13, 3) mm: a bun."""
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, KNOT_GRID[0]), np.linspace(0.05, np.pi - 0.05, KNOT_GRID[1]))
    ball = np.stack([np.sin(v) * np.cos(u), -np.cos(v) * 0.9, np.sin(v) * np.sin(u)], axis=-1)
    return np.asarray(centre + radius * ball.reshape(-1, 3))


def knot_triangles() -> IntArray:
    """(T, 3) outward."""
    columns, rows = KNOT_GRID
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, b, c), (b, d, c))])
