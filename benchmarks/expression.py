"""Sequential geometric expression: on simulated, rendered and real faces, people never seen, beside static baselines.

    python benchmarks/expression.py [--model FILE] [--cache DIR] [--write]

Simulated sequences come straight from the head's mesh with 0.3 px of noise; rendered ones go through the embedded
landmarker; real ones are the last frames of CK+ sequences, 48 px crops without their neutral frame.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasion.core import FloatArray, IntArray
from nasion.expression.sequence import (
    PHASES,
    ShownExpression,
    magnitude,
    pair_features,
    phases,
    preset,
    rest,
    shown_spans,
)
from nasion.expression.sequence.features import corner_points, sequence_features, upright
from nasion.report.bench.data import data_folder
from nasion.report.bench.expression_crops import CK_PLUS, Crops, read_crops
from nasion.report.bench.result import Result, Table, publish
from nasion.synth.model import HeadModel
from nasion.synth.motion import motion
from nasion.synth.parameters import HeadParameters
from nasion.synth.scene import Scene, place, portrait
from nasion.train import fit
from nasion.train.convlstm_expression import ConvLSTMExpression, export, probabilities
from nasion.train.expression_renders import Placed, placed
from nasion.train.expression_takes import CLASSES, EMOTIONS, features, projected, solid, takes

FOLDS, PEOPLE, STEPS = 3, 90, 400
RENDERED = 14  # people, never in the shipped network's training
NOISE = 0.3
SEED = 502


def linear(x: FloatArray, y: IntArray, classes: int, strength: float = 0.1) -> Any:
    """A ridge classifier on standardised features, solved over the rows; gives a function to scores."""
    mean, scale = x.mean(0), x.std(0) + 1e-6
    z = ((x - mean) / scale).clip(-8, 8)
    goal = np.eye(classes)[y] - 1 / classes
    dual = np.linalg.solve(z @ z.T / z.shape[1] + strength * np.eye(len(z)), goal)
    weight = z.T @ dual / z.shape[1]
    return lambda new: ((new - mean) / scale).clip(-8, 8) @ weight


def shares(found: IntArray, label: IntArray, subject: IntArray) -> dict[str, float]:
    """Accuracy with its 95 % interval by people, and the mean over classes."""
    from nasion.metrics import bootstrap_mean

    right = found == label
    mean = bootstrap_mean(right.astype(float), subject.tolist())
    kinds = [right[label == k].mean() for k in np.unique(label)]
    return {
        "accuracy": mean.value,
        "low": mean.low,
        "high": mean.high,
        "balanced": float(np.mean(kinds)),
        "n": len(label),
    }


def still_pairs(points: FloatArray, chosen: Any) -> FloatArray:
    """(..., A) features of (..., P + 4, 2) px as they stand: distances and angles."""
    return pair_features(upright(points[..., :-4, :], points[..., -4:, :])[0], chosen).astype(np.float32)


def simulated() -> dict[str, dict[str, float]]:
    """Folds over simulated people, seven classes: the network on changes, on raw features, and linear baselines."""
    chosen, rng = preset(), np.random.default_rng(7)
    data = solid(takes(0, PEOPLE, classes=EMOTIONS), chosen)
    px = projected(data, rng)
    px = px + rng.normal(0, NOISE, px.shape)
    fold = data.subject % FOLDS
    raw, change = still_pairs(px, chosen), features(px, chosen)
    found: dict[str, list[IntArray]] = {}
    rows: list[IntArray] = []
    for k in range(FOLDS):
        learn, held = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        rows.append(held)
        y = data.label[learn]
        for name, x in (("static: last frame, linear", raw[:, -1]), ("last less first, linear", change.sum(1))):
            found.setdefault(name, []).append(linear(x[learn], y, 7)(x[held]).argmax(1))
        for name, options in (("raw features, same network", {"raw": True}), ("changes, small network", {})):
            recipe = ConvLSTMExpression(**options)
            net = fit(recipe, recipe.take(data.part(learn), EMOTIONS), steps=STEPS, seed=k, threads=1).model
            seen = raw[held, 1:] if options else change[held]
            found.setdefault(name, []).append(probabilities(net, seen).argmax(1))
            print(k, name, (found[name][-1] == data.label[held]).mean(), flush=True)
    every = np.concatenate(rows)
    return {n: shares(np.concatenate(f), data.label[every], data.subject[every]) for n, f in found.items()}


def published() -> dict[str, float]:
    """The net of 49.8 million numbers, untrained: how many they are, and its time of a sequence in ONNX Runtime."""
    from nasion.train.convlstm_expression_net import ExpressionNet

    net = ExpressionNet(np.zeros(2912), np.ones(2912), 7).eval()
    recipe = ConvLSTMExpression(published=True)
    recipe.classes = EMOTIONS
    with tempfile.TemporaryDirectory() as folder:
        reader = ShownExpression(export(net, Path(folder) / "published.onnx", recipe))
        one = np.zeros((1, 4, 2912), np.float32)
        took = _milliseconds(lambda: reader.session.run({"changes": one}))
    return {"ms": took, "numbers": sum(p.numel() for p in net.parameters())}


def rendered(reader: ShownExpression, cache: Path | None) -> dict[str, Any]:
    """The shipped network on rendered people, points by the landmarker and the true ones, beside linear baselines."""
    path = None if cache is None else Path(f"{cache}_test.npz")
    data = Placed.load(path) if path is not None and path.exists() else placed(takes(SEED, RENDERED), SEED)
    if path is not None and not path.exists():
        data.save(path)
    chosen = preset()
    learn = solid(takes(0, 60), chosen)
    rng = np.random.default_rng(3)
    px = projected(learn, rng)
    px = px + rng.normal(0, NOISE, px.shape)
    out: dict[str, Any] = {"lost": data.lost}
    emotion, known = data.label < 7, learn.label < 7
    share = reader.sequences(data.found)
    true = reader.sequences(data.true)
    label, who = data.label[emotion], data.subject[emotion]
    out["network, landmarker's points"] = shares(share[emotion][:, :7].argmax(1), label, who)
    out["network, true points"] = shares(true[emotion][:, :7].argmax(1), label, who)
    out["network, landmarker's points, with neutral as eighth"] = shares(share.argmax(1), data.label, data.subject)
    corners = corner_points(data.found.astype(np.float64))
    still = pair_features(upright(data.found[:, -1][:, chosen.points].astype(np.float64), corners[:, -1])[0], chosen)
    static = linear(still_pairs(px[known][:, -1], chosen), learn.label[known], 7)
    out["static: last frame, linear"] = shares(static(still[emotion]).argmax(1), label, who)
    moved = linear(features(px[known], chosen).sum(1), learn.label[known], 7)
    change = sequence_features(data.found, chosen).sum(1)
    out["last less first, linear"] = shares(moved(change[emotion]).argmax(1), label, who)
    matrix = np.zeros((8, 8), int)
    np.add.at(matrix, (data.label, share.argmax(1)), 1)
    out["confusion"] = matrix.tolist()
    return out


def real(reader: ShownExpression, cache: Path | None, folder: Path) -> dict[str, Any]:
    """CK+ crops: only the last three frames of a sequence are there; rest is guessed, frames between are drawn."""
    crops = _crops(folder / "expression" / "ckplus48", cache)
    chosen, names = reader.preset, list(reader.classes)
    still, _ = upright(crops.points.astype(np.float64), corner_points(crops.points.astype(np.float64)))
    clips, first, of = np.unique(crops.clip, return_index=True, return_inverse=True)
    apex = np.stack([still[of == k].mean(0) for k in range(len(clips))])
    label = np.array([names.index(name) for name in crops.label[first]])
    people, who = np.unique(crops.subject[first], return_inverse=True)
    usual = np.stack([apex[who != k].mean(0) for k in who])  # of all other people
    own = np.full_like(apex, np.nan)
    for k in range(len(apex)):
        others = (who == who[k]) & (label != label[k])
        if others.sum() >= 2:
            own[k] = apex[others].mean(0)
    both = np.where(np.isnan(own), usual, 0.5 * usual + 0.5 * np.nan_to_num(own))
    course = np.array([0, 0.1035, 0.5, 0.8965, 1.0])[:, None, None]
    out: dict[str, Any] = {
        "sequences": len(apex),
        "people": len(people),
        "majority": float(np.bincount(label).max() / len(label)),
    }

    def played(at_rest: FloatArray, rows: IntArray) -> FloatArray:
        return np.asarray(90 * (at_rest[rows][:, None] * (1 - course) + apex[rows][:, None] * course))

    def told(at_rest: FloatArray, rows: IntArray) -> IntArray:
        return np.asarray(reader.sequences(played(at_rest, rows))[:, :7].argmax(1))

    every = np.arange(len(apex))
    some = np.flatnonzero(np.isfinite(own[:, 0, 0]))
    out["network, synthetic training only; rest: other people's mean"] = shares(told(usual, every), label, who)
    out["the same; rest: half that, half the person's other expressions"] = shares(told(both, every), label, who)
    out["the same, people with three expressions or more"] = shares(told(own, some), label[some], who[some])
    as_is, home = (pair_features(part[:, chosen.points], chosen) for part in (apex, usual))
    turn = as_is - home
    turn[:, chosen.features // 2 :] -= 2 * np.pi * np.round(turn[:, chosen.features // 2 :] / (2 * np.pi))
    fold = who % 5
    for name, x in (
        ("taught on CK+, static: last frame, linear", as_is),
        ("taught on CK+, less the mean face, linear", turn),
    ):
        found = np.empty(len(label), int)
        for k in range(5):
            found[fold == k] = linear(x[fold != k], label[fold != k], 7)(x[fold == k]).argmax(1)
        out[name] = shares(found, label, who)
    matrix = np.zeros((7, 7), int)
    np.add.at(matrix, (label, told(both, every)), 1)
    out["confusion"] = matrix.tolist()
    out["lost"] = crops.lost
    return out


def _crops(folder: Path, cache: Path | None) -> Crops:
    path = None if cache is None else Path(f"{cache}_ckplus48.npz")
    names = ("points", "label", "subject", "clip", "pixels")
    if path is not None and path.exists():
        with np.load(path) as data:
            return Crops(*(data[name] for name in names), int(data["lost"]))
    crops = read_crops(folder, CK_PLUS)
    if path is not None:
        np.savez(path, **{name: getattr(crops, name) for name in names}, lost=crops.lost)
    return crops


def clips(reader: ShownExpression, count: int = 28) -> dict[str, float]:
    """Simulated clips with blinks and an expression: its phases frame by frame, and whether it is found and named."""
    model, rng = HeadModel.load(), np.random.default_rng(5)
    camera, distance = portrait((256, 256))
    right = two = frames = named = extra = 0
    spent = 0.0
    for number in range(count):
        name = EMOTIONS[number % 7]
        who = np.clip(rng.normal(0, 0.9, 40), -2.6, 2.6).astype(np.float32)
        pose = place(float(rng.normal(0, 8)), float(rng.normal(0, 5)), 0, (0, 0, distance))
        base = Scene(HeadParameters(identity=who), pose, camera)
        made = motion("blink,expression", 4, 30, rng, shown=name)
        points = np.stack([
            camera.project(model.points(s.head) @ s.pose.camera_rotation.T + np.array(s.pose.translation))
            for s in made.scenes(base)
        ])  # fmt: skip
        points = points + rng.normal(0, NOISE, points.shape)
        began = time.process_time()
        track = reader(made.time_s, points)
        spent += time.process_time() - began
        still, _ = reader.upright(points)
        size = magnitude(still, rest(made.time_s, still), reader.preset)
        truth = np.array([PHASES.index(phase) for phase in made.phase["expression"]])
        right += int((phases(made.time_s, size) == truth).sum())
        level = np.where(size > 0.5 * size.max(), 2, 0)
        two += int((level == truth).sum())
        frames += len(truth)
        spans = shown_spans(track)
        event = next(e for e in made.events if e.script == "expression")
        named += any(s.label == name and s.start_s < event.end_s and s.end_s > event.start_s for s in spans)
        extra += sum(s.label != name for s in spans)
    return {"phases": right / frames, "level_only": two / frames, "named": named / count, "wrong": extra / count,
            "clips": count, "ms_per_clip": 1000 * spent / count}  # fmt: skip


def speed(reader: ShownExpression) -> dict[str, float]:
    """Processor time of a sequence."""
    one = np.zeros((1, 4, reader.preset.features), np.float32)
    return {"ms": _milliseconds(lambda: reader.session.run({"changes": one}))}


def _milliseconds(run: Any, times: int = 20) -> float:
    run()
    began = time.process_time()
    for _ in range(times):
        run()
    return 1000 * (time.process_time() - began) / times


def _percent(one: dict[str, float]) -> tuple[str, str, str]:
    return (
        f"{100 * one['accuracy']:.1f} %",
        f"{100 * one['low']:.0f} to {100 * one['high']:.0f} %",
        f"{100 * one['balanced']:.1f} %",
    )


def plot(numbers: dict[str, Any], figure: Any) -> None:
    for axes, (name, matrix, names) in zip(
        figure.subplots(1, 2),
        (("rendered, landmarker's points", numbers["rendered"]["confusion"], CLASSES),
         ("CK+ crops, synthetic training only", numbers["real"]["confusion"], EMOTIONS)),
        strict=True,
    ):  # fmt: skip
        counts = np.array(matrix)
        axes.imshow(counts / counts.sum(1, keepdims=True), cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                axes.text(column, row, count, ha="center", va="center", fontsize=7)
        axes.set_xticks(range(len(names)), names, rotation=60, fontsize=7)
        axes.set_yticks(range(len(names)), names, fontsize=7)
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("named")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="expression")
    parser.add_argument(
        "--cache", type=Path, default=None, help="beginning of the names of files that keep what is done"
    )
    parser.add_argument("--only", default="", help="measure one part into the cache: rendered, real, clips, ...")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    reader = ShownExpression(args.model)
    parts: dict[str, Any] = {
        "rendered": lambda: rendered(reader, args.cache),
        "real": lambda: real(reader, args.cache, data_folder()),
        "clips": lambda: clips(reader),
        "speed": lambda: speed(reader),
        "simulated": simulated,
        "published": published,
    }
    numbers: dict[str, Any] = {}
    for name, measure in parts.items():
        kept = None if args.cache is None else Path(f"{args.cache}_{name}.json")
        if kept is not None and kept.exists():
            numbers[name] = json.loads(kept.read_text())
        elif args.only in ("", name):
            numbers[name] = measure()
            print(name, numbers[name], flush=True)
            if kept is not None:
                kept.write_text(json.dumps(numbers[name]))
    if args.only:
        return
    tables = []
    for title, part in (
        (f"Simulated, {PEOPLE} people in {FOLDS} folds, 7 expressions (chance 14 %), {NOISE} px", "simulated"),
        (f"Rendered, {RENDERED} people, never learned from (chance 14 %)", "rendered"),
        ("CK+ crops, 48 px, people never learned from (chance 14 %)", "real"),
    ):
        rows = tuple((name, *_percent(one)) for name, one in numbers[part].items() if isinstance(one, dict))
        tables.append(Table(title, ("method", "accuracy", "95 % by people", "mean over classes"), rows))
    clip, net, folds = numbers["clips"], numbers["published"], numbers["simulated"]
    gain = folds["changes, small network"]["accuracy"] - folds["raw features, same network"]["accuracy"]
    rows = (
        ("points, pairs, tensor of the 61 set", "61, 1456, (4, 2912)", "the same"),
        ("published net: dense layers; with its cell", f"{net['numbers'] - 320:,}; {net['numbers']:,}", "49,817,607"),
        ("changes instead of raw features", f"{100 * gain:+.1f} points", "at least +5"),
        (
            "a sequence on one core: small; published",
            f"{numbers['speed']['ms']:.2f}; {net['ms']:.1f} ms",
            "below 15 ms",
        ),
        (
            f"phases in {clip['clips']:.0f} clips, frames right; two levels only",
            f"{100 * clip['phases']:.1f} %; {100 * clip['level_only']:.1f} %",
            "-",
        ),
        ("expressions in clips named right; others, a clip", f"{100 * clip['named']:.0f} %; {clip['wrong']:.2f}", "-"),
    )
    tables.append(Table("Checks", ("check", "measured", "wanted"), rows))
    result = Result(
        name="expression", title="Sequential geometric expression: shown, not felt",
        command="python benchmarks/expression.py", tables=tuple(tables), numbers=numbers,
        notes=(
            "Simulated and rendered people show textbook recipes of action units; real people do not keep to them.",
            "Of CK+ the shared data have the last three frames of each sequence: rest is guessed from other faces,",
            "frames between rest and apex are drawn. This is no measurement of sequences of real people.",
            "The shipped network has seen no real face.",
        ),
        plots={"confusion": lambda figure: plot(numbers, figure)},
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
