"""Taught points as one file: arrays only, landmarks and descriptors but no pixel of the marked photos, no pickle."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, is_zipfile

import numpy as np

from nasion.core import InputError, MediaError, scheme
from nasion.landmark.conformal.points import TaughtPoint
from nasion.media.paths import prepare_output, safe_name, why

VERSION = 2
_PARTS = ("meshes", "middles", "carry", "looks", "nearest")


def write_taught(path: str | os.PathLike[str], points: Sequence[TaughtPoint]) -> None:
    """Keep taught points in an ``.npz`` file; afterwards it is whole, or what it was before.

    Raises:
        MediaError: the file cannot be written.
    """
    target = prepare_output(path)
    arrays: dict[str, Any] = {
        f"{i}/{part}": getattr(point, part).astype(np.float32) for i, point in enumerate(points) for part in _PARTS
    }
    arrays |= {"names": np.array([p.name for p in points]), "schemes": np.array([p.scheme for p in points])}
    arrays["version"] = np.array(VERSION)
    part = target.with_name(target.name + ".partial")
    try:
        with part.open("wb") as stream:
            np.savez_compressed(stream, **arrays)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise MediaError(f"cannot write {safe_name(target)}: {why(error)}") from error


def read_taught(path: str | os.PathLike[str]) -> tuple[TaughtPoint, ...]:
    """The points that ``write_taught`` kept.

    Raises:
        MediaError: the file is missing, damaged or none of ours.
    """
    if not Path(path).is_file():
        raise MediaError(f"no such file: {path}; `nasion landmark teach` writes one")
    if not is_zipfile(path):
        raise MediaError(f"{path} holds no taught points: it is no .npz file; `nasion landmark teach` writes one")
    try:
        with np.load(path, allow_pickle=False) as held:
            if int(held["version"]) != VERSION:
                raise MediaError(f"{path} was written by another version of nasion: teach the points again")
            return tuple(
                TaughtPoint(str(name), scheme(str(layout)).name, *(held[f"{i}/{part}"] for part in _PARTS))
                for i, (name, layout) in enumerate(zip(held["names"], held["schemes"], strict=True))
            )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, InputError) as error:
        raise MediaError(f"{path} holds no taught points: {error}; `nasion landmark teach` writes them") from error
