"""The CSV of OpenFace 2: read into our results, and written for tools that expect it.

What differs there, and is converted here:

- Frames are counted from 1; ours from 0.
- Head rotation is in radians, R = Rx(rx) @ Ry(ry) @ Rz(rz) in the same camera frame (x right, y down, z forward), so
  pitch = -degrees(rx), yaw = degrees(ry), roll = degrees(rz). OpenFace's rx > 0 looks down; our pitch > 0 looks up.
- The head's position is in mm like ours, but of the centre of OpenFace's point model, a few centimetres below and
  behind the point between the eyes. It is passed on as it is, in both directions.
- ``success`` 0 means that the face was not tracked in this frame and its numbers mean nothing: no face for us.

Columns: OpenFace wiki, "Output Format"; Baltrusaitis et al., "OpenFace 2.0: Facial Behavior Analysis Toolkit", FG 2018.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from math import degrees, radians
from pathlib import Path

import numpy as np

from nasion.core import Box, Face, Landmarks, MediaError, Pose, scheme
from nasion.media.paths import prepare_output, safe_name, why
from nasion.media.table import FrameResult

_COUNT = 68
_POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
_POINTS = tuple(f"{axis}_{i}" for axis in "xy" for i in range(_COUNT))
_WRITTEN = ("frame", "face_id", "timestamp", "confidence", "success", *_POSE, *_POINTS)


def read_openface_csv(path: str | os.PathLike[str]) -> list[FrameResult]:
    """Read the CSV that OpenFace's programs write for a picture, a video or several faces.

    Returns:
        One result per frame, its faces in the scheme ``ibug68``. ``score`` and ``pose.reliability`` are OpenFace's
        confidence, ``track_id`` is its ``face_id`` (None in the CSV of a still), ``sigma`` is 0: it does not say. Gaze,
        action units and the model's 3-D points are not read.

    Raises:
        MediaError: the file is missing, or lacks OpenFace's columns.
    """
    name = safe_name(path)
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            missing = [column for column in ("confidence", *_POINTS) if column not in (reader.fieldnames or ())]
            if missing:
                raise MediaError(f"{name} is no OpenFace CSV with 2-D landmarks: it has no column {missing[0]}")
            frames: dict[int, tuple[float | None, list[Face]]] = {}
            for row in reader:
                frame = int(row["frame"]) - 1 if "frame" in row else 0
                time_s = float(row["timestamp"]) if "timestamp" in row else None
                _, faces = frames.setdefault(frame, (time_s, []))
                if float(row.get("success") or 1) > 0:
                    faces.append(_face(row))
    except FileNotFoundError as error:
        raise MediaError(f"no such file: {name}; check the path") from error
    except (OSError, ValueError, TypeError, csv.Error) as error:  # TypeError: a row cut short gives None
        raise MediaError(f"{name} cannot be read as an OpenFace CSV: {why(error)}") from error
    return [FrameResult(name, tuple(faces), frame, time_s) for frame, (time_s, faces) in frames.items()]


def write_openface_csv(path: str | os.PathLike[str], results: Iterable[FrameResult]) -> None:
    """Write the columns of OpenFace's CSV that landmarks and pose can fill; the others are left out, not invented.

    Args:
        path: the file.
        results: faces are converted to ``ibug68``. A frame without a face becomes a row with ``success`` 0.

    Raises:
        MediaError: the file cannot be written.
        SchemeError: a face is in a scheme that does not convert to ``ibug68``.
    """
    target = prepare_output(path)
    try:
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, _WRITTEN, restval="0", lineterminator="\n")
            writer.writeheader()
            for result in results:
                front = {"frame": str(result.frame + 1), "timestamp": f"{result.time_s or 0.0:.6f}"}
                writer.writerows({**front, **row} for row in map(_row, result.faces))
                if not result.faces:
                    writer.writerow(front)
    except OSError as error:
        raise MediaError(f"cannot write {safe_name(target)}: {why(error)}") from error


def _face(row: Mapping[str, str]) -> Face:
    values = np.array([float(row[column]) for column in _POINTS], np.float32)
    points = values.reshape(2, _COUNT).T.copy()
    confidence = float(row["confidence"])
    readings = {}
    if all(column in row for column in _POSE):
        tx, ty, tz, rx, ry, rz = (float(row[column]) for column in _POSE)
        readings["pose"] = Pose(confidence, "", degrees(ry), -degrees(rx), degrees(rz), (tx, ty, tz))
    track = int(float(row["face_id"])) if "face_id" in row else None
    return Face(Box.around(points), confidence, Landmarks.from_points(points, scheme("ibug68")), track, readings)


def _row(face: Face) -> dict[str, str]:
    row = {"face_id": str(face.track_id or 0), "confidence": f"{face.score:.6f}", "success": "1"}
    values = face.landmarks.to("ibug68").points[:, :2].T.ravel()
    row |= {column: f"{value:.4f}" for column, value in zip(_POINTS, values, strict=True)}
    if isinstance(pose := face.readings.get("pose"), Pose):
        turn = (radians(-pose.pitch), radians(pose.yaw), radians(pose.roll))
        row |= {column: f"{value:.6f}" for column, value in zip(_POSE, (*pose.translation, *turn), strict=True)}
    return row
