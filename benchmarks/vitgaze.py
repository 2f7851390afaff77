"""Gaze following on rendered scenes: ViTGaze's network in small, the cone, and looking at the middle.

    python benchmarks/vitgaze.py [--minutes 7 | --cone] [--keep model.onnx] [--work DIR] [--write]

Scenes of 64 px with one head that looks at an object, at another head or out of the picture; people never seen. The
cone is given the true line of sight and the true boxes of all objects and heads, so it says what geometry alone can
do; the network gets pixels and the box of the head.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from foveated import heads_of
from nasion.core import Box
from nasion.gaze.following import look_along, saliency
from nasion.metrics.following import FollowingScore
from nasion.report.bench.result import Result, Table, publish
from nasion.train.gaze_scenes import SIDE, GazeScene
from nasion.train.vitgaze import HELD, HELD_PEOPLE, PEOPLE, POOL, Followed, evaluate, make_scenes, train_vitgaze

GAZE_ERROR = 12.0  # degrees, about what the landmark gaze reader is off by on rendered heads


def by_cone(scenes: list[GazeScene], *, known: bool, seed: int = 0, error: float = 0.0) -> FollowingScore:
    """The cone, with boxes of the things or with saliency alone, and the line of sight off by ``error`` degrees."""
    rng, maps, inside = np.random.default_rng(seed), [], []
    for scene in scenes:
        gaze = scene.gaze
        if error:
            gaze = gaze + np.tan(np.radians(error)) * rng.normal(0, 0.8, 3)
            gaze = gaze / np.linalg.norm(gaze)
        things = [Box(*box) for box in scene.things] if known else []
        found = look_along(scene.eyes, gaze[:2], (SIDE, SIDE), things, standing_out=saliency(scene.image))
        maps.append(found.heatmap)
        inside.append(found.inside)
    return evaluate(np.stack(maps), np.array(inside), scenes)


def fixed(scenes: list[GazeScene]) -> FollowingScore:
    """The middle of the picture, whoever looks."""
    at = np.arange(SIDE) - (SIDE - 1) / 2
    bell = np.exp(-0.5 * (at / (SIDE / 6)) ** 2)
    return evaluate(np.repeat(np.outer(bell, bell)[None], len(scenes), 0), np.full(len(scenes), 0.7), scenes)


def flipped(trained: Followed, scenes: list[GazeScene]) -> float:
    """Mean correlation of maps with those of the scenes the other way round."""
    here = [scene for scene in scenes if scene.inside]
    maps, _ = trained.predict(here)
    other, _ = trained.predict([scene.mirror() for scene in here])
    return float(np.mean([np.corrcoef(a.ravel(), b[:, ::-1].ravel())[0, 1] for a, b in zip(maps, other, strict=True)]))


def row(name: str, score: FollowingScore) -> tuple[Any, ...]:
    outside = score.outside if np.isfinite(score.outside) else None
    return name, score.auc, score.distance, outside


def plot(trained: Followed, scenes: list[GazeScene], figure: Any) -> None:
    shown = scenes[:8]
    maps, inside = trained.predict(shown)
    for axes, scene, heat, chance in zip(figure.subplots(2, 4).ravel(), shown, maps, inside, strict=True):
        axes.imshow(scene.image)
        axes.imshow(heat, alpha=0.45, cmap="inferno")
        x0, y0, x1, y1 = scene.heads[0]
        axes.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color="yellow", linewidth=1)
        if scene.inside:
            axes.plot(*scene.target, "+", color="cyan", markersize=9)
        axes.set_title(f"inside {100 * chance:.0f} %", fontsize=8)
        axes.axis("off")


def train(args: argparse.Namespace) -> Followed:
    learn = make_scenes(heads_of(1, PEOPLE, args.work), POOL, 0)
    steps = [0]

    def show(done: float, terms: dict[str, float]) -> None:
        steps[0] += 1
        if steps[0] % 100 == 0:
            print(round(done, 3), {name: round(value, 1) for name, value in terms.items()}, flush=True)

    trained = train_vitgaze(learn, minutes=args.minutes, threads=1, report=show, clock=time.process_time)
    if args.keep:
        trained.export(args.keep)
    return trained


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=7.0, help="CPU minutes of training")
    parser.add_argument("--keep", type=Path, default=None, help="write the network here")
    parser.add_argument("--cone", action="store_true", help="leave the network out: the cone and the middle alone")
    parser.add_argument("--work", type=Path, default=None, help="folder that keeps rendered heads between runs")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    held = make_scenes(heads_of(99, HELD_PEOPLE, args.work), HELD, 1)
    trained = None if args.cone else train(args)
    found: dict[str, FollowingScore] = {}
    if trained is not None:
        found["ViTGaze in small"] = evaluate(*trained.predict(held), held)
    found |= {
        "cone, true gaze, true boxes": by_cone(held, known=True),
        f"cone, gaze off by {GAZE_ERROR:g} degrees": by_cone(held, known=True, error=GAZE_ERROR),
        "cone, true gaze, saliency only": by_cone(held, known=False),
        "middle of the picture": fixed(held),
    }
    for name, score in found.items():
        print(name, score, flush=True)
    people = found["middle of the picture"].people
    notes, numbers, plots = list[str](), dict[str, Any](), {}
    if trained is not None:
        flip = flipped(trained, held)
        numbers = {"minutes": args.minutes, "steps": trained.steps, "flip_correlation": flip}
        notes = [
            f"{trained.steps} steps in {args.minutes:g} CPU minutes on one core, one seed.",
            f"Maps of mirrored scenes, mirrored back: mean correlation {flip:.3f}.",
        ]
        plots = {"scenes": lambda figure: plot(trained, held, figure)}
    result = Result(
        name="vitgaze", title="Gaze following on rendered scenes",
        command=f"python benchmarks/vitgaze.py {'--cone' if args.cone else f'--minutes {args.minutes:g}'} --write",
        tables=(
            Table(
                f"{HELD} scenes of {HELD_PEOPLE} people never seen, {people} of them with the target inside",
                ("system", "AUC", "distance, picture sides", "AP of looking outside"),
                tuple(row(name, score) for name, score in found.items()),
            ),
        ),
        numbers={
            **numbers,
            "systems": {
                name: {"auc": s.auc, "distance": s.distance, "outside": s.outside if np.isfinite(s.outside) else None}
                for name, s in found.items()
            },
        },
        notes=(
            *notes,
            f"A random guess has an AP of {(HELD - people) / HELD:.2f}.",
            "The cone's rows with true gaze are what geometry can do, not what it does on photos.",
        ),
        plots=plots,
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
