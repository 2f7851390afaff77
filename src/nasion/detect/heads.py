"""What detector networks put out, read into candidates: ours, YuNet's and those of `nasion train mos`.

A candidate is a row of 15 float32: x0, y0, x1, y1, score, then x and y of five points in ``coarse5`` order, in px of
the network's canvas (pixel centres at integers). MOS adds yaw, pitch and roll in degrees.
"""

from __future__ import annotations

from collections.abc import Mapping

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
    images, corners, parts = [], [], []
    for stride in STRIDES:
        maps = outputs[f"stride{stride}"]
        image, y, x = np.nonzero(maps[:, 0] >= threshold)
        images.append(image)
        corners.append(np.stack([x, y, np.full(len(x), stride)], axis=1))
        parts.append(maps[image, :, y, x])
    image, cells, corner = np.concatenate(images), np.concatenate(parts), np.concatenate(corners).astype(np.float32)
    corner, strides = corner[:, :2], corner[:, 2:]
    center, half = cells[:, 1:3] + corner, np.exp(np.minimum(cells[:, 3:5], 5)) / 2
    found = np.empty((len(cells), 15), np.float32)
    found[:, :2], found[:, 2:4] = center - half, center + half
    found[:, 5:] = (cells[:, 5:].reshape(-1, 5, 2) + corner[:, None]).reshape(-1, 10)
    found[:, 4] = cells[:, 0] / strides[:, 0]  # powers of two, so nothing is lost
    found *= strides
    count = len(outputs["stride8"])
    return [found] if count == 1 else [found[image == i] for i in range(count)]


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
