"""The encoder of the package on simulated sessions with planted errors of the landmarks: what EMC-Gaze promises."""

import numpy as np
import pytest

from nasion.gaze import Encoder
from nasion.gaze.canonical import NODES
from nasion.gaze.ridge import fit_guarded, fit_ridge
from nasion.gaze.screen import angle_between, meet_plane
from nasion.train.emc_sessions import SUPPORT, draw_sessions
from nasion.train.gaze_noise import Residuals
from nasion.train.gaze_points import ROW

ROWS = [ROW[p] for p in NODES]


@pytest.fixture(scope="module")
def sessions():
    rng = np.random.default_rng(0)
    state = np.array([0, 0, 0, -4, 38, 38]) + rng.normal(0, 1, (80, 6)) * [20, 10, 15, 10, 6, 6]
    error = rng.normal(0, 0.15, (20, 478, 3)).repeat(4, axis=0) + rng.normal(0, 0.15, (80, 478, 3))
    error[:, 468:, 0] += 0.1 * state[:, 2:3]  # irises that follow half of the eye's turn
    error[:, 468:, 1] += 0.1 * state[:, 3:4]
    measured = Residuals(error.astype(np.float32), state.astype(np.float32), np.arange(20).repeat(4))
    return draw_sessions(measured, 16, seed=9)


@pytest.fixture(scope="module")
def degrees(sessions):
    """(looks or "raw", session) to the mean error on the later looks."""
    encoder, out = Encoder(), {}
    for number in range(len(sessions.moving)):
        eyes, target = sessions.eyes[number, :, 0].astype(float), sessions.target[number].astype(float)
        code, way = encoder(sessions.points[number, :, 0])
        base = meet_plane(eyes, way)
        features, wanted = np.concatenate([code, base / eyes[:, 2:]], axis=1), (target - base) / eyes[:, 2:]
        found = {0: base}
        for looks in (1, 3, 5, 9, 16):
            fitted = fit_guarded(features[:looks], wanted[:looks], np.arange(looks), encoder.caution)
            found[looks] = base + fitted(features) * eyes[:, 2:]
        raw = sessions.raw[number][:, ROWS, :2].reshape(len(target), -1) / 10
        weights, constant = fit_ridge(raw[:9], target[:9], 0.1)
        found["raw"] = raw @ weights + constant
        for name, points in found.items():
            out[name, number] = angle_between(points, target, eyes)[SUPPORT:].mean()
    return out


def mean(degrees, name, chosen) -> float:
    return float(np.mean([degrees[name, number] for number in np.flatnonzero(chosen)]))


def test_nine_looks_halve_the_error_of_a_still_head(degrees, sessions) -> None:
    still = ~sessions.moving
    assert mean(degrees, 9, still) <= 0.5 * mean(degrees, 0, still)


def test_a_moving_head_hurts_less_than_it_hurts_raw_points(degrees, sessions) -> None:
    assert mean(degrees, 9, sessions.moving) <= 0.7 * mean(degrees, "raw", sessions.moving)


@pytest.mark.parametrize("looks", [1, 3, 5, 9, 16])
def test_no_number_of_looks_does_harm(degrees, sessions, looks) -> None:
    everyone = np.ones(len(sessions.moving), bool)
    assert mean(degrees, looks, everyone) <= 1.02 * mean(degrees, 0, everyone)
