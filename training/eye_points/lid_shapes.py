"""The shapes that eyelids take on the synthetic head: their mean and the ways in which they differ.

    python -m training.eye_points.lid_shapes --out src/nasion/eyes/lid_shapes.npz

People of all kinds with lids anywhere from shut to wide, eyes up and down, some of them with an expression; principal
components of both eyes' points, the right eye mirrored.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from nasion.landmark.eye_points import INNER, IRIS, OUTER, POINTS, eye_rows
from nasion.synth import HeadModel, sample_head

WAYS = 8  # what they leave is 0.1 mm
WIDEST, LOOK = 50.0, (-30.0, 25.0)  # degrees between the lids, and of the gaze up or down
SET, CALM = 0.7, 0.6  # shares with lids set, and without an expression; other lids follow the gaze


def eyes_of(points: np.ndarray) -> np.ndarray:
    """(2, 16, 3) mm: the lids of both eyes about the middle of their corners, the right one mirrored."""
    own = points[eye_rows()[:, len(IRIS) :]] * np.array([[[1, 1, 1]], [[-1, 1, 1]]])
    ends = [POINTS.index(end) - len(IRIS) for end in (OUTER, INNER)]
    return np.asarray(own - own[:, ends].mean(axis=1, keepdims=True))


def drawn(count: int, seed: int) -> np.ndarray:
    """(2 * count, 16, 3) mm."""
    model, found = HeadModel.load(), []
    for i in range(count):
        rng = np.random.default_rng((seed, i))
        head = sample_head(rng)
        lids = float(rng.uniform(0, WIDEST)) if rng.random() < SET else None
        look = (0.0, float(rng.uniform(*LOOK)))
        expression = {} if rng.random() < CALM else head.expression
        found.append(eyes_of(model.points(replace(head, lids=(lids, lids), gaze=(look, look), expression=expression))))
    return np.concatenate(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eyes that turn as far as they can are drawn back, as they should be
        eyes = drawn(args.count, args.seed)
    flat = eyes.reshape(len(eyes), -1)
    mean = flat.mean(axis=0)
    _, values, ways = np.linalg.svd(flat - mean, full_matrices=False)
    spread = values / np.sqrt(len(flat))
    left = float(np.sqrt((spread[WAYS:] ** 2).sum() / eyes.shape[1]))
    print(f"{len(eyes)} eyes; mm: {spread[:WAYS].round(2).tolist()}, left over a point {left:.2f}")
    shapes = (spread[:WAYS, None] * ways[:WAYS]).reshape(WAYS, *eyes.shape[1:])
    np.savez(args.out, mean=mean.reshape(eyes.shape[1:]).astype(np.float32), ways=shapes.astype(np.float32))


if __name__ == "__main__":
    main()
