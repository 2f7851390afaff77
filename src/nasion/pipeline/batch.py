"""Many inputs, one after the other: each picture and frame becomes a result, and so does each failure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

from nasion.core import ImageArray, InputError, MediaError, NasionError
from nasion.media import Frame, FrameResult, Source, open_video, read_image
from nasion.media.images import MAX_PIXELS
from nasion.pipeline.analyzer import Analyzer
from nasion.pipeline.threads import prefetch
from nasion.pipeline.video import run_video

READ_AHEAD = 2  # pictures; more would only hold memory, reading is faster than looking


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of a picture, of one frame of a video, or of an input that failed.

    Attributes:
        source: where it comes from.
        result: its row or rows of the table. The frames of a damaged video are followed by one result with the error.
        image: RGB uint8 (H, W, 3), or None when there is none.
    """

    source: Source
    result: FrameResult
    image: ImageArray | None = None


def run_batch(sources: Iterable[Source], analyzer: Analyzer, *, max_pixels: int = MAX_PIXELS) -> Iterator[Outcome]:
    """Analyse pictures and videos in order. The next pictures are read in another thread meanwhile.

    Args:
        sources: as `nasion.media.find_sources` lists them, those with an ``error`` included.
        analyzer: looks at the pictures; videos are followed by a second one with the same models and options.
        max_pixels: larger pictures are refused before they are decoded.

    Yields:
        One outcome per picture, per video frame and per failure. A bad input never ends the batch.
    """
    pictures = analyzer.in_mode("image")
    with closing(prefetch(_read(sources, max_pixels), READ_AHEAD)) as ready:
        for source, image, error in ready:
            if error:
                yield failure(source, error)
            elif image is None:
                yield from _video(source, analyzer)
            else:
                yield _picture(source, image, pictures)


def _read(sources: Iterable[Source], max_pixels: int) -> Iterator[tuple[Source, ImageArray | None, str]]:
    """Each source with its picture (None for a video) or what went wrong."""
    for source in sources:
        image, error = None, source.error
        if not error and source.kind == "image":
            try:
                image = read_image(source.path, max_pixels=max_pixels)
            except (MediaError, InputError) as caught:
                error = str(caught)
            except MemoryError:
                error = f"{source.name} does not fit into memory; lower --max-pixels to have such pictures refused"
        yield source, image, error


def _picture(source: Source, image: ImageArray, analyzer: Analyzer) -> Outcome:
    try:
        return Outcome(source, FrameResult(source.name, analyzer(image)), image)
    except NasionError as error:
        return failure(source, error)


def follow_video(source: Source, frames: Iterable[Frame], analyzer: Analyzer) -> Iterator[Outcome]:
    """Follow the faces of an opened video; when it breaks off, the last outcome says why.

    Args:
        source: where the frames come from.
        frames: as `nasion.open_video` gives them.
        analyzer: lends its models and options.
    """
    frame_count, time_s = 0, None
    try:
        for frame, faces in run_video(frames, analyzer):
            frame_count, time_s = frame.index + 1, frame.time_s
            yield Outcome(source, FrameResult(source.name, faces, frame.index, frame.time_s), frame.image)
    except NasionError as error:
        yield failure(source, error, frame_count, time_s)


def failure(source: Source, error: Exception | str, frame: int = 0, time_s: float | None = None) -> Outcome:
    """The outcome of an input that cannot be read, from ``frame`` on."""
    return Outcome(source, FrameResult(source.name, frame=frame, time_s=time_s, error=str(error)))


def _video(source: Source, analyzer: Analyzer) -> Iterator[Outcome]:
    try:
        video = open_video(source.path)
    except MediaError as error:
        yield failure(source, error)
        return
    with video:
        yield from follow_video(source, video, analyzer)
