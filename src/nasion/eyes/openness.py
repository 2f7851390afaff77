"""Eye openness from lid landmarks: the eye aspect ratio (EAR).

Source: Soukupova and Cech, "Real-Time Eye Blink Detection using Facial Landmarks", CVWW 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import Face, FloatArray, ImageArray, Reading

LIDS = np.array([range(42, 48), range(36, 42)])  # of ibug68, left and right; the order is that of `eye_aspect_ratio`
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


def eye_aspect_ratio(lid: FloatArray) -> FloatArray:
    """Lid height over eye width.

    Args:
        lid: (..., 6, 2) px, a corner, two points of the upper lid, the other corner, two points of the lower lid, in
            order round the eye (iBUG order 36..41 or 42..47).

    Returns:
        (...) the ratios, 0 for a closed eye. NaN where the corners coincide.
    """
    across = np.linalg.norm(lid[..., [0, 1, 2], :] - lid[..., [3, 5, 4], :], axis=-1)
    width, height = across[..., 0], across[..., 1] + across[..., 2]
    return np.asarray(np.where(width > 0, height / np.where(width > 0, 2 * width, 1), np.nan))


class EyeOpenness:
    """Task ``eyes``: reads ``Eyes`` from landmarks in any scheme that has lids."""

    name, needs, gives = "eyes", ("landmarks",), Eyes
    points_only = True

    def read(self, image: ImageArray, faces: list[Face]) -> list[Eyes]:
        """One reading per face, from its points alone; ``image`` is not looked at."""
        if not faces:
            return []
        known = [face.landmarks.to("ibug68") for face in faces]
        lids = np.stack([landmarks.points[LIDS, :2] for landmarks in known])  # (F, 2, 6, 2)
        seen = np.stack([landmarks.visibility[LIDS] for landmarks in known]).mean(2).min(1)
        sigma = np.stack([landmarks.sigma[LIDS] for landmarks in known]).mean(2)
        blur = (sigma / np.maximum(np.ptp(lids[..., 0], axis=2), 1e-6)).max(1)
        reliability = seen * np.fmax(0, 1 - blur / SHARP)
        return [
            Eyes(left=left, right=right, reliability=sure, reason=_reason(visible, sure))
            for (left, right), visible, sure in zip(
                eye_aspect_ratio(lids).tolist(), seen.tolist(), reliability.tolist(), strict=True
            )
        ]


def _reason(seen: float, reliability: float) -> str:
    if seen < 0.5:
        return "an eye is hidden"
    return "the lids are too blurred or small to measure" if reliability < 0.5 else ""
