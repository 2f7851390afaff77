"""Five points, as a face detector gives them: both eyes, the tip of the nose, both corners of the mouth."""

from __future__ import annotations

from nasion.core.scheme import Scheme
from nasion.core.schemes._names import mirror_by_name

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
        source="the five points of face detectors (WIDER FACE annotations of RetinaFace, Deng et al., CVPR 2020)",
    )
