"""Place points on faces: where they are, whether they can be seen, and how far off they may be."""

from nasion.landmark.eye_points import EyeRefiner
from nasion.landmark.landmarker import Landmarker, Placement

__all__ = ["EyeRefiner", "Landmarker", "Placement"]
