"""Other systems' points as iBUG-68: by index, and for the dense mesh also by a linear map learnt from human labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray, IntArray

# iBUG point -> the mesh vertex nearest to it
_MESH: IntArray = np.concatenate(
    [
        [162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389],  # jaw
        [71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305],  # brows, nose
        [33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380],  # eyes
        [61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87],  # mouth
    ]
)
# OpenSeeFace has no inner corners of the mouth (60, 64) and lists the outer ones with the inner lips
_OPENSEEFACE: IntArray = np.array(
    [*range(48), *range(49, 54), *range(55, 60), 48, 61, 62, 63, 54, 65, 66, 67]
)  # its point -> iBUG point

_PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_FOLDS = 5


def to_ibug68(points: FloatArray, layout: str) -> FloatArray:
    """(F, N, 2+) points of a peer to (F, 68, 2) px by index; NaN where it has no such point."""
    if layout == "dense478":
        return points[:, _MESH, :2]
    if layout == "openseeface66":
        out = np.full((len(points), 68, 2), np.nan)
        out[:, _OPENSEEFACE] = points[..., :2]
        return out
    return points[..., :2]


def known_points(layout: str) -> list[int]:
    """The iBUG points that a layout has."""
    return sorted(_OPENSEEFACE.tolist()) if layout == "openseeface66" else list(range(68))


@dataclass(frozen=True, slots=True)
class LinearMap:
    """Mesh to iBUG-68 by ridge regression in the frame of the face (centred, unit size, eyes level)."""

    weights: FloatArray  # (N * 3 + 1, 136)
    held_out_error: float  # mean distance over face size in cross-validation, for choosing the penalty

    def __call__(self, mesh: FloatArray) -> FloatArray:
        """(F, N, 3) px to (F, 68, 2) px."""
        center, turn = _frames(mesh)
        local = (_features(mesh, center, turn) @ self.weights).reshape(-1, 68, 2)
        return np.asarray(np.einsum("fij,fnj->fni", turn, local) + center[:, None])


def fit_linear_map(mesh: FloatArray, truth: FloatArray) -> LinearMap:
    """Learn the map; the penalty is chosen by five-fold cross-validation.

    Args:
        mesh: (F, N, 3) px.
        truth: (F, 68, 2) px, human labels of the same faces.
    """
    center, turn = _frames(mesh)
    x = _features(mesh, center, turn)
    local = np.einsum("fij,fnj->fni", np.linalg.inv(turn), truth - center[:, None])
    y = local.reshape(len(truth), -1)
    fold = np.arange(len(x)) % _FOLDS

    def held_out(penalty: float) -> float:
        gaps = []
        for k in range(_FOLDS):
            w = _ridge(x[fold != k], y[fold != k], penalty)
            gaps.append(np.linalg.norm((x[fold == k] @ w - y[fold == k]).reshape(-1, 2), axis=1).mean())
        return float(np.mean(gaps))

    scores = {penalty: held_out(penalty) for penalty in _PENALTIES}
    best = min(scores, key=lambda penalty: scores[penalty])
    return LinearMap(_ridge(x, y, best), scores[best])


def _frames(mesh: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Centre (F, 2) and the (F, 2, 2) scaled turn from the face's frame to pixels."""
    xy = mesh[..., :2]
    center = xy.mean(axis=1)
    size = np.linalg.norm(xy - center[:, None], axis=2).mean(axis=1)
    eyes = xy[:, 263] - xy[:, 33]
    cosine, sine = (eyes / np.linalg.norm(eyes, axis=1, keepdims=True)).T
    turn = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], 1)
    return center, turn * size[:, None, None]


def _features(mesh: FloatArray, center: FloatArray, turn: FloatArray) -> FloatArray:
    local = np.einsum("fij,fnj->fni", np.linalg.inv(turn), mesh[..., :2] - center[:, None])
    size = np.sqrt(np.linalg.det(turn))
    depth = mesh[..., 2] / size[:, None]
    flat = np.concatenate([local.reshape(len(mesh), -1), depth], axis=1)
    return np.concatenate([flat, np.ones((len(mesh), 1))], axis=1)


def _ridge(x: FloatArray, y: FloatArray, penalty: float) -> FloatArray:
    """Ridge regression with a free intercept (the last column), solved in the smaller of the two spaces."""
    mean_x, mean_y = x[:, :-1].mean(axis=0), y.mean(axis=0)
    a, b = x[:, :-1] - mean_x, y - mean_y
    weights = a.T @ np.linalg.solve(a @ a.T + penalty * np.eye(len(a)), b)
    return np.concatenate([weights, (mean_y - mean_x @ weights)[None]])
