"""What rendered heads in a landmarker's training change: two models side by side on photos and on renders.

    python benchmarks/renders.py without=a4.onnx with=b4.onnx [--data ../shared/data] [--write]

Both models come from `python -m training.landmarker.train` with the same start, steps and seed, one with and one
without the pool `renders`, and from `training.landmarker.export`. Photos are the HELEN training photos of people whom
the recipe keeps out (182), as they are and behind the drawn things of `nasion bench calibration`, and the 16 of
AFLW2000. Rendered heads are draws of another seed. The face is given roughly: its true points, moved by 4 % of the
inter-ocular distance.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasion.core import Face, Landmarks, scheme
from nasion.landmark import Landmarker
from nasion.media import read_image
from nasion.metrics import expected_calibration_error, nme, roc_auc
from nasion.report.bench.data import aflw2000, data_folder, helen
from nasion.report.bench.occluders import OCCLUDERS, draw_occluder
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table, publish
from nasion.synth import HeadModel, SceneOptions, synth_batch
from nasion.synth.truth import SELF_OCCLUDED, VISIBLE

SEED, HEADS, OFF = 4242, 400, 0.04
RENDERS = "renders"
BANDS = ((0, 15), (15, 30), (30, 50), (50, 80))


@dataclass(frozen=True)
class Case:
    """A face with its group; points (68, 2) px, seen (68,) bool or None where nobody knows, scored (68,) bool."""

    group: str
    image: np.ndarray
    points: np.ndarray
    scored: np.ndarray
    seen: np.ndarray | None = None


def photos(data: Path) -> Iterator[Case]:
    every = np.ones(68, bool)
    for i, photo in enumerate(helen(data, "train")):
        source = "/".join(photo.path.parts[-3:])
        if zlib.crc32(source.encode()) % 5:
            continue
        image, rng = read_image(photo.path), np.random.default_rng((SEED, i))
        yield Case("photos, as they are", image, photo.points, every)
        kind = list(OCCLUDERS)[i % len(OCCLUDERS)]
        covered, seen = draw_occluder(kind, image, photo.points, rng)
        yield Case("photos, behind drawn things", covered, photo.points, every, seen)
    for photo in aflw2000(data):
        yield Case("AFLW2000, 16 photos", read_image(photo.path), photo.points, every)


def renders() -> Iterator[Case]:
    options = SceneOptions(yaw=(-80, 80), pitch=(-25, 25), size=(288, 288), field_of_view=(18, 40), occlude=0.4)
    for sample in synth_batch(HEADS, SEED, options, HeadModel.load()):
        truth = sample.truth
        ibug, yaw = truth.landmarks("ibug68"), abs(truth.pose.yaw)
        low, high = next(band for band in BANDS if yaw <= band[1])
        scored = np.ones(68, bool)
        if yaw > 25:  # iBUG's outline slides over a turned head, the rendered one stays on the skin
            scored[slice(8, 17) if truth.pose.yaw < 0 else slice(0, 9)] = False
        group = "behind something" if truth.hidden_share > 0.02 else "free"
        seen = ibug.visibility > 0.5 if set(truth.visibility) - {SELF_OCCLUDED, VISIBLE} else None
        yield Case(f"{RENDERS}, yaw {low} to {high}, {group}", sample.image, ibug.points[:, :2], scored, seen)


def measure(models: dict[str, Landmarker], cases: Iterator[Case]) -> dict[str, dict[str, list[np.ndarray]]]:
    """Group -> model -> per face error; under ``seen`` and ``said`` what could be seen and what the models say."""
    found: dict[str, dict[str, list[np.ndarray]]] = {}
    for number, case in enumerate(cases):
        rows = found.setdefault(case.group, {name: [] for name in (*models, "seen", *(f"said {m}" for m in models))})
        rng = np.random.default_rng((SEED + 1, number))
        across = np.linalg.norm(case.points[36] - case.points[45])
        rough = Landmarks.from_points(case.points + rng.normal(0, OFF * across, (1, 2)), scheme("ibug68"))
        for name, model in models.items():
            (placed,) = model.place(case.image, [Face(rough.box, 1.0, rough)], passes=2)
            points = placed.landmarks.to("ibug68")
            chosen, by = np.flatnonzero(case.scored), "box" if case.group.startswith(RENDERS) else "inter_ocular"
            error = nme(points.points[None, :, :2], case.points[None], by, chosen)
            rows[name].append(error)
            if case.seen is not None:
                rows[f"said {name}"].append(points.visibility)
        if case.seen is not None:
            rows["seen"].append(case.seen)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--write", type=Path, nargs="?", const=Path("benchmarks/results"))
    args = parser.parse_args()
    files = dict(item.split("=", 1) for item in args.models)
    models = {name: Landmarker(file, threads=1) for name, file in files.items()}
    found = measure(models, progress(photos(data_folder(args.data)), "photos", 380))
    found |= measure(models, progress(renders(), "renders", HEADS))
    errors, trust, numbers = [], [], {}
    for group, rows in sorted(found.items()):
        means = {name: float(100 * np.mean(rows[name])) for name in models}
        errors.append((group, len(rows[next(iter(models))]), *(f"{means[name]:.2f}" for name in models)))
        numbers[group] = means
        if rows["seen"]:
            seen = np.concatenate(rows["seen"])
            said = {name: np.concatenate(rows[f"said {name}"]) for name in models}
            auc = [f"{roc_auc(said[name], seen):.3f}" for name in models]
            ece = [f"{expected_calibration_error(said[name], seen):.3f}" for name in models]
            trust.append((group, len(rows["seen"]), *auc, *ece))
    names = tuple(models)
    result = Result(
        name="renders",
        title="Rendered heads in the landmarker's training",
        command="python benchmarks/renders.py " + " ".join(f"{name}={name}.onnx" for name in names),
        tables=(
            Table(
                "Mean error of the 68 points: photos % of the inter-ocular distance, renders % of the face box",
                ("faces", "n", *names),
                tuple(errors),
            ),
            Table(
                "Visibility: ROC-AUC, then calibration error",
                ("faces", "n", *(f"AUC {n}" for n in names), *(f"ECE {n}" for n in names)),
                tuple(trust),
            ),
        ),
        numbers=numbers,
        notes=("Of a head turned by more than 25 degrees the far half of the jaw line is not scored on renders.",),
    )
    publish(result, args.write)


if __name__ == "__main__":
    main()
