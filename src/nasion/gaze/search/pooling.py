"""Pooling over windows that grow with the distance from the fixation.

Source: "Visual Search Asymmetry: Deep Nets and Humans Share Similar Inherent Biases", NeurIPS 2021, arXiv 2106.02953.
"""

from __future__ import annotations

import cv2
import numpy as np

from nasion.core import FloatArray, InputError

FOVEA = 2.0  # degrees from the fixation in which pooling stays ordinary
RING = 1.0  # degrees, width of a ring


def ring_masks(shape: tuple[int, int], at: tuple[float, float], per_degree: float) -> FloatArray:
    """The plane cut into the fovea and rings of one degree about the fixation.

    Args:
        shape: (rows, columns).
        at: the fixation's column and row.
        per_degree: columns a degree.

    Returns:
        (K, rows, columns) float32 of 0 and 1, the fovea first, that sum to 1 everywhere. The last ring goes as far as
        the farthest corner.
    """
    if not per_degree > 0:
        raise InputError(f"a degree must have a size, got {per_degree}")
    number = _ring_numbers(shape, at, per_degree)
    return np.stack([number == k for k in range(int(number.max()) + 1)]).astype(np.float32)


def _ring_numbers(shape: tuple[int, int], at: tuple[float, float], per_degree: float) -> FloatArray:
    away = np.hypot(np.arange(shape[1])[None] - at[0], np.arange(shape[0])[:, None] - at[1]) / per_degree
    return np.asarray(np.maximum(np.ceil((away - FOVEA) / RING), 0).astype(int))


def ring_pool(features: FloatArray, at: tuple[float, float], slope: float, per_degree: float) -> FloatArray:
    """Average pooling with stride 2 and windows of 2 in the fovea, ``2 + round(slope * distance from it)`` outside.

    Args:
        features: (C, H, W) float32.
        at: the fixation's column and row, in the features' own cells.
        slope: growth of the window, cells a cell; 0 gives ordinary 2 x 2 pooling everywhere.
        per_degree: cells a degree.

    Returns:
        (C, ceil(H / 2), ceil(W / 2)) float32. Windows that leave the map average what is inside.
    """
    rows, columns = -(-features.shape[1] // 2), -(-features.shape[2] // 2)
    if slope == 0:
        return pool(features, 2)
    # the masks live on the pooled grid, whose cell i covers the cells 2 i and 2 i + 1
    centre = ((at[0] - 0.5) / 2, (at[1] - 0.5) / 2)
    number = _ring_numbers((rows, columns), centre, per_degree / 2)
    out = np.zeros((len(features), rows, columns), np.float32)
    cache: dict[int, FloatArray] = {}
    for k in np.unique(number):
        distance = (FOVEA + k * RING - 0.5 * RING if k else FOVEA) * per_degree
        window = 2 + max(round(slope * (distance - FOVEA * per_degree)), 0)
        if window not in cache:
            cache[window] = pool(features, window)
        here = number == k
        out[:, here] = cache[window][:, here]
    return out


def pool(features: FloatArray, window: int) -> FloatArray:
    """Average pooling (C, H, W) with stride 2 and any window, centred where the ordinary 2 x 2 window is."""
    stacked = np.ascontiguousarray(np.moveaxis(features, 0, 2), np.float32)
    height, width = stacked.shape[:2]
    anchor = ((window - 1) // 2, (window - 1) // 2)

    def added(x: FloatArray) -> FloatArray:
        found = cv2.boxFilter(x, -1, (window, window), anchor=anchor, normalize=False, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(found, np.float32).reshape(height, width, -1)

    total, count = added(stacked), added(np.ones((height, width), np.float32))
    return np.moveaxis(total[::2, ::2] / count[::2, ::2], 2, 0)
