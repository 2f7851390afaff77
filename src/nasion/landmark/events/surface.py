"""Event streams as pictures: a surface that each window of events is added to, after what was there has faded.

S <- G + S D, with G the sum of each pixel's polarities in the window and D the share kept (``decay``). Source: Kielty,
Hanley and Corcoran, arXiv 2602.23101.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nasion.core import FloatArray, ImageArray, InputError
from nasion.landmark.events.decay import Decay, Window
from nasion.media import Frame
from nasion.synth.events import EventArray

CLIP = 3.0  # of the surface, where its picture is black or white
LATE_START_US = 1_000_000  # a stream that begins later than this counts its windows from its first event


class EventSurface:
    """A surface that goes through a stream window by window.

    Args:
        size: (width, height) px of the sensor.
        decay: what is kept.
        start_us: when the first window begins.

    Attributes:
        values: (H, W) float32, the surface after the last window; 0 before the first.
        factor: (H, W) float32 or a number, what share was kept in the last window.
        scores: (h, w) of each patch in the last window, or None.
        time_us: end of the last window.
    """

    def __init__(self, size: tuple[int, int], decay: Decay, start_us: int = 0) -> None:
        width, height = size
        if width < 1 or height < 1:
            raise InputError(f"the sensor of an event camera must have 1 px or more a side, got {size}")
        self.values: FloatArray = np.zeros((height, width), np.float32)
        self.factor: FloatArray | float = 1.0
        self.scores: FloatArray | None = None
        self.time_us = start_us
        self._decay = decay

    def add(self, events: EventArray, until_us: int) -> FloatArray:
        """Take in a window.

        Args:
            events: its events, of type ``nasion.synth.events.EVENT``; a polarity that is not above 0 counts as -1.
            until_us: its end, microseconds. It begins where the one before ended, so that a silence between two
                windows of a fixed number of events fades the surface once, by its whole length.

        Returns:
            ``values``.

        Raises:
            InputError: time does not advance, or an event lies outside the sensor.
        """
        if until_us <= self.time_us:
            raise InputError(f"windows must advance in time: {until_us} us comes after {self.time_us} us")
        height, width = self.values.shape
        x, y = events["x"].astype(np.int64), events["y"].astype(np.int64)
        if len(events) and (x.max() >= width or y.max() >= height):
            raise InputError(f"an event at ({x.max()}, {y.max()}) lies outside the sensor of {width} x {height} px")
        signs = np.where(events["p"] > 0, 1.0, -1.0)
        flat = np.bincount(y * width + x, weights=signs, minlength=height * width)
        voxel: FloatArray = flat.reshape(height, width).astype(np.float32)
        kept = self._decay(Window(voxel, x, y, (until_us - self.time_us) / 1e6))
        self.factor, self.scores = kept.factor, kept.scores
        self.values = np.asarray(voxel + self.values * np.asarray(kept.factor, np.float32), np.float32)
        self.time_us = until_us
        return self.values

    def picture(self, clip: float = CLIP) -> ImageArray:
        """(H, W, 3) uint8: grey where nothing is kept, brighter and darker as the scene became, at most at ``clip``."""
        return surface_picture(self.values, clip)


def surface_picture(values: FloatArray, clip: float = CLIP) -> ImageArray:
    """(H, W, 3) uint8 of an (H, W) surface: -clip is black, 0 grey (128), clip white.

    Raises:
        InputError: ``clip`` is not above 0.
    """
    if not clip > 0:
        raise InputError(f"a surface is clipped at a number above 0, got {clip}")
    grey = np.rint((np.clip(values, -clip, clip) + clip) * (255 / (2 * clip)) + 1e-3).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def windows(
    events: EventArray, *, hz: float | None = None, count: int | None = None, start_us: int | None = None
) -> Iterator[tuple[EventArray, int]]:
    """A stream cut into windows of one length or of one number of events.

    Args:
        events: in order of time.
        hz: windows per second; or
        count: events per window. Exactly one of the two.
        start_us: where the first window of ``hz`` begins; by default 0, or the first event of a stream that begins
            later than a second.

    Yields:
        The events and the end of each window, microseconds. The last one may hold fewer events.

    Raises:
        InputError: neither or both of ``hz`` and ``count``, one of them out of range, or time that goes back.
    """
    if (hz is None) == (count is None) or not 0 < (hz or count or 0) < 1e6:
        raise InputError(f"cut events by hz or by count, one of them, above 0; got hz={hz}, count={count}")
    time = events["t_us"]
    if not len(events):
        return
    if (np.diff(time) < 0).any():
        raise InputError("events must come in order of time: sort them by t_us")
    if count is not None:
        for first in range(0, len(events), count):
            part = events[first : first + count]
            yield part, int(part["t_us"][-1])
        return
    begin = stream_start(events) if start_us is None else start_us
    number = int(np.floor((int(time[-1]) - begin) * float(hz or 0) / 1e6)) + 1
    ends = begin + np.rint(np.arange(1, number + 1) * (1e6 / float(hz or 0))).astype(np.int64)
    cuts = np.searchsorted(time, ends)
    first = int(np.searchsorted(time, begin))
    for end, cut in zip(ends.tolist(), cuts.tolist(), strict=True):
        yield events[first:cut], end
        first = cut


def surface_frames(
    events: EventArray,
    size: tuple[int, int],
    decay: Decay,
    *,
    hz: float | None = None,
    count: int | None = None,
    clip: float = CLIP,
) -> Iterator[Frame]:
    """A stream as the frames of a video, for `nasion.pipeline.run_video` or a writer.

    Args:
        events: in order of time.
        size: (width, height) px of the sensor.
        decay: what is kept from window to window.
        hz, count: how the stream is cut, see ``windows``.
        clip: see ``surface_picture``.

    Yields:
        A picture for each window; its time is the window's end, seconds from the stream's beginning.
    """
    begin = stream_start(events)
    surface = EventSurface(size, decay, begin)
    for index, (part, end) in enumerate(windows(events, hz=hz, count=count)):
        surface.add(part, max(end, surface.time_us + 1))  # full windows may end in the microsecond they began in
        yield Frame(surface.picture(clip), index, (surface.time_us - begin) / 1e6)


def stream_start(events: EventArray) -> int:
    """Where a stream's time begins, microseconds: 0, or its first event where that comes later than a second."""
    first = int(events["t_us"][0]) if len(events) else 0
    return first if not 0 <= first <= LATE_START_US else 0
