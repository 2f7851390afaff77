"""dlib: HOG face detector and the 68-point regression trees, in an environment of its own (see dlib68.txt).

Sources: King, "Dlib-ml: A Machine Learning Toolkit", JMLR 2009; Kazemi and Sullivan, "One Millisecond Face Alignment
with an Ensemble of Regression Trees", CVPR 2014. The detector's weights are in the library; those of the points are a
file of their own, which was trained on the 300-W photos, these HELEN test photos among them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlib
import numpy as np
from PIL import Image, ImageOps
from protocol import Answer, over_pictures, serve

UPSAMPLE = 1  # as in dlib's own examples: without it faces below 80 px are not looked for


def read(path: str) -> np.ndarray:
    """(H, W, 3) uint8 RGB as displayed."""
    with Image.open(path) as image:
        return np.array(ImageOps.exif_transpose(image).convert("RGB"))


def landmarks(job: dict[str, Any]) -> list[Answer]:
    detector = dlib.get_frontal_face_detector()
    placer = dlib.shape_predictor(str(Path(job["models"]) / job["options"]["weights"]))

    def find(rgb: np.ndarray) -> list[Answer]:
        boxes, scores, _ = detector.run(rgb, UPSAMPLE, 0.0)
        faces = []
        for box, score in zip(boxes, scores, strict=True):
            points = [(float(p.x), float(p.y)) for p in placer(rgb, box).parts()]
            edges = [float(v) for v in (box.left(), box.top(), box.right(), box.bottom())]
            faces.append({"box": edges, "score": float(score), "points": points})
        return faces

    return over_pictures(job["inputs"], read, find)


if __name__ == "__main__":
    serve(f"dlib {dlib.__version__}", {"landmarks": landmarks})
