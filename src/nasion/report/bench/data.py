"""The labelled pictures that the benchmarks read; they are not part of the package."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasion.core import Box, FloatArray, InputError

_NEAR_CHECKOUT = Path("..") / "shared" / "data"


@dataclass(frozen=True, slots=True)
class FacePhoto:
    """A photo with one annotated face (there may be others).

    Attributes:
        path: the picture.
        points: (68, 2) px, iBUG order.
        pose: (3,) yaw, pitch, roll in degrees where they are known.
    """

    path: Path
    points: FloatArray
    pose: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class BoxPhoto:
    """A photo with some of its faces boxed."""

    path: Path
    boxes: tuple[Box, ...]


def data_folder(named: Path | None = None) -> Path:
    """Where the data are: ``named``, else ``NASION_DATA``, else ``../shared/data``.

    Raises:
        InputError: nothing is there.
    """
    folder = named or Path(os.environ.get("NASION_DATA") or _NEAR_CHECKOUT)
    if not folder.is_dir():
        raise InputError(
            f"the benchmark data are not at {folder}: name the folder that holds landmarks68/, boxes/, pose/ and "
            "video/ with --data or NASION_DATA"
        )
    return folder


def data_file(folder: Path, inside: str) -> Path:
    """A file or folder of the data; InputError when this one is absent."""
    path = folder / inside
    if not path.exists():
        raise InputError(f"{path} is absent: this benchmark needs {inside} in the data folder (--data or NASION_DATA)")
    return path


def helen(data: Path, part: str = "val") -> list[FacePhoto]:
    """HELEN photos with human iBUG-68 points: ``val`` has 90 whole photos, ``train`` 870 crops."""
    return _face_photos(data_file(data, f"landmarks68/{part}.csv"), data / "landmarks68")


def aflw2000(data: Path) -> list[FacePhoto]:
    """The 16 AFLW2000-3D photos with points and pose: a sanity set, not a benchmark."""
    return _face_photos(data_file(data, "pose/aflw2000.csv"), data / "pose" / "aflw2000")


def boxed_photos(data: Path) -> list[BoxPhoto]:
    """Street and group photos with 3222 boxes; small faces in the back are often unboxed, so measure recall only."""
    boxes: dict[str, list[Box]] = defaultdict(list)
    for row in _rows(data_file(data, "boxes/boxes.csv")):
        boxes[row["file"]].append(Box(*(float(row[k]) for k in ("x0", "y0", "x1", "y1"))))
    return [BoxPhoto(data / "boxes" / file, tuple(found)) for file, found in sorted(boxes.items())]


def clip(data: Path, name: str) -> Path:
    """One of the video clips, by file name."""
    return data_file(data, f"video/{name}")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _face_photos(table: Path, pictures: Path) -> list[FacePhoto]:
    photos = []
    for row in _rows(table):
        points = np.array([(float(row[f"x{i}"]), float(row[f"y{i}"])) for i in range(68)])
        pose = np.array([float(row[k]) for k in ("yaw", "pitch", "roll")]) if "yaw" in row else None
        photos.append(FacePhoto(pictures / row["file"], points, pose))
    return photos
