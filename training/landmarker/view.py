"""The network's view of a face: where a similarity of the five coarse points puts it in the crop."""

from __future__ import annotations

import numpy as np

CACHE = 256  # px, side of a cached crop
PIXELS_PER_VIEW = 160  # px of the cached crop that the network's view covers
# coarse5 in view units (0..1 of the network's crop): subject's right eye, left eye, nose tip, right and left mouth
# corner. Inter-pupil distance 0.27 leaves room for the forehead above and an open mouth below.
TEMPLATE = np.array([[0.365, 0.40], [0.635, 0.40], [0.5, 0.555], [0.393, 0.69], [0.607, 0.69]])


def align(coarse: np.ndarray) -> np.ndarray:
    """(2, 3) similarity that takes coarse5 points (5, 2) px, right side first, to view units."""
    mean_s, mean_d = coarse.mean(0), TEMPLATE.mean(0)
    s, d = coarse - mean_s, TEMPLATE - mean_d
    a = (s * d).sum()
    b = (s[:, 0] * d[:, 1] - s[:, 1] * d[:, 0]).sum()
    scale = (s**2).sum()
    linear = np.array([[a, -b], [b, a]]) / scale
    return np.concatenate([linear, (mean_d - linear @ mean_s)[:, None]], 1)
