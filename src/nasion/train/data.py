"""Labelled faces for training: cut into crops, split by person or picture, drawn in augmented views.

A crop is the landmarker's view of a face (``nasion.landmark.view``) with a margin around it, so that shifted, turned
and shrunken views still find real pixels. Networks trained on these views fit behind any detector.
"""

from __future__ import annotations

import csv
import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from nasion.core import (
    SCHEMES,
    FloatArray,
    ImageArray,
    InputError,
    IntArray,
    Landmarks,
    NasionError,
    Scheme,
    SchemeError,
    scheme,
)
from nasion.landmark.view import cut, view_matrix
from nasion.media import read_image, read_ljson, read_pts, safe_name
from nasion.media.sources import IMAGE_EXTENSIONS
from nasion.train.damage import damage, occlude

MARGIN = 0.3  # of the view's side, on each side of it
BOX_ROOM = 1.25  # sides of the points' box that an upright square is wide, as 300-W's followers have it
FEWEST = 20  # faces; fewer cannot be split into something to learn from and something to test on
SMALLEST, LARGEST = 32, 256  # px, side of a view


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkSet:
    """Crops of faces with their points.

    Attributes:
        images: RGB uint8 (N, S, S, 3), S = ``stored_side(size)``; the view is the middle ``size`` px.
        points: (N, K, 2) float32 px of ``images``; NaN where unknown.
        visible: (N, K) float32, 1 where the point can be seen, 0 where not or unknown.
        scheme: the layout of the points.
        names: one per face, the last three parts of the picture's path: ``"set/person/picture.jpg"``.
        size: px, side of the view that networks see.
        skipped: why a picture was left out, one line each.
    """

    images: ImageArray
    points: FloatArray
    visible: FloatArray
    scheme: Scheme
    names: tuple[str, ...]
    size: int
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def offset(self) -> int:
        """Px from the stored image's edge to the view's."""
        return (self.images.shape[1] - self.size) // 2

    def take(self, index: Sequence[int] | IntArray) -> LandmarkSet:
        """Some of the faces, in the given order."""
        index = np.asarray(index, np.intp)
        return replace(
            self,
            images=self.images[index],
            points=self.points[index],
            visible=self.visible[index],
            names=tuple(self.names[i] for i in index),
        )

    def views(self) -> tuple[ImageArray, FloatArray]:
        """The plain views: (N, size, size, 3) uint8 and the points (N, K, 2) in their px."""
        o = self.offset
        return np.ascontiguousarray(self.images[:, o : o + self.size, o : o + self.size]), self.points - np.float32(o)


def stored_side(size: int) -> int:
    """Px, side of the stored crop around a view of ``size`` px."""
    return size + 2 * round(MARGIN * size)


def load_folder(path: str | os.PathLike[str], *, size: int = 96) -> LandmarkSet:
    """Pictures with a ``.pts`` or ``.ljson`` file of the same name beside them, in ``path`` and the folders below.

    A folder with ``.csv`` tables instead is read by ``load_csv``, table by table.

    Args:
        path: the folder.
        size: px, side of the view that networks see, 32..256.

    Raises:
        InputError: there is no such folder, it holds no labelled pictures or fewer than 20, or labels of two schemes.
    """
    folder = Path(path)
    if folder.is_file() and folder.suffix.lower() == ".csv":
        return load_csv(folder, size=size)
    if not folder.is_dir():
        raise InputError(f"{safe_name(folder)} is no folder: name one with pictures and their .pts or .ljson files")
    pictures = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_EXTENSIONS and p.is_file())
    labelled = [(p, label) for p in pictures if (label := _label_beside(p)) is not None]
    if not labelled:
        if tables := sorted(folder.glob("*.csv")):
            return _gather((face for table in tables for face in _rows(table)), size, safe_name(folder))
        raise InputError(
            f"{safe_name(folder)} holds {len(pictures)} pictures and no labels: each picture needs a .pts or .ljson "
            "file of the same name beside it, or the folder a .csv table with the columns file, x0, y0, x1, y1, ..."
        )
    return _gather(((p, _reader(label)) for p, label in labelled), size, safe_name(folder))


def load_csv(path: str | os.PathLike[str], *, size: int = 96, aligned: bool = True) -> LandmarkSet:
    """A table with a row per face: ``file`` (relative to the table) and ``x0, y0, x1, y1, ...`` px counted from 0.

    How many points there are says the scheme. Empty cells are unknown points.

    Args:
        path: the table.
        size: px, side of the view that networks see, 32..256.
        aligned: views are turned and scaled as the landmarker's are; otherwise they are ``box_matrix``'s, which is what
            most papers train and test on.

    Raises:
        InputError: no such table, other columns, points that fit no scheme, or fewer than 20 faces.
    """
    return _gather(_rows(Path(path)), size, safe_name(path), view_matrix if aligned else box_matrix)


def box_matrix(landmarks: Landmarks, size: int) -> FloatArray:
    """(2, 3) from image px to the px of a ``size`` crop: the upright square around the points, ``BOX_ROOM`` as wide.

    Raises:
        InputError: no point is finite, or all lie in one place.
    """
    points = landmarks.points[np.isfinite(landmarks.points[:, :2]).all(1), :2].astype(np.float64)
    side = float(np.ptp(points, axis=0).max()) if len(points) else 0.0
    if side <= 0:
        raise InputError(f"no square lies around {len(points)} points in one place: label two at least")
    scale, middle = size / (BOX_ROOM * side), (points.min(0) + points.max(0)) / 2
    return np.concatenate([scale * np.eye(2), ((size - 1) / 2 - scale * middle)[:, None]], 1)


def split(data: LandmarkSet, *, parts: int = 5, seed: int = 0, by: str = "picture") -> tuple[LandmarkSet, LandmarkSet]:
    """Training and held-out faces; which is which depends on a picture's (or person's) name alone.

    Args:
        data: to be split.
        parts: one part in ``parts`` is held out.
        seed: another seed holds out others.
        by: ``"picture"``, or ``"person"`` where each person's pictures have a folder of their own.

    Raises:
        InputError: an unknown ``by``, or nothing on one side.
    """
    if by not in ("picture", "person"):
        raise InputError(f"split by 'picture' or 'person', not {by!r}")
    keys = [name if by == "picture" else name.rpartition("/")[0] for name in data.names]
    held = np.array([zlib.crc32(key.encode(), seed) % parts == 0 for key in keys])
    if held.all() or not held.any():
        raise InputError(f"{len(set(keys))} different names cannot be split in {parts} parts; split by 'picture'")
    return data.take(np.flatnonzero(~held)), data.take(np.flatnonzero(held))


def mean_points(data: LandmarkSet) -> FloatArray:
    """(K, 2) crop units: the mean place of each point in the plain views; NaN for a point that no face has."""
    _, points = data.views()
    return np.asarray(np.nanmean((points.astype(np.float64) + 0.5) / data.size, axis=0))


def augment(
    data: LandmarkSet, index: Sequence[int] | IntArray, rng: np.random.Generator, *, strength: float = 1.0
) -> tuple[ImageArray, FloatArray, FloatArray]:
    """Random views of faces: mirrored, turned, shifted, scaled, occluded, badly lit, blurred, shrunken, coded.

    Args:
        data: where the faces come from; other faces of it are pasted over some.
        index: which.
        rng: decides everything.
        strength: 0 only mirrors, 1 turns by up to +-45 degrees now and then.

    Returns:
        images uint8 (B, size, size, 3), points (B, K, 2) float32 px of them, visible (B, K) float32.
    """
    index = np.asarray(index, np.intp)
    count, size, side = len(index), data.size, data.images.shape[1]
    images = np.empty((count, size, size, 3), np.uint8)
    points, visible = data.points[index].astype(np.float64), data.visible[index].copy()
    for j, i in enumerate(index):
        image = data.images[i]
        if rng.random() < 0.5:
            image = np.ascontiguousarray(image[:, ::-1])
            points[j] = points[j][data.scheme.flip] * (-1, 1) + (side - 1, 0)
            visible[j] = visible[j][data.scheme.flip]
        matrix = random_view(rng, side, size, strength)
        view = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        images[j] = view
        points[j] = points[j] @ matrix[:, :2].T + matrix[:, 2]
        if rng.random() < 0.4 * strength:
            mask = occlude(images[j], rng, data.images[int(rng.integers(len(data)))])
            at = np.clip(np.round(np.nan_to_num(points[j])), 0, size - 1).astype(int)
            visible[j][mask[at[:, 1], at[:, 0]] > 127] = 0
        if strength > 0:
            images[j] = damage(images[j], rng)
    return images, points.astype(np.float32), visible


def random_view(rng: np.random.Generator, side: int, size: int, strength: float) -> FloatArray:
    """A view that is turned, scaled and shifted by chance.

    Args:
        rng: decides everything.
        side: px of the stored picture. size: px of the view.
        strength: 0 is the plain view, 1 turns by up to +-45 degrees now and then.

    Returns:
        (2, 3) stored px to view px, pixel centres at integers.
    """
    spread = strength * (25 if rng.random() < 0.25 else 10)
    angle = np.radians(np.clip(rng.normal(0, spread), -60, 60))
    scale = np.exp(np.clip(rng.normal(0, 0.09 * strength), -0.3, 0.3))
    shift = np.clip(rng.normal(0, 0.04 * strength, 2), -0.15, 0.15) * size
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    linear = np.array([[c, -s], [s, c]])
    middle, target = np.full(2, (side - 1) / 2), (size - 1) / 2 + shift
    return np.concatenate([linear, (target - linear @ middle)[:, None]], 1)


def _label_beside(picture: Path) -> Path | None:
    return next((p for end in (".pts", ".ljson") if (p := picture.with_suffix(end)).is_file()), None)


def _reader(label: Path) -> Callable[[], Landmarks]:
    return lambda: read_pts(label) if label.suffix == ".pts" else read_ljson(label)


def _rows(table: Path) -> list[tuple[Path, Callable[[], Landmarks]]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns, rows = list(reader.fieldnames or ()), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{safe_name(table)} cannot be read as a table: {error}") from error
    count = sum(1 for name in columns if name[:1] == "x" and name[1:].isdecimal())
    wanted = {"file", *(f"{axis}{i}" for i in range(count) for axis in "xy")}
    if not count or not wanted <= set(columns):
        raise InputError(f"{safe_name(table)} needs the columns file, x0, y0, x1, y1, ...; it has {columns[:6]}")
    fitting = [name for name in SCHEMES if len(scheme(name)) == count]
    if len(fitting) != 1:
        known = ", ".join(f"{name} ({len(scheme(name))})" for name in SCHEMES)
        raise InputError(f"{safe_name(table)} has {count} points a face, which fits no scheme: {known}")

    def given(row: dict[str, str]) -> Landmarks:
        try:
            cells = [[float(row[f"{axis}{i}"] or "nan") for axis in "xy"] for i in range(count)]
        except (TypeError, ValueError) as error:
            raise InputError(f"{safe_name(table)}, {row['file']}: {error}; points are numbers or empty") from error
        points = np.array(cells, np.float32)
        known = np.asarray(np.isfinite(points).all(axis=1), np.float32)
        return Landmarks(points, known, np.zeros(count, np.float32), scheme(fitting[0]))

    def bind(row: dict[str, str]) -> Callable[[], Landmarks]:
        return lambda: given(row)

    return [(table.parent / row["file"], bind(row)) for row in rows]


def _gather(
    faces: Iterable[tuple[Path, Callable[[], Landmarks]]],
    size: int,
    where: str,
    view: Callable[[Landmarks, int], FloatArray] = view_matrix,
) -> LandmarkSet:
    """Cut the crop of every face; pictures that cannot be read are left out and named."""
    if not SMALLEST <= size <= LARGEST:
        raise InputError(f"size must be {SMALLEST}..{LARGEST} px, got {size}")
    side = stored_side(size)
    images, points, visible, names, skipped = [], [], [], [], []
    schemes: dict[str, str] = {}
    for path, read in faces:
        try:
            landmarks = read()
            image = read_image(path)
            matrix = view(landmarks, size)
        except SchemeError as error:
            raise InputError(f"{safe_name(path)}: no view can be placed on its points: {error}") from error
        except NasionError as error:
            skipped.append(f"{safe_name(path)}: {error}")
            continue
        schemes.setdefault(landmarks.scheme.name, safe_name(path))
        matrix = matrix + np.array([[0, 0, (side - size) / 2], [0, 0, (side - size) / 2]])
        images.append(cut(image, matrix, side))
        points.append(landmarks.points[:, :2] @ matrix[:, :2].T + matrix[:, 2])
        visible.append(landmarks.visibility)
        names.append("/".join(path.resolve().parts[-3:]))
    if len(schemes) > 1:
        held = "; ".join(f"{name} in {file}" for name, file in schemes.items())
        raise InputError(f"{where} mixes landmark schemes ({held}): train on one, or convert the others first")
    if len(images) < FEWEST:
        why = f"; {len(skipped)} were left out, such as {skipped[0]}" if skipped else ""
        raise InputError(f"{where} gives {len(images)} labelled faces, training needs {FEWEST} at least{why}")
    return LandmarkSet(
        np.stack(images),
        np.stack(points).astype(np.float32),
        np.stack(visible).astype(np.float32),
        scheme(next(iter(schemes))),
        tuple(names),
        size,
        tuple(skipped),
    )
