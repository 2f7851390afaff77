"""What a reader says about a face."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """Base of every reading (``Pose``, ``Eyes``, ...): a frozen dataclass of plain numbers and small arrays.

    Attributes of every reading:
        reliability: 0..1, how far to believe it; below 0.5 do not.
        reason: why not to believe it, empty when there is nothing to say.
    """

    reliability: float
    reason: str
