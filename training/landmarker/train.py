"""Train the landmarker.

    python -m training.landmarker.train --minutes 90 --name v1 [--init FILE.pt] [--taught] [--all]
    python -m training.landmarker.train --minutes 75 --name f1 --stride 8 --depths 1 2 3 1 --init FILE.pt --taught

Seeded and resumable (the same ``--name`` goes on where it stopped); logs to
``training/work/landmarker/NAME/log.csv``, keeps the last state in ``state.pt`` and the averaged weights in
``ema.pt``. The schedule is by wall time: a cosine over ``--minutes``. Every fifth HELEN crop and every 25th other
face (by name, so every picture of a person in the identity set falls on one side) is held out for choices, unless
``--all`` says that the choices are made.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from training.landmarker.faces import Faces, to_input
from training.landmarker.losses import losses
from training.landmarker.prepare import WORK
from training.landmarker.readout import fit
from training.nets.landmarker import DENSE_ANCHORS, Landmarker

READ_FROM = 0.4  # of the schedule: before, the mesh is too rough for a read-out to teach through


@torch.no_grad()
def evaluate(net: Landmarker, faces: Faces, size: int, readout: Tensor | None) -> dict[str, float]:
    """NME (inter-ocular, mean) on held-out human labels, and on held-out dense labels, aligned crops."""
    net.eval()
    scores: dict[str, float] = {}
    for name, index in (("human", faces.held_human), ("dense", faces.held_other[:300])):
        outs = [net(to_input(faces.plain(index[i : i + 64], size))) for i in range(0, len(index), 64)]
        if name == "human":
            guess, truth = torch.cat([o["anchors"][:, :68] for o in outs]).numpy(), faces.ibug[index]
            iod = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
        else:
            guess, truth = torch.cat([o["dense"][..., :2] for o in outs]).numpy(), faces.dense[index][..., :2]
            iod = np.linalg.norm(truth[:, 33] - truth[:, 263], axis=1)
        error = np.linalg.norm(guess - truth, axis=2) / iod[:, None]
        scores[name] = float(error.mean())
        if name == "human":
            scores["inner"] = float(error[:, 17:].mean())
            scores["worst"] = float((error.mean(1) > 0.08).mean())
            if readout is not None:
                rows = torch.cat([torch.cat([o["anchors"][:, :68], o["dense"][..., :2]], 1) for o in outs]).flatten(1)
                read = ((rows - 0.5) @ readout[:-1] + readout[-1] + 0.5).unflatten(1, (68, 2)).numpy()
                scores["readout"] = float((np.linalg.norm(read - truth, axis=2) / iod[:, None]).mean())
    net.train()
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--stride", type=int, choices=(4, 8), default=4)
    parser.add_argument("--depths", type=int, nargs=4, default=(2, 4, 4, 2), help="blocks of the stages")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--share", type=float, default=0.25)
    parser.add_argument("--steps", type=int, help="end after so many, for trials side by side; else by --minutes")
    parser.add_argument("--views", nargs="*", default=["turned"], help="made views, of `turn` or `renders`")
    parser.add_argument("--made", type=float, nargs="*", default=[0.25], help="their parts of the samples")
    parser.add_argument("--init", type=Path, help="weights to begin with, of another shape, too: those that fit")
    parser.add_argument("--taught", action="store_true", help="the 68 points of web faces as `taught` has placed them")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    out = WORK / args.name
    out.mkdir(parents=True, exist_ok=True)
    faces = Faces(args.all, tuple(args.views), taught=args.taught)
    net = Landmarker(args.width, args.stride, tuple(args.depths))
    whole = net.adopt(torch.load(args.init, weights_only=True)) if args.init else False
    if not args.init:
        seed_mesh(net, faces)
    net = net.to(memory_format=torch.channels_last)
    ema = Landmarker(args.width, args.stride, tuple(args.depths))
    ema.load_state_dict(net.state_dict())
    # Adam's steps do not know that 236 anchors add up in every mesh point: at the common rate they tore the map apart
    net.mesh.requires_grad_(False)
    trained = [p for p in net.parameters() if p.requires_grad]
    decayed, plain = [p for p in trained if p.ndim > 1], [p for p in trained if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}])
    step, spent = 0, 0.0
    if (out / "state.pt").exists():
        state = torch.load(out / "state.pt", weights_only=True)
        net.load_state_dict(state["net"])
        ema.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["spent"]
        rng = np.random.default_rng(args.seed + step)
    readout = None
    budget = math.inf if args.steps else args.minutes * 60
    log = (out / "log.csv").open("a", newline="")
    writer = csv.writer(log)
    print(f"train on {len(faces.human)} human, {len(faces.other)} teacher labels")
    print(f"held out {len(faces.held_human)} and {len(faces.held_other)}")
    running: dict[str, float] = {}
    start, last = time.time() - spent, time.time()
    net.train()
    while (progress := step / args.steps if args.steps else (time.time() - start) / budget) < 1:
        rate = args.rate * min(1.0, (step + 1) / 200) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        if readout is None and (whole or progress > READ_FROM):
            readout = torch.from_numpy(fit(ema.eval(), faces, faces.human, args.size)).float()
        batch = faces.batch(rng, args.batch, args.share, tuple(args.made), args.size)
        parts = losses(net(batch["image"]), batch, readout)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(parts.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        step += 1
        keep = min(0.999, (1 + step) / (20 + step))
        with torch.no_grad():
            for a, b in zip(ema.state_dict().values(), net.state_dict().values(), strict=True):
                if a.dtype.is_floating_point:
                    a.lerp_(b, 1 - keep)
                else:
                    a.copy_(b)
        for key, value in parts.items():
            running[key] = 0.98 * running.get(key, value.item()) + 0.02 * value.item()
        if time.time() - last > 120 or step == args.steps or time.time() - start >= budget:
            last = time.time()
            elapsed = last - start
            scores = evaluate(ema, faces, args.size, readout)
            torch.save({"net": net.state_dict(), "ema": ema.state_dict(), "optimizer": optimizer.state_dict(),
                        "step": step, "spent": time.time() - start}, out / "state.tmp")  # fmt: skip
            (out / "state.tmp").replace(out / "state.pt")
            torch.save(ema.state_dict(), out / "ema.pt")
            figures = {key: round(value, 4) for key, value in (running | scores).items()}
            writer.writerow([step, round(elapsed), f"{rate:.2e}", *figures.values()])
            log.flush()
            print(f"step {step}, {elapsed:.0f} s, {step * args.batch / elapsed:.0f} images/s, {figures}", flush=True)


def seed_mesh(net: Landmarker, faces: Faces) -> None:
    """Start the anchors-to-mesh map at its least-squares solution over turned copies of the labels."""
    index = faces.other[faces.has_dense[faces.other]][:4000]
    dense, ibug = faces.dense[index, :, :2].astype(np.float64), faces.ibug[index].astype(np.float64)
    anchors = np.concatenate([ibug, dense[:, list(DENSE_ANCHORS)]], 1) - 0.5
    rows_x = anchors.transpose(0, 2, 1).reshape(-1, anchors.shape[1])
    rows_y = (dense - 0.5).transpose(0, 2, 1).reshape(-1, 478)
    gram = rows_x.T @ rows_x + 0.05 * np.eye(rows_x.shape[1])
    weights = np.linalg.solve(gram, rows_x.T @ rows_y)
    residual = np.linalg.norm((rows_x @ weights - rows_y).reshape(-1, 2, 478), axis=1).mean() / 0.4
    print(f"anchors to mesh: mean residual {residual:.4f} of the outer-eye distance")
    with torch.no_grad():
        net.mesh.weight.copy_(torch.from_numpy(weights.T.astype(np.float32)))
        net.mesh.bias.copy_(torch.from_numpy(0.5 - 0.5 * weights.sum(0)).float())


if __name__ == "__main__":
    main()
