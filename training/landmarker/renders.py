"""Crops of rendered heads with exact points and visibility, for the poses and things in front that photos lack.

    python -m training.landmarker.renders --count 6000 --name renders

Writes ``NAME.npy`` and ``NAME.npz`` in the layout of `turn`. The people are draws of the synthetic head, three views
of each; none is anybody, so they belong to no fold. Of the 68 points the far half of the jaw has no label on a turned
head: iBUG's follows the outline, the head's is fixed to the skin.
"""

from __future__ import annotations

import argparse
import time

import cv2
import numpy as np

from nasion.synth import HeadModel, SceneOptions, synth_batch
from nasion.synth.truth import VISIBLE
from training.landmarker.prepare import NEAREST, WORK, coarse_from_dense
from training.landmarker.view import CACHE, PIXELS_PER_VIEW, align

WEIGHT = 0.3  # of the 68 points: converted from the dense ones, as those of the teacher's faces
TURNED = 25  # degrees of yaw, beyond which the far jaw line is hidden
# with a wider lens the head is nearer, and a hand in front of it may reach the camera
OPTIONS = SceneOptions(
    yaw=(-80, 80), pitch=(-35, 35), roll=(-20, 20), size=(272, 272), fill=(0.52, 0.62), occlude=0.6,
    field_of_view=(18, 40), degrade=0.15,
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--name", default="renders")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    shape = (args.count, CACHE, CACHE, 3)
    out = np.lib.format.open_memmap(WORK / f"{args.name}.npy", "w+", np.uint8, shape)
    dense, ibug = np.zeros((args.count, 478, 3), np.float32), np.zeros((args.count, 68, 2), np.float32)
    visible, weight = np.ones((args.count, 546), np.float32), np.full((args.count, 68), WEIGHT, np.float32)
    start = time.time()
    for i, sample in enumerate(synth_batch(args.count, args.seed, OPTIONS, HeadModel.load(), views=3)):
        truth = sample.truth
        points = truth.landmarks("dense478").points
        matrix = align(coarse_from_dense(points))  # picture px to view units
        to_cache = matrix * PIXELS_PER_VIEW
        to_cache[:, 2] += CACHE / 2 - PIXELS_PER_VIEW / 2 - 0.5
        out[i] = cv2.warpAffine(
            sample.image, to_cache, (CACHE, CACHE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
        dense[i, :, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        dense[i, :, 2] = (points[:, 2] - points[:, 2].mean()) * scale  # the teacher's depth has mean 0, too
        ibug[i] = truth.landmarks("ibug68").points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        seen = (truth.visibility == VISIBLE) & truth.inside
        visible[i, 68:], visible[i, :68] = seen, seen[NEAREST]
        if abs(truth.pose.yaw) > TURNED:
            weight[i, slice(8, 17) if truth.pose.yaw < 0 else slice(0, 9)] = 0
        if i % 500 == 0:
            print(f"{i}/{args.count} {time.time() - start:.0f} s", flush=True)
    of = np.full(args.count, -1)
    np.savez(WORK / f"{args.name}.npz", of=of, dense=dense, ibug=ibug, visible=visible, weight68=weight)


if __name__ == "__main__":
    main()
