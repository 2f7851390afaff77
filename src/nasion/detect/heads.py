"""What detector networks put out, read into candidates: ours, YuNet's and those of `nasion train mos`.

A candidate is a row of 15 float32: x0, y0, x1, y1, score, then x and y of five points in ``coarse5`` order, in px of
the network's canvas (pixel centres at integers). MOS adds yaw, pitch and roll in degrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from nasion.core import FloatArray

STRIDES = (8, 16, 32)
_YUNET_TO_COARSE5 = [1, 0, 2, 4, 3]  # YuNet lists the subject's right eye and right mouth corner first


def read_embedded(outputs: Mapping[str, FloatArray], threshold: float) -> list[FloatArray]:
    """Candidates of our own detector.

    Args:
        outputs: ``stride8``, ``stride16``, ``stride32``, each (B, 15, h, w): the score (0..1), the box centre minus the
            cell's corner and the log of its size, the points minus the cell's corner; lengths in strides.
        threshold: candidates scoring less are left out.

    Returns:
        Per image (N, 15).
    """
    maps = [outputs[f"stride{stride}"] for stride in STRIDES]
    grid = _grid(*(m.shape[2:] for m in maps))
    flat = [m.reshape(*m.shape[:2], -1) for m in maps]
    return [_above([m[i] for m in flat], grid, threshold) for i in range(len(maps[0]))]


def _above(maps: list[FloatArray], grid: FloatArray, threshold: float) -> FloatArray:
    """Candidates (N, 15) of what the network says about one image, (15, C) for each stride."""
    sure = np.flatnonzero(np.concatenate([m[0] for m in maps]) >= threshold)
    found, where = np.empty((15, len(sure)), np.float32), grid.take(sure, axis=1)
    cell = done = 0
    for m in maps:
        end = int(sure.searchsorted(cell + m.shape[1]))
        found[:, done:end] = m.take(sure[done:end] - cell, axis=1)
        cell, done = cell + m.shape[1], end
    score, half = found[0] / where[2], np.exp(np.minimum(found[3:5], 5)) / 2  # powers of two, so nothing is lost
    middle = found[1:3] + where[:2]
    found[5::2] += where[0]
    found[6::2] += where[1]
    found[:2], found[2:4], found[4] = middle - half, middle + half, score
    found *= where[2]
    return np.ascontiguousarray(found.T)


@lru_cache(maxsize=16)
def _grid(*sizes: tuple[int, int]) -> FloatArray:
    """(3, C) column, row and stride of every cell, of maps of (height, width)."""
    cells = [
        np.stack([*np.divmod(np.arange(h * w), w)[::-1], np.full(h * w, stride)])
        for (h, w), stride in zip(sizes, STRIDES, strict=True)
    ]
    return np.concatenate(cells, axis=1).astype(np.float32)


def read_yunet(outputs: Mapping[str, FloatArray], columns: int, threshold: float) -> list[FloatArray]:
    """Candidates of YuNet.

    Args:
        outputs: ``cls_S`` and ``obj_S`` (B, A, 1), ``bbox_S`` (B, A, 4), ``kps_S`` (B, A, 10) for each stride S.
        columns: width of the canvas, px.
        threshold: as in ``read_embedded``.

    Source: Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023.
    """
    rows: list[list[FloatArray]] = [[] for _ in outputs["cls_8"]]
    for stride in STRIDES:
        seen, there = (np.clip(outputs[f"{name}_{stride}"][..., 0], 0, 1) for name in ("cls", "obj"))
        score = np.sqrt(seen * there)
        image, cell = np.nonzero(score >= threshold)
        corner = np.stack([cell % (columns // stride), cell // (columns // stride)], axis=1) * np.float32(stride)
        box, points = outputs[f"bbox_{stride}"][image, cell], outputs[f"kps_{stride}"][image, cell].reshape(-1, 5, 2)
        center, half = box[:, :2] * stride + corner, np.exp(box[:, 2:]) * stride / 2
        points = (points * stride + corner[:, None])[:, _YUNET_TO_COARSE5]
        sure = score[image, cell, None]
        found = np.concatenate([center - half, center + half, sure, points.reshape(-1, 10)], axis=1)
        for i in range(len(score)):
            rows[i].append(found[image == i].astype(np.float32))
    return [np.concatenate(parts) for parts in rows]


def read_mos(outputs: Mapping[str, FloatArray], threshold: float) -> list[FloatArray]:
    """Candidates of MOS.

    Args:
        outputs: ``faces`` (B, A, 18), candidates already.
        threshold: as in ``read_embedded``.

    Returns:
        Per image (N, 18).
    """
    return [rows[rows[:, 4] >= threshold] for rows in outputs["faces"]]
