"""Everything that is known about a rendered face."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nasion.core import Camera, FloatArray, IntArray, Landmarks, Pose, scheme
from nasion.core.convert import convert
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.synth.light import Light
from nasion.synth.mesh import Mesh
from nasion.synth.model import HeadModel
from nasion.synth.visibility import hidden

if TYPE_CHECKING:
    from nasion.synth.scene import Scene

SELF_OCCLUDED, OCCLUDED, VISIBLE = 0, 1, 2
"""States of a point, numbered as in MERL-RAV: hidden by the head itself, hidden by something else, visible."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadTruth:
    """The truth about one face in one picture. Pairs are (left, right), the subject's.

    Attributes:
        size: (width, height) px.
        camera: intrinsics.
        pose: of the head; angles relative to the line of sight, place in mm (``nasion.core.pose``).
        points3d: (478, 3) float32 mm, ``dense478`` in the head frame, with the expression in it.
        visibility: (478,) uint8, ``SELF_OCCLUDED``, ``OCCLUDED`` or ``VISIBLE``. Points outside the picture keep their
            state; ``inside`` tells them.
        eye_centres: (2, 3) mm, centres of the eyeballs, head frame.
        eye_axes: (2, 3, 3), rows: along each eye's lid hinge, up, forward; head frame.
        gaze_angles: (2, 2) degrees, yaw and pitch of each eye in the head frame.
        lid_angles: (2, 2) degrees of each eye's upper and lower lid about the hinge, 0 straight ahead, positive up.
        units: action unit to intensity 0..1, (left, right); those at 0 left out.
        expression: its name.
        tone: of the skin, Monk scale 1..10.
        light: what lit the scene.
        identity: (40,) float32, shape code in standard deviations.
        occluders: kinds of things in front.
    """

    size: tuple[int, int]
    camera: Camera
    pose: Pose
    points3d: FloatArray
    visibility: IntArray
    eye_centres: FloatArray
    eye_axes: FloatArray
    gaze_angles: FloatArray
    lid_angles: FloatArray
    units: dict[int, tuple[float, float]]
    expression: str
    tone: float
    light: Light
    identity: FloatArray
    occluders: tuple[str, ...]

    @property
    def camera_points(self) -> FloatArray:
        """(478, 3) float64 mm, the dense points in the camera frame."""
        return self._to_camera(self.points3d)

    @property
    def points(self) -> FloatArray:
        """(478, 2) float32 px."""
        return self.camera.project(self.camera_points).astype(np.float32)

    @property
    def inside(self) -> FloatArray:
        """(478,) bool, whether each point falls on the picture."""
        x, y = self.points.T
        width, height = self.size
        return np.asarray((x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5))

    @property
    def gaze(self) -> FloatArray:
        """(2, 3) unit vectors in the camera frame, from each eye's centre through its pupil."""
        ahead = angles_to_rotation(self.gaze_angles[:, 0], self.gaze_angles[:, 1], np.zeros(2))[:, :, 2] * -1
        return np.asarray(ahead @ self.pose.camera_rotation.T)

    @property
    def point_of_regard(self) -> tuple[float, float]:
        """Where the mean of both lines of sight meets the camera's plane z = 0, a screen around the lens; x, y in mm.

        NaN when the eyes look away from that plane.
        """
        start = self._to_camera(self.eye_centres).mean(0)
        way = self.gaze.mean(0)
        if way[2] >= -1e-6:
            return float("nan"), float("nan")
        x, y, _ = start - way * (start[2] / way[2])
        return float(x), float(y)

    @property
    def lid_opening(self) -> tuple[float, float]:
        """Degrees between the upper and the lower lid of each eye; 0 when shut."""
        left, right = self.lid_angles[:, 0] - self.lid_angles[:, 1]
        return float(left), float(right)

    @property
    def hidden_share(self) -> float:
        """Share of the points not hidden by the head itself that something else hides."""
        seen = self.visibility != SELF_OCCLUDED
        return float((self.visibility[seen] == OCCLUDED).mean()) if seen.any() else 0.0

    def landmarks(self, name: str = "dense478") -> Landmarks:
        """The points in a scheme: px and depth, visibility 1 or 0 (means of them in converted schemes), sigma 0.

        Other schemes are converted in three dimensions and then projected, so every one of them shows the same head.
        ``core.convert`` learned ``ibug68`` from faces seen from the front: its jaw line is a fixed line on the skin
        here, not the outline of a turned face. z is mm behind the head's origin over mm per px, as in ``Landmarks``.

        Raises:
            SchemeError: ``dense478`` does not convert to that scheme.
        """
        dense = self.camera_points
        flags = (self.visibility == VISIBLE).astype(np.float32)
        landmarks = Landmarks(dense.astype(np.float32), flags, np.zeros(478, np.float32), scheme("dense478"))
        if name != "dense478":
            landmarks = convert(landmarks, name)
        solid = landmarks.points.astype(np.float64)
        depth = (solid[:, 2:] - self.pose.translation[2]) * self.camera.fx / self.pose.translation[2]
        points = np.concatenate([self.camera.project(solid), depth], axis=1).astype(np.float32)
        return Landmarks(points, landmarks.visibility, np.zeros(len(points), np.float32), scheme(name))

    def flip(self) -> HeadTruth:
        """The truth of the mirrored picture."""
        order = scheme("dense478").flip
        (width, _), (x, y, z) = self.size, self.pose.translation
        turn = np.array([-1.0, 1, 1])
        return replace(
            self,
            camera=replace(self.camera, cx=width - 1 - self.camera.cx),
            pose=replace(self.pose, yaw=-self.pose.yaw, roll=-self.pose.roll, translation=(-x, y, z)),
            points3d=(self.points3d[order] * turn).astype(np.float32),
            visibility=self.visibility[order],
            eye_centres=self.eye_centres[::-1] * turn,
            # the first row runs to image-right in both pictures
            eye_axes=self.eye_axes[::-1] * turn * np.array([[-1.0], [1], [1]]),
            gaze_angles=self.gaze_angles[::-1] * (-1.0, 1.0),
            lid_angles=self.lid_angles[::-1],
            units={unit: (right, left) for unit, (left, right) in self.units.items()},
            light=self.light.mirror(),
        )

    def _to_camera(self, points: FloatArray) -> FloatArray:
        return np.asarray(points.astype(np.float64) @ self.pose.camera_rotation.T + self.pose.translation)


def head_truth(scene: Scene, model: HeadModel, points: FloatArray, meshes: list[Mesh]) -> HeadTruth:
    """Gather the truth of a scene.

    Args:
        scene: what is rendered.
        model: the head it is rendered with.
        points: (478, 3) mm, the dense points, head frame.
        meshes: what is rendered, camera frame: the head first, then what stands in front.
    """
    head, *others = meshes
    dense = head.vertices[:478]
    state = np.full(478, VISIBLE, np.uint8)
    solid = [mesh for mesh in others if mesh.alpha >= 1]
    if solid:
        start = np.cumsum([0, *(len(mesh.vertices) for mesh in solid)])
        triangles = np.concatenate([mesh.triangles + at for mesh, at in zip(solid, start, strict=False)])
        state[hidden(dense, np.concatenate([mesh.vertices for mesh in solid]), triangles, scene.camera)] = OCCLUDED
    state[hidden(dense, head.vertices, head.triangles, scene.camera, np.arange(478))] = SELF_OCCLUDED
    eyes = model.eyes(scene.head)
    units = {unit: scene.head.sides(unit) for unit in scene.head.expression}
    return HeadTruth(
        size=scene.size,
        camera=scene.camera,
        pose=scene.pose,
        points3d=points.astype(np.float32),
        visibility=state,
        eye_centres=np.stack([eye.centre for eye in eyes]),
        eye_axes=np.stack([eye.axes for eye in eyes]),
        gaze_angles=np.array(scene.head.gaze, np.float64),
        lid_angles=np.array([(eye.upper, eye.lower) for eye in eyes]),
        units={unit: pair for unit, pair in sorted(units.items()) if any(pair)},
        expression=scene.expression,
        tone=scene.head.tone,
        light=scene.light,
        identity=np.asarray(scene.head.identity, np.float32),
        occluders=tuple(o.kind for o in scene.occluders),
    )
