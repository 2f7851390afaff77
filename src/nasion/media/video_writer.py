"""Video out: H.264 in MP4 that any player opens, and that survives an interruption.

The file is written in fragments of about a second, each complete in itself: whatever stops the program, all but the
last fragment can be played. Closing turns it into an ordinary MP4 with one index.
"""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from math import isfinite
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from nasion.core import ImageArray, InputError, MediaError
from nasion.media.images import check_image
from nasion.media.paths import prepare_output, safe_name, why

if TYPE_CHECKING:
    from av import VideoFrame

_CLOCK = 60_000  # ticks per second: whole for 24, 25, 30, 50 and 60 pictures, and MPEG-4 part 2 takes no finer clock


class VideoWriter:
    """Write pictures to a video file; a context manager.

    Args:
        path: .mp4, .mov or .mkv. Missing folders are made; a file of that name is replaced.
        fps: pictures per second, used for those written without ``time_s``.
        quality: constant rate factor of H.264, 0 (lossless) to 51; 20 looks like the original.

    Raises:
        MediaError: the file cannot be written there.
        InputError: ``fps`` is not above 0.
    """

    def __init__(self, path: str | os.PathLike[str], fps: float = 30.0, *, quality: int = 20) -> None:
        import av

        if not 0 < fps < 10_000:
            raise InputError(f"the frame rate must be above 0, got {fps}")
        self._path = prepare_output(path)
        self._name = safe_name(self._path)
        if self._path.suffix.lower() not in (".mp4", ".m4v", ".mov", ".mkv"):
            raise MediaError(f"cannot write {self._name}: a video needs the extension .mp4, .mov or .mkv")
        # hybrid_fragmented: fragments while writing, one index when closed.
        options = {} if self._path.suffix.lower() == ".mkv" else {"movflags": "hybrid_fragmented+frag_keyframe"}
        self._fps, self._quality = Fraction(fps).limit_denominator(1001), quality
        try:
            self._file = self._path.open("wb")
        except OSError as error:
            raise MediaError(f"cannot write {self._name}: {why(error)}") from error
        kind = {".mkv": "matroska", ".mov": "mov"}.get(self._path.suffix.lower(), "mp4")
        self._container = av.open(self._file, "w", format=kind, options=options)
        self._size: tuple[int, int] | None = None
        self._last = -1
        self._open = True

    def write(self, image: ImageArray, time_s: float | None = None) -> None:
        """Append a picture.

        Args:
            image: (H, W, 3) uint8 RGB, all of one size. An odd width or height grows by one pixel, a copy of the edge,
                because H.264 as players know it needs even sizes.
            time_s: when it is shown, seconds; one that is not later than the picture before is shown right after it.
                Default: one frame after it.

        Raises:
            InputError: the picture is not like the ones before, or its time is no number.
            MediaError: writing failed, such as on a full disk; names the file.
        """
        from av import VideoFrame
        from av.video.reformatter import ColorRange, Colorspace

        image = check_image(image)
        if not self._open:
            raise InputError(f"{self._name} is closed: write pictures before that")
        if self._size is None:
            self._add_stream(image)
        height, width = image.shape[:2]
        if (width, height) != self._size:
            size = "{} x {}".format(*self._size or ())
            raise InputError(f"{self._name}: all pictures must be {size} like the first, got {width} x {height}")
        if time_s is None:
            stamp = self._last + round(_CLOCK / self._fps) if self._last >= 0 else 0
        elif isfinite(time_s):
            stamp = round(time_s * _CLOCK)
        else:
            raise InputError(f"{self._name}: a picture is shown at a time in seconds, got {time_s}")
        self._last = stamp = max(stamp, self._last + 1)  # damaged videos repeat times, their pictures still count
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = VideoFrame.from_ndarray(image, format="rgb24")
        picture = self._reformatter.reformat(
            picture, format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG, threads=1
        )
        picture.pts, picture.time_base = stamp, Fraction(1, _CLOCK)
        self._mux(picture)

    def _add_stream(self, image: ImageArray) -> None:
        from av.codec import Codec
        from av.error import FFmpegError
        from av.video import VideoStream
        from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

        try:
            encoder = Codec("libx264", "w").name
            options = {"preset": "veryfast", "crf": str(self._quality)}
        except FFmpegError:  # FFmpeg built without x264
            encoder, options = "mpeg4", {"qmin": "2", "qmax": "5"}
        height, width = image.shape[:2]
        stream = self._container.add_stream(encoder, rate=self._fps, options=options)
        assert isinstance(stream, VideoStream)  # the encoders above are video encoders
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, _CLOCK)
        context.gop_size = max(1, round(self._fps))  # a key picture, and with it a fragment, each second
        context.max_b_frames = 0  # they shift all times of a fragmented file by two pictures
        context.colorspace, context.color_range = int(Colorspace.ITU709), int(ColorRange.MPEG)
        self._stream, self._reformatter, self._size = stream, VideoReformatter(), (width, height)

    def _mux(self, picture: VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(picture):
                self._container.mux(packet)
        except _write_errors() as error:
            self._abandon()
            raise MediaError(
                f"cannot write {self._name}: {why(error)}; what was written before can be played"
            ) from error

    def _abandon(self) -> None:
        """Let go of the file without the closing words that cannot be written any more."""
        self._open = False
        for part in (self._container, self._file):
            with suppress(*_write_errors()):  # the failure that led here is already on its way to the caller
                part.close()

    def close(self) -> None:
        """Finish the file. Without one picture there is no video, and no file is left.

        Raises:
            MediaError: the end of the file cannot be written.
        """
        if not self._open:
            return
        if self._size is None:
            self._abandon()
            self._path.unlink(missing_ok=True)
            return
        self._mux(None)
        self._open = False
        try:
            self._container.close()
            self._file.close()
        except _write_errors() as error:
            raise MediaError(
                f"cannot finish {self._name}: {why(error)}; what was written before can be played"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _write_errors() -> tuple[type[Exception], ...]:
    from av.error import FFmpegError

    return OSError, ValueError, FFmpegError
