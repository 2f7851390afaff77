"""How steady tracks are, and what steadiness cost: jitter, lag, and how much of a movement was kept."""

from __future__ import annotations

import numpy as np

from nasion.core import FloatArray, InputError

FINEST = 0.05  # frames, the step in which a lag is sought


def jitter(points: FloatArray, size: FloatArray | float) -> FloatArray:
    """(N,) mean length of the second difference of each point over a length of the face, such as the eyes' distance.

    Args:
        points: (T, N, 2+) px over at least 3 frames in a row; frames with NaN count for nothing.
        size: px, one number or (T,).

    Raises:
        InputError: fewer than 3 frames.
    """
    paths = _track(points, 3)
    second = np.linalg.norm(np.diff(paths, 2, axis=0), axis=2)
    return np.asarray(np.nanmean(second / np.broadcast_to(size, len(paths))[1:-1, None], axis=0))


def lag_frames(found: FloatArray, truth: FloatArray, most: float = 3.0) -> float:
    """Frames by which tracks come late: the delay of the truth that fits them best, in steps of 1/20 frame.

    The sum of squared differences of the velocities is least there, which is where their correlation is largest, for
    all points together. Negative: they come early. NaN where nothing moves.

    Args:
        found, truth: (T, N, 2+) px.
        most: frames, the longest delay sought either way.

    Raises:
        InputError: shapes that do not fit, or fewer than ``2 most + 4`` frames.
    """
    a, b = _track(found, int(2 * most) + 4), _track(truth, int(2 * most) + 4)
    if a.shape != b.shape:
        raise InputError(f"found and true tracks must have one shape, got {a.shape} and {b.shape}")
    a, b = (np.diff(paths, axis=0).reshape(len(paths) - 1, -1) for paths in (a, b))
    usable = np.isfinite(a).all(0) & np.isfinite(b).all(0)
    a, b = a[:, usable], b[:, usable]
    if not a.size or np.abs(b).max() == 0:
        return float("nan")
    edge = int(np.ceil(most))
    times = np.arange(edge, len(b) - edge)
    delays = np.arange(-most, most + FINEST / 2, FINEST)
    cost = [float(((a[times] - _between(b, times - delay)) ** 2).sum()) for delay in delays]
    return float(delays[int(np.argmin(cost))])


def range_kept(found: FloatArray, truth: FloatArray, low: float = 2, high: float = 98) -> float:
    """Share of a reading's range over a clip that was kept, such as the opening of an eye over a blink.

    Args:
        found, truth: (T,) readings.
        low, high: percentiles that make the range.

    Returns:
        1 where all of it was kept; NaN where the truth stands still.
    """
    spans = [np.diff(np.nanpercentile(values, (low, high)))[0] for values in (found, truth)]
    return float(spans[0] / spans[1]) if spans[1] > 0 else float("nan")


def _track(points: FloatArray, fewest: int) -> FloatArray:
    paths = np.asarray(points, np.float64)
    if paths.ndim != 3 or len(paths) < fewest:
        raise InputError(f"tracks are (T, N, 2) with at least {fewest} frames, got shape {paths.shape}")
    return paths


def _between(values: FloatArray, times: FloatArray) -> FloatArray:
    """(T, M) values at times between the frames, along straight lines."""
    before = np.floor(times).astype(int)
    share = (times - before)[:, None]
    after = np.minimum(before + 1, len(values) - 1)
    return np.asarray(values[before] * (1 - share) + values[after] * share)
