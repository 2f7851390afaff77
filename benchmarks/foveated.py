"""Foveated retinotopy in small: a log-polar network beside the same network on ordinary views, and the retina itself.

    python benchmarks/foveated.py [--steps 600] [--pictures 4000] [--keep model.onnx] [--work DIR] [--write]

Both networks learn the same pictures of rendered heads for as many steps; measured on people never seen, upright,
turned, enlarged and shifted. Then the map over fixations in pictures with one face, and patches of eyes and mouth on
photos of ``identity``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from nasion.core import Landmarks
from nasion.gaze.localise import PATCH, localise, part_patches
from nasion.gaze.retina import Retina
from nasion.metrics import roc_auc
from nasion.report.bench.data import data_folder
from nasion.report.bench.result import Result, Table, publish
from nasion.train.gaze_scenes import Heads, render_heads
from nasion.train.retinotopy import (
    HELD,
    HELD_PEOPLE,
    PEOPLE,
    POOL,
    RETINA,
    Trained,
    draw_hidden,
    draw_probes,
    masked,
    train_probe,
)

ROLLS, ZOOMS, SHIFTS = (0, 45, 90, 135, 180), (0.5, 0.7, 1.4, 2.0), (0.1, 0.25, 0.5, 0.75)
RATIO = 0.5
PAIRS = 60  # people


def heads_of(seed: int, people: int, folder: Path | None) -> Heads:
    """Rendered, or from a file that an earlier run left in the folder."""
    file = None if folder is None else folder / f"heads_{people}_{seed}.npz"
    if file is not None and file.exists():
        with np.load(file) as held:
            return Heads(**held)
    heads = render_heads(people, seed)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **{name: getattr(heads, name) for name in Heads.__dataclass_fields__})
    return heads


def curves(trained: Trained, held: Any) -> dict[str, list[float]]:
    return {
        "roll": [trained.accuracy(held, roll=r) for r in ROLLS],
        "zoom": [trained.accuracy(held, zoom=z) for z in ZOOMS],
        "shift": [trained.accuracy(held, shift=s) for s in SHIFTS],
    }


class Plain(Retina):
    """Ordinary views under the mask, where ``localise`` asks for a retina's."""

    __slots__ = ()

    def view(self, image: Any, at: Any = None, radius: Any = None, start: float = 0.0, **_: Any) -> Any:
        scale = self.rings / (2 * radius)
        matrix = np.array(
            [[scale, 0, self.rings / 2 - 0.5 - scale * at[0]], [0, scale, self.rings / 2 - 0.5 - scale * at[1]]]
        )
        soft = cv2.GaussianBlur(image, (0, 0), 0.45 / scale) if scale < 1 else image
        return masked(cv2.warpAffine(soft, matrix, (self.rings, self.rings)))


def peaks_inside(trained: Trained, scenes: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    retina = RETINA if trained.net.log_polar else Plain(RETINA.rings, RETINA.directions, RETINA.octaves)
    hits, chance, away = [], [], []
    for image, box in scenes:
        found = localise(trained.chances, image, retina, ratio=RATIO, full=True)
        hits.append(box[0] <= found.peak[0] <= box[2] and box[1] <= found.peak[1] <= box[3])
        inside = ((found.x >= box[0]) & (found.x <= box[2])).mean() * ((found.y >= box[1]) & (found.y <= box[3])).mean()
        chance.append(inside)
        away.append(np.hypot(*(np.array(found.peak) - (box[:2] + box[2:]) / 2)) / (box[3] - box[1]))
    return {"inside": float(np.mean(hits)), "chance": float(np.mean(chance)), "away": float(np.median(away))}


def measured(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Train one of the two networks and score it."""
    learn = draw_probes(heads_of(1, PEOPLE, args.work), args.pictures, 0)
    others = heads_of(99, HELD_PEOPLE, args.work)
    began = time.process_time()
    trained = train_probe(learn, log_polar=name == "log-polar", steps=args.steps, threads=1)
    spent = time.process_time() - began
    if name == "log-polar" and args.keep:
        trained.export(args.keep)
    found = curves(trained, draw_probes(others, args.held, 1))
    found |= {"map": peaks_inside(trained, draw_hidden(others, args.hidden, 2)), "cpu_s": round(spent)}
    print(name, found, flush=True)
    return found


def optics() -> dict[str, Any]:
    """Rotation, zoom and reconstruction on a photo (scikit-image's astronaut)."""
    from skimage import data

    side, retina = 224, Retina()
    photo = cv2.resize(data.astronaut(), (side, side), interpolation=cv2.INTER_AREA)
    middle, smooth = (side - 1) / 2, cv2.GaussianBlur(photo, (0, 0), 2).astype(np.float32)
    turned = cv2.warpAffine(
        smooth, cv2.getRotationMatrix2D((middle, middle), -45, 1), (side, side), flags=cv2.INTER_CUBIC
    )
    twice = cv2.warpAffine(smooth, np.array([[2, 0, -middle], [0, 2, -middle]]), (side, side), flags=cv2.INTER_CUBIC)
    seen, inner = retina.view(smooth), retina.radii(side / 2) <= side / 2 - 2
    roll = np.abs(np.roll(seen, 28, axis=1) - retina.view(turned))[inner].mean() / 255
    rows = np.arange(2, side - 46)
    low, share = (rows + 44.6).astype(int), 0.6
    zoom = np.corrcoef((seen[low] * (1 - share) + seen[low + 1] * share).ravel(), retina.view(twice)[rows].ravel())[
        0, 1
    ]
    back = np.asarray(retina.picture(retina.view(photo), (side, side)), float)
    at = np.arange(side) - middle
    away = np.hypot(at[None], at[:, None]) / (side / 2)
    psnr = []
    for a, b in ((0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)):
        ring = (away >= a) & (away < b)
        psnr.append(float(10 * np.log10(255**2 / ((back[ring] - photo[ring]) ** 2).mean())))
    return {"roll_error": float(roll), "zoom_correlation": float(zoom), "psnr_db": psnr}


def patches(folder: Path) -> dict[str, float] | None:
    """Same person or not by eye and mouth patches, one picture of each pair turned by up to 40 degrees."""
    from nasion.detect import FaceDetector
    from nasion.landmark.landmarker import Landmarker
    from nasion.media import read_image

    rng, detector, landmarker = np.random.default_rng(5), FaceDetector(), Landmarker()
    kinds: dict[str, list[list[np.ndarray]]] = {"log-polar": [], "without the roll": [], "squares": []}
    for person in sorted(p for p in folder.iterdir() if p.is_dir())[:PAIRS]:
        rows: dict[str, list[np.ndarray]] = {name: [] for name in kinds}
        for k, file in enumerate(sorted(person.glob("*.webp"))[:2]):
            image = read_image(file)
            if k:
                size = image.shape[1::-1]
                turn = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), float(rng.uniform(-40, 40)), 1)
                image = cv2.warpAffine(image, turn, size, borderMode=cv2.BORDER_REPLICATE)
            faces = detector.detect(image)
            if not faces:
                break
            points = landmarker.place(image, [max(faces, key=lambda f: f.box.area)])[0].landmarks
            rows["log-polar"].append(part_patches(image, points))
            rows["without the roll"].append(upright(image, points, PATCH.view))
            rows["squares"].append(upright(image, points, square))
        if len(rows["log-polar"]) == 2:
            for name, pair in rows.items():
                kinds[name].append(pair)
    out = {"people": float(len(kinds["log-polar"]))}
    for name, pairs in kinds.items():
        if len(pairs) < 10:
            return None
        first, second = (np.stack([pair[k] for pair in pairs]) for k in (0, 1))
        likeness = np.einsum("npd,mpd->nm", first, second)
        out[name] = roc_auc(likeness.ravel(), np.eye(len(pairs), dtype=bool).ravel())
    return out


def square(grey: np.ndarray, at: tuple[float, float], radius: float) -> np.ndarray:
    """17 x 17 samples of the square about a place."""
    step = np.linspace(-radius, radius, 17)
    x, y = np.meshgrid(step + at[0], step + at[1])
    return cv2.remap(cv2.GaussianBlur(grey, (0, 0), radius / 17), x.astype("f4"), y.astype("f4"), cv2.INTER_LINEAR)


def upright(image: np.ndarray, points: Landmarks, view: Any) -> np.ndarray:
    from nasion.gaze.localise import PARTS, REACH, part_middle

    middles = np.stack([part_middle(points, part) for part in PARTS])
    apart = float(np.linalg.norm(middles[0] - middles[1]))
    grey = np.asarray(image, np.float32).mean(axis=2)
    rows = np.stack([view(grey, (float(x), float(y)), REACH * apart).ravel() for x, y in middles])
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def plot(numbers: dict[str, Any], figure: Any) -> None:
    for axes, key, at, label in zip(
        figure.subplots(1, 3, sharey=True), ("roll", "zoom", "shift"), (ROLLS, ZOOMS, SHIFTS),
        ("turned by, degrees", "enlarged", "fixation off, of half the side"), strict=True,
    ):  # fmt: skip
        for name, found in numbers["networks"].items():
            axes.plot(at, [100 * v for v in found[key]], marker="o", label=name)
        axes.axhline(50, color="grey", linewidth=0.8, linestyle=":")
        axes.set_xlabel(label)
        axes.set_ylim(0, 101)
    figure.axes[0].set_ylabel("told right, %")
    figure.axes[0].legend()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--keep", type=Path, default=None, help="write the log-polar network here")
    parser.add_argument("--pictures", type=int, default=POOL, help="to learn from")
    parser.add_argument("--held", type=int, default=HELD, help="pictures to score on")
    parser.add_argument("--hidden", type=int, default=40, help="larger pictures for the maps")
    parser.add_argument("--work", type=Path, default=None, help="folder that keeps heads and finished networks' scores")
    parser.add_argument("--only", choices=("log-polar", "ordinary"), default=None, help="train this one and stop")
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    numbers: dict[str, Any] = {"steps": args.steps, "pictures": args.pictures, "networks": {}, "optics": optics()}
    for name in ("log-polar", "ordinary"):
        kept = None if args.work is None else args.work / f"{name}_{args.steps}_{args.pictures}_{args.held}.json"
        if kept is not None and kept.exists():
            numbers["networks"][name] = json.loads(kept.read_text())
        elif args.only in (None, name):
            numbers["networks"][name] = measured(name, args)
            if kept is not None:
                kept.write_text(json.dumps(numbers["networks"][name]))
    if args.only:
        return
    numbers["patches"] = patches(data_folder(args.data) / "identity")
    percent = lambda values: tuple(100 * v for v in values)  # noqa: E731
    rows = [
        (name, *percent(n["roll"]), *percent(n["zoom"]), *percent(n["shift"]))
        for name, n in numbers["networks"].items()
    ]
    heading = ("network", *(f"{r}°" for r in ROLLS), *(f"x{z:g}" for z in ZOOMS), *(f"off {s:g}" for s in SHIFTS))
    maps = [(name, 100 * n["map"]["inside"], n["map"]["away"]) for name, n in numbers["networks"].items()]
    maps.append(("any fixation", 100 * numbers["networks"]["log-polar"]["map"]["chance"], None))
    look = numbers["optics"]
    tables = [
        Table(f"Face or not, {args.held} pictures of people never seen: told right, %", heading, tuple(rows)),
        Table(
            f"Peak of the 11 x 11 map in {args.hidden} pictures with one face",
            ("network", "inside the face's box, %", "off its middle, median, box heights"), tuple(maps),
        ),
        Table(
            "The retina on a photo of 224 px",
            ("turn by 45°, mean error %", "zoom by 2, correlation", "back, dB within 1/4", "to 1/2", "to 3/4", "to 1"),
            ((100 * look["roll_error"], look["zoom_correlation"], *look["psnr_db"]),),
        ),
    ]  # fmt: skip
    if numbers["patches"]:
        found = numbers["patches"]
        names = [name for name in found if name != "people"]
        tables.append(
            Table(
                f"Same person by eyes and mouth, {found['people']:.0f} people, one turned by up to 40°: ROC-AUC",
                tuple(names), (tuple(found[name] for name in names),),
            )
        )  # fmt: skip
    result = Result(
        name="foveated", title="Foveated retinotopy in small",
        command=f"python benchmarks/foveated.py --steps {args.steps} --pictures {args.pictures} --held {args.held} "
        f"--hidden {args.hidden} --write",
        tables=tuple(tables), numbers=numbers,
        notes=(
            f"{args.steps} steps of 64 out of {args.pictures} pictures of 64 px of rendered heads, one seed.",
            "Of the pictures half are faces, a third heads with a turned inner face, a sixth drawn objects.",
            "The ordinary network sees the same disc; both learn the pictures mirrored, too, none turned by much.",
        ),
        plots={"curves": lambda figure: plot(numbers, figure)},
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
