"""Points of the user's own, from a CSV file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from nasion.core.errors import InputError

if TYPE_CHECKING:
    from nasion.core import FloatArray


def read_points_csv(path: Path) -> tuple[tuple[str, ...], FloatArray]:
    """Names and (N, 2) px of a CSV file with columns x, y and perhaps name; unnamed points are numbered.

    Raises:
        InputError: the file cannot be read, lacks a column, or holds no points.
    """
    import numpy as np

    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
        points = np.array([(float(row["x"]), float(row["y"])) for row in rows])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: points are a CSV file with columns x and y (px), and name if you like: {error}"
        ) from error
    if not len(points):
        raise InputError(f"{path} holds no points")
    return tuple(row.get("name") or str(i) for i, row in enumerate(rows)), points
