"""Video in, one picture at a time, through PyAV (FFmpeg).

- Time stamps are the file's own presentation times, so a variable frame rate is no problem. Zero is the file's zero, or
  its first stamp where the file begins later (MPEG-TS recordings).
- Pictures come as a player shows them: the display matrix (rotation, mirror) and non-square pixels are applied.
- Memory is constant: nothing is kept but what the decoder holds.
- A damaged packet is skipped and counted (``Video.skipped``). A file cut short gives all its readable pictures, then
  raises `MediaError`; one whose index is missing (an MP4 without its ``moov``) raises it when opened.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np

from nasion.core import ImageArray, InputError, MediaError
from nasion.media.paths import safe_name, why
from nasion.media.video_seek import find_start

if TYPE_CHECKING:
    from av import Packet, VideoFrame

_ROUNDING_S = 1e-6  # what is lost between a container's microseconds and a stream's own clock
# In small pictures FFmpeg's own threads cost more than they bring: 640 x 360 px take 0.56 ms of processor time, not 0.7
ONE_THREAD_PX = 500_000
_Turn: TypeAlias = Callable[[ImageArray], ImageArray]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video or a camera.

    Attributes:
        image: (H, W, 3) uint8 RGB, contiguous, as displayed.
        index: 0-based number of the picture, counted from the beginning of the file.
        time_s: its presentation time, seconds.
    """

    image: ImageArray
    index: int
    time_s: float


def open_video(path: str | os.PathLike[str], *, start: float = 0.0, stop: float | None = None, step: int = 1) -> Video:
    """Open a video file.

    Args:
        path: the file, or ``"-"`` for standard input.
        start: seconds; pictures before it are passed over, by seeking where the file allows it.
        stop: seconds; pictures at or after it are not read.
        step: give every ``step``-th picture; the ones between are decoded but not converted.

    Raises:
        MediaError: the file is missing, unreadable, holds no video, or not one picture of it can be decoded.
        InputError: ``start``, ``stop`` or ``step`` make no sense.
    """
    if not start >= 0 or (stop is not None and not stop > start):
        raise InputError(f"a part of a video needs 0 <= start < stop (seconds), got start={start}, stop={stop}")
    if step < 1:
        raise InputError(f"step must be 1 (every picture) or more, got {step}")
    return Video(path, start, stop, step)


class Video:
    """The pictures of one file, in the order shown. Made by `open_video`; an iterator, so it is read once.

    Attributes:
        name: the file's name, safe to print.
        width, height: px, as displayed.
        fps: average frame rate, pictures per second.
        frame_count: how many pictures the file says it holds; None when it does not say.
        duration_s: seconds the file says it lasts; None when it does not say.
        rotation: degrees clockwise that were applied to the coded pictures: 0, 90, 180 or 270.
        skipped: damaged packets and pictures passed over so far.
    """

    def __init__(self, path: str | os.PathLike[str], start: float, stop: float | None, step: int) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        self.name = "standard input" if path == "-" else safe_name(path)
        self.skipped = 0
        self._start, self._stop, self._step = start, stop, step
        self._seekable = path != "-"
        # file: a name with a colon is not mistaken for a network address, and no name can reach the network.
        self._file: Any = f"file:{os.fspath(path)}" if self._seekable else sys.stdin.buffer
        try:
            if self._seekable and Path(path).is_file() and Path(path).stat().st_size == 0:
                raise MediaError(f"{self.name} is empty (0 bytes): copy or download it again")
            self._container = av.open(self._file, "r")
        except FileNotFoundError as error:
            raise MediaError(f"no such file: {self.name}; check the path") from error
        except (OSError, ValueError) as error:  # av's errors are one or the other, by kind
            raise MediaError(
                f"{self.name} cannot be opened as a video: {why(error)}; it may be cut short or be no video"
            ) from error
        try:
            self._open_stream(VideoReformatter())
        except BaseException:
            self.close()
            raise

    def _open_stream(self, reformatter: Any) -> None:
        streams = [s for s in self._container.streams.video if not s.disposition & s.disposition.attached_pic]
        if not streams or streams[0].codec_context is None:
            raise MediaError(f"{self.name} holds no video that can be decoded; it may be cut short or be sound only")
        self._stream = stream = streams[0]
        stream.thread_type = "AUTO" if stream.width * stream.height > ONE_THREAD_PX else "NONE"
        self._reformatter = reformatter
        self._tick = float(stream.time_base or 0)
        self._zero = _beginning(self._container.start_time, stream.start_time, self._tick)
        self.fps = float(stream.average_rate or stream.guessed_rate or 0)
        self.frame_count: int | None = stream.frames or None
        self.duration_s: float | None = None
        if stream.duration:
            self.duration_s = float(stream.duration * self._tick)
        elif self._container.duration:
            self.duration_s = self._container.duration / 1e6
        self._packets = 0
        self._seeked = False
        pictures = self._decode(self._seek())
        # One picture is decoded now: the size as displayed stands in it, and a hopeless file fails here.
        head = next(pictures, None)
        if head is None:
            if self._start == 0:
                raise MediaError(f"{self.name}: not one picture can be decoded; the file is damaged or cut short")
            self._turn, self.rotation = _turn_of(None)
            self.width, self.height = stream.width, stream.height
            self._frames: Iterator[Frame] = iter(())
            return
        self._turn, self.rotation = _turn_of(head[0])
        self._coded_width = _square_pixels(head[0].width, stream.sample_aspect_ratio)
        self.width, self.height = self._coded_width, head[0].height
        if self.rotation in (90, 270):
            self.width, self.height = self.height, self.width
        self._frames = self._convert(itertools.chain([head], pictures))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Frame:
        return next(self._frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the file and the decoder back; iterating ends."""
        self._frames = iter(())
        self._container.close()

    def _time(self, stamp: int | None) -> float | None:
        return None if stamp is None else stamp * self._tick - self._zero

    def _before_start(self, stamp: int) -> bool:
        return stamp * self._tick - self._zero < self._start - _ROUNDING_S

    def _seek(self) -> int:
        """Go to the key picture before ``start`` where the file allows it; return the number of the first picture."""
        import av

        if self._start == 0 or not self._seekable:
            return 0
        with av.open(self._file, "r") as scan:
            found = find_start(scan, self._stream.index, self._before_start)
        self._seeked = found is not None
        if found is None:
            return 0
        self._container.seek(found[1], stream=self._stream)
        return found[0]

    def _demux(self) -> Iterator[Packet[Any]]:
        """The stream's packets.

        Raises:
            MediaError: the file ends within a packet or cannot be read further.
        """
        try:
            yield from self._container.demux(self._stream)
        except (OSError, ValueError) as error:
            raise MediaError(f"{self.name} cannot be read further: {why(error)}") from error

    def _decode(self, index: int) -> Iterator[tuple[VideoFrame, int, float]]:
        """Decoded pictures from ``start`` on, with index and time; at the end the error, if the file is cut short."""
        import av

        failure: MediaError | None = None
        packets = self._demux()
        while True:
            try:
                packet = next(packets, None)
            except MediaError as error:
                packet, failure = None, error
            if packet is not None and packet.size:
                self._packets += 1
            try:
                pictures = self._stream.decode(packet)
            except av.error.FFmpegError:
                if packet is None:  # the decoder cannot give what it still held
                    break
                self.skipped += 1
                index += 1
                continue
            for picture in pictures:
                time_s = self._time(picture.pts)
                if time_s is None:
                    time_s = index / self.fps if self.fps else 0.0
                if time_s < self._start - _ROUNDING_S:
                    index += not self._seeked
                    continue
                if self._stop is not None and time_s >= self._stop - _ROUNDING_S:
                    return
                if picture.is_corrupt:
                    self.skipped += 1
                else:
                    yield picture, index, time_s
                index += 1
            if packet is None or not packet.size:
                break
        if failure is None and not self._seeked and self.frame_count and self._packets < self.frame_count:
            failure = MediaError(
                f"{self.name} is cut short: it holds {self._packets} of the {self.frame_count} pictures it announces"
            )
        if failure is not None:
            raise failure

    def _convert(self, pictures: Iterator[tuple[VideoFrame, int, float]]) -> Iterator[Frame]:
        wanted = itertools.islice(pictures, 0, None, self._step)
        for picture, index, time_s in wanted:
            # A reused reformatter keeps its scaling tables; on one thread it does not fight the decoder for cores.
            rgb = self._reformatter.reformat(picture, width=self._coded_width, format="rgb24", threads=1)
            yield Frame(np.ascontiguousarray(self._turn(rgb.to_ndarray())), index, time_s)


def _beginning(container: int | None, stream: int | None, tick: float) -> float:
    """Seconds on the file's clock that become time zero.

    Args:
        container: when the earliest stream begins, microseconds.
        stream: when the video begins, ticks.
        tick: seconds.
    """
    zero = max(container or 0, 0) / 1e6
    exact = (stream or 0) * tick  # the same moment, not rounded, when it is the video that begins first
    return exact if abs(exact - zero) < _ROUNDING_S else zero


def _square_pixels(width: int, aspect: Any) -> int:
    """The width that gives pictures with non-square pixels their right shape."""
    if not aspect or abs(aspect - 1) < 0.01:
        return width
    return max(1, round(width * float(aspect)))


def _turn_of(picture: VideoFrame | None) -> tuple[_Turn, int]:
    """How to turn decoded pictures upright, and the degrees clockwise.

    The display matrix holds nine 32-bit integers, a b u, c d v, x y w; a, b, c, d are 16.16 fixed point and take
    (x, y) to (a x + c y, b x + d y), y down. Angles are rounded to quarter turns, as players do.
    """
    data: Any = picture.side_data.get("DISPLAYMATRIX") if picture is not None else None
    if data is None:
        return (lambda image: image), 0
    a, b, _, c, d = np.frombuffer(data, np.int32)[:5].astype(float)
    mirrored = a * d - b * c < 0
    if mirrored:  # the matrix is a turn after a left-right flip
        a, b = -a, -b
    quarters = round(np.degrees(np.arctan2(b, a)) / 90) % 4

    def turn(image: ImageArray) -> ImageArray:
        return np.rot90(image[:, ::-1] if mirrored else image, -quarters)

    return turn, quarters * 90
