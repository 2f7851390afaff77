"""Every layout: names, groups, contours and mirrors agree with each other and with the shape of a face."""

import subprocess
import sys

import numpy as np
import pytest

from nasion.core import SCHEMES, Contour, Scheme, SchemeError, scheme
from nasion.core.schemes import union124
from nasion.core.schemes._names import swap_side

SIZES = {
    "ibug68": 68, "dense478": 478, "wflw98": 98, "cofw29": 29, "aflw19": 19, "coarse5": 5, "occ100": 100,
    "union124": 124,
}  # fmt: skip
COMMON = ("mouth", "mouth_corners", "nose", "nose_tip")  # in every scheme
every = pytest.mark.parametrize("name", SIZES)
with_template = pytest.mark.parametrize("name", ["ibug68", "dense478", "coarse5", "occ100"])


def test_the_registry_holds_all_and_builds_each_once():
    assert {name: len(layout) for name, layout in SCHEMES.items()} == SIZES
    assert len(SCHEMES) == len(SIZES)
    assert "ibug68" in SCHEMES
    assert "ibug69" not in SCHEMES
    assert scheme("ibug68") is SCHEMES["ibug68"]


def test_an_unknown_scheme_lists_the_known():
    with pytest.raises(SchemeError, match=r"'ibug69'.*ibug68, dense478"):
        scheme("ibug69")


@every
def test_groups_and_contours_stay_in_range(name):
    layout = scheme(name)
    for group, index in layout.groups.items():
        assert len(set(index)) == len(index) > 0, group
        assert set(index) <= set(range(len(layout))), group
    for contour in layout.contours:
        assert len(contour.index) > 1
        assert set(contour.index) <= set(range(len(layout)))
        assert set(contour.index) <= set(layout.groups[contour.name])
    assert set(COMMON) <= set(layout.groups)


@every
def test_the_mirror_is_an_involution_that_swaps_the_names_sides(name):
    layout = scheme(name)
    np.testing.assert_array_equal(layout.flip[layout.flip], np.arange(len(layout)))
    for point, partner in zip(layout.names, layout.flip, strict=True):
        if not point.startswith("jaw"):
            assert layout.names[partner] == swap_side(point)
    assert all(i < j and layout.flip[i] == j for i, j in layout.symmetric_pairs)


@every
def test_the_points_of_a_sides_groups_are_named_for_that_side(name):
    layout = scheme(name)
    for group, index in layout.groups.items():
        side = group.split("_")[0]
        if side in ("left", "right"):
            assert all(layout.names[i].startswith(f"{side}_") for i in index), group


def test_coarse5_has_the_order_detectors_are_asked_for():
    assert scheme("coarse5").names == ("left_eye", "right_eye", "nose_tip", "left_mouth_corner", "right_mouth_corner")


@every
def test_the_mirror_takes_groups_to_the_other_sides_groups(name):
    layout = scheme(name)
    for group, index in layout.groups.items():
        assert {int(layout.flip[i]) for i in index} == set(layout.groups[swap_side(group)]), group


@with_template
def test_templates_are_symmetric_upright_and_metric(name):
    layout = scheme(name)
    template = layout.template
    np.testing.assert_allclose(template[layout.flip] * (-1, 1, 1), template, atol=1e-3)
    assert (template[layout.index("right_eye"), 0] < 0).all(), "the subject's right eye is image-left"
    assert template[layout.index("mouth"), 1].min() > template[layout.index("nose_tip"), 1].max(), "y grows downward"
    assert template[layout.index("nose_tip"), 2][0] < -20, "the nose points at the camera"
    if "right_eye_corners" in layout.groups:
        right, left = (template[layout.index(f"{side}_eye_corners")].mean(0) for side in ("right", "left"))
        tolerance = 1e-3 if name != "ibug68" else 1.5  # human annotators place corners a little differently
        assert np.linalg.norm(left - right) == pytest.approx(63, abs=tolerance)
        np.testing.assert_allclose((left + right) / 2, 0, atol=tolerance)


@pytest.mark.parametrize("name", ["ibug68", "dense478", "occ100"])
@pytest.mark.parametrize("side", ["right", "left"])
def test_eye_and_lip_rings_run_round(name, side):
    layout = scheme(name)
    for group in (f"{side}_eye", "outer_lips"):
        ring = layout.template[layout.index(group), :2]
        turns = ring - ring.mean(0)
        angle = np.unwrap(np.arctan2(turns[:, 1], turns[:, 0]))
        assert abs(angle[-1] - angle[0]) > np.pi, "once round"
        assert (np.diff(angle) > 0).all() or (np.diff(angle) < 0).all(), "without turning back"


def test_templates_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        scheme("dense478").template[0, 0] = 1


def test_dense478_knows_its_landmark_indices():
    layout = scheme("dense478")
    known = {4: "nose_tip", 33: "right_eye_outer_corner", 61: "right_mouth_corner", 152: "chin",
             263: "left_eye_outer_corner", 291: "left_mouth_corner", 468: "right_iris_center", 473: "left_iris_center",
    }  # fmt: skip
    assert {i: layout.names[i] for i in known} == known
    template = layout.template
    for iris, eye in ((468, "right_eye"), (473, "left_eye")):
        assert np.linalg.norm(template[iris, :2] - template[layout.index(eye), :2].mean(0)) < 5
    assert template[469, 0] > template[468, 0], "point 469 is on the nose's side of the right iris"
    assert template[474, 0] > template[473, 0], "point 474 is on the ear's side of the left iris"
    assert layout.names[469] == "right_iris_inner"
    assert layout.names[474] == "left_iris_outer"
    assert len([i for i in range(478) if layout.flip[i] == i]) == 28


def test_ibug68_counts_from_the_subjects_right_ear():
    layout = scheme("ibug68")
    assert layout.names[36] == "right_eye_outer_corner"
    assert layout.names[45] == "left_eye_outer_corner"
    assert layout.groups["right_eye"] == (36, 37, 38, 39, 40, 41)
    published = {
        0: 16,
        17: 26,
        31: 35,
        36: 45,
        37: 44,
        39: 42,
        40: 47,
        41: 46,
        48: 54,
        49: 53,
        59: 55,
        60: 64,
        61: 63,
        67: 65,
    }
    assert {i: layout.mirror[i] for i in published} == published
    assert all(layout.mirror[i] == i for i in (8, 27, 30, 33, 51, 57, 62, 66))


def test_wflw98_mirror_is_the_published_one():
    mirror = scheme("wflw98").mirror
    published = {0: 32, 33: 46, 37: 42, 38: 50, 41: 47, 55: 59, 60: 72, 61: 71, 63: 69, 64: 68, 65: 75, 66: 74, 67: 73,
                 76: 82, 88: 92, 95: 93, 96: 97}  # fmt: skip
    assert {i: mirror[i] for i in published} == published


def test_union_lists_agree_with_the_card():
    lists = (union124.IBUG68, union124.WFLW98, union124.COFW29, union124.AFLW19)
    counts = np.zeros(124, int)
    for index in lists:
        assert len(set(index)) == len(index)
        counts[list(index)] += 1
    assert np.bincount(counts).tolist() == [0, 70, 33, 6, 15]
    for shared in (24, 78, 84, 90, 96):
        assert all(shared in index for index in lists)


def test_cofw29_and_aflw19_name_their_points():
    assert scheme("cofw29").names[28] == "chin"
    assert scheme("cofw29").names[16:18] == ("right_pupil", "left_pupil")
    assert scheme("aflw19").names[12:15] == ("right_nose_wing", "nose_tip", "left_nose_wing")


def test_parts_keep_order_and_contours():
    part = scheme("ibug68").part("left_eye")
    assert len(part) == 6
    assert part.names[0] == "left_eye_inner_corner"
    assert part.contours == (Contour("left_eye", (0, 1, 2, 3, 4, 5), closed=True),)
    assert part.mirror == (0, 1, 2, 3, 4, 5)
    assert part.template.shape == (6, 3)
    mouth = scheme("ibug68").part("mouth")
    assert mouth.mirror[0] == 6


def test_bad_schemes_are_refused():
    with pytest.raises(SchemeError, match=r"no group 'left_ear'.*jaw"):
        scheme("ibug68").index("left_ear")
    with pytest.raises(SchemeError, match="twice"):
        Scheme("x", ("a", "a"), {}, (), (0, 1))
    with pytest.raises(SchemeError, match="two and two"):
        Scheme("x", ("a", "b", "c"), {}, (), (1, 2, 0))


def test_core_needs_numpy_only():
    code = (
        "import sys, nasion.core; print({'scipy', 'cv2', 'torch', 'onnxruntime', 'PIL', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
