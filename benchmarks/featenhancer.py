"""FeatEnHancer: faces found in the dark, beside nothing, a brightened picture, and a detector trained alone.

    python benchmarks/featenhancer.py [--seeds 0 1 2] [--steps 600] [--runs RUN ...] [--work DIR] [--data DIR] [--write]

Trained on the training photos of ``data/boxes``, darkened; measured on held-out photos, darkened otherwise. Runs that
are finished are kept in ``--work`` and not done again.
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
from nasion.metrics.detection import average_precision, match_boxes
from nasion.models import Session
from nasion.report.bench.data import boxed_photos, data_folder
from nasion.report.bench.detect import held_out_names
from nasion.report.bench.detect_trials import FACE_BELOW
from nasion.report.bench.faceless import crops_below
from nasion.report.bench.result import Result, Table, publish
from nasion.train.featenhancer import HOST_RATE, train_enhancer
from nasion.train.low_light import TINT, clahe, darken, electrons, equalise

PHOTOS, CROPS = 100, 120
SIDE = 256  # px of a photo's longer side
OVERLAP, ALLOWED, LOWEST = 0.5, 3, 0.02
DRAWS = 300  # of photos and crops, for the intervals
DARK: dict[str, dict[str, float]] = {
    "bright": {}, "gamma 2": {"gamma": 2.0}, "gamma 3": {"gamma": 3.0}, "gamma 4": {"gamma": 4.0},
    "-3 EV": {"stops": 3.0}, "-4 EV": {"stops": 4.0},
}  # fmt: skip
IN_THE_DARK = [name for name in DARK if name.startswith("gamma")]
REMEDIES: dict[str, Callable[[ImageArray], ImageArray]] = {
    "nothing": lambda image: image, "automatic gamma": auto_gamma, "histogram": equalise, "CLAHE": clahe
}  # fmt: skip
ALONE, FASTER, WITH = "detector alone", "detector alone, ten times the rate", "module and detector"
ARMS: dict[str, dict[str, Any]] = {
    ALONE: {"module": False}, FASTER: {"module": False, "host_rate": 10 * HOST_RATE}, WITH: {}
}  # fmt: skip
Answers = list[dict[str, Any]]  # per photo scores, hits and boxes; per crop scores


class Test:
    """Held-out photos, and crops without a face, in each darkness; the same for every system."""

    def __init__(self, data: Path) -> None:
        photos = boxed_photos(data)
        held = held_out_names([photo.path.name for photo in photos])
        self.learn = [photo.path for photo in photos if photo.path.name not in held]
        test = [photo for photo in photos if photo.path.name in held and photo.path.name not in FACE_BELOW]
        images, boxes = [], []
        for photo in test:
            image = read_image(photo.path)
            scale = SIDE / max(image.shape[:2])
            size = round(image.shape[1] * scale), round(image.shape[0] * scale)
            images.append(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8))
            boxes.append(np.array([b.to_array() for b in photo.boxes]) * scale)
        self.boxes = boxes[:PHOTOS]
        crops = crops_below(images, boxes, CROPS)
        self.photos = {name: dark(images[:PHOTOS], how, 1) for name, how in DARK.items()}
        self.crops = {name: dark(crops, how, 2) for name, how in DARK.items()}

    def answers(self, detector: FaceDetector, remedy: Callable[[ImageArray], ImageArray]) -> dict[str, Answers]:
        """Per darkness what the detector says of every photo and crop."""
        out: dict[str, Answers] = {}
        for name in DARK:
            out[name] = []
            for image, boxes in zip(self.photos[name], self.boxes, strict=True):
                faces = detector.detect(remedy(image))
                found = np.array([f.box.to_array() for f in faces]).reshape(-1, 4)
                scores = np.array([f.score for f in faces])
                hits = match_boxes(found, scores, boxes, OVERLAP) >= 0
                said = {"scores": [round(float(s), 4) for s in scores], "hits": [int(h) for h in hits]}
                out[name].append(said | {"boxes": len(boxes)})
            crops = [detector.detect(remedy(crop)) for crop in self.crops[name]]
            out[name] += [{"scores": [round(float(f.score), 4) for f in faces]} for faces in crops]
        return out


def dark(images: Sequence[ImageArray], how: dict[str, float], seed: int) -> list[ImageArray]:
    if not how:
        return list(images)
    return [darken(im, np.random.default_rng((seed, i)), tint=TINT, **how) for i, im in enumerate(images)]


def scored(answers: Answers, photos: Sequence[int], crops: Sequence[int]) -> dict[str, float]:
    """Average precision over the photos, and recall at the score that leaves so many false faces on the crops."""
    scores = np.concatenate([answers[i]["scores"] for i in photos])
    hits = np.concatenate([answers[i]["hits"] for i in photos])
    total = sum(answers[i]["boxes"] for i in photos)
    false = np.sort(np.concatenate([answers[PHOTOS + i]["scores"] for i in crops]))[::-1]
    threshold = float(false[ALLOWED]) if len(false) > ALLOWED else LOWEST
    return {"ap": average_precision(hits, scores, total), "recall": float(hits[scores > threshold].sum() / total)}


def read(path: Path) -> dict[str, Any]:
    """A finished run, its answers as arrays."""
    kept: dict[str, Any] = json.loads(path.read_text())
    for answers in kept["answers"].values():
        for said in answers:
            said["scores"], said["hits"] = np.array(said["scores"]), np.array(said.get("hits", []), bool)
    return kept


def milliseconds(path: str | Path) -> float:
    """Of one core for 320 x 256 px, the least of several: the core's own time, which other work hardly changes."""
    session, image, spent = Session(path, threads=1), np.zeros((1, 3, 256, 320), np.float32), []
    for _ in range(9):
        start = time.process_time()
        session.run({"image": image})
        spent.append(1000 * (time.process_time() - start))
    return float(min(spent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--runs", nargs="+", default=None, help="only these, such as 'CLAHE' or 'detector alone 0'")
    parser.add_argument("--work", type=Path, default=Path("featenhancer_work"), help="finished runs are kept here")
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    test = Test(data_folder(args.data))

    def trained(arm: str, seed: int) -> dict[str, Any]:
        path, began = args.work / f"{arm} {seed}.onnx", time.process_time()
        learn = [read_image(photo) for photo in test.learn]
        made = train_enhancer(learn, steps=args.steps, seed=seed, threads=1, **ARMS[arm])
        made.write(path)
        facts = {"cpu_s": round(time.process_time() - began), "loss": made.loss, "ms": milliseconds(path)}
        return facts | {"answers": test.answers(FaceDetector(path, threshold=LOWEST, threads=1), REMEDIES["nothing"])}

    def plain(remedy: str) -> dict[str, Any]:
        detector = FaceDetector(threshold=LOWEST, second_look=False, threads=1)
        return {"ms": milliseconds("detector"), "answers": test.answers(detector, REMEDIES[remedy])}

    def enlightened(seed: int) -> dict[str, Any]:
        detector = FaceDetector(args.work / f"{ALONE} {seed}.onnx", threshold=LOWEST, threads=1)
        return {"answers": test.answers(detector, auto_gamma)}

    jobs: dict[str, Callable[[], dict[str, Any]]] = {n: lambda n=n: plain(n) for n in REMEDIES}
    jobs |= {f"{arm} {seed}": lambda a=arm, s=seed: trained(a, s) for arm in ARMS for seed in args.seeds}
    jobs |= {f"{ALONE}, automatic gamma {seed}": lambda s=seed: enlightened(s) for seed in args.seeds}
    done: dict[str, dict[str, Any]] = {}
    for name in args.runs or jobs:
        kept = args.work / f"{name}.json"
        if not kept.exists():
            kept.write_text(json.dumps(jobs[name]()) + "\n")
        done[name] = read(kept)
        every = range(PHOTOS), range(len(done[name]["answers"]["bright"]) - PHOTOS)
        print(name, {k: v for k, v in done[name].items() if k != "answers"},
              {c: {k: round(100 * v, 1) for k, v in scored(a, *every).items()}
               for c, a in done[name]["answers"].items()}, flush=True)  # fmt: skip
    if args.runs is None:
        rows = [*REMEDIES, *ARMS, f"{ALONE}, automatic gamma"]
        runs = {row: [done[row]] if row in REMEDIES else [done[f"{row} {seed}"] for seed in args.seeds] for row in rows}
        made = result(runs, args, sum(map(len, test.boxes)))
        publish(made, Path(__file__).parent / "results" if args.write else None)


def summary(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Means over the seeds, and how far the module is ahead of every other row, with intervals over the photos."""
    crops = len(next(iter(runs.values()))[0]["answers"]["bright"]) - PHOTOS
    rng, every = np.random.default_rng(0), (range(PHOTOS), range(crops))
    draws = [(rng.integers(PHOTOS, size=PHOTOS), rng.integers(crops, size=crops)) for _ in range(DRAWS)]

    def means(name: str, chosen: tuple[Sequence[int], Sequence[int]]) -> dict[str, np.ndarray]:
        each = [{c: scored(run["answers"][c], *chosen) for c in DARK} for run in runs[name]]
        whole = {c: {k: np.mean([e[c][k] for e in each]) for k in ("ap", "recall")} for c in DARK}
        whole["gamma 2 to 4"] = {k: np.mean([whole[c][k] for c in IN_THE_DARK]) for k in ("ap", "recall")}
        return {k: np.array([whole[c][k] for c in whole]) for k in ("ap", "recall")}

    columns = [*DARK, "gamma 2 to 4"]
    drawn = {name: [means(name, chosen) for chosen in draws] for name in runs}
    out: dict[str, Any] = {"columns": columns, "ap": {}, "recall": {}, "ahead": {"ap": {}, "recall": {}}, "seeds": {}}
    for name, found in runs.items():
        point = means(name, every)
        for k in ("ap", "recall"):
            out[k][name] = [float(v) for v in point[k]]
            ahead = np.array([mine[k] - theirs[k] for mine, theirs in zip(drawn[WITH], drawn[name], strict=True)])
            low, high = np.percentile(ahead, [2.5, 97.5], axis=0)
            mean = means(WITH, every)[k] - point[k]
            out["ahead"][k][name] = [[float(v) for v in three] for three in zip(mean, low, high, strict=True)]
        out["seeds"][name] = [
            {c: scored(run["answers"][c], *every) for c in DARK} | {f: run[f] for f in ("cpu_s", "ms") if f in run}
            for run in found
        ]
    return out


def result(runs: dict[str, list[dict[str, Any]]], args: argparse.Namespace, boxes: int) -> Result:
    numbers = summary(runs)
    columns, white = numbers["columns"], electrons(1600.0)
    latency = {n: min(r["ms"] for r in runs[n]) for n in ("nothing", WITH)}
    tables = [
        Table(title, ("in front of the detector", *columns),
              tuple((n, *(f"{100 * v:.1f}" for v in numbers[k][n])) for n in runs))
        for k, title in (("ap", f"Average precision at IoU {OVERLAP}, %"),
                         ("recall", f"Recall at {ALLOWED} false faces on {CROPS} crops, %"))
    ]  # fmt: skip
    tables += [
        Table(f"Module and detector against ..., points of {words}", ("", *columns),
              tuple((n, *(f"{100 * m:+.1f} ({100 * a:+.1f} .. {100 * b:+.1f})" for m, a, b in numbers["ahead"][k][n]))
                    for n in runs if n != WITH))
        for k, words in (("ap", "average precision"), ("recall", "recall"))
    ]  # fmt: skip
    return Result(
        name="featenhancer", title="Faces found in the dark",
        command=f"python benchmarks/featenhancer.py --seeds {' '.join(map(str, args.seeds))} --steps {args.steps} "
                "--write",
        tables=tuple(tables),
        numbers=numbers | {"steps": args.steps, "latency": latency},
        notes=(
            f"{PHOTOS} held-out photos of {SIDE} px with {boxes} boxes; {CROPS} crops without a face, as dark.",
            "Recall: each system counts from the score at which it has that many false faces, in each column anew.",
            f"Trained rows: means over {len(args.seeds)} seeds. Brackets: 95 % interval over photos and crops, paired.",
            (
                "Darkness: a power of the sRGB values or halvings of the light, tint, a phone sensor's noise at ISO "
                f"1600 ({white[0]:.0f} electrons a white pixel, read noise {white[1]:.1f}), 8 bits, JPEG of quality 90."
            ),
            (
                f"Trained: {args.steps} steps of 8 views of 96 px, the same views for each; the detector at a tenth of "
                "the rate that it was made with, except where ten times that is said."
            ),
            "Module and detector: the module alone in the first three tenths of the steps, then both.",
            (
                f"Network for 320 x 256 px: {latency[WITH]:.0f} ms of one core's time, without the module "
                f"{latency['nothing']:.0f} ms."
            ),
        ),
        plots={"ap": lambda figure: plot(numbers, list(runs), figure)},
    )  # fmt: skip


def plot(numbers: dict[str, Any], names: Sequence[str], figure: Any) -> None:
    axes = figure.subplots()
    for name in names:
        wide = 2.6 if name == WITH else 1.2
        axes.plot(list(DARK), [100 * v for v in numbers["ap"][name][: len(DARK)]], "o-", label=name, linewidth=wide)
    axes.set(ylabel=f"average precision at IoU {OVERLAP}, %", ylim=(30, 75))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="lower left")


if __name__ == "__main__":
    main()
