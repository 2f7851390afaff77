"""Shapes of people who do not exist, each with many expressions, each expression on many people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray
from nasion.expression.imitation.shape import normalised
from nasion.synth.model import HeadModel
from nasion.synth.parameters import ACTION_UNITS, N_IDENTITY, HeadParameters
from nasion.synth.presets import EXPRESSIONS, expression

Units = dict[int, tuple[float, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Groups of people who all show the same expressions.

    Attributes:
        shapes: (G, A, B, 468, 3) float32 normalised shapes: group, person, expression.
        rest: (G, A, 468, 3) the people at rest.
    """

    shapes: FloatArray
    rest: FloatArray


def person(rng: np.random.Generator) -> FloatArray:
    """(40,) identity code."""
    return np.clip(rng.normal(0, 0.95, N_IDENTITY), -2.8, 2.8).astype(np.float32)


def units(rng: np.random.Generator) -> Units:
    """A random expression: named, loose units, or both; now and then on one side; lids blink now and then."""
    found: Units = {}
    kind = rng.random()
    if kind < 0.45:
        found = expression(str(rng.choice([n for n in EXPRESSIONS if n != "neutral"])), float(rng.uniform(0.25, 1)))
    if kind > 0.3:
        loose = rng.choice([u for u in ACTION_UNITS if u not in (27, 43, 45)], int(rng.integers(1, 6)), replace=False)
        for unit in loose:
            strength = float(rng.uniform(0.1, 1))
            sides = (1.0, 1.0) if rng.random() < 0.7 else (1.0, float(rng.uniform(0, 1)))
            left, right = sides if rng.random() < 0.5 else sides[::-1]
            found[int(unit)] = (strength * left, strength * right)
    if rng.random() < 0.2:
        both = rng.random() < 0.7
        shut = float(rng.uniform(0.2, 1))
        found[45] = (shut, shut) if both else ((shut, 0.0) if rng.random() < 0.5 else (0.0, shut))
    return found


def shape(identity: FloatArray, shown: Units, rng: np.random.Generator | None = None) -> FloatArray:
    """(468, 3) normalised shape of a person with an expression; eyes look about where ``rng`` is given."""
    look = (0.0, 0.0) if rng is None else tuple(float(v) for v in rng.normal(0, (7, 4)))
    gaze = (look[0], look[1])
    return normalised(HeadModel.load().points(HeadParameters(identity=identity, expression=shown, gaze=(gaze, gaze))))


def grid(seed: int, groups: int, people: int = 8, shown: int = 12) -> Grid:
    """Random groups; the same seed gives the same ones."""
    shapes, rest = np.empty((groups, people, shown, 468, 3), np.float32), np.empty((groups, people, 468, 3), np.float32)
    for g in range(groups):
        rng = np.random.default_rng((seed, g))
        expressions = [units(rng) for _ in range(shown)]
        for a in range(people):
            identity = person(rng)
            rest[g, a] = shape(identity, {}, rng)
            for b, one in enumerate(expressions):
                shapes[g, a, b] = shape(identity, one, rng)
    return Grid(shapes, rest)


def observed(
    shapes: FloatArray, rng: np.random.Generator, spread: float = 0.008, depth: float = 0.12, turn: float = 1.5
) -> FloatArray:
    """Shapes as a landmarker might place them: points off, depth off by a smooth share, head not quite upright.

    Args:
        shapes: (..., 468, 3).
        rng: where chance comes from.
        spread: of each coordinate, in distances between the eyes; depth is twice as bad.
        depth: spread of the logarithm of the depth's scale.
        turn: degrees, spread of the turns about each axis that the alignment has left.
    """
    flat = np.asarray(shapes, np.float32).reshape(-1, *shapes.shape[-2:]).copy()
    count = len(flat)
    flat[..., 2] *= np.exp(rng.normal(0, depth, (count, 1)))
    a, b, c = rng.normal(0, np.radians(turn), (3, count))
    turned = np.stack([np.stack([0 * a, -c, b], 1), np.stack([c, 0 * a, -a], 1), np.stack([-b, a, 0 * a], 1)], 1)
    flat += np.einsum("nij,npj->npi", turned, flat).astype(np.float32)
    flat += rng.normal(0, spread, flat.shape) * (1, 1, 2)
    return flat.reshape(shapes.shape)
