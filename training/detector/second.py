"""Train the detector's second look on what ``candidates.py`` mined, calibrate its score and write its ONNX file.

Use:
    python -m training.detector.second --work DIR --mined DIR --out FILE.onnx [--minutes 15]

``--work`` is where ``prepare.py`` wrote, ``--mined`` where ``candidates.py`` did. A cosine over wall time, so that it
ends on a busy machine too; averaged weights. Faces and others are drawn as often as each other, photos as they are more
often than scenes. The score in the file is a probability, fitted on the photos kept for choices (``export.platt``),
looked at as ``nasion.FaceDetector`` does. Writes ``FILE.csv`` beside the file: loss, and on the candidates of the
photos kept for choices average precision, overlap with the labels' boxes, the five points' error over the face's size.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nasion.detect import FaceDetector
from nasion.detect.second import PRIOR, SIDE
from nasion.train.detector_file import Curve
from nasion.train.detector_views import MIRRORED
from nasion.train.traced import traced
from training.detector.candidates import MARGIN
from training.detector.export import judged, platt, views
from training.detector.prepare import shrink
from training.detector.scenes import Store
from training.detector.train import halves
from training.nets.second import SecondNet, Shipped

SEED = 9
BATCH, RATE, DECAY = 256, 2e-3, 0.02
SOURCES = (5.0, 3.0, 1.5, 1.5, 0.5, 1.0)  # weight of a candidate by where it was mined: see ``candidates.py``
PLACES_SHARE, POINTS_SHARE = 1.0, 3.0
LOG_EVERY = 100
NOMINAL = SIDE / (SIDE + 2 * MARGIN)  # half of the crop in the wider square that was mined
LOWEST = 0.02
FIELDS = ("step", "seconds", "rate", "loss", "score", "box", "points", "precision", "overlap", "points_off")


@dataclass
class Mined:
    """What ``candidates.py`` wrote, as tensors."""

    crops: Tensor
    prior: Tensor
    label: Tensor
    truth: Tensor
    source: Tensor

    @classmethod
    def load(cls, path: Path) -> Mined:
        with np.load(path) as held:
            return cls(*(torch.from_numpy(held[name]) for name in ("crops", "prior", "label", "truth", "source")))

    def draws(self) -> Tensor:
        """How often to draw each candidate: faces and others equally, within them by source."""
        weight = torch.tensor(SOURCES, dtype=torch.float64)[self.source.long()]
        for label in (0, 1):
            weight[self.label == label] /= weight[self.label == label].sum()
        return weight

    def batch(self, index: Tensor, training: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Crops (B, 3, SIDE, SIDE) 0..255, prior (B, 16), label (B,), truth (B, 14) of the crops."""
        n = len(index)
        half, middle, mirror = torch.full((n,), NOMINAL), torch.zeros(n, 2), torch.zeros(n, dtype=torch.bool)
        if training:
            half = half * torch.exp(0.07 * torch.randn(n)).clamp(0.85, 1.2)
            middle, mirror = (0.05 * torch.randn(n, 2)).clamp(-0.12, 0.12), torch.rand(n) < 0.5
        sign = torch.where(mirror, -1.0, 1.0)
        theta = torch.zeros(n, 2, 3)
        theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = half * sign, half, middle
        wide = self.crops[index].permute(0, 3, 1, 2).float()
        grid = F.affine_grid(theta, [n, 3, SIDE, SIDE], align_corners=False)
        crops = F.grid_sample(wide, grid, padding_mode="border", align_corners=False)
        prior = self.prior[index].clone()
        prior[:, 2:] = moved(prior[:, 2:], half, middle, mirror)
        truth = moved(self.truth[index], half, middle, mirror)
        if training:
            prior[:, 0] += 0.5 * torch.randn(n)
            crops = shaded(crops)
        return crops.contiguous(memory_format=torch.channels_last), prior, self.label[index].float(), truth


def moved(places: Tensor, half: Tensor, middle: Tensor, mirror: Tensor) -> Tensor:
    """Box and points (N, 14) of the wider square in a smaller one, perhaps mirrored."""
    out = (places.reshape(-1, 7, 2) - middle[:, None]) / half[:, None, None]
    flipped = out[:, [0, 1, *(2 + i for i in MIRRORED)]] * torch.tensor([-1.0, 1.0])
    flipped[:, [0, 1], 0] = flipped[:, [1, 0], 0]
    return torch.where(mirror[:, None, None], flipped, out).reshape(-1, 14)


def shaded(crops: Tensor) -> Tensor:
    """Other light, tint, grey, noise."""
    n = len(crops)
    gain = torch.exp(0.2 * torch.randn(n, 1, 1, 1) + 0.08 * torch.randn(n, 3, 1, 1))
    crops = crops * gain
    grey = (torch.rand(n, 1, 1, 1) < 0.08).float()
    crops = crops + grey * (crops.mean(1, keepdim=True) - crops)
    noisy = n // 6
    crops[:noisy] += 10 * torch.rand(noisy, 1, 1, 1) * torch.randn_like(crops[:noisy])
    return crops.clamp_(0, 255)


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """(N, 4+) boxes, pair by pair."""
    shared = (torch.minimum(a[:, 2:4], b[:, 2:4]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(1)
    area = [(x[:, 2:4] - x[:, :2]).clamp(min=1e-3).prod(1) for x in (a, b)]
    return shared / (area[0] + area[1] - shared)


def losses(logit: Tensor, places: Tensor, label: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """Score: cross-entropy; box: 1 - overlap and smooth L1; points: smooth L1; lengths over the box's longer side."""
    face = label > 0.5
    places, truth = places[face], truth[face]
    size = (truth[:, 2:4] - truth[:, :2]).amax(1, keepdim=True)
    known = truth[:, 4:].isfinite()
    off = torch.where(known, (places[:, 4:] - truth[:, 4:].nan_to_num()) / size, 0.0)
    box_off = F.smooth_l1_loss(places[:, :4] / size, truth[:, :4] / size, beta=0.05, reduction="none").sum(1)
    return {
        "score": F.binary_cross_entropy_with_logits(logit, label),
        "box": (box_off + 1 - overlap(places, truth)).mean(),
        "points": F.smooth_l1_loss(off, torch.zeros_like(off), beta=0.05, reduction="sum") / known.sum().clamp(min=1),
    }


@torch.no_grad()
def judge(net: SecondNet, mined: Mined) -> dict[str, float]:
    """On candidates that no gradient saw: average precision, overlap and points, and the first look's."""
    net.eval()
    parts = [mined.batch(index, False) for index in torch.arange(len(mined.label)).split(512)]
    answers = [net(crops, prior) for crops, prior, _, _ in parts]
    logit, places = (torch.cat([a[i] for a in answers]) for i in (0, 1))
    prior, label, truth = (torch.cat([p[i] for p in parts]) for i in (1, 2, 3))
    out = {}
    for name, score, where in (("", logit, places), ("_first", prior[:, 0], prior[:, 2:])):
        hit = label[score.argsort(descending=True)]
        precision = hit.cumsum(0) / torch.arange(1, len(hit) + 1)
        out[f"precision{name}"] = float((precision * hit).sum() / hit.sum())
        face = label > 0.5
        out[f"overlap{name}"] = float(overlap(where[face], truth[face]).mean())
        known = face & truth[:, 4].isfinite()
        off = (where[known, 4:] - truth[known, 4:]).reshape(-1, 5, 2).norm(dim=2).mean(1)
        out[f"points_off{name}"] = float((off / (truth[known, 2:4] - truth[known, :2]).prod(1).sqrt()).mean())
    return out


def train(mined: Mined, choices: Mined, minutes: float, curve: Path) -> SecondNet:
    """The averaged network after so many minutes."""
    torch.manual_seed(SEED)
    net = SecondNet().to(memory_format=torch.channels_last)
    average = copy.deepcopy(net).requires_grad_(False)
    decay = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": DECAY}, {"params": rest, "weight_decay": 0.0}])
    draws, start, step, progress = mined.draws(), time.time(), 0, 0.0
    sums = dict.fromkeys(("score", "box", "points"), 0.0)
    with curve.open("w") as out:
        table = csv.DictWriter(out, FIELDS)
        table.writeheader()
        while progress < 1:
            progress = (time.time() - start) / (60 * minutes)
            rate = RATE * min(1.0, (step + 1) / 100) * (0.01 + 0.99 * (1 + math.cos(math.pi * min(progress, 1))) / 2)
            for group in optimizer.param_groups:
                group["lr"] = rate
            crops, prior, label, truth = mined.batch(torch.multinomial(draws, BATCH), True)
            net.train()
            parts = losses(*net(crops, prior), label, truth)
            total = parts["score"] + PLACES_SHARE * parts["box"] + POINTS_SHARE * parts["points"]
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 10.0)
            optimizer.step()
            keep = min(0.998, (step + 1) / (step + 20))
            with torch.no_grad():
                for mean, value in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
                    mean.lerp_(value, 1 - keep) if mean.is_floating_point() else mean.copy_(value)
            sums = {k: v + float(parts[k].detach()) / LOG_EVERY for k, v in sums.items()}
            step += 1
            if step % LOG_EVERY == 0 or progress >= 1:
                entry: dict[str, object] = {"step": step, "seconds": round(time.time() - start), "rate": f"{rate:.1e}"}
                entry |= {"loss": f"{float(total.detach()):.3f}"} | {k: f"{v:.4f}" for k, v in sums.items()}
                if step % (5 * LOG_EVERY) == 0 or progress >= 1:
                    entry |= {k: f"{v:.4f}" for k, v in judge(average, choices).items() if k in FIELDS}
                table.writerow(entry)
                out.flush()
                print(entry, flush=True)
                sums = dict.fromkeys(sums, 0.0)
    return average.eval()


def write(net: SecondNet, curve: Curve, path: Path) -> None:
    """The ONNX file, its score calibrated by ``curve``."""
    example = {"crops": torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8), "prior": torch.zeros(2, PRIOR)}
    path.write_bytes(traced(Shipped(net, curve.slope, curve.shift).eval(), example, ["score", "places"]))


def calibrate(path: Path, work: Path) -> Curve:
    """The curve over the boxes found in the photos kept for choices."""
    crowds = Store.load(work, "crowds")
    detector = FaceDetector(threshold=LOWEST, second_look=path, threads=1)

    def of_view(image: np.ndarray, rows: np.ndarray, side: int) -> tuple[list[float], list[bool]]:
        shown = shrink(image, side)[0]
        scaled = rows.copy()
        scaled[:, :4] *= shown.shape[1] / image.shape[1]
        found = [[*f.box.to_array(), min(f.score, 1 - 1e-6)] for f in detector.detect(shown)]
        return judged(np.array(found).reshape(-1, 5), scaled)

    return platt(of_view(*view) for view in views(crowds, halves(crowds)[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--mined", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=15.0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    mined, choices = Mined.load(args.mined / "candidates.npz"), Mined.load(args.mined / "choices.npz")
    print(judge(SecondNet(), choices))
    net = train(mined, choices, args.minutes, args.out.with_suffix(".csv"))
    print(judge(net, choices))
    torch.save(net.state_dict(), args.out.with_suffix(".pt"))
    write(net, Curve(), args.out)
    write(net, calibrate(args.out, args.work), args.out)
    print(f"{args.out}: {args.out.stat().st_size} bytes, {sum(p.numel() for p in net.parameters())} parameters")


if __name__ == "__main__":
    main()
