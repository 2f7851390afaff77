"""Things that happen in a clip, one row each: Parquet, CSV or JSON lines.

| column | type | meaning |
|---|---|---|
| `source` | string | file name |
| `track_id` | int64 | whose it is |
| `event` | string | `blink`, `long_closure`, `yawn`; `faces_forward`, `faces_left`, ..., `unseen` |
| `start_s`, `end_s` | float64 | seconds from the beginning of the clip |
| `score` | float64 | 0..1: of a blink how far it closes, of a direction how sure it is; null for a yawn |
| `closing_s`, `closed_s`, `reopening_s` | float64 | phases of a blink, s |
| `amplitude` | float64 | share of the opening that it closes |
| `closing_speed`, `reopening_speed` | float64 | the greatest, degrees a second |
| `amplitude_velocity_s` | float64 | amplitude over greatest speed of the reopening, s |
| `area` | float64 | 0..1, how long the lid hangs while it reopens |
| `gap_s` | float64 | since the end of the blink before, s |
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from nasion.core import MediaError
from nasion.media.paths import prepare_output, safe_name, why
from nasion.media.table_files import table_kind

NUMBERS = (
    "start_s", "end_s", "score", "closing_s", "closed_s", "reopening_s", "amplitude", "closing_speed",
    "reopening_speed", "amplitude_velocity_s", "area", "gap_s",
)  # fmt: skip
EVENTS = pa.schema(
    [
        ("source", pa.string()),
        ("track_id", pa.int64()),
        ("event", pa.string()),
        *((name, pa.float64()) for name in NUMBERS),
    ],
    metadata={"nasion_events_schema": "1"},
)


def write_events_table(path: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write events; columns that a row leaves out, and NaN, are null.

    Args:
        path: .parquet, .csv or .jsonl; an existing file is replaced.
        rows: column name to value.

    Raises:
        MediaError: the file cannot be written, or its extension is none of the three.
    """
    target = prepare_output(path)
    kind = table_kind(target)
    plain = [{name: _known(row.get(name)) for name in EVENTS.names} for row in rows]
    try:
        if kind == ".jsonl":
            target.write_text("".join(json.dumps(row, allow_nan=False) + "\n" for row in plain), "utf-8")
            return
        table = pa.Table.from_pylist(plain, schema=EVENTS)
        if kind == ".csv":
            import pyarrow.csv

            pyarrow.csv.write_csv(table, target)
        else:
            import pyarrow.parquet

            pyarrow.parquet.write_table(table, target, compression="zstd")
    except OSError as error:
        raise MediaError(f"cannot write {safe_name(target)}: {why(error)}") from error


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
