"""SHT at small scale: error against the size of the face, and what painting, its heatmaps and transfer add.

    python benchmarks/sht.py [--steps 800] [--seeds 0,1,2] [--keep FOLDER] [--write]

Rendered heads, split by person. Every row is the same network, trained for as many steps, with a part of the recipe or
of the labels taken away; beside them a mean face and nasion's embedded landmarker. With --keep, rendered faces and
networks lie in FOLDER, and what lies there is not made again.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from nasion.core import Face, Landmarks, scheme
from nasion.landmark import Landmarker
from nasion.landmark.view import TEMPLATE, cut, view_matrix
from nasion.report.bench.result import Result, Table, publish
from nasion.synth import SceneOptions
from nasion.train import LandmarkSet, fit
from nasion.train.data import stored_side
from nasion.train.heatmaps import gaussians
from nasion.train.lowres import FACE, enlarge, psnr, shrink
from nasion.train.renders import NOTHING, SIDE, rendered
from nasion.train.renders import VIEWS as EACH
from nasion.train.score import predict_pixels, score, to_input
from nasion.train.sht import POSE, SHT, SIGMA, hide, moved, random_moves, sharpen, usual_places

SIZE, WIDTH, BATCH = 64, 16, 16
PART, FEW = 1 / 3, 0.1  # of the faces and of their labels, for what unlabelled faces are worth
VIEWS = (16, 24, 32, 48, 64)  # px, of the picture in which the face fills FACE
PEOPLE, HELD = (600, 900_000), (75, 920_000)  # rendered: how many, seed; settings were chosen on others (910 000)
LOOKS = SceneOptions(
    size=(SIDE, SIDE), yaw=(-45, 45), pitch=(-25, 25), fill=(0.35, 0.55), field_of_view=(20, 40), degrade=0.0
)


@dataclass(frozen=True)
class Run:
    """A row.

    Attributes:
        options: of the recipe.
        part: share of the training faces that are there at all.
        labels: share of their people whose labels it gets.
        others: whether the others stay, without labels.
        once: with the first seed only.
    """

    options: dict[str, Any] = field(default_factory=dict)
    part: float = 1.0
    labels: float = 1.0
    others: bool = False
    once: bool = False


JOINT, ALONE, UNTOLD = "points and painting", "points alone", "painting is told nothing of the points"
TENTH, OTHERS = "a tenth of the labels", "a tenth of the labels, the other faces through transfer"
RUNS = {
    JOINT: Run(),
    ALONE: Run({"hallucinate": False}),
    UNTOLD: Run({"guided": False}),
    TENTH: Run({}, PART, FEW, once=True),
    OTHERS: Run({"transfer": True}, PART, FEW, others=True, once=True),
}
MEAN, EMBEDDED, HELPED = "mean face", "embedded landmarker", "sht paints, embedded landmarker places"


def heads(folder: Path, name: str, people: int, seed: int) -> LandmarkSet:
    """Rendered heads in views as of photos, unless the folder holds them; names are set/person/picture."""
    path, side = folder / f"{name}.npz", stored_side(SIZE)
    if not path.exists():
        found = rendered({NOTHING: people * EACH}, seed, LOOKS)
        crops, places = [], []
        for image, points in zip(found.images, found.points[:, :68], strict=True):
            matrix = view_matrix(Landmarks.from_points(points, scheme("ibug68")), SIZE)
            matrix[:, 2] += (side - SIZE) / 2
            crops.append(cut(image, matrix, side))
            places.append(points @ matrix[:, :2].T + matrix[:, 2])
        np.savez(path, images=np.stack(crops), points=np.float32(places), visible=found.visible[:, :68])
    with np.load(path) as stored:
        names = tuple(f"{name}/{i // EACH}/{i % EACH}" for i in range(people * EACH))
        return LandmarkSet(**stored, scheme=scheme("ibug68"), names=names, size=SIZE)


def small(images: np.ndarray, side: int, rng: np.random.Generator | None) -> np.ndarray:
    """Views brought to ``side`` px, spoilt by chance, and enlarged again."""
    if side >= images.shape[1]:
        return images
    return np.stack([enlarge(shrink(image, side, rng), images.shape[1]) for image in images])


def curve(place: Any, data: LandmarkSet) -> list[float]:
    """Mean error at each size; the pictures are spoilt by the same chance for every system."""
    images, truth = data.views()
    lows = [small(images, side, np.random.default_rng(side)) for side in VIEWS]
    return [float(score(place(low), truth, data.scheme).nme) for low in lows]


def embedded(images: np.ndarray) -> np.ndarray:
    """The 68 points on plain views, of which the five points are known to lie where every view has them."""
    placer, size = Landmarker(), images.shape[1]
    guess = Landmarks.from_points((TEMPLATE * size - 0.5).astype(np.float32), scheme("coarse5"))
    face = Face(guess.box, 1.0, guess)
    return np.stack([placer.place(image, [face])[0].landmarks.to("ibug68").points[:, :2] for image in images])


def helping(net: torch.nn.Module, images: np.ndarray) -> np.ndarray:
    """What the embedded landmarker places on what SHT painted."""
    return embedded(sharpen(net, images))


def swapped(recipe: SHT, net: torch.nn.Module, data: LandmarkSet) -> dict[str, float]:
    """Told the heatmaps of a pose that the face does not have, where do its points go? Errors as the rest's.

    The picture that the transfer network makes is looked at by the network that places points.
    """
    images, truth = data.views()
    places = torch.from_numpy(((truth + 0.5) / data.size).astype(np.float32))
    wanted = moved(places, random_moves(np.random.default_rng(8), len(images), POSE))
    with torch.inference_mode():
        own, other = (gaussians(p, data.size // 4, SIGMA) for p in (places, wanted))
        found = recipe.predict(net, net["move"](to_input(images), own, other)) * data.size - 0.5
    goal = (wanted * data.size - 0.5).numpy()
    return {
        "to_target": float(score(found.numpy(), goal, data.scheme).nme),
        "to_source": float(score(found.numpy(), truth, data.scheme).nme),
    }


def trained(run: Run, kept: Path, seed: int, steps: int, data: LandmarkSet) -> tuple[SHT, Any, float]:
    """Recipe, network and seconds of CPU; the network is not trained again where the file is there."""
    recipe = SHT(width=WIDTH, **run.options)
    data = data.take(np.arange(round(run.part * len(data))))
    data = data if run.labels == 1 else hide(data, run.labels, by="person")
    if not run.others:
        data = data.take(np.flatnonzero(np.isfinite(data.points).any((1, 2))))
    if not kept.exists():
        began = time.process_time()
        net = fit(recipe, data, steps=steps, seed=seed, threads=1).model
        torch.save({"state": net.state_dict(), "cpu_s": time.process_time() - began}, kept)
    stored = torch.load(kept, weights_only=True)
    recipe.prepare(data)
    net = recipe.build(len(data.scheme), data.size)
    net.load_state_dict(stored["state"])
    return recipe, net.eval(), stored["cpu_s"]


def measured(recipe: SHT, net: Any, held: LandmarkSet) -> dict[str, Any]:
    """What a row says of one network."""
    found: dict[str, Any] = {"curve": curve(lambda views: predict_pixels(recipe, net, views), held)}
    images, _ = held.views()
    if recipe.hallucinate:
        for key, rng in (("gain", None), ("gain_spoilt", np.random.default_rng(SIZE))):
            quarter = small(images, SIZE // 4, rng)
            found[key] = float((psnr(sharpen(net, quarter), images) - psnr(quarter, images)).mean())
    if recipe.transfer:
        found["swap"] = swapped(recipe, net, held)
    return found


def plot(numbers: dict[str, Any], figure: Any) -> None:
    axes = figure.subplots()
    for name, found in numbers["systems"].items():
        axes.plot(VIEWS, 100 * np.mean(found["curve"], axis=0), marker="o", label=name)
    axes.set_xlabel(f"size of the picture, px (its face: {FACE:.2f} of that)")
    axes.set_ylabel("error, % of the eye distance")
    axes.set_title("SHT in small")
    axes.legend(fontsize="x-small")


def cell(values: list[float], scale: float = 1.0) -> str:
    """Mean, and half the range where there are several."""
    spread = f" +- {scale * (max(values) - min(values)) / 2:.2f}" if len(values) > 1 else ""
    return f"{scale * np.mean(values):.2f}{spread}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seeds", default="0,1,2", help="some rows take only the first")
    parser.add_argument("--keep", type=Path, default=None, help="folder for rendered faces and networks")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    seeds = [int(s) for s in args.seeds.split(",")]
    numbers: dict[str, Any] = {"size": SIZE, "steps": args.steps, "width": WIDTH, "views": VIEWS}
    systems: dict[str, dict[str, list[Any]]] = {}
    with tempfile.TemporaryDirectory() as spare:
        folder = args.keep or Path(spare)
        folder.mkdir(parents=True, exist_ok=True)
        train, held = heads(folder, "train", *PEOPLE), heads(folder, "held", *HELD)
        for name, run in RUNS.items():
            for seed in seeds[:1] if run.once else seeds:
                kept = folder / f"{name}-{args.steps}-{seed}.pt"
                recipe, net, spent = trained(run, kept, seed, args.steps, train)
                row = {"cpu_s": round(spent), **measured(recipe, net, held)}
                print(name, seed, row, flush=True)
                for key, value in row.items():
                    systems.setdefault(name, {}).setdefault(key, []).append(value)
                if name == JOINT and seed == seeds[0]:
                    helped = curve(partial(helping, net), held)
    mean = usual_places(train) * SIZE - 0.5
    systems[MEAN] = {"curve": [curve(lambda views: np.broadcast_to(mean, (len(views), *mean.shape)), held)]}
    systems[EMBEDDED] = {"curve": [curve(embedded, held)]}
    systems[HELPED] = {"curve": [helped]}
    numbers["systems"] = systems
    rows = tuple(
        (
            name,
            *(cell([c[i] for c in found["curve"]], 100) for i in range(len(VIEWS))),
            *(cell(found[key]) if key in found else None for key in ("gain", "gain_spoilt", "cpu_s")),
        )
        for name, found in systems.items()
    )
    swaps = tuple(
        (name, *(cell([s[way] for s in found["swap"]], 100) for way in ("to_target", "to_source")))
        for name, found in systems.items()
        if "swap" in found
    )
    tables = [
        Table(
            "Error of the 68 points by the size of the picture, and what painting gains",
            (
                "system", *(f"{side} px %" for side in VIEWS), "dB over bicubic at 1/4", "the same, spoilt pictures",
                "CPU s",
            ),
            rows,
        )
    ]  # fmt: skip
    if swaps:
        columns = ("network", "from where the heatmaps are %", "from where the face was %")
        tables.append(Table("Points found in faces that transfer moved by wrong heatmaps", columns, swaps))
    result = Result(
        name="sht", title="SHT at small scale",
        command=f"python benchmarks/sht.py --steps {args.steps} --seeds {args.seeds} --write",
        tables=tuple(tables), numbers=numbers,
        notes=(
            f"{len(train)} rendered pictures of {PEOPLE[0]} people to learn from, {len(held)} of {HELD[0]} others.",
            f"A tenth of the labels: those of {round(FEW * PART * PEOPLE[0])} of {round(PART * PEOPLE[0])} people.",
            f"Views of {SIZE} px, faces {FACE:.2f} of that; {args.steps} steps of {BATCH} labelled views.",
            f"With the other faces a step has {BATCH} unlabelled views beside them, and takes longer: see CPU s.",
            "Error over the distance of the outer eye corners. Several seeds: mean +- half their range.",
            "Small pictures are blurred, noisy or coded by chance, as in training, then enlarged bicubically.",
            f"dB: of pictures only averaged to {SIZE // 4} px, then of spoilt ones.",
            "The embedded landmarker learned for hours, from photos and from such heads.",
        ),
        plots={"size": lambda figure: plot(numbers, figure)},
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
