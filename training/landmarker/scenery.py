"""What stands around people: pieces of street photos without a face, to hide faces behind and to learn no face from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from training.detector.prepare import read_boxes, split


def scenery(data: Path, rng: np.random.Generator, size: int, count: int) -> list[np.ndarray]:
    """Square pieces of street photos that touch no labelled face."""
    boxes = read_boxes(data / "boxes" / "boxes.csv")
    names, pieces = split(list(boxes))[0], []  # the others are the detector's test
    while len(pieces) < count:
        name = names[int(rng.integers(len(names)))]
        image = cv2.imread(str(data / "boxes" / name))[..., ::-1]
        known = np.array(boxes[name], float)
        for _ in range(8):
            side = int(rng.uniform(0.08, 0.4) * min(image.shape[:2]))
            x, y = rng.integers(0, image.shape[1] - side), rng.integers(0, image.shape[0] - side)
            apart = (known[:, 2] < x) | (known[:, 0] > x + side) | (known[:, 3] < y) | (known[:, 1] > y + side)
            if side >= 24 and apart.all():
                pieces.append(cv2.resize(image[y : y + side, x : x + side], (size, size)))
    return pieces[:count]
