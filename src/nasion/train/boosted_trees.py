"""Gradient boosting with symmetric trees on binned features, several outputs at once.

Every level of a tree asks one question of all rows (Prokhorenkova et al., "CatBoost", NeurIPS 2018), which in NumPy
needs no loop over nodes; the questions come from histograms (Ke et al., "LightGBM", NIPS 2017). It stands for
LandmarkGaze's third regressor (arXiv 2603.24724: XGBoost, an independent model for each output).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray, InputError, IntArray

BINS, DEPTH, RATE, SHARE, PENALTY = 48, 6, 0.1, 0.8, 1.0


@dataclass(frozen=True, slots=True, eq=False)
class BoostedTrees:
    """Fitted trees.

    Attributes:
        start: (T,) what is predicted before the first tree.
        feature: (K, depth) which feature each level asks about.
        above: (K, depth) the value it must exceed.
        value: (K, 2 ** depth, T) what each leaf adds.
    """

    start: FloatArray
    feature: IntArray
    above: FloatArray
    value: FloatArray

    def predict(self, x: FloatArray) -> FloatArray:
        """(N, F) to (N, T)."""
        out = np.tile(self.start, (len(x), 1))
        bits = 1 << np.arange(self.feature.shape[1])
        for feature, above, value in zip(self.feature, self.above, self.value, strict=True):
            out += value[(x[:, feature] > above) @ bits]
        return out


def fit_trees(x: FloatArray, y: FloatArray, trees: int = 250, *, depth: int = DEPTH, seed: int = 0) -> BoostedTrees:
    """Fit to squared error.

    Args:
        x: (N, F).
        y: (N, T).
        trees: how many.
        depth: questions a tree.
        seed: of which rows and features each tree sees.

    Raises:
        InputError: the lengths differ or there is no row.
    """
    if not len(x) or len(x) != len(y):
        raise InputError(f"trees need as many rows of features as of values, at least one; got {len(x)} and {len(y)}")
    rng = np.random.default_rng(seed)
    edges = np.quantile(x, np.arange(1, BINS) / BINS, axis=0).T  # (F, BINS - 1)
    binned = np.stack([np.searchsorted(e, column, side="left") for e, column in zip(edges, x.T, strict=True)])
    start = y.mean(axis=0)
    left = (y - start).astype(np.float64)
    chosen, limits, values = [], [], []
    for _ in range(trees):
        rows = np.flatnonzero(rng.random(len(x)) < SHARE)
        columns = np.flatnonzero(rng.random(len(edges)) < SHARE)
        columns = columns if len(columns) else np.arange(len(edges))
        leaf = np.zeros(len(rows), np.int64)
        features, bins = [], []
        for level in range(depth):
            feature, bin_ = _best_question(binned[:, rows], left[rows], leaf, 1 << level, columns)
            leaf += (binned[feature, rows] > bin_).astype(np.int64) << level
            features.append(feature)
            bins.append(bin_)
        count = np.bincount(leaf, minlength=1 << depth)
        sums = np.stack([np.bincount(leaf, column, 1 << depth) for column in left[rows].T], axis=1)
        value = RATE * sums / (count + PENALTY)[:, None]
        bits = 1 << np.arange(depth)
        left -= value[(binned[features] > np.array(bins)[:, None]).T @ bits]
        chosen.append(features)
        limits.append(edges[features, bins])
        values.append(value)
    return BoostedTrees(start, np.array(chosen), np.array(limits), np.array(values))


def _best_question(
    binned: IntArray, left: FloatArray, leaf: IntArray, leaves: int, columns: IntArray
) -> tuple[int, int]:
    """The feature and the bin after which to split all leaves at once."""
    best, found = -np.inf, (int(columns[0]), 0)
    for feature in columns:
        at = leaf * BINS + binned[feature]
        parts = [np.bincount(at, weights, leaves * BINS) for weights in (None, *left.T)]
        count, *sums = (np.cumsum(part.reshape(leaves, BINS), axis=1) for part in parts)
        gain = np.zeros(BINS)
        for total in sums:
            rest = total[:, -1:] - total
            gain += (total**2 / (count + PENALTY) + rest**2 / (count[:, -1:] - count + PENALTY)).sum(axis=0)
        bin_ = int(np.argmax(gain[:-1]))
        if gain[bin_] > best:
            best, found = float(gain[bin_]), (int(feature), bin_)
    return found
