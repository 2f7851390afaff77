"""A disk that runs full."""

import io
from pathlib import Path


class FullDisk(io.FileIO):
    """A file that takes ``room`` bytes and then answers as the operating system does when the disk is full."""

    def __init__(self, path: Path, room: int) -> None:
        super().__init__(path, "wb")
        self._room = room

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # FileIO takes any buffer, so does this
        if self.tell() + len(data) > self._room:
            raise OSError(28, "No space left on device")
        return super().write(data)
