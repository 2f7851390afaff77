"""Label faces with MediaPipe's 478-point face mesh: the teacher of our dense points.

Runs in an environment of its own (``pip install mediapipe==0.10.21``), because MediaPipe pins NumPy 1.
Every picture is seen four times (as it is and mirrored, at two paddings) and the answers are averaged; their
spread is kept as the teacher's own uncertainty, so that a recipe can leave out faces the teacher is unsure of.
``--paddings 0`` shows it the picture as its users do: what our dense points are read out to in the end.

    python training/teachers/mediapipe_dense.py LIST.txt OUT.npz [--paddings 0.15 0.45] [--shard 0/2]

LIST.txt holds one image path a line. OUT.npz gets ``path`` (N,), ``points`` (N, 478, 3) float32 pixels of the
original picture (z in pixels, negative towards the camera) and ``spread`` (N,), the mean distance between
the views over the distance between the outer eye corners. Pictures without a face are left out.

Source: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019; Grishchenko
et al., "Attention Mesh", 2020. The mesh in the wheel is Apache-2.0.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import mediapipe as mp
import numpy as np
from scipy.optimize import linear_sum_assignment

OUTER_EYE_CORNERS = (33, 263)
PADDINGS = (0.15, 0.45)  # FairFace-like crops are tight: the short-range detector needs air around the face


def mirror_permutation(mesh, pictures: list[np.ndarray]) -> np.ndarray:
    """Find which point is which under a mirror, by watching the mesh on pictures and their mirror images."""
    cost = np.zeros((478, 478))
    for picture in pictures:
        straight, mirrored = run(mesh, picture), run(mesh, picture[:, ::-1])
        if straight is None or mirrored is None:
            continue
        mirrored[:, 0] = picture.shape[1] - 1 - mirrored[:, 0]
        scale = np.linalg.norm(straight[33, :2] - straight[263, :2])
        cost += np.linalg.norm(straight[:, None] - mirrored[None], axis=-1) / scale
    # a symmetric cost and an optimal assignment: nearest neighbours alone confuse the thin lips and lids
    permutation = linear_sum_assignment(cost + cost.T)[1]
    assert (permutation[permutation] == np.arange(478)).all(), "the mirror must be an involution"
    return permutation


def run(mesh, rgb: np.ndarray) -> np.ndarray | None:
    """(478, 3) points in pixels of ``rgb``, or None.

    As they come they count as ours do, pixel centres at integers: in 194 photos made half as large by the means of
    2 x 2 pixels the answers moved by 0.51 and 0.50 px of the larger ones, a third as large by 1.02 and 1.02 (0.5 and
    1.0 are due). What lies between a picture's answer and its mirror image's, 1 % of the outer-eye distance, is the
    mesh's own.
    """
    result = mesh.process(np.ascontiguousarray(rgb))
    if not result.multi_face_landmarks:
        return None
    height, width = rgb.shape[:2]
    points = np.array([(p.x, p.y, p.z) for p in result.multi_face_landmarks[0].landmark], np.float64)
    return points * (width, height, width)


def label(mesh, rgb: np.ndarray, permutation: np.ndarray, paddings: Sequence[float]) -> tuple[np.ndarray, float] | None:
    """Average the views; return the points and their spread."""
    views = []
    for padding in paddings:
        pad = int(padding * max(rgb.shape[:2]))
        padded = cv2.copyMakeBorder(rgb, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        straight, mirrored = run(mesh, padded), run(mesh, padded[:, ::-1])
        if straight is not None:
            views.append(straight - (pad, pad, 0))
        if mirrored is not None:
            mirrored[:, 0] = padded.shape[1] - 1 - mirrored[:, 0]
            views.append(mirrored[permutation] - (pad, pad, 0))
    if not views:
        return None
    stack = np.stack(views)
    centre = np.median(stack, axis=0) if len(views) > 2 else stack.mean(0)
    scale = np.linalg.norm(centre[33, :2] - centre[263, :2]) + 1e-6
    spread = np.linalg.norm(stack[..., :2] - centre[..., :2], axis=-1).mean() / scale
    return centre.astype(np.float32), float(spread) if len(views) > 1 else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--paddings", type=float, nargs="+", default=PADDINGS, help="of the picture's longer side")
    parser.add_argument("--shard", default="0/1", help="K/N: label every N-th picture from the K-th on")
    args = parser.parse_args()
    shard, shards = (int(v) for v in args.shard.split("/"))
    everything = args.list.read_text().splitlines()
    files = everything[shard::shards]
    mesh = mp.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.3
    )
    step = max(1, len(everything) // 60)
    permutation = mirror_permutation(mesh, [cv2.imread(f)[..., ::-1] for f in everything[::step]])
    kept: list[str] = []
    points: list[np.ndarray] = []
    spreads: list[float] = []
    start = time.time()
    for i, file in enumerate(files):
        bgr = cv2.imread(file)
        answer = None if bgr is None else label(mesh, bgr[..., ::-1], permutation, args.paddings)
        if answer is not None:
            kept.append(file)
            points.append(answer[0])
            spreads.append(answer[1])
        if i % 500 == 0:
            print(f"{i}/{len(files)} labelled {len(kept)} {time.time() - start:.0f} s", flush=True)
    np.savez(args.out, path=np.array(kept), points=np.stack(points), spread=np.array(spreads), mirror=permutation)
    print(f"labelled {len(kept)} of {len(files)}", flush=True)


if __name__ == "__main__":
    main()
