"""The 124-point union of the 68-, 98-, 29- and 19-point layouts, and those layouts as index lists into it.

Source: "FGTBT: Frequency-Guided Task-Balancing Transformer for Unified Facial Landmark Detection", arXiv 2601.12863.
Union points carry one name, not one place: each data set's annotators put "the same" point a little differently.
"""

from __future__ import annotations

from nasion.core.scheme import Contour, Scheme
from nasion.core.schemes._names import BROW_UPPER, MOUTH_68, NOSE_68, jaw_partners, mirror_by_name

JAW_68 = (1, 3, 5, 8, 11, 15, 19, 22, 24, 26, 30, 33, 37, 40, 42, 45, 48)
JAW_98 = (
    *(0, 2, 4, 6, 7, 9, 10, 12, 13, 14, 16, 17, 18, 20, 21, 23, 24),
    *(25, 27, 28, 29, 31, 32, 34, 35, 36, 38, 39, 41, 43, 44, 46, 47),
)
CHIN = 24
BROWS_68 = (*range(49, 54), *range(58, 63))
NOSE_MOUTH = (tuple(range(67, 76)), tuple(range(102, 122)))
IBUG68 = (*JAW_68, *BROWS_68, *NOSE_MOUTH[0], 78, 80, 83, 84, 86, 88, 90, 91, 94, 96, 98, 100, *NOSE_MOUTH[1])
WFLW98 = (
    *(*JAW_98, *range(49, 67), *NOSE_MOUTH[0]),
    *(78, 79, 81, 82, 84, 85, 87, 89, 90, 92, 93, 95, 96, 97, 99, 101),
    *(*NOSE_MOUTH[1], 122, 123),
)
COFW29 = (
    *(49, 62, 53, 58, 51, 56, 60, 64, 78, 96, 84, 90, 81, 87, 93, 99, 122, 123),
    *(76, 77, 70, 73, 102, 108, 105, 116, 120, 111, 24),
)
AFLW19 = (49, 51, 53, 58, 60, 62, 78, 122, 84, 90, 123, 96, 76, 70, 77, 102, 120, 108, 24)

# round the right eye from its outer corner over the upper lid; _68 and _98 where only one layout has the point
EYE = (
    *("outer_corner", "upper_outer_98", "upper_outer_68", "top", "upper_inner_98", "upper_inner_68"),
    *("inner_corner", "lower_inner_98", "lower_inner_68", "bottom", "lower_outer_68", "lower_outer_98"),
)
RIGHT_EYE = tuple(f"right_eye_{part}" for part in EYE)
LEFT_EYE = (
    *("left_eye_inner_corner", "left_eye_upper_inner_68", "left_eye_upper_inner_98", "left_eye_top"),
    *("left_eye_upper_outer_68", "left_eye_upper_outer_98", "left_eye_outer_corner", "left_eye_lower_outer_98"),
    *("left_eye_lower_outer_68", "left_eye_bottom", "left_eye_lower_inner_68", "left_eye_lower_inner_98"),
)
RIGHT_BROW = (
    *(f"right_brow_{part}" for part in BROW_UPPER),
    *(f"right_brow_lower_{part}" for part in ("inner", "inner_mid", "outer_mid", "outer")),
)
LEFT_BROW = (
    *(f"left_brow_{part}" for part in reversed(BROW_UPPER)),
    *(f"left_brow_lower_{part}" for part in ("outer", "outer_mid", "inner_mid", "inner")),
)


def _jaw() -> tuple[tuple[str, ...], dict[str, str]]:
    names68 = tuple("chin" if i == CHIN else f"jaw68_{k:02d}" for k, i in enumerate(JAW_68))
    names98 = tuple("chin" if i == CHIN else f"jaw98_{k:02d}" for k, i in enumerate(JAW_98))
    by_id = dict(zip(JAW_68 + JAW_98, names68 + names98, strict=True))
    return tuple(by_id[i] for i in range(49)), jaw_partners(names68) | jaw_partners(names98)


JAW, JAW_PARTNERS = _jaw()
NAMES = (
    *(*JAW, *RIGHT_BROW, *LEFT_BROW, *NOSE_68, "right_nose_wing", "left_nose_wing"),
    *(*RIGHT_EYE, *LEFT_EYE, *MOUTH_68, "right_pupil", "left_pupil"),
)
GROUPS: dict[str, tuple[int, ...]] = {
    "jaw": tuple(range(49)),
    "chin": (CHIN,),
    "right_brow": tuple(range(49, 58)),
    "left_brow": tuple(range(58, 67)),
    "nose": tuple(range(67, 78)),
    "nose_bridge": tuple(range(67, 71)),
    "nose_tip": (70,),
    "nostrils": tuple(range(71, 76)),
    "nose_wings": (76, 77),
    "right_eye": tuple(range(78, 90)),
    "left_eye": tuple(range(90, 102)),
    "right_eye_corners": (78, 84),
    "left_eye_corners": (96, 90),
    "right_pupil": (122,),
    "left_pupil": (123,),
    "mouth": tuple(range(102, 122)),
    "outer_lips": tuple(range(102, 114)),
    "inner_lips": tuple(range(114, 122)),
    "mouth_corners": (102, 108),
}
LINES = ("jaw", "nose_bridge", "nostrils")
RINGS = ("right_brow", "left_brow", "right_eye", "left_eye", "outer_lips", "inner_lips")


def build() -> Scheme:
    """The scheme."""
    return subset("union124", tuple(range(len(NAMES))), NAMES, "FGTBT, arXiv 2601.12863")


def subset(name: str, ids: tuple[int, ...], names: tuple[str, ...], source: str) -> Scheme:
    """The layout made of the union points ``ids``, with the groups, contours and mirror that are left of the union's.

    Args:
        name: of the layout.
        ids: union index of each point.
        names: of the points; where they differ from the union's it is because they lie on the jaw.
        source: where the layout comes from.
    """
    place = {union: k for k, union in enumerate(ids)}
    groups = {group: tuple(place[i] for i in index if i in place) for group, index in GROUPS.items()}
    groups = {group: index for group, index in groups.items() if index}
    lines = [group for group in LINES + RINGS if len(groups.get(group, ())) > 1]
    mirror = mirror_by_name(NAMES, JAW_PARTNERS)
    return Scheme(
        name=name,
        names=names,
        groups=groups,
        contours=tuple(Contour(g, groups[g], closed=g in RINGS and len(groups[g]) > 3) for g in lines),
        mirror=tuple(place[mirror[i]] for i in ids),
        source=source,
    )
