"""Train the eye refiner and write it.

    python -m training.eye_points.train --renders WORK/renders --cached WORK/cached.npz WORK/photos.npz --minutes 10
        --out FILE.onnx

Of ten samples four are rendered eyes that look everywhere and two those of the landmarker's cached renders, which know
the truth, too; four are photographed ones with the teacher's points. Held-out people are measured beside the
landmarker's own points.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from nasion.landmark.eye_points import HEIGHT, WIDTH, to_picture
from nasion.train.traced import traced
from training.eye_points.eyes import Eyes, cached, off, rendered
from training.nets.eye_points import Exported, EyeNet

BATCH, RATE, DECAY = 128, 4e-3, 1e-4
SHARES = (0.4, 0.2, 0.4)  # of a batch: looking everywhere, as in photos, photographed
WEIGHT = torch.tensor([3.0] * 5 + [1.0] * 16) / (31 / 21)  # irises matter most, and fewer points say where they are


def to_input(crops: np.ndarray) -> Tensor:
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)


def loss_of(out: dict[str, Tensor], points: Tensor, shows: Tensor) -> Tensor:
    """Huber on points, a normal error's likelihood for sigma, cross entropy for what shows."""
    total = torch.zeros(())
    for name, share in (("points", 1.0), ("rough", 0.4)):
        distance = huber(out[name], points)
        total = total + share * (distance * WEIGHT).mean()
    error = ((out["points"].detach() - points) ** 2).mean(2).clamp(max=100)
    total = total + 0.1 * (error / (2 * out["sigma"] ** 2) + out["sigma"].log()).mean()
    known = torch.isfinite(shows)
    if known.any():
        logit = torch.nn.functional.binary_cross_entropy_with_logits
        total = total + 0.2 * logit(out["shows"][known], shows[known])
    return total


def huber(found: Tensor, points: Tensor) -> Tensor:
    """(N, 21) of the distance, px: square up to 1."""
    distance = ((found - points) ** 2).sum(2)
    return torch.where(distance < 1, distance, 2 * (distance + 1e-9).sqrt() - 1)


@torch.no_grad()
def predict(net: EyeNet, crops: np.ndarray) -> dict[str, np.ndarray]:
    parts = [net(to_input(crops[i : i + 256])) for i in range(0, len(crops), 256)]
    return {name: torch.cat([part[name] for part in parts]).numpy() for name in parts[0]}


def measure(net: EyeNet, eyes: Eyes, most: int = 1500) -> tuple[dict[str, float], dict[str, float], np.ndarray]:
    """Held-out errors of the network, those of the landmarker, and squared error over squared sigma of all points."""
    index = np.flatnonzero(eyes.held)[:most]
    crops, true = eyes.batch(index, None)
    out = predict(net, crops)
    found = [to_picture(p, eyes.view[i], bool(eyes.mirrored[i])) for i, p in zip(index, out["points"], strict=True)]
    ratio = ((out["points"] - true) ** 2).mean(2) / out["sigma"] ** 2
    return off(np.stack(found), eyes, index), off(eyes.placed[index], eyes, index), ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--renders", type=Path, required=True)
    parser.add_argument("--cached", type=Path, nargs=2, required=True)
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument("--init", type=Path, help="weights to go on from")
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    sets = rendered(args.renders), *(cached(path) for path in args.cached)
    learn = [np.flatnonzero(~eyes.held) for eyes in sets]
    print(f"{[len(rows) for rows in learn]} eyes to learn from", flush=True)
    net = EyeNet().to(memory_format=torch.channels_last)
    if args.init:
        net.load_state_dict(torch.load(args.init, weights_only=True))
    ema = EyeNet()
    ema.load_state_dict(net.state_dict())
    optimiser = torch.optim.AdamW(net.parameters(), args.rate, weight_decay=DECAY)
    print(f"{sum(p.numel() for p in net.parameters())} weights", flush=True)
    began, step, done = time.process_time(), 0, 0.0
    counts = [round(BATCH * share) for share in SHARES]
    while done < 1:
        parts = [
            (eyes, index, eyes.batch(index, rng))
            for eyes, index in ((e, rng.choice(rows, n)) for e, rows, n in zip(sets, learn, counts, strict=True))
        ]
        crops, points = (np.concatenate([part[2][k] for part in parts]) for k in (0, 1))
        shows = torch.from_numpy(np.concatenate([eyes.shows[index] for eyes, index, _ in parts]))
        loss = loss_of(net(to_input(crops)), torch.from_numpy(points), shows)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        step += 1
        done = (time.process_time() - began) / (60 * args.minutes)
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min(1, step / 100) * (0.5 + 0.5 * np.cos(np.pi * min(done, 1.0))) + 1e-6
        keep = min(0.998, step / (step + 20))
        with torch.no_grad():
            for mean, now in zip(ema.state_dict().values(), net.state_dict().values(), strict=True):
                mean.copy_(now) if mean.dtype == torch.int64 else mean.lerp_(now, 1 - keep)
        if step % 200 == 0:
            print(f"step {step} {100 * done:.0f} % loss {float(loss.detach()):.3f}", flush=True)
    ema.eval()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(ema.state_dict(), args.out.with_suffix(".pt"))
    ratios = []
    for name, eyes in zip(("rendered", "photographed"), (sets[0], sets[2]), strict=True):
        mine, landmarkers, ratio = measure(ema, eyes)
        ratios.append(ratio)
        print(f"{name}, held out: refined {_words(mine)}; landmarker {_words(landmarkers)}")
    scale = np.sqrt(np.median(np.concatenate(ratios), 0) / 0.693).astype(np.float32)  # of a normal error, by its median
    print(f"sigma times {scale.round(2).tolist()}; {step} steps")
    export(ema, scale, args.out)
    print(f"wrote {args.out}: {args.out.stat().st_size / 1e6:.2f} MB")


def export(net: EyeNet, scale: np.ndarray, path: Path) -> None:
    example = torch.zeros(2, HEIGHT, WIDTH, 3, dtype=torch.uint8)
    example[:, :, ::3] = 255
    outputs = ("points", "sigma", "shows")
    path.write_bytes(traced(Exported(net, torch.from_numpy(scale)).eval(), {"crops": example}, outputs))


def _words(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in values.items())


if __name__ == "__main__":
    main()
