"""The benchmark of eyes: its parts are checked before any work, and its measures on numbers that are known."""

from dataclasses import replace

import numpy as np
import pytest

from conftest import shared_data
from nasion.core import InputError, scheme
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.eyes import CLOSED_SHARE
from nasion.report.bench import eyes_blinks, eyes_lids
from nasion.report.bench.eye_crops import infrared_eyes, visible_eyes
from nasion.report.bench.eyes import bench_eyes
from nasion.report.bench.eyes_lids import View, depth_factor
from nasion.synth.motion import motion


def test_parts_are_checked_first(tmp_path) -> None:
    with pytest.raises(InputError, match="no part 'nose'"):
        bench_eyes(tmp_path, ["nose"])
    with pytest.raises(InputError, match="shared data"):
        bench_eyes(None, ["state"])


def test_the_depth_factor_is_found() -> None:
    face = scheme("dense478").template.astype(float)
    seen = []
    for yaw in (-30, 0, 30):
        true = face @ angles_to_rotation(yaw, 5, 0).T
        ours = true * (1, 1, 1 / 1.4)
        seen.append(View(0, 40.0, yaw, face, true, ours, ours, 80.0, 80.0))
    factor, correlation = depth_factor(seen)
    assert factor == pytest.approx(1.4) and correlation == pytest.approx(1)


def test_simulated_blinks_are_counted_and_noise_alone_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eyes_blinks, "SECONDS", 60.0)
    result = bench_eyes(None, ["simulated"])
    assert result.name == "eyes-simulated" and result.command == "nasion bench eyes --part simulated"
    one = result.numbers["simulated"]["blink 30"]
    assert one["blinks"] > 10 and one["f1"] > 0.9 and one["closing_frames"] <= 1


def test_noise_is_what_it_says() -> None:
    made = motion(["blink", "saccade"], 300.0, 30.0, np.random.default_rng(0))
    blank = replace(made, units={45: np.zeros((len(made), 2))}, gaze=np.zeros((len(made), 2)))
    noise = eyes_blinks.noisy(blank, 0) - eyes_blinks.OPEN
    expected = eyes_blinks.swing(CLOSED_SHARE) / eyes_blinks.SNR
    assert np.diff(noise).std() / np.sqrt(2) == pytest.approx(expected, rel=0.1)


def test_people_are_split_never_crops() -> None:
    data = shared_data("eyes").parent
    eyes = infrared_eyes(data)
    names = np.array(eyes.subject)
    assert not set(names[eyes.held]) & set(names[~eyes.held])
    assert len(set(names[eyes.held])) == 10 and 0.3 < eyes.open[eyes.held].mean() < 0.7
    assert visible_eyes(data).held.mean() == 0.5


def test_both_eyes_of_a_ratio() -> None:
    points = scheme("dense478").template.astype(float)
    left, right = eyes_lids.ratios(points)
    assert left == pytest.approx(right, rel=0.1) and 0.15 < left < 0.5
