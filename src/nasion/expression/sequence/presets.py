"""Which points are looked at, and which pairs of them: groups of muscles choose the features.

The 61 points are the source's; its lists of 122 and 250 were not published, so those here are ours, on the rings of the
mesh around the same parts, with as many pairs as the source's counts of features ask for. Indices are `dense478`.

Source: Koksal and Gumus, "Deep Learning-Based Real-Time Sequential Facial Expression Analysis Using Geometric
Features", arXiv 2512.05669; action units: Ekman, Friesen and Hager, "Facial Action Coding System", 2002.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Final

import numpy as np

from nasion.core import InputError, IntArray, scheme

PARTS: Final = ("eyes", "brows", "nose", "mouth", "jaw")
FACS_GROUPS: Final = {  # parts whose points are paired, and the action units that move them against each other
    "AU 1, 2, 4, 5": ("eyes", "brows"),
    "AU 6": ("eyes", "nose"),
    "AU 7, 9": ("eyes", "brows", "nose"),
    "AU 12, 14, 15, 16, 23, 26": ("nose", "mouth", "jaw"),
    "AU 20": ("eyes", "nose", "mouth"),
}
LARGEST_FLATTENED = 100_000_000  # parameters beyond which a network on all features is refused

_61 = {
    "eyes": (33, 133, 159, 145, 158, 153, 160, 144, 263, 362, 386, 374, 385, 380, 387, 373),
    "brows": (70, 63, 105, 66, 107, 55, 65, 336, 296, 334, 293, 300, 285, 295),
    "nose": (1, 2, 98, 327, 168, 6, 197, 195, 5, 4),
    "mouth": (78, 308, 13, 14, 82, 312, 87, 317, 95, 324, 88, 318, 81, 311, 80, 310),
    "jaw": (152, 175, 199, 200, 18),
}
# points of the right half; those of the left are their mirror images
_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
_EYE_RING = (247, 30, 29, 27, 28, 56, 190, 130, 25, 110, 24, 23, 22, 26, 112, 243)
_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
_LIPS = (61, 185, 40, 39, 37, 146, 91, 181, 84, 78, 191, 80, 81, 82, 95, 88, 178, 87)
_LIP_RINGS = (184, 74, 73, 72, 76, 77, 90, 180, 85, 183, 42, 41, 38, 62, 96, 89, 179, 86)
_NOSE_LINE = (168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 164)
_NOSE = (98, 97, 129, 64, 48)
_NOSE_SIDE = (240, 99, 60, 75, 20, 238, 218, 115, 131, 134, 51, 45, 44, 220, 3, 196, 122)
_JAW_LINE = (152, 175, 199, 200, 18)
_JAW = (148, 176)
_JAW_SIDE = (149, 150, 136, 171, 140, 170, 83, 201, 208)


@dataclass(frozen=True, slots=True, eq=False)
class Preset:
    """Points and the pairs between them.

    Attributes:
        name: of the number of points: ``61``, ``122``, ``250``.
        points: (P,) indices in ``dense478``.
        part: (P,) index in ``PARTS`` of each point.
        pairs: (K, 2) rows of ``points``, first below second, each pair once, in order.
    """

    name: str
    points: IntArray
    part: IntArray
    pairs: IntArray

    @property
    def features(self) -> int:
        """A: a distance and an angle for each pair."""
        return 2 * len(self.pairs)


PRESETS: Final = ("61", "122", "250")


@cache
def preset(name: str = "61") -> Preset:
    """A set of points by its name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in PRESETS:
        raise InputError(f"there is no set of points {name!r}; there are {', '.join(PRESETS)}")
    chosen = _61 if name == "61" else _larger(wide=name == "250")
    points = np.array([point for part in PARTS for point in chosen[part]])
    part = np.repeat(np.arange(len(PARTS)), [len(chosen[part]) for part in PARTS])
    rows = {kind: np.flatnonzero(part == number).tolist() for number, kind in enumerate(PARTS)}
    pairs = {
        tuple(sorted(pair))
        for group in FACS_GROUPS.values()
        for pair in combinations([r for k in group for r in rows[k]], 2)
    }
    return Preset(name, points, part, np.array(sorted(pairs)))


def _larger(wide: bool) -> dict[str, tuple[int, ...]]:
    mirror = scheme("dense478").mirror

    def both(right: tuple[int, ...], line: tuple[int, ...] = ()) -> tuple[int, ...]:
        return (*line, *right, *(mirror[i] for i in right))

    return {
        "eyes": both(_EYE + _EYE_RING * wide),
        "brows": both(_BROW + (156, 124) * wide),
        "nose": both(_NOSE + _NOSE_SIDE * wide, _NOSE_LINE),
        "mouth": both(_LIPS + _LIP_RINGS * wide, (0, 17, 13, 14) + (11, 12, 15, 16) * wide),
        "jaw": both(_JAW + _JAW_SIDE * wide, _JAW_LINE),
    }


def dense_parameters(features: int, classes: int, filters: int = 8, wide: int = 2048, narrow: int = 1024) -> int:
    """Numbers in the published net's three dense layers on ``features`` features a step.

    Raises:
        InputError: they are more than ``LARGEST_FLATTENED``: 879 million for the 250 points.
    """
    count = (filters * features + 1) * wide + (wide + 1) * narrow + (narrow + 1) * classes
    if count > LARGEST_FLATTENED:
        raise InputError(
            f"the full network on {features} features would hold {count / 1e6:.0f} million numbers: use the small one, "
            "or fewer points"
        )
    return count
