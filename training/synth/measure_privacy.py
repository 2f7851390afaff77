"""Does the shipped head know the people its skin was learned from? Measured on what ships, beside people it never saw.

Unwraps the faces that the recipe drew and as many more of the same sets that it did not draw, and asks: are the first
rebuilt better by the shipped components, and does any component look like one of them?

    python -m training.synth.measure_privacy LABELS.npz [LABELS.npz ...]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from nasion.core import FloatArray
from nasion.synth.model import dequantised
from training.synth import topology
from training.synth.privacy import membership, participation, rebuilt_better, resemblance
from training.synth.shape import Faces
from training.synth.skin import (
    FACES,
    KEEP,
    LEARNED,
    Chart,
    candidates,
    chart,
    mirrored,
    patterns,
    taken,
    trusted,
    unshade,
    unwrap,
)

HEAD = Path("src/nasion/synth/head.npz")
SHARES = (4, 8, 12, 16, 24, LEARNED)


def seen_as_patterns(
    unrolled: Chart, trust: FloatArray, mean: FloatArray, faces: Faces, raw: dict[str, FloatArray]
) -> FloatArray:
    """(F, D) patterns of the faces whose light can be fitted best, as the recipe chooses them."""
    logs, weights, rough = [], [], []
    for file in faces.files:
        picture = cv2.imread(str(file))
        if picture is None or np.abs(picture[..., 0].astype(int) - picture[..., 2]).mean() < 3:
            continue
        colour, normal = unwrap(unrolled, picture[..., ::-1].copy(), raw[str(file)][:468].astype(np.float64))
        log, weight, odd = unshade(colour.astype(np.float32), normal.astype(np.float32), mean, trust)
        logs.append(log.astype(np.float16))
        weights.append(weight.astype(np.float16))
        rough.append(odd)
    good = np.flatnonzero(np.array(rough) < np.percentile(rough, KEEP))
    maps = patterns(unrolled, trust, np.array(logs)[good], np.array(weights)[good], mirrored(unrolled))
    return maps.reshape(len(maps), -1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, nargs="+")
    parser.add_argument("--people", type=int, default=FACES, help="how many of those that were drawn; fewer: a sample")
    parser.add_argument("--strangers", type=int, default=400, help="how many faces that were not drawn")
    args = parser.parse_args()
    mesh = topology.build()
    unrolled = chart(mesh)
    trust = trusted(unrolled, mesh.layout)
    faces, raw = candidates(args.labels)
    with np.load(HEAD) as data:
        half = data["skin_mean"].astype(np.float32)
        shipped = dequantised(data["skin_components"], data["skin_scale"])
    rows, columns = unrolled.shape
    place = unrolled.place
    whole = np.concatenate([half, half[:, ::-1]], axis=1).reshape(rows * columns, 3)
    mean = np.exp(whole[place]) * 0.35
    inside = seen_as_patterns(unrolled, trust, mean, taken(faces, np.arange(min(args.people, FACES))), raw)
    others = np.arange(FACES, min(len(faces.files), FACES + args.strangers))
    outside = seen_as_patterns(unrolled, trust, mean, taken(faces, others), raw)
    centre = inside.mean(0)
    inside, outside = inside - centre, outside - centre
    components = shipped.reshape(len(shipped), -1).astype(np.float64)
    print(f"{len(inside)} faces learned from, {len(outside)} strangers of the same sets")
    error, better = rebuilt_better(components, inside, outside)
    print(f"shipped, {len(components)} components: error inside over outside {error:.3f}; rebuilt better {better:.3f}")
    own, other = resemblance(components, inside), resemblance(components, outside)
    print(f"likeness of a person to a component, largest: inside {own.max():.3f}, outside {other.max():.3f}")
    if args.people < FACES:
        return  # shares of a sample's variance, and components learned from a few people, say nothing about what ships
    codes = inside @ np.linalg.pinv(components)
    print(f"one person's share of a component's variance at most {participation(codes):.4f}")
    print("learned anew from one half:  components  error inside over outside  rebuilt better")
    for count in SHARES:
        error, better = membership(inside, count, np.random.default_rng(0))
        print(f"{count:30} {error:16.3f} {better:22.3f}")


if __name__ == "__main__":
    main()
