"""One face and everything known about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nasion.core.box import Box
from nasion.core.landmarks import Landmarks
from nasion.core.reading import Reading


@dataclass(frozen=True, slots=True)
class Face:
    """A face in one image.

    Attributes:
        box: where, px of the image as displayed.
        score: 0..1, how sure the detector is that this is a face; in a followed video the landmarker's presence, on
            frames where the detector looked times the detector's score.
        landmarks: its points, with visibility and expected error. Fresh from a detector: five (``coarse5``).
        track_id: its identity through a video; None in still images.
        readings: what the tasks found, by task name. ``face.pose`` is short for ``face.readings["pose"]``.
    """

    box: Box
    score: float
    landmarks: Landmarks
    track_id: int | None = None
    readings: Mapping[str, Reading] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            readings = object.__getattribute__(self, "readings")
            if name in readings:
                return readings[name]
            raise AttributeError(
                f"this face has no reading {name!r}: ask for the task by name, tasks=(..., {name!r}); "
                f"it has {sorted(readings) or 'none'}"
            )
        raise AttributeError(name)

    def with_reading(self, name: str, reading: Reading) -> Face:
        """A copy that also holds ``reading`` under ``name``."""
        return Face(self.box, self.score, self.landmarks, self.track_id, {**self.readings, name: reading})
