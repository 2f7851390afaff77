"""Five points, as a face detector gives them: both eyes, the tip of the nose, both corners of the mouth.

An eye is the middle of its lid corners, whichever way it looks and however wide it is open.
"""

from __future__ import annotations

import numpy as np

from nasion.core.scheme import Scheme
from nasion.core.schemes import dense478
from nasion.core.schemes._names import mirror_by_name
from nasion.core.schemes.maps import to_coarse5

NAMES = ("left_eye", "right_eye", "nose_tip", "left_mouth_corner", "right_mouth_corner")


def build() -> Scheme:
    """The scheme."""
    return Scheme(
        name="coarse5",
        names=NAMES,
        groups={
            "left_eye": (0,),
            "right_eye": (1,),
            "nose": (2,),
            "nose_tip": (2,),
            "mouth": (4, 3),
            "mouth_corners": (4, 3),
        },
        contours=(),
        mirror=mirror_by_name(NAMES),
        template=(to_coarse5(dense478.GROUPS, 478) @ dense478.mean_face()).astype(np.float32),
        source="the five points of face detectors (WIDER FACE annotations of RetinaFace, Deng et al., CVPR 2020)",
    )
