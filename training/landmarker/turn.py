"""Turn photographed heads further: new views with known points, for the poses the labelled photos lack.

    python -m training.landmarker.turn --human 4 --other 0.35 --data ../shared/data

The teacher's depth lifts a face to 3-D; it is rotated, and every pixel is fetched from where it was in the photo.
Vertices that end up facing away are dropped, so the near cheek covers the far one; the picture's rim stays where it is.
Writes ``turned.npy`` and ``turned.npz`` beside the cache of ``prepare``. iBUG's jaw line follows the visible contour,
which slides over the head as it turns: the far half of the jaw gets no label in a turned view.

Source: the idea of face profiling, Zhu et al., "Face Alignment Across Large Poses", CVPR 2016.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial import Delaunay, cKDTree

from training.landmarker.prepare import NEAREST, WORK, dense_triangles, self_visibility
from training.landmarker.view import CACHE, PIXELS_PER_VIEW

MARGIN = (CACHE - PIXELS_PER_VIEW) / 2 - 0.5


def rough_yaw(dense: np.ndarray) -> float:
    """Degrees, > 0 to image-left, from the depth difference of the outer eye corners."""
    across = dense[263] - dense[33]
    return float(np.degrees(np.arctan2(-across[2], np.hypot(across[0], across[1]))))


def rotation(yaw: float, pitch: float) -> np.ndarray:
    cy, sy = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    cp, sp = np.cos(np.radians(-pitch)), np.sin(np.radians(-pitch))
    return np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]]) @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])


def in_front(points: np.ndarray) -> np.ndarray:
    """(N,) whether no other vertex stands close before this one; the nose hides part of the cheek behind it."""
    i, j = cKDTree(points[:, :2]).query_pairs(0.025, output_type="ndarray").T
    depth = points[i, 2] - points[j, 2]
    free = np.ones(len(points), bool)
    free[i[depth > 0.06]] = False
    free[j[depth < -0.06]] = False
    return free


def fetch_field(target: np.ndarray, source: np.ndarray) -> np.ndarray:
    """(CACHE, CACHE, 2) where each pixel comes from: affine within each Delaunay triangle of ``target``."""
    corners = Delaunay(target).simplices
    rows = np.concatenate([target[corners], np.ones((len(corners), 3, 1))], axis=2)
    affine = np.linalg.solve(rows, source[corners])  # (T, 3, 2)
    owner = np.zeros((CACHE, CACHE), np.int32)
    for k, polygon in enumerate(np.round(target[corners] * 16).astype(np.int32)):
        cv2.fillConvexPoly(owner, polygon, k, shift=4)
    ys, xs = np.mgrid[:CACHE, :CACHE].astype(np.float32)
    chosen = affine[owner]
    return np.asarray(xs[..., None] * chosen[:, :, 0] + ys[..., None] * chosen[:, :, 1] + chosen[:, :, 2], np.float32)


def turned_view(
    crop: np.ndarray, dense: np.ndarray, ibug: np.ndarray, triangles: np.ndarray, yaw: float, pitch: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rotate by ``yaw`` and ``pitch`` degrees; returns the crop, dense (478, 3), ibug (68, 2) and visible (546,)."""
    turn = rotation(yaw, pitch)
    pivot = np.array([*dense[[33, 263, 61, 291], :2].mean(0), dense[[127, 356], 2].mean()])
    moved = (dense - pivot) @ turn.T + pivot
    lifted = np.concatenate([ibug, dense[NEAREST, 2:]], 1)
    ibug_moved = ((lifted - pivot) @ turn.T + pivot)[:, :2]
    # keep the face in the middle of the view
    drift = moved[[33, 263, 61, 291], :2].mean(0) - pivot[:2]
    moved[:, :2] -= drift
    ibug_moved -= drift
    visible = self_visibility(moved, triangles)
    keep = (visible[68:][:468] > 0) & in_front(moved[:468])
    source = dense[:468][keep, :2] * PIXELS_PER_VIEW + MARGIN
    target = moved[:468][keep, :2] * PIXELS_PER_VIEW + MARGIN
    rim = np.linspace(0, CACHE - 1, 9)
    edge = np.array([(x, y) for x in rim for y in rim if x in (rim[0], rim[-1]) or y in (rim[0], rim[-1])])
    field = fetch_field(np.concatenate([target, edge]), np.concatenate([source, edge]))
    image = cv2.remap(crop, field[..., 0], field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return image, moved, ibug_moved, visible


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--human", type=int, default=4, help="views of each human-labelled face")
    parser.add_argument("--other", type=float, default=0.35, help="share of the other faces that get one view")
    parser.add_argument("--limit", type=int, default=10**9)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--name", default="turned")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    args = parser.parse_args()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(args.seed)
    crops = np.load(WORK / "crops.npy", mmap_mode="r")
    labels = dict(np.load(WORK / "labels.npz"))  # an open npz reads a whole array at every look
    triangles = dense_triangles(args.data / "mesh" / "canonical_face_model.obj")
    human = np.flatnonzero((labels["weight68"] == 1) & labels["has_dense"])
    other = np.flatnonzero((labels["weight68"] < 1) & labels["has_dense"])
    chosen = np.concatenate([np.repeat(human, args.human), other[rng.random(len(other)) < args.other]])
    chosen = rng.permutation(chosen)[: args.limit]
    out = np.lib.format.open_memmap(WORK / f"{args.name}.npy", "w+", np.uint8, (len(chosen), CACHE, CACHE, 3))
    dense, ibug = np.zeros((len(chosen), 478, 3), np.float32), np.zeros((len(chosen), 68, 2), np.float32)
    visible = np.ones((len(chosen), 546), np.float32)
    weight = np.zeros((len(chosen), 68), np.float32)
    start = time.time()
    for j, i in enumerate(chosen):
        now = rough_yaw(labels["dense"][i])
        side = np.sign(now) if abs(now) > 12 else rng.choice([-1, 1])
        yaw = side * rng.uniform(4, max(20.0, 60 - abs(now)))
        pitch = rng.normal(0, 18)
        out[j], dense[j], ibug[j], visible[j] = turned_view(
            crops[i], labels["dense"][i], labels["ibug"][i], triangles, yaw, pitch
        )
        weight[j] = labels["weight68"][i]
        far = slice(8, 17) if side < 0 else slice(0, 9)
        # yaw > 0 shows the subject's left (image-right) cheek: the jaw's image-left half (0..8) slides out of sight
        weight[j, far] = 0
        if j % 500 == 0:
            print(f"{j}/{len(chosen)} {time.time() - start:.0f} s", flush=True)
    np.savez(WORK / f"{args.name}.npz", of=chosen, dense=dense, ibug=ibug, visible=visible, weight68=weight)


if __name__ == "__main__":
    main()
