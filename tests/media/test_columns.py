"""Columns from buffers are what pyarrow itself makes of the same rows, and load no pandas."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from nasion.media.columns import record_batch

SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("count", pa.int64()),
        ("face", pa.int32()),
        ("score", pa.float64()),
        ("flag", pa.bool_()),
        ("points", pa.list_(pa.float32())),
        ("weights", pa.list_(pa.float64())),
        ("marks", pa.list_(pa.bool_())),
        ("names", pa.list_(pa.string())),
    ]
)
FULL = {
    "text": "räksmörgås", "count": 2**40, "face": -1, "score": 0.25, "flag": True,
    "points": np.array([1.5, np.nan, -3], np.float32), "weights": [0.1, 0.2], "marks": [True, False, True],
    "names": ["a", "", "bc"],
}  # fmt: skip
OTHER = {"text": "", "count": 0, "face": 7, "score": float("inf"), "flag": False, "points": np.zeros(0), "names": []}


@pytest.mark.parametrize("rows", [[FULL], [FULL, {}, OTHER], [{}], [{}, {}], [OTHER] * 3 + [FULL] * 7 + [{}]])
def test_the_same_as_pyarrow(rows):
    ours, theirs = record_batch(rows, SCHEMA), pa.RecordBatch.from_pylist(rows, schema=SCHEMA)
    ours.validate(full=True)
    assert ours.schema == theirs.schema
    for mine, other in zip(ours.columns, theirs.columns, strict=True):
        assert mine.null_count == other.null_count
        assert str(mine) == str(other)  # NaN is not equal to itself


def test_pandas_is_not_loaded_even_where_it_is_installed(tmp_path):
    code = (
        "import sys; from nasion.core import Box, Face, Landmarks, scheme; import numpy as np\n"
        "from nasion.media import FrameResult, TableWriter\n"
        "face = Face(Box(0, 0, 9, 9), 0.5, Landmarks.from_points(np.ones((5, 2)), scheme('coarse5')))\n"
        f"with TableWriter({str(tmp_path / 'a.parquet')!r}) as out: out.write(FrameResult('a', [face]))\n"
        "print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
