"""The studio's built page: every file of it, read once, with its type and a compressed copy."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from nasion.core import ModelError

STUDIO = Path(__file__).parent / "studio"  # what `npm run build` in web/ writes

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
}
PACKED = frozenset((".jpg", ".webp"))  # do not become smaller


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page.

    Attributes:
        media_type: of the content, whatever its coding.
        etag: changes with the content.
        plain: the bytes; None where only the compressed copy is kept.
        packed: the bytes compressed with gzip; None where that would not help.
    """

    media_type: str
    etag: str
    plain: bytes | None
    packed: bytes | None

    @property
    def unpacked(self) -> bytes:
        """The bytes as they are, for clients that cannot unpack."""
        if self.plain is not None:
            return self.plain
        assert self.packed is not None, "an asset has one of the two"
        return gzip.decompress(self.packed)


def read_assets(folder: Path = STUDIO) -> dict[str, Asset]:
    """Every file below ``folder`` by its path in the address, with "/" between folders.

    A file that ends in ``.gz`` goes by the name without it, and is sent compressed.

    Raises:
        ModelError: the page has not been built.
    """
    if not (folder / "index.html").is_file():
        raise ModelError(f"the studio's page is not at {folder}: install nasion anew, or build it with `make web`")
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            found[name.removesuffix(".gz")] = _asset(path)
    return found


def _asset(path: Path) -> Asset:
    data = path.read_bytes()
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    if path.suffix == ".gz":
        return Asset(_type_of(path.with_suffix("")), etag, None, data)
    return Asset(_type_of(path), etag, data, None if path.suffix in PACKED else gzip.compress(data, 6, mtime=0))


def _type_of(path: Path) -> str:
    return TYPES.get(path.suffix, "application/octet-stream")
