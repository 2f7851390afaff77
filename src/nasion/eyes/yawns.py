"""The open mouth, and yawns: task ``mouth``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import Face, FloatArray, ImageArray, Landmarks, Reading

INNER = (13, 14, 78, 308)  # dense478: middle of the inner upper and lower lip, inner corners
WIDE, NARROW = 0.6, 0.35  # opening over width at which a yawn is on, and at which it is over; talk stays below 0.5
SHORTEST_S, LONGEST_S = 1.5, 12.0  # a yawn lasts about six seconds (Provine, 1986); speech opens for a quarter


@dataclass(frozen=True, slots=True)
class Mouth(Reading):
    """The inner lips.

    Attributes:
        opening: distance of the inner lips over that of the inner corners; 0 closed, about 1 in a yawn. NaN when the
            corners coincide.
    """

    opening: float


@dataclass(frozen=True, slots=True)
class Yawn:
    """A mouth that is wide open for long.

    Attributes:
        start_s, end_s: seconds.
        widest: the largest opening.
    """

    start_s: float
    end_s: float
    widest: float


class MouthOpening:
    """Task ``mouth``: reads `Mouth` from landmarks that convert to ``dense478``."""

    name, needs, gives = "mouth", ("landmarks",), Mouth
    points_only = True

    def read(self, image: ImageArray, faces: list[Face]) -> list[Mouth]:
        """One reading per face, from its points alone."""
        return [_read(face.landmarks.to("dense478")) for face in faces]


def _read(landmarks: Landmarks) -> Mouth:
    top, bottom, right, left = landmarks.points[list(INNER), :2].astype(np.float64)
    width, seen = float(np.linalg.norm(left - right)), float(landmarks.visibility[list(INNER)].mean())
    opening = float(np.linalg.norm(top - bottom)) / width if width > 0 else float("nan")
    return Mouth(seen, "the mouth is hidden" if seen < 0.5 else "", opening)


def detect_yawns(time_s: FloatArray, opening: FloatArray) -> list[Yawn]:
    """Find yawns: openings above 0.6 of the width that do not fall below 0.35 for 1.5 to 12 seconds.

    Args:
        time_s: (N,) seconds, rising.
        opening: (N,) as in `Mouth`; NaN where unknown, which ends a yawn.
    """
    found: list[Yawn] = []
    start, widest = None, 0.0
    for now, value in zip([*map(float, time_s)], map(float, opening), strict=True):
        if start is None and value >= WIDE:
            start, widest = now, value
        elif start is not None and value > NARROW:
            widest = max(widest, value)
        elif start is not None:
            if SHORTEST_S <= now - start <= LONGEST_S:
                found.append(Yawn(start, now, widest))
            start = None
    return found
