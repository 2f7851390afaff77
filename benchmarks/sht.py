"""SHT at small scale: error against the size of the face, and what painting and transfer add.

    python benchmarks/sht.py [--size 64] [--steps 200] [--width 16] [--data ../shared/data] [--write]

The same network, faces, seed and number of steps, with parts taken away; beside them nasion's embedded landmarker on
the same small faces, as they are and painted sharp by SHT first. Held-out HELEN crops, a fifth by name.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from nasion.core import Face, Landmarks, scheme
from nasion.landmark import Landmarker
from nasion.report.bench.data import data_folder
from nasion.report.bench.result import Result, Table, publish
from nasion.train import LandmarkSet, fit, load_csv, split
from nasion.train.lowres import crop_side, enlarge, psnr, shrink
from nasion.train.score import predict_pixels, score
from nasion.train.sht import SHT, hide, sharpen

FACES = (10, 14, 18, 24, 30)  # px
FEW = 0.1
VARIANTS: dict[str, dict[str, Any]] = {
    "sht": {},
    "without transfer": {"transfer": False},
    "without painting": {"transfer": False, "hallucinate": False},
}
EMBEDDED, PAINTED = "embedded landmarker", "sht paints, embedded landmarker places"
TENTH, TENTH_MORE = "a tenth of the labels", "a tenth of the labels, the other faces through transfer"


def small(images: np.ndarray, face: float, rng: np.random.Generator | None) -> np.ndarray:
    """Views of faces ``face`` px large, enlarged again."""
    side, size = crop_side(face), images.shape[1]
    if side >= size:
        return images
    return np.stack([enlarge(shrink(image, side, rng), size) for image in images])


def curve(place: Any, data: LandmarkSet) -> list[float]:
    """Mean error at each size; the pictures are spoilt by the same chance for every system."""
    images, truth = data.views()
    out = []
    for face in FACES:
        lows = small(images, face, np.random.default_rng(face))
        out.append(float(score(place(lows), truth, data.scheme).nme))
    return out


def embedded(images: np.ndarray) -> np.ndarray:
    """The 68 points on plain views, of which the five points are known to lie where every view has them."""
    from nasion.landmark.view import TEMPLATE

    placer, size = Landmarker(), images.shape[1]
    guess = Landmarks.from_points((TEMPLATE * size - 0.5).astype(np.float32), scheme("coarse5"))
    face = Face(guess.box, 1.0, guess)
    return np.stack([placer.place(image, [face])[0].landmarks.to("ibug68").points[:, :2] for image in images])


def plot(numbers: dict[str, Any], figure: Any) -> None:
    axes = figure.subplots()
    for name, found in numbers["systems"].items():
        if "curve" in found:
            axes.plot(FACES, [100 * v for v in found["curve"]], marker="o", label=name)
    axes.set_xlabel("size of the face, px")
    axes.set_ylabel("error, % of the eye distance")
    axes.set_title("SHT in small")
    axes.legend()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--labels", action="store_true", help="also train with a tenth of the labels, twice")
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    train, held = split(load_csv(data_folder(args.data) / "landmarks68" / "train.csv", size=args.size))
    images, _ = held.views()
    numbers: dict[str, Any] = {"size": args.size, "steps": args.steps, "width": args.width, "faces": FACES}
    numbers["systems"] = {EMBEDDED: {"curve": curve(embedded, held)}}
    runs: list[tuple[str, SHT, LandmarkSet]] = [
        (name, SHT(width=args.width, **options), train) for name, options in VARIANTS.items()
    ]
    if args.labels:
        few = hide(train, FEW)
        known = np.flatnonzero(np.isfinite(few.points).any((1, 2)))
        runs.append((TENTH, SHT(width=args.width, transfer=False), few.take(known)))
        runs.append((TENTH_MORE, SHT(width=args.width), few))
    quarter = np.stack([enlarge(shrink(image, args.size // 4), args.size) for image in images])
    for name, recipe, data in runs:
        began = time.process_time()
        net = fit(recipe, data, steps=args.steps, seed=0, threads=1).model
        found: dict[str, Any] = {"cpu_s": round(time.process_time() - began)}

        def place(views: np.ndarray, recipe: SHT = recipe, net: torch.nn.Module = net) -> np.ndarray:
            return predict_pixels(recipe, net, views)

        found["curve"] = curve(place, held)
        if recipe.hallucinate:
            found["psnr_gain"] = float((psnr(sharpen(net, quarter), images) - psnr(quarter, images)).mean())
        numbers["systems"][name] = found
        if name == "sht":

            def painted(views: np.ndarray, net: torch.nn.Module = net) -> np.ndarray:
                return embedded(sharpen(net, views))

            numbers["systems"][PAINTED] = {"curve": curve(painted, held)}
        print(name, found, flush=True)
    rows = tuple(
        (name, *(100 * v for v in found["curve"]), found.get("psnr_gain")) for name, found in numbers["systems"].items()
    )
    columns = ("system", *(f"{face} px %" for face in FACES), "dB over bicubic at 1/4")
    flags = " --labels" if args.labels else ""
    result = Result(
        name="sht", title="SHT at small scale",
        command=f"python benchmarks/sht.py --size {args.size} --steps {args.steps} --width {args.width}{flags} --write",
        tables=(Table("Error of the 68 points by the size of the face", columns, rows),), numbers=numbers,
        notes=(
            f"{len(held)} held-out HELEN crops of {args.size} px; {args.steps} steps of 32, one seed.",
            "Error over the distance of the outer eye corners.",
            "Small pictures are blurred, noisy or coded by chance, as in training, then enlarged bicubically.",
            "The embedded landmarker learned for hours, on the held-out crops too: it shows how hard the pictures are.",
        ),
        plots={"size": lambda figure: plot(numbers, figure)},
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
