"""A video, frame by frame, with constant memory.

A frame passes four stages: decoded, looked at by the detector (on scheduled frames), followed (points placed, who is
who), read (pose, eyes, the wanted layout). Only following depends on the frame before. Each stage runs in its own
thread a few frames ahead of the next; decoding and inference leave Python's lock, so the stages share the cores.
Frames are read a few at a time: head poses of eight frames take hardly longer than one.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from typing import TypeAlias, TypeVar

from nasion.core import Face, NasionError
from nasion.media import Frame, open_video
from nasion.pipeline.analyzer import Analyzer
from nasion.pipeline.threads import prefetch
from nasion.track import Refiner
from nasion.track.refiner import AHEAD as LOOK_AHEAD

AHEAD = 3  # frames: what the detector takes while the others go on; a stage holds as many pictures at most
TOGETHER = 8  # frames read at once; in fours a frame takes half as long again

T = TypeVar("T")

_Looked: TypeAlias = tuple[Frame, list[Face] | None]
_Followed: TypeAlias = tuple[Frame, list[Face], float]
_Ready: TypeAlias = tuple[Frame, list[Face], float | None]  # without the time where the points are steady already


def run_video(
    video: str | os.PathLike[str] | Iterable[Frame],
    analyzer: Analyzer | None = None,
    *,
    start: float = 0.0,
    stop: float | None = None,
    step: int = 1,
    ahead: int = AHEAD,
) -> Iterator[tuple[Frame, list[Face]]]:
    """Follow the faces of a video.

    Args:
        video: a file, or frames as `nasion.open_video` and `nasion.media.open_camera` give them (then ``start``,
            ``stop`` and ``step`` were chosen there).
        analyzer: lends its models and options, in whatever mode; its own state is not touched. None makes one.
        start, stop, step: the part of the file, seconds, and to take every ``step``-th frame; as for `open_video`.
        ahead: how many frames each stage may be ahead of the next. 0: one frame after the other in this thread, so
            that no frame waits, as a camera wants; otherwise frames come in groups of eight. The faces are the same,
            but for a refiner: it then knows only the past, where otherwise each frame is refined with the two after it
            in view.

    Yields:
        Each frame with its faces, in order; an empty list where there are none.

    Raises:
        MediaError: the file cannot be opened, or, after all its readable frames, that it is damaged or cut short.
    """
    analyzer = (analyzer or Analyzer(mode="video")).in_mode("video")
    with ExitStack() as opened:
        if isinstance(video, str | os.PathLike):
            video = opened.enter_context(open_video(video, start=start, stop=stop, step=step))

        def in_own_thread(items: Iterable[T]) -> Iterable[T]:
            return opened.enter_context(closing(prefetch(items, ahead))) if ahead > 0 else items

        looked = in_own_thread(_look(in_own_thread(video), analyzer))
        followed = in_own_thread(_follow(looked, analyzer))
        refiner = analyzer.refiner(LOOK_AHEAD) if ahead > 0 else None
        ready: Iterable[_Ready] = followed if refiner is None else in_own_thread(_refine(followed, refiner))
        for group in _groups(ready, TOGETHER if ahead > 0 else 1):
            frames, faces, times = zip(*group, strict=True)
            yield from zip(frames, analyzer.read_all([frame.image for frame in frames], faces, times), strict=True)


def _look(frames: Iterable[Frame], analyzer: Analyzer) -> Generator[_Looked]:
    for number, frame in enumerate(frames):
        yield frame, analyzer.look(frame.image, number)


def _follow(frames: Iterable[_Looked], analyzer: Analyzer) -> Generator[_Followed]:
    latest = 0.0
    for frame, found in frames:
        latest = max(latest, frame.time_s)  # time stamps of broken files may step back; a tracker's clock may not
        yield frame, analyzer.follow(frame.image, latest, found), latest


def _refine(frames: Iterable[_Followed], refiner: Refiner) -> Generator[_Ready]:
    """Each frame once those after it that the refiner wants are there; at the end of the clip with what there is."""
    waiting: deque[Frame] = deque()
    broken: NasionError | None = None
    try:
        for frame, faces, time_s in frames:
            waiting.append(frame)
            done = refiner.feed(faces, time_s)
            if done is not None:
                yield waiting.popleft(), done, None
    except NasionError as error:  # of a damaged file, which comes after all its readable frames
        broken = error
    for done in refiner.flush():
        yield waiting.popleft(), done, None
    if broken is not None:
        raise broken


def _groups(items: Iterable[T], size: int) -> Generator[list[T]]:
    """Lists of ``size`` items, the last one shorter; an error comes after the items before it."""
    group: list[T] = []
    try:
        for item in items:
            group.append(item)
            if len(group) == size:
                yield group
                group = []
    except Exception:
        if group:
            yield group
        raise
    if group:
        yield group
