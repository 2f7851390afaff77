"""A binary state from landmarks and pixels: does the gate find the cue, and what do leaky splits hide?

    python benchmarks/intoxication.py [--steps 300] [--cache NAME] [--only PART] [--write]

Synthetic people only, whose cue (slowed, uneven dynamics) lies where we put it. No state of anybody is measured here.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasion.clinic.binary_state import NOTICE
from nasion.core import FloatArray
from nasion.metrics import roc_auc
from nasion.report.bench.result import Result, Table, publish
from nasion.train import fit
from nasion.train.intoxication import BOTH, Intoxication, told
from nasion.train.state_clips import Clips, Cue, synthetic
from nasion.train.state_scores import StateScores, check_disjoint, state_scores

PEOPLE, HELD, EACH = 60, 30, 2
LANDMARKS, PIXELS = (True, False), (False, True)
FUSED = "cue in both: fused"
CUES: tuple[Cue, ...] = ("both", "landmarks", "pixels", "none")
NAMES = ("nodes", "crops", "have", "label", "subject")


@cache
def drawn_clips(seed: int, people: int, folder: Path | None) -> dict[Cue, Clips]:
    """Synthetic people, kept as arrays where there is a cache."""
    path = None if folder is None else Path(f"{folder}_clips{seed}.npz")
    if path is None or not path.exists():
        made = synthetic(seed, people, EACH)
        if path is not None:
            np.savez(path, **{f"{cue} {name}": getattr(one, name) for cue, one in made.items() for name in NAMES})
        return made
    with np.load(path, allow_pickle=False) as data:
        every = {cue: [data[f"{cue} {name}"] for name in NAMES] for cue in CUES}
    return {cue: Clips(*arrays, ("",) * len(arrays[-1])) for cue, arrays in every.items()}


def trained(clips: Clips, steps: int, branches: tuple[bool, bool] = BOTH, seed: int = 0) -> Any:
    """A network of modest size on these clips."""
    recipe = Intoxication(branches, heads=2, width=8, out=32)
    began = time.process_time()
    net = fit(recipe, recipe.take(clips), steps=steps, seed=seed, threads=1).model
    print(f"{branches} {steps} steps in {time.process_time() - began:.0f} s", flush=True)
    return net


def told_of(net: Any, clips: Clips, have: tuple[bool, bool] = BOTH) -> dict[str, Any]:
    """Scores and the mean weight of landmarks."""
    probability, gates = told(net, clips, have)
    return {**_plain(state_scores(probability, clips.label, clips.subject)), "landmarks": float(gates[:, 0].mean())}


def by_hand(learn: Clips, held: Clips) -> dict[str, Any]:
    """A baseline without learning: how little the lids are open, how unlike; the threshold from the learning part."""

    def lids(clips: Clips) -> FloatArray:
        y = clips.nodes[..., 1]
        right, left = (
            y[..., low].mean(-1) - y[..., up].mean(-1) for up, low in (((37, 38), (40, 41)), ((43, 44), (46, 47)))
        )
        return np.asarray(np.abs(right - left).mean((1, 2)) - (right + left).mean((1, 2)))

    score, middle = lids(held), np.median(lids(learn))
    return _plain(state_scores(1 / (1 + np.exp(-20 * (score - middle))), held.label, held.subject))


def leak(split: str, steps: int, folder: Path | None) -> dict[str, Any]:
    """A set without any cue where each person has one label; clips split by chance, or people split."""
    calm, rng = drawn_clips(2, 40, folder)["none"], np.random.default_rng(0)
    people = rng.permutation(np.unique(calm.subject))
    clips = calm.relabelled(np.isin(calm.subject, people[:20]).astype(int))
    if split == "clips":
        held = np.zeros(len(clips), bool)
        for who in people:  # a clip of everybody
            held[rng.choice(np.flatnonzero(clips.subject == who))] = True
    else:
        held = np.isin(clips.subject, np.concatenate([people[:8], people[-8:]]))
        check_disjoint(clips.subject[~held], clips.subject[held])
    net, test = trained(clips.part(np.flatnonzero(~held)), steps), clips.part(np.flatnonzero(held))
    return {"auc": roc_auc(told(net, test)[0], test.label == 1), "clips": len(test)}


def _plain(scores: StateScores) -> dict[str, float]:
    return {"auc": scores.auc.value, "low": scores.auc.low, "high": scores.auc.high, "accuracy": scores.accuracy.value}


def parts(steps: int, folder: Path | None) -> dict[str, Callable[[], dict[str, Any]]]:
    """Name to what measures it; any may be measured alone."""

    def fused(cue: Cue, branches: tuple[bool, bool] = BOTH) -> dict[str, Any]:
        learn, held = drawn_clips(0, PEOPLE, folder)[cue], drawn_clips(1, HELD, folder)[cue]
        net = trained(learn, steps, branches)
        found = told_of(net, held, branches)
        if cue == "both" and branches == BOTH:
            found |= {"without pixels": told_of(net, held, LANDMARKS), "without landmarks": told_of(net, held, PIXELS)}
        return found

    def shuffled(seed: int) -> dict[str, Any]:
        learn = drawn_clips(0, PEOPLE, folder)["both"]
        label = np.random.default_rng(seed).permutation(learn.label)
        return told_of(trained(learn.relabelled(label), steps // 2, seed=seed), drawn_clips(1, HELD, folder)["both"])

    return {
        "cue in both: lids by hand": lambda: by_hand(
            drawn_clips(0, PEOPLE, folder)["both"], drawn_clips(1, HELD, folder)["both"]
        ),
        FUSED: lambda: fused("both"),
        "cue in both: landmarks alone": lambda: fused("both", LANDMARKS),
        "cue in both: pixels alone": lambda: fused("both", PIXELS),
        "cue in landmarks only: fused": lambda: fused("landmarks"),
        "cue in pixels only: fused": lambda: fused("pixels"),
        "labels shuffled, first": lambda: shuffled(0),
        "labels shuffled, second": lambda: shuffled(1),
        "no cue, clips split": lambda: leak("clips", steps, folder),
        "no cue, people split": lambda: leak("people", steps, folder),
    }


def _row(name: str, one: dict[str, Any]) -> tuple[str, ...]:
    interval = f"{one['auc']:.3f} [{one['low']:.3f}, {one['high']:.3f}]" if "low" in one else f"{one['auc']:.3f}"
    accuracy = f"{100 * one['accuracy']:.0f} %" if "accuracy" in one else "-"
    return name, interval, accuracy, f"{one['landmarks']:.2f}" if "landmarks" in one else "-"


def plot(numbers: dict[str, Any], figure: Any) -> None:
    axes = figure.subplots()
    names = [name for name in numbers if isinstance(numbers[name], dict)]
    for row, name in enumerate(names):
        one = numbers[name]
        axes.plot([one.get("low", one["auc"]), one.get("high", one["auc"])], [row, row], color="#2563eb")
        axes.plot(one["auc"], row, "o", color="#2563eb")
    axes.axvline(0.5, color="#9aa3af", linestyle=":")
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("area under the curve, 95 % by people")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--cache", type=Path, default=None, help="beginning of the name of the file that keeps parts")
    parser.add_argument("--only", type=int, default=None, help="measure one part, by number, into the cache")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    numbers: dict[str, Any] = {"steps": args.steps}
    for number, (name, measure) in enumerate(parts(args.steps, args.cache).items()):
        kept = None if args.cache is None else Path(f"{args.cache}_{number}.json")
        if kept is not None and kept.exists():
            numbers[name] = json.loads(kept.read_text())
        elif args.only in (None, number):
            numbers[name] = measure()
            print(name, numbers[name], flush=True)
            if kept is not None:
                kept.write_text(json.dumps(numbers[name]))
    if args.only is not None:
        return
    both = numbers[FUSED]
    rows = [_row(name, one) for name, one in numbers.items() if isinstance(one, dict)]
    rows[2:2] = [_row(f"the same, {n} in the test", both[n]) for n in ("without pixels", "without landmarks")]
    single = max(numbers[f"cue in both: {n} alone"]["auc"] for n in ("landmarks", "pixels"))
    gate_l, gate_v = (numbers[f"cue in {n} only: fused"]["landmarks"] for n in ("landmarks", "pixels"))
    by_chance = np.mean([numbers[f"labels shuffled, {n}"]["auc"] for n in ("first", "second")])
    lost = [both["auc"] - both[n]["auc"] for n in ("without pixels", "without landmarks")]
    leaky, apart = (numbers[f"no cue, {n} split"]["auc"] for n in ("clips", "people"))
    checks = (
        ("weight of landmarks where only they have the cue", f"{gate_l:.2f}", "at least 0.70"),
        ("weight of pixels where only they have the cue", f"{1 - gate_v:.2f}", "at least 0.70"),
        ("labels shuffled, mean AUC of two", f"{by_chance:.3f}", "0.45 to 0.55"),
        ("cue in both, fused: AUC", f"{both['auc']:.3f}", "at least 0.95"),
        ("fused less the better branch alone", f"{both['auc'] - single:+.3f}", "a tie, or +0.01"),
        ("AUC lost without pixels; without landmarks", f"{lost[0]:.3f}; {lost[1]:.3f}", "below 0.15"),
        ("no cue, one label a person: clips split; people split", f"{leaky:.2f}; {apart:.2f}", "the first higher"),
    )
    columns = ("method", "AUC, 95 % by people", "accuracy", "weight of landmarks")
    title = f"{HELD} people never learned from, {4 * HELD} clips; {PEOPLE} people to learn from"
    result = Result(
        name="intoxication", title="A binary state by gated fusion: the mechanism, on synthetic people",
        command=f"python benchmarks/intoxication.py --steps {args.steps}",
        tables=(Table(title, columns, tuple(rows)), Table("Checks", ("check", "measured", "wanted"), checks)),
        numbers=numbers,
        notes=(
            NOTICE,
            "Landmarks are the mesh's with noise, crops are painted flat: a test of the mechanism, not of faces.",
        ),
        plots={"auc": lambda figure: plot(numbers, figure)},
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
