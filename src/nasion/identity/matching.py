"""Comparing one face with a few people: scores, the threshold for a wanted rate of false accepts, and what to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nasion.core import FloatArray, InputError, IntArray


def person_scores(vectors: FloatArray, people: Sequence[FloatArray]) -> FloatArray:
    """How like each person each face is: the largest cosine to any of the person's vectors or to their mean.

    Args:
        vectors: (N, D) of unit length.
        people: per person (M, D) of unit length.

    Returns:
        (N, P), -1..1.
    """
    columns = []
    for own in people:
        middle = own.mean(0, keepdims=True)
        known = np.concatenate([own, middle / max(float(np.linalg.norm(middle)), 1e-9)])
        columns.append((vectors @ known.T).max(1))
    return np.stack(columns, 1) if columns else np.zeros((len(vectors), 0), np.float32)


def calibrate(people: Mapping[str, FloatArray], rate: float = 1e-3, enrolled: int = 3) -> tuple[float, int]:
    """The least threshold at which no more than ``rate`` of comparisons of a face with somebody else pass.

    Everybody is compared with everybody else as in use: all of one's vectors with the first ``enrolled`` of another.

    Args:
        people: vectors of each, (M, D) of unit length.
        rate: 0..1, false accepts allowed.
        enrolled: vectors of a person to compare with.

    Returns:
        The threshold, and how many comparisons it was found on.

    Raises:
        InputError: fewer comparisons than the rate needs to be seen at all.
    """
    names = list(people)
    scores = np.concatenate([
        person_scores(people[name], [people[other][:enrolled] for other in names if other != name]).ravel()
        for name in names
    ]) if len(names) > 1 else np.zeros(0)  # fmt: skip
    if not 0 < rate < 1 or len(scores) * rate < 1:
        raise InputError(
            f"a rate of {rate:g} takes {1 / max(rate, 1e-9):.0f} comparisons of different people, here are "
            f"{len(scores)}: give more people and pictures, or allow a larger rate"
        )
    return float(np.nextafter(np.quantile(scores, 1 - rate, method="higher"), 1)), len(scores)


def farthest_points(vectors: FloatArray, count: int) -> IntArray:
    """Which vectors to keep so that all sorts are there: each next one is the farthest from those kept.

    Source: Gonzalez, "Clustering to Minimize the Maximum Intercluster Distance", Theor. Comput. Sci. 1985.

    Args:
        vectors: (N, D) of unit length.
        count: how many at most.

    Returns:
        Their rows, in order; the first is the one nearest to the mean.
    """
    if len(vectors) <= count:
        return np.arange(len(vectors))
    chosen = [int((vectors @ vectors.mean(0)).argmax())]
    nearest = vectors @ vectors[chosen[0]]
    while len(chosen) < count:
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, vectors @ vectors[chosen[-1]])
    return np.sort(chosen)
