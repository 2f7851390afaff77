"""Pinhole cameras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core.arrays import FloatArray
from nasion.core.errors import InputError

DEFAULT_FIELD_OF_VIEW = 60.0  # degrees over the longer side: the middle of the range of webcams and phones (50..75)


@dataclass(frozen=True, slots=True)
class Camera:
    """An ideal pinhole camera: square to its image, no distortion.

    Attributes:
        fx, fy: focal lengths, px.
        cx, cy: principal point, px (pixel centres at integers).
    """

    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def for_image(cls, width: int, height: int, field_of_view: float = DEFAULT_FIELD_OF_VIEW) -> Camera:
        """The camera to assume for a picture of unknown origin.

        Args:
            width, height: px.
            field_of_view: degrees over the longer side, 1..170.
        """
        if not 1 <= field_of_view <= 170:
            raise InputError(f"the field of view must be 1..170 degrees, got {field_of_view}")
        focal = max(width, height) / 2 / np.tan(np.radians(field_of_view) / 2)
        return cls(float(focal), float(focal), (width - 1) / 2, (height - 1) / 2)

    @property
    def matrix(self) -> FloatArray:
        """(3, 3) float64 intrinsic matrix."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], np.float64)

    def project(self, points: FloatArray) -> FloatArray:
        """(N, 3) camera-frame points, any unit, to (N, 2) px. Points at or behind the camera give NaN."""
        z = np.where(points[:, 2] > 0, points[:, 2], np.nan)
        return np.stack([self.fx * points[:, 0] / z + self.cx, self.fy * points[:, 1] / z + self.cy], axis=1)

    def rays(self, pixels: FloatArray) -> FloatArray:
        """(N, 2) px to (N, 3) unit directions in the camera frame."""
        x, y = (pixels[:, 0] - self.cx) / self.fx, (pixels[:, 1] - self.cy) / self.fy
        directions = np.stack([x, y, np.ones_like(x)], axis=1)
        return np.asarray(directions / np.linalg.norm(directions, axis=1, keepdims=True))
