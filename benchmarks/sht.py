"""SHT at small scale: error against the size of the face, and what painting and transfer add.

    python benchmarks/sht.py [--steps 600] [--seeds 0,1,2] [--labels] [--keep FOLDER] [--data ../shared/data] [--write]

The same network, faces and number of steps, with parts taken away; beside them a mean face and nasion's embedded
landmarker on the same small faces, as they are and painted sharp by SHT first. Held-out HELEN crops, a fifth by name.
With --keep, rows that FOLDER has are not measured again, and the whole system lies there as ONNX.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from nasion.core import Face, Landmarks, scheme
from nasion.landmark import Landmarker
from nasion.report.bench.data import data_folder
from nasion.report.bench.result import Result, Table, publish
from nasion.train import LandmarkSet, evaluate, fit, load_csv, split
from nasion.train.export import export_onnx
from nasion.train.heatmaps import gaussians
from nasion.train.lowres import FACE, enlarge, psnr, shrink
from nasion.train.score import predict_pixels, score, to_input
from nasion.train.sht import POSE, SHT, SIGMA, hide, moved, random_moves, sharpen, usual_places

SIZE, WIDTH, FEW = 64, 16, 0.1
VIEWS = (16, 24, 32, 48, 64)  # px, of the picture in which the face fills FACE


@dataclass(frozen=True)
class Run:
    """A row: what the recipe does without, the share of labels it gets, and whether the other faces stay."""

    options: dict[str, Any] = field(default_factory=dict)
    labels: float = 1.0
    others: bool = True
    every_seed: bool = False


WHOLE, ALONE, PLACING, DEAF = "sht", "without transfer", "without painting", "painting sees no heatmaps"
TENTH, TENTH_MORE = "a tenth of the labels", "a tenth of the labels; the other faces through transfer"
RUNS = {
    WHOLE: Run({"transfer": True}),
    ALONE: Run(every_seed=True),
    PLACING: Run({"hallucinate": False}, every_seed=True),
}
LABELS = {TENTH: Run({}, FEW, others=False), TENTH_MORE: Run({"transfer": True}, FEW)}
GUIDE = {DEAF: Run({"guided": False})}
MEAN, EMBEDDED, PAINTED = "mean face", "embedded landmarker", "sht paints, embedded landmarker places"


def small(images: np.ndarray, side: int, rng: np.random.Generator | None) -> np.ndarray:
    """Views brought to ``side`` px, spoilt by chance, and enlarged again."""
    if side >= images.shape[1]:
        return images
    return np.stack([enlarge(shrink(image, side, rng), images.shape[1]) for image in images])


def curve(place: Any, data: LandmarkSet) -> list[float]:
    """Mean error at each size; the pictures are spoilt by the same chance for every system."""
    images, truth = data.views()
    lows = [small(images, side, np.random.default_rng(side)) for side in VIEWS]
    return [float(score(place(low), truth, data.scheme).nme) for low in lows]


def embedded(images: np.ndarray) -> np.ndarray:
    """The 68 points on plain views, of which the five points are known to lie where every view has them."""
    from nasion.landmark.view import TEMPLATE

    placer, size = Landmarker(), images.shape[1]
    guess = Landmarks.from_points((TEMPLATE * size - 0.5).astype(np.float32), scheme("coarse5"))
    face = Face(guess.box, 1.0, guess)
    return np.stack([placer.place(image, [face])[0].landmarks.to("ibug68").points[:, :2] for image in images])


def swapped(recipe: SHT, net: torch.nn.Module, data: LandmarkSet) -> dict[str, float]:
    """Told the heatmaps of a pose that the face does not have, where do its points go? Errors as the rest's.

    The picture that the transfer network makes is looked at by the network that places points.
    """
    images, truth = data.views()
    places = torch.from_numpy(((truth + 0.5) / data.size).astype(np.float32))
    wanted = moved(places, random_moves(np.random.default_rng(8), len(images), POSE))
    with torch.inference_mode():
        own, other = (gaussians(p, data.size // 4, SIGMA) for p in (places, wanted))
        found = recipe.predict(net, net["move"](to_input(images), own, other)) * data.size - 0.5
    goal = (wanted * data.size - 0.5).numpy()
    return {
        "to_target": float(score(found.numpy(), goal, data.scheme).nme),
        "to_source": float(score(found.numpy(), truth, data.scheme).nme),
    }


def measure(name: str, run: Run, seed: int, steps: int, train: LandmarkSet, held: LandmarkSet, made: Path) -> Any:
    """Train one network and measure it; write the whole system as ``made``."""
    recipe, began = SHT(width=WIDTH, **run.options), time.process_time()
    data = train if run.labels == 1 else hide(train, run.labels)
    if not run.others:
        data = data.take(np.flatnonzero(np.isfinite(data.points).any((1, 2))))
    net = fit(recipe, data, steps=steps, seed=seed, threads=1).model
    found: dict[str, Any] = {"cpu_s": round(time.process_time() - began)}
    found["curve"] = curve(lambda views: predict_pixels(recipe, net, views), held)
    if recipe.hallucinate:
        images, _ = held.views()
        quarter = small(images, SIZE // 4, None)
        found["psnr_gain"] = float((psnr(sharpen(net, quarter), images) - psnr(quarter, images)).mean())
    if name == WHOLE:
        found["swap"] = swapped(recipe, net, held)
        found["painted"] = curve(lambda views: embedded(sharpen(net, views)), held)
        export_onnx(recipe, net, made, scheme=held.scheme, size=SIZE, scores=evaluate(recipe, net, held))
        torch.save(net.state_dict(), made.with_suffix(".pt"))
    return found


def plot(numbers: dict[str, Any], figure: Any) -> None:
    axes = figure.subplots()
    for name, found in numbers["systems"].items():
        axes.plot(VIEWS, 100 * np.mean(found["curve"], axis=0), marker="o", label=name)
    axes.set_xlabel(f"size of the picture, px (its face: {FACE:.2f} of that)")
    axes.set_ylabel("error, % of the eye distance")
    axes.set_title("SHT in small")
    axes.legend()


def cell(values: list[float], scale: float = 1.0) -> str:
    """Mean, and half the range where there are several."""
    spread = f" +- {scale * (max(values) - min(values)) / 2:.2f}" if len(values) > 1 else ""
    return f"{scale * np.mean(values):.2f}{spread}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", default="0,1,2", help="for the rows with and without painting; the others take one")
    parser.add_argument("--labels", action="store_true", help="also train with a tenth of the labels, twice")
    parser.add_argument("--guide", action="store_true", help="also train a painting stream that sees no heatmaps")
    parser.add_argument("--systems", default="", help="only these, separated by commas")
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--keep", type=Path, default=None, help="folder for the rows and the network")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    train, held = split(load_csv(data_folder(args.data) / "landmarks68" / "train.csv", size=SIZE))
    numbers: dict[str, Any] = {"size": SIZE, "steps": args.steps, "width": WIDTH, "views": VIEWS}
    systems: dict[str, dict[str, list[Any]]] = {}
    with tempfile.TemporaryDirectory() as spare:
        folder = args.keep or Path(spare)
        folder.mkdir(parents=True, exist_ok=True)
        plan = RUNS | (LABELS if args.labels else {}) | (GUIDE if args.guide else {})
        for name in [name for name in plan if not args.systems or name in args.systems.split(",")]:
            seeds = [int(s) for s in args.seeds.split(",")]
            for seed in seeds if plan[name].every_seed else seeds[:1]:
                kept = folder / f"{name}-{args.steps}-{seed}.json"
                if not kept.exists():
                    kept.write_text(
                        json.dumps(measure(name, plan[name], seed, args.steps, train, held, kept.with_suffix(".onnx")))
                    )
                row = json.loads(kept.read_text())
                print(name, seed, row, flush=True)
                for key, value in row.items():
                    systems.setdefault(name, {}).setdefault(key, []).append(value)
    mean = usual_places(train) * SIZE - 0.5
    systems[MEAN] = {"curve": [curve(lambda views: np.broadcast_to(mean, (len(views), *mean.shape)), held)]}
    systems[EMBEDDED] = {"curve": [curve(embedded, held)]}
    if "painted" in systems.get(WHOLE, {}):
        systems[PAINTED] = {"curve": systems[WHOLE].pop("painted")}
    numbers["systems"] = systems
    rows = tuple(
        (name, *(cell([c[i] for c in found["curve"]], 100) for i in range(len(VIEWS))),
         cell(found["psnr_gain"]) if "psnr_gain" in found else None)
        for name, found in systems.items()
    )  # fmt: skip
    tables = [
        Table(
            "Error of the 68 points by the size of the picture",
            ("system", *(f"{side} px %" for side in VIEWS), "dB over bicubic at 1/4"),
            rows,
        )
    ]
    if "swap" in systems.get(WHOLE, {}):
        (swap,) = systems[WHOLE]["swap"]
        tables.append(
            Table(
                "Points found in faces that transfer moved by wrong heatmaps",
                ("from where the heatmaps are %", "from where the face was %"),
                ((100 * swap["to_target"], 100 * swap["to_source"]),),
            )
        )
    flags = (" --labels" if args.labels else "") + (" --guide" if args.guide else "")
    result = Result(
        name="sht", title="SHT at small scale",
        command=f"python benchmarks/sht.py --steps {args.steps} --seeds {args.seeds}{flags} --write",
        tables=tuple(tables), numbers=numbers,
        notes=(
            f"{len(held)} held-out HELEN crops of {SIZE} px, faces {FACE:.2f} of that; {args.steps} steps of 16 views.",
            "Error over the distance of the outer eye corners. Several seeds: mean +- half their range.",
            "Small pictures are blurred, noisy or coded by chance, as in training, then enlarged bicubically.",
            "The embedded landmarker learned for hours, on the held-out crops too: it shows how hard the pictures are.",
        ),
        plots={"size": lambda figure: plot(numbers, figure)},
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
