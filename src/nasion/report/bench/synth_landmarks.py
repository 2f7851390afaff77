"""The landmarker on renders: how far its 68 points lie from the truth, by yaw, bare and with something in front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nasion.core import Box, Face, FloatArray
from nasion.landmark import Landmarker
from nasion.metrics import bootstrap_mean
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Table
from nasion.report.bench.scoring import INNER, percent
from nasion.synth.model import HeadModel
from nasion.synth.occluders import OCCLUDERS, Occluder
from nasion.synth.sampling import SceneOptions, sample_scene
from nasion.synth.scene import Sample, Scene, render_scene

BANDS = ((0, 15), (15, 30), (30, 50), (50, 80))  # degrees of yaw to either side
KINDS = ("bare", "occluded")
SEED = 20
SIZE = 256
PASSES = 2


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """One render to place points on: its yaw band, whether something is in front, and the true points."""

    band: tuple[int, int]
    kind: str
    sample: Sample


def renders(faces: int, model: HeadModel | None = None) -> Iterator[Rendered]:
    """``faces`` people for each band, each bare and once more with something in front; always the same ones."""
    model = model or HeadModel.load()
    for band in BANDS:
        for number in range(faces):
            scene = _scene(band, number)
            rng = np.random.default_rng((SEED, band[0], number, 1))
            hidden = Occluder(str(rng.choice(list(OCCLUDERS))), int(rng.integers(1 << 31)))
            for kind, things in zip(KINDS, ((), (hidden,)), strict=True):
                yield Rendered(band, kind, render_scene(replace(scene, occluders=things), model))


def _scene(band: tuple[int, int], number: int) -> Scene:
    rng = np.random.default_rng((SEED, band[0], number))
    side = 1.0 if number % 2 else -1.0
    low, high = sorted((side * band[0], side * band[1]))
    return sample_scene(rng, SceneOptions(yaw=(low, high), size=(SIZE, SIZE), degrade=0.0))


def measure(models: Sequence[str | Path], faces: int) -> tuple[Table, dict[str, Any]]:
    """The table and the numbers of some landmarkers, each on the same renders.

    The first crop is cut by the true five points, so that no detector is judged. The error is over the distance between
    the outer eye corners as long as it would look from the front (turned faces would divide by next to nothing).

    Args:
        models: names of the catalogue or ONNX files.
        faces: for each band and kind.
    """
    landmarkers = [(str(name), Landmarker(name, passes=PASSES, threads=1)) for name in models]
    every: dict[str, dict[tuple[str, str], list[tuple[float, float]]]] = {name: {} for name, _ in landmarkers}
    head = HeadModel.load()
    for made in progress(renders(faces, head), "renders", 2 * faces * len(BANDS)) if landmarkers else ():
        truth = made.sample.truth
        start = truth.landmarks("dense478").to("coarse5")
        face = Face(Box.around(truth.points), 1.0, start)
        key = (f"{made.band[0]}..{made.band[1]}", made.kind)
        for name, landmarker in landmarkers:
            placed = landmarker.place(made.sample.image, [face])[0].landmarks.to("ibug68").points[:, :2]
            every[name].setdefault(key, []).append(_errors(made.sample, placed))
    numbers: dict[str, Any] = {name: _numbers(found) for name, found in every.items()}
    rows = [
        (Path(name).name, band, kind, len(every[name][band, kind]), percent(cell["nme"]), _interval(cell["nme_95"]),
         percent(cell["inner51"]), percent(cell["worst"]))
        for name, bands in numbers.items() for band, kinds in bands.items() for kind, cell in kinds.items()
    ]  # fmt: skip
    title = "68 points on renders, error over the inter-ocular distance"
    columns = ("landmarker", "yaw", "renders", "n", "NME %", "95 %", "inner 51", "worst")
    return Table(title, columns, tuple(rows)), numbers


def _errors(sample: Sample, placed: FloatArray) -> tuple[float, float]:
    """Mean error of all 68 and of the inner 51 points, as fractions."""
    truth = sample.truth
    solid = truth.camera_points
    unit = float(np.linalg.norm(solid[33] - solid[263]) * truth.camera.fx / solid[[33, 263], 2].mean())
    away = np.linalg.norm(placed - truth.landmarks("ibug68").points[:, :2], axis=1) / unit
    return float(away.mean()), float(away[list(INNER)].mean())


def _numbers(found: dict[tuple[str, str], list[tuple[float, float]]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for (band, kind), values in found.items():
        whole, inner = np.array(values).T
        mean = bootstrap_mean(whole)
        out.setdefault(band, {})[kind] = {
            "nme": mean.value, "nme_95": [mean.low, mean.high], "inner51": float(inner.mean()),
            "worst": float(whole.max()), "median": float(np.median(whole)),
        }  # fmt: skip
    return out


def _interval(ends: Sequence[float]) -> str:
    return "-".join(f"{100 * v:.2f}" for v in ends)
