"""Fit the last step to the points: ridge maps from what the network places to what it should have placed.

The network's own 68 heatmaps learn from 870 labelled photos; its mesh learns from thirteen thousand. Read together,
by a linear map fitted on the network's answers for several views of each labelled photo, they are a tenth more
exact than the heatmaps alone (held-out HELEN crops; `export` prints both). The maps work in view units.

The 478 points get a correction of their own, of low rank, towards the teacher's answers on the pictures as they are
(`shown`). Points that have a heatmap stay where the network saw them, but for the outline: moved too, all came 2 %
nearer to the teacher, and on people held out the regions of points taught by clicks grew by a sixth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from nasion.train.damage import damage
from training.landmarker.augment import warp
from training.landmarker.faces import Faces, to_input
from training.nets.landmarker import DENSE_ANCHORS, OVAL, Landmarker

PENALTY = 0.02  # of the ridge; chosen among 0.001..0.3 on held-out people
VIEWS = 6  # augmented views of each photo, and the plain one
# of the correction: on people held out 30 wins two thirds of what 200 does, 100 nine tenths
RANK, DENSE_PENALTY = 100, 0.2  # the penalty in variances, shapes whitened
SEEN = sorted({*DENSE_ANCHORS} - {*OVAL})  # dense points that are not corrected


@dataclass(frozen=True)
class Correction:
    """What to add to the 478 points, x (N, 956) in centred view units: ``(x - mean) @ into @ out + bias``."""

    mean: np.ndarray  # (956,)
    into: np.ndarray  # (956, R)
    out: np.ndarray  # (R, 956)
    bias: np.ndarray  # (956,)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """(N, 478, 2) view units, corrected."""
        rows = points.reshape(len(points), -1) - 0.5
        return np.asarray(points + ((rows - self.mean) @ self.into @ self.out + self.bias).reshape(points.shape))


@torch.no_grad()
def placed(net: Landmarker, images: np.ndarray) -> np.ndarray:
    """(N, 2 * 546 + 1): the 68 and the 478 points the network places, centred, and a constant."""
    rows = []
    for i in range(0, len(images), 64):
        out = net(to_input(images[i : i + 64]))
        points = torch.cat([out["anchors"][:, :68], out["dense"][..., :2]], 1) - 0.5
        rows.append(torch.cat([points.flatten(1), torch.ones(len(points), 1)], 1).double().numpy())
    return np.concatenate(rows)


def views(faces: Faces, index: np.ndarray, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Plain, mirrored and mildly augmented views, every other of them mirrored; human labels in view units."""
    rng = np.random.default_rng(seed)
    mirrored = faces.ibug[index][:, faces.mirrors[0]] * (-1, 1) + (1, 0)
    images, labels = [faces.plain(index, size)], [faces.ibug[index], mirrored]
    images.append(images[0][:, :, ::-1])
    for number in range(VIEWS):
        side = 1 - 2 * (number % 2)
        drawn = [warp(faces.crops[i][:, ::side], rng, size, wild=False) for i in index]
        images.append(np.stack([damage(image, rng) if rng.random() < 0.5 else image for image, _ in drawn]))
        points = labels[number % 2]
        labels.append(np.stack([p @ v[:, :2].T + v[:, 2] for p, (_, v) in zip(points, drawn, strict=True)]))
    return np.concatenate(images), np.concatenate(labels)


def fit(net: Landmarker, faces: Faces, index: np.ndarray, size: int, penalty: float = PENALTY) -> np.ndarray:
    """(2 * 546 + 1, 136) weights of the map."""
    images, labels = views(faces, index, size, seed=5)
    x, y = placed(net, np.ascontiguousarray(images)), labels.reshape(len(labels), -1) - 0.5
    ridge = penalty * len(x) / len(index) * np.eye(x.shape[1])
    ridge[-1, -1] = 0
    return np.asarray(np.linalg.solve(x.T @ x + ridge, x.T @ y))


def apply(weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(N, 68, 2) in view units."""
    return np.asarray((rows @ weights).reshape(-1, 68, 2) + 0.5)


def fit_dense(net: Landmarker, faces: Faces, index: np.ndarray, size: int, rank: int = RANK) -> Correction:
    """The correction of the 478 points, from plain and mildly augmented views and their mirror images.

    Args:
        net, size: as for ``fit``.
        faces: with the answers of ``shown``.
        index: the faces to fit on; those without dense points are left out.
        rank: of the correction, at most 956.
    """
    index = index[faces.has_dense[index]]
    rng, mirror = np.random.default_rng(6), faces.mirrors[1]
    images, labels = [faces.plain(index, size)], [faces.dense[index, :, :2]]
    drawn = [warp(faces.crops[i], rng, size, wild=False) for i in index]
    images.append(np.stack([image for image, _ in drawn]))
    labels.append(np.stack([p @ v[:, :2].T + v[:, 2] for p, (_, v) in zip(labels[0], drawn, strict=True)]))
    images += [views[:, :, ::-1] for views in images]
    labels += [points[:, mirror] * (-1, 1) + (1, 0) for points in labels]
    points = placed(net, np.ascontiguousarray(np.concatenate(images)))[:, 136:-1]
    truth = np.concatenate(labels) - 0.5
    truth[:, SEEN] = points.reshape(truth.shape)[:, SEEN]
    return correction(points, truth.reshape(points.shape), rank)


def correction(points: np.ndarray, truth: np.ndarray, rank: int) -> Correction:
    """The ridge regression of ``truth - points`` on the first ``rank`` principal components of ``points``.

    Args:
        points, truth: (N, 956) centred view units.
        rank: R.
    """
    mean, off = points.mean(0), truth - points
    centred, bias = points - mean, off.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(points))
    into = vectors[:, -rank:] / np.sqrt(values[-rank:])
    out = (centred @ into).T @ (off - bias) / len(points) / (1 + DENSE_PENALTY)
    return Correction(mean, into, out, bias)
