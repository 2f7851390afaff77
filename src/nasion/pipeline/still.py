"""One call for one picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from nasion.core import Face, ImageArray
from nasion.media import read_image
from nasion.pipeline.analyzer import DEFAULT_TASKS, Analyzer
from nasion.pipeline.task import TaskLike

_MAX_PIXELS = 100_000_000


def analyze(
    image: str | os.PathLike[str] | bytes | ImageArray,
    tasks: Sequence[TaskLike] = DEFAULT_TASKS,
    *,
    max_pixels: int = _MAX_PIXELS,
    **options: Any,
) -> list[Face]:
    """Find the faces of one picture and read them.

    Models stay loaded between calls with the same options. For many pictures or video make an `Analyzer`.

    Args:
        image: path, ``"-"`` (standard input), the bytes of a picture file, or RGB uint8 (H, W, 3).
        tasks: what to do, as for `Analyzer`.
        max_pixels: larger picture files are refused before they are decoded.
        **options: as for `Analyzer`, except ``mode``.

    Returns:
        Faces, best detector score first; empty when there are none.

    Raises:
        MediaError: the file cannot be read.
        InputError: the array is no picture, or an option makes no sense.
        TaskError, SchemeError, ModelError: as for `Analyzer`.
    """
    analyzer = _analyzer(tuple(tasks) if not isinstance(tasks, str) else tasks, tuple(sorted(options.items())))
    if not isinstance(image, np.ndarray):
        image = read_image(image, max_pixels=max_pixels)
    return analyzer(image)


@lru_cache(maxsize=2)
def _analyzer(tasks: Sequence[TaskLike], options: tuple[tuple[str, Any], ...]) -> Analyzer:
    return Analyzer(tasks, **dict(options))
