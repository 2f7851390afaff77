"""The eyelid angle on lids whose angle is known: two half ellipses hinged on the line of the corners."""

import numpy as np
import pytest

from nasion.core import InputError, scheme
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.eyes import combined_angle, eye_aspect_ratio, eye_weights, eyelid_angles
from nasion.eyes.eyelid_angle import CHIN, CORNERS, DEPTH, FOREHEAD, LIDS

UPPER, LOWER = 30.0, 12.0
POSES = [(yaw, pitch) for yaw in range(-40, 41, 10) for pitch in range(-20, 21, 10)]


def face(upper: float = UPPER, lower: float = LOWER) -> np.ndarray:
    """(478, 3) mm: a mean face whose lids are replaced by the model."""
    points = scheme("dense478").template.astype(np.float64).copy()
    t = np.linspace(0, np.pi, 9)
    for side, centre in ((0, 31.0), (1, -31.0)):
        for lid, angle in ((0, -np.radians(upper)), (1, np.radians(lower))):
            arc = 12 * np.sin(t)
            ring = np.stack([centre - 15 * np.cos(t), arc * np.sin(angle), -arc * np.cos(angle)], axis=1)
            inner_first = ring if side == 0 else ring[::-1]
            points[LIDS[side, lid]] = inner_first[1:-1]
            points[CORNERS[side]] = inner_first[[0, -1]]
    return points


def ratio(points: np.ndarray) -> float:
    return eye_aspect_ratio(points[[33, 160, 158, 133, 153, 144], :2])


def turned(points: np.ndarray, yaw: float, pitch: float, roll: float = 0.0) -> np.ndarray:
    return points @ angles_to_rotation(yaw, pitch, roll).T


def variation(values: list[float]) -> float:
    return float(np.std(values) / np.mean(values))


def test_true_points_give_the_true_angle_in_every_pose_and_the_aspect_ratio_does_not() -> None:
    angles = np.array([eyelid_angles(turned(face(), *pose), depth=1.0) for pose in POSES])
    np.testing.assert_allclose(angles, UPPER + LOWER, atol=1e-6)
    assert variation([ratio(turned(face(), *pose)) for pose in POSES]) > 0.08


def test_flattened_depth_spoils_it_and_the_factor_brings_it_back() -> None:
    flat = [turned(face(), *pose) * (1, 1, 1 / DEPTH) for pose in POSES]
    np.testing.assert_allclose([eyelid_angles(points) for points in flat], UPPER + LOWER, atol=1e-6)
    much = np.array([eyelid_angles(turned(face(), *pose) * (1, 1, 0.6), depth=1.0)[0] for pose in POSES])
    assert much.mean() > 55 and variation(list(much)) > 0.05


@pytest.mark.parametrize(("noise", "most"), [(0.15, 0.06), (0.3, 0.1)])
def test_noise_of_the_points_is_borne_better_than_by_the_aspect_ratio(noise: float, most: float) -> None:
    rng = np.random.default_rng(0)
    noisy = [turned(face(), *pose) + rng.normal(0, noise, (478, 3)) for pose in POSES * 4]
    ela = variation([float(np.mean(eyelid_angles(points, 1.0))) for points in noisy])
    assert ela < most
    assert ela < variation([ratio(points) for points in noisy])


def test_roll_and_size_change_nothing() -> None:
    for roll in (-45.0, 20.0, 45.0):
        np.testing.assert_allclose(eyelid_angles(turned(face(), 25, 10, roll), 1.0), UPPER + LOWER, atol=1e-6)
    np.testing.assert_allclose(eyelid_angles(3 * face(), 1.0), UPPER + LOWER, atol=1e-6)


@pytest.mark.parametrize("roll", [90.0, -90.0, 180.0])
def test_lying_and_upside_down_heads_read_the_same(roll: float) -> None:
    """Normals point up the face, not up the picture."""
    np.testing.assert_allclose(eyelid_angles(turned(face(), 0, 20, roll), 1.0), UPPER + LOWER, atol=1e-6)


def test_shut_lids_read_zero_and_straight_ones_have_a_plane() -> None:
    np.testing.assert_allclose(eyelid_angles(face(0.0, 0.0), 1.0), 0, atol=1e-4)
    straight = face()
    index = LIDS[:, 0]  # both upper lids drawn into lines: any plane holds them
    middle = straight[index].mean(1, keepdims=True)
    straight[index] = middle + (straight[index] - middle) * (1, 0.0, 0.0)
    rng = np.random.default_rng(1)
    read = [eyelid_angles(straight + rng.normal(0, 0.05, (478, 3)), 1.0)[0] for _ in range(20)]
    assert np.median(np.abs(np.array(read) - UPPER - LOWER)) < 1


def test_the_near_eye_counts_more() -> None:
    np.testing.assert_allclose(eye_weights(np.degrees([0.5, -0.5])), [[0.881, 0.119], [0.119, 0.881]], atol=1e-3)
    assert combined_angle(np.array([40.0, 20.0]), 60.0) == pytest.approx(40, abs=0.5)  # left is near at yaw > 0
    assert combined_angle(np.array([40.0, np.nan]), -60.0) == 40
    assert combined_angle(np.array([40.0, 20.0]), 0.0, np.array([0.0, 1.0])) == 20
    assert np.isnan(combined_angle(np.array([np.nan, np.nan]), 0.0))


def test_the_left_eye_is_the_one_near_the_camera_when_the_face_turns_to_its_right() -> None:
    turned_right = turned(face(), 40, 0)
    assert turned_right[CORNERS[0], 2].mean() < turned_right[CORNERS[1], 2].mean()


def test_what_is_not_known_is_nan_and_what_is_no_face_is_refused() -> None:
    points = face()
    points[LIDS[0, 0, 2]] = np.nan
    left, right = eyelid_angles(points, 1.0)
    assert np.isnan(left) and right == pytest.approx(UPPER + LOWER)
    points[[FOREHEAD, CHIN]] = np.nan
    assert np.isnan(eyelid_angles(points)).all()
    with pytest.raises(InputError, match="dense478"):
        eyelid_angles(np.zeros((68, 3)))
