"""Gaze following: how near a heatmap's peak is to what was looked at, and whether "outside the picture" was seen.

The measures of GazeFollow and VideoAttentionTarget. Places are shares of the picture, 0..1 from its left and top edge.
Several people may have said what somebody looks at; rows of -1 or NaN are padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray, InputError
from nasion.metrics.calibration import roc_auc
from nasion.metrics.detection import average_precision


@dataclass(frozen=True, slots=True)
class FollowingScore:
    """Means over the people who look at something inside the picture; NaN where there are none.

    Attributes:
        auc: area under the ROC curve of the heatmap's cells against those that were looked at, 0..1.
        distance: from the peak to the mean of what annotators marked, shares of the picture.
        nearest: from the peak to the nearest mark.
        outside: average precision of telling those who look outside, 0..1; NaN where nobody or everybody does.
        people: how many look inside.
    """

    auc: float
    distance: float
    nearest: float
    outside: float
    people: int


def gaussian_map(target: FloatArray, side: int, sigma: float) -> FloatArray:
    """(side, side) float32, a bell of height 1 about a place (2,) px; all zeros where that is NaN."""
    if not np.isfinite(target).all():
        return np.zeros((side, side), np.float32)
    at = np.arange(side)
    x, y = (np.exp(-0.5 * ((at - v) / sigma) ** 2) for v in target)
    return np.outer(y, x).astype(np.float32)


def peak(heatmap: FloatArray) -> tuple[float, float]:
    """Where a map (H, W) is highest, shares of the picture; between cells by a parabola through its neighbours.

    The highest cell alone would be off by up to half a cell. A flat map has its peak in the middle.
    """
    values = np.asarray(heatmap, np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise InputError(f"a heatmap is (H, W) of finite numbers, got shape {values.shape}")
    if np.ptp(values) == 0:
        return 0.5, 0.5
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    y = row + _vertex(values[:, column], int(row))
    x = column + _vertex(values[row], int(column))
    return float((x + 0.5) / values.shape[1]), float((y + 0.5) / values.shape[0])


def _vertex(line: FloatArray, at: int) -> float:
    """Offset -0.5..0.5 of the top of the parabola through a cell and its two neighbours."""
    if not 0 < at < len(line) - 1:
        return 0.0
    low, top, high = line[at - 1 : at + 2]
    bend = low - 2 * top + high
    return 0.0 if bend == 0 else float(np.clip(0.5 * (low - high) / bend, -0.5, 0.5))


def map_auc(heatmap: FloatArray, targets: FloatArray) -> float:
    """Chance that a cell that was looked at is hotter than one that was not, ties by halves.

    Args:
        heatmap: (H, W).
        targets: (K, 2) shares, without padding.
    """
    high, wide = heatmap.shape
    marked = np.zeros((high, wide), bool)
    columns = np.clip((targets[:, 0] * wide).astype(int), 0, wide - 1)
    marked[np.clip((targets[:, 1] * high).astype(int), 0, high - 1), columns] = True
    return roc_auc(np.asarray(heatmap, np.float64).ravel(), marked.ravel())


def score_following(heatmaps: FloatArray, inside: FloatArray, targets: Sequence[FloatArray]) -> FollowingScore:
    """Score heatmaps of several people.

    Args:
        heatmaps: (N, H, W), any scale.
        inside: (N,) probability that each looks inside the picture.
        targets: per person (K, 2) marks; none but padding where they look outside.

    Raises:
        InputError: numbers that do not fit, or nobody at all.
    """
    maps, chance = np.asarray(heatmaps), np.asarray(inside, np.float64)
    if maps.ndim != 3 or not len(maps) == len(chance) == len(targets) or not len(maps):
        raise InputError(f"{maps.shape} heatmaps, {chance.shape} probabilities and {len(targets)} targets do not fit")
    marks = [np.asarray(t, np.float64).reshape(-1, 2) for t in targets]
    marks = [t[np.isfinite(t).all(1) & (t >= 0).all(1)] for t in marks]
    rows = []
    for heatmap, seen in zip(maps, marks, strict=True):
        if len(seen):
            top = np.array(peak(heatmap))
            away = np.linalg.norm(seen - top, axis=1)
            rows.append((map_auc(heatmap, seen), float(np.linalg.norm(seen.mean(0) - top)), float(away.min())))
    outside = np.array([not len(t) for t in marks])
    precision = (
        average_precision(outside, 1 - chance, int(outside.sum())) if 0 < outside.sum() < len(outside) else np.nan
    )
    auc, distance, nearest = (float(v) for v in (np.mean(rows, axis=0) if rows else np.full(3, np.nan)))
    return FollowingScore(auc, distance, nearest, float(precision), len(rows))
