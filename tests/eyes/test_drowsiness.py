"""Figures a minute, the rule on top, and nearest windows, on simulated awake and drowsy lids; yawns."""

from dataclasses import replace

import numpy as np
import pytest

from nasion.core import InputError
from nasion.eyes import (
    CLOSED_SHARE,
    LIMITS,
    RULE,
    NearestWindows,
    Window,
    detect_blinks,
    detect_yawns,
    drowsiness,
    windows,
)
from nasion.synth.motion import motion


def minutes(script: str, seed: int, seconds: float = 180.0) -> list[Window]:
    made = motion(script, seconds, 30, np.random.default_rng(seed))
    way = 80 * (1 - CLOSED_SHARE)
    noise = np.random.default_rng(seed).normal(0, way / 16, len(made))
    # droops count as open: what opens least is this person's open level
    opening = 80 - way * made.units[45][:, 0] + noise
    return windows(made.time_s, opening, detect_blinks(made.time_s, opening))


@pytest.fixture(scope="module")
def awake() -> list[Window]:
    return [window for seed in range(4) for window in minutes("blink", seed)]


@pytest.fixture(scope="module")
def drowsy() -> list[Window]:
    return [window for seed in range(4) for window in minutes("drowsy", 10 + seed)]


def test_drowsy_lids_are_shut_longer_and_open_slower(awake: list[Window], drowsy: list[Window]) -> None:
    for name in ("perclos", "closed_s", "reopening_s", "long_closures", "amplitude_velocity_s"):
        assert np.mean([getattr(w, name) for w in drowsy]) > 1.3 * np.mean([getattr(w, name) for w in awake]), name
    assert np.mean([w.blinks_per_minute for w in awake]) == pytest.approx(20, abs=4)
    assert np.mean([w.perclos for w in awake]) < 0.06


def test_the_rule_leaves_awake_people_alone_and_names_the_signs(awake: list[Window], drowsy: list[Window]) -> None:
    assert all(drowsiness(window)[0] == "awake" for window in awake)
    levels = [drowsiness(window) for window in drowsy]
    assert np.mean([level in ("signs", "strong signs") for level, _ in levels]) > 0.6
    assert {sign for _, signs in levels for sign in signs} <= set(RULE)


def test_two_strong_signs_are_strong_and_one_weak_one_is_nothing(awake: list[Window]) -> None:
    calm = replace(awake[0], perclos=0.02, closed_s=0.05, long_closures=0, yawns=0)
    assert drowsiness(calm) == ("awake", ())
    assert drowsiness(replace(calm, perclos=0.2)) == ("awake", ("perclos",))
    assert drowsiness(replace(calm, perclos=0.2, yawns=1.5))[0] == "signs"
    assert drowsiness(replace(calm, perclos=0.4))[0] == "signs"
    assert drowsiness(replace(calm, perclos=0.4, long_closures=5))[0] == "strong signs"
    assert drowsiness(replace(calm, known_s=5.0, perclos=0.9)) == ("unknown", ())
    assert any("no diagnosis" in line for line in LIMITS)


def test_nearest_windows_tell_people_never_seen(awake: list[Window], drowsy: list[Window]) -> None:
    learn, labels = awake[:8] + drowsy[:8], ["awake"] * 8 + ["drowsy"] * 8
    vote = NearestWindows(learn, labels)
    assert np.mean([vote(window) == "awake" for window in awake[9:]]) == 1
    assert np.mean([vote(window) == "drowsy" for window in drowsy[9:]]) == 1
    with pytest.raises(InputError, match="5 votes"):
        NearestWindows(learn[:4], labels[:4])


def test_windows_cut_the_time_and_count_what_begins_in_them() -> None:
    found = minutes("blink", 1, 150.0)
    assert [round(w.end_s - w.start_s) for w in found] == [60, 60, 30]
    assert all(w.known_s == pytest.approx(w.end_s - w.start_s, abs=0.1) for w in found)
    assert windows(np.arange(30) / 30, np.full(30, np.nan), []) == []


def test_yawns_are_long_and_wide_and_talk_is_neither() -> None:
    time_s = np.arange(900) / 30
    yawn = 0.9 * np.exp(-(((time_s - 12) / 1.8) ** 4))
    talk = 0.35 * (0.5 + 0.5 * np.sin(2 * np.pi * 5 * time_s)) * (time_s < 8)
    (found,) = detect_yawns(time_s, np.maximum(yawn, talk))
    assert (found.start_s, found.end_s) == pytest.approx((10.4, 13.8), abs=0.3)
    assert found.widest == pytest.approx(0.9, abs=0.02)
    assert detect_yawns(time_s, np.where(time_s > 11, np.nan, yawn)) == []
    speech = motion("speech", 30, 30, np.random.default_rng(0))
    assert detect_yawns(speech.time_s, speech.jaw / 22) == []  # a jaw that opens by 22 degrees makes a wide mouth
