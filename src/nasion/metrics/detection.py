"""How well boxes are found: matching, recall, precision, average precision.

Matching is PASCAL VOC's (Everingham et al., IJCV 2010): best score first, each box takes the free true box it overlaps
most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasion.core import BoolArray, FloatArray, InputError, IntArray


@dataclass(frozen=True, slots=True)
class DetectionScore:
    """Found against true boxes over a set of images.

    Attributes:
        recall: share of the true boxes that were found, 0..1; NaN without true boxes.
        precision: share of the found boxes that are true, 0..1; NaN when nothing was found. Only as good as the truth
            is complete.
        average_precision: area under the interpolated precision-recall curve, 0..1; NaN without true boxes.
        true_boxes, found_boxes: how many.
    """

    recall: float
    precision: float
    average_precision: float
    true_boxes: int
    found_boxes: int


def iou_matrix(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union of (N, 4) and (M, 4) boxes x0, y0, x1, y1; (N, M), 0..1; empty boxes overlap nothing."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    area_a, area_b = ((boxes[:, 2:4] - boxes[:, :2]).prod(axis=1) for boxes in (a, b))
    union = area_a[:, None] + area_b[None] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared, np.float64), where=union > 0))


def match_boxes(found: FloatArray, scores: FloatArray, truth: FloatArray, overlap: float) -> IntArray:
    """Which true box each found box is.

    Args:
        found: (N, 4) boxes. scores: (N,). truth: (M, 4).
        overlap: the least IoU of a match, 0..1.

    Returns:
        (N,) index of the true box, -1 for none. Each true box is given away once, to the best score.
    """
    match = np.full(len(found), -1, np.intp)
    if not len(found) or not len(truth):
        return match
    shared = iou_matrix(found, truth)
    for i in np.argsort(-scores, kind="stable"):
        j = int(shared[i].argmax())
        if shared[i, j] >= overlap:
            match[i] = j
            shared[:, j] = -1
    return match


def detection_score(
    found: Sequence[FloatArray], scores: Sequence[FloatArray], truth: Sequence[FloatArray], overlap: float = 0.5
) -> DetectionScore:
    """Score a detector over images.

    Args:
        found: per image (N, 4) boxes. scores: per image (N,). truth: per image (M, 4).
        overlap: the least IoU of a match, 0..1.

    Raises:
        InputError: the three have different lengths.
    """
    if not len(found) == len(scores) == len(truth):
        raise InputError(f"one entry per image is needed in each: got {len(found)}, {len(scores)} and {len(truth)}")
    hits = [match_boxes(f, s, t, overlap) >= 0 for f, s, t in zip(found, scores, truth, strict=True)]
    hit = np.concatenate([*hits, np.zeros(0, bool)])
    score = np.concatenate([*scores, np.zeros(0)])
    true_boxes = sum(len(t) for t in truth)
    return DetectionScore(
        recall=float(hit.sum() / true_boxes) if true_boxes else float("nan"),
        precision=float(hit.mean()) if len(hit) else float("nan"),
        average_precision=average_precision(hit, score, true_boxes),
        true_boxes=true_boxes,
        found_boxes=len(hit),
    )


def precision_recall(hit: BoolArray, scores: FloatArray, true_boxes: int) -> tuple[FloatArray, FloatArray]:
    """Precision and recall at every threshold, highest first.

    Args:
        hit: (N,) whether each found box is a true one. scores: (N,). true_boxes: how many there are, at least 1.

    Returns:
        precision (N,), recall (N,).
    """
    ordered = hit[np.argsort(-scores, kind="stable")]
    right = np.cumsum(ordered)
    return right / np.arange(1, len(ordered) + 1), right / true_boxes


def average_precision(hit: BoolArray, scores: FloatArray, true_boxes: int) -> float:
    """Area under the precision-recall curve with precision made monotonic (PASCAL VOC from 2010); NaN without truth."""
    if true_boxes == 0:
        return float("nan")
    if not len(hit):
        return 0.0
    precision, recall = precision_recall(hit, scores, true_boxes)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * envelope).sum())
