"""Two point sets without a common frame: their alignment and their pairing, in turns.

From each of several turns of set A the best pairs and the similarity that lays them on each other are found
alternately, as in iterative closest points, but one to one. A set that looks the same turned (a regular polygon, a
grid) has several answers of the same cost; the pairs on which they differ are flagged.

Sources: Besl and McKay, "A Method for Registration of 3-D Shapes", PAMI 1992; the pairing is that of `match`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nasion.core import BoolArray, FloatArray, InputError, IntArray
from nasion.core.geometry.similarity import apply_affine, umeyama
from nasion.landmark.matching.plan import Matching, best_pairs, match

STARTS = 24  # turns of set A to start from, 15 degrees apart; with 12, a quarter of turned faces settled wrongly
ROUNDS = 50
FEW = 60  # points of A that the starts are tried with; with all 478 of a dense face the starts would take a minute
RIVAL = 1.2  # another alignment whose squares sum up to at most so many times the best one's is as good


@dataclass(frozen=True, slots=True, eq=False)
class ShapeMatching:
    """How one set of points lies on another.

    Attributes:
        matching: the pairs; costs are distances after alignment, px of B.
        similarity: (2, 3) that lays A on B.
        rivals: how many other alignments are as good; the pairs on which they differ are ambiguous.
    """

    matching: Matching
    similarity: FloatArray
    rivals: int


def match_shapes(
    a: FloatArray, b: FloatArray, *, count: int | None = None, price: float | None = None
) -> ShapeMatching:
    """Pair the points of two pictures of faces, whatever their place, size and turn in the image plane.

    Args:
        a, b: (n, 2) and (m, 2) px, at least three points each. No reflection is tried.
        count: how many pairs; default as many as the smaller set has points.
        price: instead of ``count``: what a point alone costs, px of B.

    Raises:
        InputError: too few points, points that are not finite, or that coincide.
        MissingExtraError: POT is not installed.
    """
    a, b = _set(a, "A"), _set(b, "B")
    found = [_settle(a, b, start, count, price) for start in _promising(a, b, count, price)]
    scores = np.array([score for _, _, score in found])
    best = int(scores.argmin())
    pairs, similarity, score = found[best]
    floor = 1e-12 * float((b**2).max())
    rivals = {
        tuple(map(tuple, other.tolist()))
        for other, _, cost in found
        if cost <= max(RIVAL * score, floor) and not np.array_equal(other, pairs)
    }
    matching = match(_distances(apply_affine(similarity, a), b), count=count, price=price)
    doubted = _doubted(matching.pairs, [dict(other) for other in rivals])
    return ShapeMatching(replace(matching, ambiguous=matching.ambiguous | doubted), similarity, len(rivals))


def _promising(a: FloatArray, b: FloatArray, count: int | None, price: float | None) -> list[FloatArray]:
    """Similarities to start from: all turns, or, of a large set, what became of a part of it when it came close."""
    starts = _starts(a, b)
    few = a[:: -(-len(a) // FEW)]
    if len(few) == len(a):
        return starts
    wanted = None if count is None else max(3, min(round(count * len(few) / len(a)), len(few), len(b)))
    tried = [_settle(few, b, start, wanted, price) for start in starts]
    best = min(score for _, _, score in tried)
    close = [similarity for _, similarity, score in tried if score <= 2 * RIVAL * best + 1e-9]
    return list({tuple(np.round(similarity, 6).ravel()): similarity for similarity in close}.values())


def _starts(a: FloatArray, b: FloatArray) -> list[FloatArray]:
    """Similarities that give A the place and size of B, turned by each of the angles."""
    size = np.sqrt(b.var(axis=0).sum() / a.var(axis=0).sum())
    starts = []
    for angle in 2 * np.pi * np.arange(STARTS) / STARTS:
        linear = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        starts.append(np.column_stack([linear, b.mean(axis=0) - linear @ a.mean(axis=0)]))
    return starts


def _settle(
    a: FloatArray, b: FloatArray, similarity: FloatArray, count: int | None, price: float | None
) -> tuple[IntArray, FloatArray, float]:
    """Pairs, similarity and cost at which pairing and aligning no longer change anything."""
    # of squares, as the alignment: each turn then lowers one and the same sum, and it comes to rest
    alone = None if price is None else 2 * price**2
    pairs: IntArray = np.empty((0, 2), np.intp)
    for _ in range(ROUNDS):
        before, pairs = pairs, best_pairs(_distances(apply_affine(similarity, a), b) ** 2, count=count, price=alone)
        if len(pairs) < 3 or np.array_equal(before, pairs):
            break
        similarity = umeyama(a[pairs[:, 0]], b[pairs[:, 1]])
    squares = ((apply_affine(similarity, a[pairs[:, 0]]) - b[pairs[:, 1]]) ** 2).sum()
    return pairs, similarity, float(squares + (alone or 0.0) * (len(a) + len(b) - 2 * len(pairs)))


def _doubted(pairs: IntArray, rivals: list[dict[int, int]]) -> BoolArray:
    """(P,) the pairs that some rival does not have."""
    return np.array([any(rival.get(int(i)) != int(j) for rival in rivals) for i, j in pairs], bool)


def _distances(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.norm(a[:, None] - b[None], axis=2))


def _set(points: FloatArray, name: str) -> FloatArray:
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not np.isfinite(points).all():
        raise InputError(f"set {name} must be finite (N, 2) px with at least three points, got shape {points.shape}")
    if points.var(axis=0).sum() <= 0:
        raise InputError(f"the points of set {name} coincide: there is no shape to match")
    return points
