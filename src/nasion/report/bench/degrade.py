"""Spoiling a picture in a known way, the same at every run; labels follow where the geometry changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from nasion.core import Box, FloatArray, ImageArray
from nasion.core.geometry.similarity import apply_affine
from nasion.metrics import face_size

_GAMMA = 2.2
_ELECTRONS = 2000.0  # that a white pixel of a small sensor holds at full exposure
_READ_NOISE = 3.0  # electrons
_SURROUND = (127, 127, 127)  # what lies outside a turned picture


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture, RGB uint8 (H, W, 3), and the points of one face in it, (N, 2) px."""

    image: ImageArray
    points: FloatArray


def blur(face: Labelled, strength: float) -> Labelled:
    """Gaussian blur; ``strength`` is its sigma over the distance between the outer eye corners."""
    if strength <= 0:
        return face
    sigma = strength * float(face_size(face.points[None])[0])
    return Labelled(cast("ImageArray", cv2.GaussianBlur(face.image, (0, 0), sigma)), face.points)


def jpeg(face: Labelled, quality: int) -> Labelled:
    """Through a JPEG file of the given quality, 1..100."""
    bgr = np.ascontiguousarray(face.image[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None, "OpenCV reads the JPEG it has just written"
    return Labelled(np.ascontiguousarray(decoded[..., ::-1]), face.points)


def shrink(face: Labelled, side: float) -> Labelled:
    """Reduce the picture until the longer side of the box around the points is ``side`` px; never enlarge."""
    box = Box.around(face.points)
    scale = min(1.0, side / max(box.width, box.height))
    height, width = face.image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(face.image, size, interpolation=cv2.INTER_AREA)
    exact = np.array([size[0] / width, size[1] / height])
    return Labelled(cast("ImageArray", small), (face.points + 0.5) * exact - 0.5)


def rotate(face: Labelled, degrees: float) -> Labelled:
    """Turn the picture about its centre, clockwise as one sees it, on a grey ground large enough to lose nothing."""
    height, width = face.image.shape[:2]
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[c, -s], [s, c]])
    size = np.ceil(np.abs(turn) @ (width, height)).astype(int)
    shift = (size - 1) / 2 - turn @ np.array([(width - 1) / 2, (height - 1) / 2])
    matrix = np.concatenate([turn, shift[:, None]], axis=1)
    image = cv2.warpAffine(
        face.image, matrix, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR, borderValue=_SURROUND
    )
    return Labelled(cast("ImageArray", image), apply_affine(matrix, face.points))


def darken(face: Labelled, exposure: float, rng: np.random.Generator) -> Labelled:
    """As if taken with a fraction ``exposure`` (0..1) of the light: dark, with the noise of few photons, not lifted."""
    electrons = (face.image / 255.0) ** _GAMMA * exposure * _ELECTRONS
    noisy = rng.poisson(electrons) + rng.normal(0, _READ_NOISE, electrons.shape)
    bright = np.clip(noisy / _ELECTRONS, 0, 1) ** (1 / _GAMMA)
    return Labelled(np.round(255 * bright).astype(np.uint8), face.points)


def grey(face: Labelled) -> Labelled:
    """Without colour."""
    luma = cv2.cvtColor(face.image, cv2.COLOR_RGB2GRAY)
    return Labelled(cast("ImageArray", np.repeat(luma[..., None], 3, axis=2)), face.points)
