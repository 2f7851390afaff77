"""Named expressions as sets of action units.

Prototypes from Ekman, Friesen and Hager, "Facial Action Coding System: Investigator's Guide" (2002), the table of
emotion predictions, one common variant each; contempt is one-sided. They say which muscles the render moves, not what
a person would feel.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from nasion.core import InputError

Units = Mapping[int, float | tuple[float, float]]

EXPRESSIONS: Mapping[str, Units] = MappingProxyType({
    "neutral": {},
    "happy": {6: 0.8, 12: 0.9, 25: 0.6},
    "sad": {1: 0.8, 4: 0.5, 15: 0.8, 17: 0.4},
    "angry": {4: 0.9, 5: 0.5, 7: 0.7, 23: 0.7, 24: 0.4},
    "surprised": {1: 0.9, 2: 0.9, 5: 0.8, 26: 0.9},
    "disgusted": {4: 0.3, 9: 0.9, 10: 0.7, 16: 0.4, 25: 0.4},
    "afraid": {1: 0.9, 2: 0.6, 4: 0.6, 5: 0.8, 20: 0.8, 26: 0.4},
    "contempt": {12: (0.0, 0.55), 14: (0.0, 0.9)},
})  # fmt: skip


def expression(name: str, intensity: float = 1.0) -> dict[int, tuple[float, float]]:
    """The action units of a named expression, (left, right) each.

    Args:
        name: one of ``EXPRESSIONS``.
        intensity: 0..1, of the full expression.

    Raises:
        InputError: an unknown name, or an intensity out of range.
    """
    if name not in EXPRESSIONS:
        raise InputError(f"there is no expression {name!r}; there are {', '.join(EXPRESSIONS)}, random")
    if not 0 <= intensity <= 1:
        raise InputError(f"the intensity of an expression must be 0..1, got {intensity}")
    units = {unit: pair if isinstance(pair, tuple) else (pair, pair) for unit, pair in EXPRESSIONS[name].items()}
    return {unit: (left * intensity, right * intensity) for unit, (left, right) in units.items()}
