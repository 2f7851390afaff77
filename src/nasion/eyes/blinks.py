"""Blinks in an openness curve: closing, closed, reopening, and what each says about wakefulness.

Source: Wolter, Berrio Perez and Shan (arXiv 2511.19519): steep edges in pairs, phases by the tangents at the steepest
points. Ours: a blink must take a share of the person's own opening, and longer closures are kept, as such.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nasion.core import FloatArray, IntArray
from nasion.eyes.baseline import CLOSED_SHARE, open_level
from nasion.eyes.edges import Run, extrema, runs, steep_edges

SHORTEST_S, LONGEST_S = 0.05, 0.8  # from the steepest falling to the steepest rising point of a blink
LONG_S = 0.5  # s closed, from which a closure is long, as driver monitors count them
AROUND_S = 0.5  # s before and after, in which the open level is looked for
SHALLOWEST = 0.3  # share of the way from open to shut, below which it is no blink
SHUT = 0.6  # the same for a closure longer than a blink: eyes that look down reach half of the way


@dataclass(frozen=True, slots=True)
class Blink:
    """One closure of the lids. Times in seconds from the beginning of the clip, openings in the curve's unit.

    Attributes:
        start_s, shut_s, lift_s, end_s: closing begins, closed, reopening begins, open again.
        before, lowest, after: opening before, at the deepest point, and after.
        closing_speed, reopening_speed: the greatest, per second, both above 0.
        area: of the reopening, 0..1: how long the lid hangs before it opens; 0.5 for a straight line.
        gap_s: since the end of the blink before; NaN for the first.
        score: 0..1, how sure: the share of the way from open to shut that it goes.
    """

    start_s: float
    shut_s: float
    lift_s: float
    end_s: float
    before: float
    lowest: float
    after: float
    closing_speed: float
    reopening_speed: float
    area: float
    gap_s: float
    score: float

    @property
    def closing_s(self) -> float:
        """Duration of the closing phase."""
        return self.shut_s - self.start_s

    @property
    def closed_s(self) -> float:
        """Duration of the closed phase."""
        return self.lift_s - self.shut_s

    @property
    def reopening_s(self) -> float:
        """Duration of the reopening phase."""
        return self.end_s - self.lift_s

    @property
    def duration_s(self) -> float:
        """The whole of it."""
        return self.end_s - self.start_s

    @property
    def amplitude(self) -> float:
        """How far it closes, as a share of the opening before, 0..1."""
        return (self.before - self.lowest) / self.before if self.before > 0 else float("nan")

    @property
    def amplitude_velocity_s(self) -> float:
        """Amplitude over the greatest speed of the reopening, s: grows with sleepiness (Johns, Sleep 2003)."""
        return (self.after - self.lowest) / self.reopening_speed

    @property
    def long(self) -> bool:
        """Whether the lids stayed closed for half a second or more."""
        return self.closed_s >= LONG_S


def detect_blinks(time_s: FloatArray, opening: FloatArray, *, closed: float = CLOSED_SHARE) -> list[Blink]:
    """Find the blinks and longer closures of one person.

    Args:
        time_s: (N,) seconds, rising; 8 frames per second or more.
        opening: (N,) any measure of openness that is larger for open eyes, NaN where unknown. Not smoothed before.
        closed: what the measure reads on shut lids, as a share of what it reads on open ones; `CLOSED_SHARE` is that of
            task ``lids``, `PLAIN_CLOSED_SHARE` that of the landmarker's own points, 0 that of true angles.

    Returns:
        In order of time. A blink cut by a gap of 0.2 s or more, or by an end of the clip, is not found.

    Raises:
        InputError: shapes differ, time does not rise, or too few frames per second.
    """
    pieces = runs(time_s, opening)
    if not pieces:
        return []
    found: list[Blink] = []
    for run, (falling, rising) in zip(pieces, steep_edges(pieces), strict=True):
        level = open_level(run.values, run.fps)
        pairs = _pairs(run, falling, rising)
        limits = [0, *(value for pair in pairs for value in pair), len(run.values) - 1]
        for k, (fall, rise) in enumerate(pairs):
            blink = _measure(run, limits[2 * k], fall, rise, limits[2 * k + 3], level, closed)
            if blink is not None:
                gap = blink.start_s - found[-1].end_s if found else float("nan")
                found.append(replace(blink, gap_s=max(0.0, gap) if found else gap))
    return found


def _pairs(run: Run, falling: IntArray, rising: IntArray) -> list[tuple[int, int]]:
    """Each falling edge with the rising edge that follows it.

    Of falling edges in a row the steepest of the last 0.8 s counts. One that no steep rise follows within 0.8 s takes
    the steepest rise there is, if the lids come back most of the way: tired lids open slowly.
    """
    pairs: list[tuple[int, int]] = []
    fall: int | None = None
    least, most = SHORTEST_S * run.fps, LONGEST_S * run.fps
    ripples = extrema(run.speed)
    for index in [*map(int, np.sort(np.concatenate([falling, rising]))), len(run.values) + round(most)]:
        if fall is not None and index - fall > most:
            slow = ripples[(ripples - fall >= least) & (ripples - fall <= most)]
            if len(slow):
                rise = int(slow[run.speed[slow].argmax()])
                middle, lowest = run.values[fall], run.values[fall : rise + 1].min()
                if run.values[rise:index].max() - lowest > 1.5 * (middle - lowest):  # 2 is all the way
                    pairs.append((fall, rise))
                    fall = None
        if index >= len(run.values):
            break
        if run.speed[index] < 0:
            if fall is None or run.speed[index] < run.speed[fall] or index - fall > most:
                fall = index
        elif fall is not None:
            if index - fall >= least:
                pairs.append((fall, index))
            fall = None
    return pairs


def _measure(
    run: Run, earlier: int, fall: int, rise: int, later: int, level: FloatArray, closed: float
) -> Blink | None:
    reach = round(AROUND_S * run.fps)
    values, speed = run.values, run.speed
    before = float(values[max(earlier, fall - reach) : fall + 1].max())
    lowest = float(values[fall : rise + 1].min())
    after = float(values[rise : min(later, rise + reach) + 1].max())
    way = float(level[fall]) * (1 - closed)
    depth = min(before, after) - lowest
    long = (rise - fall) / run.fps > LONGEST_S
    if long:
        depth = min(before, after) - float(np.median(values[fall : rise + 1]))
    if not way > 0 or depth < (SHUT if long else SHALLOWEST) * way:
        return None
    down, up = -float(speed[fall]) / run.fps, float(speed[rise]) / run.fps  # per sample
    start = fall - (before - float(values[fall])) / down
    shut = fall + (float(values[fall]) - lowest) / down
    lift = rise - (float(values[rise]) - lowest) / up
    end = rise + (after - float(values[rise])) / up
    if lift < shut:  # the lids turn round before they rest
        shut = lift = (shut + lift) / 2
    first, last = max(0, int(np.floor(lift))), min(len(values) - 1, int(np.ceil(end)))
    hanging = np.clip(after - values[first : last + 1], 0, None).sum() / max(
        (after - lowest) * (last - first + 1), 1e-9
    )
    return Blink(
        start_s=run.time(start), shut_s=run.time(shut), lift_s=run.time(lift), end_s=run.time(end),
        before=before, lowest=lowest, after=after, closing_speed=down * run.fps, reopening_speed=up * run.fps,
        area=float(hanging), gap_s=float("nan"), score=float(np.clip(depth / way, 0, 1)),
    )  # fmt: skip
