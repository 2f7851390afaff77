"""The data model: what a face, its points and its pose are. NumPy only, no files, no models."""

from nasion.core.arrays import BoolArray, FloatArray, ImageArray, IntArray
from nasion.core.box import Box
from nasion.core.camera import Camera
from nasion.core.convert import convert
from nasion.core.errors import (
    InputError,
    MediaError,
    MissingExtraError,
    ModelError,
    NasionError,
    SchemeError,
    TaskError,
)
from nasion.core.face import Face
from nasion.core.gaze import Gaze
from nasion.core.landmarks import Landmarks
from nasion.core.pose import Pose
from nasion.core.reading import Reading
from nasion.core.scheme import Contour, Scheme
from nasion.core.schemes import SCHEMES, scheme

__all__ = [
    "SCHEMES",
    "BoolArray",
    "Box",
    "Camera",
    "Contour",
    "Face",
    "FloatArray",
    "Gaze",
    "ImageArray",
    "InputError",
    "IntArray",
    "Landmarks",
    "MediaError",
    "MissingExtraError",
    "ModelError",
    "NasionError",
    "Pose",
    "Reading",
    "Scheme",
    "SchemeError",
    "TaskError",
    "convert",
    "scheme",
]
