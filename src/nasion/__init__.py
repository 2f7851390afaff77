"""nasion: pixels become landmarks, landmarks become meaning, and every number says how far to trust it.

The names below load their modules on first use, so that ``import nasion`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nasion.core import (
        Box,
        Camera,
        Face,
        InputError,
        Landmarks,
        MediaError,
        MissingExtraError,
        ModelError,
        NasionError,
        Pose,
        Scheme,
        SchemeError,
        TaskError,
        scheme,
    )
    from nasion.media import open_video, read_image
    from nasion.pipeline import Analyzer, analyze

__version__ = "0.1.0"

__all__ = [
    "Analyzer",
    "Box",
    "Camera",
    "Face",
    "InputError",
    "Landmarks",
    "MediaError",
    "MissingExtraError",
    "ModelError",
    "NasionError",
    "Pose",
    "Scheme",
    "SchemeError",
    "TaskError",
    "__version__",
    "analyze",
    "open_video",
    "read_image",
    "scheme",
]

_HOMES = {"Analyzer": "pipeline", "analyze": "pipeline", "open_video": "media", "read_image": "media"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'nasion' has no attribute {name!r}")
    value = getattr(import_module(f"nasion.{_HOMES.get(name, 'core')}"), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
