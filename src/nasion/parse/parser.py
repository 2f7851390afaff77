"""Facial regions: which part of which face each pixel shows, by a network that looks through a tanh-polar view.

Source: Lin et al., "RoI Tanh-polar Transformer Network for Face Parsing in the Wild", 2021; the network is trained by
``nasion train rtnet-tanh-polar``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasion.core import (
    BoolArray,
    Face,
    FloatArray,
    ImageArray,
    InputError,
    Landmarks,
    ModelError,
    SchemeError,
)
from nasion.models import Session
from nasion.parse.tanh_polar import VIEWS, Roi, View, restore_window, warp

REGIONS = (
    "background", "skin", "left_brow", "right_brow", "left_eye", "right_eye", "nose", "upper_lip", "inner_mouth",
    "lower_lip", "hair",
)  # fmt: skip
"""What the labels 0..10 mean; left and right are the subject's. Skin includes ears and lids, not the neck."""

COLORS = np.array(
    [
        (0, 0, 0), (240, 190, 160), (120, 200, 80), (60, 160, 60), (80, 160, 255), (40, 90, 220), (255, 220, 80),
        (255, 90, 120), (120, 20, 60), (220, 40, 160), (140, 90, 220),
    ],
    np.uint8,
)  # fmt: skip
"""RGB of each label in drawings."""


@dataclass(frozen=True, slots=True, eq=False)
class Parsing:
    """The regions of one face.

    Attributes:
        labels: (H, W) uint8, rows of ``REGIONS``; 0 wherever the picture shows something else.
    """

    labels: ImageArray

    def mask(self, region: str) -> BoolArray:
        """(H, W) bool, where the picture shows a region.

        Raises:
            InputError: there is no such region.
        """
        if region not in REGIONS:
            raise InputError(f"there is no region {region!r}; there are {', '.join(REGIONS)}")
        return np.asarray(self.labels == REGIONS.index(region))


class FaceParser:
    """Labels the pixels of faces that are roughly known.

    Args:
        model: path of an ONNX file of ``nasion train rtnet-tanh-polar``.
        device, threads: as for ``nasion.models.Session``.

    Raises:
        ModelError: the model cannot be loaded, or is no parser.
    """

    def __init__(self, model: str | Path, *, device: str = "cpu", threads: int | None = None) -> None:
        self.session = Session(model, device=device, threads=threads)
        shape, view = self.session.input_shapes.get("views", ()), self.session.metadata.get("view", "")
        if view not in VIEWS or len(shape) != 4 or not isinstance(shape[1], int):
            raise ModelError(
                f"{self.session.path} is no parser: it must take views (n, T, T, 3) and say through which view, as the "
                "files of `nasion train rtnet-tanh-polar` do"
            )
        self.view, self.size = VIEWS[view], shape[1]

    def parse(self, image: ImageArray, faces: Sequence[Face]) -> list[Parsing]:
        """The regions of each face.

        Args:
            image: RGB uint8 (H, W, 3).
            faces: with landmarks (then the view follows them) or just a box.

        Returns:
            One per face, in order. Each holds its own face only, whoever else is near.
        """
        rois = [face_roi(face) for face in faces]
        if not rois:
            return []
        views = np.stack([warp(image, roi, self.size, view=self.view) for roi in rois])
        found = self.session.run({"views": views})["regions"]
        shape = image.shape[0], image.shape[1]
        return [Parsing(labels(p, roi, shape, self.view, self.size)) for p, roi in zip(found, rois, strict=True)]


def labels(probability: FloatArray, roi: Roi, shape: tuple[int, int], view: View, size: int) -> ImageArray:
    """(H, W) uint8 labels from what a network says of a view.

    Args:
        probability: (C, h, h) of each region.
        roi: where the face is.
        shape: (H, W) of the picture.
        view: how it was looked at.
        size: px of the view.
    """
    values = np.ascontiguousarray(np.moveaxis(probability, 0, -1), np.float32)
    part, window = restore_window(values, roi, shape, view=view, size=size)
    out = np.zeros(shape, np.uint8)
    if part.size:
        out[window] = part.argmax(-1)
    return out


def face_roi(face: Face) -> Roi:
    """The circle around a face: as large as the box of its 68 points (else its own box), turned with its eyes.

    A circle, not an ellipse, so that a turned face is the same view moved along its rows.
    """
    try:
        return landmark_roi(face.landmarks.to("ibug68"))
    except SchemeError:
        return Roi.of_box(face.box, circle=True)


def landmark_roi(points: Landmarks) -> Roi:
    """The circle around 68 points."""
    left, right = (points[group].points[:, :2].mean(0) for group in ("left_eye", "right_eye"))
    x, y = (left - right).astype(np.float64)
    turn = float(np.degrees(np.arctan2(y, x)))
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    upright = points.points[:, :2].astype(np.float64) @ np.array([[c, -s], [s, c]])
    low, high = upright.min(0), upright.max(0)
    middle = np.array([[c, -s], [s, c]]) @ ((low + high) / 2)
    radius = float(np.sqrt(np.prod(high - low) / np.pi))
    return Roi(float(middle[0]), float(middle[1]), radius, radius, turn)
