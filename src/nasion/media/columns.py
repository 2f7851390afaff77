"""Rows to Arrow columns, from their buffers.

Handing pyarrow a list makes it load pandas where that is installed, only to ask whether the list is a Series: 56 MB in
a process that may need 200. Arrays made from buffers do not, and are quicker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from nasion.core import BoolArray


def record_batch(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """What ``pa.RecordBatch.from_pylist`` makes.

    Args:
        rows: column name to value; None and absent are null.
        schema: of numbers, flags, texts, and lists of one of them.
    """
    columns = [_column([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    known = np.array([value is not None for value in values], bool)
    valid = None if known.all() else _bits(known)
    if pa.types.is_list(kind):
        parts = [() if value is None else value for value in values]
        if pa.types.is_string(kind.value_type):
            inside = _column([text for part in parts for text in part], kind.value_type)
        else:
            inside = _numbers(np.concatenate([_array(part, kind.value_type) for part in parts]), None)
        return pa.Array.from_buffers(kind, len(values), [valid, _ends(parts)], children=[inside])
    if pa.types.is_string(kind):
        texts = [b"" if value is None else value.encode() for value in values]
        return pa.Array.from_buffers(kind, len(values), [valid, _ends(texts), pa.py_buffer(b"".join(texts))])
    return _numbers(_array([0 if value is None else value for value in values], kind), valid)


def _array(values: Sequence[Any], kind: pa.DataType) -> npt.NDArray[Any]:
    return np.asarray(values, kind.to_pandas_dtype())  # a NumPy type, whatever its name says


def _numbers(values: npt.NDArray[Any], valid: pa.Buffer | None) -> pa.Array:
    data = _bits(values) if values.dtype == bool else pa.py_buffer(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [valid, data])


def _bits(flags: BoolArray) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def _ends(parts: Sequence[Any]) -> pa.Buffer:
    """Where each part begins when all stand after each other, and where the last one ends."""
    return pa.py_buffer(np.cumsum([0, *map(len, parts)], dtype=np.int32))
