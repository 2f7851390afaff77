"""Expression crops of the shared data as points: the last frames of CK+ sequences, and pictures of the web."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from nasion.core import FloatArray, IntArray
from nasion.media import read_image
from nasion.pipeline import Analyzer

CK_PLUS = {
    "happy": "happy", "sadness": "sad", "anger": "angry", "surprise": "surprised", "disgust": "disgusted",
    "fear": "afraid", "contempt": "contempt",
}  # fmt: skip
WEB = {**CK_PLUS, "happiness": "happy", "neutral": "neutral"}
SIDE, MARGIN = 192, 64  # px: crops are this large before points are placed, with what mirrors them around


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """Points of crops.

    Attributes:
        points: (N, 478, 2) float32 px of the enlarged crop.
        label: (N,) names of expressions, as the synthetic head calls them.
        subject: (N,) whose.
        clip: (N,) which sequence (CK+) or file.
        pixels: (N,) side of the crop as it comes.
        lost: crops in which no face was found.
    """

    points: FloatArray
    label: IntArray
    subject: IntArray
    clip: IntArray
    pixels: IntArray
    lost: int


def read_crops(folder: Path, names: dict[str, str], limit: int | None = None) -> Crops:
    """Place the embedded landmarker's points on the crops of a folder with ``labels.csv``: 0.03 s each."""
    analyzer = Analyzer(("landmarks",), max_faces=1, threads=1)
    points, kept, lost = [], [], 0
    with (folder / "labels.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))[:limit]
    for row in rows:
        image = read_image(folder / row["file"])
        large = np.asarray(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)
        large = np.asarray(cv2.copyMakeBorder(large, *(MARGIN,) * 4, cv2.BORDER_REFLECT), np.uint8)
        faces = analyzer(large)
        if not faces:
            lost += 1
            continue
        points.append(faces[0].landmarks.points[:, :2])
        clip = row["file"].rsplit("_", 1)[0]
        kept.append((names[row["expression"]], row["subject"], clip, image.shape[0]))
    label, subject, clips, pixels = (np.array(column) for column in zip(*kept, strict=True))
    return Crops(np.stack(points), label, subject, clips, pixels, lost)
