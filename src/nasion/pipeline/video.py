"""A video, frame by frame, with constant memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing

from nasion.core import Face
from nasion.media import Frame, open_video
from nasion.pipeline.analyzer import Analyzer
from nasion.pipeline.threads import prefetch


def run_video(
    video: str | os.PathLike[str] | Iterable[Frame],
    analyzer: Analyzer | None = None,
    *,
    start: float = 0.0,
    stop: float | None = None,
    step: int = 1,
) -> Iterator[tuple[Frame, list[Face]]]:
    """Follow the faces of a video. The next frames are decoded in another thread while this one is analysed.

    Args:
        video: a file, or frames as `nasion.open_video` and `nasion.media.open_camera` give them (then ``start``,
            ``stop`` and ``step`` were chosen there).
        analyzer: lends its models and options, in whatever mode; its own state is not touched. None makes one.
        start, stop, step: the part of the file, seconds, and to take every ``step``-th frame; as for `open_video`.

    Yields:
        Each frame with its faces, in order; an empty list where there are none.

    Raises:
        MediaError: the file cannot be opened, or, after all its readable frames, that it is damaged or cut short.
    """
    analyzer = (analyzer or Analyzer(mode="video")).in_mode("video")
    if not isinstance(video, str | os.PathLike):
        yield from _follow(video, analyzer)
        return
    with open_video(video, start=start, stop=stop, step=step) as frames, closing(prefetch(frames)) as decoded:
        yield from _follow(decoded, analyzer)


def _follow(frames: Iterable[Frame], analyzer: Analyzer) -> Iterator[tuple[Frame, list[Face]]]:
    latest = 0.0
    for frame in frames:
        latest = max(latest, frame.time_s)  # time stamps of broken files may step back; a tracker's clock may not
        yield frame, analyzer(frame.image, latest)
