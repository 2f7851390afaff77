"""Is a single person recoverable from the components? Two measures, printed by the recipes and kept on the card."""

from __future__ import annotations

import numpy as np

from nasion.core import FloatArray


def participation(codes: FloatArray) -> float:
    """The largest share of a component's variance that one of (P, K) people brings in; 1 is that person alone."""
    squares = np.asarray(codes, np.float64) ** 2
    return float((squares / squares.sum(0)).max())


def membership(samples: FloatArray, components: int, rng: np.random.Generator) -> tuple[float, float]:
    """How well components know the people they were learned from, against people they never saw.

    Half of the (P, D) samples learn components, both halves are rebuilt from them.

    Returns:
        Mean relative squared error of the people inside over that of those outside (1: no difference), and how often a
        person inside is rebuilt better than a random one outside (0.5: one cannot tell who was inside).
    """
    order = rng.permutation(len(samples))
    inside, outside = samples[order[: len(order) // 2]], samples[order[len(order) // 2 :]]
    mean = inside.mean(0)
    # principal axes through the smaller Gram matrix
    centred = inside - mean
    values, vectors = np.linalg.eigh(centred @ centred.T)
    basis = (centred.T @ vectors[:, -components:]) / np.sqrt(np.maximum(values[-components:], 1e-12))

    def error(people: FloatArray) -> FloatArray:
        away = people - mean
        return np.asarray(1 - ((away @ basis) ** 2).sum(1) / np.maximum((away**2).sum(1), 1e-12))

    own, other = error(inside), error(outside)
    return float(own.mean() / other.mean()), float((own[:, None] < other[None]).mean())


def resemblance(directions: FloatArray, people: FloatArray) -> FloatArray:
    """(P,) largest absolute cosine between each of (P, D) people, less the mean, and any of (K, D) components."""
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    own = people / np.maximum(np.linalg.norm(people, axis=1, keepdims=True), 1e-12)
    return np.asarray(np.abs(own @ unit.T).max(1))


def rebuilt_better(directions: FloatArray, inside: FloatArray, outside: FloatArray) -> tuple[float, float]:
    """``membership`` for given components: the same two figures for people inside and outside, less the mean."""
    basis = np.linalg.qr(directions.T.astype(np.float64))[0]

    def error(people: FloatArray) -> FloatArray:
        whole = (people.astype(np.float64) ** 2).sum(1)
        return np.asarray(1 - ((people @ basis) ** 2).sum(1) / np.maximum(whole, 1e-12))

    own, other = error(inside), error(outside)
    return float(own.mean() / other.mean()), float((own[:, None] < other[None]).mean())
