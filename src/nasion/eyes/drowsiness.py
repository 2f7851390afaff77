"""What blinks say about wakefulness: figures a minute, and a rule on top of them that anyone can read.

The figures: PERCLOS, the share of time with lids at least 80 % shut (Wierwille et al., NHTSA 1994), blink rate,
durations, long closures, amplitude over velocity (Johns, "The amplitude-velocity ratio of blinks", Sleep 2003), yawns.
Nearest labelled windows are the classifier of the eyelid-angle paper (arXiv 2511.19519).

The rule is no diagnosis: `LIMITS` says what it does not know, and is printed wherever its answer is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final, Literal

import numpy as np

from nasion.core import FloatArray, InputError
from nasion.eyes.baseline import CLOSED_SHARE, closure
from nasion.eyes.blinks import Blink
from nasion.eyes.edges import runs
from nasion.eyes.yawns import Yawn

WINDOW_S = 60.0
SHUT = 0.8  # the 80 % of PERCLOS
LEAST_S = 20.0  # of known lids in a window, below which nothing is said
Level = Literal["unknown", "awake", "signs", "strong signs"]
RULE: Final = {  # a sign each: (from, strong from)
    "perclos": (0.15, 0.30),
    "closed_s": (0.15, 0.30),  # mean closed phase; 0.05 s awake (VanderWerf et al. 2003)
    "long_closures": (1.0, 3.0),  # a minute
    "yawns": (1.0, 3.0),
}
LIMITS: Final = (
    "A rule on lid movements, not a measurement of sleepiness and no diagnosis; people differ, and so do cameras.",
    "Looking down, laughing, squinting, glasses and poor light move lids or points, too.",
    "The thresholds are plain numbers near those of the literature; they were not tested on sleepy people.",
)


@dataclass(frozen=True, slots=True)
class Window:
    """Lids over a stretch of time.

    Attributes:
        start_s, end_s: seconds.
        known_s: of them with lids that could be measured.
        perclos: share of the known time with lids at least 80 % shut, 0..1.
        blinks_per_minute, long_closures, yawns: a minute of known time.
        closing_s, closed_s, reopening_s: means over its blinks; NaN without.
        amplitude_velocity_s: mean over its blinks.
    """

    start_s: float
    end_s: float
    known_s: float
    perclos: float
    blinks_per_minute: float
    long_closures: float
    yawns: float
    closing_s: float
    closed_s: float
    reopening_s: float
    amplitude_velocity_s: float


def windows(
    time_s: FloatArray,
    opening: FloatArray,
    blinks: Sequence[Blink],
    yawns: Sequence[Yawn] = (),
    *,
    window_s: float = WINDOW_S,
    closed: float = CLOSED_SHARE,
) -> list[Window]:
    """The figures of one person, window by window; the last one may be shorter.

    Args:
        time_s, opening, closed: as for `nasion.eyes.detect_blinks`.
        blinks, yawns: what was found in it; an event belongs to the window in which it begins.
        window_s: length of a window.
    """
    pieces = runs(time_s, opening)
    if not pieces:
        return []
    times = np.concatenate([piece.start_s + np.arange(len(piece.values)) / piece.fps for piece in pieces])
    shut = np.concatenate([closure(piece.values, piece.fps, closed) for piece in pieces]) >= SHUT
    first, last, step = float(times[0]), float(times[-1]), 1 / pieces[0].fps
    found = []
    for start in first + window_s * np.arange(max(1, int(np.ceil((last - first) / window_s)))):
        end = min(float(start) + window_s, last + step)
        inside = (times >= start) & (times < end)
        known = float(inside.sum()) * step
        own = [blink for blink in blinks if start <= blink.start_s < end]
        minutes = max(known, step) / 60
        found.append(
            Window(
                float(start), end, known,
                perclos=float(shut[inside].mean()) if inside.any() else float("nan"),
                blinks_per_minute=len(own) / minutes,
                long_closures=sum(blink.long for blink in own) / minutes,
                yawns=sum(start <= yawn.start_s < end for yawn in yawns) / minutes,
                closing_s=_mean([blink.closing_s for blink in own]),
                closed_s=_mean([blink.closed_s for blink in own]),
                reopening_s=_mean([blink.reopening_s for blink in own]),
                amplitude_velocity_s=_mean([blink.amplitude_velocity_s for blink in own]),
            )
        )  # fmt: skip
    return found


def drowsiness(window: Window) -> tuple[Level, tuple[str, ...]]:
    """The rule: which figures stand out, and what they add up to.

    Returns:
        The level: two signs or a strong one are "signs", two strong ones "strong signs"; and the names of the signs.
        "unknown" with less than 20 s of measured lids.
    """
    if window.known_s < LEAST_S:
        return "unknown", ()
    values = {name: getattr(window, name) for name in RULE}
    signs = tuple(name for name, (low, _) in RULE.items() if values[name] >= low)
    strong = sum(values[name] >= high for name, (_, high) in RULE.items())
    if strong >= 2:
        return "strong signs", signs
    return ("signs" if strong or len(signs) >= 2 else "awake"), signs


class NearestWindows:
    """The k nearest of labelled windows vote: for people who have labels of their own.

    Args:
        examples: windows whose label is known, from the same camera and persons like those to come.
        labels: one each.
        k: how many vote.

    Raises:
        InputError: fewer than ``k`` examples, or not a label each.
    """

    def __init__(self, examples: Sequence[Window], labels: Sequence[str], k: int = 5) -> None:
        if len(examples) != len(labels) or len(examples) < k or k < 1:
            raise InputError(f"{k} votes need as many windows with a label each, got {len(examples)}, {len(labels)}")
        table = np.stack([_features(window) for window in examples])
        self._mean, self._scale = table.mean(0), np.maximum(table.std(0), 1e-9)
        self._table, self.labels, self.k = (table - self._mean) / self._scale, tuple(labels), k

    def __call__(self, window: Window) -> str:
        """The label that most of the nearest examples have; of a tie the nearest one's."""
        distance = np.linalg.norm((_features(window) - self._mean) / self._scale - self._table, axis=1)
        near = [self.labels[i] for i in np.argsort(distance, kind="stable")[: self.k]]
        return str(max(near, key=near.count))


def _features(window: Window) -> FloatArray:
    """(8,) without the times; no blink at all counts as blinks of no duration."""
    return np.nan_to_num(np.array(astuple(window)[3:], np.float64))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
