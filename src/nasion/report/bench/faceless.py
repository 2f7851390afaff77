"""Crops of street photos that hold no face, picked without asking any detector.

People who stand further back are seen above or beside those in front, and small faces in the back are often unboxed.
Below the lowest chin of a photo there are bodies, tables and ground: a crop of that part has no face unless an
annotator missed the largest one of the photo.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nasion.core import FloatArray, ImageArray

SEED = 5
SMALLEST = 48  # px, a crop's side
BELOW = 0.35  # of the box's height: neck and chin are not part of a crop


def crops_below(photos: Sequence[ImageArray], boxes: Sequence[FloatArray], count: int) -> list[ImageArray]:
    """Square crops from below the lowest box of each photo, seeded; as many from each photo as there is need for.

    Args:
        photos: RGB uint8 (H, W, 3).
        boxes: per photo (N, 4) x0, y0, x1, y1 px.
        count: how many crops; fewer come back when no photo has room.
    """
    rng = np.random.default_rng(SEED)
    roomy = []
    for photo, found in zip(photos, boxes, strict=True):
        height, width = photo.shape[:2]
        lowest = found[int(found[:, 3].argmax())]
        top = int(np.ceil(lowest[3] + BELOW * (lowest[3] - lowest[1])))
        if min(height - top, width) > SMALLEST:
            roomy.append((photo, top))
    crops: list[ImageArray] = []
    while roomy and len(crops) < count:
        for photo, top in roomy[: count - len(crops)]:
            height, width = photo.shape[:2]
            side = int(rng.integers(SMALLEST, min(height - top, width) + 1))
            x, y = int(rng.integers(0, width - side + 1)), int(rng.integers(top, height - side + 1))
            crops.append(np.ascontiguousarray(photo[y : y + side, x : x + side]))
    return crops
