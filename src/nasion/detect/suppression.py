"""Keep one box per face."""

from __future__ import annotations

import cv2
import numpy as np

from nasion.core import BoolArray, FloatArray, IntArray


def suppress(boxes: FloatArray, scores: FloatArray, threshold: float) -> IntArray:
    """Greedy non-maximum suppression.

    Args:
        boxes: (N, 4) x0, y0, x1, y1 px.
        scores: (N,), above 0.
        threshold: boxes that overlap a better one by more than this (IoU, 0..1) are dropped.

    Returns:
        Indices of the boxes kept, best first.
    """
    if len(boxes) == 0:
        return np.zeros(0, np.intp)
    corner_and_size = np.concatenate([boxes[:, :2], boxes[:, 2:4] - boxes[:, :2]], axis=1, dtype=np.float64)
    kept = cv2.dnn.NMSBoxes(corner_and_size, np.asarray(scores, np.float32), 0.0, threshold)  # type: ignore[arg-type]  # OpenCV's stubs ask for lists of tuples; arrays are copied less
    return np.asarray(kept, np.intp).reshape(-1)


def apart(boxes: FloatArray, threshold: float) -> BoolArray:
    """Which boxes do not share much with a better one, however different their sizes.

    Args:
        boxes: (N, 4) px, best first.
        threshold: a box is out when it shares more than this part of the smaller of the two with a better one, 0..1.

    Returns:
        (N,) True for the boxes to keep.
    """
    if len(boxes) < 2:
        return np.ones(len(boxes), np.bool_)
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    sides = np.maximum(np.minimum(boxes[:, None, 2:4], boxes[None, :, 2:4]) - low, 0)
    shared, area = sides[..., 0] * sides[..., 1], (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    inside = shared > threshold * np.maximum(np.minimum(area[:, None], area), 1e-9)
    rank = np.arange(len(boxes))
    return np.asarray(~(inside & (rank[:, None] < rank)).any(axis=0))
