"""Steep edges of an openness curve: where lids fall and where they rise, fast enough to be a blink.

Edges are local extrema of the derivative, told from ripples by two clusters of their sizes (k-means), falling and
rising ones separately, as in the eyelid-angle paper (arXiv 2511.19519). Speeds are per second, so that the frame rate
changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nasion.core import FloatArray, InputError, IntArray

LONGEST_GAP_S = 0.2  # unknown values for longer than this end a run: a whole blink could hide in them
SLOWEST_FPS = 8.0  # below it a blink is two frames long
APART = 3.0  # the large cluster's mean over the small one's; below it both are one cluster
ABOVE_REST = 8.0  # mean edge over the median speed, above which all edges are movements and none a ripple


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A piece of a curve without gaps, evenly sampled.

    Attributes:
        start_s: time of its first value.
        fps: samples per second.
        values: (N,) smoothed.
        speed: (N,) its derivative per second.
    """

    start_s: float
    fps: float
    values: FloatArray
    speed: FloatArray

    def time(self, index: float) -> float:
        """Seconds at a (fractional) sample."""
        return self.start_s + index / self.fps


def frame_rate(time_s: FloatArray) -> float:
    """Frames per second: one over the median step.

    Raises:
        InputError: fewer than two frames, or time does not go forward.
    """
    steps = np.diff(time_s)
    if not len(steps) or (steps < 0).any() or not np.median(steps) > 0:
        raise InputError("a curve needs at least two frames, in order of time")
    return float(1 / np.median(steps))


def runs(time_s: FloatArray, values: FloatArray) -> list[Run]:
    """The curve resampled evenly, smoothed (Gaussian, FPS/30 samples) and cut at its gaps.

    Args:
        time_s: (N,) seconds, rising.
        values: (N,) NaN where unknown; gaps up to 0.2 s are bridged by straight lines.

    Raises:
        InputError: shapes differ, time does not rise, or there are fewer than 8 frames per second.
    """
    from scipy.ndimage import gaussian_filter1d

    time_s, values = np.asarray(time_s, np.float64), np.asarray(values, np.float64)
    if time_s.shape != values.shape or time_s.ndim != 1:
        raise InputError(f"one value per time is needed, got shapes {values.shape} and {time_s.shape}")
    fps = frame_rate(time_s)
    if fps < SLOWEST_FPS:
        raise InputError(f"blinks need {SLOWEST_FPS:g} frames per second or more, got {fps:.1f}; take every frame")
    known = np.isfinite(values)
    time_s, values = time_s[known], values[known]
    if len(time_s) < 2:
        return []
    cuts = np.flatnonzero(np.diff(time_s) > max(LONGEST_GAP_S, 1.5 / fps)) + 1
    found = []
    for a, b in pairwise([0, *cuts, len(time_s)]):
        count = round((time_s[b - 1] - time_s[a]) * fps) + 1
        if count < 5:
            continue
        even = np.interp(time_s[a] + np.arange(count) / fps, time_s[a:b], values[a:b])
        smooth = gaussian_filter1d(even, fps / 30, mode="nearest")
        found.append(Run(float(time_s[a]), fps, smooth, np.gradient(smooth) * fps))
    return found


def steep_edges(pieces: list[Run]) -> list[tuple[IntArray, IntArray]]:
    """Where lids move fast: per run the samples of the falling and those of the rising edges, in order of time."""
    falling = _large([extrema(-run.speed) for run in pieces], [-run.speed for run in pieces])
    rising = _large([extrema(run.speed) for run in pieces], [run.speed for run in pieces])
    return list(zip(falling, rising, strict=True))


def two_means(sizes: FloatArray) -> tuple[float, float, float]:
    """The best split of numbers into two clusters (k-means in one dimension, solved exactly).

    Args:
        sizes: (N,), N >= 2.

    Returns:
        Both means, smaller first, and the number between them that splits.
    """
    ordered = np.sort(sizes)
    sums, count = np.cumsum(ordered), np.arange(1, len(ordered))
    low, high = sums[:-1] / count, (sums[-1] - sums[:-1]) / (len(ordered) - count)
    best = int((count * low**2 + (len(ordered) - count) * high**2).argmax())
    return float(low[best]), float(high[best]), float((ordered[best] + ordered[best + 1]) / 2)


def extrema(speed: FloatArray) -> IntArray:
    """Local maxima above 0; of a plateau its first sample."""
    left = np.concatenate([[-np.inf], speed[:-1]])
    right = np.concatenate([speed[1:], [-np.inf]])
    return np.flatnonzero((speed > 0) & (speed > left) & (speed >= right))


def _large(places: list[IntArray], speeds: list[FloatArray]) -> list[IntArray]:
    sizes = [speed[index] for index, speed in zip(places, speeds, strict=True)]
    every = np.concatenate([*sizes, np.zeros(0)])
    if not len(every):
        return places
    threshold, apart = 0.0, False
    if len(every) > 1:
        small, large, threshold = two_means(every)
        apart = large > APART * small
    if not apart:  # one kind of edge: all blinks on a curve that rests between them, or all of them ripples
        rest = float(np.median(np.abs(np.concatenate(speeds))))
        threshold = 0.0 if every.mean() > ABOVE_REST * rest else np.inf
    return [index[size > threshold] for index, size in zip(places, sizes, strict=True)]
