"""A face in words: the same headings and numbers on the terminal and on a page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TypeAlias

from nasion.core import Face, Reading

Column: TypeAlias = tuple[str, str]
"""Task and field of a reading."""


def reading_columns(faces: Iterable[Face]) -> list[Column]:
    """The plain numbers in these faces' readings, without how far to trust them, in the order the tasks ran."""
    samples: dict[str, Reading] = {}
    for face in faces:
        samples = {**samples, **face.readings}
    return [(task, name) for task, reading in samples.items() for name in _numbers(reading)]


def headings(columns: Sequence[Column]) -> list[str]:
    """``score``, the box, and one for each column; those of pose go without their task's name, as in the table."""
    return ["score", "box (px)", *(name if task == "pose" else f"{task} {name}" for task, name in columns)]


def cells(face: Face, columns: Sequence[Column]) -> list[str]:
    """What stands under `headings` for this face."""
    box = " ".join(f"{v:.0f}" for v in face.box.to_array())
    return [f"{face.score:.2f}", box, *(_number(getattr(face.readings[task], name), task) for task, name in columns)]


def least_reliable(face: Face) -> tuple[float, str]:
    """The lowest reliability among the face's readings, 1 without any, and the reason that comes with it."""
    worst = min(face.readings.values(), key=lambda reading: reading.reliability, default=None)
    return (1.0, "") if worst is None else (worst.reliability, worst.reason)


def _numbers(reading: Reading) -> list[str]:
    names = (field.name for field in fields(reading) if isinstance(getattr(reading, field.name), int | float))
    return [name for name in names if name != "reliability"]


def _number(value: float, task: str) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.1f}" if task == "pose" else f"{value:.2f}"  # a hundredth of a degree is noise


def count(number: int, word: str) -> str:
    """``count(1, "face")`` is "1 face", any other number has an s."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
