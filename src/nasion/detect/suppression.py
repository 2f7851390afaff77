"""Keep one box per face."""

from __future__ import annotations

import numpy as np

from nasion.core import FloatArray, IntArray


def overlaps(box: FloatArray, boxes: FloatArray) -> FloatArray:
    """Intersection over union of one (4,) box with (N, 4) boxes; (N,), 0..1."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - shared
    return np.asarray(shared / np.maximum(union, 1e-9))


def suppress(boxes: FloatArray, scores: FloatArray, threshold: float) -> IntArray:
    """Greedy non-maximum suppression.

    Args:
        boxes: (N, 4) px.
        scores: (N,).
        threshold: boxes that overlap a better one by more than this (IoU, 0..1) are dropped.

    Returns:
        Indices of the boxes kept, best first.
    """
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[overlaps(boxes[best], boxes[order]) <= threshold]
    return np.array(kept, np.intp)
