"""Rotations: head angles, matrices, vectors. The convention is the one of ``nasion.core.pose``.

    R = Rx(-pitch) @ Ry(yaw) @ Rz(roll)

with right-handed elementary rotations in the camera frame (x right, y down, z forward).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nasion.core.arrays import FloatArray
from nasion.core.errors import InputError

GIMBAL = 1e-7  # cos(yaw) below which pitch and roll turn about the same axis; 6e-6 degrees from +-90


def angles_to_rotation(yaw: npt.ArrayLike, pitch: npt.ArrayLike, roll: npt.ArrayLike) -> FloatArray:
    """Head angles to rotation matrices.

    Args:
        yaw, pitch, roll: degrees, numbers or arrays of one shape (...).

    Returns:
        (..., 3, 3) float64, head coordinates to camera coordinates.
    """
    y, p, r = (np.radians(np.asarray(angle, np.float64)) for angle in (yaw, pitch, roll))
    sy, cy, sp, cp, sr, cr = np.sin(y), np.cos(y), np.sin(-p), np.cos(p), np.sin(r), np.cos(r)
    rows = (
        (cy * cr, -cy * sr, sy),
        (cp * sr + sp * sy * cr, cp * cr - sp * sy * sr, -sp * cy),
        (sp * sr - cp * sy * cr, sp * cr + cp * sy * sr, cp * cy),
    )
    return np.stack([np.stack(np.broadcast_arrays(*row), axis=-1) for row in rows], axis=-2)


def rotations_to_angles(rotations: FloatArray) -> FloatArray:
    """(..., 3, 3) rotation matrices to (..., 3) float64 degrees: yaw, pitch, roll.

    Yaw lies in -90..90, pitch and roll in -180..180. At yaw +-90 only the sum or difference of pitch and roll is
    defined: roll is then 0 and pitch carries it all.
    """
    m = np.asarray(rotations, np.float64)
    if m.shape[-2:] != (3, 3):
        raise InputError(f"a rotation is a (3, 3) matrix, got shape {m.shape}")
    cos_yaw = np.hypot(m[..., 0, 0], m[..., 0, 1])
    locked = cos_yaw < GIMBAL
    yaw = np.arctan2(m[..., 0, 2], cos_yaw)
    pitch = -np.where(locked, np.arctan2(m[..., 2, 1], m[..., 1, 1]), np.arctan2(-m[..., 1, 2], m[..., 2, 2]))
    roll = np.where(locked, 0.0, np.arctan2(-m[..., 0, 1], m[..., 0, 0]))
    return np.asarray(np.degrees(np.stack([yaw, pitch, roll], axis=-1)))


def rotation_to_angles(rotation: FloatArray) -> tuple[float, float, float]:
    """One (3, 3) rotation matrix to (yaw, pitch, roll) in degrees; ranges as in ``rotations_to_angles``."""
    if np.shape(rotation) != (3, 3):
        raise InputError(f"a rotation is a (3, 3) matrix, got shape {np.shape(rotation)}; see rotations_to_angles")
    yaw, pitch, roll = rotations_to_angles(rotation)
    return float(yaw), float(pitch), float(roll)


def rotation_from_vector(vector: FloatArray) -> FloatArray:
    """Rodrigues: (..., 3) axis times angle in radians to (..., 3, 3) float64 rotation matrices."""
    v = np.asarray(vector, np.float64)
    if v.shape[-1:] != (3,):
        raise InputError(f"a rotation vector has 3 numbers, got shape {v.shape}")
    angle = np.linalg.norm(v, axis=-1)[..., None, None]
    cross = np.zeros((*v.shape[:-1], 3, 3))
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = -v[..., 2], v[..., 1], -v[..., 0]
    cross -= np.swapaxes(cross, -1, -2)
    # sin(a)/a and (1-cos(a))/a^2 written with sinc, which is exact at 0 where the quotients are not
    sine = np.sinc(angle / np.pi)
    versine = np.sinc(angle / (2 * np.pi)) ** 2 / 2
    return np.asarray(np.eye(3) + sine * cross + versine * (cross @ cross))


def rotation_to_vector(rotation: FloatArray) -> FloatArray:
    """One (3, 3) rotation matrix to its (3,) float64 vector: axis times angle in radians, angle 0..pi."""
    m = np.asarray(rotation, np.float64)
    if m.shape != (3, 3):
        raise InputError(f"a rotation is a (3, 3) matrix, got shape {m.shape}")
    w, x, y, z = _quaternion(m)
    axis = np.array([x, y, z])
    sine = float(np.linalg.norm(axis))
    if sine < 1e-12:
        return np.asarray(2 * axis)
    return np.asarray(axis * (2 * np.arctan2(sine, w) / sine))


def nearest_rotation(matrix: FloatArray) -> FloatArray:
    """The rotations closest (in the Frobenius norm) to (..., 3, 3) matrices; never a reflection."""
    u, _, vt = np.linalg.svd(np.asarray(matrix, np.float64))
    u[..., :, 2] *= np.sign(np.linalg.det(u @ vt))[..., None]
    return np.asarray(u @ vt)


def _quaternion(m: FloatArray) -> FloatArray:
    """(4,) unit quaternion w, x, y, z with w >= 0, from the largest of its four components (Shepperd, 1978)."""
    trace = np.trace(m)
    squares = np.array([trace, m[0, 0], m[1, 1], m[2, 2]])
    k = int(np.argmax(squares))
    skew = np.array([m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]])
    if k == 0:
        q = np.concatenate([[1 + trace], skew])
    else:
        i = k - 1
        q = np.concatenate([[skew[i]], m[i] + m[:, i]])
        q[k] = 1 + 2 * m[i, i] - trace
    q /= np.linalg.norm(q)
    return np.asarray(-q if q[0] < 0 else q)
