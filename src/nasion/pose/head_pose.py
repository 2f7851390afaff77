"""Head pose: the metric mean face is turned and moved until it projects onto the dense points (PnP).

Only points on bone take part, because lips, lids and jaw move without the head. Each weighs as its visibility over its
expected error squared. The solver and its sources are in ``core.geometry.pnp``.
"""

from __future__ import annotations

import numpy as np

from nasion.core import Camera, Face, ImageArray, Landmarks, Pose, scheme
from nasion.core.geometry.pnp import solve_pnp
from nasion.core.geometry.rotation import rotation_to_angles

# dense478 points on forehead, nose bridge, cheek bones, temples and eye corners
RIGID = (
    *(10, 151, 9, 8, 109, 338, 108, 337, 67, 297, 103, 332, 69, 299),
    *(168, 6, 197, 195, 5, 4, 1, 122, 351, 174, 399, 236, 456, 198, 420),
    *(33, 133, 263, 362, 130, 359, 35, 265, 226, 446),
    *(116, 345, 117, 346, 118, 347, 50, 280, 101, 330, 36, 266, 123, 352, 147, 376),
    *(127, 356, 162, 389, 21, 251, 234, 454, 71, 301),
)
# Residual over face size at which the points no longer look like a head
LOOSE_FIT = 0.06
TURNED = 75.0  # degrees of yaw beyond which half of the rigid points are out of sight


class HeadPose:
    """Task ``pose``: reads ``Pose`` from landmarks that convert to ``dense478``.

    Args:
        camera: of the pictures; without one, a 60 degree field of view over the longer side is assumed, which moves
            angles by a few degrees for faces far off the centre and makes the depth a guess.
    """

    name, needs, gives = "pose", ("landmarks",), Pose

    def __init__(self, camera: Camera | None = None) -> None:
        self.camera = camera

    def read(self, image: ImageArray, faces: list[Face]) -> list[Pose]:
        """One pose per face, from its points; of ``image`` only the size matters, for the assumed camera."""
        height, width = image.shape[:2]
        camera = self.camera or Camera.for_image(width, height)
        return [self._one(face.landmarks.to("dense478"), camera) for face in faces]

    @staticmethod
    def _one(landmarks: Landmarks, camera: Camera) -> Pose:
        index = list(RIGID)
        template = scheme("dense478").template
        assert template is not None, "the dense scheme ships with its metric template"
        pixels, visibility, sigma = landmarks.points[index, :2], landmarks.visibility[index], landmarks.sigma[index]
        size = float(np.sqrt(max(landmarks.box.area, 1e-6)))
        weights = (0.05 + visibility) / (sigma + 0.01 * size) ** 2
        fit = solve_pnp(template[index], pixels, camera, weights=weights)
        yaw, pitch, roll = rotation_to_angles(fit.rotation)
        reliability, reason = 1.0 - fit.residual_px / (LOOSE_FIT * size), ""
        if abs(yaw) > TURNED:
            reliability, reason = min(reliability, 0.4), f"turned by more than {TURNED:.0f} degrees"
        elif visibility.mean() < 0.5:
            reliability, reason = min(reliability, 0.4), "most of the upper face is hidden"
        elif reliability < 0.5:
            reason = "the points do not fit a head"
        x, y, z = (float(v) for v in fit.translation)
        return Pose(
            reliability=float(np.clip(reliability, 0, 1)),
            reason=reason,
            yaw=yaw,
            pitch=pitch,
            roll=roll,
            translation=(x, y, z),
        )
