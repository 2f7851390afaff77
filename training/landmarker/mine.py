"""Collect what the detector takes for faces, right and wrong, as the landmarker sees it: lessons for the presence head.

    python -m training.landmarker.mine --data ../shared/data      (NASION_MODELS must hold YuNet, the referee)

Runs the embedded detector at a low threshold over the training half of the street photos and over drawn graphics.
A detection on a labelled box is a face; one that touches no label and that YuNet does not confirm even at a low score
is none; all others are left out. Writes ``mined.npz``: ``crops`` (N, 128, 128, 3) uint8 after two
landmarker passes, and ``face`` (N,) bool.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from nasion.core import Box, Face, ImageArray
from nasion.detect import FaceDetector
from nasion.landmark import Landmarker
from nasion.landmark.view import cut, view_matrix
from training.detector.prepare import read_boxes, split
from training.landmarker.prepare import WORK
from training.landmarker.presence import graphic

DOUBT = 0.1  # detector score from which a thing is collected
REFEREE = 0.15  # YuNet score from which a thing may be a face


def collage(rng: np.random.Generator) -> ImageArray:
    """Graphics of all sizes on a ground, 640 x 480."""
    canvas = cv2.resize(graphic(rng, 64), (640, 480))
    for _ in range(30):
        side = int(np.exp(rng.uniform(np.log(12), np.log(160))))
        x, y = rng.integers(0, 640 - side), rng.integers(0, 480 - side)
        canvas[y : y + side, x : x + side] = cv2.resize(graphic(rng, 128), (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(canvas)


def verdict(face: Face, labelled: list[Box], doubtful: list[Face]) -> bool | None:
    """True: a face. False: none. None: nobody knows."""
    if any(face.box.iou(box) > 0.4 for box in labelled):
        return True
    if any(face.box.iou(box) > 0 for box in labelled) or any(face.box.iou(other.box) > 0 for other in doubtful):
        return None
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--graphics", type=int, default=1200)
    args = parser.parse_args()
    rng = np.random.default_rng(12)
    detector, referee = FaceDetector(threshold=DOUBT), FaceDetector("yunet", threshold=REFEREE)
    landmarker = Landmarker(passes=2)
    boxes = read_boxes(args.data / "boxes" / "boxes.csv")
    train, _ = split(list(boxes))
    crops: list[ImageArray] = []
    truth: list[bool] = []

    def collect(image: ImageArray, labelled: list[Box], doubtful: list[Face]) -> None:
        judged = [(face, verdict(face, labelled, doubtful)) for face in detector.detect(image)]
        known = [(face, is_face) for face, is_face in judged if is_face is not None]
        for (_, is_face), placed in zip(known, landmarker.place(image, [f for f, _ in known]), strict=True):
            crops.append(cut(image, view_matrix(placed.landmarks, landmarker.size), landmarker.size))
            truth.append(is_face)

    for name in train:
        image = np.ascontiguousarray(cv2.imread(str(args.data / "boxes" / name))[..., ::-1])
        collect(image, [Box(*map(float, box)) for box in boxes[name]], referee.detect(image))
    print(f"photos: {sum(truth)} faces, {len(truth) - sum(truth)} others")
    for _ in range(args.graphics):
        collect(collage(rng), [], [])
    print(f"with graphics: {sum(truth)} faces, {len(truth) - sum(truth)} others")
    np.savez(WORK / "mined.npz", crops=np.stack(crops), face=np.array(truth))


if __name__ == "__main__":
    main()
