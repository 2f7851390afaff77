"""Clips into videos: what a detector sees in overlapping clips, joined into people, and its scores into blinks.

A network that looks at 36 frames at a time says who is where in each clip, without ids. Clips start every 18 frames, so
each pair of neighbours shares 18, in which the same person has the same boxes: the best pairs are joined, greedily.

Source: Zeng et al., "Real-time Multi-person Eyeblink Detection in the Wild for Untrimmed Video", CVPR 2023, and its
released code, whose weights (face score 2, distance 5, overlap 1) and thresholds these are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray, InputError
from nasion.metrics import BlinkTrack, tube_iou

CLIP, STRIDE = 36, 18  # frames
SCORE, DISTANCE, OVERLAP = 2.0, 5.0, 1.0  # weights of a match
LEAST = 0.2  # weighted mean, below which somebody new begins
THRESHOLD = 0.3  # of the blink score, from which a frame is part of a blink


@dataclass(frozen=True, slots=True, eq=False)
class ClipTrack:
    """One person in one clip.

    Attributes:
        start: number of the clip's first frame.
        boxes: (T, 4) x0, y0, x1, y1 as fractions of the picture; NaN where absent.
        face: (T,) 0..1, that a face is there.
        blink: (T,) 0..1, that it blinks.
    """

    start: int
    boxes: FloatArray
    face: FloatArray
    blink: FloatArray

    def __post_init__(self) -> None:
        if not self.boxes.shape == (len(self.face), 4) or len(self.face) != len(self.blink):
            raise InputError(
                f"a clip's boxes, face and blink scores need one row a frame, got {self.boxes.shape}, "
                f"{self.face.shape}, {self.blink.shape}"
            )


def clip_starts(frames: int, length: int = CLIP, stride: int = STRIDE) -> list[int]:
    """First frames of the clips that cover a video; the last one ends with it."""
    if frames <= length:
        return [0]
    return [*range(0, frames - length, stride), frames - length]


def link_clips(
    clips: Sequence[Sequence[ClipTrack]], frames: int, *, threshold: float = THRESHOLD
) -> tuple[list[BlinkTrack], list[FloatArray]]:
    """Join the people of overlapping clips; what two clips say of a frame is averaged.

    Args:
        clips: people of each clip, in order of their starts.
        frames: of the whole video.
        threshold: of the blink score.

    Returns:
        The people, boxes as fractions, with their blinks; and (F,) blink scores of each, 0 where they are not seen.
    """
    people: list[list[ClipTrack]] = []
    open_: dict[int, int] = {}  # person to the start of their last clip
    for clip in clips:
        matched = _match([people[person][-1] for person in open_], clip)
        known = list(open_)
        open_ = {}
        for i, track in enumerate(clip):
            if i in matched:
                person = known[matched[i]]
                people[person].append(track)
            else:
                person = len(people)
                people.append([track])
            open_[person] = track.start
    joined = [_join(parts, frames) for parts in people]
    return [_finished(*parts, threshold) for parts in joined], [blink for _, _, blink in joined]


def score_runs(scores: FloatArray, threshold: float = THRESHOLD) -> tuple[FloatArray, FloatArray]:
    """Runs of frames whose score reaches a threshold.

    Returns:
        (K, 2) frames, half open; (K,) mean score of each run.
    """
    inside = np.concatenate([[False], np.asarray(scores) >= threshold, [False]])
    edges = np.flatnonzero(np.diff(inside.astype(int))).reshape(-1, 2)
    means = np.array([float(np.mean(scores[a:b])) for a, b in edges])
    return edges.astype(float), means


def match_score(a: ClipTrack, b: ClipTrack) -> float:
    """How alike two people are in the frames that both clips hold, 0..1; 0 where they share none."""
    low, high = max(a.start, b.start), min(a.start + len(a.face), b.start + len(b.face))
    if high <= low:
        return 0.0
    ours, theirs = (slice(low - t.start, high - t.start) for t in (a, b))
    both = np.isfinite(a.boxes[ours]).all(1) & np.isfinite(b.boxes[theirs]).all(1)
    if not both.any():
        return 0.0
    off = float(np.abs(a.boxes[ours][both] - b.boxes[theirs][both]).mean())
    size = float(np.sqrt(np.abs((a.boxes[ours][both, 2:] - a.boxes[ours][both, :2]).prod(1)).mean()))
    near = float(np.exp(-4 * off / max(size, 1e-9)))  # a quarter of the face's size off: a third
    faces = float(np.minimum(a.face[ours], b.face[theirs])[both].mean())
    shared = tube_iou(a.boxes[ours], b.boxes[theirs])
    return (SCORE * faces * (shared > 0) + DISTANCE * near + OVERLAP * shared) / (SCORE + DISTANCE + OVERLAP)


def _match(known: Sequence[ClipTrack], found: Sequence[ClipTrack]) -> dict[int, int]:
    """Index in ``found`` to index in ``known``, best pairs first."""
    table = np.array([[match_score(a, b) for b in found] for a in known]).reshape(len(known), len(found))
    pairs: dict[int, int] = {}
    while table.size and table.max() >= LEAST:
        i, j = np.unravel_index(table.argmax(), table.shape)
        pairs[int(j)] = int(i)
        table[i], table[:, j] = -1, -1
    return pairs


def _join(parts: Sequence[ClipTrack], frames: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Boxes, face and blink scores over the whole video."""
    boxes, face, blink, count = np.zeros((frames, 4)), np.zeros(frames), np.zeros(frames), np.zeros(frames)
    seen = np.zeros(frames)
    for part in parts:
        here = slice(part.start, min(frames, part.start + len(part.face)))
        length = here.stop - here.start
        known = np.asarray(np.isfinite(part.boxes[:length]).all(1))
        boxes[here] += np.where(known[:, None], part.boxes[:length], 0)
        seen[here] += known
        face[here], blink[here], count[here] = (
            face[here] + part.face[:length], blink[here] + part.blink[:length], count[here] + 1,
        )  # fmt: skip
    placed = np.where(seen[:, None] > 0, boxes / np.maximum(seen, 1)[:, None], np.nan)
    return placed, face / np.maximum(count, 1), blink / np.maximum(count, 1)


def _finished(boxes: FloatArray, face: FloatArray, blink: FloatArray, threshold: float) -> BlinkTrack:
    blinks, scores = score_runs(blink, threshold)
    present = np.isfinite(boxes).all(1)
    return BlinkTrack(boxes, blinks, scores, float(face[present].mean()) if present.any() else 0.0)


def cut_clips(boxes: FloatArray, blink: FloatArray, length: int = CLIP, stride: int = STRIDE) -> list[list[ClipTrack]]:
    """A whole video's people cut into clips without ids, as a clip-wise detector would give them.

    Args:
        boxes: (P, F, 4) fractions, NaN where absent. blink: (P, F) 0..1.
    """
    clips = []
    for start in clip_starts(boxes.shape[1], length, stride):
        part = slice(start, start + length)
        here = [p for p in range(len(boxes)) if np.isfinite(boxes[p, part]).all(1).any()]
        clips.append([
            ClipTrack(start, boxes[p, part], np.isfinite(boxes[p, part]).all(1).astype(float), blink[p, part])
            for p in here
        ])  # fmt: skip
    return clips
