"""Motion scripts: phases, durations and amplitudes as the literature has them, and labels that fit the tracks."""

from dataclasses import replace

import numpy as np
import pytest

from nasion.core import InputError
from nasion.synth.light import LIGHTS
from nasion.synth.model import HeadModel
from nasion.synth.motion import SCRIPTS, Motion, motion
from nasion.synth.parameters import HeadParameters
from nasion.synth.scene import Scene, place, portrait, render_scene

CAMERA, DEPTH = portrait((96, 96))
BASE = Scene(HeadParameters(), place(5, 0, 0, (0.0, 0.0, DEPTH)), CAMERA, (96, 96), LIGHTS["soft"])


def made(script: str, seconds: float = 20.0, fps: float = 200.0, seed: int = 0) -> Motion:
    return motion(script, seconds, fps, np.random.default_rng(seed), base=BASE)


def runs(labels: list[str]) -> list[str]:
    """Labels without repetitions."""
    return [label for k, label in enumerate(labels) if k == 0 or labels[k - 1] != label]


def test_blinks_close_stay_shut_and_reopen() -> None:
    clip = made("blink")
    order = "".join(label[0] + label[-1] for label in runs(clip.phase["blink"]))
    whole = order.replace("on", " ").split()
    assert all(blink == "cgcdrg" for blink in whole[:-1])  # closing, closed, reopening
    assert 3 <= len(clip.events) <= 20
    closed = clip.units[45]
    assert (closed[:, 0] == closed[:, 1]).all()
    label = np.array(clip.phase["blink"])
    assert closed[label == "closed"].min() > 0.93
    assert closed[label == "open"].max() < 1e-6
    assert (np.diff(closed[:, 0])[(label[1:] == "closing") & (label[:-1] == "closing")] >= 0).all()
    assert (np.diff(closed[:, 0])[(label[1:] == "reopening") & (label[:-1] == "reopening")] <= 0).all()
    for blink in clip.events:
        assert 0.2 <= blink.end_s - blink.start_s <= 0.6
        assert blink.detail["closing_s"] < blink.detail["reopening_s"]


def test_saccades_follow_the_main_sequence() -> None:
    clip = made("saccade", fps=1000.0)
    assert len(clip.events) > 20
    for jump in clip.events:
        assert jump.end_s - jump.start_s == pytest.approx(0.021 + 0.0022 * jump.detail["amplitude_deg"])
    label = np.array(clip.phase["saccade"])
    speed = np.hypot(*(np.diff(clip.gaze, axis=0) * 1000).T)
    still = (label[1:] == "fixation") & (label[:-1] == "fixation")
    assert speed[still].max() < 5
    large = [e for e in clip.events if e.detail["amplitude_deg"] > 10 and e.end_s < 20]
    for jump in large:
        inside = (clip.time_s[1:] >= jump.start_s) & (clip.time_s[1:] <= jump.end_s)
        assert 250 < speed[inside].max() < 900  # degrees per second


def test_nods_go_down_and_die_away() -> None:
    clip = made("nod")
    pitch, label = clip.head[:, 1], np.array(clip.phase["nod"])
    assert (pitch <= 1e-9).all()
    assert (pitch[label == "still"] == 0).all()
    nod = clip.events[0]
    inside = (clip.time_s >= nod.start_s) & (clip.time_s < nod.end_s)
    first = pitch[inside][: int(200 / nod.detail["rate_hz"])]
    assert first.min() == pytest.approx(-nod.detail["amplitude_deg"], rel=0.01)
    assert (clip.head[:, [0, 2]] == 0).all()


def test_speech_moves_the_jaw_at_the_rate_of_syllables() -> None:
    clip = made("speech")
    label = np.array(clip.phase["speech"])
    assert clip.jaw[label == "silence"].max() < 0.5
    assert 3 < clip.jaw.max() <= 10
    for phrase in clip.events:
        assert 3.9 < phrase.detail["syllables"] / (phrase.end_s - phrase.start_s) < 6.1


def test_expressions_rise_hold_and_fall() -> None:
    clip = motion("expression", 4, 100, np.random.default_rng(0), base=BASE, shown="surprised")
    assert runs(clip.phase["expression"]) == ["neutral", "onset", "apex", "offset", "neutral"]
    label, brows = np.array(clip.phase["expression"]), clip.units[1][:, 0]
    assert brows[label == "apex"].min() > 0.89
    assert brows[label == "neutral"].max() < 1e-6
    assert (np.diff(brows[label == "onset"]) >= 0).all()
    assert (np.diff(brows[label == "offset"]) <= 0).all()
    frames = list(clip.scenes(BASE))
    apex, before = int(np.argmax(label == "apex")), 0
    assert frames[apex].expression == "surprised"
    assert frames[before].expression == BASE.expression


def test_scripts_combine_and_keep_the_base() -> None:
    smile = replace(BASE, head=HeadParameters(expression={12: (0.5, 0.2)}, gaze=((3.0, 1.0), (-3.0, 1.0))))
    clip = motion("blink, nod,saccade", 5, 50, np.random.default_rng(1), base=smile)
    assert set(clip.phase) == {"blink", "nod", "saccade"}
    scenes = list(clip.scenes(smile))
    assert all(s.head.sides(12) == (0.5, 0.2) for s in scenes)
    assert [s.frame for s in scenes] == list(range(250))
    vergence = {round(s.head.gaze[0][0] - s.head.gaze[1][0], 6) for s in scenes}
    assert vergence == {6.0}
    assert {round(s.pose.yaw, 3) for s in scenes if clip.phase["nod"][s.frame] == "still"} == {5.0}
    starts = [event.start_s for event in clip.events]
    assert starts == sorted(starts)


def test_a_rendered_blink_shuts_the_lids(model: HeadModel) -> None:
    clip = made("blink", 2.0, 60.0)
    label = clip.phase["blink"]
    shut, wide = label.index("closed"), label.index("open")
    closed = render_scene(clip.scene(BASE, shut), model).truth
    opened = render_scene(clip.scene(BASE, wide), model).truth
    assert max(closed.lid_opening) < 0.1 * min(opened.lid_opening)
    iris = [468, 473]
    assert (closed.visibility[iris] == 0).all()
    assert (opened.visibility[iris] == 2).all()


def test_the_same_seed_gives_the_same_motion() -> None:
    for script in SCRIPTS:
        one, same, other = made(script, 3, 30, 1), made(script, 3, 30, 1), made(script, 3, 30, 2)
        assert one.events == same.events
        assert one.events != other.events
        assert one.phase == same.phase


@pytest.mark.parametrize(
    "shut",
    [HeadParameters(lids=(0.0, 0.0)), HeadParameters(expression={43: 1.0}), HeadParameters(expression={45: 1.0})],
)
def test_eyes_that_are_shut_cannot_blink(shut: HeadParameters) -> None:
    base = replace(BASE, head=shut)
    with pytest.raises(InputError, match="eyes are shut already"):
        motion("blink", 2, 30, np.random.default_rng(0), base=base)
    assert len(motion("nod", 2, 30, np.random.default_rng(0), base=base)) == 60


def test_one_shut_eye_may_wink() -> None:
    base = replace(BASE, head=HeadParameters(expression={43: (1.0, 0.0)}))
    assert len(motion("blink", 2, 30, np.random.default_rng(0), base=base)) == 60


@pytest.mark.parametrize(
    ("scripts", "seconds", "fps", "words"),
    [
        ("dance", 2, 30, "no motion script 'dance'; there are blink"),
        ([], 2, 30, "at least one script"),
        ("blink", 0, 30, "0.1..600 s"),
        ("blink", 2, 1, "frames per second"),
        ("blink", 2, 1e9, "frames per second"),
    ],
)
def test_bad_scripts_are_refused(scripts: str, seconds: float, fps: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        motion(scripts, seconds, fps, np.random.default_rng(0))
