"""Gaze following on rendered scenes: ViTGaze's network in small, the cone, and looking at the middle.

    python benchmarks/vitgaze.py [--minutes 20 | --model FILE | --cone] [--keep FILE] [--work DIR] [--write]

Scenes of 64 px with one head that looks at an object, at another head or out of the picture; people never seen. The
cone is given the true line of sight and the true boxes of all objects and heads, so it says what geometry alone can
do; the network gets pixels and the box of the head, and looks at a scene both ways round unless said otherwise.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from foveated import heads_of
from nasion.core import Box, FloatArray
from nasion.gaze.following import GazeFollower, look_along, saliency
from nasion.metrics.following import FollowingScore
from nasion.report.bench.result import Result, Table, publish
from nasion.train.gaze_scenes import SIDE, GazeScene
from nasion.train.vitgaze import HELD, HELD_PEOPLE, PEOPLE, POOL, evaluate, make_scenes, train_vitgaze

SMALL = "ViTGaze in small"
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


def told(follower: GazeFollower, scenes: list[GazeScene]) -> tuple[FloatArray, FloatArray]:
    """Maps and chances of looking inside that the exported file gives for each scene's first head."""
    found = [follower.read(scene.image, [Box(*scene.heads[0].tolist())])[0] for scene in scenes]
    return np.stack([one.heatmap for one in found]), np.array([one.inside for one in found])


def flips(follower: GazeFollower, scenes: list[GazeScene]) -> FloatArray:
    """Correlation of each map with that of the scene the other way round, of those whose target is inside.

    For a follower that looks once: one that looks both ways gives the same map by construction.
    """
    here = [scene for scene in scenes if scene.inside]
    maps, other = told(follower, here)[0], told(follower, [scene.mirror() for scene in here])[0]
    return np.array([np.corrcoef(a.ravel(), b[:, ::-1].ravel())[0, 1] for a, b in zip(maps, other, strict=True)])


def row(name: str, score: FollowingScore) -> tuple[Any, ...]:
    outside = score.outside if np.isfinite(score.outside) else None
    return name, score.auc, score.distance, outside


def plot(follower: GazeFollower, scenes: list[GazeScene], figure: Any) -> None:
    shown = scenes[:8]
    for axes, scene, heat, chance in zip(figure.subplots(2, 4).ravel(), shown, *told(follower, shown), strict=True):
        axes.imshow(scene.image)
        axes.imshow(heat, alpha=0.45, cmap="inferno")
        x0, y0, x1, y1 = scene.heads[0]
        axes.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color="yellow", linewidth=1)
        if scene.inside:
            axes.plot(*scene.target, "+", color="cyan", markersize=9)
        axes.set_title(f"inside {100 * chance:.0f} %", fontsize=8)
        axes.axis("off")


def train(args: argparse.Namespace, file: Path) -> Path:
    """Train, and write the file."""
    learn = make_scenes(heads_of(1, PEOPLE, args.work), POOL, 0)
    steps = [0]

    def show(done: float, terms: dict[str, float]) -> None:
        steps[0] += 1
        if steps[0] % 100 == 0:
            print(round(done, 3), {name: round(value, 1) for name, value in terms.items()}, flush=True)

    clock = time.process_time
    return train_vitgaze(learn, minutes=args.minutes, threads=1, report=show, clock=clock).export(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0, help="CPU minutes of training")
    parser.add_argument("--keep", type=Path, default=None, help="write the network here")
    parser.add_argument("--model", type=Path, default=None, help="score this network, which an earlier run has kept")
    parser.add_argument("--cone", action="store_true", help="leave the network out: the cone and the middle alone")
    parser.add_argument("--work", type=Path, default=None, help="folder that keeps rendered heads between runs")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    held = make_scenes(heads_of(99, HELD_PEOPLE, args.work), HELD, 1)
    file = args.model
    with TemporaryDirectory() as folder:
        if file is None and not args.cone:
            file = train(args, args.keep or Path(folder) / "gaze.onnx")
        report(args, held, file)


def report(args: argparse.Namespace, held: list[GazeScene], file: Path | None) -> None:
    """Score, print and write; without a file the cone and the middle alone."""
    found: dict[str, FollowingScore] = {}
    follower = once = None
    if file is not None:
        follower, once = (GazeFollower(file, both_ways=both) for both in (True, False))
        found[SMALL] = evaluate(*told(follower, held), held)
        found[f"{SMALL}, one way"] = evaluate(*told(once, held), held)
    found |= {
        "cone, true gaze, true boxes": by_cone(held, known=True),
        f"cone, gaze off by {GAZE_ERROR:g} degrees": by_cone(held, known=True, error=GAZE_ERROR),
        "cone, true gaze, saliency only": by_cone(held, known=False),
        "middle of the picture": fixed(held),
    }
    people = found["middle of the picture"].people
    notes, numbers, plots, checks, way = list[str](), dict[str, Any](), {}, list[tuple[str, str, str]](), "--cone"
    if follower is not None and once is not None:
        flip, both, facts, score = flips(once, held), flips(follower, held), once.session.metadata, found[SMALL]
        way = f"--minutes {float(facts['minutes']):g}"
        numbers = {
            "minutes": float(facts["minutes"]), "steps": int(facts["steps"]), "flip_correlation": float(flip.mean()),
            "flip_median": float(np.median(flip)), "flip_both_ways": float(both.mean()),
        }  # fmt: skip
        notes = [f"{facts['steps']} steps in {facts['minutes']} CPU minutes on one core, one seed; the file is scored."]
        middle = found["middle of the picture"].distance
        checks = [
            ("distance", f"{score.distance:.3f}", f"below 0.10; the middle has {middle:.2f}"),
            ("maps of mirrored scenes, turned back: correlation", f"{both.mean():.3f}", "above 0.98; by construction"),
            ("the same, looked at one way: mean; median", f"{flip.mean():.3f}; {np.median(flip):.3f}", ""),
        ]  # fmt: skip
        plots = {"scenes": lambda figure: plot(follower, held, figure)}
    result = Result(
        name="vitgaze", title="Gaze following on rendered scenes",
        command=f"python benchmarks/vitgaze.py {way} --write",
        tables=(
            Table(
                f"{HELD} scenes of {HELD_PEOPLE} people never seen, {people} of them with the target inside",
                ("system", "AUC", "distance, picture sides", "AP of looking outside"),
                tuple(row(name, score) for name, score in found.items()),
            ),
            *([Table("Checks", ("check", "measured", "wanted"), tuple(checks))] if checks else []),
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
