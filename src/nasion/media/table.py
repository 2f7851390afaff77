"""The one table: a row per face, versioned, the same in Parquet, CSV and JSON lines.

| column | type | meaning |
|---|---|---|
| `source` | string | file name as `safe_name` writes it |
| `frame` | int64 | 0-based number of the picture; 0 for a still |
| `time_s` | float64 | presentation time, seconds; null for a still |
| `face` | int32 | 0-based number of the face in its picture; -1: no face here |
| `track_id` | int64 | identity through a video; null for a still |
| `score` | float64 | 0..1, how sure that it is a face |
| `x0, y0, x1, y1` | float64 | box, px as displayed |
| `scheme` | string | landmark layout |
| `points` | list of float32 | x0, y0, x1, y1, ... px |
| `z` | list of float32 | depth of each point, px; null in 2-D schemes |
| `visibility`, `sigma` | list of float32 | probability to be seen 0..1; standard error per axis, px |
| `yaw, pitch, roll` | float64 | degrees, `nasion.core.pose` |
| `tx, ty, tz` | float64 | mm, head origin in the camera frame |
| `eye_left, eye_right` | float64 | openness (EAR) of the subject's left and right eye |
| `pose_reliability`, `pose_reason`, `eyes_reliability`, `eyes_reason` | float64, string | how far to believe them |
| `<task>_<field>` | as the field | fields of further readings |
| `error` | string | why a picture could not be read; null when it could |

A picture without a face is one row with ``face = -1``; one that could not be read is the same with ``error``. Views of
a face in other schemes (``Landmarks.views``) are not stored.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa

from nasion.core import Box, Face, InputError, Landmarks, Pose, Reading, SchemeError, scheme

SCHEMA_VERSION = "1"

_FLOATS = pa.list_(pa.float32())
_FRONT = [
    ("source", pa.string()), ("frame", pa.int64()), ("time_s", pa.float64()), ("face", pa.int32()),
    ("track_id", pa.int64()), ("score", pa.float64()),
    ("x0", pa.float64()), ("y0", pa.float64()), ("x1", pa.float64()), ("y1", pa.float64()),
    ("scheme", pa.string()), ("points", _FLOATS), ("z", _FLOATS), ("visibility", _FLOATS), ("sigma", _FLOATS),
    ("yaw", pa.float64()), ("pitch", pa.float64()), ("roll", pa.float64()),
    ("tx", pa.float64()), ("ty", pa.float64()), ("tz", pa.float64()),
    ("pose_reliability", pa.float64()), ("pose_reason", pa.string()),
    ("eye_left", pa.float64()), ("eye_right", pa.float64()),
    ("eyes_reliability", pa.float64()), ("eyes_reason", pa.string()),
]  # fmt: skip
_SHORT = {  # the columns of these fields have names of their own
    ("pose", "yaw"): "yaw",
    ("pose", "pitch"): "pitch",
    ("pose", "roll"): "roll",
    ("eyes", "left"): "eye_left",
    ("eyes", "right"): "eye_right",
}


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What was found in one picture.

    Attributes:
        source: the file, safe to print.
        faces: none when there is no face, or when the picture could not be read.
        frame: 0-based number of the picture in its file.
        time_s: presentation time, seconds; None for a still.
        error: why the picture could not be read; empty when it could.
    """

    source: str
    faces: Sequence[Face] = ()
    frame: int = 0
    time_s: float | None = None
    error: str = ""


def table_schema(readings: Mapping[str, type[Reading]] | None = None) -> pa.Schema:
    """The Arrow schema of the table.

    Args:
        readings: task name to reading type, of the readings that get columns besides pose and eyes.

    Raises:
        InputError: a reading has a field that is no number, text, flag or one-dimensional list of numbers.
    """
    columns = dict(_FRONT)
    for task, kind in (readings or {}).items():
        if not (task == "pose" and kind is Pose):
            columns |= {_column(task, name): arrow for name, arrow in _field_types(kind).items()}
    return pa.schema([*columns.items(), ("error", pa.string())], metadata={"nasion_schema": SCHEMA_VERSION})


def frame_rows(result: FrameResult, schema: pa.Schema) -> list[dict[str, Any]]:
    """One dictionary per row, column name to value; columns that say nothing are left out.

    Raises:
        InputError: a face has a reading for which ``schema`` has no columns.
    """
    front = {"source": result.source, "frame": result.frame, "time_s": result.time_s}
    if not result.faces:
        return [{**front, "face": -1, "error": result.error or None}]
    rows = [{**front, "face": number, **_face_row(face)} for number, face in enumerate(result.faces)]
    homeless = set().union(*rows) - set(schema.names)
    if homeless:
        raise InputError(
            f"the table has no columns {', '.join(sorted(homeless))}; name their reading types in readings="
        )
    return rows


def faces_to_table(results: Iterable[FrameResult], readings: Mapping[str, type[Reading]] | None = None) -> pa.Table:
    """Results as an Arrow table; `table_to_faces` gives them back exactly.

    Args:
        results: one per picture.
        readings: the reading types that get columns besides pose and eyes.
    """
    schema = table_schema(readings)
    return pa.Table.from_pylist([row for result in results for row in frame_rows(result, schema)], schema=schema)


def table_to_faces(
    table: pa.Table | pa.RecordBatch, readings: Mapping[str, type[Reading]] | None = None
) -> list[FrameResult]:
    """The results that a table holds, one per picture, in its order.

    Args:
        table: as `faces_to_table` and `read_table` make it.
        readings: task name to reading type, of the readings to rebuild besides ``pose``.

    Raises:
        InputError: it is no such table, or of a version this nasion does not know.
    """
    version = (table.schema.metadata or {}).get(b"nasion_schema", SCHEMA_VERSION.encode()).decode()
    missing = {name for name, _ in _FRONT} - {"pose_reason", "eyes_reason"} - set(table.schema.names)
    if missing or version != SCHEMA_VERSION:
        what = f"has no column {', '.join(sorted(missing))}" if missing else f"has schema version {version}"
        raise InputError(f"the table {what}; this nasion reads version {SCHEMA_VERSION} as written by nasion analyze")
    kinds: dict[str, type[Reading]] = {"pose": Pose, **(readings or {})}
    found: dict[tuple[str, int], tuple[dict[str, Any], list[Face]]] = {}
    for batch in table.to_batches() if isinstance(table, pa.Table) else [table]:
        columns = [_values(column) for column in batch.columns]
        for values in zip(*columns, strict=True):
            row = dict(zip(batch.schema.names, values, strict=True))
            _, faces = found.setdefault((row["source"], row["frame"]), (row, []))
            if row["face"] >= 0:
                faces.append(_row_face(row, kinds))
    return [
        FrameResult(row["source"], tuple(faces), row["frame"], row["time_s"], row.get("error") or "")
        for row, faces in found.values()
    ]


def _values(column: pa.Array) -> list[Any]:
    """A column as Python values; lists of float32 as arrays, which for 478 points is many times faster."""
    if column.type != _FLOATS:
        return list(column.to_pylist())
    flat, edges = column.values.to_numpy(zero_copy_only=False), column.offsets.to_numpy()
    known = column.is_valid().to_numpy(zero_copy_only=False)
    return [flat[a:b] if ok else None for a, b, ok in zip(edges[:-1], edges[1:], known, strict=True)]


def _column(task: str, field: str) -> str:
    return _SHORT.get((task, field), f"{task}_{field}")


def _face_row(face: Face) -> dict[str, Any]:
    landmarks = face.landmarks
    points = np.asarray(landmarks.points, np.float32)
    row = {
        "track_id": face.track_id,
        "score": float(face.score),
        "x0": float(face.box.x0),
        "y0": float(face.box.y0),
        "x1": float(face.box.x1),
        "y1": float(face.box.y1),
        "scheme": landmarks.scheme.name,
        "points": points[:, :2].ravel(),
        "z": points[:, 2] if points.shape[1] == 3 else None,
        "visibility": np.asarray(landmarks.visibility, np.float32),
        "sigma": np.asarray(landmarks.sigma, np.float32),
    }
    for task, reading in face.readings.items():
        for field in fields(reading):
            row[_column(task, field.name)] = _plain(getattr(reading, field.name))
    if isinstance(pose := face.readings.get("pose"), Pose):
        row["tx"], row["ty"], row["tz"] = (float(value) for value in pose.translation)
        del row["pose_translation"]
    return row


def _row_face(row: Mapping[str, Any], kinds: Mapping[str, type[Reading]]) -> Face:
    try:
        layout = scheme(row["scheme"])
    except SchemeError as error:
        raise InputError(f"row {row['source']}, frame {row['frame']}, face {row['face']}: {error}") from error
    points = np.array(row["points"], np.float32).reshape(-1, 2)
    if row["z"] is not None:
        points = np.column_stack([points, np.array(row["z"], np.float32)])
    visibility, sigma = (np.array(row[name], np.float32) for name in ("visibility", "sigma"))
    readings = {task: _row_reading(row, task, kind) for task, kind in kinds.items() if _has(row, task)}
    box = Box(row["x0"], row["y0"], row["x1"], row["y1"])
    return Face(box, row["score"], Landmarks(points, visibility, sigma, layout), row["track_id"], readings)


def _has(row: Mapping[str, Any], task: str) -> bool:
    return row.get(_column(task, "reliability")) is not None


def _row_reading(row: Mapping[str, Any], task: str, kind: type[Reading]) -> Reading:
    values: dict[str, Any] = {}
    for name, hint in get_type_hints(kind).items():
        value = row.get(_column(task, name))
        if value is None and hint in (float, str):  # JSON has no NaN, CSV no empty text
            value = float("nan") if hint is float else ""
        elif isinstance(value, list):
            value = tuple(value) if get_origin(hint) is tuple else np.array(value)
        values[name] = value
    if kind is Pose:
        values["translation"] = (row["tx"], row["ty"], row["tz"])
    return kind(**values)


def _plain(value: Any) -> Any:
    """A field's value as Arrow takes it."""
    if isinstance(value, np.generic):
        return value.item()
    return list(value) if isinstance(value, tuple) else value


def _field_types(kind: type[Reading]) -> dict[str, pa.DataType]:
    hints = get_type_hints(kind)
    return {field.name: _arrow_type(hints[field.name], f"{kind.__name__}.{field.name}") for field in fields(kind)}


def _arrow_type(hint: Any, name: str) -> pa.DataType:
    plain = {float: pa.float64(), int: pa.int64(), bool: pa.bool_(), str: pa.string()}
    if hint in plain:
        return plain[hint]
    origin, inner = get_origin(hint), [part for part in get_args(hint) if part not in (type(None), Ellipsis)]
    if origin in (Union, types.UnionType) and len(inner) == 1:
        return _arrow_type(inner[0], name)
    if origin is tuple and inner and all(part is inner[0] for part in inner):
        return pa.list_(_arrow_type(inner[0], name))
    if origin is np.ndarray:
        return pa.list_(pa.float64())
    raise InputError(
        f"{name}: {hint} has no column type; use float, int, bool, str, a tuple of one of them or a 1-D array"
    )
