"""Action units by the names of Apple's ARKit face, which many avatars and engines understand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

UNIT_TO_ARKIT: Final[dict[int, tuple[tuple[str, ...], tuple[str, ...]]]] = {  # (left, right) names, or one for both
    1: (("browInnerUp",), ("browInnerUp",)),
    2: (("browOuterUpLeft",), ("browOuterUpRight",)),
    4: (("browDownLeft",), ("browDownRight",)),
    5: (("eyeWideLeft",), ("eyeWideRight",)),
    6: (("cheekSquintLeft",), ("cheekSquintRight",)),
    7: (("eyeSquintLeft",), ("eyeSquintRight",)),
    9: (("noseSneerLeft",), ("noseSneerRight",)),
    10: (("mouthUpperUpLeft",), ("mouthUpperUpRight",)),
    12: (("mouthSmileLeft",), ("mouthSmileRight",)),
    14: (("mouthDimpleLeft",), ("mouthDimpleRight",)),
    15: (("mouthFrownLeft",), ("mouthFrownRight",)),
    16: (("mouthLowerDownLeft",), ("mouthLowerDownRight",)),
    17: (("mouthShrugLower",), ("mouthShrugLower",)),
    18: (("mouthPucker",), ("mouthPucker",)),
    20: (("mouthStretchLeft",), ("mouthStretchRight",)),
    22: (("mouthFunnel",), ("mouthFunnel",)),
    24: (("mouthPressLeft",), ("mouthPressRight",)),
    26: (("jawOpen",), ("jawOpen",)),
    28: (("mouthRollLower", "mouthRollUpper"), ("mouthRollLower", "mouthRollUpper")),
    45: (("eyeBlinkLeft",), ("eyeBlinkRight",)),
}
"""Units 23 and 25 have no counterpart: ARKit tells no tightened lips from pressed ones, and parts lips with the jaw."""


def to_arkit(units: Mapping[int, tuple[float, float]]) -> dict[str, float]:
    """ARKit's coefficients 0..1 of action units (left, right); where both sides share a name, the larger counts."""
    out = dict.fromkeys(sorted({n for pair in UNIT_TO_ARKIT.values() for side in pair for n in side}), 0.0)
    for unit, pair in units.items():
        for names, value in zip(UNIT_TO_ARKIT.get(unit, ((), ())), pair, strict=True):
            for name in names:
                out[name] = max(out[name], float(value))
    return out
