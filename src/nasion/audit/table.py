"""What an audit works on: one row per labelled face, from the faces found and a file of labels."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasion.audit.consistency import Consistency
from nasion.core import Box, Face, FloatArray, InputError, Pose
from nasion.media import FrameResult
from nasion.metrics import nme

MATCH = 0.3  # overlap with the box of the true points from which a found face is the labelled one
MOST_LEVELS = 30  # a column with more is a name or a number, not a group
POSE = ("yaw", "pitch", "roll")
CONFOUNDERS = ("height", *POSE, "blur", "light", "contrast", "hidden", "mouth")
# name: what it is. Fractions of the face's size unless it says otherwise.
OUTCOMES = {
    "nme": "error against the labelled points, over the face's size",
    "nme_eyes": "error against the labelled points, over the distance of the outer eye corners",
    "mirror": "mirror consistency: distance to the points placed on the mirrored picture",
    "mirror_eyes_unit": "mirror consistency over the distance of the outer eye corners",
    "jitter": "crop consistency: distance to the points placed through moved crops",
    "heads": "distance between the network's two heads",
    "sigma": "the error that the network expects",
    "mirror_jaw": "mirror consistency, jaw",
    "mirror_brows": "mirror consistency, brows",
    "mirror_nose": "mirror consistency, nose",
    "mirror_eyes": "mirror consistency, eyes",
    "mirror_mouth": "mirror consistency, mouth",
}


@dataclass(frozen=True, slots=True, eq=False)
class AuditTable:
    """One row per labelled face.

    Attributes:
        files: (N,) as the labels name them.
        found: (N,) whether the landmarker gave points for this face.
        errors: file to why it could not be read; such rows are in none of the figures.
        attributes: name to (N,) group of each face, as labelled; "" where the label is empty.
        outcomes: name (`OUTCOMES`) to (N,); NaN where the face was not found.
        confounders: name (`CONFOUNDERS`) to (N,): height px, degrees, the rest 0..1; NaN where not found.
        subjects: (N,) who it is, for errors that belong together; the file itself where the labels do not say.
        truth: whether the labels hold true points.
    """

    files: tuple[str, ...]
    found: np.ndarray
    errors: Mapping[str, str]
    attributes: Mapping[str, np.ndarray]
    outcomes: Mapping[str, FloatArray]
    confounders: Mapping[str, FloatArray]
    subjects: tuple[str, ...]
    truth: bool

    def __len__(self) -> int:
        return len(self.files)

    @property
    def primary(self) -> str:
        """The outcome that verdicts go by: the error against true points where there are any."""
        return "nme" if self.truth else "mirror"


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A file of labels.

    Attributes:
        files: (N,) names of pictures.
        attributes: name to (N,) groups.
        subjects: (N,) or empty.
        points: file to (68, 2) px, where the file has them.
        pose: file to (3,) yaw, pitch, roll in degrees, where it has them.
    """

    files: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]
    subjects: tuple[str, ...]
    points: Mapping[str, FloatArray]
    pose: Mapping[str, FloatArray]


def read_labels(path: str | os.PathLike[str], attributes: Sequence[str] = ()) -> Labels:
    """Read a CSV file with a column ``file`` and one column for each attribute.

    Further columns with a meaning: ``subject``; ``yaw, pitch, roll`` (degrees, annotated); ``x0, y0 ... x67, y67``
    (iBUG points, px).

    Args:
        path: the file.
        attributes: columns to audit; default all others with 2..30 different values.

    Raises:
        InputError: the file cannot be read, has no column ``file`` or no attribute, or lacks one that was asked for.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the labels cannot be read: {path}: {error}") from error
    if not rows or "file" not in rows[0]:
        raise InputError(f"{path}: labels are a CSV file with a heading, a column 'file' and at least one row")
    kept = {"file", "subject", *POSE} | {f"{axis}{i}" for i in range(68) for axis in "xy"}
    free = [name for name in rows[0] if name and name not in kept]
    if lacking := [name for name in attributes if name not in free]:
        raise InputError(f"{path} has no attribute {', '.join(lacking)}; it has {', '.join(free) or 'none'}")
    levels = {name: {row[name] or "" for row in rows} for name in free}
    wanted = list(attributes) or [name for name in free if 2 <= len(levels[name]) <= MOST_LEVELS]
    if not wanted:
        raise InputError(f"{path} has no column with 2..{MOST_LEVELS} different values to audit by")
    files = tuple(row["file"] for row in rows)
    if len(set(files)) != len(files):
        raise InputError(f"{path} names a picture twice: one row per labelled face and picture")
    has_pose, has_points = (all(name in rows[0] for name in names) for names in (POSE, ("x0", "y0", "x67", "y67")))
    try:
        points = {
            row["file"]: np.array([(float(row[f"x{i}"]), float(row[f"y{i}"])) for i in range(68)])
            for row in rows
            if has_points
        }
        pose = {row["file"]: np.array([float(row[name]) for name in POSE]) for row in rows if has_pose}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: a point or an angle is no number: {error}") from error
    return Labels(
        files,
        {name: tuple((row[name] or "").strip() for row in rows) for name in wanted},
        tuple(row["subject"] for row in rows) if "subject" in rows[0] else (),
        points,
        pose,
    )


def join(results: Sequence[FrameResult], labels: Labels) -> AuditTable:
    """Faces and labels, row by row.

    A picture's labelled face is the one that overlaps the true points, else the one nearest to the picture's middle
    for its size.

    Args:
        results: of the pictures, with the reading ``consistency`` and points that convert to ``ibug68``.
        labels: who is on them.

    Raises:
        InputError: not one labelled picture is among the results.
    """
    by_name: dict[str, FrameResult] = {}
    shared: dict[str, int] = defaultdict(int)
    for result in results:
        parts = Path(result.source).parts
        for start in range(len(parts)):  # "b/c.jpg" of the labels is "/a/b/c.jpg"
            name = "/".join(parts[start:])
            by_name[name] = result
            shared[name] += 1
    matched = [file for file in labels.files if Path(file).as_posix() in by_name]
    if not matched:
        raise InputError("not one picture of the labels was looked at: the column 'file' must name files of the folder")
    if twice := [file for file in matched if shared[Path(file).as_posix()] > 1]:
        raise InputError(f"{twice[0]} is the name of several pictures: give paths in the column 'file'")
    keep = [i for i, file in enumerate(labels.files) if Path(file).as_posix() in by_name]
    rows = {labels.files[i]: by_name[Path(labels.files[i]).as_posix()] for i in keep}
    errors = {file: result.error for file, result in rows.items() if result.error}
    keep = [i for i in keep if labels.files[i] not in errors]
    files = tuple(labels.files[i] for i in keep)
    faces = [_labelled(rows[file].faces, labels.points.get(file)) for file in files]
    measured = [_outcomes(face, labels.points.get(file)) for face, file in zip(faces, files, strict=True)]
    circumstances = [_confounders(face, labels.pose.get(file)) for face, file in zip(faces, files, strict=True)]
    lost = float("nan")
    return AuditTable(
        files,
        np.array([face is not None for face in faces], bool),
        errors,
        {name: np.array([groups[i] for i in keep]) for name, groups in labels.attributes.items()},
        {n: np.array([row.get(n, lost) for row in measured]) for n in OUTCOMES if any(n in row for row in measured)},
        {name: np.array([row.get(name, lost) for row in circumstances]) for name in CONFOUNDERS},
        tuple(labels.subjects[i] if labels.subjects else labels.files[i] for i in keep),
        bool(labels.points),
    )


def _labelled(faces: Sequence[Face], truth: FloatArray | None) -> Face | None:
    """The face that the label means; None: it was not found."""
    read = [face for face in faces if isinstance(face.readings.get("consistency"), Consistency)]
    if truth is not None:
        target = Box.around(truth)
        best = max(read, key=lambda face: face.landmarks.box.iou(target), default=None)
        return best if best is not None and best.landmarks.box.iou(target) >= MATCH else None
    return min(read, key=lambda face: _consistency(face).off_center, default=None)


def _consistency(face: Face) -> Consistency:
    reading = face.readings["consistency"]
    assert isinstance(reading, Consistency)
    return reading


def _outcomes(face: Face | None, truth: FloatArray | None) -> dict[str, float]:
    if face is None:
        return {}
    reading = _consistency(face)
    found = {name: float(getattr(reading, name)) for name in OUTCOMES if hasattr(reading, name)}
    found["mirror_eyes_unit"] = reading.mirror / max(reading.eye_distance, 1e-6)
    if truth is not None:
        points = face.landmarks.to("ibug68").points[None, :, :2]
        found["nme"], found["nme_eyes"] = (float(nme(points, truth[None], by)[0]) for by in ("box", "inter_ocular"))
    return found


def _confounders(face: Face | None, pose: FloatArray | None) -> dict[str, float]:
    if face is None:
        return {}
    reading, own = _consistency(face), face.readings.get("pose")
    angles = [own.yaw, own.pitch, own.roll] if pose is None and isinstance(own, Pose) else pose
    found = {name: float(getattr(reading, name)) for name in CONFOUNDERS if name not in POSE}
    if angles is not None:
        found |= {name: float(v) for name, v in zip(POSE, angles, strict=True)}
    return found
