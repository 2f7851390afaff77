"""How far an annotated face is turned, from its 68 human points alone."""

from __future__ import annotations

import numpy as np

from nasion.core import Camera, FloatArray, ImageArray, scheme
from nasion.core.geometry.pnp import solve_pnp
from nasion.core.geometry.rotation import rotation_to_angles
from nasion.core.pose import line_of_sight

_RIGID = (*range(27, 36), 36, 39, 42, 45)  # bridge and wings of the nose, corners of the eyes


def annotated_yaw(points: FloatArray, image: ImageArray) -> float:
    """Yaw in degrees, positive as in ``nasion.core.pose``; the mean head is fitted to nose and eye corners."""
    template = scheme("ibug68").template
    assert template is not None, "the 68 points ship with their metric template"
    height, width = image.shape[:2]
    fit = solve_pnp(template[list(_RIGID)], points[list(_RIGID)], Camera.for_image(width, height))
    towards = line_of_sight(fit.translation[None])[0]
    return float(rotation_to_angles(np.asarray(towards.T @ fit.rotation))[0])
