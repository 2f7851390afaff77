"""Tables read back: what `TableWriter` wrote, whole or left by a program that was killed."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from nasion.core import MediaError
from nasion.media.paths import safe_name, why
from nasion.media.table import FrameResult, table_schema, table_to_faces
from nasion.media.table_files import table_kind


def read_table(path: str | os.PathLike[str]) -> pa.Table:
    """Read a table that `TableWriter` wrote; also ``F.parquet.partial`` and the like, left by a killed program.

    Raises:
        MediaError: the file is missing, or no such table.
    """
    source, name = Path(path), safe_name(path)
    partial = source.suffix == ".partial"
    kind = table_kind(source.with_suffix("") if partial else source)
    try:
        if kind == ".parquet":
            return _read_stream(source) if partial else pa.parquet.read_table(source)
        return _read_csv(source) if kind == ".csv" else _read_jsonl(source)
    except FileNotFoundError as error:
        raise MediaError(f"no such file: {name}; check the path") from error
    except (OSError, ValueError) as error:  # Arrow's errors are both, by kind
        raise MediaError(f"{name} cannot be read as a table: {why(error)}") from error


def read_landmarks_parquet(path: str | os.PathLike[str]) -> list[FrameResult]:
    """Read what `write_landmarks_parquet` or ``nasion analyze --out F.parquet`` wrote.

    Raises:
        MediaError: the file is missing, or no such table.
    """
    return table_to_faces(read_table(path))


def _read_stream(path: Path) -> pa.Table:
    """The whole batches of an Arrow stream that may be cut short."""
    with path.open("rb") as file:
        reader = pa.ipc.open_stream(file)
        batches = []
        with suppress(OSError, pa.ArrowInvalid):
            batches.extend(reader)
        return pa.Table.from_batches(batches, reader.schema)


def _text_of(path: Path) -> str:
    """The complete lines of a text file."""
    text = path.read_bytes()
    return text[: text.rfind(b"\n") + 1].decode()


def _read_csv(path: Path) -> pa.Table:
    names, *rows = [*csv.reader(io.StringIO(_text_of(path), newline=""))] or [[]]
    if any(len(row) != len(names) for row in rows):
        raise ValueError("its rows differ in length")
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    base = table_schema()
    arrays = [_csv_column(cells, _type_in(base, name)) for name, cells in zip(names, columns, strict=True)]
    return pa.table(arrays, names).replace_schema_metadata(base.metadata)


def _csv_column(cells: Sequence[str], kind: pa.DataType | None) -> pa.Array:
    """Cells of one column as ``kind``, or as what they look like."""
    filled = [cell or None for cell in cells]
    if kind is None:
        return _guessed([cell and _guess(cell) for cell in filled])
    if pa.types.is_list(kind):
        return pa.array([cell and np.array(cell.split(), np.float32) for cell in filled], kind)
    return pa.array(filled, pa.string()).cast(kind)


def _guess(cell: str) -> Any:
    """A cell of a reader's own column: a flag, a number, numbers, else text."""
    if cell in ("True", "False"):
        return cell == "True"
    try:
        numbers = [float(word) for word in cell.split()]
    except ValueError:
        return cell
    return numbers if len(numbers) > 1 else numbers[0] if numbers else cell


def _guessed(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # cells of several kinds
        return pa.array([None if value is None else str(value) for value in values])


def _read_jsonl(path: Path) -> pa.Table:
    rows = [json.loads(line) for line in _text_of(path).split("\n") if line]  # splitlines would cut at U+2028 too
    base = table_schema()
    names = list(rows[0]) if rows else base.names
    columns = [[row.get(name) for row in rows] for name in names]
    types = [_type_in(base, name) for name in names]
    arrays = [pa.array(_nan_for_null(c), t) if t else _guessed(c) for c, t in zip(columns, types, strict=True)]
    return pa.table(arrays, names).replace_schema_metadata(base.metadata)


def _nan_for_null(values: list[Any]) -> list[Any]:
    """JSON writes a NaN in a list as null."""
    return [np.array(value, np.float32) if isinstance(value, list) else value for value in values]


def _type_in(schema: pa.Schema, name: str) -> pa.DataType | None:
    return schema.field(name).type if name in schema.names else None
