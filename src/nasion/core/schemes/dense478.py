"""The 478 points of MediaPipe's face mesh: 468 on the skin and the lids, five on each iris.

Source: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", CVPRW 2019;
irises: Grishchenko et al., "Attention Mesh", CVPRW 2020. The indices and which of them form the eyes, lips and so on
are those of MediaPipe's published topology; the pairing of the two sides was found by watching the mesh on pictures and
their mirror images. 33 is the subject's right outer eye corner, 263 the left; 468 is the right iris, 473 the left.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from nasion.core.arrays import FloatArray
from nasion.core.scheme import Contour, Scheme

MIDLINE_INDEX = frozenset(
    (0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 94, 151, 152, 164, 168, 175, 195, 197, 199, 200)
)
# the topology numbers the left side after the right, in the same order; the irises turn the other way round
RIGHT = (*(i for i in range(248) if i not in MIDLINE_INDEX), 468, 469, 470, 471, 472)
LEFT = (*range(248, 468), 473, 476, 475, 474, 477)
SIDES = dict(zip(RIGHT, LEFT, strict=True)) | dict(zip(LEFT, RIGHT, strict=True))

MIDLINE = {
    10: "forehead_top",
    151: "forehead",
    9: "glabella",
    168: "nose_bridge_top",
    4: "nose_tip",
    2: "nose_base",
    0: "upper_lip_top",
    13: "upper_lip_inner",
    14: "lower_lip_inner",
    17: "lower_lip_bottom",
    152: "chin",
}
EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)  # outer corner, upper lid, lower
BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)  # upper edge from the outer end, lower edge back
IRIS_PARTS = ("center", "inner", "top", "outer", "bottom")  # inner: towards the nose
IRIS = (468, 469, 470, 471, 472)
OVAL = (109, 67, 103, 54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148)  # forehead to chin
UPPER_LIP = (61, 185, 40, 39, 37)  # outer edge, corner to midline
LOWER_LIP = (146, 91, 181, 84)
UPPER_LIP_INNER = (78, 191, 80, 81, 82)
LOWER_LIP_INNER = (95, 88, 178, 87)
NOSTRIL = (98, 97)  # lower rim, ala to midline
ALA = (64, 48, 115, 220, 45)  # wing of the nose, from its base over the side to the tip
BRIDGE = (168, 6, 197, 195, 5, 4)


def _left(right: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(SIDES[i] for i in right)


def _across(right: tuple[int, ...], middle: tuple[int, ...] = ()) -> tuple[int, ...]:
    """A line from the right side over the midline to the left."""
    return right + middle + _left(right)[::-1]


def _ring(upper: tuple[int, ...], top: int, lower: tuple[int, ...], bottom: int) -> tuple[int, ...]:
    """A closed line round the mouth: right corner, upper edge, left corner, lower edge."""
    return _across(upper, (top,)) + _left(lower) + (bottom,) + lower[::-1]


def _both(group: str, right: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {f"right_{group}": right, f"left_{group}": _left(right)}


FACE_OVAL = (10, *_left(OVAL), 152, *OVAL[::-1])
JAW = _across(OVAL[6:], (152,))
OUTER_LIPS = _ring(UPPER_LIP, 0, LOWER_LIP, 17)
INNER_LIPS = _ring(UPPER_LIP_INNER, 13, LOWER_LIP_INNER, 14)
NOSTRILS = _across(NOSTRIL, (2,))
GROUPS: dict[str, tuple[int, ...]] = {
    "face_oval": FACE_OVAL,
    "jaw": JAW,
    "chin": (152,),
    "forehead": (10, 151, 9),
    **_both("eye", EYE),
    **_both("eye_corners", (33, 133)),
    **_both("brow", BROW),
    **_both("iris", IRIS),
    **_both("pupil", (468,)),
    "nose": tuple(dict.fromkeys((*BRIDGE, 1, 19, 94, *NOSTRILS, *_across(ALA)))),
    "nose_bridge": BRIDGE,
    "nose_tip": (4,),
    "nostrils": NOSTRILS,
    "mouth": OUTER_LIPS + INNER_LIPS,
    "outer_lips": OUTER_LIPS,
    "inner_lips": INNER_LIPS,
    "mouth_corners": (61, 291),
}


def _names() -> tuple[str, ...]:
    right = {i: f"right_mesh_{i:03d}" for i in RIGHT}
    for part, index in (
        *(("face_oval", OVAL), ("brow", BROW), ("nostril", NOSTRIL), ("nose_wing", ALA)),
        *(("upper_lip", UPPER_LIP), ("lower_lip", LOWER_LIP)),
        *(("upper_lip_inner", UPPER_LIP_INNER), ("lower_lip_inner", LOWER_LIP_INNER)),
    ):
        right |= {point: f"right_{part}_{k:02d}" for k, point in enumerate(index)}
    right |= {point: f"right_eye_upper_{k}" for k, point in enumerate(EYE[1:8])}
    right |= {point: f"right_eye_lower_{k}" for k, point in enumerate(EYE[:8:-1])}
    right |= {33: "right_eye_outer_corner", 133: "right_eye_inner_corner"}
    right |= {61: "right_mouth_corner", 78: "right_inner_mouth_corner"}
    right |= {point: f"right_iris_{part}" for point, part in zip(IRIS, IRIS_PARTS, strict=True)}
    names = right | {SIDES[i]: name.replace("right_", "left_", 1) for i, name in right.items()} | MIDLINE
    return tuple(names.get(i, f"midline_{i:03d}") for i in range(478))


def _contours() -> tuple[Contour, ...]:
    rings = ("face_oval", "right_eye", "left_eye", "right_brow", "left_brow", "outer_lips", "inner_lips")
    return (
        *(Contour(name, GROUPS[name], closed=True) for name in rings),
        *(Contour(f"{side}_iris", GROUPS[f"{side}_iris"][1:], closed=True) for side in ("right", "left")),
        *(Contour(name, GROUPS[name]) for name in ("nose_bridge", "nostrils")),
    )


@cache
def mean_face() -> FloatArray:
    """(478, 3) float32 mm, our metric mean face in the head frame; made by ``training/mean_face.py``."""
    from importlib.resources import files

    with (files("nasion.core.schemes") / "mean_face.npy").open("rb") as stream:
        face = np.asarray(np.load(stream, allow_pickle=False))
    face.setflags(write=False)  # one array for all who ask
    return face


def build() -> Scheme:
    """The scheme."""
    return Scheme(
        name="dense478",
        names=_names(),
        groups=GROUPS,
        contours=_contours(),
        mirror=tuple(SIDES.get(i, i) for i in range(478)),
        template=mean_face(),
        source="MediaPipe face mesh with irises: Kartynnik et al. 2019, Grishchenko et al. 2020",
    )
