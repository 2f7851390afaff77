"""Whether an eye is open, from its pixels, for when lids cannot be measured: task ``eye_state``.

A small network on 24 x 24 grey crops, trained on infrared and visible-light eyes (``training/eyes``). It takes light
and contrast out of each crop first, so that dark infrared pictures and photos look alike to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from nasion.core import Face, FloatArray, ImageArray, InputError, Landmarks, Reading
from nasion.models import Session

SIDE = 24  # px of a crop
MARGIN = 1.7  # side of a crop over the eye's width: what the training crops show
SMALLEST = 8.0  # px of eye width below which a crop is a smear


@dataclass(frozen=True, slots=True)
class EyeState(Reading):
    """Left and right are the subject's.

    Attributes:
        left, right: probability 0..1 that the eye is open; NaN when its corners are not known. Pupil and white behind
            glasses count, an eye that is covered does not: then believe nothing.
    """

    left: float
    right: float


class EyeStateReader:
    """Task ``eye_state``: reads `EyeState` from the pixels around the eye corners of any scheme that has them.

    Args:
        model: name of a model or path of an ONNX file; loaded when the first face comes.
    """

    name, needs, gives = "eye_state", ("landmarks",), EyeState

    def __init__(self, model: str | Path = "eye_state") -> None:
        self._model, self._session = model, None if isinstance(model, str) else Session(model, threads=1)

    def read(self, image: ImageArray, faces: list[Face]) -> list[EyeState]:
        """One reading per face; all eyes go through the network together."""
        landmarks = [face.landmarks.to("ibug68") for face in faces]
        open_ = self.probability([crop for points in landmarks for crop in eye_crops(image, points)])
        return [_reading(points, pair) for points, pair in zip(landmarks, open_.reshape(-1, 2), strict=True)]

    def probability(self, crops: list[ImageArray] | ImageArray) -> FloatArray:
        """Probability 0..1 that each eye is open.

        Args:
            crops: (N, 24, 24) uint8 grey, the eye in the middle and about 0.6 of the width; its tilt and side do not
                matter.

        Raises:
            InputError: crops of another shape.
        """
        stack = np.asarray(crops)
        if stack.shape[1:] != (SIDE, SIDE) or stack.dtype != np.uint8:
            raise InputError(f"eye crops must be (N, {SIDE}, {SIDE}) uint8, got {stack.dtype} {stack.shape}")
        if self._session is None:
            self._session = Session(self._model, threads=1)
        return np.asarray(self._session.run({"crops": stack})["open"], np.float64)


def eye_crops(image: ImageArray, landmarks: Landmarks) -> list[ImageArray]:
    """Two (24, 24) uint8 grey crops, left and right eye, level along the corners.

    Args:
        image: RGB uint8 (H, W, 3).
        landmarks: in a scheme with the groups ``left_eye`` and ``right_eye``, corners first and fourth as in ibug68.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    crops: list[ImageArray] = []
    for group in ("left_eye", "right_eye"):
        points = landmarks[group].points[:, :2].astype(np.float64)
        first, other = points[0], points[3]
        way = other - first
        width = float(np.linalg.norm(way))
        if not np.isfinite(width) or width < 1:
            crops.append(np.zeros((SIDE, SIDE), np.uint8))
            continue
        along = way / width * (width * MARGIN / SIDE)  # source px per crop px, to image-right of an upright face
        centre = (first + other) / 2
        linear = np.array([[along[0], -along[1]], [along[1], along[0]]])
        matrix = np.column_stack([linear, centre - linear @ np.full(2, (SIDE - 1) / 2)])
        crop = cv2.warpAffine(
            grey, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
        )
        crops.append(np.asarray(crop, np.uint8))
    return crops


def _reading(landmarks: Landmarks, open_: FloatArray) -> EyeState:
    widths, sure = [], []
    for group in ("left_eye", "right_eye"):
        eye = landmarks[group]
        widths.append(float(np.linalg.norm(eye.points[3, :2] - eye.points[0, :2])))
        blur = float(eye.sigma[[0, 3]].mean()) / max(widths[-1], 1e-6)
        sure.append(float(np.clip(1 - blur, 0, 1)))  # corners one eye width off show no eye
    values = [float(p) if np.isfinite(w) and w >= 1 else float("nan") for p, w in zip(open_, widths, strict=True)]
    small = max(widths) < SMALLEST
    reliability = 0.3 * max(sure) if small else max(sure)
    reason = "the eyes are too small" if small else "it is not known where the eyes are" if reliability < 0.5 else ""
    return EyeState(reliability, reason, *values)
