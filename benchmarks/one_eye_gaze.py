"""One Eye gaze on rendered people at a phone, and on a recorded person at a tablet, calibrated and not.

    python benchmarks/one_eye_gaze.py --one one.onnx --two two.onnx [--cache FOLDER] [--data ../shared/data] [--write]

The networks are those that ``nasion gaze train one-eye-gaze`` writes, with ``--eyes 1`` and ``--eyes 2``. Rendered
people are of other seeds than in training. Calibration: people whose line of sight is off their eyes' axes by an angle
of their own; dots of the calibration are never tested on.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from nasion.gaze import EyeCode, OneEyeGaze, calibrate_ensemble
from nasion.gaze.one_eye import fit_ensemble
from nasion.media import read_image
from nasion.metrics import bootstrap_mean
from nasion.pipeline import Analyzer
from nasion.pipeline.recording import read_targets
from nasion.report.bench.data import data_folder
from nasion.report.bench.gaze import TABLET
from nasion.report.bench.result import Result, Table, publish
from nasion.train.one_eye_gaze import DOTS, PEOPLE, middle, read
from nasion.train.one_eye_scenes import PhoneSet, draw_phone_set

HELD = {"people": 40, "dots": 5, "seed": 902}
OFFSET = {"people": 4, "dots": 16, "frames": 10, "seed": 903, "sighted": True}
SPLITS, MOST = 6, 13  # ways to choose a person's calibration dots; dots of the large calibration
KINDS = ("none", "constant", "support vectors")


def cached(folder: Path | None, name: str, options: dict[str, Any]) -> PhoneSet:
    """A set, rendered unless the folder holds it."""
    path = None if folder is None else folder / f"phone_{name}.npz"
    if path is not None and path.exists():
        with np.load(path) as stored:
            return PhoneSet(*(stored[f.name] for f in fields(PhoneSet)))
    made = draw_phone_set(**options)
    if path is not None:
        np.savez(path, **{f.name: getattr(made, f.name) for f in fields(PhoneSet)})
    return made


def distance(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(points - target, axis=1))


def part(looks: EyeCode, rows: np.ndarray) -> EyeCode:
    return EyeCode(looks.point[rows], looks.code[rows])


def unseen(readers: dict[str, OneEyeGaze], held: PhoneSet, centre: np.ndarray) -> dict[str, dict[str, float]]:
    """Mean error, cm, on people never trained on."""
    found = {"always the middle of the screens": np.tile(centre, (len(held), 1))}
    for side, name in enumerate(("left", "right")):
        found[f"one eye, {name}"] = read(readers["one"], held, side).point
    found["both eyes, by the networks for one"] = both(readers["one"], held)
    alone = members(readers["one"], held)
    for k in range(readers["one"].members):
        found[f"one eye, left, network {k + 1} alone"] = alone[:, k]
    found["two eyes, by networks of their own"] = read(readers["two"], held).point
    out = {}
    for name, points in found.items():
        mean = bootstrap_mean(distance(points, held.target))
        across, down = np.abs(points - held.target).mean(0)
        out[name] = {"cm": mean.value, "low": mean.low, "high": mean.high, "across": float(across), "down": float(down)}
    return out


def both(reader: OneEyeGaze, held: PhoneSet) -> np.ndarray:
    """(N, 2) cm, each eye read by itself."""
    crops, parts = middle(held.crops), []
    for start in range(0, len(held), 32):
        rows = slice(start, start + 32)
        parts.append(reader.encode(crops[rows], held.corners[rows].astype(np.float32)).point)
    return np.concatenate(parts)


def members(reader: OneEyeGaze, held: PhoneSet) -> np.ndarray:
    """(N, M, 2) cm of each network on left eyes."""
    crops, parts = middle(held.crops[:, :1]), []
    for start in range(0, len(held), 32):
        rows = slice(start, start + 32)
        corners = held.corners[rows, 0].astype(np.float32)
        parts.append(reader.session.run({"crops": np.ascontiguousarray(crops[rows]), "corners": corners})["points"])
    return np.concatenate(parts).astype(np.float64)


def calibrated(looks: EyeCode, people: PhoneSet, dots: int) -> dict[str, Any]:
    """Error after a calibration with some dots over the error before, over people and choices of dots."""
    rng = np.random.default_rng(0)
    before, after, forced, chosen = [], [], {kind: [] for kind in KINDS}, []
    for who in np.unique(people.person):
        mine = people.person == who
        for _ in range(SPLITS):
            names = rng.permutation(np.unique(people.dot[mine]))
            known, later = (mine & np.isin(people.dot, n) for n in (names[:dots], names[dots:]))
            fitted = calibrate_ensemble(part(looks, known), people.target[known], people.dot[known])
            before.append(distance(looks.point[later], people.target[later]).mean())
            after.append(distance(fitted(part(looks, later)), people.target[later]).mean())
            chosen.append(fitted.kind)
            for kind in KINDS:
                one = fit_ensemble(kind, part(looks, known), people.target[known])
                forced[kind].append(distance(one(part(looks, later)), people.target[later]).mean())
    ratio = np.array(after) / np.array(before)
    return {
        "before": float(np.mean(before)), "after": float(np.mean(after)), "worst_ratio": float(ratio.max()),
        "always": {kind: float(np.mean(values)) for kind, values in forced.items()},
        "chosen": {kind: chosen.count(kind) for kind in KINDS},
    }  # fmt: skip


def tablet(readers: dict[str, OneEyeGaze], data: Path) -> dict[str, Any]:
    """The recorded session: 25 calibration frames at five places, 120 frames at 40 others."""
    analyzer, sets = Analyzer(("landmarks",), threads=1, max_faces=1), {}
    for name in ("training", "test"):
        targets = read_targets(data / "gaze_screen" / f"{name}_pog.csv")
        rows: dict[str, list[Any]] = {"one": [], "two": [], "target": []}
        for file, target in targets.items():
            image = read_image(data / "gaze_screen" / name / file)
            faces = analyzer(image)
            if not faces:
                continue
            for eyes, reader in readers.items():
                rows[eyes].append(reader.look(image, [faces[0].landmarks]))
            rows["target"].append(target)
        joined = {
            eyes: EyeCode(*(np.concatenate([getattr(r, f) for r in rows[eyes]]) for f in ("point", "code")))
            for eyes in readers
        }
        share = np.stack(rows["target"])
        sets[name] = joined, -TABLET.to_mm(share) / 10, np.unique(share, axis=0, return_inverse=True)[1].ravel()
    (train, aim, dot), (test, asked, _) = sets["training"], sets["test"]
    middle = np.tile(aim.mean(0), (len(asked), 1))
    found = {"middle of the calibration": float(distance(middle, asked).mean())}
    for name, eyes in (("one eye", "one"), ("two eyes", "two")):
        fitted = calibrate_ensemble(train[eyes], aim, dot)
        found[f"{name}, as trained"] = float(distance(test[eyes].point, asked).mean())
        found[f"{name}, calibrated: {fitted.kind}"] = float(distance(fitted(test[eyes]), asked).mean())
    return found


def plot(numbers: dict[str, Any], figure: Any) -> None:
    axes = figure.subplots()
    shown = {name: value for name, value in numbers["unseen"].items() if "alone" not in name}
    names, values = ["middle", "left eye", "right eye", "both eyes", "two-eye\nnetworks"], [*shown.values()]
    axes.bar(names, [v["cm"] for v in values], color=["0.7", "tab:blue", "tab:blue", "tab:green", "tab:olive"])
    low, high = ([abs(v["cm"] - v[end]) for v in values] for end in ("low", "high"))
    axes.errorbar(names, [v["cm"] for v in values], (low, high), fmt="none", color="0.2", capsize=4)
    axes.set_ylabel("mean error, cm")
    axes.set_title("One Eye gaze: rendered people never trained on")


def main(report: Callable[[Result, Path | None], None] = publish) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", type=Path, required=True)
    parser.add_argument("--two", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=None, help="keeps the rendered sets")
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    readers = {"one": OneEyeGaze(args.one), "two": OneEyeGaze(args.two)}
    centre = cached(args.cache, "train", {"people": PEOPLE, "dots": DOTS, "seed": 0}).target.mean(axis=0)
    held, people = cached(args.cache, "held", HELD), cached(args.cache, "cal", OFFSET)
    numbers: dict[str, Any] = {"unseen": unseen(readers, held, centre)}
    looks = read(readers["one"], people)
    numbers["calibration"] = {f"one eye, {dots} dots": calibrated(looks, people, dots) for dots in (5, MOST)}
    numbers["tablet"] = tablet(readers, data_folder(args.data))
    print(numbers, flush=True)
    result = Result(
        name="one-eye-gaze", title="One Eye gaze",
        command="python benchmarks/one_eye_gaze.py --one one.onnx --two two.onnx --write",
        tables=(
            Table(
                f"Rendered phone set: {HELD['people']} people never trained on, {len(held)} pictures, mean cm",
                ("method", "cm", "95 %", "across", "down"),
                tuple(
                    (n, f"{v['cm']:.2f}", f"{v['low']:.2f}..{v['high']:.2f}", f"{v['across']:.2f}", f"{v['down']:.2f}")
                    for n, v in numbers["unseen"].items()
                ),
            ),
            Table(
                f"Four other people, line of sight off the eyes' axes, ten frames a dot, {SPLITS} choices of dots: cm",
                ("calibration", "none", "constant", "support vectors", "guarded", "worst over none"),
                tuple(
                    (n, *(f"{v['always'][k]:.2f}" for k in KINDS), f"{v['after']:.2f}", f"{v['worst_ratio']:.2f}")
                    for n, v in numbers["calibration"].items()
                ),
            ),
            Table(
                "A recorded person at a tablet: 25 calibration frames at 5 targets, 120 frames at 40 others, mean cm",
                ("method", "cm"), tuple((n, f"{v:.2f}") for n, v in numbers["tablet"].items()),
            ),
        ),
        numbers=numbers,
        notes=(
            f"One eye: {readers['one'].members} networks; two eyes: {readers['two'].members}. All trained for minutes.",
            "Guarded: what does best on dots left out; a calibration that does no better than none is not applied.",
            "The tablet is larger than any screen in training and nearer: untrained ground for both.",
        ),
        plots={"unseen": lambda figure: plot(numbers, figure)},
    )  # fmt: skip
    report(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
