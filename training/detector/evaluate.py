"""Measure the exported detector beside YuNet in one run: recall, points, false faces, milliseconds.

Use:
    python -m training.detector.evaluate --data ../shared/data --model FILE.onnx [--second FILE.onnx] \
        [--peer yunet_n_dynamic.onnx ...]

Needs nasion installed: what is measured is what users run. Held-out photos are those ``prepare.split`` keeps away from
training. False faces are counted on crops from below the lowest box of held-out photos, which no detector chose, and on
frames of the clip without a face, as in ``nasion bench detect``.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from pathlib import Path

import cv2
import numpy as np

from nasion.detect import FaceDetector
from nasion.metrics.detection import detection_score, iou_matrix, match_boxes
from nasion.report.bench.detect_trials import CROPS, EMPTY_STEP, FACE_BELOW
from nasion.report.bench.faceless import crops_below
from training.detector.prepare import read_boxes, split

OVERLAP = 0.4
SIZES = ((0, 16), (16, 32), (32, 64), (64, 10000))


def rgb(path: Path) -> np.ndarray:
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


def rows(detector: FaceDetector, image: np.ndarray) -> np.ndarray:
    """(N, 5) boxes and scores."""
    return np.array([[*f.box.to_array(), f.score] for f in detector.detect(image)], np.float64).reshape(-1, 5)


def recall(found: list[np.ndarray], truth: list[np.ndarray]) -> dict[str, float]:
    score = detection_score([f[:, :4] for f in found], [f[:, 4] for f in found], truth, OVERLAP)
    hit, size = [], []
    for f, t in zip(found, truth, strict=True):
        here = np.zeros(len(t), bool)
        match = match_boxes(f[:, :4], f[:, 4], t, OVERLAP)
        here[match[match >= 0]] = True
        hit.append(here)
        size.append(np.sqrt((t[:, 2:] - t[:, :2]).prod(1)))
    hits, sizes = np.concatenate(hit), np.concatenate(size)
    by_size = {f"{a}-{b}": round(float(hits[(sizes >= a) & (sizes < b)].mean()), 4) for a, b in SIZES}
    return {
        "recall": round(score.recall, 4),
        "ap": round(score.average_precision, 4),
        "found": score.found_boxes,
        **by_size,
    }


def points_of_68(shape: np.ndarray) -> np.ndarray:
    """iBUG-68 to coarse5: eye corners' middles, nose tip, mouth corners; subject's left first."""
    return np.stack([shape[[42, 45]].mean(0), shape[[36, 39]].mean(0), shape[30], shape[54], shape[48]])


def helen(detector: FaceDetector, data: Path) -> dict[str, object]:
    """The 90 public photos: are all annotated faces found, and how good are the five points?"""
    missed, errors, sizes = [], [], []
    with (data / "landmarks68" / "val.csv").open() as lines:
        for row in csv.DictReader(lines):
            shape = np.array([[float(row[f"x{i}"]), float(row[f"y{i}"])] for i in range(68)])
            faces = detector.detect(rgb(next(p for p in candidates(data, row["file"]) if p.exists())))
            box = np.concatenate([shape.min(0), shape.max(0)])[None]
            overlap = [iou_matrix(f.box.to_array()[None], box)[0, 0] for f in faces]
            if not overlap or max(overlap) < OVERLAP:
                missed.append(row["file"])
                continue
            face = faces[int(np.argmax(overlap))]
            eyes = np.linalg.norm(shape[36] - shape[45])
            difference = face.landmarks.points[:, :2] - points_of_68(shape)
            errors.append(np.linalg.norm(difference, axis=1) / eyes)
            sizes.append(difference / np.sqrt(face.box.area))
    per_axis = np.sqrt((np.array(sizes) ** 2).mean())
    return {
        "missed": missed,
        "five_points_nme": round(float(np.mean(errors)), 4),
        "worst_mean": round(float(np.mean(errors, axis=1).max()), 3),
        "sigma_over_size": round(float(per_axis), 4),
    }


def candidates(data: Path, file: str) -> list[Path]:
    home = data / "landmarks68"
    return [home / file, home / "val" / file, home / "val" / Path(file).name]


def frames_without_face(path: Path) -> list[np.ndarray]:
    clip, frames = cv2.VideoCapture(str(path)), []
    while True:
        ok, bgr = clip.read()
        if not ok:
            return frames[::EMPTY_STEP]
        frames.append(np.ascontiguousarray(bgr[..., ::-1]))


def milliseconds(systems: dict[str, FaceDetector], image: np.ndarray, rounds: int = 30) -> dict[str, float]:
    """Median per image, the systems taking turns."""
    spent: dict[str, list[float]] = {name: [] for name in systems}
    for _ in range(rounds):
        for name, detector in systems.items():
            start = time.perf_counter()
            detector.detect(image)
            spent[name].append(1000 * (time.perf_counter() - start))
    return {name: round(float(np.median(times)), 2) for name, times in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, nargs="+", required=True)
    parser.add_argument("--second", type=Path, help="the second look of every model, too")
    parser.add_argument("--peer", type=Path, nargs="*", default=[])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer-threshold", type=float, default=0.6)
    args = parser.parse_args()
    boxes = read_boxes(args.data / "boxes" / "boxes.csv")
    held = set(split(list(boxes))[1])
    names = sorted(boxes)
    photos = {n: rgb(args.data / "boxes" / n) for n in names}
    looks = {"second_look": args.second or False, "threads": args.threads}
    systems = {p.stem: FaceDetector(p, **looks) for p in args.model}
    systems |= {p.stem: FaceDetector(p, threshold=args.peer_threshold, threads=args.threads) for p in args.peer}
    held_names = [n for n in names if n in held]
    clear = [n for n in held_names if n not in FACE_BELOW]
    crops = crops_below([photos[n] for n in clear], [boxes[n] for n in clear], CROPS)
    frames = frames_without_face(args.data / "video" / "no_face.mp4")
    vga = cv2.resize(photos[held_names[0]], (640, 480))
    report: dict[str, dict[str, object]] = {}
    for name, detector in systems.items():
        found = {n: rows(detector, photos[n]) for n in names}
        report[name] = {
            "threshold": detector.threshold,
            "held_out": recall([found[n] for n in held_names], [boxes[n] for n in held_names]),
            "all": recall([found[n] for n in names], [boxes[n] for n in names]),
            "helen_val": helen(detector, args.data),
            "false_faces_on_crops": f"{sum(len(detector.detect(c)) for c in crops)} on {len(crops)}",
            "false_faces_on_clip": f"{sum(bool(detector.detect(f)) for f in frames)} of {len(frames)} frames",
        }
    for name, value in milliseconds(systems, vga).items():
        report[name]["ms_640x480"] = value
    print(json.dumps({"threads": args.threads, **report}, indent=1))


if __name__ == "__main__":
    main()
