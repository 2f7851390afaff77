"""The learned map from scheme ``dense478`` to ``ibug68``: 68 weighted means of dense points.

Fitted on faces that carry both human iBUG points and the teacher's dense ones, and on their mirror images. The weights
of a point sum to one, so the map follows every shift, turn, scaling and shear of the face exactly; a ridge pulls each
point to the dense point nearest to it on average, more strongly the farther a dense point is, so that a weight means
"near" and visibility may be carried along it. The error is measured on faces left out of the fit (five folds).

    python -m training.scheme_maps ../shared/data/landmarks68/train.csv LABELS.npz [LABELS.npz ...]

LABELS.npz come from ``training/teachers/mediapipe_dense.py``. Writes
``src/nasion/core/schemes/dense478_to_ibug68.npz``: ``weights`` (68, 478) float16 (the reader divides by their
sum, which rounding moves) and ``error`` (68,) float32, the per-axis standard deviation of a converted point over the
rms distance of the dense points from their centroid.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from nasion.core import FloatArray, IntArray, scheme

RIDGE = 1e-3  # of the mean squared size of a face, for the nearest dense point
FARTHER = 30.0  # the ridge grows with 1 + FARTHER * (distance / rms size)^2
FOLDS = 5


def read_pairs(table: Path, labels: list[Path], spread: float) -> tuple[FloatArray, FloatArray]:
    """(F, 68, 2) human and (F, 478, 2) dense px of the faces that have both, and whose teacher is sure of itself."""
    dense: dict[str, FloatArray] = {}
    for file in labels:
        data = np.load(file, allow_pickle=False)
        for name, points, doubt in zip(data["path"], data["points"], data["spread"], strict=True):
            if doubt < spread:
                dense["/".join(Path(str(name)).parts[-3:])] = points[:, :2].astype(np.float64)
    with table.open(newline="") as stream:
        rows = [(f"{table.parent.name}/{row[0]}", row[1:]) for row in list(csv.reader(stream))[1:]]
    both = [(np.array(xy, np.float64).reshape(68, 2), dense[name]) for name, xy in rows if name in dense]
    return np.stack([human for human, _ in both]), np.stack([points for _, points in both])


def fit(dense: FloatArray, human: FloatArray) -> FloatArray:
    """(68, 478) weights, rows summing to one, from centred faces of unit size."""
    a, b = with_mirrored(dense, scheme("dense478").flip), with_mirrored(human, scheme("ibug68").flip)
    distance = np.linalg.norm(b.mean(0)[:, None] - a.mean(0)[None], axis=2)
    columns, targets = a.transpose(0, 2, 1).reshape(-1, 478), b.transpose(0, 2, 1).reshape(-1, 68)
    weights = np.zeros((68, 478))
    for k, nearest in enumerate(distance.argmin(1)):
        # relative to the nearest point the sum to one needs no constraint: what is left over goes to that point
        x, y = columns - columns[:, [nearest]], targets[:, k] - columns[:, nearest]
        ridge = RIDGE * len(x) * (1 + FARTHER * distance[k] ** 2)
        weights[k] = np.linalg.solve(x.T @ x + np.diag(ridge), x.T @ y)
        weights[k, nearest] += 1 - weights[k].sum()
    return weights


def with_mirrored(faces: FloatArray, flip: IntArray) -> FloatArray:
    return np.concatenate([faces, faces[:, flip] * (-1, 1)])


def main() -> None:
    """Fit, cross-validate, print the errors and write the map."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("labels", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("src/nasion/core/schemes/dense478_to_ibug68.npz"))
    parser.add_argument("--spread", type=float, default=0.05, help="leave out faces the teacher is less sure of")
    args = parser.parse_args()
    human, dense = read_pairs(args.table, args.labels, args.spread)
    between_eyes = np.linalg.norm(human[:, 36] - human[:, 45], axis=1)
    centre = dense.mean(1, keepdims=True)
    size = np.sqrt(((dense - centre) ** 2).sum(2).mean(1))
    dense, human = (dense - centre) / size[:, None, None], (human - centre) / size[:, None, None]
    fold = np.random.default_rng(0).integers(0, FOLDS, len(human))
    off = np.empty_like(human)
    for k in range(FOLDS):
        off[fold == k] = fit(dense[fold != k], human[fold != k]) @ dense[fold == k] - human[fold == k]
    error = 100 * np.linalg.norm(off, axis=2) * (size / between_eyes)[:, None]
    weights = fit(dense, human)
    print(f"{len(human)} faces; {FOLDS}-fold inter-ocular error {error.mean():.2f} % of all points,")
    print(f"{error[:, :17].mean():.2f} % on the jaw, {error[:, 17:].mean():.2f} % elsewhere")
    eyes = [100 * np.linalg.norm(human[:, group].mean(1) - human[:, corners].mean(1), axis=1) * size / between_eyes
            for group, corners in ((slice(36, 42), [36, 39]), (slice(42, 48), [42, 45]))]  # fmt: skip
    print(f"middle of the six lid points to the middle of the corners: {np.mean(eyes):.2f} %")
    five = five_points(dense, human)
    five_error = 100 * (five * (size / between_eyes)[:, None]).mean()
    print(f"coarse5 of the dense points against coarse5 of the human ones: {five_error:.2f} %")
    per_axis = np.sqrt((off**2).mean((0, 2)))
    np.savez_compressed(args.out, weights=weights.astype(np.float16), error=per_axis.astype(np.float32))
    print(f"sum of absolute weights {np.abs(weights).sum(1).mean():.2f}; {args.out.stat().st_size / 1024:.0f} KiB")


def five_points(dense: FloatArray, human: FloatArray) -> FloatArray:
    """(F, 5) distances between both sets' eyes, nose tip and mouth corners."""
    d, h = scheme("dense478"), scheme("ibug68")
    groups = ("left_eye_corners", "right_eye_corners", "nose_tip")
    pairs = [np.linalg.norm(dense[:, d.index(g)].mean(1) - human[:, h.index(g)].mean(1), axis=1) for g in groups]
    corners = np.linalg.norm(dense[:, d.index("mouth_corners")] - human[:, h.index("mouth_corners")], axis=2)
    return np.concatenate([np.stack(pairs, axis=1), corners], axis=1)


if __name__ == "__main__":
    main()
