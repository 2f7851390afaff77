"""The landmarker's cached faces with their labels and with the points that our landmarker places.

    python -m training.eye_points.photos --out WORK/photos.npz
    python -m training.eye_points.photos --renders --out WORK/cached.npz

The pictures stay where ``training.landmarker.prepare`` and ``training.landmarker.renders`` put them; ``row`` says
which. Photographed people are held out as the landmarker's recipe does; their labels are the teacher's.
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path

import numpy as np

from nasion.core import Box, Face, Landmarks, scheme
from nasion.landmark import Landmarker
from training.landmarker.prepare import WORK
from training.landmarker.view import CACHE, PIXELS_PER_VIEW

JITTER = 0.03  # of the view: how far off the five points are that the landmarker starts from


def to_pixels(dense: np.ndarray) -> np.ndarray:
    """(..., 478, 2) px of a cached crop, of labels in view units."""
    return np.asarray(dense[..., :2] * PIXELS_PER_VIEW + (CACHE - PIXELS_PER_VIEW) / 2 - 0.5)


def held_out(source: np.ndarray, human: np.ndarray) -> np.ndarray:
    """(N,) bool, as ``training.landmarker.faces.Faces`` splits people."""
    person = [s.split("/")[1] if s.startswith("identity") else s for s in source]
    bucket = np.array([zlib.crc32(p.encode()) for p in person])
    return np.where(human, bucket % 5 == 0, bucket % 25 == 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2300, help="of the faces to learn from")
    parser.add_argument("--renders", action="store_true", help="the cached renders instead of the photos")
    parser.add_argument("--landmarker", default="landmarker")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    rng = np.random.default_rng(4)
    name = "renders" if args.renders else "crops"
    pictures = np.load(WORK / f"{name}.npy", mmap_mode="r")
    labels = np.load(WORK / ("renders.npz" if args.renders else "labels.npz"))
    dense, visible = labels["dense"], labels["visible"][:, 68:].astype(np.float32)
    if args.renders:
        known, held = np.ones(len(dense), bool), np.zeros(len(dense), bool)
    else:
        known, held = labels["has_dense"], held_out(labels["source"], labels["weight68"] == 1)
        visible[:] = np.nan  # what the mesh hides is known, what lids and hands hide is not
    learn = rng.permutation(np.flatnonzero(known & ~held))[: args.count]
    rows = np.sort(np.concatenate([learn, np.flatnonzero(known & held)]))
    true = to_pixels(dense[rows])
    landmarker = Landmarker(args.landmarker, threads=1)
    found, sigma = [], []
    for row, points in zip(rows, true, strict=True):
        start = Landmarks.from_points(points, scheme("dense478")).to("coarse5")
        moved = start.points + rng.normal(0, JITTER * PIXELS_PER_VIEW, start.points.shape).astype(np.float32)
        face = Face(Box.around(points), 1.0, Landmarks.from_points(moved, scheme("coarse5")))
        placed = landmarker.place(np.asarray(pictures[row]), [face], passes=2)[0].landmarks
        found.append(placed.points)
        sigma.append(placed.sigma)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        args.out, pictures=name, row=rows, found=np.stack(found), sigma=np.stack(sigma), true=true.astype(np.float32),
        visible=visible[rows], held=held[rows],
    )  # fmt: skip
    print(f"{len(rows)} faces, {int(held[rows].sum())} of them held out")


if __name__ == "__main__":
    main()
