"""Train the face detector.

Use:
    python -m training.detector.train --work DIR --models ../shared/models [--minutes 65] [--batch 16] [--threads 1]

The scenes are crops of the training photos and of pictures of single faces (``scenes.py``); what to answer comes from
YuNet-n, cell by cell, and from the labels (``nasion.train.detector_targets``). No weight of YuNet's is used.

The schedule is by wall time, so that it ends on a busy machine too: a cosine over ``--minutes``. The scenes are seeded
by step. Resumable: run the same command again and it goes on from ``last.pt``. Writes ``last.pt`` (everything),
``ema.pt`` (the averaged weights, the ones to export), ``curve.csv`` and ``curve.png``.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import time
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import torch

from nasion.train.detector_loss import cells, decode, detection_loss, flatten
from nasion.train.detector_net import WIDTHS, Detector
from nasion.train.detector_targets import Targets, targets
from training.detector.hints import Hints
from training.detector.prepare import validation
from training.detector.scenes import SIDE, Scenes, Store
from training.detector.teacher import Teacher, iou_matrix, suppress

SEED = 7
LOG_EVERY, SAVE_EVERY, TEST_EVERY = 50, 250, 500
TEST_LONGEST = 512
HINT_SHARE = 3.0  # of the hints in the loss at first; falls to none as the labels take over
FIELDS = ("step", "seconds", "rate", "loss", "score", "box", "points", "hints", "recall_30", "recall_50", "found_50")


class Batches:
    """Scenes and what to answer to them."""

    def __init__(self, scenes: Scenes, teacher: Teacher) -> None:
        self.scenes, self.teacher = scenes, teacher
        corner, stride = cells(SIDE, SIDE)
        self.stride = stride.numpy()
        self.middle = corner.numpy() + self.stride[:, None] / 2

    def batch(self, step: int, size: int) -> tuple[torch.Tensor, list[Targets], list[tuple[np.ndarray, ...]]]:
        """Images (B, 3, S, S) float 0..255, their targets and the teacher's hints."""
        pictures, wanted, hints = [], [], []
        for place in range(size):
            image, clean, rows = self.scenes.scene(step, place)
            pictures.append(image)
            dense, features = self.teacher.dense(clean)
            wanted.append(targets(dense, rows, self.middle, self.stride))
            hints.append(features)
        images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()
        return images.contiguous(memory_format=torch.channels_last), wanted, hints


def halves(crowds: Store) -> tuple[list[int], list[int]]:
    """The photos to train on, and those kept for choices."""
    kept = set(validation(sorted(crowds.files)))
    return tuple([i for i, f in enumerate(crowds.files) if (f in kept) == choice] for choice in (False, True))


@torch.no_grad()
def find(net: Detector, rgb: np.ndarray, longest: int, threshold: float) -> np.ndarray:
    """(N, 15) x0, y0, x1, y1, score, points, best first, as the shipped detector would find them."""
    scale = longest / max(rgb.shape[:2])
    w, h = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    canvas = np.zeros((-(-h // 32) * 32, -(-w // 32) * 32, 3), np.uint8)
    canvas[:h, :w] = cv2.resize(rgb, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    raw = flatten(net(torch.from_numpy(canvas).permute(2, 0, 1)[None].float()))
    boxes, points = decode(raw, *cells(*canvas.shape[:2]))
    score = raw[0, :, 0].sigmoid()
    keep = score > threshold
    found = torch.cat([boxes[0, keep] / scale, score[keep, None], points[0, keep].flatten(1) / scale], 1).numpy()
    return found[suppress(found, 0.45)]


def test(net: Detector, crowds: Store, photos: list[int]) -> dict[str, float]:
    """Recall at IoU 0.4 at two thresholds on the photos kept for choices; boxes per labelled face at the higher."""
    net.eval()
    hits, faces, extra = {0.3: 0, 0.5: 0}, 0, 0
    for i in photos:
        rows = crowds.rows[i]
        truth = rows[rows[:, 15] == 1, :4]  # the annotators' own
        found = find(net, crowds.picture(i), TEST_LONGEST, 0.3)
        overlap = iou_matrix(truth, found) if len(found) else np.zeros((len(truth), 1))
        faces += len(truth)
        extra += int((found[:, 4] > 0.5).sum())
        for threshold in hits:
            kept = overlap * (found[:, 4] > threshold) if len(found) else overlap
            hits[threshold] += int((kept.max(1) >= 0.4).sum())
    return {"recall_30": hits[0.3] / faces, "recall_50": hits[0.5] / faces, "found_50": extra / faces}


def rate_at(step: int, progress: float, top: float) -> float:
    """A warm-up over the first 150 steps, then a cosine to one hundredth as ``progress`` goes from 0 to 1."""
    return top * min(1.0, (step + 1) / 150) * (0.01 + 0.99 * (1 + math.cos(math.pi * min(progress, 1.0))) / 2)


def plot(path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    with path.open() as lines:
        table = list(csv.DictReader(lines))
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    for name in ("score", "box", "points"):
        left.plot([int(r["step"]) for r in table], [float(r[name]) for r in table], label=name)
    left.set(xlabel="step", yscale="log", title="loss")
    left.legend()
    tested = [r for r in table if r["recall_30"]]
    for name in ("recall_30", "recall_50"):
        right.plot([int(r["step"]) for r in tested], [float(r[name]) for r in tested], "o-", label=name)
    right.set(xlabel="step", ylim=(0, 1), title="recall at IoU 0.4, photos kept for choices")
    right.legend()
    figure.tight_layout()
    figure.savefig(path.with_suffix(".png"), dpi=90)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=65.0)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    crowds = Store.load(args.work, "crowds")
    learnt, kept = halves(crowds)
    batches = Batches(Scenes(args.work, SEED, learnt), Teacher(args.models / "yunet_n_dynamic.onnx"))
    net = Detector().to(memory_format=torch.channels_last)
    decay = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.02}, {"params": rest, "weight_decay": 0.0}])
    hinted = Hints(WIDTHS).to(memory_format=torch.channels_last)
    optimizer.add_param_group({"params": list(hinted.parameters()), "weight_decay": 0.0})
    average = copy.deepcopy(net).requires_grad_(False)
    first, spent, curve = 0, 0.0, args.work / "curve.csv"
    if (args.work / "last.pt").exists():
        state = torch.load(args.work / "last.pt")
        net.load_state_dict(state["net"])
        average.load_state_dict(state["average"])
        hinted.load_state_dict(state["hinted"])
        optimizer.load_state_dict(state["optimizer"])
        first, spent = state["step"], state["seconds"]
        # what was logged after the last save will be logged again
        head, *lines = curve.read_text().splitlines()
        curve.write_text("\n".join([head, *(n for n in lines if int(n.split(",")[0]) <= first)]) + "\n")
    else:
        curve.write_text(",".join(FIELDS) + "\n")
    corner, stride = cells(SIDE, SIDE)
    start, sums = time.time() - spent, dict.fromkeys(FIELDS[3:8], 0.0)
    for step in count(first):
        progress = (time.time() - start) / (60 * args.minutes)
        rate, last = rate_at(step, progress, args.rate), progress >= 1
        for group in optimizer.param_groups:
            group["lr"] = rate
        images, wanted, hints = batches.batch(step, args.batch)
        net.train()
        features = net.features(images)
        total, parts = detection_loss(flatten(net.answer(features[3:])), corner, stride, wanted)
        hint = hinted(features, hints, wanted)
        parts["hints"] = float(hint.detach())
        total = total + HINT_SHARE * max(0.0, 1 - progress) * hint
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        optimizer.step()
        average_over = min(0.998, (step + 1) / (step + 20))
        with torch.no_grad():
            for mean, value in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
                mean.lerp_(value, 1 - average_over) if mean.is_floating_point() else mean.copy_(value)
        sums = {k: v + parts[k] / LOG_EVERY for k, v in sums.items()}
        done = step + 1
        if done % SAVE_EVERY == 0 or last:
            state = {"net": net.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
            state["hinted"] = hinted.state_dict()
            torch.save({**state, "step": done, "seconds": time.time() - start}, args.work / "last.tmp")
            (args.work / "last.tmp").replace(args.work / "last.pt")
            torch.save(average.state_dict(), args.work / "ema.tmp")
            (args.work / "ema.tmp").replace(args.work / "ema.pt")
        if done % LOG_EVERY == 0 or last:
            entry: dict[str, object] = {"step": done, "seconds": round(time.time() - start, 1)}
            entry |= {"rate": f"{rate:.2e}"} | {k: f"{v:.4f}" for k, v in sums.items()}
            if done % TEST_EVERY == 0 or last:
                entry |= {k: f"{v:.4f}" for k, v in test(average, crowds, kept).items()}
            with curve.open("a") as out:
                csv.DictWriter(out, FIELDS).writerow(entry)
            print(entry, flush=True)
            sums = dict.fromkeys(sums, 0.0)
        if last:
            break
    plot(curve)


if __name__ == "__main__":
    main()
