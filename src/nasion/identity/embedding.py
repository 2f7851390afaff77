"""A face as 256 numbers, alike for the same person: aligned crop, ONNX network, and which faces not to compare.

The network is not part of the package, for its licence is not stated: a folder in ``NASION_MODELS`` has to hold it, and
``nasion models list`` says where it comes from. Alignment: the five points of Liu et al., "SphereFace", CVPR 2017, for
crops of 96 x 112 px. Network: Chen et al., "MobileFaceNets", CCBR 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from nasion.core import Face, FloatArray, ImageArray, InputError, Landmarks
from nasion.core.geometry.similarity import umeyama
from nasion.models import Session

MODEL = "mobilefacenet_casia"
SIZE = (96, 112)  # px, width and height of the aligned crop
TEMPLATE = np.array([  # px, coarse5: the subject's left eye, right eye, nose, left and right corner of the mouth
    (65.5318, 51.5014), (30.2946, 51.6963), (48.0252, 71.7366), (62.7299, 92.2041), (33.5493, 92.3655),
])  # fmt: skip
SMALLEST_PX, MOST_YAW = 40.0, 45.0  # of the face's width; degrees
INNER = (slice(24, 104), slice(12, 84))  # of the crop: brows to mouth, no background
LEAST_SHARPNESS = (
    0.01  # see `quality`: half of web crops blurred by 3 % of the face, one in a hundred of 45 px, none sharp
)


@dataclass(frozen=True, slots=True)
class Quality:
    """Whether a face is worth comparing.

    Attributes:
        width_px: of the face.
        yaw: degrees; NaN where no pose was read.
        sharpness: variance of the Laplacian of the middle of the aligned grey crop, over the variance of the grey.
        reason: why it is not; empty when it is.
    """

    width_px: float
    yaw: float
    sharpness: float
    reason: str


class FaceEmbedder:
    """The network.

    Args:
        model: a name of the catalogue or an ONNX file; (N, 3, 112, 96) float32 RGB, (x - 127.5) / 128, to (N, D).
        device, threads: as for ``nasion.models.Session``.

    Raises:
        ModelError: the model is not here; the message says how to get it.
    """

    def __init__(self, model: str | Path = MODEL, *, device: str = "cpu", threads: int | None = None) -> None:
        self._session = Session(model, device=device, threads=threads)
        (self._input,) = self._session.input_shapes
        self.name = self._session.path.stem

    def __call__(self, image: ImageArray, faces: Sequence[Face]) -> FloatArray:
        """(N, 2 D) float32 of unit length, a row for each face: the crop's numbers and its mirror image's.

        Args:
            image: RGB uint8 (H, W, 3).
            faces: with points that convert to ``coarse5``.
        """
        crops = [aligned_crop(image, face.landmarks) for face in faces]
        if not crops:
            return np.zeros((0, 0), np.float32)
        views = np.stack([view for crop in crops for view in (crop, crop[:, ::-1])])
        ready = (np.moveaxis(views, 3, 1).astype(np.float32) - 127.5) / 128
        (found,) = self._session.run({self._input: ready}).values()
        both = found.reshape(len(crops), -1)
        return np.asarray(both / np.linalg.norm(both, axis=1, keepdims=True), np.float32)


def aligned_crop(image: ImageArray, landmarks: Landmarks) -> ImageArray:
    """(112, 96, 3) uint8: the face turned, moved and scaled until its five points lie where the network learned them.

    Beyond the picture's edge its last px go on.

    Raises:
        InputError: the points lie on one spot.
    """
    matrix = umeyama(landmarks.to("coarse5").points[:, :2].astype(np.float64), TEMPLATE)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 0.5:  # a large face would alias
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / scale), np.uint8)
    return np.asarray(
        cv2.warpAffine(image, matrix, SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def quality(image: ImageArray, face: Face) -> Quality:
    """Whether a face is large, sharp and frontal enough to be compared.

    Args:
        image: RGB uint8 (H, W, 3).
        face: with points; without a reading ``pose`` the yaw is not looked at.
    """
    width = float(face.landmarks.box.width)
    pose = face.readings.get("pose")
    yaw = float(getattr(pose, "yaw", float("nan")))
    try:
        crop = aligned_crop(image, face.landmarks)[INNER]
        grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    except InputError:
        return Quality(width, yaw, 0.0, "the points lie on one spot")
    sharpness = float(cv2.Laplacian(grey, cv2.CV_32F).var() / max(float(grey.var()), 1.0))
    reason = ""
    if width < SMALLEST_PX:
        reason = f"{width:.0f} px wide, {SMALLEST_PX:.0f} needed"
    elif abs(yaw) >= MOST_YAW:
        reason = f"turned by {abs(yaw):.0f} degrees, {MOST_YAW:.0f} allowed"
    elif sharpness < LEAST_SHARPNESS:
        reason = "blurred"
    return Quality(width, yaw, sharpness, reason)
