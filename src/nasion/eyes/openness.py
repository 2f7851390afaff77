"""Eye openness from lid landmarks: the eye aspect ratio (EAR).

Source: Soukupova and Cech, "Real-Time Eye Blink Detection using Facial Landmarks", CVWW 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import Face, FloatArray, ImageArray, Landmarks, Reading

SHARP = 0.25  # expected error over eye width at which the ratio stops meaning anything: about the height of an open eye


@dataclass(frozen=True, slots=True)
class Eyes(Reading):
    """Openness of both eyes; left and right are the subject's.

    Attributes:
        left, right: EAR, dimensionless: about 0.3 open, below 0.15 closed, meant for faces seen from the front.
            NaN when an eye's corners coincide.
        reliability: 0..1, the visibility of the worse lid, lowered when the points' expected error rivals the eye's
            size.
    """

    left: float
    right: float


def eye_aspect_ratio(lid: FloatArray) -> float:
    """Lid height over eye width.

    Args:
        lid: (6, 2) px, a corner, two points of the upper lid, the other corner, two points of the lower lid, in order
            round the eye (iBUG order 36..41 or 42..47).

    Returns:
        The ratio, 0 for a closed eye. NaN when the corners coincide.
    """
    corner, up1, up2, other, low2, low1 = lid
    width = np.linalg.norm(corner - other)
    height = np.linalg.norm(up1 - low1) + np.linalg.norm(up2 - low2)
    return float(height / (2 * width)) if width > 0 else float("nan")


class EyeOpenness:
    """Task ``eyes``: reads ``Eyes`` from landmarks in any scheme that has lids."""

    name, needs, gives = "eyes", ("landmarks",), Eyes
    points_only = True

    def read(self, image: ImageArray, faces: list[Face]) -> list[Eyes]:
        """One reading per face, from its points alone; ``image`` is not looked at."""
        return [self._one(face.landmarks.to("ibug68")) for face in faces]

    @staticmethod
    def _one(landmarks: Landmarks) -> Eyes:
        eyes = landmarks["left_eye"], landmarks["right_eye"]
        seen = float(min(eye.visibility.mean() for eye in eyes))
        blur = max(float(eye.sigma.mean() / max(np.ptp(eye.points[:, 0]), 1e-6)) for eye in eyes)
        reliability = seen * max(0.0, 1 - blur / SHARP)
        if seen < 0.5:
            reason = "an eye is hidden"
        elif reliability < 0.5:
            reason = "the lids are too blurred or small to measure"
        else:
            reason = ""
        left, right = (eye_aspect_ratio(eye.points[:, :2]) for eye in eyes)
        return Eyes(left=left, right=right, reliability=reliability, reason=reason)
