"""A detector that adapts itself to an operating room: what is gained there without a label, and what is lost at home.

    python benchmarks/or_face.py [--runs ready labels seed0 ...] [--steps 240] [--work DIR] [--models DIR] [--write]

The operating room is rendered (``nasion.train.or_scenes``) and seen from afar: clips to adapt to, and other people's
clips to test on, which are tested on as the near camera sees them, too.
Home is ``data/boxes``: training photos beside the clips, held-out photos to test on. Ready detectors: YuNet. Photos of
masks are adapted to half by half, and each half is tested on with the detector adapted to the other. Runs that are
finished are kept in ``--work`` and not done again.
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
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from nasion.core import ImageArray
from nasion.detect import FaceDetector
from nasion.detect.detector import DEFAULT_THRESHOLD
from nasion.media import read_image
from nasion.metrics.detection import detection_score, iou_matrix, match_boxes, precision_recall
from nasion.models import Session
from nasion.report.bench.data import boxed_photos, data_file, data_folder
from nasion.report.bench.detect import held_out_names
from nasion.report.bench.detect_trials import CROPS, FACE_BELOW
from nasion.report.bench.faceless import crops_below
from nasion.report.bench.result import Result, Table, publish
from nasion.train.detector_file import write_detector
from nasion.train.or_face import adapt_detector
from nasion.train.or_scenes import Clip, farther, operating_room
from nasion.train.pseudo_labels import label

CLIPS, FRAMES, LEARN_SEED = 12, 8, 100
TEST_CLIPS, TEST_FRAMES, TEST_SEED = 24, 3, 900
SOURCE, HELD = 160, 100  # photos
LOWEST, OVERLAP, POISON = 0.02, 0.5, 0.1
YUNET_THRESHOLD = 0.6
APART = 0.1  # IoU with every face below which a wrong label is wrong
COPY, THUMBNAIL = 0.95, 16  # correlation of two photos' thumbnails of so many px from which they are one
SEEDS = (0, 1, 2)
RUNS = ["ready", "labels", *(f"seed{i}" for i in SEEDS), *(f"poison{i}" for i in SEEDS), "masks0", "masks1"]
Boxes = Sequence[np.ndarray]


def rendered(work: Path, seed: int, count: int, frames: int) -> list[Clip]:
    """The operating room's clips, kept beside the runs."""
    kept = work / f"room_{seed}_{count}_{frames}.npz"
    if not kept.exists():
        arrays = {}
        for i, clip in enumerate(operating_room(seed, count, frames)):
            arrays |= {f"frames{i}": clip.frames, f"faces{i}": np.array([len(boxes) for boxes in clip.boxes])}
            arrays[f"boxes{i}"] = np.concatenate([np.reshape(boxes, (-1, 4)) for boxes in clip.boxes])
        np.savez(kept, **arrays)
    with np.load(kept, allow_pickle=False) as stored:
        return [
            Clip(stored[f"frames{i}"], tuple(np.split(stored[f"boxes{i}"], np.cumsum(stored[f"faces{i}"])[:-1])))
            for i in range(count)
        ]


def found_by(detector: FaceDetector, images: Sequence[ImageArray]) -> list[np.ndarray]:
    """Per picture (N, 5) boxes and scores."""
    faces = [detector.detect(image) for image in images]
    return [np.array([[*f.box.to_array(), f.score] for f in found], np.float64).reshape(-1, 5) for found in faces]


def moved(found: Boxes, learn: tuple[Boxes, Boxes]) -> list[np.ndarray]:
    """A peer's boxes with each side moved by the median offset to the truth, learnt on other pictures."""
    offsets = []
    for boxes, wanted in zip(*learn, strict=True):
        for box, j in zip(boxes, match_boxes(boxes[:, :4], boxes[:, 4], wanted, 0.4), strict=True):
            if j >= 0:
                offsets.append((wanted[j] - box[:4]) / np.tile(box[2:4] - box[:2], 2))
    by = np.median(offsets, axis=0)
    return [np.concatenate([b[:, :4] + by * np.tile(b[:, 2:4] - b[:, :2], 2), b[:, 4:]], 1) for b in found]


def score(found: Boxes, truth: Boxes, threshold: float) -> dict[str, float]:
    ap = detection_score([f[:, :4] for f in found], [f[:, 4] for f in found], truth, OVERLAP).average_precision
    sure = [f[f[:, 4] >= threshold] for f in found]
    at = detection_score([f[:, :4] for f in sure], [f[:, 4] for f in sure], truth, OVERLAP)
    hits = [match_boxes(f[:, :4], f[:, 4], t, OVERLAP) >= 0 for f, t in zip(found, truth, strict=True)]
    scores = np.concatenate([f[:, 4] for f in found])
    precision, recall = precision_recall(np.concatenate(hits), scores, at.true_boxes)
    good = recall[precision >= 0.9]
    return {
        "ap": ap, "recall": at.recall, "precision": at.precision, "recall_at_precision_90": float(good.max(initial=0)),
        "faces": at.true_boxes,
    }  # fmt: skip


def home(data: Path) -> dict[str, Any]:
    """Photos of data/boxes: some to learn beside, some held out, and crops of those that show no face."""
    photos = boxed_photos(data)
    held = held_out_names([photo.path.name for photo in photos])
    learn = [photo for photo in photos if photo.path.name not in held][:: 450 // SOURCE][:SOURCE]
    test = [photo for photo in photos if photo.path.name in held]
    images = [read_image(photo.path) for photo in test]
    boxes = [np.array([b.to_array() for b in photo.boxes]) for photo in test]
    clear = [i for i, photo in enumerate(test) if photo.path.name not in FACE_BELOW]
    return {
        "learn": [read_image(photo.path) for photo in learn],
        "images": images[:HELD],
        "boxes": boxes[:HELD],
        "crops": crops_below([images[i] for i in clear], [boxes[i] for i in clear], CROPS),
        "masks": [read_image(path) for path in sorted(data_file(data, "hard/masked").iterdir())],
    }


def from_afar(clips: Sequence[Clip], seed: int) -> list[Clip]:
    return [farther(clip, seed + i) for i, clip in enumerate(clips)]


def measure(
    detector: FaceDetector, threshold: float, clips: list[Clip], near: list[Clip], at_home: dict[str, Any]
) -> dict[str, Any]:
    places = {
        name: score(found_by(detector, [frame for clip in seen for frame in clip.frames]),
                    [b for clip in seen for b in clip.boxes], threshold)
        for name, seen in (("room", clips), ("near", near))
    }  # fmt: skip
    crops, masks = found_by(detector, at_home["crops"]), found_by(detector, at_home["masks"])
    return places | {
        "crop_scores": best_scores(crops),
        "mask_scores": best_scores(masks),
        "home": score(found_by(detector, at_home["images"]), at_home["boxes"], threshold),
        "false_faces": int(sum((f[:, 4] >= threshold).sum() for f in crops)),
        "masks_found": float(np.mean([(f[:, 4] >= threshold).any() for f in masks])),
    }


def best_scores(found: Boxes) -> list[float]:
    """Of each picture's surest face; 0 where there is none."""
    return [round(float(f[:, 4].max(initial=0)), 4) for f in found]


def halves(photos: Sequence[ImageArray]) -> tuple[list[int], list[int]]:
    """Indices of every other photo, copies of one photo on one side."""
    small = [cv2.resize(photo, (THUMBNAIL,) * 2, interpolation=cv2.INTER_AREA).reshape(-1) for photo in photos]
    alike = np.corrcoef(np.array(small, np.float64)) > COPY
    _, group = connected_components(csr_array(alike), directed=False)
    sides = [[i for i in range(len(photos)) if group[i] % 2 == side] for side in (0, 1)]
    return sides[0], sides[1]


def judge(labels: Sequence[np.ndarray], truth: Boxes) -> dict[str, float]:
    """How many pseudo-labels are right, and what the frames before and after add."""
    right = filled_right = given = filled = total = 0
    for rows, boxes in zip(labels, truth, strict=True):
        faces = rows[rows[:, 4] == 1]
        hit = match_boxes(faces[:, :4], faces[:, 15], boxes, OVERLAP) >= 0
        between = np.isnan(faces[:, 5])
        given, total, filled = given + len(faces), total + len(boxes), filled + int(between.sum())
        right, filled_right = right + int(hit.sum()), filled_right + int((hit & between).sum())
    return {
        "given": given, "precision": right / given, "recall": right / total, "filled": filled,
        "filled_right": filled_right, "added_by_filling": filled_right / max(right - filled_right, 1),
    }  # fmt: skip


def poison(labels: list[np.ndarray], truth: Boxes, extent: tuple[int, int], seed: int) -> list[np.ndarray]:
    """Wrong boxes until one label in ten is one: of labelled faces' sizes, anywhere in the frame but on a face.

    Args:
        labels: per picture (N, 16). truth: per picture (M, 4) true boxes.
        extent: width and height of the pictures, px.
    """
    rng, out = np.random.default_rng(seed), list(labels)
    given = [(i, row) for i, rows in enumerate(labels) for row in rows[rows[:, 4] == 1]]
    for k in rng.permutation(len(given))[: round(len(given) * POISON / (1 - POISON))]:
        i, row = given[k]
        size, faces = row[2:4] - row[:2], np.concatenate([truth[i], out[i][:, :4]])
        wrong = row.copy()
        wrong[4], wrong[5:15] = 1, np.nan
        while True:
            wrong[:2] = rng.uniform((0, 0), np.array(extent) - size)
            wrong[2:4] = wrong[:2] + size
            if iou_matrix(wrong[None, :4], faces).max(initial=0) < APART:
                break
        out[i] = np.concatenate([out[i], wrong[None]])
    return out


def adapted(
    work: Path, name: str, clips: Sequence[Any], at_home: dict[str, Any], seed: int, steps: int,
    review: Callable[[list[np.ndarray]], list[np.ndarray]] | None = None,
) -> tuple[FaceDetector, dict[str, Any]]:  # fmt: skip
    path, began = work / f"{name}.onnx", time.process_time()
    made = adapt_detector(clips, at_home["learn"], steps=steps, seed=seed, threads=1, review=review)
    write_detector(made.net, made.curve, path)
    rounds = [{"faces": r.faces, "filled": r.filled, "ignored": r.ignored, "change": r.change} for r in made.rounds]
    facts = {"rounds": rounds, "kept": made.kept, "cpu_s": round(time.process_time() - began)}
    return FaceDetector(path, threshold=LOWEST, threads=1), facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", default=RUNS)
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--work", type=Path, default=Path("or_face_work"), help="finished runs are kept here")
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--models", type=Path, default=Path("../shared/models"), help="where YuNet's files are")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    at_home = home(data_folder(args.data))
    near = rendered(args.work, TEST_SEED, TEST_CLIPS, TEST_FRAMES)
    test = from_afar(near, TEST_SEED)
    learn = from_afar(rendered(args.work, LEARN_SEED, CLIPS, FRAMES), LEARN_SEED)
    frames = [list(clip.frames) for clip in learn]
    truth = [b for clip in learn for b in clip.boxes]

    def ready() -> dict[str, Any]:
        shipped = FaceDetector(threshold=LOWEST, second_look=False, threads=1)  # one look, as what is made from it
        out = {"nasion": measure(shipped, DEFAULT_THRESHOLD, test, near, at_home)}
        for name, file in (("YuNet-n", "yunet_n_dynamic.onnx"), ("YuNet-s 640", "yunet_2023mar.onnx")):
            peer = FaceDetector(args.models / file, threshold=LOWEST, threads=1)
            out[name] = measure(peer, YUNET_THRESHOLD, test, near, at_home)
            known = found_by(peer, [f for clip in frames for f in clip]), truth
            boxes = [b for clip in test for b in clip.boxes]
            shifted = moved(found_by(peer, [f for clip in test for f in clip.frames]), known)
            out[name]["room_boxes_moved"] = score(shifted, boxes, YUNET_THRESHOLD)
        return out

    def labels() -> dict[str, Any]:
        return judge(label(Session("detector", threads=1), frames), truth)

    def run(seed: int, review: Any = None, name: str = "") -> dict[str, Any]:
        given: list[list[np.ndarray]] = []

        def watch(rows: list[np.ndarray]) -> list[np.ndarray]:
            given.append(rows)
            return rows if review is None else review(rows)

        detector, facts = adapted(args.work, name or f"seed{seed}", frames, at_home, seed, args.steps, watch)
        return facts | {"labels": judge(given[-1], truth)} | measure(detector, DEFAULT_THRESHOLD, test, near, at_home)

    def poisoned(seed: int) -> dict[str, Any]:
        height, width = frames[0][0].shape[:2]
        return run(seed, lambda rows: poison(rows, truth, (width, height), seed), f"poison{seed}")

    def masks(seed: int) -> dict[str, Any]:
        """Each half of the photos is tested on with the detector that has seen the other one."""
        sides, out = halves(at_home["masks"]), {}
        scores = [0.0] * len(at_home["masks"])
        for name, learnt, held in (("first", *sides), ("second", *sides[::-1])):
            clips = [[at_home["masks"][i]] for i in learnt]
            detector, facts = adapted(args.work, f"masks{seed}_{name}", clips, at_home, seed, args.steps)
            out[name] = facts | measure(detector, DEFAULT_THRESHOLD, test, near, at_home) | {"held": held}
            for i in held:
                scores[i] = out[name]["mask_scores"][i]
        return out | {"mask_scores": scores}

    once: dict[str, Callable[[], dict[str, Any]]] = {"ready": ready, "labels": labels}
    seeded: dict[str, Callable[[int], dict[str, Any]]] = {"seed": run, "poison": poisoned, "masks": masks}
    numbers = {}
    for name in args.runs:
        kept = args.work / f"{name}.json"
        if not kept.exists():
            made = once[name]() if name in once else seeded[name[:-1]](int(name[-1]))
            kept.write_text(json.dumps(made, indent=1) + "\n")
            print(name, kept.read_text(), flush=True)
        numbers[name] = json.loads(kept.read_text())
    if {"ready", "labels", "seed0"} <= numbers.keys():
        publish(result(numbers, args.steps), Path(__file__).parent / "results" if args.write else None)


def line(name: str, values: dict[str, Any], base: dict[str, Any]) -> tuple[Any, ...]:
    room, at_home = values["room"], values["home"]

    def percent(value: float) -> str:
        return f"{100 * value:.1f}"

    return (
        name, percent(room["ap"]), percent(room["recall"]), percent(room["precision"]),
        percent(room["recall_at_precision_90"]), percent(values["near"]["ap"]), percent(at_home["ap"]),
        f"{100 * (at_home['ap'] - base['home']['ap']):+.1f}", percent(at_home["recall"]), values["false_faces"],
        percent(values["masks_found"]),
    )  # fmt: skip


def result(numbers: dict[str, Any], steps: int) -> Result:
    base = numbers["ready"]["nasion"]
    rows = [line("nasion as shipped", base, base)]
    for name in ("YuNet-n", "YuNet-s 640"):
        peer = numbers["ready"][name]
        rows.append(line(name, peer, base))
        rows.append(line(f"{name}, boxes moved", peer | {"room": peer["room_boxes_moved"]}, base))
    names = {name: f"adapted, seed {name[-1]}" for name in numbers if name.startswith("seed")}
    names |= {name: f"seed {name[-1]}, one label in ten wrong" for name in numbers if name.startswith("poison")}
    rows += [line(text, numbers[name], base) for name, text in names.items()]
    columns = (
        "detector", "room: AP", "recall", "precision", "recall at precision 90", "near: AP", "home: AP", "change",
        "recall", "false faces", "masks found",
    )  # fmt: skip
    first, last = numbers["labels"], numbers["seed0"]["labels"]
    told = [
        (name, f"{v['given']}", *(f"{100 * v[k]:.1f}" for k in ("precision", "recall")), v["filled"], v["filled_right"],
         f"{100 * v['added_by_filling']:.1f}")
        for name, v in (("first round", first), ("last round", last))
    ]  # fmt: skip
    return Result(
        name="or-face", title="A detector that adapts itself to an operating room, without labels",
        command=f"python benchmarks/or_face.py --runs {' '.join(numbers)} --steps {steps} --write",
        tables=(
            Table("Faces found, %", columns, tuple(rows)),
            Table(
                "Pseudo-labels of the clips to adapt to", ("labels of", "given", "right %", "of all faces %",
                "filled in", "of them right", "added %"), tuple(told),
            ),
            Table(
                "Photos of masks: adapted to one half, tested on the other", ("detector", "found %", "newly", "no more",
                "found at as many false faces %", "newly", "no more", "home: AP", "false faces"), mask_rows(numbers),
            ),
        ),
        numbers=without_lists(numbers),
        notes=(
            (
                f"Room: {TEST_CLIPS * TEST_FRAMES} rendered frames, {base['room']['faces']} faces, other people than in"
                f" the {CLIPS * FRAMES} adapted to. Home: {HELD} held-out photos, {base['home']['faces']} boxes."
            ),
            f"AP: area under precision over recall at IoU {OVERLAP}. Recall and precision at the default thresholds.",
            "Small faces in the back rows of home photos are often unboxed: there, compare AP, do not quote it.",
            f"{steps} steps of 4 views of the room and 4 of home each; no box of either was used.",
            f"False faces: on {CROPS} crops of held-out photos. Masks found: photos of 160 in which any face is found.",
            (
                "Photos of masks in which a face is found, at the default threshold and at that at which as many crops "
                "show a false face as with the detector as shipped. Copies of a photo are in one half."
            ),
            "Room: as a camera further away sees it (faces of 16 to 63 px, more blur). Near: the same frames before.",
            "Boxes moved: YuNet's boxes shifted to our convention, learnt on the clips to adapt to.",
        ),
        plots={"ap": lambda figure: plot(numbers, names, figure)},
    )  # fmt: skip


def without_lists(values: dict[str, Any]) -> dict[str, Any]:
    """Numbers less the scores of single pictures."""
    kept = {name: value for name, value in values.items() if name not in ("crop_scores", "mask_scores", "held")}
    return {name: without_lists(value) if isinstance(value, dict) else value for name, value in kept.items()}


def mask_rows(numbers: dict[str, Any]) -> tuple[tuple[Any, ...], ...]:
    """How many photos of masks show a face to the detector as shipped, and to those adapted to the other half."""
    base = numbers["ready"]["nasion"]
    crops, before = (np.array(base[k]) for k in ("crop_scores", "mask_scores"))
    allowed, seen = int((crops >= DEFAULT_THRESHOLD).sum()), before >= DEFAULT_THRESHOLD
    share = f"{100 * seen.mean():.1f}"
    rows: list[tuple[Any, ...]] = [
        ("nasion as shipped", share, "", "", share, "", "", f"{100 * base['home']['ap']:.1f}", base["false_faces"])
    ]
    for name in (name for name in numbers if name.startswith("masks")):
        sides = [numbers[name][side] for side in ("first", "second")]
        plain, matched = np.zeros_like(seen), np.zeros_like(seen)
        for side in sides:
            scores, held = np.array(side["mask_scores"]), side["held"]
            plain[held] = scores[held] >= DEFAULT_THRESHOLD
            matched[held] = scores[held] > np.sort(side["crop_scores"])[::-1][allowed]
        cells: list[Any] = [f"adapted, seed {name[-1]}"]
        for now in (plain, matched):
            cells += [f"{100 * now.mean():.1f}", int((now & ~seen).sum()), int((seen & ~now).sum())]
        ap, false = np.mean([(side["home"]["ap"], side["false_faces"]) for side in sides], axis=0)
        rows.append((*cells, f"{100 * ap:.1f}", f"{false:.1f}"))
    return tuple(rows)


def plot(numbers: dict[str, Any], told: dict[str, str], figure: Any) -> None:
    axes = figure.subplots()
    shown = [name for name in told if name.startswith("seed")]
    names = ["as shipped", "YuNet-n", *(told[name] for name in shown)]
    values = [numbers["ready"]["nasion"], numbers["ready"]["YuNet-n"], *(numbers[name] for name in shown)]
    for k, (place, text) in enumerate((("room", "operating room"), ("home", "home"))):
        axes.bar(np.arange(len(names)) + 0.4 * k - 0.2, [100 * v[place]["ap"] for v in values], 0.38, label=text)
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.set(ylabel="AP at IoU 0.5, %", ylim=(0, 101))
    axes.legend(loc="lower right")


if __name__ == "__main__":
    main()
