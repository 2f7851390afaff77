"""FeatEnHancer before a landmark network: points in the dark, beside the same network taught there alone.

    python benchmarks/featenhancer_landmarks.py [--seeds 0 1 2] [--light 400] [--steps 240] [--work DIR] [--write]

Hosts learn on HELEN crops of 64 px in the light, then with and without the module in the dark, as many steps and the
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
from nasion.train.low_light import clahe, darken, equalise
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
            seen = [darken(im, np.random.default_rng((3, i)), **how) if how else im for i, im in enumerate(self.images)]
            seen = seen if remedy is None else [remedy(image) for image in seen]
            found = point_errors(predict(np.stack(seen)), self.truth) / self.across[:, None]
            out[name] = [round(100 * float(v), 4) for v in found.mean(1)]
        return out


def own(images: ImageArray) -> np.ndarray:
    """What the embedded landmarker says of the same small crops."""
    landmarker = Landmarker(threads=1)
    large = np.stack([cv2.resize(image, (landmarker.size,) * 2, interpolation=cv2.INTER_LINEAR) for image in images])
    parts = [landmarker.session.run({"crops": large[i : i + 8]})["ibug68"] for i in range(0, len(large), 8)]
    return (np.concatenate(parts) + 0.5) * (SIDE / landmarker.size) - 0.5


def milliseconds(model: torch.nn.Module, height: int, width: int) -> float:
    """Median on two threads, PyTorch."""
    before, spent = torch.get_num_threads(), []
    torch.set_num_threads(2)
    with torch.inference_mode():
        for _ in range(7):
            start = time.perf_counter()
            model(torch.zeros(1, 3, height, width))
            spent.append(1000 * (time.perf_counter() - start))
    torch.set_num_threads(before)
    return float(np.median(spent))


def one_seed(faces: Faces, seed: int, light: int, steps: int, work: Path) -> dict[str, Any]:
    """Host in the light; then, from there, the host alone and the module with the host."""
    base: Any = Baseline()
    host = fit(base, faces.learn, steps=light, seed=seed, threads=1).model
    out = {name: faces.errors(lambda im: predict_pixels(base, host, im), remedy) for name, remedy in REMEDIES.items()}
    facts: dict[str, Any] = {}
    recipes = {ALONE: DarkLandmarks(False, host), FASTER: DarkLandmarks(False, host, Baseline.stages[0].rate),
               WITH: DarkLandmarks(True, host)}  # fmt: skip
    for name, recipe in recipes.items():
        began = time.process_time()
        made = fit(recipe, faces.learn, steps=steps, seed=seed, threads=1).model
        facts[name] = {"cpu_s": round(time.process_time() - began)}
        out[name] = faces.errors(lambda im, made=made, recipe=recipe: predict_pixels(recipe, made, im))
        if made.module is not None:
            facts["ms"] = {"wide": milliseconds(made.module, 240, 320), "crop": milliseconds(made.module, SIDE, SIDE)}
        torch.save(made.state_dict(), work / f"seed{seed} {name}.pt")
    return {"errors": out, "facts": facts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--light", type=int, default=400, help="steps of the host in the light")
    parser.add_argument("--steps", type=int, default=240, help="steps in the dark, of each")
    parser.add_argument("--work", type=Path, default=Path("featenhancer_work"), help="finished runs are kept here")
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    faces = Faces(data_folder(args.data))
    numbers: dict[str, Any] = {}
    jobs: dict[str, Callable[[], dict[str, Any]]] = {
        f"seed{seed}": lambda seed=seed: one_seed(faces, seed, args.light, args.steps, args.work) for seed in args.seeds
    }
    jobs["own"] = lambda: {"errors": {OWN: faces.errors(own), f"{OWN}, automatic gamma": faces.errors(own, auto_gamma)}}
    for name, do in jobs.items():
        kept = args.work / f"points_{name}_{args.light}_{args.steps}.json"
        if not kept.exists():
            kept.write_text(json.dumps(do()) + "\n")
        numbers[name] = json.loads(kept.read_text())
    publish(result(numbers, faces, args), Path(__file__).parent / "results" if args.write else None)


def result(numbers: dict[str, Any], faces: Faces, args: argparse.Namespace) -> Result:
    seeds = [numbers[f"seed{seed}"] for seed in args.seeds]
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
    latency = {k: float(np.median([f["ms"][k] for f in facts])) for k in ("wide", "crop")}
    return Result(
        name="featenhancer-landmarks", title="Landmarks in the dark, with a module in front of the network",
        command=f"python benchmarks/featenhancer_landmarks.py --seeds {' '.join(map(str, args.seeds))} --light "
                f"{args.light} --steps {args.steps} --write",
        tables=(
            Table("Mean error, % of the distance between the outer eye corners", ("", *DARK), tuple(rows)),
            Table("Module and host against ..., change of the error in %", ("", *DARK), tuple(table)),
        ),
        numbers={"means": means, "against": against, "latency": latency, "facts": facts, "seeds": args.seeds,
                 "own": ours},
        notes=(
            f"{len(faces.images)} HELEN faces of {SIDE} px that no run has seen before; means over {len(seeds)} seeds.",
            "Brackets: 95 % interval over faces (bootstrap), errors averaged over the seeds first.",
            f"Host: the baseline's heatmap network, {args.light} steps of 32 faces in the light.",
            f"In the dark: {args.steps} steps of 16 faces; with the module, it learns alone in the first half of them.",
            "Darkness: halvings of the light or a power of the sRGB values, each with photon and read noise.",
            f"Module, two threads: {latency['wide']:.0f} ms at 320 x 240 px, {latency['crop']:.1f} ms at 64 x 64 px.",
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
