"""Our own 100-point layout for occlusion-aware landmarks: the regions that get hidden, evenly covered.

The paper "OccFace: Unified Occlusion-Aware Facial Landmark Detection with Per-Point Visibility" (arXiv 2602.10728)
works with 100 points but does not publish which. This layout is nasion's: every point is a named point of ``dense478``,
so the conversion from there is exact by definition. Order: jaw, forehead, brows, nose, eyes, irises, mouth, cheeks.
"""

from __future__ import annotations

from nasion.core.arrays import FloatArray
from nasion.core.scheme import Contour, Scheme
from nasion.core.schemes import dense478
from nasion.core.schemes._names import BROW_UPPER, MOUTH_68, jaw_partners, mirror_by_name

EYE = ("outer_corner", "upper_outer", "top", "upper_inner", "inner_corner", "lower_inner", "bottom", "lower_outer")
RIGHT = {  # name without side: dense point on the subject's right
    "forehead_side": 54,
    "forehead": 67,
    **dict(zip((f"brow_{part}" for part in BROW_UPPER), (70, 63, 105, 66, 107), strict=True)),
    **dict(zip(("brow_lower_inner", "brow_lower_mid", "brow_lower_outer"), (65, 52, 53), strict=True)),
    **dict(zip(("nostril_outer", "nostril", "nose_wing"), (75, 97, 129), strict=True)),
    **dict(zip((f"eye_{part}" for part in EYE), (33, 160, 159, 158, 133, 153, 145, 144), strict=True)),
    **dict(zip((f"iris_{part}" for part in dense478.IRIS_PARTS), dense478.IRIS, strict=True)),
    **dict(zip(("mouth_corner", "upper_lip_outer", "upper_lip_peak"), (61, 39, 37), strict=True)),
    **dict(zip(("lower_lip_mid", "lower_lip_outer"), (84, 181), strict=True)),
    **dict(zip(("inner_mouth_corner", "upper_lip_inner", "lower_lip_inner"), (78, 82, 87), strict=True)),
    **dict(zip(("cheek", "cheek_inner"), (50, 205), strict=True)),
}
MIDDLE = {
    "forehead_top": 10,
    "glabella": 9,
    **dict(zip(("nose_bridge_0", "nose_bridge_1", "nose_bridge_2", "nose_tip"), (168, 197, 195, 4), strict=True)),
    "nose_base": 2,
    **dict(
        zip(("upper_lip_top", "lower_lip_bottom", "upper_lip_inner", "lower_lip_inner"), (0, 17, 13, 14), strict=True)
    ),
}
RIGHT_JAW = (127, 234, 93, 58, 172, 136, 149, 148)
JAW = tuple(f"jaw_{i:02d}" for i in range(17))


def _both(*parts: str) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for side in ("right", "left") for part in parts)


def _part(prefix: str) -> tuple[str, ...]:
    return tuple(part for part in RIGHT if part.startswith(prefix))


NAMES = (
    *JAW,
    *("right_forehead_side", "right_forehead", "forehead_top", "left_forehead", "left_forehead_side", "glabella"),
    *_both(*_part("brow_")),
    *("nose_bridge_0", "nose_bridge_1", "nose_bridge_2", "nose_tip"),
    *("right_nose_wing", "right_nostril_outer", "right_nostril", "nose_base"),
    *("left_nostril", "left_nostril_outer", "left_nose_wing"),
    *_both(*_part("eye_")),
    *_both(*_part("iris_")),
    *MOUTH_68,
    *_both("cheek", "cheek_inner"),
)


def _dense_index() -> tuple[int, ...]:
    jaw = (*RIGHT_JAW, 152, *(dense478.SIDES[i] for i in reversed(RIGHT_JAW)))
    index = dict(zip(JAW, jaw, strict=True)) | MIDDLE
    index |= {f"right_{part}": i for part, i in RIGHT.items()}
    index |= {f"left_{part}": dense478.SIDES[i] for part, i in RIGHT.items()}
    return tuple(index[name] for name in NAMES)


DENSE_INDEX = _dense_index()
"""The dense478 point behind each of the 100."""


def _group(*prefixes: str) -> tuple[int, ...]:
    return tuple(i for i, name in enumerate(NAMES) if name.startswith(prefixes))


GROUPS: dict[str, tuple[int, ...]] = {
    "jaw": _group("jaw_"),
    "chin": (8,),
    "forehead": tuple(range(17, 23)),
    "right_brow": _group("right_brow"),
    "left_brow": _group("left_brow"),
    "nose": tuple(range(39, 50)),
    "nose_bridge": tuple(range(39, 43)),
    "nose_tip": (42,),
    "nostrils": tuple(range(44, 49)),
    "nose_wings": (43, 49),
    "right_eye": _group("right_eye"),
    "left_eye": _group("left_eye"),
    "right_eye_corners": (50, 54),
    "left_eye_corners": (58, 62),
    "right_iris": _group("right_iris"),
    "left_iris": _group("left_iris"),
    "right_pupil": (66,),
    "left_pupil": (71,),
    "mouth": tuple(range(76, 96)),
    "outer_lips": tuple(range(76, 88)),
    "inner_lips": tuple(range(88, 96)),
    "mouth_corners": (76, 82),
    "right_cheek": (96, 97),
    "left_cheek": (98, 99),
}


def build() -> Scheme:
    """The scheme."""
    mean_face = dense478.mean_face()
    template: FloatArray = mean_face[list(DENSE_INDEX)]
    rings = ("right_brow", "left_brow", "right_eye", "left_eye", "outer_lips", "inner_lips")
    return Scheme(
        name="occ100",
        names=NAMES,
        groups=GROUPS,
        contours=(
            *(Contour(name, GROUPS[name]) for name in ("jaw", "nose_bridge", "nostrils")),
            *(Contour(name, GROUPS[name], closed=True) for name in rings),
            *(Contour(f"{side}_iris", GROUPS[f"{side}_iris"][1:], closed=True) for side in ("right", "left")),
        ),
        mirror=mirror_by_name(NAMES, jaw_partners(JAW)),
        template=template,
        source="nasion's own 100 points out of dense478; the layout of OccFace (arXiv 2602.10728) is not published",
    )
