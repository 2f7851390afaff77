"""Names of points that several layouts share, and mirrors found from names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

BROW_UPPER = ("outer", "outer_mid", "mid", "inner_mid", "inner")
EYE_68 = ("outer_corner", "upper_outer", "upper_inner", "inner_corner", "lower_inner", "lower_outer")
NOSE_68 = (
    *("nose_bridge_0", "nose_bridge_1", "nose_bridge_2", "nose_tip"),
    *("right_nostril_outer", "right_nostril", "nose_base", "left_nostril", "left_nostril_outer"),
)
MOUTH_68 = (
    *("right_mouth_corner", "right_upper_lip_outer", "right_upper_lip_peak", "upper_lip_top"),
    *("left_upper_lip_peak", "left_upper_lip_outer", "left_mouth_corner"),
    *("left_lower_lip_outer", "left_lower_lip_mid", "lower_lip_bottom", "right_lower_lip_mid", "right_lower_lip_outer"),
    *("right_inner_mouth_corner", "right_upper_lip_inner", "upper_lip_inner", "left_upper_lip_inner"),
    *("left_inner_mouth_corner", "left_lower_lip_inner", "lower_lip_inner", "right_lower_lip_inner"),
)


def swap_side(name: str) -> str:
    """The name of the partner: ``left`` for ``right`` and the other way round."""
    if name.startswith("right_"):
        return "left_" + name[len("right_") :]
    return "right_" + name[len("left_") :] if name.startswith("left_") else name


def mirror_by_name(names: Sequence[str], partners: Mapping[str, str] | None = None) -> tuple[int, ...]:
    """The mirror of a layout: partners by left and right in their names, by ``partners`` where names have no side."""
    place = {name: i for i, name in enumerate(names)}
    other = dict(partners or {})
    other |= {b: a for a, b in other.items()}
    return tuple(place[other.get(name, swap_side(name))] for name in names)


def jaw_partners(names: Sequence[str]) -> dict[str, str]:
    """Partners along a jaw line that runs from one ear to the other."""
    return dict(zip(names, reversed(names), strict=True))
