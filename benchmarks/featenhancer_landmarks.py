"""FeatEnHancer before a landmark network: points in the dark, beside the same network taught there alone.

    python benchmarks/featenhancer_landmarks.py [--seeds 0 1 2] [--light 600] [--steps 300] [--work DIR] [--write]

A host learns on HELEN crops of 64 px in the light, then with and without the module in the dark, as many steps and the
same views; tested on HELEN faces that none of them has seen. Runs that are finished are kept in ``--work``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from nasion.core import ImageArray
from nasion.detect.light import auto_gamma
from nasion.landmark import Landmarker
from nasion.metrics import point_errors
from nasion.report.bench.data import data_file, data_folder
from nasion.report.bench.result import Result, Table, publish
from nasion.train import fit, load_csv, split
from nasion.train.baseline import Baseline
from nasion.train.featenhancer_landmarks import DarkLandmarks
from nasion.train.low_light import TINT, clahe, darken, equalise
from nasion.train.score import eye_distance, predict_pixels

SIDE = 64
DARK: dict[str, dict[str, float]] = {
    "0 EV": {}, "-3 EV": {"stops": 3.0}, "-4 EV": {"stops": 4.0}, "gamma 2": {"gamma": 2.0},
    "gamma 3": {"gamma": 3.0}, "gamma 4": {"gamma": 4.0},
}  # fmt: skip
REMEDIES: dict[str, Callable[[ImageArray], ImageArray]] = {
    "nothing": lambda image: image, "automatic gamma": auto_gamma, "histogram": equalise, "CLAHE": clahe
}  # fmt: skip
ALONE, FASTER, WITH = "host taught in the dark", "the same, ten times the rate", "module and host"
OWN = "nasion's landmarker"
Predict = Callable[[ImageArray], np.ndarray]


class Faces:
    """What to learn from and what to test on."""

    def __init__(self, data: Path) -> None:
        self.learn, held = split(load_csv(data_file(data, "landmarks68/train.csv"), size=SIDE))
        sets = [held, load_csv(data_file(data, "landmarks68/val.csv"), size=SIDE)]
        self.images = np.concatenate([part.views()[0] for part in sets])
        self.truth = np.concatenate([part.views()[1] for part in sets])
        self.across = eye_distance(self.truth, self.learn.scheme)

    def errors(self, predict: Predict, remedy: Callable[[ImageArray], ImageArray] | None = None) -> dict[str, Any]:
        """Per darkness the error of each face, % of the distance between the outer eye corners."""
        out = {}
        for name, how in DARK.items():
            seen = [seen_in(how, i, image) for i, image in enumerate(self.images)]
            seen = seen if remedy is None else [remedy(image) for image in seen]
            found = point_errors(predict(np.stack(seen)), self.truth) / self.across[:, None]
            out[name] = [round(100 * float(v), 4) for v in found.mean(1)]
        return out


def seen_in(how: dict[str, float], i: int, image: ImageArray) -> ImageArray:
    return darken(image, np.random.default_rng((3, i)), tint=TINT, **how) if how else image


def own(images: ImageArray) -> np.ndarray:
    """What the embedded landmarker says of the same small crops."""
    landmarker = Landmarker(threads=1)
    large = np.stack([cv2.resize(image, (landmarker.size,) * 2, interpolation=cv2.INTER_LINEAR) for image in images])
    parts = [landmarker.session.run({"crops": large[i : i + 8]})["ibug68"] for i in range(0, len(large), 8)]
    return (np.concatenate(parts) + 0.5) * (SIDE / landmarker.size) - 0.5


def host_in_the_light(faces: Faces, steps: int, work: Path) -> dict[str, Any]:
    """One host for all seeds, kept as a file, and what the usual remedies do for it."""
    base: Any = Baseline()
    host = fit(base, faces.learn, steps=steps, seed=0, threads=1).model
    torch.save(host.state_dict(), work / f"host_{steps}.pt")
    return {"errors": {n: faces.errors(lambda im: predict_pixels(base, host, im), r) for n, r in REMEDIES.items()}}


def one_seed(faces: Faces, seed: int, light: int, steps: int, work: Path) -> dict[str, Any]:
    """From the host in the light: the host alone, and the module with the host."""
    host: Any = Baseline().build(len(faces.learn.scheme), SIDE)
    host.load_state_dict(torch.load(work / f"host_{light}.pt", weights_only=True))
    out, facts = {}, {}
    recipes = {ALONE: DarkLandmarks(False, host), FASTER: DarkLandmarks(False, host, slow=False),
               WITH: DarkLandmarks(True, host)}  # fmt: skip
    for name, recipe in recipes.items():
        began = time.process_time()
        made = fit(recipe, faces.learn, steps=steps, seed=seed, threads=1).model
        facts[name] = {"cpu_s": round(time.process_time() - began)}
        out[name] = faces.errors(lambda im, made=made, recipe=recipe: predict_pixels(recipe, made, im))
        torch.save(made.state_dict(), work / f"seed{seed} {name}.pt")
    return {"errors": out, "facts": facts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--light", type=int, default=600, help="steps of the host in the light")
    parser.add_argument("--steps", type=int, default=300, help="steps in the dark, of each")
    parser.add_argument("--runs", nargs="+", default=None, help="only these: host, own, seed0, ...")
    parser.add_argument("--work", type=Path, default=Path("featenhancer_work"), help="finished runs are kept here")
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    faces = Faces(data_folder(args.data))
    numbers: dict[str, Any] = {}
    jobs: dict[str, Callable[[], dict[str, Any]]] = {"host": lambda: host_in_the_light(faces, args.light, args.work)}
    jobs["own"] = lambda: {"errors": {OWN: faces.errors(own), f"{OWN}, automatic gamma": faces.errors(own, auto_gamma)}}
    for seed in args.seeds:
        jobs[f"seed{seed}"] = lambda seed=seed: one_seed(faces, seed, args.light, args.steps, args.work)
    for name in args.runs or jobs:
        kept = args.work / f"points_{name}_{args.light}_{args.steps}.json"
        if not kept.exists():
            kept.write_text(json.dumps(jobs[name]()) + "\n")
        numbers[name] = json.loads(kept.read_text())
        print(name, {n: {d: round(float(np.mean(e)), 2) for d, e in v.items()}
                     for n, v in numbers[name]["errors"].items()}, flush=True)  # fmt: skip
    if args.runs is None:
        publish(result(numbers, faces, args), Path(__file__).parent / "results" if args.write else None)


def result(numbers: dict[str, Any], faces: Faces, args: argparse.Namespace) -> Result:
    seeds = [numbers[f"seed{seed}"] for seed in args.seeds]
    seeds = [run | {"errors": numbers["host"]["errors"] | run["errors"]} for run in seeds]
    means = {
        name: {dark: [float(np.mean(run["errors"][name][dark])) for run in seeds] for dark in DARK}
        for name in seeds[0]["errors"]
    }
    rows = [(name, *(f"{np.mean(v[dark]):.2f}" for dark in DARK)) for name, v in means.items()]
    ours = {name: {dark: float(np.mean(v[dark])) for dark in DARK} for name, v in numbers["own"]["errors"].items()}
    rows += [(name, *(f"{v[dark]:.2f}" for dark in DARK)) for name, v in ours.items()]
    against = {}
    for other in (ALONE, FASTER, "CLAHE", "automatic gamma", "nothing"):
        change = {dark: gain(seeds, other, dark) for dark in DARK}
        against[other] = change
    table = [
        (other, *(f"{c['mean']:+.1f} ({c['low']:+.1f} .. {c['high']:+.1f})" for c in change.values()))
        for other, change in against.items()
    ]
    facts = [run["facts"] for run in seeds]
    return Result(
        name="featenhancer-landmarks", title="Landmarks in the dark, with a module in front of the network",
        command=f"python benchmarks/featenhancer_landmarks.py --seeds {' '.join(map(str, args.seeds))} --light "
                f"{args.light} --steps {args.steps} --write",
        tables=(
            Table("Mean error, % of the distance between the outer eye corners", ("", *DARK), tuple(rows)),
            Table("Module and host against ..., change of the error in %", ("", *DARK), tuple(table)),
        ),
        numbers={"means": means, "against": against, "facts": facts, "seeds": args.seeds,
                 "own": ours},
        notes=(
            f"{len(faces.images)} HELEN faces of {SIDE} px that no run has seen before; means over {len(seeds)} seeds.",
            "Brackets: 95 % interval over faces (bootstrap), errors averaged over the seeds first.",
            f"Host: the baseline's heatmap network, {args.light} steps of 32 faces in the light, one for all seeds.",
            f"In the dark: {args.steps} steps of 16 faces; the module alone in the first three tenths, then both.",
            "The host learns in the dark at a tenth of its rate in the light, except where ten times that is said.",
            (
                "Darkness: halvings of the light or a power of the sRGB values, tint, a phone sensor's noise at ISO "
                "1600, 8 bits, JPEG of quality 90."
            ),
        ),
        plots={"error": lambda figure: plot(means, figure)},
    )  # fmt: skip


def gain(seeds: Sequence[dict[str, Any]], other: str, dark: str) -> dict[str, float]:
    """Change of the mean error from another row to the module's, %, with its interval over faces."""
    mine, theirs = (np.mean([run["errors"][name][dark] for run in seeds], axis=0) for name in (WITH, other))
    rng = np.random.default_rng(0)
    draws = rng.integers(len(mine), size=(2000, len(mine)))
    ratios = 100 * (mine[draws].mean(1) / theirs[draws].mean(1) - 1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    each = [float(100 * (np.mean(r["errors"][WITH][dark]) / np.mean(r["errors"][other][dark]) - 1)) for r in seeds]
    return {"mean": float(100 * (mine.mean() / theirs.mean() - 1)), "low": float(low), "high": float(high),
            "seeds": each}  # fmt: skip


def plot(means: dict[str, Any], figure: Any) -> None:
    axes = figure.subplots()
    for name, values in means.items():
        wide = 2.6 if name == WITH else 1.2
        axes.plot(list(DARK), [np.mean(values[d]) for d in DARK], "o-", label=name, linewidth=wide)
    axes.set(ylabel="mean error, % of the eye distance", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)


if __name__ == "__main__":
    main()
