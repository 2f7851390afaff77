"""Faces as sessions see them: points lifted to three dimensions, the toolkit's canonical numbers, the blink gate.

Source: EMC-Gaze, arXiv 2603.12388; the canonical frame and the blink gate are those of its author's toolkit EyeTrax.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from nasion.core import Camera, FloatArray

_RIGHT = (468, 469, 470, 471, 472, 33, 160, 159, 158, 133, 153, 145, 144)  # iris, then round the lids
_LEFT = (473, 474, 475, 476, 477, 263, 387, 386, 385, 362, 380, 374, 373)
_HEAD = (4, 9, 151, 168, 234, 454, 50, 280)  # nose tip, brow, forehead, bridge, both sides of the face, cheeks
NODES = (*_RIGHT, *_LEFT, *_HEAD)  # of dense478: what the encoder looks at
EYES = slice(0, 13), slice(13, 26)  # rows of NODES: the right eye, the left
IRISES = (0, 13)
CORNERS = (5, 9, 18, 22)

RAW = (*_RIGHT, *_LEFT, 4, 10, 151, 9, 152, 234, 454, 58, 288)  # what the toolkit's ridge looks at, in small
HISTORY, FIRST, USUAL, SHARE = 50, 15, 0.2, 0.8  # frames, frames, openness until then, share of the mean


def lift(points: FloatArray, translation: FloatArray, camera: Camera) -> FloatArray:
    """Points with depth to millimetres before the camera, all scaled by the distance of the head.

    Args:
        points: (B, N, 3) px, z growing away from the camera from the head's origin on, as in ``Landmarks``.
        translation: (B, 3) mm, the head's origin in the camera frame.
        camera: the camera of all.

    Returns:
        (B, N, 3) float64 mm.
    """
    distance = translation[:, 2, None]
    z = distance * (1 + points[..., 2] / camera.fx)
    rays = (points[..., :2] - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    return np.asarray(np.concatenate([rays * z[..., None], z[..., None]], axis=2), np.float64)


def eye_middle(solid: FloatArray) -> FloatArray:
    """(B, N, 3) lifted ``NODES`` to (B, 3), the mean of the four eye corners: where a look starts."""
    return np.asarray(solid[:, list(CORNERS)].mean(axis=1))


def raw_features(points: FloatArray) -> FloatArray:
    """The toolkit's canonical coordinates with its three angles: what plain ridge works on.

    Origin nose tip (4), x from 33 to 263, y towards 10 made orthogonal to it, unit the distance of 33 and 263.

    Args:
        points: (B, 478, 3) px.

    Returns:
        (B, 108): 35 points x 3, then yaw, pitch, roll in radians as the toolkit reads them off its frame.
    """
    p = np.asarray(points, np.float64)
    across = p[:, 263] - p[:, 33]
    unit = np.linalg.norm(across, axis=1, keepdims=True)
    x = across / unit
    y = p[:, 10] - p[:, 4]
    y = y - x * (x * y).sum(axis=1, keepdims=True)
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    frame = np.stack([x, y, np.cross(x, y)], axis=2)
    local = np.einsum("bni,bij->bnj", p[:, list(RAW)] - p[:, 4:5], frame) / unit[:, None]
    yaw = np.arctan2(frame[:, 1, 0], frame[:, 0, 0])
    pitch = np.arctan2(-frame[:, 2, 0], np.hypot(frame[:, 2, 1], frame[:, 2, 2]))
    roll = np.arctan2(frame[:, 2, 1], frame[:, 2, 2])
    return np.concatenate([local.reshape(len(p), -1), np.stack([yaw, pitch, roll], axis=1)], axis=1)


def openness(points: FloatArray) -> FloatArray:
    """(B, 478, 2|3) px to (B,), lid height over eye width, mean of both eyes."""
    gap = np.linalg.norm(points[:, (159, 386), :2] - points[:, (145, 374), :2], axis=2)
    width = np.linalg.norm(points[:, (33, 263), :2] - points[:, (133, 362), :2], axis=2)
    return np.asarray((gap / width).mean(axis=1))


class BlinkGate:
    """Says which frames to leave out: those with eyes much narrower than in the last fifty."""

    def __init__(self) -> None:
        self._seen: deque[float] = deque(maxlen=HISTORY)

    def shut(self, opening: float) -> bool:
        """Whether a frame with this `openness` is a blink. Every frame counts towards the mean, blinks too."""
        self._seen.append(opening)
        mean = float(np.mean(self._seen)) if len(self._seen) >= FIRST else USUAL / SHARE
        return opening < SHARE * mean
