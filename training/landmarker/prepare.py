"""Cache aligned crops and labels for the landmarker.

    python -m training.landmarker.prepare --dense dense_0.npz dense_1.npz --data ../shared/data

Writes ``training/work/landmarker/crops.npy`` (N, 256, 256, 3) uint8 RGB and ``labels.npz``. A crop shows 1.6 times the
network's view, so that shifts, turns and scalings of the augmentation still find real pixels. Labels are in *view
units*: 0..1 across the network's crop, which is the middle 160 px of the cached one.

Human iBUG labels come from the 870 HELEN training crops. Every other face gets pseudo labels for the 68 points
through a ridge map from the teacher's dense points, fitted on the HELEN crops (its cross-validated error is printed),
with a lower weight.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np

from training.landmarker.view import CACHE, PIXELS_PER_VIEW, TEMPLATE, align

WORK = Path(__file__).parents[1] / "work" / "landmarker"
MAX_SPREAD = 0.04  # of the outer-eye distance; above it the teacher's views disagree (about 5 % of the faces)
COARSE_GROUPS = ((33, 133), (263, 362), (1,), (61,), (291,))  # subject's right eye, left eye, nose tip, mouth corners
# iBUG point -> the dense vertex nearest to it on a mean face; only used to hand self-occlusion on to the 68
NEAREST = [
    *[162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389],
    *[71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305],
    *[33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380],
    *[61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87],
]


def coarse_from_dense(points: np.ndarray) -> np.ndarray:
    return np.stack([points[list(g), :2].mean(0) for g in COARSE_GROUPS])


def coarse_from_ibug(points: np.ndarray) -> np.ndarray:
    return np.stack([points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]])


def read_human(csv_file: Path) -> dict[str, np.ndarray]:
    with csv_file.open() as stream:
        return {
            row["file"].split("/")[-1]: np.array([[float(row[f"x{i}"]), float(row[f"y{i}"])] for i in range(68)])
            for row in csv.DictReader(stream)
        }


def dense_triangles(obj: Path) -> np.ndarray:
    lines = [line.split()[1:] for line in obj.read_text().splitlines() if line.startswith("f ")]
    return np.array([[int(v.split("/")[0]) - 1 for v in line] for line in lines])


def self_visibility(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(546,) 1 where the surface faces the camera, for the 68 and the 478; irises hide behind shut lids."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    vertex = np.zeros((478, 3))
    for k in range(3):
        np.add.at(vertex, triangles[:, k], normal)
    vertex /= np.linalg.norm(vertex, axis=1, keepdims=True) + 1e-9
    facing = -vertex[:, 2]
    if facing[:468].mean() < 0:
        facing = -facing
    visible = (facing > 0.0).astype(np.float32)
    for iris, corners, lids in ((range(468, 473), (33, 133), (159, 145)), (range(473, 478), (263, 362), (386, 374))):
        width = np.linalg.norm(points[corners[0], :2] - points[corners[1], :2])
        height = np.linalg.norm(points[lids[0], :2] - points[lids[1], :2])
        visible[list(iris)] = float(height > 0.1 * width and visible[list(corners)].mean() > 0)
    ibug = visible[NEAREST]
    # iBUG's jaw line is drawn along the silhouette, so it counts as seen until the surface is well turned away
    ibug[:17] = facing[NEAREST[:17]] > -0.3
    return np.concatenate([ibug, visible])


def ridge_map(dense: np.ndarray, human: np.ndarray, penalty: float) -> np.ndarray:
    x = np.concatenate([dense.reshape(len(dense), -1), np.ones((len(dense), 1))], 1)
    gram = x.T @ x + penalty * np.eye(x.shape[1])
    gram[-1, -1] -= penalty
    return np.linalg.solve(gram, x.T @ human.reshape(len(human), -1))


def apply_map(weights: np.ndarray, dense: np.ndarray) -> np.ndarray:
    x = np.concatenate([dense.reshape(len(dense), -1), np.ones((len(dense), 1))], 1)
    return (x @ weights).reshape(len(dense), 68, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dense", nargs="+", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    args = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    parts = [np.load(f) for f in args.dense]
    paths = np.concatenate([p["path"] for p in parts])
    teacher = np.concatenate([p["points"] for p in parts]).astype(np.float64)
    spread = np.concatenate([p["spread"] for p in parts])
    triangles = dense_triangles(args.data / "mesh" / "canonical_face_model.obj")
    human = read_human(args.data / "landmarks68" / "train.csv")
    known = {path: (t, s) for path, t, s in zip(paths, teacher, spread, strict=True)}

    samples: list[tuple[str, np.ndarray | None, np.ndarray | None]] = []
    for path, (points, s) in known.items():
        is_helen = "landmarks68/train/" in path
        sixty_eight = human[path.split("/")[-1]] if is_helen else None
        if sixty_eight is not None:  # the teacher may have looked at another face of the picture
            iod = np.linalg.norm(sixty_eight[36] - sixty_eight[45])
            if np.linalg.norm(points[[33, 263], :2] - sixty_eight[[36, 45]], axis=1).mean() > 0.2 * iod:
                samples.append((path, None, sixty_eight))
                continue
        if s <= MAX_SPREAD:
            samples.append((path, points, sixty_eight))
        elif sixty_eight is not None:
            samples.append((path, None, sixty_eight))
    labelled = {path.split("/")[-1] for path, _, h in samples if h is not None}
    for name, points in human.items():
        if name not in labelled:
            samples.append((str(args.data.resolve() / "landmarks68" / "train" / name), None, points))

    n = len(samples)
    crops = np.lib.format.open_memmap(WORK / "crops.npy", "w+", np.uint8, (n, CACHE, CACHE, 3))
    dense = np.zeros((n, 478, 3), np.float32)
    ibug = np.zeros((n, 68, 2), np.float32)
    visible = np.ones((n, 546), np.float32)
    has_dense, weight68 = np.zeros(n, bool), np.zeros(n, np.float32)
    matrices = np.zeros((n, 2, 3))
    for i, (path, points, sixty_eight) in enumerate(samples):
        rgb = cv2.imread(path)[..., ::-1]
        coarse = coarse_from_dense(points) if points is not None else coarse_from_ibug(sixty_eight)
        matrix = matrices[i] = align(coarse)  # picture px to view units
        to_cache = matrix * PIXELS_PER_VIEW
        to_cache[:, 2] += CACHE / 2 - PIXELS_PER_VIEW / 2 - 0.5
        shrink = np.sqrt(abs(np.linalg.det(to_cache[:, :2])))
        if shrink < 0.7:  # anti-alias before a strong reduction
            rgb = cv2.GaussianBlur(np.ascontiguousarray(rgb), (0, 0), 0.4 / shrink)
        crops[i] = cv2.warpAffine(
            rgb, to_cache, (CACHE, CACHE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        if points is not None:
            xy = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
            z = points[:, 2:] * np.sqrt(abs(np.linalg.det(matrix[:, :2])))
            dense[i] = np.concatenate([xy, z], 1)
            has_dense[i] = True
            visible[i] = self_visibility(points, triangles)
        if sixty_eight is not None:
            ibug[i] = sixty_eight @ matrix[:, :2].T + matrix[:, 2]
            weight68[i] = 1.0
        if i % 2000 == 0:
            print(f"{i}/{n}", flush=True)

    both = has_dense & (weight68 == 1)
    x, y = dense[both, :, :2].astype(np.float64) - 0.5, ibug[both].astype(np.float64) - 0.5
    fold = np.arange(len(x)) % 5
    for penalty in (0.003, 0.01, 0.03, 0.1, 0.3):
        errors, inner = [], []
        for k in range(5):
            guess = apply_map(ridge_map(x[fold != k], y[fold != k], penalty), x[fold == k])
            iod = np.linalg.norm(y[fold == k][:, 36] - y[fold == k][:, 45], axis=1)[:, None]
            e = np.linalg.norm(guess - y[fold == k], axis=2) / iod
            errors.append(e.mean(1))
            inner.append(e[:, 17:].mean(1))
        print(f"ridge {penalty}: NME {np.concatenate(errors).mean():.4f} inner {np.concatenate(inner).mean():.4f}")
    weights = ridge_map(x, y, 0.03)
    pseudo = has_dense & (weight68 == 0)
    ibug[pseudo] = apply_map(weights, dense[pseudo, :, :2].astype(np.float64) - 0.5) + 0.5
    weight68[pseudo] = 0.3
    source = np.array(["/".join(Path(p).parts[-3:]) for p, _, _ in samples])
    np.savez(
        WORK / "labels.npz",
        source=source,
        dense=dense,
        ibug=ibug,
        visible=visible,
        has_dense=has_dense,
        weight68=weight68,
        matrix=matrices,
    )
    print(f"{n} faces, {int(both.sum())} with human and teacher labels, template {TEMPLATE.tolist()}")


if __name__ == "__main__":
    main()
