"""An event camera: each pixel reports by itself, within microseconds, when its light has changed by a set ratio.

A pixel fires when the logarithm of its light has moved by a threshold from where it last fired; between two frames the
logarithm is taken as linear in time, which gives every crossing its own time stamp. Thresholds differ from pixel to
pixel, a pixel is deaf for a moment after it fired, and fires now and then without cause. Source: Rebecq, Gehrig and
Scaramuzza, "ESIM: an Open Event Camera Simulator", CoRL 2018; noise after Hu, Liu and Delbruck, "v2e", CVPRW 2021.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nasion.core import FloatArray, InputError, MediaError

EVENT = np.dtype([("x", "<u2"), ("y", "<u2"), ("t_us", "<i8"), ("p", "i1")])
"""An event: column and row in px, time in microseconds, polarity +1 (brighter) or -1 (darker)."""

DARK = 1e-3  # added to the light before its logarithm: a pixel in the dark does not fire at nothing

EventArray = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class EventSettings:
    """How the camera behaves.

    Attributes:
        threshold: (brighter, darker), changes of the natural logarithm of light that fire, above 0.
        threshold_spread: standard deviation of the thresholds from pixel to pixel, as a share of them.
        refractory_us: how long a pixel is deaf after it fired; changes in that time are lost, not delayed.
        background_hz: events without cause, per pixel and second, of either polarity.
    """

    threshold: tuple[float, float] = (0.2, 0.2)
    threshold_spread: float = 0.03
    refractory_us: int = 100
    background_hz: float = 0.1

    def __post_init__(self) -> None:
        if min(self.threshold) <= 0:
            raise InputError(f"the thresholds of an event camera must be above 0, got {self.threshold}")
        if not 0 <= self.threshold_spread < 0.3:
            raise InputError(f"the spread of the thresholds must be 0..0.3, got {self.threshold_spread}")
        if self.refractory_us < 0 or self.background_hz < 0:
            raise InputError("the refractory time and the background rate of an event camera must not be negative")


class EventCamera:
    """Turns frames into events, one frame at a time.

    Args:
        settings: how it behaves.
        seed: of the thresholds and the noise.
    """

    def __init__(self, settings: EventSettings | None = None, seed: int = 0) -> None:
        self._settings = settings or EventSettings()
        self._rng = np.random.default_rng(seed)
        self._time = 0
        self._log: FloatArray = np.zeros((0, 0))

    def _begin(self, log: FloatArray, time_us: int) -> None:
        self._log, self._time = log, time_us
        self._level = log.copy()  # where each pixel last fired
        self._deaf_until = np.full(log.shape, np.iinfo(np.int64).min)
        settings = self._settings
        spread = self._rng.normal(1, settings.threshold_spread, (2, *log.shape))
        self._on, self._off = np.clip(spread, 0.1, None) * np.array(settings.threshold)[:, None, None]

    def feed(self, light: FloatArray, time_us: int) -> EventArray:
        """The events since the frame before.

        Args:
            light: (H, W) linear brightness, any scale, not negative; the size of the first frame.
            time_us: when it was taken, microseconds, later than the one before.

        Returns:
            (N,) of type ``EVENT``, in order of time; none for the first frame.

        Raises:
            InputError: another size, negative or NaN light, or a time that does not advance.
        """
        light = np.asarray(light, np.float64)
        if light.ndim != 2 or not np.isfinite(light).all() or light.min() < 0:
            raise InputError(f"an event camera takes (H, W) light, finite and not negative; got shape {light.shape}")
        log = np.log(light + DARK)
        if not self._log.size:
            self._begin(log, time_us)
            return np.zeros(0, EVENT)
        if log.shape != self._log.shape:
            raise InputError(f"the first frame was {self._log.shape}, this one is {log.shape}")
        if time_us <= self._time:
            raise InputError(f"frames must advance in time: {time_us} us comes after {self._time} us")
        found = [*self._crossings(log, time_us, +1), *self._crossings(log, time_us, -1)]
        found.append(self._background(time_us))
        self._log, self._time = log, time_us
        events = np.concatenate(found)
        return np.asarray(events[np.argsort(events["t_us"], kind="stable")])

    def _crossings(self, log: FloatArray, time_us: int, polarity: int) -> list[EventArray]:
        threshold = self._on if polarity > 0 else self._off
        count = np.floor(polarity * (log - self._level) / threshold + 1e-9).astype(np.int64)
        y, x = np.nonzero(count > 0)
        found = []
        before, change = self._log[y, x], log[y, x] - self._log[y, x]
        level, step, left = self._level[y, x], polarity * threshold[y, x], count[y, x]
        number = 0
        while len(y):
            number += 1
            share = np.clip((level + number * step - before) / np.where(change == 0, polarity, change), 0, 1)
            stamp = self._time + np.rint(share * (time_us - self._time)).astype(np.int64)
            awake = stamp >= self._deaf_until[y, x]
            found.append(_events(x[awake], y[awake], stamp[awake], np.full(int(awake.sum()), polarity)))
            self._deaf_until[y[awake], x[awake]] = stamp[awake] + self._settings.refractory_us
            done = left == number
            self._level[y[done], x[done]] = level[done] + number * step[done]
            y, x, before, change, level, step, left = (a[~done] for a in (y, x, before, change, level, step, left))
        return found

    def _background(self, time_us: int) -> EventArray:
        height, width = self._log.shape
        seconds = (time_us - self._time) / 1e6
        count = int(self._rng.poisson(self._settings.background_hz * seconds * height * width))
        return _events(
            self._rng.integers(0, width, count),
            self._rng.integers(0, height, count),
            self._rng.integers(self._time, time_us, count),
            self._rng.choice([-1, 1], count),
        )


def _events(x: npt.ArrayLike, y: npt.ArrayLike, t: npt.ArrayLike, p: npt.ArrayLike) -> EventArray:
    events = np.zeros(np.size(x), EVENT)
    events["x"], events["y"], events["t_us"], events["p"] = x, y, t, p
    return events


def write_events(path: str | os.PathLike[str], events: EventArray, size: tuple[int, int]) -> None:
    """Write events as .npz: arrays ``events`` (type ``EVENT``) and ``size`` (width, height).

    Raises:
        MediaError: the file cannot be written.
    """
    try:
        with Path(path).open("wb") as file:
            np.savez_compressed(file, events=events, size=np.array(size, np.int64))
    except OSError as error:
        raise MediaError(f"cannot write {path}: {error.strerror or error}; choose a folder you may write to") from error


def read_events(path: str | os.PathLike[str]) -> tuple[EventArray, tuple[int, int]]:
    """Events and (width, height) of a file that ``write_events`` made.

    Raises:
        MediaError: the file is missing, damaged or no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            events, (width, height) = data["events"], data["size"]
    except Exception as error:  # numpy raises what its zip and header parsers ran into
        raise MediaError(
            f"cannot read events from {path}: {error}; it must be an .npz that nasion synth wrote"
        ) from error
    if events.dtype != EVENT:
        raise MediaError(f"{path} holds no events: their type is {events.dtype}, not {EVENT}")
    return events, (int(width), int(height))


def event_frame(events: EventArray, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 picture of events: red where it got brighter, blue where darker, on white."""
    width, height = size
    picture = np.full((height, width, 3), 255, np.uint8)
    up = events["p"] > 0
    picture[events["y"][~up], events["x"][~up]] = (40, 70, 200)
    picture[events["y"][up], events["x"][up]] = (210, 50, 40)
    return picture
