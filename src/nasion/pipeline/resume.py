"""Go on with a table: keep the rows of inputs that are done, do the rest again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from nasion.core import InputError, Reading
from nasion.media import FrameResult, read_table, table_to_faces
from nasion.media.paths import safe_name

_CHUNK = 256  # rows turned into faces at once


class Kept:
    """The rows of an earlier run that need not be done again. A context manager, entered before the table is rewritten.

    Kept are the rows of ``path`` or, when the run was killed, of what it left in ``path.partial``. The last input is
    done again, because nobody knows whether it was finished, and so are those that failed.

    Args:
        path: the table; it need not exist.
        schema: the Arrow schema of the rows to come.
        scheme: the landmark scheme of the rows to come.

    Raises:
        InputError: the table there has other columns or points in another scheme.
        MediaError: it cannot be read.

    Attributes:
        sources: names of the inputs that are done.
    """

    def __init__(self, path: str | os.PathLike[str], schema: Any, scheme: str) -> None:
        target = Path(path)
        partial = target.with_name(target.name + ".partial")
        self._rescued = target.with_name(f"{target.stem}.rescued{target.suffix}.partial")
        # A resumed run writes the kept rows first, so the longest of the three holds all that the others hold.
        tables = {file: table for file in (target, partial, self._rescued) if (table := _readable(file)) is not None}
        best = max(tables, key=lambda file: tables[file].num_rows, default=None)
        if best == partial:
            partial.replace(self._rescued)  # the new run's own .partial takes its place
        self.sources: frozenset[str] = frozenset()
        self._table: Any = None
        if best is None:
            return
        table = tables[best]
        self._check(safe_name(best), table, schema, scheme)
        names, errors = table["source"].to_pylist(), table["error"].to_pylist()
        redo = {name for name, error in zip(names, errors, strict=True) if error} | set(names[-1:])
        self.sources = frozenset(names) - redo
        self._table = table.filter(np.array([name in self.sources for name in names], bool))

    @staticmethod
    def _check(name: str, table: Any, schema: Any, scheme: str) -> None:
        if table.schema.names != schema.names:
            others = sorted(set(table.schema.names) ^ set(schema.names))
            raise InputError(f"cannot go on with {name}: other tasks were asked for ({', '.join(others)} differ)")
        found = set(table["scheme"].unique().to_pylist()) - {None, scheme}
        if found:
            raise InputError(f"cannot go on with {name}: its points are in {', '.join(sorted(found))}, not {scheme}")

    def results(self, readings: Mapping[str, type[Reading]]) -> Iterator[FrameResult]:
        """The kept rows, picture by picture.

        Args:
            readings: task name to reading type, as for the writer that takes them.
        """
        if self._table is None or self._table.num_rows == 0:
            return
        count = self._table.num_rows
        begins = np.flatnonzero(self._table["face"].to_numpy() <= 0)  # the first row of each picture
        near = np.searchsorted(begins, np.arange(0, count, _CHUNK))
        cuts = begins[np.unique(near[near < len(begins)])].tolist()
        for start, stop in zip(cuts, [*cuts[1:], count], strict=True):
            yield from table_to_faces(self._table.slice(start, stop - start), readings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self._rescued.unlink(missing_ok=True)


def _readable(path: Path) -> Any:
    """The table in a file, None when there is no file."""
    return read_table(path) if path.exists() else None
