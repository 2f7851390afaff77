"""The twenty points that LandmarkGaze looks at, and the numbers made of them.

Per eye five iris points, both corners, the middles of the lids; of the head the nose tip and the point between the
brows. Source: "Is Geometry Enough? An Evaluation of Landmark-Based Gaze Estimation", arXiv 2603.24724.
"""

from __future__ import annotations

import numpy as np

from nasion.core import FloatArray
from nasion.gaze.normalize import SIDE

RIGHT_EYE = (468, 469, 470, 471, 472, 33, 133, 159, 145)  # iris, outer and inner corner, upper and lower lid
LEFT_EYE = (473, 474, 475, 476, 477, 263, 362, 386, 374)
ANCHORS = (1, 9)  # nose tip, between the brows
POINTS = (*RIGHT_EYE, *LEFT_EYE, *ANCHORS)  # of dense478
GROUPS = {  # rows of POINTS, for asking what matters
    "right iris": slice(0, 5),
    "left iris": slice(9, 14),
    "right contour": slice(5, 9),
    "left contour": slice(14, 18),
    "anchors": slice(18, 20),
}
_CORNERS = [5, 6, 14, 15]


def holistic(points: FloatArray) -> FloatArray:
    """(B, 20, 2) normalised px to (B, 40) float32: all points about the mean of each face's own four eye corners."""
    centred = points - points[:, _CORNERS].mean(axis=1, keepdims=True)
    return np.asarray(centred.reshape(len(points), -1) / SIDE, np.float32)


def two_branch(points: FloatArray) -> FloatArray:
    """(B, 20, 2) normalised px to (B, 42) float32.

    Eighteen numbers of the right eye about the middle of its corners, eighteen of the left, the way from the right
    eye's middle to the left one's, and both anchors about the point half-way.
    """
    right, left = points[:, :9], points[:, 9:18]
    a, b = right[:, 5:7].mean(axis=1, keepdims=True), left[:, 5:7].mean(axis=1, keepdims=True)
    parts = (right - a, left - b, b - a, points[:, 18:] - (a + b) / 2)
    return np.asarray(np.concatenate([p.reshape(len(points), -1) for p in parts], axis=1) / SIDE, np.float32)
