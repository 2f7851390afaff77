"""Teach the presence head what only looks like a face: graphics, pieces of scenery, and the detector's own mistakes.

The features stay as they are; a logistic regression replaces the last layer, because the main training sees no graphics
and took the dot on a logo's "i" for a face.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.optimize import minimize

from nasion.train.damage import damage
from training.landmarker.faces import Faces, to_input
from training.landmarker.prepare import WORK
from training.landmarker.scenery import scenery
from training.nets.landmarker import Landmarker

FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX)
PENALTY = 1e-3


def graphic(rng: np.random.Generator, size: int) -> np.ndarray:
    """A drawn picture: a plain or shaded ground with discs, letters, bars and polygons."""
    colour = lambda: tuple(int(v) for v in rng.integers(0, 256, 3))  # noqa: E731
    corners = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
    flat = rng.random() < 0.5
    image = np.full((size, size, 3), colour(), np.uint8) if flat else cv2.resize(corners, (size, size))
    for _ in range(rng.integers(1, 5)):
        kind, at = rng.integers(4), tuple(int(v) for v in rng.integers(0, size, 2))
        if kind == 0:
            image = disc(image, rng)
        elif kind == 1:
            text = "".join(chr(c) for c in rng.integers(33, 123, rng.integers(1, 6)))
            scale, thick = rng.uniform(1, 6), int(rng.integers(2, 16))
            cv2.putText(image, text, (at[0] - size // 3, at[1]), FONTS[rng.integers(4)], scale, colour(), thick)
        elif kind == 2:
            cv2.line(image, at, tuple(int(v) for v in rng.integers(0, size, 2)), colour(), int(rng.integers(1, 20)))
        else:
            cv2.fillPoly(image, [rng.integers(0, size, (rng.integers(3, 7), 2)).astype(np.int32)], colour())
    return image


def disc(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put a disc into the middle: plain, shaded or of two tones, with or without a rim. Logos, lamps, buttons."""
    size = len(image)
    centre = tuple(int(v) for v in rng.normal(size / 2, size / 10, 2))
    axes = tuple(int(v) for v in rng.uniform(0.2, 0.55) * size * np.exp(rng.normal(0, 0.12, 2)))
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.ellipse(mask, centre, axes, rng.uniform(0, 180), 0, 360, 255, -1)
    tones = rng.integers(0, 256, (rng.integers(1, 5), rng.integers(1, 3), 3)).astype(np.uint8)
    smooth = cv2.INTER_NEAREST if rng.random() < 0.4 else cv2.INTER_LINEAR
    fill = cv2.resize(tones, (size, size), interpolation=smooth)
    if rng.random() < 0.6:
        rim = cv2.dilate(mask, np.ones((3, 3)), iterations=int(rng.integers(2, 12)))
        image[rim > 0] = rng.integers(0, 256, 3)
    image[mask > 0] = fill[mask > 0]
    return image


def coarse(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As if the thing were only a dozen pixels large, half of the time."""
    if rng.random() < 0.5:
        return image
    low, size = int(rng.integers(10, 40)), len(image)
    return cv2.resize(cv2.resize(image, (low, low), interpolation=cv2.INTER_AREA), (size, size))


@torch.no_grad()
def features(net: Landmarker, images: np.ndarray) -> np.ndarray:
    """(N, C) what the presence head sees."""
    rows = []
    for i in range(0, len(images), 64):
        x = to_input(images[i : i + 64])
        c32 = net.s32(net.s16(net.s8(net.s4(net.stem(x)))))
        rows.append(net.pool(c32).numpy())
    return np.concatenate(rows).astype(np.float64)


def teach(net: Landmarker, faces: Faces, data: Path, size: int, each: int = 3000, seed: int = 6) -> float:
    """Replace the presence layer of ``net``; returns the accuracy on a quarter kept apart."""
    rng = np.random.default_rng(seed)
    batches = [faces.batch(rng, 100, 0.25, (0.25,), size) for _ in range(each // 50)]
    images = [((b["image"].permute(0, 2, 3, 1).numpy() + 1) * 127.5).round().astype(np.uint8) for b in batches]
    seen, is_face = np.concatenate(images), np.concatenate([b["face"].numpy() for b in batches])
    drawn = [damage(coarse(graphic(rng, size), rng), rng) for _ in range(each)]
    pieces = [damage(piece, rng) for piece in scenery(data, rng, size, each)]
    x = np.concatenate([seen, np.stack(drawn), np.stack(pieces)])
    y = np.concatenate([is_face, np.zeros(2 * each)])
    if (WORK / "mined.npz").exists():  # mining needs a first export, so the first one goes without
        mined = np.load(WORK / "mined.npz")
        x, y = np.concatenate([x, mined["crops"]]), np.concatenate([y, mined["face"]])
    x = features(net, x)
    order = rng.permutation(len(x))
    x, y = x[order], y[order]
    mean, std = x.mean(0), x.std(0) + 1e-6
    z = np.concatenate([(x - mean) / std, np.ones((len(x), 1))], 1)
    train = len(x) * 3 // 4

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        logit = z[:train] @ w
        grad = z[:train].T @ (1 / (1 + np.exp(-logit)) - y[:train]) / train
        value = np.mean(np.logaddexp(0, logit) - y[:train] * logit) + 0.5 * PENALTY * w[:-1] @ w[:-1]
        return value, grad + PENALTY * np.append(w[:-1], 0)

    w = minimize(loss, np.zeros(z.shape[1]), jac=True, method="L-BFGS-B").x
    with torch.no_grad():
        net.presence.weight.copy_(torch.from_numpy((w[:-1] / std)[None]).float())
        net.presence.bias.copy_(torch.tensor([w[-1] - (w[:-1] * mean / std).sum()]).float())
    return float(((z[train:] @ w > 0) == (y[train:] > 0.5)).mean())
