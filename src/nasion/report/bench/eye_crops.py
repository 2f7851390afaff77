"""The labelled eye crops of the shared data, and who of them is never trained on."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from nasion.core import BoolArray, ImageArray
from nasion.report.bench.data import data_file

STORED = 48  # px: crops are kept this large


@dataclass(frozen=True, slots=True, eq=False)
class EyeCrops:
    """Attributes: crops (N, 48, 48) uint8 grey; open (N,); held (N,) never trained on; subject of each, "" unknown."""

    crops: ImageArray
    open: BoolArray
    held: BoolArray
    subject: tuple[str, ...]


def infrared_eyes(data: Path) -> EyeCrops:
    """2376 infrared crops of 40 people; every fourth person is held out."""
    with data_file(data, "eyes/infrared.csv").open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    subjects = tuple(row["subject"] for row in rows)
    held = set(sorted(set(subjects))[3::4])
    crops = [cv2.imread(str(data / "eyes" / "infrared" / row["file"]), cv2.IMREAD_GRAYSCALE) for row in rows]
    return EyeCrops(
        np.stack([_stored(np.asarray(crop, np.uint8)) for crop in crops]),
        np.array([row["open"] == "1" for row in rows]),
        np.array([subject in held for subject in subjects]),
        subjects,
    )


def visible_eyes(data: Path) -> EyeCrops:
    """288 visible-light crops of nobody knows whom; every second one is held out."""
    folder = data_file(data, "eyes/visible_npy")
    pixels = np.load(folder / "x_val.npy", allow_pickle=False)[..., 0].astype(np.uint8)
    labels = np.load(folder / "y_val.npy", allow_pickle=False).ravel() == 1
    square = [cv2.copyMakeBorder(crop, 4, 4, 0, 0, cv2.BORDER_REPLICATE) for crop in pixels]  # 26 x 34 px
    crops = np.stack([_stored(np.asarray(crop, np.uint8)) for crop in square])
    return EyeCrops(crops, labels, np.arange(len(labels)) % 2 == 1, ("",) * len(labels))


def middle(crops: ImageArray, side: int) -> ImageArray:
    """The crops as a network sees them, (N, side, side)."""
    return np.stack([np.asarray(cv2.resize(c, (side, side), interpolation=cv2.INTER_AREA), np.uint8) for c in crops])


def _stored(crop: ImageArray) -> ImageArray:
    return np.asarray(cv2.resize(crop, (STORED, STORED), interpolation=cv2.INTER_AREA), np.uint8)
