"""Find faces: boxes, scores and five points."""

from nasion.detect.detector import FaceDetector

__all__ = ["FaceDetector"]
