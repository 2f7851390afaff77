"""When an expression begins, stands and ends: phases from how far the face is from its rest.

A face rests while its points lie near where they usually lie; it is in onset while that distance grows, at the apex
while it stands, in offset while it falls. Lids are left out: a blink is no expression.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from nasion.core import FloatArray, InputError, IntArray
from nasion.expression.sequence.presets import PARTS, Preset

PHASES: Final = ("neutral", "onset", "apex", "offset")
REST_S = 10.0  # to each side: what the rest of a moment is taken from
SMOOTH_S = 0.12  # of the distance, before its slope is read
LEAST = 0.012  # distances between the eyes: 0.8 mm; below, nothing is shown
STILL = 0.45  # of the episode's height a second, below which the distance stands; an onset of 0.6 s rises at 1.7
NEAR_S = 1.0  # to each side: where the height is looked for


def rest(time_s: FloatArray, still: FloatArray) -> FloatArray:
    """Where the points lie at rest around each moment: a rolling estimate, for clips that do not begin neutral.

    The median of the calmer half of the frames up to 10 s away, calm being near the median of all of them. A face that
    smiles for most of that time is taken to rest in its smile.

    Args:
        time_s: (F,) rising.
        still: (F, P, 2) upright points.

    Returns:
        (F, P, 2).
    """
    if not len(time_s):
        raise InputError("there are no frames to find the rest of a face in")
    knots = np.arange(time_s[0], time_s[-1] + 1, 1.0)
    found = []
    for knot in knots:
        near = still[np.abs(time_s - knot) <= REST_S]
        far = _distance(near - np.median(near, axis=0))
        found.append(np.median(near[far <= np.median(far)], axis=0))
    at = np.clip(np.searchsorted(knots, time_s) - 1, 0, len(knots) - 1)
    after = np.minimum(at + 1, len(knots) - 1)
    share = np.clip(time_s - knots[at], 0, 1)[:, None, None]
    every = np.stack(found)
    return np.asarray(every[at] * (1 - share) + every[after] * share)


def magnitude(still: FloatArray, at_rest: FloatArray, chosen: Preset) -> FloatArray:
    """(...,) root mean square distance from rest of (..., P, 2) points, lids left out, distances between the eyes."""
    return _distance((still - at_rest)[..., chosen.part != PARTS.index("eyes"), :])


def phases(time_s: FloatArray, size: FloatArray) -> IntArray:
    """(F,) index in ``PHASES`` from (F,) times, s, and distances from rest."""
    if len(time_s) < 3:
        return np.zeros(len(time_s), int)
    step = float(np.median(np.diff(time_s)))
    smooth = _smoothed(size, SMOOTH_S / step)
    reach = max(1, round(NEAR_S / step))
    padded = np.pad(smooth, reach, mode="edge")
    height = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(1)
    slope = np.gradient(smooth, time_s)
    floor = max(LEAST, 3 * float(np.median(smooth[smooth <= np.median(smooth)])) if len(smooth) else LEAST)
    floor = min(floor, max(LEAST, 0.25 * float(smooth.max())))  # a shaky rest does not hide what is much larger
    found = np.where(slope > STILL * height, 1, np.where(slope < -STILL * height, 3, 2))
    low = np.maximum(floor, 0.12 * height)
    return np.where(smooth < low, 0, found)


def _distance(moved: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt((moved**2).sum(-1).mean(-1)))


def _smoothed(values: FloatArray, spread: float) -> FloatArray:
    """Gaussian of this many frames."""
    reach = max(1, int(np.ceil(3 * spread)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(spread, 1e-6)) ** 2)
    return np.convolve(np.pad(values, reach, mode="edge"), kernel / kernel.sum(), "valid")
