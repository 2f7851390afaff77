"""What open and shut mean for one person: running levels that a measure of openness is compared with."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

import numpy as np

from nasion.core import FloatArray

WINDOW_S = 60.0
OPEN_QUANTILE = 0.75  # of the last minute: open, even for eyes that are shut for half of it
# Eyelid angle of shut lids over that of open ones, on real clips; on renders `nasion bench eyes` measures it
CLOSED_SHARE = 0.35  # lids placed again from crops of the eyes, as task `lids` reads them: 0.2 to 0.5
PLAIN_CLOSED_SHARE = 0.6  # the landmarker's own points, as `EyeKit(refined=False)` and the studio's page read them


def open_level(values: FloatArray, fps: float, window_s: float = WINDOW_S) -> FloatArray:
    """The level of open eyes around each value.

    Args:
        values: (N,) openness, evenly sampled, finite.
        fps: samples per second.
        window_s: seconds looked at, half of them before and half after.

    Returns:
        (N,) the 75th percentile of the window.
    """
    half = max(1, round(window_s * fps / 2))
    if len(values) <= half:
        return np.full(len(values), np.quantile(values, OPEN_QUANTILE))
    step = max(1, half // 15)  # levels move slowly: they are taken 30 times a window and joined by lines
    places = np.unique(np.concatenate([np.arange(0, len(values), step), [len(values) - 1]]))
    levels = [np.quantile(values[max(0, at - half) : at + half + 1], OPEN_QUANTILE) for at in places]
    return np.interp(np.arange(len(values)), places, levels)


def closure(values: FloatArray, fps: float, closed: float = CLOSED_SHARE) -> FloatArray:
    """How far shut the lids are: 0 open, 1 shut, by the person's own open level.

    Args:
        values: (N,) openness, evenly sampled, finite.
        fps: samples per second.
        closed: openness of shut lids over that of open ones.

    Returns:
        (N,) 0..1.
    """
    level = open_level(values, fps)
    return np.asarray(np.clip((level - values) / np.maximum(level * (1 - closed), 1e-9), 0, 1))


class PersonBaseline:
    """The open level of each person so far, for streams that cannot look ahead.

    Args:
        window_s: seconds remembered.
        closed: openness of shut lids over that of open ones.
    """

    def __init__(self, window_s: float = WINDOW_S, closed: float = CLOSED_SHARE) -> None:
        self.window_s, self.closed = window_s, closed
        self._seen: dict[int, deque[tuple[float, float]]] = {}
        self._sorted: dict[int, list[float]] = {}

    def closure(self, person: int, time_s: float, opening: float) -> float:
        """How far shut this person's lids are now, 0..1; NaN where ``opening`` is. Called once a frame, in order."""
        if not np.isfinite(opening):
            return float("nan")
        seen, ordered = self._seen.setdefault(person, deque()), self._sorted.setdefault(person, [])
        seen.append((time_s, opening))
        insort(ordered, opening)
        while seen[0][0] < time_s - self.window_s:
            ordered.pop(bisect_left(ordered, seen.popleft()[1]))
        way = self.level(person) * (1 - self.closed)
        return float(np.clip((self.level(person) - opening) / way, 0, 1)) if way > 0 else float("nan")

    def level(self, person: int) -> float:
        """The person's open level; NaN for nobody known."""
        ordered = self._sorted.get(person)
        return float(np.quantile(ordered, OPEN_QUANTILE)) if ordered else float("nan")
