"""A set without pictures, for systems that draw their batches themselves (``Recipe.draw``) and use the one loop."""

from __future__ import annotations

import numpy as np

from nasion.core import scheme
from nasion.train.data import LandmarkSet


def stand_in(count: int) -> LandmarkSet:
    """``count`` rows whose numbers are all that ``nasion.train.fit`` hands to ``draw``."""
    return LandmarkSet(
        np.zeros((count, 1, 1, 3), np.uint8), np.zeros((count, 5, 2), np.float32), np.ones((count, 5), np.float32),
        scheme("coarse5"), ("",) * count, 1,
    )  # fmt: skip
