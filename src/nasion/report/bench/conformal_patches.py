"""One-shot patches drawn at random: what is promised, what is held, and what splitting the examples costs.

A picture is 196 unit vectors of 64 numbers, one of them the marked patch. Patches of the same kind come in 4 looks, one
a picture; 8 more patches of each picture resemble one of the looks by halves, the others nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import BoolArray, FloatArray, IntArray
from nasion.landmark.conformal import aggregate, full_conformal, leave_one_out, nearest_others, prediction_set

PATCHES, WIDTH, LOOKS, ALIKE = 196, 64, 4, 8
NOISE, FAR = 0.10, 0.16  # of each number before the vector is made a unit: marked patches, those that resemble them
METHODS = ("CAOS", "CAOS as published", "split, aggregated", "split, one example")


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures as patches.

    Attributes:
        patches: (N, PATCHES, WIDTH) unit vectors.
        marked: (N,) which patch is the marked one.
    """

    patches: FloatArray
    marked: IntArray

    @property
    def marks(self) -> FloatArray:
        """(N, WIDTH) the marked patches."""
        return self.patches[np.arange(len(self.marked)), self.marked]


def draw_pictures(count: int, looks: FloatArray, rng: np.random.Generator) -> Pictures:
    """Pictures whose marked patch has one of the (LOOKS, WIDTH) ``looks``."""
    patches = rng.normal(0, WIDTH**-0.5, (count, PATCHES, WIDTH))
    order = rng.permuted(np.tile(np.arange(PATCHES), (count, 1)), axis=1)
    row = np.arange(count)[:, None]
    kinds = rng.integers(LOOKS, size=(count, ALIKE + 1))
    spread = np.array([NOISE] + [FAR] * ALIKE)[:, None]
    patches[row, order[:, : ALIKE + 1]] = looks[kinds] + spread * rng.normal(size=(count, ALIKE + 1, WIDTH))
    patches /= np.linalg.norm(patches, axis=2, keepdims=True)
    return Pictures(patches, order[:, 0])


def draw_looks(rng: np.random.Generator) -> FloatArray:
    """(LOOKS, WIDTH) unit vectors."""
    looks = rng.normal(size=(LOOKS, WIDTH))
    return np.asarray(looks / np.linalg.norm(looks, axis=1, keepdims=True))


def one_trial(count: int, alpha: float, tests: int, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Coverage and mean size in patches of each method, for one set of ``count`` examples and ``tests`` pictures."""
    looks = draw_looks(rng)
    examples, pictures = draw_pictures(count, looks, rng), draw_pictures(tests, looks, rng)
    own = 1 - examples.marks @ examples.marks.T
    half = count // 2
    new = 1 - np.einsum("nd,tpd->ntp", examples.marks, pictures.patches)
    scores, nearest = aggregate(new), nearest_others(own)
    stay = [
        full_conformal(row, nearest, says, alpha, chance)
        for row, says, chance in zip(scores, new.transpose(1, 2, 0), rng.random(tests), strict=True)
    ]
    return {
        "CAOS": _score(np.stack(stay), pictures),
        "CAOS as published": _score(prediction_set(scores, leave_one_out(own), alpha).inside, pictures),
        "split, aggregated": _score(
            prediction_set(aggregate(new[:half]), aggregate(own[:half, half:]), alpha).inside, pictures
        ),
        "split, one example": _score(prediction_set(new[0], own[0, 1:], alpha).inside, pictures),
    }


def _score(inside: BoolArray, pictures: Pictures) -> tuple[float, float]:
    held = inside[np.arange(len(inside)), pictures.marked]
    return float(held.mean()), float(inside.sum(axis=1).mean())


def simulate(counts: tuple[int, ...], alpha: float, repeats: int, tests: int = 20) -> list[dict[str, float | str]]:
    """A row for each number of examples and method: coverage with its standard error over repeats, size."""
    rows: list[dict[str, float | str]] = []
    for count in counts:
        rngs = [np.random.default_rng([count, repeat]) for repeat in range(repeats)]
        trials = [one_trial(count, alpha, tests, rng) for rng in rngs]
        for method in METHODS:
            coverage, size = (np.array([trial[method][i] for trial in trials]) for i in (0, 1))
            error = float(coverage.std(ddof=1) / np.sqrt(repeats))
            rows.append(
                {
                    "examples": count,
                    "method": method,
                    "coverage": float(coverage.mean()),
                    "standard_error": error,
                    "size": float(size.mean()),
                }
            )
    return rows
