"""The 98 points of WFLW: 33 along the jaw, brows and eyes as rings, pupils.

Source: Wu et al., "Look at Boundary: A Boundary-Aware Face Alignment Algorithm", CVPR 2018.
"""

from __future__ import annotations

from nasion.core.scheme import Scheme
from nasion.core.schemes.union124 import NAMES, WFLW98, subset


def build() -> Scheme:
    """The scheme."""
    names = (*(f"jaw_{k:02d}" for k in range(33)), *(NAMES[i].removesuffix("_98") for i in WFLW98[33:]))
    return subset("wflw98", WFLW98, names, "WFLW: Wu et al., Look at Boundary, CVPR 2018")
