"""What each training system of `nasion train` is worth: same faces, same time, same augmentation, several seeds.

    python benchmarks/landmark_systems.py [--minutes 1] [--size 64] [--seeds 0,1] [--keep FILE] [--write]

Trains on the HELEN training crops, four fifths of them by name, and scores on the rest, as they are and spoilt. Minutes
are processor time of one thread over all stages of a system, so that a busy machine favours nobody. With --keep, rows
that FILE has are not measured again: a run may be stopped and gone on with.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from nasion.core import Landmarks, scheme
from nasion.models import Session
from nasion.report.bench.data import data_folder
from nasion.report.bench.occlude import hide_part
from nasion.report.bench.result import Result, Table, publish
from nasion.train import LandmarkSet, Recipe, augment, find_recipe, fit, load_csv, split
from nasion.train.export import export_onnx
from nasion.train.kd_landmarks import KDLandmarks
from nasion.train.recipe import RECIPES
from nasion.train.score import predict_pixels, score
from nasion.train.worldcomp2d import WorldComp2D, latent_profile, mean_points

LOW_RESOLUTION, TURN = 24, 45.0  # px across the view; degrees
RUNS = 30  # of one face each, for the time
MEAN_FACE = "mean face, nothing learned"
NOTES = (
    "minutes are processor time of one thread, over all stages; kd-landmarks gets twice as many, half for its teachers",
    "a small-scale comparison: with hours instead of minutes all get far better, and the order may change",
    f"spoilt: reduced to {LOW_RESOLUTION} px and enlarged; a blob over 30 % of the face; turned by {TURN:.0f} degrees",
    "jittered: held-out views drawn as training draws them at full strength, so that the mean face is no good guess",
)


@dataclass(frozen=True)
class Contender:
    """A row: how to make the recipe, and how many times the minutes it gets."""

    make: Callable[[], Recipe]
    times: float = 1.0
    note: str = ""


class EncoderOnly(WorldComp2D):
    """The paper's ablation needs the encoder alone, trained for its share of the time."""

    stages = WorldComp2D.stages[:1]


def contenders() -> dict[str, Contender]:
    rows = {"baseline": Contender(lambda: find_recipe("baseline"))}
    rows["kd-landmarks: student alone"] = Contender(lambda: KDLandmarks(distil=False), 1.0, "same student, MSE")
    rows["worldcomp2d"] = Contender(lambda: find_recipe("worldcomp2d"))
    note = "twice the time: half of it trains the teachers"
    rows["kd-landmarks"] = Contender(lambda: find_recipe("kd-landmarks"), 2.0, note)
    landmarkers = {name for name in RECIPES if not hasattr(find_recipe(name), "finish")}
    others = sorted(landmarkers - set(rows))
    rows |= {name: Contender(lambda name=name: find_recipe(name)) for name in others}
    share = WorldComp2D.stages[0].share
    rows["worldcomp2d: encoder"] = Contender(EncoderOnly, share, "embedding only")
    rows["worldcomp2d: encoder, weights 1"] = Contender(lambda: EncoderOnly(weighted=False), share, "embedding only")
    return rows


def low_resolution(images: np.ndarray) -> np.ndarray:
    size = images.shape[1]
    small = [cv2.resize(v, (LOW_RESOLUTION, LOW_RESOLUTION), interpolation=cv2.INTER_AREA) for v in images]
    return np.stack([cv2.resize(v, (size, size), interpolation=cv2.INTER_LINEAR) for v in small])


def occluded(images: np.ndarray, points: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(30)
    return np.stack([hide_part(images[i], points[i], images[i - 1], rng, 0.3)[0] for i in range(len(images))])


def turned(data: LandmarkSet) -> tuple[np.ndarray, np.ndarray]:
    size, side = data.size, data.images.shape[1]
    images, points = np.empty((len(data), size, size, 3), np.uint8), data.points.copy()
    for i, image in enumerate(data.images):
        middle = (side - 1) / 2
        matrix = cv2.getRotationMatrix2D((middle, middle), TURN if i % 2 else -TURN, 1.0)
        matrix[:, 2] += (size - side) / 2
        images[i] = cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
        points[i] = points[i] @ matrix[:, :2].T + matrix[:, 2]
    return images, points


def jittered(data: LandmarkSet) -> tuple[np.ndarray, np.ndarray]:
    """Views as training draws them: turned, shifted, scaled, and here and there occluded, blurred or dark."""
    images, points, _ = augment(data, np.arange(len(data)), np.random.default_rng(77), strength=1.0)
    return images, points


def measure(name: str, contender: Contender, learn: LandmarkSet, held: LandmarkSet, args: Any, seed: int) -> dict:
    recipe = contender.make()
    if hasattr(recipe, "adapt"):
        learn, held = recipe.adapt(learn), recipe.adapt(held)
    began = time.process_time()
    minutes = contender.times * args.minutes
    done = fit(
        recipe, learn, minutes=minutes, seed=seed, threads=1, strength=args.strength, clock=time.process_time
    )  # fmt: skip
    row: dict[str, Any] = {"system": name, "seed": seed, "steps": done.steps, "note": contender.note}
    row["minutes"] = (time.process_time() - began) / 60
    if name.startswith("worldcomp2d"):
        row |= latent_profile(done.model, held)
    if isinstance(recipe, EncoderOnly):
        return row
    images, points = held.views()
    found = predict_pixels(recipe, done.model, images)
    row |= figures(found, points, held)
    if hasattr(recipe, "export"):  # a detector on scenes of its own: its points are all that compares
        return row
    scores = score(found, points, held.scheme)
    around, truth = turned(held)
    spoilt = {
        "low_resolution": (low_resolution(images), points), "occluded": (occluded(images, points), points),
        "turned": (around, truth), "jittered": jittered(held),
    }  # fmt: skip
    for kind, (views, wanted) in spoilt.items():
        row[kind] = score(predict_pixels(recipe, done.model, views), wanted, held.scheme).nme
    with tempfile.TemporaryDirectory() as folder:
        made = export_onnx(
            recipe, done.model, Path(folder) / "model.onnx", scheme=held.scheme, size=held.size, scores=scores
        )
        row["parameters"] = made.parameters
        row["ms"] = milliseconds(Session(made.path, threads=1), images[:1])
    return row


def figures(found: np.ndarray, truth: np.ndarray, held: LandmarkSet) -> dict[str, Any]:
    """Errors in the system's own layout, and over the five points that every layout has."""
    scores = score(found, truth, held.scheme)
    own = {"points": len(held.scheme), "nme": scores.nme, "inner51": scores.inner, "failures": scores.failures}
    five = [np.stack([Landmarks.from_points(p, held.scheme).to("coarse5").points for p in ps]) for ps in (found, truth)]
    return own | {"five": score(five[0], five[1], scheme("coarse5")).nme}


def milliseconds(session: Session, crop: np.ndarray) -> float:
    """Median processor time of one face on one thread."""
    spent = []
    for _ in range(RUNS):
        began = time.process_time()
        session.run({"crops": crop})
        spent.append(1e3 * (time.process_time() - began))
    return float(np.median(spent))


def mean_face(learn: LandmarkSet, held: LandmarkSet) -> dict[str, Any]:
    _, truth = held.views()
    face = mean_points(learn) * held.size - 0.5
    row = {"system": MEAN_FACE, "seed": 0} | figures(np.broadcast_to(face, truth.shape), truth, held)
    for kind, (_, truth) in {"turned": turned(held), "jittered": jittered(held)}.items():
        row[kind] = score(np.broadcast_to(face, truth.shape), truth, held.scheme).nme
    return row


FIGURES = {
    "points": ("points", 1), "NME %": ("nme", 100), "5 points %": ("five", 100), "inner 51 %": ("inner51", 100),
    "failures %": ("failures", 100),
    "jittered %": ("jittered", 100), "24 px %": ("low_resolution", 100), "occluded %": ("occluded", 100),
    "turned 45 %": ("turned", 100),
    "M parameters": ("parameters", 1e-6), "ms a face": ("ms", 1), "steps": ("steps", 1), "minutes": ("minutes", 1),
}  # fmt: skip


def summary(rows: list[dict[str, Any]]) -> tuple[Table, ...]:
    names = list(dict.fromkeys(row["system"] for row in rows))
    placed, looked = [], []
    for name in names:
        mine = [row for row in rows if row["system"] == name]
        if "nme" in mine[0]:
            placed.append((name, str(len(mine)), *(cell(mine, key, scale) for key, scale in FIGURES.values())))
        if "spearman" in mine[0]:
            looked.append((name, *(cell(mine, key, 1) for key in ("spearman", "spearman_each", "ratio"))))
    tables = [
        Table("Held-out faces; mean over seeds, +- their range halved", ("system", "seeds", *FIGURES), tuple(placed))
    ]
    if looked:
        columns = ("embedding", "Spearman over distances", "over single glimpses", "inter/intra class")
        tables.append(
            Table("WorldComp2D: distance in the embedding against distance in the picture", columns, tuple(looked))
        )
    return tuple(tables)


def cell(rows: list[dict[str, Any]], key: str, scale: float) -> str | None:
    values = [scale * row[key] for row in rows if row.get(key) is not None]
    if not values:
        return None
    spread = (
        f" +- {(max(values) - min(values)) / 2:.2g}"
        if len(values) > 1 and key not in ("points", "parameters", "ms")
        else ""
    )
    return f"{np.mean(values):.3g}{spread}" if key != "steps" else f"{np.mean(values):.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--strength", type=float, default=0.5, help="of the augmentation; little time wants little")
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--systems", default="", help="only these, separated by commas")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--report", action="store_true", help="train nothing, report what --keep holds")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--results", type=Path, default=Path("benchmarks") / "results")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    learn, held = split(load_csv(data_folder(args.data) / "landmarks68" / "train.csv", size=args.size))
    rows: list[dict[str, Any]] = json.loads(args.keep.read_text()) if args.keep and args.keep.exists() else []
    wanted = {name: c for name, c in contenders().items() if not args.systems or name in args.systems.split(",")}
    for seed in map(int, args.seeds.split(",")):
        for name, contender in wanted.items():
            if args.report or any((row["system"], row["seed"]) == (name, seed) for row in rows):
                continue
            rows.append(measure(name, contender, learn, held, args, seed))
            print({k: round(v, 4) if isinstance(v, float) else v for k, v in rows[-1].items()}, flush=True)
            if args.keep:
                args.keep.write_text(json.dumps(rows))
    result = Result(
        "landmark-systems",
        f"Training systems beside each other: {len(learn)} HELEN faces, {args.size} px, {args.minutes:g} minutes each",
        f"python benchmarks/landmark_systems.py --minutes {args.minutes:g} --size {args.size} --seeds {args.seeds}",
        summary([mean_face(learn, held), *rows]),
        {"rows": rows, "mean_face": mean_face(learn, held)},
        NOTES,
    )
    publish(result, args.results if args.write else None)


if __name__ == "__main__":
    main()
