"""Lids given depth by what lids are like, on the synthetic head's points seen from all sides."""

from dataclasses import replace

import numpy as np
import pytest

from nasion.core import Landmarks, Pose, scheme
from nasion.core.geometry.rotation import angles_to_rotation, rotation_to_angles
from nasion.eyes import combined_angle, eyelid_angles, solid_lids
from nasion.eyes.eyelid_angle import LIDS
from nasion.eyes.lid_model import lid_shapes
from nasion.landmark.eye_points import IRIS, eye_rows
from nasion.report.bench.eyes_lids import ratios
from nasion.synth import HeadModel, sample_head

MODEL = HeadModel.load()
POSES = [(yaw, pitch) for yaw in (-40, -20, 0, 20, 40) for pitch in (-20, 0, 20)]
SCALE = 1.2  # px per mm: eyes 33 px wide
PEOPLE = (3, 4, 5)  # seeds; none of them drew the shapes


def person(seed: int, lids: float) -> np.ndarray:
    head = replace(sample_head(np.random.default_rng((9, seed))), expression={}, gaze=((0.0, 0.0), (0.0, 0.0)))
    return MODEL.points(replace(head, lids=(lids, lids)))


def seen(points: np.ndarray, yaw: float, pitch: float, *, noise: float = 0.0, seed: int = 0):
    """What a network that sees no depth would place, and the pose."""
    turned = SCALE * points @ angles_to_rotation(yaw, pitch, 0).T + (160, 160, 0)
    turned[:, 2] = 0
    turned[:, :2] += np.random.default_rng((seed, yaw + 99, pitch + 99)).normal(0, noise, (478, 2))
    ones = np.ones(478, np.float32)
    marks = Landmarks(turned.astype(np.float32), ones, max(noise, 0.05) * ones, scheme("dense478"))
    return marks, Pose(0.9, "", yaw, pitch, 0.0, (0.0, 0.0, 600.0))


def read(points: np.ndarray, yaw: float, pitch: float) -> np.ndarray:
    return eyelid_angles(solid_lids(*seen(points, yaw, pitch)), depth=1.0)


@pytest.mark.parametrize("lids", [15.0, 30.0, 42.0])
def test_the_angle_comes_back_without_depth_in_every_pose(lids: float) -> None:
    for seed in PEOPLE:
        points = person(seed, lids)
        true = eyelid_angles(points, depth=1.0)
        found = np.array([read(points, *pose) for pose in POSES])
        assert np.abs(found.mean(0) - true).max() < 6
        assert found.std(0).max() < 3


def test_depth_of_the_lids_comes_back() -> None:
    points = person(3, 36.0)
    for pose in POSES:
        turned = SCALE * points @ angles_to_rotation(*pose, 0).T
        found = solid_lids(*seen(points, *pose))
        for lid in LIDS.reshape(4, -1):
            off = (found[lid, 2] - found[lid, 2].mean()) - (turned[lid, 2] - turned[lid, 2].mean())
            assert np.abs(off).max() < 1.5 * SCALE  # mm
            assert np.abs(found[lid, :2] - seen(points, *pose)[0].points[lid, :2]).max() < 1.5 * SCALE


def test_noise_is_borne_much_better_than_by_the_aspect_ratio() -> None:
    for lids in (20.0, 40.0):
        angle, ratio = [], []
        for number, pose in enumerate(POSES * 2):
            marks, turned = seen(person(4, lids), *pose, noise=0.5, seed=number)
            angle.append(combined_angle(eyelid_angles(solid_lids(marks, turned), 1.0), turned.yaw))
            ratio.append(ratios(marks.points).mean())
        assert np.std(angle) / np.mean(angle) < 0.6 * np.std(ratio) / np.mean(ratio)


def test_shut_lids_read_shut() -> None:
    shut, wide = (np.mean([read(person(5, lids), *pose) for pose in POSES]) for lids in (0.0, 40.0))
    assert shut < 0.1 * wide


def test_turning_and_enlarging_the_picture_changes_nothing() -> None:
    marks, pose = seen(person(3, 36.0), 20, 10)
    still = eyelid_angles(solid_lids(marks, pose), 1.0)
    for degrees in (-60.0, 45.0, 170.0):
        turn = angles_to_rotation(0, 0, degrees)
        yaw, pitch, roll = rotation_to_angles(turn @ pose.rotation)
        moved = replace(marks, points=(marks.points @ turn.T).astype(np.float32))
        found = eyelid_angles(solid_lids(moved, replace(pose, yaw=yaw, pitch=pitch, roll=roll)), 1.0)
        assert found == pytest.approx(still, abs=0.01)
    large = replace(marks, points=3 * marks.points, sigma=3 * marks.sigma)
    assert eyelid_angles(solid_lids(large, pose), 1.0) == pytest.approx(still, abs=0.01)


def test_each_eye_has_its_own_lids() -> None:
    head = replace(sample_head(np.random.default_rng(2)), expression={}, lids=(40.0, 4.0))
    left, right = read(MODEL.points(head), 10, 0)
    assert left > 60 and right < 20


def test_points_that_say_nothing_leave_the_mean_lids() -> None:
    marks, pose = seen(person(3, 5.0), 0, 0)
    unsure = replace(marks, sigma=np.full(478, 1000.0, np.float32))
    mean = np.zeros((478, 3))
    mean[:] = solid_lids(unsure, pose)
    assert eyelid_angles(mean, 1.0)[0] == pytest.approx(usual(), abs=3)


def usual() -> float:
    points = person(3, 5.0)
    points[eye_rows()[0, len(IRIS) :]] = lid_shapes()[0][0] + points[[33, 133]].mean(0)
    return float(eyelid_angles(points, 1.0)[0])


def test_all_other_points_stay_and_what_is_not_known_is_nan() -> None:
    marks, pose = seen(person(3, 30.0), 0, 0)
    solid = solid_lids(marks, pose)
    others = np.setdiff1d(np.arange(468), np.append(LIDS, [33, 133, 263, 362]))
    assert (solid[others] == marks.points[others]).all()
    lost = solid_lids(marks, replace(pose, yaw=float("nan")))
    assert np.isnan(lost[LIDS]).all() and np.isfinite(lost[others]).all()
    points = marks.points.copy()
    points[159] = np.nan
    assert np.isnan(eyelid_angles(solid_lids(replace(marks, points=points), pose), 1.0)).all()
