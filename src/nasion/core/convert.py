"""From one landmark layout to another."""

from __future__ import annotations

from nasion.core.errors import SchemeError
from nasion.core.landmarks import Landmarks


def convert(landmarks: Landmarks, scheme: str) -> Landmarks:
    """The same face in another scheme."""
    raise SchemeError(f"no conversion leads from {landmarks.scheme.name!r} to {scheme!r}")
