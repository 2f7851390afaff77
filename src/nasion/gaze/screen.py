"""Screens: where a fraction of the screen lies before the camera, and what an error on it means in degrees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray, InputError


@dataclass(frozen=True, slots=True)
class Screen:
    """A flat screen in the camera's plane, its camera looking at whoever looks at it.

    Fractions run from (0, 0), the upper left corner as the viewer sees it, to (1, 1). The camera's picture is not
    mirrored, so the viewer's left is x > 0 in the camera frame.

    Attributes:
        width_mm, height_mm: of the lit part.
        camera_x: where the camera is, as a fraction of the width from the left edge.
        camera_above_mm: how far the camera is above the upper edge; negative for one below it.
    """

    width_mm: float
    height_mm: float
    camera_x: float = 0.5
    camera_above_mm: float = 5.0

    def __post_init__(self) -> None:
        if not (10 <= self.width_mm <= 10_000 and 10 <= self.height_mm <= 10_000):
            raise InputError(f"a screen is 10..10000 mm to a side, got {self.width_mm} x {self.height_mm} mm")

    @property
    def size(self) -> FloatArray:
        """(2,) mm: width, height."""
        return np.array([self.width_mm, self.height_mm])

    def to_mm(self, fractions: FloatArray) -> FloatArray:
        """(N, 2) fractions to (N, 2) mm in the camera's plane z = 0, camera frame."""
        f = np.asarray(fractions, np.float64)
        x = (self.camera_x - f[..., 0]) * self.width_mm
        return np.stack([x, f[..., 1] * self.height_mm + self.camera_above_mm], axis=-1)

    def to_fraction(self, mm: FloatArray) -> FloatArray:
        """(N, 2) mm in the camera's plane to (N, 2) fractions, beyond 0..1 off the screen."""
        mm = np.asarray(mm, np.float64)
        x = self.camera_x - mm[..., 0] / self.width_mm
        return np.stack([x, (mm[..., 1] - self.camera_above_mm) / self.height_mm], axis=-1)


def meet_plane(start: FloatArray, way: FloatArray) -> FloatArray:
    """Where looks meet the camera's plane.

    Args:
        start: (N, 3) mm, camera frame.
        way: (N, 3) directions of any length.

    Returns:
        (N, 2) mm; NaN for looks away from the plane, or almost along it (within 6 degrees).
    """
    way = way / np.linalg.norm(way, axis=1, keepdims=True)
    reach = np.where(way[:, 2] < -0.1, -start[:, 2] / np.where(way[:, 2] < -0.1, way[:, 2], 1), np.nan)
    return np.asarray(start[:, :2] + way[:, :2] * reach[:, None])


def angle_between(found: FloatArray, target: FloatArray, eyes: FloatArray) -> FloatArray:
    """Degrees between two points of the plane as seen by the eyes: (N, 2) mm, (N, 2) mm, (N, 3) mm to (N,)."""
    flat = np.zeros((len(found), 1))
    a, b = (np.concatenate([p, flat], axis=1) - eyes for p in (found, target))
    return np.asarray(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), (a * b).sum(axis=1))))
