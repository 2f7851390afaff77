"""Task ``gaze``: where the eyes look, from landmarks alone.

Source: "Is Geometry Enough? An Evaluation of Landmark-Based Gaze Estimation", arXiv 2603.24724, the two-branch network;
trained on the synthetic head with the errors of our own landmarker (``nasion gaze train landmark-gaze``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nasion.core import Camera, Face, FloatArray, Gaze, ImageArray, Landmarks, ModelError, Pose
from nasion.core.gaze import gaze_angles
from nasion.gaze.features import LEFT_EYE, POINTS, RIGHT_EYE, two_branch
from nasion.gaze.normalize import normalise
from nasion.models import Session

WORST = 20.0  # degrees of expected error at which a direction says no more than the head's
SHUT = 0.10  # lid height over eye width below which the iris cannot be seen
SHARP = 0.011  # expected error of the iris and lid points over the eyes' distance that the network was trained for
_NAN = (float("nan"),) * 3


class LandmarkGaze:
    """Reads `Gaze` from landmarks that convert to ``dense478`` and from the pose.

    Args:
        model: a name of the catalogue or a file that ``nasion gaze train landmark-gaze`` wrote.
        camera: of the pictures; it must be the one that the task ``pose`` assumes. Without one a 60 degree field of
            view over the longer side is assumed.

    Raises:
        ModelError: the model cannot be loaded or reads no gaze.
    """

    name, needs, gives = "gaze", ("landmarks", "eye_points", "pose"), Gaze
    points_only = True

    def __init__(self, model: str | Path = "gaze", camera: Camera | None = None) -> None:
        self.session, self.camera = Session(model, threads=1), camera
        if set(self.session.output_names) != {"gaze", "error"}:
            raise ModelError(f"{self.session.path} reads no gaze: it gives {', '.join(self.session.output_names)}")

    def read(self, image: ImageArray, faces: list[Face]) -> list[Gaze]:
        """One gaze per face; of ``image`` only the size matters, for the assumed camera."""
        height, width = image.shape[:2]
        camera = self.camera or Camera.for_image(width, height)
        known = [i for i, face in enumerate(faces) if np.isfinite(face.pose.yaw) and face.pose.translation[2] > 0]
        readings = [Gaze(0.0, "the points admit no pose", _NAN, np.nan, np.nan, np.nan) for _ in faces]
        if not known:
            return readings
        points = [faces[i].landmarks.to("dense478") for i in known]
        poses: list[Pose] = [faces[i].pose for i in known]
        virtual = normalise(
            np.stack([pose.camera_rotation for pose in poses]), np.array([pose.translation for pose in poses])
        )
        seen = virtual.points(np.stack([p.points[list(POINTS), :2] for p in points]).astype(np.float64), camera)
        out = self.session.run({"features": two_branch(seen)})
        for i, vector, error, lm, pose in zip(
            known, virtual.to_camera(out["gaze"]), out["error"], points, poses, strict=True
        ):
            readings[i] = _gaze(vector, float(error), lm, pose)
        return readings


def _gaze(vector: FloatArray, error: float, landmarks: Landmarks, pose: Pose) -> Gaze:
    apart = float(np.linalg.norm(landmarks.points[468, :2] - landmarks.points[473, :2]))
    eyes = [*RIGHT_EYE, *LEFT_EYE]
    blur = float(landmarks.sigma[eyes].mean()) / max(apart, 1e-6)
    error = min(error * max(1.0, blur / SHARP), 90.0)
    seen = float(np.sort([landmarks.visibility[list(eye)].mean() for eye in (RIGHT_EYE, LEFT_EYE)])[1])
    reliability, reason = float(np.clip(1 - error / WORST, 0, 1)) * min(1.0, pose.reliability / 0.5), ""
    if max(_opening(landmarks, RIGHT_EYE), _opening(landmarks, LEFT_EYE)) < SHUT:
        reliability, reason = min(reliability, 0.2), "the eyes are shut"
    elif seen < 0.5:
        reliability, reason = min(reliability, 0.3), "both eyes are hidden"
    elif reliability < 0.5:
        reason = pose.reason or "the eyes are too blurred, small or turned away"
    yaw, pitch = gaze_angles(vector).tolist()
    x, y, z = vector.tolist()
    return Gaze(reliability, reason, (x, y, z), yaw, pitch, error)


def _opening(landmarks: Landmarks, eye: tuple[int, ...]) -> float:
    """Lid height over eye width."""
    outer, inner, upper, lower = landmarks.points[list(eye[5:9]), :2].astype(np.float64)
    across = inner - outer
    width = float(np.linalg.norm(across))
    normal = np.array([-across[1], across[0]]) / max(width, 1e-6)
    return abs(float((lower - upper) @ normal)) / max(width, 1e-6)
