"""The event camera against ramps whose crossings can be computed by hand."""

from pathlib import Path

import numpy as np
import pytest

from nasion.core import InputError, MediaError
from nasion.synth.events import DARK, EVENT, EventCamera, EventSettings, event_frame, read_events, write_events

EXACT = EventSettings(threshold=(0.2, 0.25), threshold_spread=0.0, refractory_us=0, background_hz=0.0)


def light(log: float, shape: tuple[int, int] = (2, 3)) -> np.ndarray:
    """Brightness whose logarithm, as the camera takes it, is ``log``."""
    return np.full(shape, np.exp(log) - DARK)


def test_a_ramp_fires_at_every_threshold_and_at_the_right_microsecond() -> None:
    camera = EventCamera(EXACT)
    assert len(camera.feed(light(0.0), 0)) == 0
    events = camera.feed(light(1.05), 105_000)  # 0.01 per millisecond: 0.2, 0.4, 0.6, 0.8, 1.0
    assert events.dtype == EVENT
    assert len(events) == 5 * 6
    assert (events["p"] == 1).all()
    assert sorted(set(events["t_us"].tolist())) == [20_000, 40_000, 60_000, 80_000, 100_000]
    assert {(int(e["x"]), int(e["y"])) for e in events} == {(x, y) for x in range(3) for y in range(2)}
    down = camera.feed(light(0.2), 190_000)  # from 1.0, where it fired last: 0.75, 0.5, 0.25
    assert (down["p"] == -1).all()
    expected = [105_000 + (1.05 - level) / 0.01 * 1000 for level in (0.75, 0.5, 0.25)]
    assert sorted(set(down["t_us"].tolist())) == pytest.approx(expected, abs=1)


def test_frames_in_between_change_nothing() -> None:
    """A ramp in one step and the same ramp in ten give the same events."""
    one, ten = EventCamera(EXACT), EventCamera(EXACT)
    one.feed(light(0.0), 0)
    whole = one.feed(light(2.0), 100_000)
    parts = [ten.feed(light(0.2 * k), 10_000 * k) for k in range(11)]
    joined = np.concatenate(parts)
    assert len(joined) == len(whole)
    assert np.abs(joined["t_us"] - whole["t_us"]).max() <= 1
    assert (np.diff(joined["t_us"]) >= 0).all()


def test_nothing_happens_without_change() -> None:
    camera = EventCamera(EXACT)
    camera.feed(light(0.5), 0)
    assert len(camera.feed(light(0.5), 10**6)) == 0


def test_a_pixel_is_deaf_after_it_fired() -> None:
    camera = EventCamera(EventSettings((0.2, 0.2), 0.0, 30_000, 0.0))
    camera.feed(light(0.0, (1, 1)), 0)
    events = camera.feed(light(1.05, (1, 1)), 105_000)
    assert events["t_us"].tolist() == [20_000, 60_000, 100_000]  # 40 and 80 ms fall in the dead time


def test_thresholds_differ_between_pixels_by_the_given_spread() -> None:
    camera = EventCamera(EventSettings((0.2, 0.2), 0.05, 0, 0.0), seed=3)
    camera.feed(light(0.0, (80, 80)), 0)
    events = camera.feed(light(0.39, (80, 80)), 390_000)
    first = np.unique(events[["x", "y"]], return_index=True)[1]
    crossing = events["t_us"][first] / 1e6  # the ramp rises by 1 per second
    assert crossing.mean() == pytest.approx(0.2, rel=0.01)
    assert crossing.std() == pytest.approx(0.01, rel=0.1)


def test_background_activity_has_the_given_rate() -> None:
    camera = EventCamera(EventSettings((0.2, 0.2), 0.0, 0, 5.0), seed=1)
    camera.feed(light(0.0, (50, 60)), 0)
    events = camera.feed(light(0.0, (50, 60)), 2_000_000)
    assert len(events) == pytest.approx(5 * 2 * 3000, rel=0.03)
    assert abs(events["p"].astype(int).mean()) < 0.03
    assert events["t_us"].min() >= 0
    assert events["t_us"].max() < 2_000_000


def test_the_same_seed_gives_the_same_events() -> None:
    def run(seed: int) -> np.ndarray:
        camera = EventCamera(seed=seed)
        camera.feed(light(0.0, (20, 20)), 0)
        return camera.feed(light(0.7, (20, 20)), 50_000)

    assert (run(1) == run(1)).all()
    assert len(run(1)) != len(run(2)) or (run(1) != run(2)).any()


def test_events_come_back_from_disk(tmp_path: Path) -> None:
    camera = EventCamera(EXACT)
    camera.feed(light(0.0), 0)
    events = camera.feed(light(1.0), 1000)
    write_events(tmp_path / "e.npz", events, (3, 2))
    again, size = read_events(tmp_path / "e.npz")
    assert size == (3, 2)
    assert (again == events).all()
    write_events(tmp_path / "f.npz", events, (3, 2))
    assert (tmp_path / "e.npz").read_bytes() == (tmp_path / "f.npz").read_bytes()
    picture = event_frame(events, (3, 2))
    assert picture.shape == (2, 3, 3)
    assert (picture[..., 0] > picture[..., 2]).all()  # brighter: red


def test_bad_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"nonsense")
    np.savez(tmp_path / "y.npz", events=np.zeros(3), size=np.array([1, 1]))
    for name in ("x.npz", "y.npz", "absent.npz"):
        with pytest.raises(MediaError, match=name):
            read_events(tmp_path / name)
    with pytest.raises(MediaError, match="cannot write"):
        write_events(tmp_path / "no" / "folder.npz", np.zeros(0, EVENT), (1, 1))


def test_bad_input_is_refused() -> None:
    camera = EventCamera(EXACT)
    camera.feed(light(0.0), 100)
    with pytest.raises(InputError, match="advance"):
        camera.feed(light(0.0), 100)
    with pytest.raises(InputError, match="first frame"):
        camera.feed(light(0.0, (5, 5)), 200)
    with pytest.raises(InputError, match="not negative"):
        camera.feed(-light(0.0), 200)
    with pytest.raises(InputError, match="finite"):
        camera.feed(np.full((2, 3), np.nan), 200)
    for bad in ({"threshold": (0.0, 0.2)}, {"threshold_spread": 0.5}, {"refractory_us": -1}, {"background_hz": -1.0}):
        with pytest.raises(InputError):
            EventSettings(**bad)  # type: ignore[arg-type]  # wrong on purpose
