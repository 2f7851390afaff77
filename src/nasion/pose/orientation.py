"""Which way a head is turned, in classes that do not flicker, each with how sure that it is right.

Source: "Real-Time Confidence Detection through Facial Expressions and Hand Gestures", arXiv 2506.09153, of which only
the idea is public: pose angles become the labels forward, left, right, up, down. The thresholds with hysteresis, the
neutral pose and the confidence are ours. A label says where a head points, not what its owner feels or attends to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, sqrt
from typing import Final, Literal

import numpy as np

from nasion.core import FloatArray, InputError
from nasion.track.one_euro import OneEuroFilter

Label = Literal["forward", "left", "right", "up", "down", "unknown"]
LABELS: Final[tuple[Label, ...]] = ("forward", "left", "right", "up", "down", "unknown")
YAW, PITCH = (15.0, 10.0), (12.0, 8.0)  # degrees at which a head turns away, and at which it comes back
EDGE = (sum(YAW) / 2, sum(PITCH) / 2)
HOLD_S = 0.3  # a new label must last this long
NEUTRAL_S = 2.0  # of looking at the screen at the beginning: what straight ahead is for this person and camera
FARTHEST_NEUTRAL = 25.0  # degrees: somebody turned farther did not look at the screen
ERROR = (3.0, 6.0)  # degrees, median error of yaw and pitch on photos: `nasion bench pose`
MIN_CUTOFF, SPEED_GAIN = 1.0, 0.05  # One-Euro filter of the angles: Hz, and Hz per degree a second
LONGEST_GAP_S = 0.5  # seconds without a head, after which the filter begins anew


@dataclass(frozen=True, slots=True, eq=False)
class Orientation:
    """A head through a clip.

    Attributes:
        time_s: (N,) seconds.
        yaw, pitch: (N,) degrees from the person's neutral pose, smoothed; signs as in ``nasion.core.pose``.
        label: (N,) of ``LABELS``; left and right are the subject's.
        confidence: (N,) 0..1, the probability that the label is right, given the usual error of the pose and its
            reliability.
        neutral: (yaw, pitch) degrees that were taken off.
    """

    time_s: FloatArray
    yaw: FloatArray
    pitch: FloatArray
    label: tuple[Label, ...]
    confidence: FloatArray
    neutral: tuple[float, float]


def neutral_pose(
    time_s: FloatArray, yaw: FloatArray, pitch: FloatArray, seconds: float = NEUTRAL_S
) -> tuple[float, float]:
    """Median yaw and pitch of the first ``seconds`` of known angles; (0, 0) where that is no look at the screen."""
    known = np.flatnonzero(np.isfinite(yaw) & np.isfinite(pitch))
    if not len(known):
        return 0.0, 0.0
    first = known[time_s[known] <= time_s[known[0]] + seconds]
    middle = float(np.median(yaw[first])), float(np.median(pitch[first]))
    return middle if max(map(abs, middle)) <= FARTHEST_NEUTRAL else (0.0, 0.0)


def head_orientation(
    time_s: Sequence[float] | FloatArray,
    yaw: Sequence[float] | FloatArray,
    pitch: Sequence[float] | FloatArray,
    *,
    reliability: Sequence[float] | FloatArray | None = None,
    neutral: tuple[float, float] | None = None,
) -> Orientation:
    """Label every frame of one person.

    Args:
        time_s: (N,) seconds, rising.
        yaw, pitch: (N,) degrees, as in ``nasion.core.Pose``; NaN where unknown.
        reliability: (N,) 0..1 of the pose; frames below 0.5 are "unknown".
        neutral: what straight ahead is, degrees; None takes the median of the first two seconds.

    Raises:
        InputError: the arrays have different lengths, or time does not rise.
    """
    time, turn, lift = (np.asarray(values, np.float64) for values in (time_s, yaw, pitch))
    trust = np.ones(len(time)) if reliability is None else np.asarray(reliability, np.float64)
    if not len(time) == len(turn) == len(lift) == len(trust) or time.ndim != 1:
        raise InputError(f"one angle per time is needed, got {time.shape}, {turn.shape}, {lift.shape}, {trust.shape}")
    if (np.diff(time) < 0).any():
        raise InputError("times must rise: give the frames of one person in order")
    known = np.isfinite(turn) & np.isfinite(lift) & (trust >= 0.5)
    turn, lift = np.where(known, turn, np.nan), np.where(known, lift, np.nan)
    rest = neutral_pose(time, turn, lift) if neutral is None else neutral
    smooth = _smooth(time, np.stack([turn - rest[0], lift - rest[1]], axis=1))
    labels = _steady(time, smooth)
    sure = np.array([_confidence(label, *angles) for label, angles in zip(labels, smooth, strict=True)])
    sure = sure * np.where(known, trust, 0)
    return Orientation(time, smooth[:, 0], smooth[:, 1], tuple(labels), sure, rest)


def _smooth(time_s: FloatArray, angles: FloatArray) -> FloatArray:
    out, one_euro, last = np.full_like(angles, np.nan), None, -np.inf
    for i in np.flatnonzero(np.isfinite(angles).all(1)):
        if one_euro is None or time_s[i] - last > LONGEST_GAP_S:
            one_euro = OneEuroFilter(min_cutoff=MIN_CUTOFF, speed_gain=SPEED_GAIN)
        out[i], last = one_euro(angles[i][None], float(time_s[i]), 1.0)[0], time_s[i]
    return out


def _steady(time_s: FloatArray, angles: FloatArray) -> list[Label]:
    """Labels with hysteresis; a change counts from when it began, once it has lasted ``HOLD_S``."""
    labels: list[Label] = []
    now: Label = "unknown"
    waiting, since = now, 0
    for i, (yaw, pitch) in enumerate(angles):
        new = _label(yaw, pitch, now)
        if new == now:
            waiting = now
        elif new != waiting:
            waiting, since = new, i
        labels.append(now)
        if waiting != now and (now == "unknown" or time_s[i] - time_s[since] >= HOLD_S - 1e-9):
            labels[since:] = [waiting] * (i + 1 - since)
            now = waiting
    return labels


def _label(yaw: float, pitch: float, now: Label) -> Label:
    """The class of one pose; the class it is in now is left only at the inner threshold."""
    if not np.isfinite(yaw + pitch):
        return "unknown"
    side, height = YAW[now in ("left", "right")], PITCH[now in ("up", "down")]
    across, up = abs(yaw) / side, abs(pitch) / height
    if max(across, up) <= 1:
        return "forward"
    if across >= up:
        return "right" if yaw > 0 else "left"
    return "up" if pitch > 0 else "down"


def _confidence(label: Label, yaw: float, pitch: float) -> float:
    """Probability that both angles lie on the label's side of the thresholds, for normal errors."""
    if label == "unknown" or not np.isfinite(yaw + pitch):
        return 0.0
    sigma = [error / 0.6745 for error in ERROR]  # of a normal distribution with that median absolute value
    inside = [
        _normal((limit - angle) / s) - _normal((-limit - angle) / s)
        for angle, limit, s in zip((yaw, pitch), EDGE, sigma, strict=True)
    ]
    if label == "forward":
        return inside[0] * inside[1]
    angle, limit, s = (yaw, EDGE[0], sigma[0]) if label in ("left", "right") else (pitch, EDGE[1], sigma[1])
    sign = 1.0 if label in ("right", "up") else -1.0
    return _normal((sign * angle - limit) / s)


def _normal(z: float) -> float:
    return 0.5 * (1 + erf(z / sqrt(2)))
