"""File names: a text form that is safe to print and store, and outputs checked before work starts."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from nasion.core import MediaError


def safe_name(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str:
    r"""The name as text that any terminal, CSV or Parquet file takes.

    A file name on POSIX is a string of bytes. Bytes that are not UTF-8 are written as ``\xNN``; all other names are
    unchanged.
    """
    text = os.fsdecode(path)
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte: no file system gave us this name
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def why(error: Exception) -> str:
    """The reason in an exception of the operating system or of a library, without the file name it may repeat."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error).strip() or type(error).__name__


def prepare_output(path: str | os.PathLike[str]) -> Path:
    """Make the folder of an output file and make sure that the file can be written.

    Raises:
        MediaError: it cannot, so that hours of work are not lost on the last line.
    """
    target = Path(path)
    probe = target.parent / f".nasion-{uuid.uuid4().hex}"
    try:
        if target.is_dir():
            raise MediaError(f"cannot write {safe_name(target)}: it is a folder; name a file in it")
        target.parent.mkdir(parents=True, exist_ok=True)
        probe.touch(exist_ok=False)
        probe.unlink()
    except (OSError, ValueError) as error:
        raise MediaError(
            f"cannot write {safe_name(target)}: {why(error)}; choose a folder that you may write to"
        ) from error
    return target
