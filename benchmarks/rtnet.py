"""RTNet at small scale: does looking at a face through a tanh-polar view label its parts better?

    python benchmarks/rtnet.py [--steps 330] [--data ../shared/data] [--keep FILE] [--write]

Two networks of the same blocks with the same seed, heads and number of steps: through the tanh-polar view, and through
a plain centred crop of 2.5 times the box; and the first again with zeros padded where its rows wrap.
Measured in the frame of the picture, on rendered heads of other people behind other kinds of things; and, where nobody
labelled pixels, by agreement with polygons through the human points of the 90 HELEN test photos.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from nasion.core import Landmarks, scheme
from nasion.media import read_image
from nasion.metrics.regions import class_f1, confusion
from nasion.parse.parser import REGIONS, landmark_roi
from nasion.report.bench.data import data_folder, helen
from nasion.report.bench.result import Result, Table, publish
from nasion.train import LandmarkSet, fit
from nasion.train.renders import rendered
from nasion.train.rtnet import KINDS, SEED, RTNetRecipe, from_renders, roi_of

VARIANTS = {
    "tanh-polar": {},
    "crop 2.5": {"view": "wide"},
}
SEAM = "tanh-polar, zeros padded"
UNSEEN, TEST_SEED = {"hand": 60, "mask": 60, "sunglasses": 60, "hair": 60}, 900_000
TURNED, ANGLES, PAIRS = 20, np.arange(0, 360, 45), 30
CLASSES = len(REGIONS)
# where 68 points outline a region: its name, the labels it is made of, the points
OUTLINES = {
    "right eye": (("right_eye",), range(36, 42)),
    "left eye": (("left_eye",), range(42, 48)),
    "mouth": (("upper_lip", "inner_mouth", "lower_lip"), range(48, 60)),
}


def counts(
    recipe: RTNetRecipe, net: Any, data: LandmarkSet, rows: Any, turn: float = 0.0, seed: int | None = None
) -> np.ndarray:
    """The confusion of pixels; the view turned by ``turn`` degrees, or by chance."""
    rng, total = np.random.default_rng(seed), np.zeros((CLASSES, CLASSES), np.int64)
    for i in rows:
        roi = roi_of(data, i)
        roi = replace(roi, turn=roi.turn + (turn if seed is None else rng.uniform(0, 360)))
        found = recipe.label(net, np.ascontiguousarray(data.images[i, ..., :3]), roi)
        total += confusion(data.images[i, ..., 3], found, CLASSES)
    return total


def mean_iou(table: np.ndarray) -> float:
    whole = table.sum(0) + table.sum(1) - np.diag(table)
    return float((np.diag(table)[1:] / np.maximum(whole[1:], 1)).mean())


def neighbour(recipe: RTNetRecipe, net: Any, data: LandmarkSet) -> tuple[float, float]:
    """Of the skin of the boxed face and of the one beside it: what share is labelled as a part of the face."""
    own = other = own_all = other_all = 0
    for i in range(0, 2 * PAIRS, 2):
        scene = np.concatenate([data.images[i], data.images[-1 - i]], 1)
        found = recipe.label(net, np.ascontiguousarray(scene[..., :3]), roi_of(data, i)) > 0
        side = data.images.shape[2]
        skin = scene[..., 3] == REGIONS.index("skin")
        own, own_all = own + (found & skin)[:, :side].sum(), own_all + skin[:, :side].sum()
        other, other_all = other + (found & skin)[:, side:].sum(), other_all + skin[:, side:].sum()
    return float(own / own_all), float(other / other_all)


def agreement(recipe: RTNetRecipe, net: Any, data: Path) -> dict[str, float]:
    """F1 between labels and polygons through the human points, over all pixels of 90 photos."""
    both = dict.fromkeys(OUTLINES, 0)
    size = dict.fromkeys(OUTLINES, 0)
    for photo in helen(data):
        found = recipe.label(
            net, read_image(photo.path), landmark_roi(Landmarks.from_points(photo.points, scheme("ibug68")))
        )
        for name, (regions, points) in OUTLINES.items():
            polygon = np.zeros(found.shape, np.uint8)
            cv2.fillPoly(polygon, [np.round(photo.points[list(points)]).astype(np.int32)], (1,))
            mine = np.isin(found, [REGIONS.index(r) for r in regions])
            both[name] += int((mine & (polygon > 0)).sum())
            size[name] += int(mine.sum() + polygon.sum())
    return {name: 2 * both[name] / max(size[name], 1) for name in OUTLINES}


def plot(numbers: dict[str, Any], figure: Any) -> None:
    axes = figure.subplots()
    for name, found in numbers["systems"].items():
        axes.plot(ANGLES, [100 * v for v in found["iou_by_turn"]], marker="o", label=name)
    axes.set(xlabel="face turned in the picture, degrees", ylabel="mean IoU of ten regions, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--keep", type=Path, default=None, help="write the first network as ONNX here")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    folder = data_folder(args.data)
    train, test = from_renders(rendered(KINDS, SEED)), from_renders(rendered(UNSEEN, TEST_SEED))
    numbers: dict[str, Any] = {"steps": args.steps, "systems": {}}
    main_rows, region_rows, photo_rows, nets = [], [], [], {}
    for name in (*VARIANTS, SEAM):
        recipe, began = RTNetRecipe(**VARIANTS.get(name, {})), time.process_time()
        if name == SEAM:
            recipe.circular = False
            nets[name] = recipe.build(0, 0)
            nets[name].load_state_dict(nets["tanh-polar"].state_dict())
        else:
            nets[name] = fit(recipe, train, steps=args.steps, seed=0, threads=1).model
        net, spent = nets[name], time.process_time() - began
        if args.keep and name == "tanh-polar":
            recipe.export(net, args.keep)
        f1 = class_f1(counts(recipe, net, test, range(len(test))))
        anyhow = class_f1(counts(recipe, net, test, range(0, len(test), 4), seed=3))
        rows = range(0, len(test), len(test) // TURNED)
        ious = [mean_iou(counts(recipe, net, test, rows, float(turn))) for turn in ANGLES]
        own, other = neighbour(recipe, net, test)
        polygons = agreement(recipe, net, folder)
        numbers["systems"][name] = {
            "f1": {r: round(float(v), 4) for r, v in zip(REGIONS, f1, strict=True)}, "mean_f1": float(f1[1:].mean()),
            "mean_f1_turned": float(anyhow[1:].mean()), "iou_by_turn": ious, "own_skin": own, "other_skin": other,
            "polygons": polygons, "cpu_s": round(spent), "parameters": sum(p.numel() for p in net.parameters()),
        }  # fmt: skip
        main_rows.append((
            name, f"{100 * f1[1:].mean():.1f}", f"{100 * anyhow[1:].mean():.1f}",
            f"{100 * (max(ious) - min(ious)):.1f}", f"{100 * own:.1f}", f"{100 * other:.1f}",
        ))  # fmt: skip
        region_rows.append((name, *(f"{100 * v:.0f}" for v in f1[1:])))
        photo_rows.append((name, *(f"{100 * v:.0f}" for v in polygons.values())))
        print(name, numbers["systems"][name], flush=True)
    names = tuple(VARIANTS)
    result = Result(
        name="rtnet", title="RTNet at small scale", command=f"python benchmarks/rtnet.py --steps {args.steps} --write",
        tables=(
            Table(
                f"{len(test)} rendered heads of other people, behind hands, masks, sunglasses, hair",
                (
                    "view", "mean F1 %", "turned by chance", "IoU, best less worst turn", "own skin found %",
                    "skin of the face beside %",
                ),
                tuple(main_rows),
            ),
            Table("F1 of each region, %", ("view", *REGIONS[1:]), tuple(region_rows)),
            Table("Agreement with polygons through human points, F1 %", ("view", *OUTLINES), tuple(photo_rows)),
        ),
        numbers=numbers,
        notes=(
            f"{args.steps} steps of 8 views, {numbers['systems'][names[0]]['cpu_s']} s of one core each; one seed.",
            "F1 over all pixels in the frame of the picture. Turned by chance: the view, evenly over 360 degrees.",
            f"IoU: mean of the ten regions on {len(range(0, len(test), len(test) // TURNED))} heads at eight turns.",
            "Trained on renders alone. Polygons of the 90 photos are no labels: eyes and lips are larger in them.",
        ),
        plots={"turn": lambda figure: plot(numbers, figure)},
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
