"""OccFace at small scale: does reading the landmarks together tell hidden points, on things never seen in training?

    python benchmarks/occface.py [--steps 260] [--data ../shared/data] [--keep FILE] [--write]
    python benchmarks/occface.py --sweep FILE [--write]     # only what a file that was kept says of other heads

Learns from HELEN training crops and FairFace crops with generic things pasted over, and from rendered heads behind
bars, boards of noise and clear glasses. Measured on rendered heads behind hands, masks, sunglasses and hair, and on the
90 HELEN test photos with eight kinds of things drawn over (``nasion.report.bench.occluders``): no kind of thing, no
person and no photo is in both. Beside it: the same without context across landmarks (learned on the very same views),
the landmarker's own visibility, and what its heatmaps' peak, entropy and spread say.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasion.core import Landmarks, scheme
from nasion.core.schemes.occ100 import DENSE_INDEX
from nasion.landmark import Landmarker
from nasion.landmark.view import cut, view_matrix
from nasion.media import read_image
from nasion.metrics import OcclusionScores, reliability, spearman
from nasion.report.bench.data import data_folder, helen
from nasion.report.bench.machine import describe_models
from nasion.report.bench.occluders import OCCLUDERS, draw_occluder
from nasion.report.bench.result import Result, Table, publish
from nasion.synth import SceneOptions
from nasion.train import fit, split
from nasion.train.occface import OccFace, covered_views, judge, known_photos, known_renders, views
from nasion.train.occface_net import heat_shape, parts, spread
from nasion.train.occface_views import SPARSE
from nasion.train.renders import NOTHING, SIDE, rendered
from nasion.train.sht import join, unlabelled

SEEN = {NOTHING: 480, "bar": 280, "noise": 280, "glasses": 120}
UNSEEN = {"hand": 60, "mask": 60, "sunglasses": 60, "hair": 60}
TEST_SEED, SWEEP_SEED, HEADS_A_TURN = 900_000, 950_000, 10
DRAWN_SEED, HEADS_DRAWN = 970_000, 60
OCC100 = SPARSE + np.array(DENSE_INDEX)
SYSTEMS = ("full", "local", "landmarker", "heatmaps")
COLUMNS = ("visibility", "OccAP", "F1", "ROC-AUC", "calibration error", "macro OccAP", "macro F1", "macro AUC")
LABELS = {
    "full": "OccFace", "local": "without context", "landmarker": "the landmarker's own", "heatmaps": "heatmap shape",
}  # fmt: skip


class Heatmaps:
    """The baseline that needs no network: a logistic map of each heatmap's peak, entropy and spread."""

    def __init__(self, recipe: OccFace, head: Any, images: np.ndarray, visible: np.ndarray) -> None:
        self.recipe, self.readout = recipe, head.readout.numpy()
        x, self.weights = self._shape(images), np.zeros(4)
        rows = x[:, :SPARSE][np.isfinite(visible[:, :SPARSE])]
        y = visible[:, :SPARSE][np.isfinite(visible[:, :SPARSE])] > 0.5
        for _ in range(12):  # Newton's steps of logistic regression
            p = 1 / (1 + np.exp(-rows @ self.weights))
            hessian = (rows * (p * (1 - p))[:, None]).T @ rows + 1e-3 * np.eye(4)
            self.weights += np.linalg.solve(hessian, rows.T @ (y - p))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        logits = self._shape(images) @ self.weights
        return 1 / (1 + np.exp(-np.concatenate([logits[:, :SPARSE], logits[:, SPARSE:] @ self.readout.T], 1)))

    def _shape(self, images: np.ndarray) -> np.ndarray:
        rows = []
        for i in range(0, len(images), 32):
            seen = self.recipe.trunk(images[i : i + 32])
            heat, pooled = torch.from_numpy(seen.heat), torch.from_numpy(seen.pooled)
            rows.append(torch.cat([heat_shape(heat), spread(pooled), torch.ones_like(pooled[..., :1])], -1).numpy())
        return np.concatenate(rows).astype(np.float64)


def own(recipe: OccFace, images: np.ndarray) -> np.ndarray:
    return np.concatenate([recipe.trunk(images[i : i + 32]).visibility for i in range(0, len(images), 32)])


def photos(data: Path, count: int, recipe: OccFace) -> Any:
    """HELEN training crops and as many FairFace crops, as training data."""
    labelled = recipe.adapt(recipe.load(data / "landmarks68" / "train.csv", 0))
    pictures = sorted((data / "faces").rglob("*.webp"))[:count]
    found = unlabelled((read_image(p) for p in pictures), scheme("occ100"), recipe.trunk.size)
    return join(labelled, recipe.adapt(found))


def drawn(data: Path, size: int) -> tuple[np.ndarray, ...]:
    """Crops of the HELEN test photos with each kind of thing: images, labels px, visible, kind."""
    images, labels, visible, kinds = [], [], [], []
    for i, photo in enumerate(helen(data)):
        image = read_image(photo.path)
        matrix = view_matrix(Landmarks.from_points(photo.points, scheme("ibug68")), size)
        for kind in ("nothing", *OCCLUDERS):
            if kind == "nothing":
                picture, seen = image, np.ones(68, bool)
            else:
                picture, seen = draw_occluder(kind, image, photo.points, np.random.default_rng([7, i]))
            images.append(cut(picture, matrix, size))
            labels.append(photo.points @ matrix[:, :2].T + matrix[:, 2])
            visible.append(seen)
            kinds.append(kind)
    return np.stack(images), np.stack(labels), np.stack(visible).astype(float), np.array(kinds)


def sweep(ask: Any, size: int) -> dict[str, Any]:
    """The far half of heads that turn, jaw to eye corner: what is said, and what the depth test says."""
    layout, said, true = scheme("occ100"), [], []
    far = np.flatnonzero(layout.template[:, 0] < -20)  # mm on the subject's right, which turns away when yaw > 0
    turns, agree = np.arange(0, 81, 10), []
    for turn in turns:
        options = SceneOptions(size=(SIDE, SIDE), yaw=(turn, turn), fill=(0.35, 0.68), field_of_view=(20, 40))
        heads = known_renders(rendered({NOTHING: HEADS_A_TURN}, SWEEP_SEED, options), size)
        rows = OCC100[far]
        found, truth = ask(views(heads.images, size))[:, rows], heads.visible[:, rows]
        said.append(float(found.mean()))
        true.append(float(truth.mean()))
        agree.append((found > 0.5) == (truth > 0.5))
    return {
        "yaw": turns.tolist(), "said": said, "true": true, "spearman": spearman(turns, np.array(said)),
        "agree": float(np.concatenate([a.ravel() for a in agree]).mean()),
    }  # fmt: skip


def drawn_heads(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Crops of rendered heads drawn over by the program that no recipe uses, and which of the 68 points can be seen."""
    options = SceneOptions(size=(SIDE, SIDE), yaw=(-45, 45), fill=(0.45, 0.68), field_of_view=(20, 40))
    heads = rendered({NOTHING: HEADS_DRAWN}, DRAWN_SEED, options)
    visible = known_renders(heads, size).visible[:, :SPARSE]
    images, flags = [], []
    for i, (image, points) in enumerate(zip(heads.images, heads.points, strict=True)):
        matrix = view_matrix(Landmarks.from_points(points[:SPARSE], scheme("ibug68")), size)
        for kind in OCCLUDERS:
            picture, seen = draw_occluder(kind, image, points[:SPARSE], np.random.default_rng([8, i]))
            images.append(cut(picture, matrix, size))
            flags.append(np.where(seen, visible[i], 0))
    return np.stack(images), np.stack(flags)


def turning(path: Path) -> Result:
    """Heads that turn, and heads drawn over: what a file says and what the landmarker that it grew on says."""
    turned, scores = {}, {}
    for name, model in (("full", path), ("landmarker", "landmarker")):
        placer = Landmarker(model, threads=1)
        turned[name] = sweep(partial(said_by, placer), placer.size)
        images, visible = drawn_heads(placer.size)
        scores[name] = numbers_of(judge(said_by(placer, images)[:, parts(SPARSE)[0]], visible))
    over = Table(
        f"{HEADS_DRAWN} rendered heads, each behind {len(OCCLUDERS)} things drawn by a program that no recipe uses",
        COLUMNS, tuple(row(LABELS[name], numbers) for name, numbers in scores.items()),
    )  # fmt: skip
    return Result(
        name="occface-sweep", title="OccFace: heads that turn, heads drawn over",
        command="python benchmarks/occface.py --sweep FILE --write",
        tables=(sweep_table(turned), over),
        numbers={"sweep": turned, "drawn_heads": scores, "models": describe_models("landmarker")},
        notes=(
            f"{HEADS_A_TURN} rendered heads at each of nine turns; points more than 20 mm to the far side.",
            "Drawn over: 68 points; what the head itself hides counts as hidden, too.",
        ),
    )  # fmt: skip


def said_by(placer: Landmarker, images: np.ndarray) -> np.ndarray:
    return np.concatenate(
        [placer.session.run({"crops": images[i : i + 16]})["visibility"] for i in range(0, len(images), 16)]
    )


def sweep_table(turned: dict[str, Any]) -> Table:
    columns = ("visibility", "Spearman with yaw", "agrees with the depth test %")
    rows = tuple((LABELS[n], f"{t['spearman']:.2f}", f"{100 * t['agree']:.1f}") for n, t in turned.items())
    return Table("The far half of heads turned by 0 to 80 degrees", columns, rows)


def numbers_of(scores: OcclusionScores) -> dict[str, float]:
    return {
        "average_precision": scores.average_precision, "f1": scores.f1, "roc_auc": scores.roc_auc,
        "calibration_error": scores.calibration_error, "hidden": scores.hidden,
        "macro": [round(float(v), 4) for v in scores.macro],
    }  # fmt: skip


def row(name: str, n: dict[str, Any]) -> tuple[Any, ...]:
    keys = ("average_precision", "f1", "roc_auc", "calibration_error")
    return name, *(f"{n[k]:.3f}" for k in keys), *(f"{v:.3f}" for v in n["macro"])


def errors(found: np.ndarray, truth: np.ndarray, visible: np.ndarray) -> dict[str, float]:
    away = np.linalg.norm(found - truth, axis=2) / np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)[:, None]
    sides = {"visible": visible > 0.5, "hidden": visible < 0.5}
    return {name: float(away[part].mean()) if part.any() else float("nan") for name, part in sides.items()}


def plot(curves: dict[str, Any], figure: Any) -> None:
    for axes, (where, systems) in zip(figure.subplots(1, 2, sharey=True), curves.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
        for name in ("full", "landmarker"):
            said, visible = systems[name]
            diagram = reliability(said, visible)
            axes.plot(diagram.said, diagram.happened, marker="o", label=LABELS[name])
        axes.set(title=where, xlabel="visibility said", xlim=(0, 1), ylim=(0, 1))
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("fraction visible")
    figure.axes[0].legend(loc="upper left", fontsize=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=260)
    parser.add_argument("--photos", type=int, default=600, help="FairFace crops beside HELEN's")
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--keep", type=Path, default=None, help="write the landmarker with the module here")
    parser.add_argument(
        "--sweep", type=Path, default=None, help="only what this file says of heads that turn and heads drawn over"
    )
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.sweep:
        publish(turning(args.sweep), Path(__file__).parent / "results" if args.write else None)
        return
    data = data_folder(args.data)
    recipe = OccFace(heads=("full", "local"), renders=SEEN)
    train, held = split(photos(data, args.photos, recipe))
    recipe.prepare(train)  # reads and renders; not counted
    began = time.process_time()
    trained = fit(recipe, train, steps=args.steps, seed=0, threads=1)
    line = recipe.finish(trained.model, held)
    spent = time.process_time() - began
    print(f"{line}; {spent:.0f} s", flush=True)
    if args.keep:
        recipe.export(trained.model, args.keep)
    size, model = recipe.trunk.size, trained.model
    kept = known_photos(held, recipe.trunk)
    images, _, visible = covered_views(kept, size, seed=1)
    heatmaps = Heatmaps(recipe, model["full"], images[: len(images) // 2], visible[: len(images) // 2])
    asks = {
        "full": lambda x: recipe.visibility(model["full"], x), "local": lambda x: recipe.visibility(model["local"], x),
        "landmarker": lambda x: own(recipe, x), "heatmaps": heatmaps,
    }  # fmt: skip
    unseen = rendered(UNSEEN, TEST_SEED)
    heads = known_renders(unseen, size)
    crops, labels, flags, kinds = drawn(data, size)
    covered = kinds != "nothing"
    numbers: dict[str, Any] = {
        "steps": args.steps,
        "models": describe_models("landmarker"),
        "cpu_s": round(spent),
        "held_out": line,
        "systems": {},
    }
    tables: dict[str, list[Any]] = {"rendered": [], "photos": []}
    by_kind: dict[str, dict[str, Any]] = {}
    curves: dict[str, Any] = {"rendered heads, unseen kinds": {}, "photos, unseen kinds": {}}
    for name in SYSTEMS:
        on_heads = asks[name](views(heads.images, size))[:, OCC100]
        on_photos = asks[name](crops)[:, parts(SPARSE)[0]]
        a, b = judge(on_heads, heads.visible[:, OCC100]), judge(on_photos[covered], flags[covered])
        numbers["systems"][name] = {"rendered": numbers_of(a), "photos": numbers_of(b)}
        tables["rendered"].append(row(LABELS[name], numbers_of(a)))
        tables["photos"].append(row(LABELS[name], numbers_of(b)))
        curves["rendered heads, unseen kinds"][name] = on_heads, heads.visible[:, OCC100] > 0.5
        curves["photos, unseen kinds"][name] = on_photos[covered], flags[covered] > 0.5
        found = {
            f"rendered {k}": judge(
                on_heads[np.array(unseen.kinds) == k], heads.visible[np.array(unseen.kinds) == k][:, OCC100]
            )
            for k in UNSEEN
        }
        found |= {k: judge(on_photos[kinds == k], flags[kinds == k]) for k in OCCLUDERS}
        by_kind[name] = {k: (s.roc_auc, s.calibration_error, s.hidden) for k, s in found.items()}
        numbers["systems"][name]["kinds"] = {k: [round(float(x), 4) for x in v] for k, v in by_kind[name].items()}
        free = on_photos[~covered]
        numbers["systems"][name]["uncovered_said"] = float(free.mean())
    placed, moved = recipe.places(model["full"], crops)
    places = {}
    for name, found in (("without", placed), ("with", moved)):
        places[name] = errors(found[covered, :SPARSE], labels[covered], flags[covered])
        places[name]["uncovered"] = errors(found[~covered, :SPARSE], labels[~covered], flags[~covered])["visible"]
    turned = {name: sweep(asks[name], size) for name in ("full", "landmarker")}
    numbers |= {"places": places, "sweep": turned}
    print(numbers, flush=True)
    kind_rows = tuple(
        (
            k,
            f"{100 * by_kind['full'][k][2]:.0f}",
            *(f"{by_kind[s][k][m]:.3f}" for m in (0, 1) for s in ("full", "landmarker")),
        )
        for k in by_kind["full"]
    )
    result = Result(
        name="occface", title="OccFace at small scale",
        command=f"python benchmarks/occface.py --steps {args.steps} --write",
        tables=(
            Table(
                f"{len(heads)} rendered heads behind hands, masks, sunglasses, hair: 100 points",
                COLUMNS, tuple(tables["rendered"]),
            ),
            Table(f"{int(covered.sum())} crops of HELEN photos, drawn over: 68 points", COLUMNS, (*tables["photos"],)),
            Table(
                "By kind of thing: OccFace and the landmarker's own",
                ("thing", "hidden %", "ROC-AUC", "landmarker", "calibration error", "landmarker"), kind_rows,
            ),
            Table(
                "Error of the 68 points on those crops, % of the distance of the outer eye corners",
                ("places", "visible points", "hidden points", "nothing drawn"),
                tuple(
                    (f"{n} the module", *(f"{100 * p[k]:.2f}" for k in ("visible", "hidden", "uncovered")))
                    for n, p in places.items()
                ),
            ),
            sweep_table(turned),
        ),
        numbers=numbers,
        notes=(
            f"{args.steps} steps of 32 views, {spent:.0f} s of one core for both modules, without rendering; one seed.",
            "OccAP: average precision of finding hidden points; F1 at visibility 0.5; macro: mean over the points.",
            f"Learned with: shapes and textures pasted over photos, rendered {', '.join(k for k in SEEN)}.",
            "The landmarker's recipe pastes shapes over photos, too; its newest weights have seen rendered heads.",
        ),
        plots={"reliability": lambda figure: plot(curves, figure)},
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
