"""What each training system of `nasion train` is worth: same faces, same time, same augmentation, several seeds.

    python benchmarks/landmark_systems.py [--minutes 1] [--seeds 0,1] [--systems A,B] [--keep FILE] [--write]

Trains on the HELEN training crops, four fifths of them by name, and scores on the rest, as they are and spoilt. Minutes
are processor time of one thread over all stages of a system, so that a busy machine favours nobody. Students that learn
from teachers take as many steps as the student alone of the same seed; the teachers' time is beside that. With --keep,
rows that FILE has are not measured again: a run may be stopped and gone on with.
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
from torch import nn

from nasion.core import Landmarks, scheme
from nasion.models import Session
from nasion.report.bench.data import data_folder
from nasion.report.bench.occlude import hide_part
from nasion.report.bench.result import Result, Table, publish
from nasion.train import LandmarkSet, Progress, Recipe, augment, find_recipe, fit, load_csv, split
from nasion.train.blocks import masked_mean
from nasion.train.data import mean_points
from nasion.train.export import export_onnx
from nasion.train.kd_landmarks import KDLandmarks
from nasion.train.recipe import RECIPES, Batch
from nasion.train.score import Scores, predict_pixels, score
from nasion.train.worldcomp2d import WorldComp2D, latent_profile

LOW_RESOLUTION, TURN = 24, 45.0  # px across the view; degrees
RUNS = 30  # of one face each, for the time
MEAN_FACE = "mean face, nothing learned"
ALONE, TEACHERS = "kd-landmarks: student alone", "kd-landmarks: teachers"
KD, L1 = "kd-landmarks", "kd-landmarks: student alone L1"
STRONGER = (0.25, 0.5)  # augmentation than the student's own: how far off it stays decides what teachers are worth
WORLD, UNWEIGHTED = "worldcomp2d", "worldcomp2d: encoder with weights 1"
TWICE = 2.0  # times the minutes, for the student, which regresses: it learns more slowly than heatmaps
LONG = 5.0  # times the minutes: for teachers, which are to know more, and for three networks one after the other
NOTES = (
    "minutes are processor time of one thread, over all stages",
    "kd-landmarks takes the steps of the student alone, same seed; its teachers learn before, one pair for all seeds",
    f"its students' augmentation is {KDLandmarks.strength:g} where no other strength is named, everybody else's 0.5",
    "a small-scale comparison: with hours instead of minutes all get far better, and the order may change",
    f"spoilt: reduced to {LOW_RESOLUTION} px and enlarged; a blob over 30 % of the face; turned by {TURN:.0f} degrees",
    "jittered: held-out views drawn as training draws them at full strength, so that the mean face is no good guess",
    "worldcomp2d learns from and is scored on the published crops, upright squares: what follows has no row above",
)


@dataclass(frozen=True)
class Contender:
    """A row: how to make the recipe, how many times the minutes it gets, or the row whose steps it takes instead.

    ``strength`` is that of the augmentation, where it is another than everybody's.
    """

    make: Callable[[], Recipe]
    times: float = 1.0
    note: str = ""
    steps_of: str = ""
    strength: float | None = None


class EncoderOnly(WorldComp2D):
    """The paper's ablation needs the encoder alone, trained for its share of the time."""

    stages = WorldComp2D.stages[:1]


class Located(WorldComp2D):
    """Read before the refiner."""

    def predict(self, model: nn.Module, images: torch.Tensor) -> torch.Tensor:
        return model.locate(model.normalise(images))


class StudentL1(KDLandmarks):
    """What the loss alone does without teachers: the mean absolute error, slope 6, which is KD's near the truth."""

    def __init__(self) -> None:
        super().__init__(distil=False)

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, torch.Tensor]:
        return {"l1": 6 * masked_mean((model.student(batch.images) - batch.points).abs(), batch.known)}


class Teachers(KDLandmarks):
    """Both teachers, half the time each; scored is the tough one."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = self.stages[:2]

    def predict(self, model: nn.Module, images: torch.Tensor) -> torch.Tensor:
        return model.tough(images)


class Taught(KDLandmarks):
    """A student of teachers that have learned already."""

    def __init__(self, teachers: Path) -> None:
        super().__init__()
        self.stages, self.teachers = self.stages[2:], teachers

    def build(self, points: int, size: int) -> nn.Module:
        model = super().build(points, size)
        own = {key: value for key, value in model.state_dict().items() if key.startswith("student")}
        model.load_state_dict(torch.load(self.teachers, weights_only=True) | own)
        return model


def named(system: str, strength: float) -> str:
    return system if strength == KDLandmarks.strength else f"{system}, augmentation {strength:g}"


def file_name(system: str) -> str:
    return system.replace(": ", "-").replace(" ", "-")


def contenders(models: Path) -> dict[str, Contender]:
    rows = {"baseline": Contender(lambda: find_recipe("baseline"))}
    rows[TEACHERS] = Contender(Teachers, LONG, "of which the tough one is scored")
    teachers = models / f"{file_name(TEACHERS)}-0.pt"
    for strength in (KDLandmarks.strength, *STRONGER):
        alone, taught = (named(name, strength) for name in (ALONE, KD))
        rows[alone] = Contender(lambda: KDLandmarks(distil=False), TWICE, "same student, MSE", strength=strength)
        rows[taught] = Contender(lambda: Taught(teachers), 1.0, "same student, KD loss", alone, strength)
    rows[L1] = Contender(StudentL1, 1.0, "same student, mean absolute error", ALONE, KDLandmarks.strength)
    rows[WORLD] = Contender(WorldComp2D, LONG, "trained on upright squares around the points, as published")
    landmarkers = {name for name in RECIPES if not hasattr(find_recipe(name), "finish")}
    others = sorted(landmarkers - set(rows))
    rows |= {name: Contender(lambda name=name: find_recipe(name)) for name in others}
    share = WorldComp2D.stages[0].share
    rows[UNWEIGHTED] = Contender(lambda: EncoderOnly(weighted=False), LONG * share, "embedding only")
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


def upright(args: Any) -> tuple[LandmarkSet, LandmarkSet]:
    """The same faces in WorldComp2D's published crops."""
    return split(load_csv(data_folder(args.data) / "landmarks68" / "train.csv", size=args.size, aligned=False))


def measure(
    name: str, contender: Contender, learn: LandmarkSet, held: LandmarkSet, args: Any, seed: int, steps: int | None
) -> dict[str, Any]:
    recipe = contender.make()
    if isinstance(recipe, WorldComp2D):
        learn, squares = upright(args)
    if hasattr(recipe, "adapt"):
        learn, held = recipe.adapt(learn), recipe.adapt(held)
    began = time.process_time()
    minutes = None if steps else contender.times * args.minutes
    done = fit(
        recipe, learn, minutes=minutes, steps=steps, seed=seed, threads=1,
        strength=args.strength if contender.strength is None else contender.strength, clock=time.process_time,
    )  # fmt: skip
    row: dict[str, Any] = {"system": name, "seed": seed, "steps": done.steps, "note": contender.note}
    row["minutes"] = (time.process_time() - began) / 60
    torch.save(done.model.state_dict(), args.models / f"{file_name(name)}-{seed}.pt")
    if isinstance(recipe, WorldComp2D):
        return row | on_squares(recipe, done.model, learn, squares)
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
    return row | exported(recipe, done.model, held, scores)


def on_squares(recipe: WorldComp2D, model: nn.Module, learn: LandmarkSet, held: LandmarkSet) -> dict[str, Any]:
    """What the embedding knows, and the error on the published crops after each part of the network."""
    row: dict[str, Any] = latent_profile(model, held)
    if isinstance(recipe, EncoderOnly):
        return row
    images, points = held.views()
    guesses = {MEAN_FACE: np.broadcast_to(mean_points(learn) * held.size - 0.5, points.shape)}
    guesses |= {"locator": predict_pixels(Located(), model, images), "refiner": predict_pixels(recipe, model, images)}
    scores = {part: score(guess, points, held.scheme) for part, guess in guesses.items()}
    row["parts"] = {part: found.nme for part, found in scores.items()}
    return row | exported(recipe, model, held, scores["refiner"])


def exported(recipe: Recipe, model: nn.Module, held: LandmarkSet, scores: Scores) -> dict[str, Any]:
    """Parameters of the ONNX file and its time for one face."""
    with tempfile.TemporaryDirectory() as folder:
        made = export_onnx(
            recipe, model, Path(folder) / "model.onnx", scheme=held.scheme, size=held.size, scores=scores
        )
        return {"parameters": made.parameters, "ms": milliseconds(Session(made.path, threads=1), held.views()[0][:1])}


def student_milliseconds(size: int = 224) -> float:
    """Processor time of the KD student on one thread at the paper's size; weights do not matter to it."""
    recipe = KDLandmarks(distil=False)
    zero = Scores(np.zeros(1), None, np.ones(68))
    with tempfile.TemporaryDirectory() as folder:
        made = export_onnx(
            recipe, recipe.build(68, size), Path(folder) / "model.onnx", scheme=scheme("ibug68"), size=size, scores=zero
        )
        return milliseconds(Session(made.path, threads=1), np.zeros((1, size, size, 3), np.uint8))


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


def summary(start: dict[str, Any], rows: list[dict[str, Any]]) -> tuple[Table, ...]:
    rows = [start, *rows]
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
    for row in (row for row in rows if "parts" in row):
        cells = tuple((part, 100 * value) for part, value in row["parts"].items())
        title = f"WorldComp2D on upright squares after {row['minutes']:.0f} minutes, {row['ms']:.0f} ms a face"
        tables.append(Table(title, ("after", "NME %"), cells))
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
    parser.add_argument("--models", type=Path, help="folder to keep the weights in; teachers are taken from it")
    parser.add_argument("--report", action="store_true", help="train nothing, report what --keep holds")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--results", type=Path, default=Path("benchmarks") / "results")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        args.models = args.models or Path(folder)
        args.models.mkdir(parents=True, exist_ok=True)
        run(args)


def run(args: Any) -> None:
    learn, held = split(load_csv(data_folder(args.data) / "landmarks68" / "train.csv", size=args.size))
    rows: list[dict[str, Any]] = json.loads(args.keep.read_text()) if args.keep and args.keep.exists() else []
    chosen = args.systems.split(",") if args.systems else None
    wanted = {name: c for name, c in contenders(args.models).items() if chosen is None or name in chosen}
    for seed in map(int, args.seeds.split(",")):
        for name, contender in wanted.items():
            if args.report or any((row["system"], row["seed"]) == (name, seed) for row in rows):
                continue
            if name == TEACHERS and seed:
                continue  # one pair for the students of all seeds
            steps = next((r["steps"] for r in rows if (r["system"], r["seed"]) == (contender.steps_of, seed)), None)
            rows.append(measure(name, contender, learn, held, args, seed, steps))
            print({k: round(v, 4) if isinstance(v, float) else v for k, v in rows[-1].items()}, flush=True)
            if args.keep:
                args.keep.write_text(json.dumps(rows))
    student, mean = student_milliseconds(), mean_face(learn, held)
    result = Result(
        "landmark-systems",
        f"Training systems beside each other: {len(learn)} HELEN faces, {args.size} px, {args.minutes:g} minutes each",
        f"python benchmarks/landmark_systems.py --minutes {args.minutes:g} --size {args.size} --seeds {args.seeds}",
        summary(mean, rows),
        {"rows": rows, "mean_face": mean, "student_ms_224": student},
        (*NOTES, f"the student of kd-landmarks at 224 px: {student:.1f} ms of processor time on one thread"),
    )
    publish(result, args.results if args.write else None)


if __name__ == "__main__":
    main()
