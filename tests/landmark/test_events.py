"""Event surfaces: what is kept where nothing happens, what is forgotten where it does, and the files events come in."""

from pathlib import Path

import numpy as np
import pytest

from nasion.core import InputError, MediaError
from nasion.landmark.events import (
    KINDS,
    EventRate,
    EventSurface,
    Histogram,
    Laplacian,
    Spectral,
    TimeSurface,
    decay,
    load_events,
    simulate,
    surface_frames,
    surface_picture,
    usual_patch,
    windows,
)
from nasion.landmark.events.decay import Window, log_kernel
from nasion.media import VideoWriter
from nasion.synth.events import EVENT, EventCamera, EventSettings, write_events

NONE = np.zeros(0, EVENT)


def stream(*rows: tuple[int, int, int, int]) -> np.ndarray:
    """Events of (x, y, t_us, p)."""
    return np.array(list(rows), EVENT)


def scattered(count: int, side: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    events = np.zeros(count, EVENT)
    events["x"], events["y"] = rng.integers(0, side, (2, count))
    events["p"] = rng.choice((-1, 1), count)
    return events


@pytest.mark.parametrize("kind", ["er", "log", "fft"])
def test_silence_leaves_adaptive_surfaces_as_they_are(kind: str) -> None:
    surface = EventSurface((40, 40), decay(kind, 8))
    before = surface.add(scattered(300, 40), 30_000).copy()
    np.testing.assert_allclose(surface.add(NONE, 1_030_000), before, atol=1e-6)


def test_silence_fades_the_time_surface_by_its_length() -> None:
    surface = EventSurface((40, 40), TimeSurface(0.2))
    before = surface.add(scattered(300, 40), 30_000).copy()
    np.testing.assert_allclose(surface.add(NONE, 1_030_000), before * np.exp(-5), atol=1e-6)


def test_a_histogram_forgets_the_window_before() -> None:
    surface = EventSurface((4, 3), Histogram())
    surface.add(stream((0, 0, 1, 1), (0, 0, 2, 1), (1, 2, 3, -1), (3, 0, 4, 0)), 10)
    assert surface.values[0, 0] == 2
    assert surface.values[2, 1] == -1
    assert surface.values[0, 3] == -1  # some files write 0 for darker
    assert not surface.add(NONE, 20).any()


def bars(seconds: float = 0.55, side: int = 96) -> tuple[np.ndarray, int]:
    """Left half: bars that jump once, at the start, and stay. Right half: one bar that keeps moving right."""
    camera = EventCamera(EventSettings((0.2, 0.2), 0.0, 0, 0.0))
    found = []
    for frame in range(round(seconds * 240) + 1):
        light = np.full((side, side), 0.2)
        light[:, 6 : 14 if frame else 10] = 0.8
        light[:, 22 : 30 if frame else 26] = 0.8
        at = side // 2 + 8 + frame * 30 / 240  # 30 px/s
        columns = np.arange(side)
        light[:, side // 2 + 4 :] += 0.6 * np.clip(3 - np.abs(columns - at), 0, 1)[side // 2 + 4 :]
        found.append(camera.feed(light, round(frame * 1e6 / 240)))
    return np.concatenate(found), side


def surface_of(events: np.ndarray, side: int, how: object, hz: float) -> tuple[np.ndarray, np.ndarray]:
    """The surface after the first window and after the last."""
    surface, first = EventSurface((side, side), how), None
    for part, end in windows(events, hz=hz, start_us=0):
        values = surface.add(part, end)
        first = values.copy() if first is None else first
    return first, values


def test_what_stands_still_is_remembered_and_what_moves_leaves_no_longer_trail() -> None:
    """The card: half a second later the still half keeps 90 % of its edges, the time surface 10 % at most."""
    events, side = bars()
    still = np.zeros((side, side), bool)
    still[:, : side // 2 - 12] = True  # half a patch from the moving half on, where patches are blended
    trails = {}
    for kind in ("time", "er", "log"):
        first, last = surface_of(events, side, decay(kind, 12), 60)
        edges = still & (np.abs(first) > 0)
        assert edges.sum() > 500
        share = np.abs(last[edges]).mean() / np.abs(first[edges]).mean()
        assert (share <= 0.1) if kind == "time" else (share >= 0.9), kind
        profile = np.abs(last[:, side // 2 + 4 :]).mean(0)
        trails[kind] = int((profile > 0.1).sum())
    assert 3 <= trails["er"] <= trails["time"]
    assert 3 <= trails["log"] <= trails["time"]


def test_the_rate_counts_events_whatever_their_polarity() -> None:
    """Light and dark events cancel in the voxel, not in the rate."""
    both = stream(*((3, 3, 0, p) for p in (1, -1) * 20))
    kept = {}
    for name, events in (("both", both), ("zeros", stream(*((3, 3, 0, p) for p in (1, 0) * 20)))):
        surface = EventSurface((8, 8), EventRate(8))
        surface.add(events, 10_000)
        kept[name] = np.asarray(surface.factor)
    assert kept["both"].max() < np.exp(-6)
    np.testing.assert_array_equal(kept["both"], kept["zeros"])


def test_the_event_rates_formula() -> None:
    """D = exp(-dt score / tau) with score = rate / (reference p^2): 32 events in a patch of 8 px give e^-5."""
    surface = EventSurface((16, 8), EventRate(8, reference=0.5, tau=0.2))
    x = np.tile(np.arange(8), 4)
    surface.add(stream(*((int(i), int(j) % 8, 0, 1) for i, j in zip(x, np.arange(32), strict=True))), 20_000)
    factor = np.asarray(surface.factor)
    assert factor[0, 0] == pytest.approx(np.exp(-5), rel=1e-4)
    assert factor[0, -1] == 1
    assert factor[0, 8] == pytest.approx(0.4375 * np.exp(-5) + 0.5625, rel=1e-4)  # bilinear between the centres
    assert surface.scores is not None
    assert surface.scores[0].tolist() == [pytest.approx(32 / 0.02 / (0.5 * 64)), 0]


def test_patches_that_the_edge_cuts_off_are_scored_by_what_is_there() -> None:
    """Events spread evenly give one score everywhere, on 19 px as on 16."""
    rows = [(x, y, 0, 1) for x in range(19) for y in range(19)]
    surface = EventSurface((19, 19), EventRate(8))
    surface.add(stream(*rows), 10_000)
    assert surface.scores is not None
    np.testing.assert_allclose(surface.scores, surface.scores[0, 0])


def test_the_curve_of_the_laplacian() -> None:
    curve = Laplacian(8, slope=0.5, middle=5.0)
    assert curve.kept(np.array(0.0)) == pytest.approx(1)
    assert curve.kept(np.array(5.0)) == pytest.approx((1 + np.exp(-2.5)) / 2)
    assert curve.kept(np.array(5.0)) == pytest.approx(0.541, abs=5e-4)
    assert curve.kept(np.array(1e4)) == pytest.approx(0, abs=1e-9)
    assert log_kernel().sum() == pytest.approx(0, abs=1e-5)
    assert abs(log_kernel()[1, 1]) > 4 * abs(log_kernel()[0, 1])


def test_frequencies() -> None:
    """1 of noise and of silence, near 0 of a patch that changed as a whole; smooth halves are found by splitting."""

    def share(voxel: np.ndarray, how: Spectral) -> np.ndarray:
        nothing = np.zeros(0, np.int64)
        kept = how(Window(voxel.astype(np.float32), nothing, nothing, 0.03))
        assert kept.scores is not None
        return kept.scores

    whole = Spectral(32)
    rng = np.random.default_rng(0)
    noise = rng.choice((-1.0, 1.0), (32, 32))
    assert share(np.zeros((32, 32)), whole)[0, 0] == 1
    assert share(noise, whole)[0, 0] > 0.98
    assert share(np.ones((32, 32)), whole)[0, 0] == pytest.approx(0, abs=1e-9)
    mixed = np.zeros((32, 32))
    mixed[:16, :16], mixed[16:, 16:] = 1.0, noise[16:, 16:]
    split = share(mixed, Spectral(32, split=0.95, smallest=16))
    assert split.shape == (2, 2)
    assert split[0, 0] < 0.01
    assert split[1, 1] > 0.95
    assert split[0, 1] == 1
    assert share(noise, Spectral(32, split=0.5, smallest=16)).shape == (2, 2)
    assert np.ptp(share(noise, Spectral(32, split=0.5, smallest=16))) == 0  # copied down, not looked at again
    with pytest.raises(InputError, match="power of two"):
        Spectral(30, split=0.5, smallest=4)


def test_windows_hold_every_event_once_and_end_where_they_should() -> None:
    events = scattered(1000, 32)
    events["t_us"] = np.sort(np.random.default_rng(1).integers(0, 1_000_000, 1000))
    cut = list(windows(events, hz=30))
    assert len(cut) == 30
    assert [end for _, end in cut][:3] == [33_333, 66_667, 100_000]
    assert all((part["t_us"] < end).all() for part, end in cut)
    assert sum(len(part) for part, _ in cut) == 1000
    by_number = list(windows(events, count=300))
    assert [len(part) for part, _ in by_number] == [300, 300, 300, 100]
    assert all(end == part["t_us"][-1] for part, end in by_number)
    late = events.copy()
    late["t_us"] += 5_000_000_000
    assert len(list(windows(late, hz=30))) in (30, 31)  # from its first event on, not from a distant zero
    for bad in ({}, {"hz": 30, "count": 3}, {"hz": 0}, {"count": -1}):
        with pytest.raises(InputError):
            list(windows(events, **bad))
    with pytest.raises(InputError, match="order"):
        list(windows(events[::-1], hz=30))


def test_a_long_silence_between_counted_windows_fades_once() -> None:
    """dt runs from the last event of the window before."""
    events = stream((0, 0, 1000, 1), (0, 0, 2000, 1), (1, 1, 402_000, 1), (1, 1, 402_000, 1))
    frames = list(surface_frames(events, (4, 4), TimeSurface(0.2), count=2))
    assert [frame.time_s for frame in frames] == [0.002, 0.402]
    surface = EventSurface((4, 4), TimeSurface(0.2))
    for part, end in windows(events, count=2):
        surface.add(part, end)
    assert surface.values[0, 0] == pytest.approx(2 * np.exp(-2))


def test_pictures() -> None:
    picture = surface_picture(np.array([[-9.0, -3, 0, 1.5, 3, 9]]))
    assert picture.shape == (1, 6, 3)
    assert picture[0, :, 0].tolist() == [0, 0, 128, 191, 255, 255]


def test_wrong_use_is_refused() -> None:
    surface = EventSurface((4, 4), Histogram())
    surface.add(NONE, 10)
    with pytest.raises(InputError, match="advance"):
        surface.add(NONE, 10)
    with pytest.raises(InputError, match="outside"):
        surface.add(stream((4, 0, 11, 1)), 20)
    with pytest.raises(InputError, match="er, log"):
        decay("fancy", 8)
    for bad in (
        lambda: TimeSurface(0),
        lambda: EventRate(0),
        lambda: EventRate(8, least=2),
        lambda: surface_picture(np.zeros((2, 2)), 0),
    ):
        with pytest.raises(InputError):
            bad()
    assert usual_patch((1280, 720)) == 80
    assert set(KINDS) == {"histogram", "time", "er", "log", "fft"}


def test_event_files(tmp_path: Path) -> None:
    events = scattered(50, 20)
    events["t_us"] = np.sort(np.random.default_rng(2).integers(0, 10**6, 50))
    write_events(tmp_path / "a.npz", events, (24, 22))
    found, size = load_events(tmp_path / "a.npz")
    assert size == (24, 22)
    assert (found == events).all()
    plain = "\n".join(f"{e['t_us'] / 1e6:.6f} {e['x']} {e['y']} {int(e['p'] > 0)}" for e in events)
    (tmp_path / "a.txt").write_text(plain)
    found, size = load_events(tmp_path / "a.txt", (24, 22))
    assert (found == events).all()
    assert size == (24, 22)
    named = "x,y,polarity,timestamp\n" + "\n".join(f"{e['x']},{e['y']},{e['p']},{e['t_us'] / 1e6:.6f}" for e in events)
    (tmp_path / "a.csv").write_text(named)
    found, size = load_events(tmp_path / "a.csv")
    assert (found == events).all()
    assert size == (int(events["x"].max()) + 1, int(events["y"].max()) + 1)
    words = np.zeros((50, 2), "<u4")
    words[:, 0] = events["t_us"]
    words[:, 1] = events["x"] | events["y"].astype(np.uint32) << 14 | (events["p"] > 0).astype(np.uint32) << 28
    (tmp_path / "a.dat").write_bytes(b"% Height 22\n% Width 24\n\x0c\x08" + words.tobytes())
    found, size = load_events(tmp_path / "a.dat")
    assert (found == events).all()
    assert size == (24, 22)


def test_a_clock_of_32_bits_goes_on(tmp_path: Path) -> None:
    words = np.array([[2**32 - 5, 0], [3, 0]], "<u4")
    (tmp_path / "a.dat").write_bytes(b"\x0c\x08" + words.tobytes())
    assert load_events(tmp_path / "a.dat")[0]["t_us"].tolist() == [2**32 - 5, 2**32 + 3]


def test_bad_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0.1 3 4\n")
    (tmp_path / "b.dat").write_bytes(b"% x\n\x0c\x08abc")
    (tmp_path / "c.xyz").write_text("")
    (tmp_path / "d.csv").write_text("t,x,y,p\n")
    (tmp_path / "e.txt").write_text("0.1 -3 4 1\n")
    write_events(tmp_path / "f.npz", stream((9, 9, 0, 1)), (4, 4))
    for name in ("a.txt", "b.dat", "c.xyz", "d.csv", "e.txt", "f.npz", "absent.txt", "absent.dat"):
        with pytest.raises(MediaError, match=name):
            load_events(tmp_path / name)


def test_a_video_becomes_simulated_events(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 30) as clip:
        for k in range(6):
            image = np.full((48, 64, 3), 60, np.uint8)
            image[10:30, 10 + 4 * k : 30 + 4 * k] = 200
            clip.write(image)
    events, size = load_events(tmp_path / "a.mp4")
    assert size == (64, 48)
    busy = events[(events["y"] >= 9) & (events["y"] <= 30)]
    assert len(busy) > 0.8 * len(events) > 100
    assert np.percentile(busy["x"], 1) >= 8
    with pytest.raises(MediaError, match="two"):
        simulate([(np.zeros((4, 4, 3), np.uint8), 0.0)])
