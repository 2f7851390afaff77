"""Build the detector's training set once: decoded pictures in one memory-mapped sheet, labels beside them.

Use:
    python -m training.detector.prepare --data ../shared/data --models ../shared/models --dense DENSE.npz ... --work DIR

Three stores, each ``NAME.npy`` (N, S, S, 3) uint8 RGB, the picture in its upper left corner, with ``NAME_labels.npz``
(``size`` (N, 2) width and height; ``rows`` (M, 16); ``first`` (N + 1,) the rows of picture i are first[i]:first[i + 1];
``files``). A row is x0, y0, x1, y1, kind, x and y of five points (coarse5 order, NaN where unknown), score:

- ``faces``: pictures of one face with the dense labels of MediaPipe, plus what YuNet finds beside it;
- ``crowds``: the training part of ``data/boxes`` with its own boxes, completed by YuNet;
- ``held``: the rest of ``data/boxes``, its own boxes only, never trained on.

Kinds: 1 a face, 0 a place to ignore (YuNet is unsure).
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from training.detector.teacher import FROM_YUNET, Teacher, grow, iou_matrix

SEED = 20
HELD_OUT = 253  # of the 703 photos of data/boxes
VALIDATION = 9  # every ninth of the others is for choices (threshold, size), not for gradients
FACE_SIDE, PHOTO_SIDE = 224, 608
MAX_SPREAD = 0.04  # the dense teacher's disagreement with itself, over the distance between the outer eye corners
FACE_SETS = ("/faces/", "/identity/", "/expression/", "/landmarks68/train/", "/landmarks68/ytf/")
# coarse5 from the mesh: the middle of the eye's corners, the nose tip, the corners of the mouth; subject's left first
MESH_POINTS = ((362, 263), (33, 133), (1,), (291,), (61,))


def split(files: list[str]) -> tuple[list[str], list[str]]:
    """The training and the held-out photos of data/boxes: fixed by the seed and the sorted names."""
    order = np.random.default_rng(SEED).permutation(len(files))
    names = sorted(files)
    return sorted(names[i] for i in order[HELD_OUT:]), sorted(names[i] for i in order[:HELD_OUT])


def validation(train: list[str]) -> list[str]:
    """The photos of the training part on which thresholds are chosen: no gradient sees them."""
    return train[::VALIDATION]


def read_boxes(path: Path) -> dict[str, np.ndarray]:
    """File name to (N, 4) boxes, px."""
    boxes = defaultdict(list)
    with path.open() as lines:
        for row in csv.DictReader(lines):
            boxes[row["file"]].append([float(row[k]) for k in ("x0", "y0", "x1", "y1")])
    return {name: np.array(rows) for name, rows in boxes.items()}


def five_points(mesh: np.ndarray) -> np.ndarray:
    """(478, 2+) mesh points to (5, 2) coarse5."""
    return np.stack([mesh[list(index), :2].mean(0) for index in MESH_POINTS])


def mesh_box(mesh: np.ndarray) -> np.ndarray:
    """(4,) the extent of the mesh: x0, y0, x1, y1."""
    return np.concatenate([mesh[:468, :2].min(0), mesh[:468, :2].max(0)])


def row(box: np.ndarray, kind: float, points: np.ndarray | None, score: float) -> np.ndarray:
    flat = np.full(10, np.nan) if points is None else np.asarray(points).reshape(10)
    return np.concatenate([box[:4], [kind], flat, [score]])


def shrink(rgb: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """The picture no longer than ``side``, and the factor."""
    scale = min(1.0, side / max(rgb.shape[:2]))
    if scale == 1.0:
        return rgb, 1.0
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), scale


class Store:
    """Collects pictures and rows, then writes them."""

    def __init__(self, work: Path, name: str, count: int, side: int) -> None:
        self.work, self.name = work, name
        self.sheet = np.lib.format.open_memmap(work / f"{name}.npy", "w+", np.uint8, (count, side, side, 3))
        self.size: list[tuple[int, int]] = []
        self.rows: list[np.ndarray] = []
        self.files: list[str] = []

    def add(self, file: str, rgb: np.ndarray, rows: list[np.ndarray]) -> None:
        height, width = rgb.shape[:2]
        self.sheet[len(self.size), :height, :width] = rgb
        self.size.append((width, height))
        self.rows.append(np.array(rows, np.float32).reshape(-1, 16))
        self.files.append(file)

    def close(self) -> None:
        self.sheet.flush()
        first = np.cumsum([0, *(len(r) for r in self.rows)])
        np.savez(
            self.work / f"{self.name}_labels.npz",
            size=np.array(self.size),
            rows=np.concatenate(self.rows),
            first=first,
            files=np.array(self.files),
        )
        print(f"{self.name}: {len(self.size)} pictures, {first[-1]} rows", flush=True)


def crowd_rows(truth: np.ndarray, found: np.ndarray) -> list[np.ndarray]:
    """The photo's own boxes with YuNet's points, then the faces that only YuNet saw."""
    overlap = iou_matrix(truth, found) if len(found) else np.zeros((len(truth), 1))
    rows = []
    for i, box in enumerate(truth):
        j = int(overlap[i].argmax())
        sure = overlap[i, j] > 0.4 and found[j, 4] > 0.5
        rows.append(row(box, 1, found[j, 5:15] if sure else None, 1.0))
    for j, face in enumerate(found):
        if overlap[:, j].max() < 0.3:
            sure = face[4] > 0.65
            rows.append(row(grow(face, FROM_YUNET), float(sure), face[5:15] if sure else None, face[4]))
    return rows


def face_rows(mesh: np.ndarray, found: np.ndarray, from_mesh: np.ndarray) -> list[np.ndarray]:
    """The labelled face, then what YuNet sees away from it."""
    box = grow(mesh_box(mesh), from_mesh)
    rows = [row(box, 1, five_points(mesh), 1.0)]
    for face in found:
        other = grow(face, FROM_YUNET)
        if iou_matrix(box[None], other[None])[0, 0] < 0.2:
            sure = face[4] > 0.6
            rows.append(row(other, float(sure), face[5:15] if sure else None, face[4]))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--dense", type=Path, nargs="+", required=True)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    teacher = Teacher(args.models / "yunet_n_dynamic.onnx")

    boxes = read_boxes(args.data / "boxes" / "boxes.csv")
    train, held = split(list(boxes))
    for name, files in (("crowds", train), ("held", held)):
        store = Store(args.work, name, len(files), PHOTO_SIDE)
        offsets = []
        for file in files:
            rgb, scale = shrink(cv2.imread(str(args.data / "boxes" / file))[..., ::-1], PHOTO_SIDE)
            truth = boxes[file] * scale
            if name == "held":
                store.add(file, rgb, [row(b, 1, None, 1.0) for b in truth])
                continue
            longest = max(rgb.shape[:2])
            found = teacher.find(rgb, (1.0, 640 / longest, 1100 / longest), 0.3)
            store.add(file, rgb, crowd_rows(truth, found))
            overlap = iou_matrix(found, truth) if len(found) else np.zeros((0, 1))
            for j, i in zip(*np.nonzero(overlap > 0.5), strict=True):
                offsets.append((truth[i] - found[j, :4]) / np.tile(found[j, 2:4] - found[j, :2], 2))
        store.close()
        if offsets:
            print("box minus YuNet's, median fraction:", np.median(offsets, axis=0).round(3), flush=True)

    shards = [np.load(path) for path in args.dense]
    key = "file" if "file" in shards[0] else "path"
    files = [f for s in shards for f in s[key]]
    meshes = np.concatenate([s["points"] for s in shards])
    spread = np.concatenate([s["spread"] for s in shards])
    use = [i for i, f in enumerate(files) if spread[i] <= MAX_SPREAD and any(s in f for s in FACE_SETS)]
    store = Store(args.work, "faces", len(use), FACE_SIDE)
    pictures, offsets = [], []
    for i in use:
        name = next(s for s in FACE_SETS if s in files[i])
        path = args.data / (name.strip("/") + "/" + files[i].split(name, 1)[1])
        rgb, scale = shrink(cv2.imread(str(path))[..., ::-1], FACE_SIDE)
        mesh = meshes[i, :, :2] * scale
        found = teacher.find(cv2.copyMakeBorder(rgb, 32, 32, 32, 32, cv2.BORDER_REPLICATE), (1.0,), 0.3)
        found[:, :4] -= 32
        found[:, 5:] -= 32
        pictures.append((files[i], rgb, mesh, found))
        if len(found):
            extent = mesh_box(mesh)
            j = int(iou_matrix(extent[None], found)[0].argmax())
            offsets.append((grow(found[j], FROM_YUNET) - extent) / np.tile(extent[2:] - extent[:2], 2))
    from_mesh = np.median(offsets, axis=0)
    from_mesh[[0, 2]] = np.array([-1, 1]) * (from_mesh[2] - from_mesh[0]) / 2
    print("box minus mesh extent, median fraction:", from_mesh.round(3), flush=True)
    for file, rgb, mesh, found in pictures:
        store.add(file, rgb, face_rows(mesh, found, from_mesh))
    store.close()


if __name__ == "__main__":
    main()
