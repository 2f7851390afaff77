"""What to work on: files, folders, globs and standard input become one sorted list.

Nothing here raises for a bad input: a missing path or a folder without pictures is a `Source` that carries its error,
so that a batch writes it down as a row and goes on.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nasion.media.paths import safe_name, why

IMAGE_EXTENSIONS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".gif", ".heic",
    ".heif", ".avif", ".jp2", ".ppm", ".pgm", ".pnm", ".mpo",
)  # fmt: skip
VIDEO_EXTENSIONS = (
    ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp",
    ".3g2", ".ogv", ".vob", ".mxf", ".y4m",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """One input.

    Attributes:
        path: as the system names it; ``"-"`` is standard input. May hold bytes that are not UTF-8: print ``name``.
        kind: how to read it.
        error: why there is nothing to read; empty when there is.
    """

    path: str
    kind: Literal["image", "video"]
    error: str = ""

    @property
    def name(self) -> str:
        r"""The path as text that is safe to print and to store; bytes that are not UTF-8 appear as ``\xNN``."""
        return safe_name(self.path)


def find_sources(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *, recursive: bool = True
) -> list[Source]:
    """List the pictures and videos that ``inputs`` stand for, each once, in the order given, folders sorted by name.

    Args:
        inputs: files (taken whatever their extension), folders (their pictures and videos by extension, hidden ones
            left out), globs such as ``"day1/**/*.jpg"``, or ``"-"``.
        recursive: look into the folders below a folder too.

    Returns:
        Sources, some perhaps with ``error``: a missing path, a glob without match, a folder that holds nothing or
        cannot be listed.
    """
    if isinstance(inputs, str | os.PathLike):
        inputs = [inputs]
    found = (source for item in inputs for source in _expand(os.fspath(item), recursive))
    return list({(source.path, source.error): source for source in found}.values())


def _expand(path: str, recursive: bool) -> Iterator[Source]:
    if path == "-":
        yield Source(path, "image")
    elif _is(os.path.isdir, path):
        yield from _folder(path, recursive)
    elif _is(os.path.lexists, path):
        yield Source(path, _kind(path))
    elif glob.has_magic(path):
        matches = sorted(glob.glob(path, recursive=True))  # noqa: PTH207  Path.glob takes no absolute patterns
        if not matches:
            yield Source(path, "image", f"nothing matches {safe_name(path)}; check the pattern")
        for match in matches:
            if Path(match).is_file():
                yield Source(match, _kind(match))
    else:
        yield Source(path, "image", f"no such file or folder: {safe_name(path)}; check the path")


def _folder(path: str, recursive: bool) -> Iterator[Source]:
    errors: list[OSError] = []
    empty = True
    for folder, below, files in os.walk(path, onerror=errors.append):
        below[:] = sorted(name for name in below if recursive and not name.startswith("."))
        for name in sorted(files):
            kind = _kind_by_extension(name)
            if kind and not name.startswith("."):
                empty = False
                yield Source(str(Path(folder, name)), kind)
    for error in errors:
        folder = str(error.filename)
        yield Source(folder, "image", f"cannot list {safe_name(folder)}: {why(error)}")
    if empty and not errors:
        yield Source(path, "image", f"{safe_name(path)} holds no pictures and no videos (by their extension)")


def _is(test: Callable[[str], bool], path: str) -> bool:
    """A test of ``os.path`` that answers no for names no file can have (a NUL byte, a lone surrogate)."""
    try:
        return test(path)
    except ValueError:
        return False


def _kind_by_extension(name: str) -> Literal["image", "video"] | None:
    extension = Path(name).suffix.lower()
    if extension in IMAGE_EXTENSIONS:
        return "image"
    return "video" if extension in VIDEO_EXTENSIONS else None


def _kind(path: str) -> Literal["image", "video"]:
    """By extension, else by the first bytes; a file that says neither is left to the picture reader to refuse."""
    known = _kind_by_extension(path)
    if known:
        return known
    try:
        with Path(path).open("rb") as file:
            head = file.read(16)
    except OSError:
        return "image"
    boxed = head[4:8] == b"ftyp" and head[8:12] not in (b"heic", b"heix", b"mif1", b"msf1", b"avif")
    riff = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    return (
        "video"
        if boxed or riff or head[:4] in (b"\x1a\x45\xdf\xa3", b"OggS", b"FLV\x01", b"\x00\x00\x01\xba")
        else "image"
    )
