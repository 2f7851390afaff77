"""The 19 points of AFLW without ears, as AFLW-19 is evaluated; points out of sight are not annotated there.

Source: Koestinger et al., "Annotated Facial Landmarks in the Wild", ICCV Workshops 2011; without ears: Zhu et al.,
"Unconstrained Face Alignment via Cascaded Compositional Learning", CVPR 2016.
"""

from __future__ import annotations

from nasion.core.scheme import Scheme
from nasion.core.schemes.union124 import AFLW19, NAMES, subset


def build() -> Scheme:
    """The scheme."""
    return subset("aflw19", AFLW19, tuple(NAMES[i] for i in AFLW19), "AFLW-19: Koestinger et al. 2011, Zhu et al. 2016")
