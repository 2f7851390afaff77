"""Head pose and the one rotation convention of the code base.

Camera frame: x right, y down, z forward (away from the camera). A head that faces the camera upright has
yaw = pitch = roll = 0 and the head frame's axes along the camera's: its nose points along -z.

    R = Rx(-pitch) @ Ry(yaw) @ Rz(roll)        maps head coordinates to camera coordinates

with right-handed elementary rotations in the camera frame. So, as seen in the image:

- yaw > 0: the face turns to image-left (the subject's right), -90..90 for a readable face;
- pitch > 0: the face looks up;
- roll > 0: the head tilts clockwise (the eye line falls to image-right).

These are the order and the signs of 300W-LP and AFLW2000-3D (Zhu et al., "Face Alignment Across Large Poses", CVPR
2016), so figures compare directly with the head-pose literature (Hopenet, 6DRepNet). Other conventions convert at the
border.
"""

from __future__ import annotations

from dataclasses import dataclass

from nasion.core.arrays import FloatArray
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.core.reading import Reading


@dataclass(frozen=True, slots=True)
class Pose(Reading):
    """Where the head is and where it points.

    Attributes:
        yaw, pitch, roll: degrees; signs and order as in ``nasion.core.pose``.
        translation: (x, y, z) mm of the head origin (between the eyes) in the camera frame, for the camera used.
            Without a calibrated camera the depth is a guess: it assumes the default field of view and an adult face.
    """

    yaw: float
    pitch: float
    roll: float
    translation: tuple[float, float, float]

    @property
    def rotation(self) -> FloatArray:
        """(3, 3) float64, head coordinates to camera coordinates."""
        return angles_to_rotation(self.yaw, self.pitch, self.roll)
