"""Have a finished landmarker place the 68 points on the faces that nobody labelled by hand.

    python -m training.landmarker.taught [--landmarker landmarker]

Only 870 faces have the 68 points by hand; on the other thousands they were mapped from the dense points, which know
nothing of what HELEN's annotators do. A landmarker that has learned from them does, and the mean of its three views
(``--accurate``) is better than any one of them: learning from it brings one view closer to three (self-distillation,
as Radosavovic et al., "Data Distillation", CVPR 2018), and a smaller network closer to a larger one. Writes
``taught.npy``, (N, 68, 2) view units of the cached crops, without HELEN's shift (`faces.CONVENTION`).
"""

from __future__ import annotations

import argparse

import cv2
import numpy as np

from nasion.core import scheme
from nasion.landmark.views import SEVERAL, look, merge
from nasion.models import Session
from training.landmarker.prepare import WORK
from training.landmarker.view import CACHE, PIXELS_PER_VIEW


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--landmarker", default="landmarker", help="name of a model or path of an ONNX file")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    session = Session(args.landmarker, threads=1)
    size = int(session.input_shapes["crops"][1])
    layouts = {name: scheme(name).name for name in ("ibug68", "dense478")}
    crops, labels = np.load(WORK / "crops.npy", mmap_mode="r"), np.load(WORK / "labels.npz")
    zoom, edge = size / PIXELS_PER_VIEW, (CACHE - PIXELS_PER_VIEW) / 2 - 0.5
    matrix = np.array([[zoom, 0, -zoom * edge - 0.5], [0, zoom, -zoom * edge - 0.5]])  # cache px to crop px
    placed = np.zeros((len(crops), 68, 2), np.float32)
    unlabelled = np.flatnonzero(labels["weight68"] < 1)
    for number, i in enumerate(unlabelled):
        views = np.stack([look(np.asarray(crops[i]), matrix, size, view) for view in SEVERAL])
        answer = merge(session.run({"crops": views}), layouts, SEVERAL, size)["ibug68"][0]
        placed[i] = (answer + 0.5) / size
        if number % 2000 == 0:
            print(f"{number} of {len(unlabelled)}", flush=True)
    apart = np.linalg.norm(placed - labels["ibug"], axis=2)[unlabelled]
    eyes = np.linalg.norm(placed[:, 36] - placed[:, 45], axis=1)[unlabelled]
    print(f"from the mapped points: {100 * (apart / eyes[:, None]).mean():.2f} % of the outer-eye distance")
    np.save(WORK / "taught.npy", placed)


if __name__ == "__main__":
    main()
