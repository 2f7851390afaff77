"""The 29 points of COFW, which come with a flag for each whether it is hidden.

Source: Burgos-Artizzu, Perona and Dollar, "Robust Face Landmark Estimation under Occlusion", ICCV 2013.
"""

from __future__ import annotations

from nasion.core.scheme import Scheme
from nasion.core.schemes.union124 import COFW29, NAMES, subset


def build() -> Scheme:
    """The scheme."""
    return subset("cofw29", COFW29, tuple(NAMES[i] for i in COFW29), "COFW: Burgos-Artizzu et al., ICCV 2013")
