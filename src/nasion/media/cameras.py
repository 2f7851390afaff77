"""Cameras, through OpenCV."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import numpy as np

from nasion.core import MediaError
from nasion.media.video import Frame


def open_camera(index: int = 0) -> CameraStream:
    """Open a camera.

    Args:
        index: 0 for the first camera of this machine.

    Raises:
        MediaError: there is no such camera, or another program holds it.
    """
    return CameraStream(index)


class CameraStream:
    """Pictures from a camera as they come, without end. Made by `open_camera`; has the face of `Video`.

    Attributes:
        name: such as ``"camera 0"``.
        width, height: px.
        fps: what the camera says it gives; 0 when it does not say.
        frame_count, duration_s: None, a camera has no end.
    """

    frame_count: int | None = None
    duration_s: float | None = None

    def __init__(self, index: int) -> None:
        import cv2

        self.name = f"camera {index}"
        # Silence for one call: OpenCV prints a warning of each back end it tries, our own error says it once.
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            self._capture = cv2.VideoCapture(index)
        finally:
            cv2.utils.logging.setLogLevel(level)
        if not self._capture.isOpened():
            raise MediaError(
                f"there is no {self.name}, or another program uses it; connect it, close the other program or try "
                f"another number"
            )
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest picture, not a queue of old ones
        self.width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self.height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        self.fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self._index = 0
        self._began: float | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Frame:
        """The next picture; its time is counted from the first one by the machine's steady clock.

        Raises:
            StopIteration: the camera was closed.
            MediaError: the camera gives no more pictures, perhaps it was unplugged.
        """
        if not self._capture.isOpened():
            raise StopIteration
        good, bgr = self._capture.read()
        now = time.monotonic()
        if not good:
            raise MediaError(f"{self.name} gives no more pictures after {self._index}; was it unplugged?")
        if self._began is None:
            self._began = now
        frame = Frame(np.ascontiguousarray(bgr[:, :, ::-1], np.uint8), self._index, now - self._began)
        self._index += 1
        return frame

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the camera back; iterating ends."""
        self._capture.release()
