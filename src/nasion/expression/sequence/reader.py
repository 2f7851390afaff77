"""Expressions that faces show, window by window, from landmarks alone.

Source: arXiv 2512.05669. Trained by ``nasion.train.convlstm_expression``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from nasion.core import FloatArray, InputError, IntArray, ModelError
from nasion.expression.sequence.features import FRAMES, SHORT_PX, change_tensor, corner_points, upright
from nasion.expression.sequence.phases import PHASES, magnitude, phases, rest
from nasion.expression.sequence.presets import PRESETS, preset
from nasion.models import Session

WINDOW_S, HOP_S = 0.8, 0.1  # from the second key frame's step to the last; from window to window
SHORTEST_S = 0.3  # of something shown
TURNED, AWAY = 8.0, 25.0  # degrees from the pose at rest: where doubt begins, and where nothing is said
LIMITS: Final = (
    "Shown facial movement, not felt emotion: people smile without joy and grieve without a sign.",
    "Learned on synthetic faces by textbook recipes; on real faces it is wrong far more often: see its page.",
    "Talk and turning the head can pass for an expression; who holds one for most of 20 s is taken to rest in it.",
)


@dataclass(frozen=True, slots=True, eq=False)
class ShownTrack:
    """What one face shows through a clip.

    Attributes:
        time_s: (W,) seconds, the end of each window.
        classes: names of the expressions.
        probabilities: (W, C), rows sum to 1. They are the network's own shares, not calibrated on people.
        magnitude: (W,) root mean square distance of the points from rest, distances between the eyes.
        phase: (W,) index in ``PHASES``.
        reliability: (W,) 0..1: falls as the head turns away from where it rests; below 0.5 do not believe.
    """

    time_s: FloatArray
    classes: tuple[str, ...]
    probabilities: FloatArray
    magnitude: FloatArray
    phase: IntArray
    reliability: FloatArray


@dataclass(frozen=True, slots=True)
class Shown:
    """One expression from the beginning of its onset to the end of its offset.

    Attributes:
        label: the likeliest expression.
        start_s, apex_s, end_s: seconds; ``apex_s`` is where the face is farthest from rest.
        probability: mean of the label over onset and apex.
        reliability: mean over the same.
    """

    label: str
    start_s: float
    apex_s: float
    end_s: float
    probability: float
    reliability: float


class ShownExpression:
    """Reads sequences and clips.

    Args:
        model: a name of the catalogue, or a file that ``nasion train convlstm1d-expression`` wrote.
        threads: of ONNX Runtime.

    Attributes:
        classes: names of what it tells apart.
        preset: the points that it looks at.

    Raises:
        ModelError: the model cannot be loaded or is no such network.
    """

    def __init__(self, model: str | Path = "expression", *, threads: int = 1) -> None:
        self.session = Session(model, threads=threads)
        facts = self.session.metadata
        if "changes" not in self.session.input_shapes or facts.get("points") not in PRESETS:
            raise ModelError(f"{self.session.path} is no network of `nasion train convlstm1d-expression`")
        self.classes = tuple(facts["classes"].split(","))
        self.preset = preset(facts["points"])

    def upright(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(..., P, 2) upright points and (...,) px between the eyes of (..., 478, 2|3) dense points."""
        flat = np.asarray(points[..., :2], np.float64)
        return upright(flat[..., self.preset.points, :], corner_points(flat))

    def sequences(self, points: FloatArray) -> FloatArray:
        """(N, C) probabilities of (N, 5, 478, 2|3) key frames in px, the first one neutral."""
        points = np.asarray(points)
        if points.ndim != 4 or points.shape[1:3] != (FRAMES, 478):
            raise InputError(f"sequences are (N, {FRAMES}, 478, 2 or 3) dense points, got shape {points.shape}")
        still, apart = self.upright(points)
        return self.keys(still, apart.min(-1))

    def track(
        self, time_s: FloatArray, still: FloatArray, apart: FloatArray, pose: FloatArray | None = None
    ) -> ShownTrack:
        """Every window of a clip.

        Args:
            time_s: (F,) rising seconds, of the frames with the face.
            still, apart: of `upright`.
            pose: (F, 2) yaw and pitch, degrees, NaN where unknown; None for no head pose.
        """
        time_s, still = np.asarray(time_s, np.float64), np.asarray(still, np.float64)
        at_rest = rest(time_s, still)
        ends = np.arange(time_s[0], time_s[-1] + 1e-6, HOP_S)
        back = WINDOW_S * np.arange(FRAMES - 2, -1, -1) / (FRAMES - 1)
        keys = np.concatenate([_at(time_s, at_rest, ends)[:, None], _at(time_s, still, ends[:, None] - back)], axis=1)
        found = self.keys(keys, np.interp(ends, time_s, apart)) if len(ends) else np.empty((0, len(self.classes)))
        size = magnitude(still, at_rest, self.preset)
        phase = phases(time_s, size)
        nearest = np.abs(time_s[None] - ends[:, None]).argmin(1)
        trust = np.ones(len(ends)) if pose is None else _trust(np.asarray(pose, np.float64))[nearest]
        gap = np.abs(time_s[nearest] - ends) > WINDOW_S / 2
        return ShownTrack(
            ends, self.classes, found, np.interp(ends, time_s, size), phase[nearest], np.where(gap, 0, trust)
        )

    def __call__(self, time_s: FloatArray, points: FloatArray, pose: FloatArray | None = None) -> ShownTrack:
        """The track of (F, 478, 2|3) dense points, px, at (F,) seconds."""
        still, apart = self.upright(points)
        return self.track(time_s, still, apart, pose)

    def keys(self, still: FloatArray, apart: FloatArray) -> FloatArray:
        """(N, C) probabilities of (N, 5, P, 2) upright key frames; (N,) px between the eyes."""
        changes = change_tensor(still, self.preset, SHORT_PX / apart).astype(np.float32)
        return np.asarray(self.session.run({"changes": changes})["probabilities"])


def shown_spans(track: ShownTrack) -> list[Shown]:
    """What was shown, one after the other: stretches away from rest, named by their onset and apex.

    Stretches that look most like no expression (talk, a glance) are left out, and so are those below half reliability.
    """
    away = np.concatenate([[0], (track.phase > 0).astype(int), [0]])
    starts, ends = np.flatnonzero(np.diff(away) == 1), np.flatnonzero(np.diff(away) == -1)
    found = []
    for start, end in zip(starts, ends, strict=True):
        rows = np.arange(start, end)
        early = rows[track.phase[rows] < PHASES.index("offset")]
        if track.time_s[end - 1] - track.time_s[start] < SHORTEST_S or not len(early):
            continue
        weight = track.magnitude[early]
        mean = (track.probabilities[early] * weight[:, None]).sum(0) / weight.sum()
        trust = float(track.reliability[early].mean())
        label = track.classes[int(mean.argmax())]
        if label != "neutral" and trust >= 0.5:
            apex = rows[track.magnitude[rows].argmax()]
            found.append(
                Shown(
                    label, float(track.time_s[start]), float(track.time_s[apex]), float(track.time_s[end - 1]),
                    float(mean.max()), trust,
                )
            )  # fmt: skip
    return found


def _at(time_s: FloatArray, values: FloatArray, when: FloatArray) -> FloatArray:
    """(..., P, 2) values at other times, straight between frames."""
    after = np.clip(np.searchsorted(time_s, when), 1, max(1, len(time_s) - 1))
    if len(time_s) == 1:
        return values[np.zeros_like(after)]
    before = after - 1
    share = np.clip((when - time_s[before]) / (time_s[after] - time_s[before]), 0, 1)[..., None, None]
    return np.asarray(values[before] * (1 - share) + values[after] * share)


def _trust(pose: FloatArray) -> FloatArray:
    """(F,) 0..1 from how far yaw and pitch are from their medians; 0 where unknown."""
    known = np.isfinite(pose).all(1)
    if not known.any():
        return np.zeros(len(pose))
    off = np.abs(pose - np.median(pose[known], axis=0)).max(1)
    return np.where(known, np.clip(1 - 0.5 * (off - TURNED) / (0.5 * (AWAY - TURNED)), 0, 1), 0.0)
