"""Write the averaged weights as ONNX and check them against PyTorch.

Use:
    python -m training.detector.export --work DIR --out DIR

The score in the file is a probability (``nasion.train.detector_file``): a logistic curve fitted on the training photos
kept for choices turns the network's logit into the share of such boxes that are faces (Platt 1999).

Eight bits were tried (static, per channel, the last layers float): the same 2.5 ms at 416 x 288 px on one core, so the
weights stay float.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from nasion.train.detector_file import Curve, write_detector
from nasion.train.detector_net import Detector
from training.detector.scenes import Store
from training.detector.teacher import iou_matrix
from training.detector.train import find, halves

CALIBRATION_SIDES = (320, 512, 640)  # px of the longer side


def views(crowds: Store, photos: list[int]) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Each photo as it is and mirrored, its rows, and each size to look at it."""
    for i in photos:
        image, rows = crowds.picture(i), crowds.rows[i]
        mirrored = rows.copy()
        mirrored[:, [0, 2]] = image.shape[1] - 1 - rows[:, [2, 0]]
        for side in CALIBRATION_SIDES:
            yield image, rows, side
            yield np.ascontiguousarray(image[:, ::-1]), mirrored, side


def judged(found: np.ndarray, rows: np.ndarray) -> tuple[list[float], list[bool]]:
    """Logits of the boxes found, and whether each is a labelled face not found better; unsure ones are left out."""
    faces, ignored = rows[rows[:, 4] == 1], rows[rows[:, 4] == 0]
    if len(ignored):
        found = found[iou_matrix(found, ignored).max(axis=1) < 0.2]
    match = iou_matrix(found, faces) >= 0.4 if len(faces) else np.zeros((len(found), 0), bool)
    taken, hits = np.zeros(len(faces), bool), []
    for i in range(len(found)):  # best first
        free = np.flatnonzero(match[i] & ~taken)
        taken[free[:1]] = True
        hits.append(len(free) > 0)
    return np.log(found[:, 4] / (1 - found[:, 4])).tolist(), hits


def platt(judgements: Iterable[tuple[list[float], list[bool]]]) -> Curve:
    """Slope and shift of the logistic curve from logits to the share of faces, by Newton's method.

    Args:
        judgements: of each view, as ``judged`` gives them.
    """
    logits, hits = [], []
    for some, right in judgements:
        logits += some
        hits += right
    design, target = np.stack([logits, np.ones(len(logits))], axis=1), np.array(hits, np.float64)
    weights = np.array([1.0, 0.0])
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ weights))
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(2)
        weights -= np.linalg.solve(hessian, design.T @ (p - target))
    share = np.mean(hits)
    print(f"score = sigmoid({weights[0]:.3f} logit + {weights[1]:.3f}): {len(hits)} boxes, {share:.2f} of them faces")
    return Curve(float(weights[0]), float(weights[1]))


def calibrate(net: Detector, work: Path) -> Curve:
    """The curve over the boxes found in photos kept from training."""
    crowds, net = Store.load(work, "crowds"), net.eval()
    kept = views(crowds, halves(crowds)[1])
    return platt(judged(find(net, image, side, 0.05), rows) for image, rows, side in kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    net = Detector()
    net.load_state_dict(torch.load(args.work / "ema.pt"))
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "detector.onnx"
    write_detector(net, calibrate(net, args.work), path)
    print(f"{path}: {path.stat().st_size} bytes, {sum(p.numel() for p in net.parameters())} parameters")


if __name__ == "__main__":
    main()
