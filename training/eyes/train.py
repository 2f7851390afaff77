"""Train the open/closed classifier of single eyes and write it into the package.

    python training/eyes/train.py [--data ../shared/data] [--steps 1500] [--out FILE]

A small convolutional network on 24 x 24 grey crops. People are split, never crops: every fourth person of the infrared
set is held out. The visible-light crops have no names, so every second one is held out, and only the infrared figure
speaks of people never seen. Half a minute on one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from nasion.metrics import roc_auc
from nasion.report.bench.data import data_folder
from nasion.report.bench.eye_crops import STORED, infrared_eyes, middle, visible_eyes

SIDE, BATCH = 24, 64
HERE = Path(__file__).resolve()
WEIGHTS = HERE.parents[2] / "src" / "nasion" / "models" / "weights" / "eye_state.onnx"


class EyeNet(nn.Module):
    """(N, 24, 24) uint8 grey to (N,) probability that the eye is open, crop and mirror image averaged.

    Light and contrast are taken out first.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after, stride in ((1, 12, 2), (12, 24, 1), (24, 32, 2), (32, 48, 2)):
            layers += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.body, self.head = nn.Sequential(*layers), nn.Linear(48, 1)

    def logits(self, crops: Tensor) -> Tensor:
        pixels = crops.float()[:, None]
        mean = pixels.mean((2, 3), keepdim=True)
        spread = ((pixels - mean) ** 2).mean((2, 3), keepdim=True).sqrt()
        return self.head(self.body((pixels - mean) / (spread + 4)).mean((2, 3)))[:, 0]

    def forward(self, crops: Tensor) -> Tensor:
        return torch.sigmoid((self.logits(crops) + self.logits(crops.flip(2))) / 2)


def split(data: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Crops (N, 48, 48), labels, whether visible light: to learn from, and held out."""
    sets = infrared_eyes(data), visible_eyes(data)
    whole = {
        "crops": np.concatenate([eyes.crops for eyes in sets]),
        "open": np.concatenate([eyes.open for eyes in sets]),
        "visible": np.concatenate([np.full(len(eyes.open), k == 1) for k, eyes in enumerate(sets)]),
    }
    held = np.concatenate([eyes.held for eyes in sets])
    return {k: v[~held] for k, v in whole.items()}, {k: v[held] for k, v in whole.items()}


def view(crop: np.ndarray, visible: bool, rng: np.random.Generator) -> np.ndarray:
    """An augmented crop: zoomed so that the eye takes 0.45 to 0.9 of the width, turned, moved, lit differently."""
    zoom = rng.uniform(0.55, 1.0) if visible else rng.uniform(0.85, 1.5)
    matrix = cv2.getRotationMatrix2D((STORED / 2, STORED / 2), rng.normal(0, 8), zoom * SIDE / STORED)
    matrix[:, 2] += (SIDE - STORED) / 2 + rng.normal(0, 0.05, 2) * SIDE
    out = cv2.warpAffine(crop, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    out = out.astype(np.float32)
    if rng.random() < 0.5:
        out = out[:, ::-1]
    if rng.random() < 0.4:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 1.2))
    low = out.min()
    out = low + (out - low) * rng.uniform(0.6, 1.6) + rng.normal(0, rng.uniform(0, 5), out.shape)
    if rng.random() < 0.25:  # a reflection
        x, y = rng.integers(4, SIDE - 4, 2)
        out = np.ascontiguousarray(out, np.float32)
        cv2.circle(out, (int(x), int(y)), int(rng.integers(1, 4)), 255.0, -1)
    return np.clip(out, 0, 255).astype(np.uint8)


def train(learn: dict[str, np.ndarray], steps: int, seed: int) -> EyeNet:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = EyeNet()
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, steps)
    weight = np.where(learn["visible"], 4.0, 1.0)  # a sixteenth of the crops, a fifth of what is learned
    for step in range(steps):
        index = rng.choice(len(weight), BATCH, p=weight / weight.sum())
        views = np.stack([view(learn["crops"][i], bool(learn["visible"][i]), rng) for i in index])
        target = torch.from_numpy(learn["open"][index].astype(np.float32)) * 0.96 + 0.02
        loss = nn.functional.binary_cross_entropy_with_logits(net.logits(torch.from_numpy(views)), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step} loss {float(loss.detach()):.3f}", flush=True)
    return net.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    learn, held = split(data_folder(args.data))
    net = train(learn, args.steps, args.seed)
    with torch.inference_mode():
        score = net(torch.from_numpy(middle(held["crops"], SIDE))).numpy()
    for visible, name in ((False, "infrared, people never seen"), (True, "visible light, crops never seen")):
        part = held["visible"] == visible
        auc = roc_auc(score[part], held["open"][part])
        right = ((score[part] > 0.5) == held["open"][part]).mean()
        print(f"{name}: {part.sum()} crops, AUC {auc:.4f}, right {100 * right:.1f} %")
    example = torch.zeros(2, SIDE, SIDE, dtype=torch.uint8)
    torch.onnx.export(
        net, (example,), str(args.out), input_names=["crops"], output_names=["open"], dynamo=False,
        dynamic_axes={"crops": {0: "n"}, "open": {0: "n"}},
    )  # fmt: skip
    print(f"wrote {args.out}, {args.out.stat().st_size} bytes; now: python training/register.py eye_state")


if __name__ == "__main__":
    main()
