"""How well events in time are found, and whose they are: temporal overlap, blinks, people followed through a clip.

The two measures of multi-person blink detection: Inst-AP asks whether each person was followed (boxes over time),
Blink-AP whether the blinks of the people that were followed are found. Blink-AP alone rewards a tracker that loses hard
people, so both belong together.

Source: Zeng et al., "Real-time Multi-person Eyeblink Detection in the Wild for Untrimmed Video", CVPR 2023, and its
released evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasion.core import BoolArray, FloatArray, InputError
from nasion.metrics.detection import average_precision, precision_recall

OVERLAPS = tuple(np.linspace(0.5, 0.95, 10))
SAME_PERSON = 0.5  # tube IoU from which a track is the person, for Blink-AP
_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True, eq=False)
class BlinkTrack:
    """One person through a clip of F frames, found or annotated.

    Attributes:
        boxes: (F, 4) px, x0, y0, x1, y1; NaN where the person is not there.
        blinks: (K, 2) frames, half open: the first frame of each blink, and the one after its last.
        blink_scores: (K,) 0..1.
        score: 0..1, how sure that this is a person.
    """

    boxes: FloatArray
    blinks: FloatArray
    blink_scores: FloatArray
    score: float = 1.0

    def __post_init__(self) -> None:
        if self.boxes.ndim != 2 or self.boxes.shape[1] != 4:
            raise InputError(f"boxes must have shape (frames, 4), got {self.boxes.shape}")
        if self.blinks.shape != (len(self.blink_scores), 2):
            raise InputError(
                f"blinks must have shape (K, 2) and a score each, got {self.blinks.shape} and {self.blink_scores.shape}"
            )


@dataclass(frozen=True, slots=True)
class BlinkScore:
    """Over a set of clips. Fractions 0..1, NaN where there is nothing to find.

    Attributes:
        inst_ap, inst_ap50, inst_ap75: of tracks; mean over IoU 0.50:0.05:0.95, at 0.5 and at 0.75.
        blink_ap, blink_ap50, blink_ap75, blink_ap95: of blinks on tracks that are the right person's.
        people, followed, blinks, found: true tracks, those matched, true blinks on those, blinks found on those.
    """

    inst_ap: float
    inst_ap50: float
    inst_ap75: float
    blink_ap: float
    blink_ap50: float
    blink_ap75: float
    blink_ap95: float
    people: int
    followed: int
    blinks: int
    found: int


def interval_iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union of (N, 2) and (M, 2) half-open intervals; (N, M), 0..1; empty ones overlap nothing."""
    shared = np.minimum(a[:, None, 1], b[None, :, 1]) - np.maximum(a[:, None, 0], b[None, :, 0])
    shared = np.clip(shared, 0, None)
    union = (a[:, 1] - a[:, 0])[:, None] + (b[:, 1] - b[:, 0])[None] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared, np.float64), where=union > 0))


def match_intervals(found: FloatArray, scores: FloatArray, truth: FloatArray, overlap: float) -> BoolArray:
    """Which found events are true ones; best score first, each true event is given away once.

    Args:
        found: (N, 2). scores: (N,). truth: (M, 2).
        overlap: the least IoU of a match.

    Returns:
        (N,) whether each is.
    """
    hit, shared = np.zeros(len(found), bool), interval_iou(found, truth)
    for i in np.argsort(-scores, kind="stable"):
        if len(truth) and shared[i].max() >= overlap:
            hit[i] = True
            shared[:, shared[i].argmax()] = -1
    return hit


def event_f1(found: FloatArray, truth: FloatArray, overlap: float = 0.5) -> float:
    """Harmonic mean of precision and recall of events, (N, 2) against (M, 2); NaN where both are empty."""
    if not len(found) + len(truth):
        return float("nan")
    hits = int(match_intervals(found, np.ones(len(found)), truth, overlap).sum())
    return 2 * hits / (len(found) + len(truth))


def tube_iou(a: FloatArray, b: FloatArray) -> float:
    """Overlap of two people's boxes over time: the sum of the intersections over the sum of the unions.

    Args:
        a, b: (F, 4) boxes, NaN where absent; a frame with one box adds its area to the union.
    """
    shared, union = _overlaps(a, b)
    return float(shared.sum() / union.sum()) if union.sum() > 0 else 0.0


def frame_iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """(F,) overlap of two people's boxes in each frame, 0..1; arguments as for `tube_iou`."""
    shared, union = _overlaps(a, b)
    return np.asarray(shared / np.where(union > 0, union, 1))


def _overlaps(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(F,) areas of intersection and union."""
    if a.shape != b.shape:
        raise InputError(f"both tracks need the same frames, got {a.shape} and {b.shape}")
    areas = [np.nan_to_num((boxes[:, 2:] - boxes[:, :2]).prod(1)) for boxes in (a, b)]
    size = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    shared = np.nan_to_num(np.clip(size, 0, None).prod(1))
    return shared, areas[0] + areas[1] - shared


def blink_score(
    found: Sequence[Sequence[BlinkTrack]], truth: Sequence[Sequence[BlinkTrack]], *, inclusive: bool = False
) -> BlinkScore:
    """Inst-AP and Blink-AP.

    Args:
        found, truth: per clip its tracks, all with that clip's number of frames.
        inclusive: count a blink as long as the difference of its last and first frame, as the released evaluation
            does; False counts its frames.

    Raises:
        InputError: different numbers of clips or frames.
    """
    if len(found) != len(truth):
        raise InputError(f"one list of tracks per clip is needed in each: got {len(found)} and {len(truth)}")
    overlaps = [
        np.array([[tube_iou(f.boxes, t.boxes) for t in true] for f in ours]).reshape(len(ours), len(true))
        for ours, true in zip(found, truth, strict=True)
    ]
    scores = np.array([track.score for ours in found for track in ours])
    people = sum(len(true) for true in truth)
    by_overlap = []
    for overlap in OVERLAPS:
        hits = [
            _owners(shared, [track.score for track in ours], overlap) >= 0
            for ours, shared in zip(found, overlaps, strict=True)
        ]
        by_overlap.append(_coco_ap(np.concatenate([*hits, np.zeros(0, bool)]), scores, people))
    pairs = [
        (ours[i], true[j])
        for ours, true, shared in zip(found, truth, overlaps, strict=True)
        for i, j in enumerate(_owners(shared, [track.score for track in ours], SAME_PERSON))
        if j >= 0
    ]
    blinks = [_blink_ap(pairs, overlap, 1.0 if inclusive else 0.0) for overlap in OVERLAPS]
    return BlinkScore(
        inst_ap=float(np.mean(by_overlap)), inst_ap50=by_overlap[0], inst_ap75=by_overlap[5],
        blink_ap=float(np.mean(blinks)), blink_ap50=blinks[0], blink_ap75=blinks[5], blink_ap95=blinks[9],
        people=people, followed=len(pairs), blinks=sum(len(true.blinks) for _, true in pairs),
        found=sum(len(ours.blinks) for ours, _ in pairs),
    )  # fmt: skip


def _owners(shared: FloatArray, scores: Sequence[float], overlap: float) -> FloatArray:
    """(N,) true track of each found one, -1 for none; best score first, each true track given away once."""
    shared, owner = shared.copy(), np.full(len(scores), -1)
    for i in np.argsort(-np.asarray(scores), kind="stable"):
        if shared.shape[1] and shared[i].max() >= overlap:
            owner[i] = shared[i].argmax()
            shared[:, owner[i]] = -1
    return owner


def _coco_ap(hit: BoolArray, scores: FloatArray, true: int) -> float:
    """Mean precision at 101 recalls, precision made monotonic."""
    if not true:
        return float("nan")
    if not len(hit):
        return 0.0
    precision, recall = precision_recall(hit, scores, true)
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(envelope[np.searchsorted(recall, _RECALLS - 1e-12, side="left")].mean())


def _blink_ap(pairs: Sequence[tuple[BlinkTrack, BlinkTrack]], overlap: float, shorter: float) -> float:
    """``shorter``: frames taken off the end of each blink."""
    less = np.array([0.0, shorter])
    hits = [match_intervals(ours.blinks - less, ours.blink_scores, true.blinks - less, overlap) for ours, true in pairs]
    scores = [ours.blink_scores for ours, _ in pairs]
    return average_precision(
        np.concatenate([*hits, np.zeros(0, bool)]),
        np.concatenate([*scores, np.zeros(0)]),
        sum(len(true.blinks) for _, true in pairs),
    )
