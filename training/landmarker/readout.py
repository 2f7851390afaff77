"""Fit the last step to the 68 points: a ridge map from everything the network places to the human labels.

The network's own 68 heatmaps learn from 870 labelled photos; its mesh learns from thirteen thousand. Read together,
by a linear map fitted on the network's answers for several views of each labelled photo, they are a tenth more
exact than the heatmaps alone (held-out HELEN crops; `export` prints both). The map works in view units.
"""

from __future__ import annotations

import numpy as np
import torch

from nasion.train.damage import damage
from training.landmarker.augment import warp
from training.landmarker.faces import Faces, to_input
from training.nets.landmarker import Landmarker

PENALTY = 0.02  # of the ridge; chosen among 0.001..0.3 on held-out people
VIEWS = 6  # augmented views of each photo, and the plain one


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
