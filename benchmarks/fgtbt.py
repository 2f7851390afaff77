"""FGTBT at small scale: do partial labels add up, and do edges and balanced weights help?

    python benchmarks/fgtbt.py [--size 32] [--steps 800] [--plan tiny] [--keep FILE] [--write]

HELEN crops are dealt into four groups by their names; each group keeps only the points that one of the four layouts
has, as if four data sets had been annotated differently. The 68 are human labels; pupils, lid middles, nose wings and
lower brows come from nasion's own landmarker. Scored on held-out crops (a fifth, by name) and, for the points that a
group never had labels of, on that group's own training crops. With --keep, what FILE has is not measured again.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
import zlib
from dataclasses import replace
from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasion.core import Face, Landmarks
from nasion.core.schemes.maps import NAMED_DENSE
from nasion.landmark import Landmarker
from nasion.report.bench.data import data_folder
from nasion.report.bench.result import Result, Table, publish
from nasion.train import LandmarkSet, fit, load_csv, split
from nasion.train.fgtbt import FGTBT, LISTS, as_union, merge, only
from nasion.train.score import eye_distance, predict_pixels

SETS = tuple(LISTS)
DARK = (2.0, 2.5, 3.0)  # gamma
STRENGTH = 0.5  # of the augmentation; little time wants little
MEAN_FACE = "mean face, nothing learned"
VARIANTS: dict[str, dict[str, Any]] = {
    "fgtbt": {},
    "without edges": {"edges": False},
    "all points weighed alike": {"beta": 0.0},
}
ALONE = "the 68-point quarter alone"


def union_truth(data: LandmarkSet) -> LandmarkSet:
    """The 68 human points and the named dense ones of our landmarker."""
    placer, union = Landmarker(), as_union(data)
    points = union.points.copy()
    for i, image in enumerate(data.images):
        own = Landmarks.from_points(data.points[i], data.scheme)
        dense = placer.place(image, [Face(own.box, 1.0, own)])[0].landmarks.points
        points[i, list(NAMED_DENSE)] = dense[list(NAMED_DENSE.values()), :2]
    return replace(union, points=points, visible=np.isfinite(points).all(2).astype(np.float32))


def group_of(name: str) -> str:
    return SETS[zlib.crc32(name.encode(), 7) % len(SETS)]


def errors(recipe: FGTBT, net: torch.nn.Module | None, data: LandmarkSet, gamma: float = 1.0) -> np.ndarray:
    """(N, 124) distance over the distance of the outer eye corners, NaN where unknown; of the mean face without net."""
    images, truth = data.views()
    images = (255 * (images / 255.0) ** gamma).astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # points that nobody labelled have no mean
        found = np.nanmean(truth, axis=0) if net is None else predict_pixels(recipe, net, images)
    return np.asarray(np.linalg.norm(found - truth, axis=2) / eye_distance(truth, data.scheme)[:, None])


def spill(each: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """Per group: error of the points it has no labels of, over the error of the same points where they are labelled."""
    out = {}
    for name in SETS:
        here, ratios = groups == name, []
        for point in np.flatnonzero(np.isfinite(each).any(0)):
            holders = [other for other in SETS if point in LISTS[other]]
            if name not in holders and holders:
                ratios.append((np.nanmean(each[here, point]), np.nanmean(each[np.isin(groups, holders), point])))
        if ratios:
            a, b = np.mean(ratios, axis=0)
            out[name] = float(a / b)
    return out


def plot(numbers: dict[str, Any], figure: Any) -> None:
    axes = figure.subplots()
    systems = {name: found for name, found in numbers["systems"].items() if "dark68" in found}
    for k, (key, label) in enumerate([(None, "as they are"), *((str(g), f"darkened, gamma {g:g}") for g in DARK)]):
        values = [100 * (found["nme68"] if key is None else found["dark68"][key]) for found in systems.values()]
        axes.barh(np.arange(len(systems)) + 0.2 * (k - 1.5), values, 0.19, label=label)
    axes.axvline(100 * numbers["systems"][MEAN_FACE]["nme68"], color="0.5", ls=":", label=MEAN_FACE)
    axes.set_yticks(range(len(systems)), list(systems))
    axes.invert_yaxis()
    axes.set_xlabel("error of the 68 points, % of the eye distance")
    axes.set_title("FGTBT in small")
    axes.legend()


def measure(
    name: str, recipe: FGTBT, data: LandmarkSet, sets: dict[str, LandmarkSet], steps: int, weights: Path | None
) -> dict[str, Any]:
    """Train one and score it; ``sets``: ``train`` and ``held`` with all labels."""
    began, held = time.process_time(), sets["held"]
    net = fit(recipe, data, steps=steps, seed=0, threads=1, strength=STRENGTH).model
    if weights and name == "fgtbt":
        torch.save(net.state_dict(), weights)
    found: dict[str, Any] = {"cpu_s": round(time.process_time() - began)}
    each = errors(recipe, net, held)
    ids68 = list(LISTS["ibug68"])
    found["nme68"] = float(np.nanmean(each[:, ids68]))
    found["dark68"] = {str(g): float(np.nanmean(errors(recipe, net, held, g)[:, ids68])) for g in DARK}
    if name != ALONE:
        extra = np.setdiff1d(np.flatnonzero(np.isfinite(each).any(0)), ids68)
        found["nme_extra"] = float(np.nanmean(each[:, extra]))
        groups = np.array([group_of(face) for face in sets["train"].names])
        found["spill"] = spill(errors(recipe, net, sets["train"]), groups)
    return found


def row(name: str, found: dict[str, Any]) -> tuple[Any, ...]:
    beyond = 100 * found["nme_extra"] if "nme_extra" in found else None
    worst = max(found["spill"].values()) if "spill" in found else None
    dark = [100 * value for value in found["dark68"].values()] if "dark68" in found else [None] * len(DARK)
    return (name, 100 * found["nme68"], *dark, beyond, worst, found.get("cpu_s"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--plan", default="tiny")
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--systems", default="", help="only these, separated by commas")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--weights", type=Path, help="file to keep the first system's weights in")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    truth = union_truth(load_csv(data_folder(args.data) / "landmarks68" / "train.csv", size=args.size))
    train, held = split(truth)
    groups = np.array([group_of(name) for name in train.names])
    parts = {name: only(train.take(np.flatnonzero(groups == name)), name) for name in SETS}
    dealt = merge(list(parts.values()))
    runs = [(name, FGTBT(plan=args.plan, **options), dealt) for name, options in VARIANTS.items()]
    runs.append((ALONE, FGTBT(plan=args.plan), parts["ibug68"]))
    kept = json.loads(args.keep.read_text()) if args.keep and args.keep.exists() else {}
    for name, recipe, data in runs:
        if name in kept or (args.systems and name not in args.systems.split(",")):
            continue
        kept[name] = measure(name, recipe, data, {"train": train, "held": held}, args.steps, args.weights)
        print(name, kept[name], flush=True)
        if args.keep:
            args.keep.write_text(json.dumps(kept))
    mean = errors(FGTBT(), None, held)
    extra = np.setdiff1d(np.flatnonzero(np.isfinite(mean).any(0)), LISTS["ibug68"])
    start = {"nme68": np.nanmean(mean[:, LISTS["ibug68"]]), "nme_extra": np.nanmean(mean[:, extra])}
    systems = {MEAN_FACE: {key: float(value) for key, value in start.items()}, **kept}
    numbers: dict[str, Any] = {"size": args.size, "steps": args.steps, "plan": args.plan, "systems": systems}
    columns = (
        "system", "68 points %", *(f"gamma {g:g} %" for g in DARK), "pupils, lids, wings, brows %",
        "unlabelled / labelled", "s",
    )  # fmt: skip
    rows = tuple(starmap(row, systems.items()))
    result = Result(
        name="fgtbt", title="FGTBT at small scale",
        command=f"python benchmarks/fgtbt.py --size {args.size} --steps {args.steps} --plan {args.plan} --write",
        tables=(Table("Mean error over the distance of the outer eye corners", columns, rows),),
        numbers=numbers,
        notes=(
            f"{len(held)} held-out HELEN crops of {args.size} px; {args.steps} steps of 32, one seed.",
            "Unlabelled / labelled: error on training crops whose layout lacks a point over that where it is labelled;",
            "the worst of the four layouts. The card asks for less than 1.3.",
            "Points beyond the 68 are judged by our own landmarker.",
            "WFLW's and AFLW's layouts keep the points that the 68 and the named dense ones give them.",
        ),
        plots={"nme": lambda figure: plot(numbers, figure)},
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
