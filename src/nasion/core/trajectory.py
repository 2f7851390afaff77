"""Paths of points over time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from nasion.core.arrays import BoolArray, FloatArray
from nasion.core.errors import InputError

Unit = Literal["px", "mm"]
Frame = Literal["image", "camera", "world", "head"]


@dataclass(frozen=True, slots=True, eq=False)
class Trajectories:
    """Where N points were over T frames.

    Attributes:
        names: of the points, unique.
        points: (N, T, 2) px or (N, T, 3) mm; NaN where nothing is known.
        valid: (N, T) bool, whether the tracker stands by the place.
        quality: (N, T) 0..1.
        time_s: (T,) seconds, rising.
        unit: of ``points``.
        frame: of reference: ``image`` for px, else ``camera``, ``world`` (of a rig) or ``head``.
        regions: of each point, such as ``pore`` or ``left_eye``; empty for none.
    """

    names: tuple[str, ...]
    points: FloatArray
    valid: BoolArray
    quality: FloatArray
    time_s: FloatArray
    unit: Unit = "px"
    frame: Frame = "image"
    regions: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.unit not in get_args(Unit) or self.frame not in get_args(Frame):
            raise InputError(
                f"the unit must be one of {', '.join(get_args(Unit))} and the frame of {', '.join(get_args(Frame))}; "
                f"got {self.unit!r}, {self.frame!r}"
            )
        shape = self.points.shape
        if (
            len(shape) != 3
            or shape[2] != (2 if self.unit == "px" else 3)
            or len(self.names) != shape[0]
            or self.time_s.shape != shape[1:2]
        ):
            raise InputError(
                f"trajectories of {len(self.names)} points over {len(self.time_s)} frames need points "
                f"({len(self.names)}, {len(self.time_s)}, 2 for px or 3 for mm), got {shape}"
            )
        if len(set(self.names)) != len(self.names):
            raise InputError("every trajectory needs a name of its own")
        if self.valid.shape != shape[:2] or self.quality.shape != shape[:2]:
            raise InputError(f"valid and quality must be {shape[:2]}, got {self.valid.shape} and {self.quality.shape}")
        if self.regions and len(self.regions) != len(self.names):
            raise InputError(f"{len(self.names)} points have {len(self.regions)} regions: give one each, or none")
        if len(self.time_s) > 1 and not (np.diff(self.time_s) > 0).all():
            raise InputError("the times of trajectories must rise from frame to frame")

    def __len__(self) -> int:
        return len(self.names)
