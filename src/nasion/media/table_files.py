"""The table on disk: written row by row, readable whatever stops the program.

While it grows the table is ``F.partial`` beside ``F``; closing gives it its name, and an exception such as Ctrl-C
closes it too, with all rows so far. A Parquet file has its index at the end and is worthless without; until closed the
rows are therefore kept as an Arrow stream, and `read_table` reads ``F.parquet.partial`` after a power cut as well.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from nasion.core import MediaError, Reading
from nasion.media.paths import prepare_output, safe_name, why
from nasion.media.table import FrameResult, frame_rows, table_schema, table_to_faces

TABLE_EXTENSIONS = (".parquet", ".csv", ".jsonl")
_BATCH = 64  # rows held back at most before they are on disk
_NO_JSON_NUMBER = re.compile(r"nan|-?inf")
_GROUP = 4096  # rows in a row group of a finished Parquet file


class TableWriter:
    """Write results as they come; a context manager.

    Args:
        path: .parquet, .csv or .jsonl. Missing folders are made; a file of that name is replaced at the end.
        readings: task name to reading type, of the readings that get columns besides pose and eyes.

    Raises:
        MediaError: the file cannot be written there, or its extension is none of the three.
    """

    def __init__(self, path: str | os.PathLike[str], readings: Mapping[str, type[Reading]] | None = None) -> None:
        self._path = prepare_output(path)
        self._name, self._kind = safe_name(self._path), _kind(self._path)
        self._schema = table_schema(readings)
        self._partial = self._path.with_name(self._path.name + ".partial")
        self._waiting: list[dict[str, Any]] = []
        self._open, self.rows = True, 0
        try:
            self._file: IO[bytes] = self._partial.open("wb")
            self._stream = pa.ipc.new_stream(self._file, self._schema) if self._kind == ".parquet" else None
            if self._kind == ".csv":
                self._file.write((",".join(self._schema.names) + "\n").encode())
        except OSError as error:
            raise MediaError(f"cannot write {self._name}: {why(error)}") from error

    def write(self, result: FrameResult) -> None:
        """Append the rows of one picture.

        Raises:
            MediaError: writing failed, such as on a full disk; names the file.
        """
        self._waiting += frame_rows(result, self._schema)
        if len(self._waiting) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Put all rows written so far on disk."""
        rows, self._waiting = self._waiting, []
        try:
            if rows and self._stream is not None:
                self._stream.write_batch(pa.RecordBatch.from_pylist(rows, schema=self._schema))
            elif rows:
                self._file.write(self._text(rows).encode())
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error
        self.rows += len(rows)

    def close(self) -> None:
        """Finish the table and give it its name.

        Raises:
            MediaError: the end of it cannot be written; the rows stay readable in ``F.partial``.
        """
        if not self._open:
            return
        self.flush()
        self._open = False
        try:
            if self._stream is not None:
                self._stream.close()
            self._file.close()
            if self._stream is not None:
                _stream_to_parquet(self._partial, self._schema)
            self._partial.replace(self._path)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> MediaError:
        self._open = False
        with suppress(OSError):  # closing tries to write what could not be written
            self._file.close()
        return MediaError(
            f"cannot write {self._name}: {why(error)}; the {self.rows} rows before are in {safe_name(self._partial)}"
        )

    def _text(self, rows: Sequence[Mapping[str, Any]]) -> str:
        if self._kind == ".jsonl":
            return "".join(_json_line(row, self._schema) for row in rows)
        lines = _Lines()
        csv.writer(lines).writerows(_csv_row(row, self._schema) for row in rows)
        return "".join(lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def read_table(path: str | os.PathLike[str]) -> pa.Table:
    """Read a table that `TableWriter` wrote; also ``F.parquet.partial`` and the like, left by a killed program.

    Raises:
        MediaError: the file is missing, or no such table.
    """
    source, name = Path(path), safe_name(path)
    partial = source.suffix == ".partial"
    kind = _kind(source.with_suffix("") if partial else source)
    try:
        if kind == ".parquet":
            return _read_stream(source) if partial else pa.parquet.read_table(source)
        return _read_csv(source) if kind == ".csv" else _read_jsonl(source)
    except FileNotFoundError as error:
        raise MediaError(f"no such file: {name}; check the path") from error
    except (OSError, ValueError) as error:  # Arrow's errors are both, by kind
        raise MediaError(f"{name} cannot be read as a table: {why(error)}") from error


def json_lines(result: FrameResult, schema: pa.Schema) -> str:
    """The rows of one picture as JSON lines, columns as in ``schema``; NaN, which JSON does not know, becomes null."""
    return "".join(_json_line(row, schema) for row in frame_rows(result, schema))


def write_landmarks_parquet(path: str | os.PathLike[str], results: Iterable[FrameResult]) -> None:
    """Write landmarks, boxes and poses as Parquet; see `nasion.media.table` for the columns.

    Raises:
        MediaError: the file cannot be written.
    """
    with TableWriter(Path(path).with_suffix(".parquet")) as writer:
        for result in results:
            writer.write(result)


def read_landmarks_parquet(path: str | os.PathLike[str]) -> list[FrameResult]:
    """Read what `write_landmarks_parquet` or ``nasion analyze --out F.parquet`` wrote.

    Raises:
        MediaError: the file is missing, or no such table.
    """
    return table_to_faces(read_table(path))


class _Lines(list[str]):
    r"""What ``csv.writer`` writes its rows to.

    Its own line end ``\r\n`` makes it quote both characters where a cell holds one; rows in the file end in ``\n``.
    """

    def write(self, row: str) -> None:
        self.append(row.removesuffix("\r\n") + "\n")


def _kind(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in TABLE_EXTENSIONS:
        raise MediaError(f"{safe_name(path)}: a table needs the extension .parquet, .csv or .jsonl")
    return kind


def _shortest(values: Any) -> list[str]:
    """Numbers as the shortest text that reads back to the same float32 (or whatever they are)."""
    return [str(text) for text in np.asarray(values).astype(str)]


def _json_line(row: Mapping[str, Any], schema: pa.Schema) -> str:
    def text(value: Any) -> str:
        if isinstance(value, np.ndarray | list):  # joined by hand: for 478 points five times as fast as json.dumps
            numbers = ", ".join(_shortest(value))
            return f"[{numbers}]" if np.isfinite(value).all() else f"[{_NO_JSON_NUMBER.sub('null', numbers)}]"
        return "null" if isinstance(value, float) and not isfinite(value) else json.dumps(value, ensure_ascii=False)

    return "{" + ", ".join(f'"{name}": {text(row.get(name))}' for name in schema.names) + "}\n"


def _csv_row(row: Mapping[str, Any], schema: pa.Schema) -> list[str]:
    def plain(value: Any) -> str:
        if isinstance(value, list | np.ndarray):
            return " ".join(_shortest(value))
        return "" if value is None else str(value)

    return [plain(row.get(name)) for name in schema.names]


def _stream_to_parquet(path: Path, schema: pa.Schema) -> None:
    """Turn the Arrow stream at ``path`` into Parquet in place; at any moment one of the two is whole."""
    finished = path.with_suffix(".finished")
    try:
        with path.open("rb") as stream, finished.open("wb") as file, pa.parquet.ParquetWriter(file, schema) as writer:
            group: list[pa.RecordBatch] = []
            for batch in pa.ipc.open_stream(stream):
                group.append(batch)
                if sum(map(len, group)) >= _GROUP:
                    writer.write_table(pa.Table.from_batches(group))
                    group = []
            if group:
                writer.write_table(pa.Table.from_batches(group))
        finished.replace(path)
    except OSError:
        finished.unlink(missing_ok=True)
        raise


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
