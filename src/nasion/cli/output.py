"""Where results go: rows on stdout, annotated pictures in a folder, annotated video in a file."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nasion.core import Face, ImageArray
from nasion.media import DrawStyle, FrameResult, Source, VideoWriter, draw_faces, hide_faces, write_image
from nasion.media.paths import safe_name
from nasion.media.table_files import json_lines

if TYPE_CHECKING:
    from nasion.pipeline import Outcome

QUICK = DrawStyle(fine=False)  # drawing must keep up with looking
USUAL_FPS = 30.0  # for files and cameras that do not say theirs


Paint = Callable[[ImageArray, Sequence[Face]], ImageArray]


def _quickly(image: ImageArray, faces: Sequence[Face]) -> ImageArray:
    return draw_faces(image, faces, QUICK)


def print_json(result: FrameResult, schema: Any) -> None:
    """The rows of one picture on stdout, one JSON object each, at once: somebody may be waiting for them."""
    sys.stdout.write(json_lines(result, schema))
    sys.stdout.flush()


class VideoDrawing:
    """An annotated video that keeps the time of its frames, from the first one on. A context manager.

    Args:
        path: the file to write.
        fps: of the source; 0 where it is not known.
        paint: what is done to each frame, given its faces.
    """

    def __init__(self, path: Path, fps: float, paint: Paint = _quickly) -> None:
        self._writer, self._paint = VideoWriter(path, fps or USUAL_FPS), paint
        self._first: float | None = None
        self._last = -1.0

    def add(self, image: ImageArray, faces: Sequence[Face], time_s: float) -> None:
        """Draw the faces and append the frame."""
        if self._first is None:
            self._first = time_s
        shown = time_s - self._first
        # The stamps of broken files may stand still or step back, those of a video may not.
        self._writer.write(self._paint(image, faces), shown if shown > self._last else None)
        self._last = max(self._last, shown)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.close()


class Drawings:
    """Pictures and videos with something done to their faces, named after their inputs. A context manager.

    Args:
        folder: where they go.
        sources: all inputs that may come.
        hide: make faces unrecognisable instead of annotating them.
    """

    def __init__(self, folder: Path, sources: Sequence[Source], hide: bool = False) -> None:
        self._folder, self._hide = folder, hide
        self._names = unique_names(sources)
        self._video: tuple[Source, VideoDrawing] | None = None

    def add(self, outcome: Outcome) -> None:
        """Draw one outcome; those without a picture are passed over."""
        source, result = outcome.source, outcome.result
        if self._video is not None and self._video[0] is not source:
            self._end_video()
        if outcome.image is None:
            return
        path = self._folder / self._names[source.path]
        if source.kind == "image":
            paint: Paint = hide_faces if self._hide else draw_faces
            write_image(path.with_name(f"{path.name}.jpg"), paint(outcome.image, result.faces))
            return
        if self._video is None:
            made = VideoDrawing(path.with_name(f"{path.name}.mp4"), USUAL_FPS, hide_faces if self._hide else _quickly)
            self._video = source, made
        self._video[1].add(outcome.image, result.faces, result.time_s or 0.0)

    def _end_video(self) -> None:
        if self._video is not None:
            drawing, self._video = self._video[1], None
            drawing.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end_video()


def unique_names(sources: Sequence[Source]) -> dict[str, str]:
    """A file name without extension for each source's path: its own, or its whole path where two share a name."""
    stems = {source.path: Path(safe_name(source.path)).stem if source.path != "-" else "stdin" for source in sources}
    shared = Counter(stems.values())
    whole = {path: safe_name(path).strip("./\\").replace("/", "_").replace("\\", "_") for path in stems}
    return {path: stem if shared[stem] == 1 else whole[path] for path, stem in stems.items()}
