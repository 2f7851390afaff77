"""Twenty faces in one picture against twenty pictures of one face: what is gained by running them together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from nasion.core import Box, ImageArray
from nasion.report.bench.data import FacePhoto, helen
from nasion.report.bench.result import Table

COLUMNS, ROWS = 5, 4
TILE = 256  # px
SURROUNDINGS = 2.0  # side of a tile over the larger side of its face's box
TASKS = ("landmarks", "pose", "eyes")


def measure_crowd(data: Path, rounds: int) -> dict[str, Any]:
    """Time one call on a 5 x 4 montage of faces, and a call for each of its tiles by itself.

    The naive loop is a whole `Analyzer` call per face: its tile alone, one detection, two crops, one pose, with
    nothing shared and nothing batched. The models are loaded once for all.

    Args:
        data: the data folder; the faces are those of HELEN test photos.
        rounds: how often both are timed, in turns; medians are given.

    Returns:
        ``found`` faces in the montage, ``loop_ms``, ``together_ms`` and ``followed_ms`` per face, and the latter two
        over the first.
    """
    from nasion.pipeline import Analyzer

    photos = helen(data)
    tiles = [tile(photos[i % len(photos)]) for i in range(COLUMNS * ROWS)]
    montage = np.concatenate([np.concatenate(tiles[i : i + COLUMNS], axis=1) for i in range(0, len(tiles), COLUMNS)])
    still, video = Analyzer(tasks=TASKS), Analyzer(tasks=TASKS, mode="video", detect_every=1_000_000)
    found = len(still(montage))
    followed = len(video(montage))
    still(tiles[0])
    times: dict[str, list[float]] = {"loop": [], "together": [], "followed": []}
    for _ in range(rounds):
        times["loop"].append(_ms(lambda: [still(one) for one in tiles]) / len(tiles))
        times["together"].append(_ms(lambda: still(montage)) / max(found, 1))
        times["followed"].append(_ms(lambda: video(montage)) / max(followed, 1))
    median = {name: float(np.median(values)) for name, values in times.items()}
    return {
        "faces": len(tiles),
        "found": found,
        **{f"{name}_ms": value for name, value in median.items()},
        **{f"{name}_over_loop": median[name] / median["loop"] for name in ("together", "followed")},
    }


def crowd_table(numbers: dict[str, Any]) -> Table:
    """The three ways in a table."""
    faces, found = numbers["faces"], numbers["found"]
    ways = (
        ("naive loop: a whole call for each face's tile", "loop", faces),
        (f"one call, {found} of {faces} found", "together", found),
        ("a followed frame of a video", "followed", found),
    )
    return Table(
        f"{faces} faces in one {COLUMNS * TILE} x {ROWS * TILE} picture, medians",
        ("way", "faces", "ms/face", "of the loop"),
        tuple(
            (label, count, f"{numbers[f'{way}_ms']:.2f}", f"{numbers.get(f'{way}_over_loop', 1.0):.2f}")
            for label, way, count in ways
        ),
    )


def tile(photo: FacePhoto) -> ImageArray:
    """The surroundings of a face, (TILE, TILE, 3)."""
    from nasion.media import read_image

    box = Box.around(photo.points)
    (x, y), side = box.center, SURROUNDINGS * max(box.width, box.height)
    scale = TILE / side
    matrix = np.array([[scale, 0, (TILE - 1) / 2 - scale * x], [0, scale, (TILE - 1) / 2 - scale * y]])
    cut = cv2.warpAffine(read_image(photo.path), matrix, (TILE, TILE), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


def _ms(call: Callable[[], Sequence[Any]]) -> float:
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)
