"""Labels of head directions, what they rest on, and attention over a recording."""

import numpy as np
import pytest

from nasion.core import Camera, InputError, scheme
from nasion.core.geometry.pnp import solve_pnp
from nasion.core.geometry.rotation import angles_to_rotation, rotations_to_angles
from nasion.core.pose import line_of_sight
from nasion.pose import attention, attention_curve, head_orientation, neutral_pose, spans

FPS = 30.0
FACE_MM = 140.0
SIX = (1, 152, 33, 263, 61, 291)
CAMERA = Camera.for_image(640, 480)
POSES = [(yaw, pitch, roll) for yaw in (-30, -15, 0, 15, 30) for pitch in (-20, 0, 20) for roll in (-15, 10)]


def seconds(*parts: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, yaws, pitches of (duration s, yaw, pitch) one after the other."""
    yaw = np.concatenate([np.full(round(FPS * d), float(y)) for d, y, _ in parts])
    pitch = np.concatenate([np.full(round(FPS * d), float(p)) for d, _, p in parts])
    return np.arange(len(yaw)) / FPS, yaw, pitch


def fitted(index: tuple[int, ...], camera: Camera, noise: float = 0.0) -> np.ndarray:
    """(P, 3) degrees off, of the mean face's points projected by `CAMERA` and read with ``camera``."""
    rng, model = np.random.default_rng(0), scheme("dense478").template[list(index)].astype(np.float64)
    off = []
    for pose in POSES:
        pixels = CAMERA.project(model @ angles_to_rotation(*pose).T + (0, 0, 600.0))
        width = FACE_MM * CAMERA.fx / 600
        found = solve_pnp(model, pixels + rng.normal(0, noise * width, pixels.shape), camera)
        off.append(rotations_to_angles(line_of_sight(found.translation).T @ found.rotation) - pose)
    return np.abs(off)


def test_without_noise_the_angles_are_exact() -> None:
    assert fitted(tuple(range(468)), CAMERA).max() < 0.1


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_a_wrong_focal_length_costs_little(factor: float) -> None:
    wrong = Camera(CAMERA.fx * factor, CAMERA.fy * factor, CAMERA.cx, CAMERA.cy)
    yaw, pitch, _ = fitted(tuple(range(468)), wrong).max(0)
    assert yaw < 2.5 and pitch < 3


def test_all_points_bear_noise_three_times_as_well_as_six() -> None:
    dense, six = fitted(tuple(range(468)), CAMERA, 0.01), fitted(SIX, CAMERA, 0.01)
    assert (dense[:, :2].mean(0) <= six[:, :2].mean(0) / 3).all()


@pytest.mark.parametrize(
    ("yaw", "pitch", "label"),
    [(0, 0, "forward"), (30, 0, "right"), (-30, 0, "left"), (0, 20, "up"), (0, -20, "down"), (25, 14, "right")],
)
def test_labels_follow_the_sign_convention(yaw: float, pitch: float, label: str) -> None:
    found = head_orientation(*seconds((3, 0, 0), (3, yaw, pitch)))
    assert found.label[0] == "forward" and found.label[-1] == label
    assert found.confidence[-1] > 0.7


def test_a_mirror_swaps_left_and_right_and_keeps_up() -> None:
    time_s, yaw, pitch = seconds((3, 0, 0), (2, 28, 3), (2, 0, 17))
    plain, mirrored = (head_orientation(time_s, sign * yaw, pitch) for sign in (1, -1))
    swap = {"left": "right", "right": "left"}
    assert tuple(swap.get(label, label) for label in mirrored.label) == plain.label


def test_a_head_at_the_threshold_does_not_flicker() -> None:
    """12 +- 1 degrees of yaw: between the angles at which a head turns away and comes back."""
    time_s = np.arange(round(20 * FPS)) / FPS
    yaw = 12 + np.sin(2 * np.pi * 1.5 * time_s) + np.random.default_rng(0).normal(0, 1.5, len(time_s))
    found = head_orientation(time_s, yaw, np.zeros(len(time_s)), neutral=(0, 0))
    changes = sum(a != b for a, b in zip(found.label, found.label[1:], strict=False))
    assert changes <= 2
    bare = np.abs(yaw) > 12  # what one threshold makes of it
    assert np.abs(np.diff(bare.astype(int))).sum() > 40


def test_a_glance_shorter_than_the_hold_is_none_and_a_turn_counts_from_its_beginning() -> None:
    found = head_orientation(*seconds((3, 0, 0), (0.2, 40, 0), (3, 0, 0)))
    assert set(found.label) == {"forward"}
    turned = spans(head_orientation(*seconds((3, 0, 0), (2, 40, 0), (3, 0, 0))))
    assert [span.label for span in turned] == ["forward", "right", "forward"]
    assert turned[1].start_s == pytest.approx(3, abs=0.15)


def test_straight_ahead_is_what_a_person_does_first() -> None:
    found = head_orientation(*seconds((3, 4, -16), (3, 34, -16)))  # the camera stands above the screen
    assert found.neutral == (4, -16)
    assert found.label[10] == "forward" and found.label[-1] == "right"
    assert neutral_pose(*seconds((3, 60, 0))) == (0.0, 0.0)  # that was no look at the screen


def test_confidence_falls_towards_the_threshold_and_with_the_pose() -> None:
    sure = [head_orientation(*seconds((2, yaw, 0)), neutral=(0, 0)).confidence[-1] for yaw in (0, 8, 14)]
    assert sure[0] > sure[1] > sure[2]
    time_s, yaw, pitch = seconds((2, 0, 0))
    assert head_orientation(time_s, yaw, pitch, reliability=np.full(60, 0.6)).confidence[-1] < 0.7 * sure[0] + 1e-9
    doubtful = head_orientation(time_s, yaw, pitch, reliability=np.full(60, 0.3))
    assert set(doubtful.label) == {"unknown"} and not doubtful.confidence.any()


def test_attention_adds_up() -> None:
    time_s, yaw, pitch = seconds((6, 0, 0), (2, 40, 0), (1, 0, 25), (3, 0, 0))
    seen = attention(head_orientation(time_s, yaw, pitch))
    assert seen.present_s == pytest.approx(12, abs=0.05)
    assert (seen.forward, seen.right, seen.up) == pytest.approx((9 / 12, 2 / 12, 1 / 12), abs=0.02)
    assert seen.forward + seen.left + seen.right + seen.up + seen.down == pytest.approx(1)
    assert seen.turns_per_minute == pytest.approx(5, abs=0.1)  # one in twelve seconds: right, then up, then back
    assert seen.longest_away_s == pytest.approx(3, abs=0.2)
    assert seen.unseen == pytest.approx(0, abs=0.01)


def test_time_without_the_face_is_unseen_not_inattentive() -> None:
    time_s, yaw, pitch = seconds((4, 0, 0), (4, 0, 0), (4, 0, 0))
    here = (time_s < 4) | (time_s >= 8)
    found = head_orientation(time_s[here], yaw[here], pitch[here])
    assert attention(found).unseen == pytest.approx(1 / 3, abs=0.02)
    assert attention(found).forward == 1
    assert attention(found, clip_s=24.0).unseen == pytest.approx(2 / 3, abs=0.02)


def test_the_curve_is_the_share_of_the_last_ten_seconds() -> None:
    found = head_orientation(*seconds((10, 0, 0), (10, 40, 0), (10, 0, 0)))
    curve = attention_curve(found)
    at = {second: curve[round(second * FPS)] for second in (9, 15, 19.9, 25, 29.9)}
    assert list(at.values()) == pytest.approx([1, 0.5, 0, 0.5, 1], abs=0.05)


def test_nobody_and_nonsense() -> None:
    empty = head_orientation([], [], [])
    assert spans(empty) == [] and np.isnan(attention(empty).forward)
    with pytest.raises(InputError, match="one angle per time"):
        head_orientation([0, 1], [0], [0, 1])
    with pytest.raises(InputError, match="rise"):
        head_orientation([1, 0], [0, 0], [0, 0])
