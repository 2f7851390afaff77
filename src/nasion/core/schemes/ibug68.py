"""The 68 points of iBUG, in which 300-W and most landmark sets are annotated.

Source: Sagonas et al., "300 Faces in-the-Wild Challenge", ICCV Workshops 2013. Point 0 is at the subject's right ear
(image left), 8 the chin, 16 the left ear; 36..41 is the subject's right eye, 42..47 the left.
"""

from __future__ import annotations

import numpy as np

from nasion.core.scheme import Contour, Scheme
from nasion.core.schemes._names import BROW_UPPER, EYE_68, MOUTH_68, NOSE_68, jaw_partners, mirror_by_name
from nasion.core.schemes.dense478 import mean_face
from nasion.core.schemes.maps import dense478_to_ibug68

JAW = tuple(f"jaw_{i:02d}" for i in range(17))
LEFT_EYE = tuple(EYE_68[i] for i in (3, 2, 1, 0, 5, 4))  # the left eye starts at its inner corner: same way round
NAMES = (
    *JAW,
    *(f"right_brow_{part}" for part in BROW_UPPER),
    *(f"left_brow_{part}" for part in reversed(BROW_UPPER)),
    *NOSE_68,
    *(f"right_eye_{part}" for part in EYE_68),
    *(f"left_eye_{part}" for part in LEFT_EYE),
    *MOUTH_68,
)

GROUPS = {
    "jaw": tuple(range(17)),
    "chin": (8,),
    "right_brow": tuple(range(17, 22)),
    "left_brow": tuple(range(22, 27)),
    "nose": tuple(range(27, 36)),
    "nose_bridge": tuple(range(27, 31)),
    "nose_tip": (30,),
    "nostrils": tuple(range(31, 36)),
    "right_eye": tuple(range(36, 42)),
    "left_eye": tuple(range(42, 48)),
    "right_eye_corners": (36, 39),
    "left_eye_corners": (45, 42),
    "mouth": tuple(range(48, 68)),
    "outer_lips": tuple(range(48, 60)),
    "inner_lips": tuple(range(60, 68)),
    "mouth_corners": (48, 54),
}


def build() -> Scheme:
    """The scheme."""
    return Scheme(
        name="ibug68",
        names=NAMES,
        groups=GROUPS,
        contours=(
            *(Contour(name, GROUPS[name]) for name in ("jaw", "right_brow", "left_brow", "nose_bridge", "nostrils")),
            *(
                Contour(name, GROUPS[name], closed=True)
                for name in ("right_eye", "left_eye", "outer_lips", "inner_lips")
            ),
        ),
        mirror=mirror_by_name(NAMES, jaw_partners(JAW)),
        template=(dense478_to_ibug68() @ mean_face()).astype(np.float32),
        source="Sagonas et al., 300 Faces in-the-Wild Challenge, ICCVW 2013",
    )
