"""The table on disk: written row by row, readable whatever stops the program.

While it grows the table is ``F.partial`` beside ``F``; closing gives it its name, and an exception such as Ctrl-C
closes it too, with all rows so far. A Parquet file has its index at the end and is worthless without; until closed the
rows are therefore kept as an Arrow stream, and `read_table` reads ``F.parquet.partial`` after a power cut as well.
"""

from __future__ import annotations

import csv
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
from nasion.media.columns import record_batch
from nasion.media.paths import prepare_output, safe_name, why
from nasion.media.table import FrameResult, frame_rows, table_schema

TABLE_EXTENSIONS = (".parquet", ".csv", ".jsonl")
_BATCH = 64  # rows held back at most before they are on disk
_NO_JSON_NUMBER = re.compile(r"nan|-?inf")
_GROUP = 128  # rows in a row group of a finished Parquet file: 1.5 MB of 478 points


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
        self._name, self._kind = safe_name(self._path), table_kind(self._path)
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
                self._stream.write_batch(record_batch(rows, self._schema))
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


def table_kind(path: Path) -> str:
    """The extension, one of `TABLE_EXTENSIONS`; raises `MediaError` when it is none of them."""
    kind = path.suffix.lower()
    if kind not in TABLE_EXTENSIONS:
        raise MediaError(f"{safe_name(path)}: a table needs the extension .parquet, .csv or .jsonl")
    return kind


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


class _Lines(list[str]):
    r"""What ``csv.writer`` writes its rows to.

    Its own line end ``\r\n`` makes it quote both characters where a cell holds one; rows in the file end in ``\n``.
    """

    def write(self, row: str) -> None:
        self.append(row.removesuffix("\r\n") + "\n")


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
        with path.open("rb") as stream, finished.open("wb") as file, _parquet_writer(file, schema) as writer:
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


def _parquet_writer(file: IO[bytes], schema: pa.Schema) -> pa.parquet.ParquetWriter:
    """Coordinates hardly repeat: a dictionary of them only costs, sorting their bytes by significance halves them.

    pyarrow's own memory pool takes 17 MB more from the system than the C library for the same buffers, 2 MB at most.
    """
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    lists = [f"{field.name}.list.element" for field in schema if field.type == pa.list_(pa.float32())]
    return pa.parquet.ParquetWriter(
        file,
        schema,
        compression="zstd",
        use_dictionary=texts,
        use_byte_stream_split=lists,
        memory_pool=pa.system_memory_pool(),
    )
