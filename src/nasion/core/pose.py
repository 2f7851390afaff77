"""Head pose and the one rotation convention of the code base.

Camera frame: x right, y down, z forward (away from the camera). The *line-of-sight frame* is the camera frame turned so
that its z axis runs from the camera to the head. A head that looks upright into the lens has yaw = pitch = roll = 0
wherever it stands in the picture: angles say how the head appears, which a crop of the picture does not change.

    R = Rx(-pitch) @ Ry(yaw) @ Rz(roll)        maps head coordinates to the line-of-sight frame

with right-handed elementary rotations. The head frame lies along the line-of-sight frame at zero pose: its x runs to
image-right, its y down, its nose along -z. So, as seen in the image:

- yaw > 0: the face turns to image-left (the subject's right), -90..90 for a readable face;
- pitch > 0: the face looks up;
- roll > 0: the head tilts clockwise (the eye line falls to image-right).

These are the order and the signs of 300W-LP and AFLW2000-3D (Zhu et al., "Face Alignment Across Large Poses", CVPR
2016), so figures compare directly with the head-pose literature (Hopenet, 6DRepNet), which reads pose from crops.
``Pose.camera_rotation`` gives the orientation in the camera frame. Other conventions convert at the border.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core.arrays import FloatArray
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.core.reading import Reading


@dataclass(frozen=True, slots=True)
class Pose(Reading):
    """Where the head is and where it points.

    Attributes:
        yaw, pitch, roll: degrees relative to the line of sight; signs and order as in ``nasion.core.pose``. NaN when
            the points admit no pose.
        translation: (x, y, z) mm of the head origin (between the eyes) in the camera frame, for the camera used.
            Without a calibrated camera the depth is a guess: it assumes the default field of view and an adult face.
    """

    yaw: float
    pitch: float
    roll: float
    translation: tuple[float, float, float]

    @property
    def rotation(self) -> FloatArray:
        """(3, 3) float64, head coordinates to the line-of-sight frame."""
        return angles_to_rotation(self.yaw, self.pitch, self.roll)

    @property
    def camera_rotation(self) -> FloatArray:
        """(3, 3) float64, head coordinates to camera coordinates; as true as the camera is known."""
        return np.asarray(line_of_sight(np.array(self.translation)) @ self.rotation)


def line_of_sight(translation: FloatArray) -> FloatArray:
    """Rotations that turn the camera's z axis towards a point by the shortest way: line-of-sight to camera frame.

    Args:
        translation: (..., 3) in the camera frame, in front of the camera (z > 0).

    Returns:
        (..., 3, 3) float64.
    """
    towards = np.asarray(translation, np.float64)
    towards = towards / np.linalg.norm(towards, axis=-1, keepdims=True)
    across, along = towards[..., :2], towards[..., 2:]
    turn = np.empty((*towards.shape, 3))
    turn[..., :, 2] = towards  # where the z axis goes
    turn[..., 2, :2] = -across
    turn[..., :2, :2] = np.eye(2) - across[..., :, None] * (across / (1 + along))[..., None, :]
    return turn
