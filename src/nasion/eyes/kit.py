"""Lids and irises of each eye, each with how far to believe it: task ``lids``.

It reads lids placed again from crops of the eyes (``nasion.landmark.eye_points``), which follow a blink nearly all the
way, and takes their depth from what lids are like (``nasion.eyes.lid_model``). The studio's page has no second network
for the eyes: it reads what the landmarker placed, with its depth, as `EyeKit` does with ``refined=False``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import Camera, Face, FloatArray, ImageArray, Landmarks, Pose, Reading, TaskError
from nasion.eyes.eyelid_angle import CORNERS, LIDS, combined_angle, eyelid_angles
from nasion.eyes.lid_model import solid_lids

SHARP = 0.25  # expected error over eye width at which an opening means nothing: about the height of an open eye
TURNED, LOST = 35.0, 75.0  # degrees to the side: an eye that far away is seen fully, and not at all
GLARE, GLARE_SHARE = 250, 0.25  # 8-bit level of a reflection, and the share of the eye that it may cover
IRIS_MM = 11.8  # adult mean of the visible iris' diameter, white to white
IRISES = np.array([[473, 474, 475, 476, 477], [468, 469, 470, 471, 472]])  # centre first, then round the edge


@dataclass(frozen=True, slots=True)
class Lids(Reading):
    """Opening and iris of both eyes; left and right are the subject's.

    Attributes:
        left, right: degrees between the upper and the lower lid (`nasion.eyes.eyelid_angle`); NaN where unknown.
        opening: degrees, both eyes in one number: the eye nearer to the camera and better seen counts more.
        left_reliability, right_reliability: 0..1 of each eye: its lids' visibility and sharpness, how far it is turned
            away, and glare on it. ``reliability`` is that of the better eye.
        left_iris, right_iris: (x, y) of the iris centre from the middle of the corners, in half eye widths: x along the
            line of the corners to image-right, y across it, downward. (0, 0) is about straight ahead.
        iris_px: diameter of the irises, px, the mean of the eyes that can be seen; NaN where neither can.
        distance_mm: from the camera, by an adult iris of 11.8 mm; a guess where the camera was guessed.
    """

    left: float
    right: float
    opening: float
    left_reliability: float
    right_reliability: float
    left_iris: tuple[float, float]
    right_iris: tuple[float, float]
    iris_px: float
    distance_mm: float


class EyeKit:
    """Task ``lids``: reads `Lids` from landmarks that convert to ``dense478``.

    Args:
        camera: of the pictures; None assumes a 60 degree field of view, on which only ``distance_mm`` depends.
        refined: read lids and irises placed again from crops of the eyes. Without, angles are those of the landmarker's
            own points with their depth: shut lids then read `PLAIN_CLOSED_SHARE` of open ones.
    """

    name, gives = "lids", Lids

    def __init__(self, camera: Camera | None = None, *, refined: bool = True) -> None:
        self.camera, self.refined = camera, refined

    @property
    def needs(self) -> tuple[str, ...]:
        """The steps and tasks that come before."""
        return ("landmarks", "eye_points", "pose") if self.refined else ("landmarks", "pose")

    def read(self, image: ImageArray, faces: list[Face]) -> list[Lids]:
        """One reading per face.

        Raises:
            TaskError: lids as placed are wanted, and the landmarker places no depth.
        """
        camera = self.camera or Camera.for_image(image.shape[1], image.shape[0])
        return [_read(image, face, camera, self.refined) for face in faces]


def _read(image: ImageArray, face: Face, camera: Camera, refined: bool) -> Lids:
    landmarks, pose = face.landmarks.to("dense478"), face.readings["pose"]
    assert isinstance(pose, Pose)
    if not refined and landmarks.points.shape[1] != 3:
        raise TaskError(
            "lids as placed need points with depth, which this landmarker does not place: use the embedded one, or "
            "EyeKit(refined=True)"
        )
    yaw = pose.yaw if np.isfinite(pose.yaw) else 0.0
    points = landmarks.points.astype(np.float64)
    trust, reasons = zip(*(_trust(image, landmarks, side, yaw) for side in (0, 1)), strict=True)
    angles = eyelid_angles(solid_lids(landmarks, pose), depth=1.0) if refined else eyelid_angles(points)
    opening = float(combined_angle(angles, yaw, np.array(trust)))
    better = int(np.argmax(trust))
    iris_px = _iris_px(points, trust)
    centres = [_iris_place(points[:, :2], side) for side in (0, 1)]
    distance = float((camera.fx + camera.fy) / 2 * IRIS_MM / iris_px) if iris_px > 0 else float("nan")
    return Lids(
        reliability=trust[better],
        reason=reasons[better] if trust[better] < 0.5 else "",
        left=float(angles[0]),
        right=float(angles[1]),
        opening=opening,
        left_reliability=trust[0],
        right_reliability=trust[1],
        left_iris=centres[0],
        right_iris=centres[1],
        iris_px=iris_px,
        distance_mm=distance,
    )


def _trust(image: ImageArray, landmarks: Landmarks, side: int, yaw: float) -> tuple[float, str]:
    """How far to believe one eye, and why not."""
    lids = LIDS[side].ravel()
    width = float(np.linalg.norm(np.subtract(*landmarks.points[CORNERS[side], :2])))
    seen = float(landmarks.visibility[lids].mean())
    sharp = max(0.0, 1 - float(landmarks.sigma[lids].mean()) / max(width, 1e-6) / SHARP)
    away = -yaw if side == 0 else yaw  # the left eye goes out of sight when the face turns to the subject's left
    facing = float(np.clip((LOST - away) / (LOST - TURNED), 0, 1))
    glare = float(np.clip(1 - _glare(image, landmarks.points[lids, :2]) / GLARE_SHARE, 0, 1))
    factors = {
        "the lids are hidden": seen,
        "the lids are too blurred or small to measure": sharp,
        "the eye is turned away": facing,
        "a reflection covers the eye": glare,
    }
    return seen * sharp * facing * glare, min(factors, key=lambda reason: factors[reason])


def _glare(image: ImageArray, lid: FloatArray) -> float:
    """Share of the pixels around an eye that are burnt out."""
    if not np.isfinite(lid).all():
        return 0.0
    x0, y0 = np.maximum(np.floor(lid.min(0)), 0).astype(int)
    x1, y1 = np.ceil(lid.max(0)).astype(int) + 1
    patch = image[y0:y1, x0:x1]
    return float((patch.min(2) >= GLARE).mean()) if patch.size else 0.0


def _iris_place(points: FloatArray, side: int) -> tuple[float, float]:
    inner, outer = points[CORNERS[side]]
    along = (inner - outer) * (1 if side == 1 else -1)  # to image-right
    half = np.linalg.norm(along) / 2
    if not half > 0:
        return float("nan"), float("nan")
    unit = along / (2 * half)
    offset = points[IRISES[side, 0]] - (inner + outer) / 2
    return float(offset @ unit / half), float(offset @ (-unit[1], unit[0]) / half)


def _iris_px(points: FloatArray, trust: tuple[float, ...]) -> float:
    """The longer diameter: the other one shrinks as the eye turns, and under the lid."""
    weights, sizes = np.array(trust), []
    for index in IRISES:
        _, right, top, left, bottom = points[index, :2]
        sizes.append(max(np.linalg.norm(right - left), np.linalg.norm(top - bottom)))
    return float(weights @ sizes / weights.sum()) if weights.sum() > 0 else float("nan")
