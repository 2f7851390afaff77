"""Camera normalisation: every face as a virtual camera sees it that looks straight at it, upright, from one distance.

The real camera is only turned and its picture scaled, which for points is exact. What is left for a reader to learn is
how the head is turned and where the eyes look; roll, place in the picture and distance are gone.

Source: Zhang, Sugano and Bulling, "Revisiting Data Normalization for Appearance-Based Gaze Estimation", ETRA 2018, as
used by LandmarkGaze (arXiv 2603.24724).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import Camera, FloatArray

VIRTUAL = Camera(fx=960.0, fy=960.0, cx=224.0, cy=224.0)  # of a 448 px picture
DISTANCE = 300.0  # mm from the virtual camera to the head's origin
SIDE = 448.0  # px


@dataclass(frozen=True, slots=True, eq=False)
class Normalisation:
    """The turn from B real cameras' frames to their virtual ones.

    Attributes:
        rotation: (B, 3, 3) float64, camera frame to virtual frame; orthonormal, determinant 1.
        distance: (B,) mm from the camera to the head's origin.
    """

    rotation: FloatArray
    distance: FloatArray

    def points(self, pixels: FloatArray, camera: Camera) -> FloatArray:
        """(B, N, 2) px of the real camera to (B, N, 2) px of the virtual one."""
        rays = np.concatenate(
            [(pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy), np.ones((*pixels.shape[:2], 1))], axis=2
        )
        turned = rays @ np.swapaxes(self.rotation, 1, 2)
        turned[..., 2] *= (DISTANCE / self.distance)[:, None]  # a picture that is scaled, not a face that moves
        flat = turned[..., :2] / turned[..., 2:]
        return np.asarray(flat * (VIRTUAL.fx, VIRTUAL.fy) + (VIRTUAL.cx, VIRTUAL.cy))

    def to_virtual(self, vectors: FloatArray) -> FloatArray:
        """(B, 3) directions in the camera frame to the virtual frame."""
        return np.asarray(np.einsum("bij,bj->bi", self.rotation, vectors))

    def to_camera(self, vectors: FloatArray) -> FloatArray:
        """(B, 3) directions in the virtual frame to the camera frame."""
        return np.asarray(np.einsum("bji,bj->bi", self.rotation, vectors))


def normalise(rotation: FloatArray, translation: FloatArray) -> Normalisation:
    """The virtual cameras of heads.

    Args:
        rotation: (B, 3, 3), head to camera frame.
        translation: (B, 3) mm, head origin in the camera frame, z > 0.
    """
    translation = np.asarray(translation, np.float64)
    distance = np.linalg.norm(translation, axis=1)
    z = translation / distance[:, None]
    y = np.cross(z, rotation[:, :, 0])
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    return Normalisation(np.stack([np.cross(y, z), y, z], axis=1), distance)
