"""Imitation of expressions: does a code without the person in it carry over what landmarks do not?

    python benchmarks/pengrui.py [--groups 100] [--steps 900] [--keep imitation.onnx] [--write]

Everything is synthetic, so what a face should show is known: the target's own points under the source's action units.
Trained on some people, measured on others, on four simulated robots that neither knows.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasion.core import FloatArray
from nasion.expression.imitation import ActuatorMap, Decoupler, Imitator, LinearDecoupler, LinearFace, RobotFace, babble
from nasion.expression.imitation.linear import UNITS, head_face
from nasion.expression.imitation.shape import normalised
from nasion.report.bench.result import Result, Table, publish
from nasion.synth.model import HeadModel
from nasion.synth.parameters import N_IDENTITY, HeadParameters
from nasion.train import fit
from nasion.train.pengrui import Pengrui, export
from nasion.train.pengrui_faces import Units, grid, observed, person, shape, units

PEOPLE, SHOWN, SEED = 50, 12, 4242
SOURCES = 4  # of the people imitate on every robot
BABBLE = 400
RATIO = 1.2  # of jaw to eye width, against the mean face
JAW, EYES = (172, 397), ((33, 133), (263, 362))
NOT_MOVED = (23, 28)  # units that the robots have no motor for
TURN = 0.5  # degrees that are left by the alignment, spread
NOISE = 0.005  # of the points that methods are given, distances between the eyes
METHODS = {
    "landmarks": "landmarks laid on landmarks",
    "displacement": "landmarks' displacement from the person's rest",
    "linear": "linear code, one frame",
    "linear, met": "linear code, person's rest known",
    "learned": "learned code, one frame",
    "learned, met": "learned code, person's rest known",
}


def proportion(face: FloatArray) -> float:
    """Jaw width over eye width."""
    width = [np.linalg.norm(face[a] - face[b]) for a, b in (JAW, *EYES)]
    return float(width[0] / np.mean(width[1:]))


def out_of_proportion(ratio: float = RATIO) -> HeadParameters:
    """The likeliest head whose jaw is ``ratio`` times as wide for its eyes as the mean face's."""
    model = HeadModel.load()
    code = np.zeros(N_IDENTITY, np.float32)
    aim = np.log(proportion(model.neutral(HeadParameters())) * ratio)
    for _ in range(8):
        here = np.log(proportion(model.neutral(HeadParameters(identity=code))))
        step = np.eye(N_IDENTITY, dtype=np.float32) * 0.05
        slope = (
            np.array([np.log(proportion(model.neutral(HeadParameters(identity=code + d)))) - here for d in step]) / 0.05
        )
        code = code + (slope * (aim - here) / (slope @ slope)).astype(np.float32)
    return HeadParameters(identity=code, hair="bald")


def probe(codes: FloatArray, labels: FloatArray, learn: Any, seed_parts: int = 64) -> float:
    """Share of the rest named right by linear discriminant analysis on the rows ``learn``."""
    centred = codes - codes[learn].mean(0)
    if centred.shape[1] > seed_parts:
        _, _, directions = np.linalg.svd(centred[learn], full_matrices=False)
        centred = centred @ directions[:seed_parts].T
    kinds = np.unique(labels)
    means = np.stack([centred[learn & (labels == k)].mean(0) for k in kinds])
    inside = centred[learn] - means[np.searchsorted(kinds, labels[learn])]
    spread = inside.T @ inside / len(inside)
    spread += 0.01 * np.trace(spread) / len(spread) * np.eye(len(spread))
    weights = np.linalg.solve(spread, means.T)
    score = centred @ weights - (means.T * weights).sum(0) / 2
    return float((kinds[score.argmax(1)] == labels)[~learn].mean())


def linear_case() -> dict[str, float]:
    """Sliders recovered where the bases are known: the head's own, each unit on both sides."""
    whole = head_face()
    names = tuple(f"au{unit}" for unit in UNITS if unit not in NOT_MOVED)
    both = np.stack([whole.expression[[n.partition("_")[0] == name for n in whole.names]].sum(0) for name in names])
    face, rng = LinearFace(whole.mean, whole.identity, both, names), np.random.default_rng(1)
    exact, noisy = 0.0, []
    for _ in range(20):
        who, sliders = rng.normal(0, 1, N_IDENTITY), np.where(rng.random(len(names)) < 0.4, rng.random(len(names)), 0)
        rest, seen = face.shape(who, 0 * sliders), face.shape(who, sliders)
        exact = max(exact, float(np.abs(face.sliders(seen, rest) - sliders).max()))
        frames = np.median([rest + rng.normal(0, 0.01, rest.shape) for _ in range(15)], axis=0)
        noisy.append(np.abs(face.sliders(seen + rng.normal(0, 0.01, seen.shape), frames) - sliders).mean())
    return {"exact_max": exact, "noise_mean": float(np.mean(noisy)), "sliders": float(len(names))}


def world() -> dict[str, Any]:
    """Test people, their expressions, and what is seen of them."""
    rng = np.random.default_rng(SEED)
    people = [person(rng) for _ in range(PEOPLE)]
    shown: list[Units] = [units(rng) for _ in range(SHOWN)]
    shown = [{u: pair for u, pair in one.items() if u not in NOT_MOVED} for one in shown]
    true = np.stack([[shape(who, one, rng) for one in shown] for who in people])
    rest = np.stack([[shape(who, {}, rng) for _ in range(9)] for who in people])
    seen = observed(true, rng, NOISE, 0.0, TURN)
    return {"people": people, "shown": shown, "seen": seen, "rest": observed(rest, rng, NOISE, 0.0, TURN)}


def robots() -> dict[str, RobotFace]:
    rng = np.random.default_rng(SEED + 1)
    return {
        "mean face": RobotFace.drawn(1),
        f"jaw {RATIO:g} times as wide for its eyes": RobotFace.drawn(2, out_of_proportion()),
        "jaw 0.8 times as wide": RobotFace.drawn(3, out_of_proportion(0.8)),
        "a random person": RobotFace.drawn(4, HeadParameters(identity=person(rng), hair="bald")),
    }


def wanted_points(robot: RobotFace, one: Units) -> FloatArray:
    """(468, 3) the target's own shape under the source's action units."""
    head = HeadParameters(identity=robot.head.identity, expression=one)
    return np.asarray(normalised(HeadModel.load().points(head)))


def transfer(data: dict[str, Any], linear: LinearDecoupler, learned: Decoupler) -> dict[str, dict[str, float]]:
    """Expression error of each method on each robot; and the error in the learned code."""
    found: dict[str, dict[str, float]] = {}
    read = {"linear": linear, "learned": learned}
    for name, robot in robots().items():
        commands = babble(len(robot.names), BABBLE, 5)
        shapes = robot.shapes(commands)
        maps = {"points": ActuatorMap.fit(commands, shapes.reshape(len(shapes), -1), robot.names)}
        maps |= {k: ActuatorMap.fit(commands, d.codes(shapes), robot.names) for k, d in read.items()}
        errors: dict[str, list[float]] = {method: [] for method in METHODS}
        in_code: dict[str, list[float]] = {method: [] for method in METHODS}
        rest_shape = wanted_points(robot, {})
        for who in range(SOURCES):
            seen, rest = data["seen"][who], np.median(data["rest"][who], axis=0)
            flat = seen.reshape(len(seen), -1)
            codes = {k: d.codes(seen) for k, d in read.items()}
            home = {k: np.median(d.codes(data["rest"][who]), axis=0) for k, d in read.items()}
            for b, one in enumerate(data["shown"]):
                wants = {
                    "landmarks": ("points", flat[b] - maps["points"].rest),
                    "displacement": ("points", flat[b] - rest.reshape(-1)),
                    "linear": ("linear", codes["linear"][b] - maps["linear"].rest),
                    "linear, met": ("linear", codes["linear"][b] - home["linear"]),
                    "learned": ("learned", codes["learned"][b] - maps["learned"].rest),
                    "learned, met": ("learned", codes["learned"][b] - home["learned"]),
                }
                aim = wanted_points(robot, one)
                size = np.linalg.norm(aim - rest_shape)
                told = {method: maps[space].commands(change) for method, (space, change) in wants.items()}
                got = robot.shapes(np.stack(list(told.values())))
                target = learned.codes(np.concatenate([got, rest_shape[None]]))
                source = codes["learned"][b] - home["learned"]
                for method, at, code in zip(told, got, target, strict=False):
                    errors[method].append(float(np.linalg.norm(at - aim) / size))
                    in_code[method].append(float(np.linalg.norm(code - target[-1] - source) / np.linalg.norm(source)))
        found[name] = {method: float(np.mean(values)) for method, values in errors.items()}
        found[name] |= {f"{method}: code": float(np.mean(values)) for method, values in in_code.items()}
        print(name, found[name], flush=True)
    return found


def leakage(data: dict[str, Any], learned: Decoupler) -> dict[str, float]:
    """Who is it? From landmarks, from the code of one frame, from the code less the person's rest. And what, from m?"""
    seen = data["seen"].reshape(-1, 468, 3)
    who, what = np.repeat(np.arange(PEOPLE), SHOWN), np.tile(np.arange(SHOWN), PEOPLE)
    codes = learned.codes(seen)
    home = np.stack([np.median(learned.codes(rest), axis=0) for rest in data["rest"]])
    learn = what % 3 != 0  # told apart by expressions that the probe has not seen
    others = who % 3 != 0
    return {
        "landmarks": probe(seen.reshape(len(seen), -1), who, learn),
        "code": probe(codes, who, learn),
        "code, met": probe(codes - home[who], who, learn),
        "person": probe(learned.people(seen), who, learn),
        "expression from person": probe(learned.people(seen), what, others),
        "expression from code": probe(codes, what, others),
        "chance": 1 / PEOPLE,
        "chance of expressions": 1 / SHOWN,
    }


def calm_and_limits(data: dict[str, Any], learned: Decoupler) -> dict[str, float]:
    """Commands for faces at rest; limits and rates over a wild clip; the time of a frame."""
    robot = robots()["a random person"]
    commands = babble(len(robot.names), BABBLE, 5)
    mapped = ActuatorMap.fit(commands, learned.codes(robot.shapes(commands)), robot.names)
    single, met = [], []
    for rest in data["rest"]:
        imitator = Imitator(learned, mapped)
        single.append(np.abs(imitator(rest[0]).commands).max())
        imitator.meet(rest[1:])
        met.append(np.abs(imitator(rest[0]).commands).max())
    imitator = Imitator(learned, mapped, rate=6.0)
    began = time.process_time()
    told = [imitator(data["seen"][k % PEOPLE, k % SHOWN], k / 60).commands for k in range(240)]
    spent = (time.process_time() - began) / 240
    steps = np.abs(np.diff(told, axis=0)).max()
    return {
        "rest_one_frame_max": float(np.max(single)), "rest_one_frame_mean": float(np.mean(single)),
        "rest_met_max": float(np.max(met)), "lowest": float(np.min(told)), "highest": float(np.max(told)),
        "fastest_per_frame": float(steps), "allowed_per_frame": 6.0 / 60, "ms": 1000 * spent,
    }  # fmt: skip


def plot(numbers: dict[str, Any], figure: Any) -> None:
    axes = figure.subplots()
    names = list(numbers["transfer"])
    for k, method in enumerate(METHODS):
        values = [100 * numbers["transfer"][name][method] for name in names]
        axes.bar(np.arange(len(names)) + 0.13 * (k - 2.5), values, 0.12, label=METHODS[method])
    axes.set_xticks(range(len(names)), [name.replace(" times", "\ntimes") for name in names], fontsize=7)
    axes.set_ylabel("expression error on the target, %")
    axes.legend(fontsize=6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--keep", type=Path, default=None, help="keep the network here, and go on with it next time")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        kept, trained = args.keep or Path(folder) / "imitation.onnx", 0.0
        if not kept.exists():
            began, recipe = time.process_time(), Pengrui()
            net = fit(recipe, recipe.take(grid(0, args.groups)), steps=args.steps, seed=0, threads=1).model
            trained = time.process_time() - began
            print(f"trained in {trained:.0f} s", flush=True)
            export(net, kept)
        learned = Decoupler(kept)
        data = world()
        numbers: dict[str, Any] = {"steps": args.steps, "groups": args.groups, "cpu_s": round(trained) or None}
        numbers["linear"] = linear_case()
        numbers["leakage"] = leakage(data, learned)
        print(numbers, flush=True)
        numbers["calm"] = calm_and_limits(data, learned)
        print(numbers["calm"], flush=True)
        numbers["transfer"] = transfer(data, LinearDecoupler(), learned)
    percent = tuple(
        (METHODS[m], *(f"{100 * numbers['transfer'][r][m]:.0f}" for r in numbers["transfer"]),
         f"{100 * np.mean([t[f'{m}: code'] for t in numbers['transfer'].values()]):.0f}")
        for m in METHODS
    )  # fmt: skip
    leak, calm, line = numbers["leakage"], numbers["calm"], numbers["linear"]
    checks = (
        ("linear, bases known: largest slider error without noise", f"{line['exact_max']:.1e}", "below 1e-6"),
        ("the same with 1 % noise: mean slider error", f"{line['noise_mean']:.3f}", "below 0.03"),
        (f"who of {PEOPLE} is it, from landmarks", f"{100 * leak['landmarks']:.0f} %", "above 90 %"),
        ("from the code of one frame", f"{100 * leak['code']:.1f} %", f"at most {150 / PEOPLE:.1f} %"),
        ("from the code less the person's rest", f"{100 * leak['code, met']:.1f} %", f"at most {150 / PEOPLE:.1f} %"),
        ("from the morphology code", f"{100 * leak['person']:.0f} %", "-"),
        (f"which of {SHOWN} expressions, from the morphology code", f"{100 * leak['expression from person']:.1f} %",
         f"chance {100 / SHOWN:.1f} %"),
        ("from the expression code", f"{100 * leak['expression from code']:.0f} %", "-"),
        ("faces at rest: largest command, person met", f"{calm['rest_met_max']:.3f}", "below 0.05"),
        ("the same from one frame of a stranger, largest (mean)",
         f"{calm['rest_one_frame_max']:.3f} ({calm['rest_one_frame_mean']:.3f})", "below 0.05"),
        ("commands of a wild clip, lowest and highest", f"{calm['lowest']:.2f}, {calm['highest']:.2f}", "0..1"),
        ("largest step of a command per frame", f"{calm['fastest_per_frame']:.3f}",
         f"at most {calm['allowed_per_frame']:.3f}"),
        ("CPU time of a frame, ms", f"{calm['ms']:.2f}", "below 3"),
    )  # fmt: skip
    flags = f"--groups {args.groups} --steps {args.steps}"
    result = Result(
        name="pengrui", title="Morphology-independent imitation of expressions",
        command=f"python benchmarks/pengrui.py {flags} --write",
        tables=(
            Table("Expression error on the target, %", ("method", *numbers["transfer"], "error in the code"), percent),
            Table("Checks", ("what", "measured", "wanted"), checks),
        ),
        numbers=numbers,
        notes=(
            "All is simulated: synthetic people, and robots with dead zones, bent curves, limits and cross-talk.",
            "Expression error: distance of the target's points from its own points under the source's action units,",
            "over how far these move from rest. Only in a simulation can it be known.",
            f"{SOURCES} people, {SHOWN} expressions each; points off by {100 * NOISE:g} % of the eyes' distance,",
            f"heads turned by {TURN:g}°.",
            "The error in the code is measured by the learned network itself: kind to the learned methods.",
        ),
        plots={"transfer": lambda figure: plot(numbers, figure)},
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
