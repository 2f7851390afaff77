"""The eyelid angle (ELA): how far the lids stand apart, in degrees, wherever the camera is.

A plane is laid through the points of each lid; the angle between both planes is the opening. It lives in three
dimensions, so turning the head does not change it, as it changes the eye aspect ratio.

Source: Wolter, Berrio Perez and Shan, "Blinking Beyond EAR: A Stable Eyelid Angle Metric for Driver Drowsiness
Detection and Data Augmentation", arXiv 2511.19519. Ours: the depth factor (the paper restores MediaPipe's flattened
depth by 1.7), and normals oriented by the head, never by the camera.
"""

from __future__ import annotations

import numpy as np

from nasion.core import FloatArray, InputError

# dense478, seven points a lid from the inner to the outer corner; left and right are the subject's
LEFT_UPPER, LEFT_LOWER = (398, 384, 385, 386, 387, 388, 466), (382, 381, 380, 374, 373, 390, 249)
RIGHT_UPPER, RIGHT_LOWER = (173, 157, 158, 159, 160, 161, 246), (155, 154, 153, 145, 144, 163, 7)
LIDS = np.array([[LEFT_UPPER, LEFT_LOWER], [RIGHT_UPPER, RIGHT_LOWER]])
CORNERS = np.array([[362, 263], [133, 33]])  # inner, outer
FOREHEAD, CHIN = 10, 152
DEPTH = 1.05  # true depth over the landmarker's, within the lids, on rendered heads: `nasion bench eyes` measures it
STEEP = 4.0  # of the logistic that prefers the nearer eye, per radian of yaw
FLAT = 3.0  # second over third singular value below which the points are a line and admit any plane


def eyelid_angles(points: FloatArray, depth: float = DEPTH) -> FloatArray:
    """The angle between the lids of each eye.

    Args:
        points: (..., 478, 3) dense points, any unit, x right, y down, z away from the camera.
        depth: factor on z that makes it as long as x and y; 1 for true points, `DEPTH` for our landmarker's.

    Returns:
        (..., 2) degrees, 0..180, left and right eye; about 0 for shut lids. NaN where points are not finite.

    Raises:
        InputError: not 478 points in three dimensions.
    """
    points = np.asarray(points, np.float64)
    if points.shape[-2:] != (478, 3):
        raise InputError(f"the eyelid angle needs the 478 points of dense478 with depth, got shape {points.shape}")
    points = points * (1, 1, depth)
    up = points[..., FOREHEAD, :] - points[..., CHIN, :]
    lids, corners = points[..., LIDS, :], points[..., CORNERS, :]
    needed = np.concatenate([lids.reshape(*lids.shape[:-3], 14, 3), corners], axis=-2)
    known = np.isfinite(needed).all((-2, -1)) & np.isfinite(up[..., None, :]).all(-1)
    lids = np.where(known[..., None, None, None], lids, 0.0)
    normals = _normals(lids, corners, up[..., None, None, :])
    cosine = (normals[..., 0, :] * normals[..., 1, :]).sum(-1)
    return np.asarray(np.where(known, np.degrees(np.arccos(np.clip(cosine, -1, 1))), np.nan))


def _normals(lids: FloatArray, corners: FloatArray, up: FloatArray) -> FloatArray:
    """(..., 2, 2, 3) unit normals of the lids' planes, pointing up the face."""
    middle = lids.mean(-2)
    _, values, axes = np.linalg.svd(lids - middle[..., None, :], full_matrices=False)
    normals = axes[..., 2, :]
    # A straight lid's points lie on a line: then the plane through both corners and the lid's middle stands in.
    inner, outer = corners[..., None, 0, :], corners[..., None, 1, :]
    hinge = np.cross(outer - inner, middle - (inner + outer) / 2)
    length = np.linalg.norm(hinge, axis=-1, keepdims=True)
    straight = (values[..., 1] < FLAT * values[..., 2])[..., None] & (length > 0)
    normals = np.where(straight, hinge / np.where(length > 0, length, 1), normals)
    return np.asarray(normals * np.where((normals * up).sum(-1, keepdims=True) < 0, -1.0, 1.0))


def eye_weights(yaw: float | FloatArray) -> FloatArray:
    """How much each eye counts when the head is turned: the eye nearer to the camera counts more.

    Args:
        yaw: (...) degrees, as in ``nasion.core.pose``: above 0 the face turns to the subject's right, and the left eye
            comes nearer.

    Returns:
        (..., 2) left and right, adding up to 1; 0.12 for the far eye at half a radian.
    """
    left = 1 / (1 + np.exp(-STEEP * np.radians(np.asarray(yaw, np.float64))))
    return np.stack([left, 1 - left], axis=-1)


def combined_angle(angles: FloatArray, yaw: float | FloatArray, reliability: FloatArray | None = None) -> FloatArray:
    """One opening from both eyes.

    Args:
        angles: (..., 2) degrees, left and right; NaN where unknown.
        yaw: (...) degrees.
        reliability: (..., 2) 0..1 of each eye; an eye that is not to be believed counts less.

    Returns:
        (...) degrees; NaN where neither eye is known.
    """
    weights = np.where(np.isfinite(angles), eye_weights(yaw), 0.0)
    if reliability is not None:
        weights = weights * reliability
    total = weights.sum(-1)
    mean = (weights * np.nan_to_num(angles)).sum(-1) / np.where(total > 0, total, 1)
    return np.asarray(np.where(total > 0, mean, np.nan))
