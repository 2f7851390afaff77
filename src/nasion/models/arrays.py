"""Files of named arrays, as published weights come: safetensors and npz. Pickles are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from nasion.core import FloatArray, ModelError

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
LONGEST_HEADER = 100_000_000  # bytes, the format's own limit


def load_arrays(path: str | Path) -> dict[str, FloatArray]:
    """Name to array, float32, of every floating-point array in the file.

    Args:
        path: ``.safetensors`` or ``.npz``.

    Raises:
        ModelError: the file is missing, damaged, or of another kind.
    """
    file = Path(path)
    if not file.is_file():
        raise ModelError(f"{file} does not exist: name a .safetensors or .npz file")
    kind = file.suffix.lower()
    if kind not in (".safetensors", ".npz"):
        raise ModelError(f"{file}: weights are read from .safetensors or .npz; pickles (.pth, .bin) can run code")
    try:
        return _safetensors(file) if kind == ".safetensors" else _npz(file)
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise ModelError(f"{file} is no whole {kind[1:]} file: {error}; get it again") from error


def _npz(file: Path) -> dict[str, FloatArray]:
    with np.load(file, allow_pickle=False) as held:
        return {name: held[name].astype(np.float32) for name in held.files if held[name].dtype.kind == "f"}


def _safetensors(file: Path) -> dict[str, FloatArray]:
    """Eight bytes with the header's length, a JSON header, the bytes of all arrays."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= LONGEST_HEADER:
            raise ValueError(f"a header of {length} bytes")
        header = json.loads(stream.read(length))
        body = stream.read()
    made = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] not in _TYPES:
            continue
        low, high = entry["data_offsets"]
        flat = np.frombuffer(body[low:high], _TYPES[entry["dtype"]])
        if entry["dtype"] == "BF16":  # the upper half of a float32
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        made[name] = flat.astype(np.float32).reshape(entry["shape"])
    return made
