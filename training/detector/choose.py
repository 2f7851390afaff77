"""Choose the default threshold on photos that no gradient saw, and say what each threshold finds and mistakes.

Use:
    python -m training.detector.choose --data ../shared/data --model FILE.onnx ... [--second FILE.onnx]

Recall is of the annotators' boxes of the 50 training photos kept for choices. False faces are counted on crops of those
photos below the chin of their lowest box, where people have bodies and streets have ground (``nasion bench detect``
picks its crops the same way, from other photos), and on scikit-image's pictures that show no face. The held-out photos
take no part. Needs nasion installed, and scikit-image.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from skimage import data as pictures

from nasion.detect import FaceDetector
from nasion.metrics.detection import match_boxes
from nasion.report.bench.faceless import crops_below
from training.detector.evaluate import OVERLAP, rgb, rows
from training.detector.prepare import read_boxes, split, validation

FACELESS = ("brick", "cell", "clock", "coffee", "grass", "gravel", "horse", "hubble_deep_field")
FACELESS += ("immunohistochemistry", "moon", "page", "retina", "text", "rocket")
LOWEST = 0.05
CROPS = 200


def faceless() -> list[np.ndarray]:
    """Pictures without a face, whole and in quarters, RGB uint8."""
    out = []
    for name in FACELESS:
        image = np.asarray(getattr(pictures, name)())
        image = np.uint8(255) * image if image.dtype == bool else image
        image = np.repeat(image[..., None], 3, 2) if image.ndim == 2 else image[..., :3]
        h, w = image.shape[0] // 2, image.shape[1] // 2
        out += [image, image[:h, :w], image[:h, w:], image[h:, :w], image[h:, w:]]
    return [np.ascontiguousarray(i, np.uint8) for i in out]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, nargs="+", required=True)
    parser.add_argument("--second", type=Path, help="the second look, too")
    args = parser.parse_args()
    boxes = read_boxes(args.data / "boxes" / "boxes.csv")
    names = validation(split(list(boxes))[0])
    photos = [rgb(args.data / "boxes" / n) for n in names]
    truth = [boxes[n] for n in names]
    empty = crops_below(photos, truth, CROPS) + faceless()
    print(f"{len(photos)} photos, {sum(map(len, truth))} boxes, {len(empty)} pictures without a face")
    for path in args.model:
        detector = FaceDetector(path, threshold=LOWEST, second_look=args.second or False, threads=1)
        found = [rows(detector, p) for p in photos]
        wrong = np.sort(np.concatenate([rows(detector, p)[:, 4] for p in empty]))[::-1]
        hits = []
        for f, t in zip(found, truth, strict=True):
            match = match_boxes(f[:, :4], f[:, 4], t, OVERLAP)
            hits.append(f[match >= 0, 4])
        hit, total = np.concatenate(hits), sum(map(len, truth))
        print(f"{path.name}: highest false scores {wrong[:8].round(3).tolist()}")
        for threshold in np.arange(0.1, 0.95, 0.05):
            count = sum(int((f[:, 4] >= threshold).sum()) for f in found)
            recall = (hit >= threshold).sum() / total
            print(f"  {threshold:.2f}  recall {recall:.4f}  boxes {count:4d}  false {(wrong >= threshold).sum()}")


if __name__ == "__main__":
    main()
