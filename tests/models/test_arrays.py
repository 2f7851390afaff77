"""Arrays come out of safetensors and npz as they went in; pickles and damage are refused by name."""

import json
from pathlib import Path

import numpy as np
import pytest

from nasion.core import ModelError
from nasion.models.arrays import load_arrays

HALF = np.array([1.5, -2.25], np.float16)


def safetensors(path: Path) -> Path:
    one = np.arange(6, dtype="<f4").reshape(2, 3)
    upper = (np.array([1.0, -3.0], np.float32).view(np.uint32) >> 16).astype("<u2")
    parts = [("one", "F32", one), ("half", "F16", HALF), ("brain", "BF16", upper), ("count", "I64", np.array([7]))]
    header, body = {"__metadata__": {"format": "np"}}, b""
    for name, kind, array in parts:
        data = array.tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def test_safetensors(tmp_path: Path) -> None:
    found = load_arrays(safetensors(tmp_path / "a.safetensors"))
    assert set(found) == {"one", "half", "brain"}  # counters are no weights
    np.testing.assert_array_equal(found["one"], np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(found["half"], HALF)
    np.testing.assert_array_equal(found["brain"], [1.0, -3.0])
    assert all(array.dtype == np.float32 for array in found.values())


def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", w=np.ones((2, 2)), n=np.array([3]))
    assert list(load_arrays(tmp_path / "a.npz")) == ["w"]


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        load_arrays(tmp_path / "gone.npz")
    (tmp_path / "a.pth").write_bytes(b"x")
    with pytest.raises(ModelError, match="pickles"):
        load_arrays(tmp_path / "a.pth")
    whole = safetensors(tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-9])
    with pytest.raises(ModelError, match="no whole safetensors"):
        load_arrays(tmp_path / "cut.safetensors")
    np.savez(tmp_path / "p.npz", w=np.array([{}], dtype=object))
    with pytest.raises(ModelError, match="no whole npz"):
        load_arrays(tmp_path / "p.npz")
