"""Rendered heads whose eyes look everywhere, with exact points beside those that our detector and landmarker place.

    python -m training.eye_points.renders --count 3600 --out training/work/eye_points/renders

Writes ``OUT.npy``, the pictures, and ``OUT.npz``. The people are draws of the synthetic head, six pictures each.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from nasion.pipeline import Analyzer
from nasion.synth import HeadModel, Occluder, SceneOptions, render_scene, sample_scene
from nasion.synth.truth import VISIBLE

VIEWS = 6
SIDE = 256
OPTIONS = SceneOptions(
    yaw=(-55, 55), pitch=(-30, 30), roll=(-20, 20), size=(SIDE, SIDE), fill=(0.3, 0.95), degrade=0.3
)  # fmt: skip
GLASSES, OTHER = 0.2, 0.1  # share of the pictures with glasses, with something else in front
LOST = 8.0  # mm, median error of the points beyond which the landmarker was on something else


def draw(rng: np.random.Generator, head: object) -> object:
    """A scene: eyes wide apart from the middle in six of ten pictures, lids of their own in one of six."""
    scene = sample_scene(rng, OPTIONS)
    wide = rng.random() < 0.6
    yaw = rng.uniform(-40, 40) if wide else rng.normal(0, 12)
    pitch = rng.uniform(-36, 28) if wide else rng.normal(-2, 9)
    squint = rng.uniform(-0.5, 3)
    lids: tuple[float | None, float | None] = (None, None)
    if rng.random() < 0.17:
        both = float(rng.uniform(0, 45))
        lids = (both, both if rng.random() < 0.7 else float(rng.uniform(0, 45)))
    known = head or scene.head
    scene = replace(
        scene,
        head=replace(
            known, expression=scene.head.expression, lids=lids, pupil=scene.head.pupil,
            gaze=((yaw + squint, pitch), (yaw - squint, pitch)),
        ),
    )  # fmt: skip
    chance = rng.random()
    if chance < GLASSES + OTHER:
        kind = "glasses" if chance < GLASSES else str(rng.choice(["hand", "hair", "sunglasses", "bar"]))
        scene = replace(scene, occluders=(Occluder(kind, int(rng.integers(1 << 31))),))
    return scene


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=3600)
    parser.add_argument("--seed", type=int, default=61)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    analyzer, model = Analyzer(("landmarks",), threads=1), HeadModel.load()
    pictures = np.lib.format.open_memmap(args.out.with_suffix(".npy"), "w+", np.uint8, (args.count, SIDE, SIDE, 3))
    rows: dict[str, list[np.ndarray]] = {
        name: [] for name in ("row", "person", "found", "sigma", "true", "visible", "lids", "gaze", "pose", "fx", "z")
    }  # fmt: skip
    began = time.time()
    head = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eyes that turn as far as they can are drawn back, as they should be
        for i in range(args.count):
            rng = np.random.default_rng((args.seed, i))
            scene = draw(rng, None if i % VIEWS == 0 else head)
            head = scene.head
            sample = render_scene(scene, model)
            pictures[i] = sample.image
            faces = analyzer(sample.image)
            if not faces:
                continue
            truth, found = sample.truth, faces[0].landmarks
            points = truth.landmarks().points
            mm = truth.pose.translation[2] / truth.camera.fx
            if np.median(np.linalg.norm(found.points[:, :2] - points[:, :2], axis=1)) * mm > LOST:
                continue
            values = (
                i, i // VIEWS, found.points, found.sigma, points, truth.visibility == VISIBLE, truth.lid_opening,
                truth.gaze, (truth.pose.yaw, truth.pose.pitch, truth.pose.roll), truth.camera.fx,
                truth.pose.translation[2],
            )  # fmt: skip
            for name, value in zip(rows, values, strict=True):
                rows[name].append(np.asarray(value))
            if i % 200 == 0:
                print(f"{i}/{args.count} {time.time() - began:.0f} s", flush=True)
    pictures.flush()
    arrays = {name: np.stack(values) for name, values in rows.items()}
    np.savez(args.out.with_suffix(".npz"), **arrays)
    print(f"{len(arrays['row'])} faces found in {args.count} pictures, {time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
