"""Blinks in simulated curves: the motion scripts of the synthetic head, with noise like a landmarker's."""

import numpy as np
import pytest

from nasion.core import InputError
from nasion.eyes import CLOSED_SHARE, PersonBaseline, closure, detect_blinks, open_level
from nasion.eyes.edges import two_means
from nasion.metrics import event_f1
from nasion.synth.motion import Motion, motion

OPEN = 80.0
SWING = OPEN * (1 - CLOSED_SHARE)


def curve(made: Motion, noise: float, seed: int = 0) -> np.ndarray:
    """Degrees as task lids reads them: shut lids at a share of open ones, white noise."""
    rng = np.random.default_rng(seed)
    return OPEN - SWING * made.units[45][:, 0] + rng.normal(0, noise, len(made))


def lids(fps: float, seconds: float = 300, script: str = "blink", seed: int = 3) -> Motion:
    return motion([script, "saccade"], seconds, fps, np.random.default_rng(seed))


def truth(made: Motion) -> np.ndarray:
    end = made.time_s[-1]
    return np.array([(e.start_s, e.end_s) for e in made.events if e.script in ("blink", "drowsy") and e.end_s < end])


def found(made: Motion, opening: np.ndarray) -> np.ndarray:
    return np.array([(b.start_s, b.end_s) for b in detect_blinks(made.time_s, opening)]).reshape(-1, 2)


@pytest.mark.parametrize(("fps", "least"), [(60.0, 0.95), (30.0, 0.95), (15.0, 0.85), (10.0, 0.8)])
def test_blinks_are_found_at_a_signal_of_ten_times_the_noise(fps: float, least: float) -> None:
    made = lids(fps)
    assert len(truth(made)) >= 90
    assert event_f1(found(made, curve(made, SWING / 10)), truth(made), 0.5) >= least


def test_phases_last_as_long_as_on_the_clean_curve() -> None:
    made, fine = lids(30.0), lids(240.0)
    clean = detect_blinks(fine.time_s, curve(fine, 0.0))
    noisy = detect_blinks(made.time_s, curve(made, SWING / 10))
    pairs = [(a, b) for a in noisy for b in clean if abs(a.shut_s - b.shut_s) < 0.1]
    assert len(pairs) > 80
    for phase in ("closing_s", "reopening_s"):
        assert np.median([abs(getattr(a, phase) - getattr(b, phase)) for a, b in pairs]) <= 1 / 30


def test_a_clip_without_blinks_has_none() -> None:
    rng = np.random.default_rng(0)
    time_s = np.arange(1800) / 30
    for noise in (0.1, 1.0, SWING / 10, SWING / 6):
        assert not detect_blinks(time_s, OPEN + rng.normal(0, noise, len(time_s)))
    assert not detect_blinks(time_s, np.full(len(time_s), OPEN))


def test_looking_down_is_no_blink() -> None:
    time_s = np.arange(300) / 30
    down = (time_s > 3) & (time_s < 7)
    rng = np.random.default_rng(0)
    assert not detect_blinks(time_s, OPEN - 0.5 * SWING * down + rng.normal(0, 0.5, 300))


def test_a_long_closure_is_kept_as_such() -> None:
    time_s = np.arange(600) / 30
    shut = np.clip(np.minimum((time_s - 5) / 0.15, (7.5 - time_s) / 0.25), 0, 1)
    (event,) = detect_blinks(time_s, OPEN - SWING * shut + np.random.default_rng(0).normal(0, 1, 600))
    assert event.long
    assert event.closed_s == pytest.approx(2.1, abs=0.15)
    assert (event.start_s, event.end_s) == pytest.approx((5, 7.5), abs=0.1)


def test_a_slow_reopening_is_found() -> None:
    time_s = np.arange(300) / 25
    blinks = [np.clip(np.minimum((time_s - at) / 0.1, 1 - (time_s - at - 0.15) / up), 0, 1) for at, up in
              ((2, 0.2), (4, 0.2), (6, 0.2), (8, 0.9))]  # fmt: skip
    opening = OPEN - SWING * np.max(blinks, 0) + np.random.default_rng(0).normal(0, 0.5, 300)
    events = detect_blinks(time_s, opening)
    assert len(events) == 4
    assert events[3].reopening_s > 2 * events[0].reopening_s


def test_the_features_say_what_was_drawn() -> None:
    """Straight flanks: closing 0.1 s, closed 0.1 s, reopening 0.2 s."""
    time_s = np.arange(4000) / 1000
    shut = np.clip(np.minimum((time_s - 1) / 0.1, (1.4 - time_s) / 0.2), 0, 1)
    twice = shut + np.roll(shut, 2000)
    first, second = detect_blinks(time_s, OPEN - SWING * twice)
    assert (first.closing_s, first.closed_s, first.reopening_s) == pytest.approx((0.1, 0.1, 0.2), abs=0.03)
    assert first.amplitude == pytest.approx(1 - CLOSED_SHARE, abs=0.02)
    assert first.closing_speed == pytest.approx(SWING / 0.1, rel=0.2)
    assert first.amplitude_velocity_s == pytest.approx(0.2, rel=0.15)
    assert first.area == pytest.approx(0.5, abs=0.05)
    assert np.isnan(first.gap_s) and second.gap_s == pytest.approx(1.6, abs=0.05)
    assert first.score == pytest.approx(1, abs=0.05)
    assert first.duration_s == pytest.approx(0.4, abs=0.04)


def test_the_frame_rate_changes_no_speed() -> None:
    speeds = []
    for fps in (30.0, 120.0):
        made = lids(fps, 60)
        speeds.append(np.median([b.reopening_speed for b in detect_blinks(made.time_s, curve(made, 0))]))
    assert speeds[0] == pytest.approx(speeds[1], rel=0.25)


def test_a_gap_hides_a_blink_but_not_the_others() -> None:
    made = lids(30.0, 120)
    opening, events = curve(made, SWING / 10), truth(made)
    gone = (made.time_s > events[4, 0] - 0.1) & (made.time_s < events[4, 1] + 0.1)
    opening[gone] = np.nan
    ours = found(made, opening)
    assert len(ours) == len(events) - 1
    assert not ((ours[:, 0] < events[4, 1]) & (ours[:, 1] > events[4, 0])).any()


def test_people_far_apart_in_openness_are_read_alike() -> None:
    made = lids(30.0, 120)
    wide = curve(made, SWING / 10)
    narrow = 0.4 * wide
    np.testing.assert_allclose(found(made, wide), found(made, narrow), atol=1e-9)


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(InputError, match="8 frames per second"):
        detect_blinks(np.arange(50) / 5, np.full(50, OPEN))
    with pytest.raises(InputError, match="one value per time"):
        detect_blinks(np.arange(50) / 30, np.full(40, OPEN))
    with pytest.raises(InputError, match="in order of time"):
        detect_blinks(-np.arange(50) / 30, np.full(50, OPEN))
    assert detect_blinks(np.arange(50) / 30, np.full(50, np.nan)) == []


def test_two_means_split_two_heaps() -> None:
    low, high, split = two_means(np.array([1.0, 1.2, 0.8, 9.0, 10.0, 11.0]))
    assert (low, high) == pytest.approx((1.0, 10.0))
    assert 1.2 < split < 9


def test_levels_follow_slow_changes_and_pass_over_blinks() -> None:
    made = lids(30.0, 240)
    drift = np.linspace(1, 1.3, len(made))
    level = open_level(curve(made, 1.0) * drift, 30.0)
    np.testing.assert_allclose(level, OPEN * drift, rtol=0.06)
    shut = closure(curve(made, 0.0), 30.0)
    labels = np.array(made.phase["blink"])
    assert shut[labels == "closed"].mean() > 0.95 and shut[labels == "open"].mean() < 0.02


def test_a_running_baseline_knows_each_person_apart() -> None:
    baseline = PersonBaseline(window_s=10)
    assert np.isnan(baseline.level(0))
    for frame in range(100):
        baseline.closure(0, frame / 30, 80.0)
        baseline.closure(1, frame / 30, 40.0)
    assert baseline.closure(0, 3.4, 80 * CLOSED_SHARE) == pytest.approx(1)
    assert baseline.closure(1, 3.4, 40.0) == pytest.approx(0)
    assert np.isnan(baseline.closure(1, 3.5, float("nan")))
    for frame in range(400):  # eleven seconds on, the first level is forgotten
        baseline.closure(0, 4 + frame / 30, 60.0)
    assert baseline.level(0) == pytest.approx(60)
