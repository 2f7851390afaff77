"""FeatEnHancer: faces found in the dark, beside nothing, a brightened picture, and a detector trained alone.

    python benchmarks/featenhancer.py [--steps 160] [--work DIR] [--data DIR] [--write]

Trained on the training photos of ``data/boxes``, darkened; measured on held-out photos, darkened otherwise, and on
HELEN test photos for the five points. Runs that are finished are kept in ``--work`` and not done again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from nasion.core import ImageArray
from nasion.detect import FaceDetector
from nasion.detect.light import auto_gamma
from nasion.media import read_image
from nasion.metrics.detection import iou_matrix, match_boxes
from nasion.report.bench.data import boxed_photos, data_folder, helen
from nasion.report.bench.detect import held_out_names
from nasion.report.bench.detect_trials import FACE_BELOW
from nasion.report.bench.faceless import crops_below
from nasion.report.bench.result import Result, Table, publish
from nasion.train.featenhancer import train_enhancer
from nasion.train.low_light import clahe, darken, equalise

PHOTOS, CROPS, FACES = 36, 80, 20
HELEN_PX = 320
OVERLAP, ALLOWED, LOWEST = 0.4, 3, 0.02
DARK: dict[str, dict[str, float]] = {
    "bright": {}, "gamma 2": {"gamma": 2.0}, "gamma 3": {"gamma": 3.0}, "gamma 4": {"gamma": 4.0},
    "-4 EV": {"stops": 4.0},
}  # fmt: skip
POINTS_AT: dict[str, dict[str, float]] = {"bright": {}, "-3 EV": {"stops": 3.0}, "-4 EV": {"stops": 4.0}}
REMEDIES: dict[str, Callable[[ImageArray], ImageArray]] = {
    "nothing": lambda image: image, "automatic gamma": auto_gamma, "histogram": equalise, "CLAHE": clahe
}  # fmt: skip


def dark(images: Sequence[ImageArray], how: dict[str, float], seed: int) -> list[ImageArray]:
    return [darken(im, np.random.default_rng((seed, i)), **how) if how else im for i, im in enumerate(images)]


def test_set(data: Path) -> dict[str, Any]:
    photos = boxed_photos(data)
    held = held_out_names([photo.path.name for photo in photos])
    test = [photo for photo in photos if photo.path.name in held and photo.path.name not in FACE_BELOW]
    images = [read_image(photo.path) for photo in test]
    boxes = [np.array([b.to_array() for b in photo.boxes]) for photo in test]
    faces, points = [], []
    for photo in helen(data)[:: 90 // FACES][:FACES]:
        image = read_image(photo.path)
        scale = HELEN_PX / max(image.shape[:2])
        size = round(image.shape[1] * scale), round(image.shape[0] * scale)
        faces.append(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)))
        points.append(photo.points * scale)
    return {
        "images": images[:PHOTOS], "boxes": boxes[:PHOTOS], "crops": crops_below(images, boxes, CROPS), "faces": faces,
        "points": points,
    }  # fmt: skip


def boxes_of(detector: FaceDetector, images: Sequence[ImageArray]) -> list[np.ndarray]:
    found = [detector.detect(image) for image in images]
    return [np.array([[*f.box.to_array(), f.score] for f in faces], np.float64).reshape(-1, 5) for faces in found]


def five(shape: np.ndarray) -> np.ndarray:
    """iBUG-68 to coarse5; the subject's left first."""
    return np.stack([shape[[42, 45]].mean(0), shape[[36, 39]].mean(0), shape[30], shape[54], shape[48]])


def measure(detector: FaceDetector, remedy: Callable[[ImageArray], ImageArray], test: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"recall": {}, "threshold": {}, "points": {}, "points_found": {}}
    total = sum(map(len, test["boxes"]))
    for name, how in DARK.items():
        found = boxes_of(detector, [remedy(image) for image in dark(test["images"], how, 1)])
        wrong = boxes_of(detector, [remedy(image) for image in dark(test["crops"], how, 2)])
        false = np.sort(np.concatenate([w[:, 4] for w in wrong]))[::-1]
        threshold = float(false[ALLOWED]) if len(false) > ALLOWED else LOWEST
        hits = 0
        for f, t in zip(found, test["boxes"], strict=True):
            kept = f[f[:, 4] > threshold]
            hits += int((match_boxes(kept[:, :4], kept[:, 4], t, OVERLAP) >= 0).sum())
        out["recall"][name], out["threshold"][name] = hits / total, threshold
    for name, how in POINTS_AT.items():
        errors = []
        images = [remedy(image) for image in dark(test["faces"], how, 3)]
        for image, shape in zip(images, test["points"], strict=True):
            box = np.concatenate([shape.min(0), shape.max(0)])[None]
            faces = [f for f in detector.detect(image) if iou_matrix(f.box.to_array()[None], box)[0, 0] > OVERLAP]
            if faces:
                off = np.linalg.norm(faces[0].landmarks.points[:, :2] - five(shape), axis=1).mean()
                errors.append(min(float(off / np.linalg.norm(shape[36] - shape[45])), 0.5))
            else:
                errors.append(0.5)  # not found counts as far off
        out["points"][name] = float(np.mean(errors))
        out["points_found"][name] = float(np.mean(np.array(errors) < 0.5))
    return out


def milliseconds(detector: FaceDetector) -> float:
    """Median for a picture of 320 x 240 px, which the detector enlarges to 410 x 307."""
    image, spent = np.zeros((240, 320, 3), np.uint8), []
    for _ in range(7):
        start = time.perf_counter()
        detector.detect(image)
        spent.append(1000 * (time.perf_counter() - start))
    return float(np.median(spent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--work", type=Path, default=Path("featenhancer_work"), help="finished runs are kept here")
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--only", nargs="+", default=None, help="stop after these runs")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    data = data_folder(args.data)
    test = test_set(data)
    photos = boxed_photos(data)
    held = held_out_names([photo.path.name for photo in photos])

    def trained(name: str, seed: int, **parts: bool) -> dict[str, Any]:
        learn = [read_image(photo.path) for photo in photos if photo.path.name not in held]
        began = time.process_time()
        made = train_enhancer(learn, steps=args.steps, seed=seed, threads=1, **parts)
        spent = time.process_time() - began
        path = made.write(args.work / f"{name.replace(' ', '_')}.onnx")
        detector = FaceDetector(path, threshold=LOWEST, threads=1)
        facts = {"cpu_s": round(spent), "loss": made.loss, "ms": milliseconds(FaceDetector(path, threads=2))}
        return facts | measure(detector, REMEDIES["nothing"], test)

    def plain(remedy: Callable[[ImageArray], ImageArray]) -> dict[str, Any]:
        detector = FaceDetector(threshold=LOWEST, threads=1)
        return {"ms": milliseconds(FaceDetector(threads=2))} | measure(detector, remedy, test)

    runs: dict[str, Callable[[], dict[str, Any]]] = {
        name: lambda remedy=remedy: plain(remedy) for name, remedy in REMEDIES.items()
    }
    runs["detector alone"] = lambda: trained("detector alone", 0, module=False)
    runs["module and detector"] = lambda: trained("module and detector", 0)
    for name, do in runs.items():
        kept = args.work / f"{name.replace(' ', '_')}.json"
        if not kept.exists() and (args.only is None or name in args.only):
            kept.write_text(json.dumps(do(), indent=1) + "\n")
            print(name, kept.read_text(), flush=True)
    if args.only is None:
        numbers = {name: json.loads((args.work / f"{name.replace(' ', '_')}.json").read_text()) for name in runs}
        made = result(numbers, args.steps, sum(map(len, test["boxes"])))
        publish(made, Path(__file__).parent / "results" if args.write else None)


def result(numbers: dict[str, Any], steps: int, boxes: int) -> Result:
    def percent(value: float) -> str:
        return f"{100 * value:.1f}"

    return Result(
        name="featenhancer", title="Faces found in the dark",
        command=f"python benchmarks/featenhancer.py --steps {steps} --write",
        tables=(
            Table(
                f"Recall at {ALLOWED} false faces on {CROPS} crops, %", ("in front of the detector", *DARK, "ms"),
                tuple((n, *(percent(v["recall"][c]) for c in DARK), f"{v['ms']:.0f}") for n, v in numbers.items()),
            ),
            Table(
                "Five points, mean error over the inter-ocular distance, %", ("in front of the detector", *POINTS_AT),
                tuple((n, *(percent(v["points"][c]) for c in POINTS_AT)) for n, v in numbers.items()),
            ),
        ),
        numbers=numbers | {"steps": steps},
        notes=(
            f"{PHOTOS} held-out photos with {boxes} boxes, IoU {OVERLAP}; {CROPS} crops without a face, as dark.",
            "Each system counts from the score at which it has that many false faces, in each column anew.",
            f"Five points on {FACES} HELEN test photos of {HELEN_PX} px; a face not found counts as 50 %.",
            "Darkness: gamma of the sRGB values, or halvings of the light, each with photon and read noise.",
            f"Trained: {steps} steps of 6 views of 128 px, the same views for each.",
            "Module and detector: the detector learns in the last two fifths of the steps only.",
            "ms: detection in a picture of 320 x 240 px on two threads.",
        ),
        plots={"recall": lambda figure: plot(numbers, figure)},
    )  # fmt: skip


def plot(numbers: dict[str, Any], figure: Any) -> None:
    axes = figure.subplots()
    for name, values in numbers.items():
        wide = 2.4 if "module" in name else 1.2
        axes.plot(list(DARK), [100 * values["recall"][c] for c in DARK], "o-", label=name, linewidth=wide)
    axes.set(ylabel=f"recall at {ALLOWED} false faces, %", ylim=(0, 100))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="lower left")


if __name__ == "__main__":
    main()
