"""Head pose: the metric mean face is turned and moved until it projects onto the points of the face (PnP).

Points are taken as ``dense478`` where they convert to it, else as ``ibug68`` or ``coarse5``. Only points on bone take
part, because lips, lids and jaw move without the head. Each weighs as its visibility over its expected error squared.
The solver and its sources are in ``core.geometry.pnp``.
"""

from __future__ import annotations

from math import isfinite

import numpy as np

from nasion.core import Camera, Face, ImageArray, IntArray, Pose, SchemeError, scheme
from nasion.core.convert import conversion_path
from nasion.core.geometry.pnp import solve_pnp_batch
from nasion.core.geometry.rotation import rotations_to_angles
from nasion.core.pose import line_of_sight

# dense478 points on forehead, nose bridge, cheek bones, temples and eye corners
RIGID = (
    *(10, 151, 9, 8, 109, 338, 108, 337, 67, 297, 103, 332, 69, 299),
    *(168, 6, 197, 195, 5, 4, 1, 122, 351, 174, 399, 236, 456, 198, 420),
    *(33, 133, 263, 362, 130, 359, 35, 265, 226, 446),
    *(116, 345, 117, 346, 118, 347, 50, 280, 101, 330, 36, 266, 123, 352, 147, 376),
    *(127, 356, 162, 389, 21, 251, 234, 454, 71, 301),
)
LAYOUTS = (  # and which of their points take part
    ("dense478", np.array(RIGID)),
    ("ibug68", np.array((*range(27, 36), 36, 39, 42, 45))),  # nose and eye corners
    ("coarse5", np.arange(5)),
)
# Residual over face size at which the points no longer look like a head
LOOSE_FIT = 0.06
TURNED = 75.0  # degrees of yaw beyond which half of the rigid points are out of sight


class HeadPose:
    """Task ``pose``: reads ``Pose`` from landmarks that convert to ``dense478``, ``ibug68`` or ``coarse5``.

    Args:
        camera: of the pictures. Without one a 60 degree field of view over the longer side is assumed; angles are
            relative to the line of sight, so they hardly feel it, but the depth is then a guess.
    """

    name, needs, gives = "pose", ("landmarks",), Pose
    points_only = True

    def __init__(self, camera: Camera | None = None) -> None:
        self.camera = camera

    def read(self, image: ImageArray, faces: list[Face]) -> list[Pose]:
        """One pose per face, from its points; of ``image`` only the size matters, for the assumed camera."""
        if not faces:
            return []
        height, width = image.shape[:2]
        layout, rigid = _layout(faces)
        template = scheme(layout).template
        assert template is not None, "these schemes ship with their metric template"
        points = [face.landmarks.to(layout) for face in faces]
        places = np.stack([p.points.T[:2] for p in points])  # (F, 2, N): extremes of rows are quicker than of columns
        sizes = np.sqrt(np.maximum(np.ptp(places, axis=2).prod(axis=1, dtype=np.float64), 1e-6))
        for i in np.flatnonzero(~np.isfinite(sizes)):  # points that the face's own layout lacks do not count
            sizes[i] = np.sqrt(max(points[i].box.area, 1e-6))
        visibility = np.stack([p.visibility for p in points])[:, rigid]
        sigma = np.stack([p.sigma for p in points])[:, rigid]
        fit = solve_pnp_batch(
            template[rigid],
            places[:, :, rigid].transpose(0, 2, 1),
            self.camera or Camera.for_image(width, height),
            (0.05 + visibility) / (sigma + 0.01 * sizes[:, None]) ** 2,
        )
        angles = rotations_to_angles(np.swapaxes(line_of_sight(fit.translation), 1, 2) @ fit.rotation)
        angles[~fit.converged | (sizes < 1.0)] = np.nan  # points within a pixel of each other fit any head far away
        misfit, seen = (fit.residual_px / sizes).tolist(), visibility.mean(axis=1).tolist()
        return list(map(_pose, angles.tolist(), fit.translation.tolist(), misfit, seen))


def _layout(faces: list[Face]) -> tuple[str, IntArray]:
    """The densest of ``LAYOUTS`` that all faces convert to."""
    for name, rigid in LAYOUTS[:-1]:
        try:
            for own in {face.landmarks.scheme.name for face in faces}:
                conversion_path(own, name)
        except SchemeError:
            continue
        return name, rigid
    return LAYOUTS[-1]


def _pose(
    angles: tuple[float, float, float], translation: tuple[float, float, float], misfit: float, seen: float
) -> Pose:
    yaw, pitch, roll = angles
    x, y, z = translation
    reliability, reason = min(max(1 - misfit / LOOSE_FIT, 0.0), 1.0), ""
    if not isfinite(yaw):
        reliability, reason = 0.0, "the points admit no pose"
    elif abs(yaw) > TURNED:
        reliability, reason = min(reliability, 0.4), f"turned by more than {TURNED:.0f} degrees"
    elif seen < 0.5:
        reliability, reason = min(reliability, 0.4), "most of the upper face is hidden"
    elif reliability < 0.5:
        reason = "the points do not fit a head"
    return Pose(reliability, reason, yaw, pitch, roll, (x, y, z))
