"""Attention in a recording, as far as heads tell: who faced the screen when, in figures with names.

Never one score for confidence or engagement: a share of time facing forward, a share not seen, turns away and how
steady the head was, each on its own. Source: arXiv 2506.09153, see ``nasion.pose.orientation``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

import numpy as np

from nasion.core import FloatArray
from nasion.pose.orientation import Label, Orientation

WINDOW_S = 10.0
LIMITS: Final = (
    "A head's direction is not attention: people listen while looking away, and daydream while facing the screen.",
    "It says nothing about confidence, honesty or competence; do not judge anybody by it.",
    "Straight ahead is the median of a person's first two seconds; who did not face the screen then reads wrong.",
)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time with one label.

    Attributes:
        label: of `nasion.pose.orientation.LABELS`.
        start_s, end_s: seconds; the end is the time of the first frame after it.
        confidence: mean over its frames, 0..1.
    """

    label: Label
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Attention:
    """One person through a recording. Shares 0..1.

    Attributes:
        seen_s: seconds in which the face was seen; from the first to the last frame is ``present_s``.
        present_s: see above.
        forward, left, right, up, down: shares of the time with a known label.
        unseen: share of ``present_s`` without a face or with a pose not to be believed.
        turns_per_minute: how often the head turned away from forward, a minute with a known label.
        longest_away_s: the longest stretch not facing forward.
        steadiness_deg_s: median speed of yaw and pitch, degrees a second: low for a head held still.
        confidence: mean of the labels' confidence.
    """

    seen_s: float
    present_s: float
    forward: float
    left: float
    right: float
    up: float
    down: float
    unseen: float
    turns_per_minute: float
    longest_away_s: float
    steadiness_deg_s: float
    confidence: float


def spans(found: Orientation) -> list[Span]:
    """The labels of a clip as stretches of time, in order."""
    if not len(found.time_s):
        return []
    ends = np.append(found.time_s[1:], found.time_s[-1] + _step(found.time_s))
    made: list[Span] = []
    at = 0
    for label, group in groupby(found.label):
        count = len(list(group))
        part = slice(at, at + count)
        made.append(
            Span(label, float(found.time_s[at]), float(ends[at + count - 1]), float(found.confidence[part].mean()))
        )
        at += count
    return made


def attention(found: Orientation, clip_s: float | None = None) -> Attention:
    """The figures of one person.

    Args:
        found: as `nasion.pose.head_orientation` gives it.
        clip_s: length of the recording, s: time before a person's first and after the last frame then counts as
            unseen; None counts from the first to the last frame.
    """
    parts = spans(found)
    known = [part for part in parts if part.label != "unknown"]
    step = _step(found.time_s)
    seen = float(sum(part.end_s - part.start_s for part in known)) - _gaps(found.time_s, step)
    present = clip_s if clip_s is not None else (parts[-1].end_s - parts[0].start_s if parts else 0.0)
    labelled = np.array(found.label)
    counted = labelled[labelled != "unknown"]
    share = {name: float((counted == name).mean()) if len(counted) else float("nan") for name in
             ("forward", "left", "right", "up", "down")}  # fmt: skip
    away = [part for part in known if part.label != "forward"]
    turns = sum(a.label == "forward" and b.label not in ("forward", "unknown") for a, b in pairwise(parts))
    sure = found.confidence[labelled != "unknown"]
    return Attention(
        seen_s=max(0.0, seen), present_s=present, **share,
        unseen=float(np.clip(1 - seen / present, 0, 1)) if present > 0 else float("nan"),
        turns_per_minute=60 * turns / seen if seen > 0 else float("nan"),
        longest_away_s=_longest(away), steadiness_deg_s=_speed(found),
        confidence=float(sure.mean()) if len(sure) else float("nan"),
    )  # fmt: skip


def attention_curve(found: Orientation, window_s: float = WINDOW_S) -> FloatArray:
    """(N,) share of the known labels of the last ``window_s`` seconds that are forward; NaN without any."""
    forward = np.array([label == "forward" for label in found.label], float)
    known = np.array([label != "unknown" for label in found.label], float)
    first = np.searchsorted(found.time_s, found.time_s - window_s, side="right")
    sums = [np.concatenate([[0.0], np.cumsum(values)]) for values in (forward * known, known)]
    ours, every = (total[1:] - total[first] for total in sums)
    return np.asarray(np.where(every > 0, ours / np.maximum(every, 1), np.nan))


def _longest(away: list[Span]) -> float:
    """Stretches that follow each other are one."""
    longest = start = end = 0.0
    for part in away:
        start = part.start_s if part.start_s > end + 1e-9 or not end else start
        end = part.end_s
        longest = max(longest, end - start)
    return longest


def _speed(found: Orientation) -> float:
    steps = np.diff(found.time_s)
    speed = np.hypot(np.diff(found.yaw), np.diff(found.pitch))[steps > 0] / steps[steps > 0]
    speed = speed[np.isfinite(speed)]
    return float(np.median(speed)) if len(speed) else float("nan")


def _step(time_s: FloatArray) -> float:
    return float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0


def _gaps(time_s: FloatArray, step: float) -> float:
    """Seconds missing between frames of a person who was away."""
    steps = np.diff(time_s)
    return float((steps[steps > 3 * step] - step).sum()) if len(steps) else 0.0
