"""Trajectory metrics: the card's own figures, survival, occlusion, drift, and the head's motion taken out."""

import numpy as np
import pytest

from nasion.core import InputError
from nasion.core.geometry.rotation import rotation_from_vector
from nasion.metrics import score_trajectories, survival, trajectory_errors, without_rigid

RNG = np.random.default_rng(0)
TRUTH = np.cumsum(RNG.normal(0, 0.3, (20, 40, 3)), axis=1)


def test_identical_trajectories_are_perfect():
    score = score_trajectories(TRUTH, TRUTH)
    assert (score.median, score.end, score.drift, score.gross) == (0, 0, 0, 0)
    assert (score.delta_avg, score.jaccard, score.survival_area, score.occlusion, score.reported) == (1, 1, 1, 1, 1)
    assert score.smoothness == pytest.approx(1)


def test_a_constant_offset_of_0_6_mm_is_within_half_of_the_limits():
    score = score_trajectories(TRUTH + np.array([0.6, 0, 0]), TRUTH, limits=(0.25, 0.5, 1, 2))
    assert score.within == {0.25: 0, 0.5: 0, 1: 1, 2: 1}
    assert score.delta_avg == 0.5
    assert score.median == pytest.approx(0.6)
    assert score_trajectories(TRUTH + np.array([0.6, 0, 0]), TRUTH, aligned=True).median == pytest.approx(0)


def test_a_point_that_was_lost_never_comes_back():
    error = np.zeros((4, 10))
    error[0, 3] = 5.0  # off once
    valid = np.ones((4, 10), bool)
    valid[1, 6:] = False  # given up
    visible = np.ones((4, 10), bool)
    visible[2, 2:5] = False  # hidden: what is said there does not count
    error[2, 2:5] = 9.0
    assert survival(error, valid, visible, 2.0).tolist() == [1] * 3 + [0.75] * 3 + [0.5] * 4


def test_hidden_points_count_for_occlusion_and_jaccard_alone():
    visible = np.ones(TRUTH.shape[:2], bool)
    visible[:5, 10:20] = False
    told = score_trajectories(TRUTH, TRUTH, visible, visible)
    assert (told.jaccard, told.occlusion, told.reported) == (1, 1, 1)
    claimed = score_trajectories(TRUTH, TRUTH, None, visible)
    hidden = (~visible).mean()
    assert claimed.occlusion == pytest.approx(1 - hidden)
    assert claimed.jaccard == pytest.approx((1 - hidden) / 1.0)
    assert claimed.median == 0
    assert claimed.survival_area == 1


def test_silence_is_no_accuracy():
    found = TRUTH.copy()
    found[:10] = np.nan
    score = score_trajectories(found, TRUTH)
    assert score.median == 0
    assert (score.reported, score.delta_avg, score.survival[-1]) == (0.5, 0.5, 0.5)


def test_drift_and_smoothness():
    ramp = np.linspace(0, 1, TRUTH.shape[1])[:, None] * np.array([1.0, 0, 0])
    score = score_trajectories(TRUTH + ramp, TRUTH)
    assert score.drift == pytest.approx(0.95, abs=0.03)
    flat = np.repeat(TRUTH[:, :1], TRUTH.shape[1], axis=1)
    assert score_trajectories(flat, TRUTH).smoothness < 0.1


def test_rigid_motion_of_the_head_is_taken_out():
    still = RNG.normal(0, 40, (30, 3))
    moved = np.stack([still @ rotation_from_vector(v).T + v * 9 for v in RNG.normal(0, 0.1, (12, 3))], axis=1)
    moved = np.concatenate([still[:, None], moved], axis=1)
    moved[0, 4:] += [0, 2.0, 0]  # one point moves by itself
    stable = np.arange(30) > 0
    free = without_rigid(moved, stable)
    assert trajectory_errors(free[1:], np.repeat(still[1:, None], 13, axis=1)).max() < 1e-9
    assert np.linalg.norm(free[0, 5] - still[0]) == pytest.approx(2.0)
    moved[2:, 3] = np.nan
    assert np.isnan(without_rigid(moved, stable)[:, 3]).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: score_trajectories(TRUTH, TRUTH[:, :5]),
        lambda: score_trajectories(TRUTH[0], TRUTH[0]),
        lambda: score_trajectories(TRUTH, TRUTH, limits=(0, 1)),
        lambda: score_trajectories(TRUTH, TRUTH, np.ones(3, bool)),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(InputError):
        call()
