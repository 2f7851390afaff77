"""Turn a cached crop into a training sample: geometry, light, damage and occluders, with labels that follow."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from nasion.train.damage import damage, occlude
from training.landmarker.gape import gape
from training.landmarker.view import CACHE, PIXELS_PER_VIEW

GAPE = 0.3  # part of the samples whose mouth is opened


@dataclass(frozen=True)
class Sample:
    """One training picture: image (S, S, 3) uint8, labels in view units of that image."""

    image: np.ndarray
    dense: np.ndarray  # (478, 3)
    ibug: np.ndarray  # (68, 2)
    visible: np.ndarray  # (546,) 68 then 478
    weights: np.ndarray  # (68,) of the 68 points' labels


def random_view(rng: np.random.Generator, size: int, wild: bool) -> tuple[np.ndarray, np.ndarray]:
    """(2, 3) cache px -> crop px, and (2, 2)+(2,) in view units as one (2, 3)."""
    angle = np.radians(rng.normal(0, 25 if wild else 9))
    scale = np.exp(np.clip(rng.normal(0.0, 0.12 if wild else 0.07), -0.3, 0.3))
    shift = np.clip(rng.normal(0, 0.07 if wild else 0.03, 2), -0.16, 0.16)
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    linear = np.array([[c, -s], [s, c]])
    view = np.concatenate([linear, (0.5 + shift - linear @ [0.5, 0.5])[:, None]], 1)
    # cache px -> view units -> augmented view units -> crop px (pixel centres at integers)
    to_view = np.array([[1, 0, PIXELS_PER_VIEW / 2 - CACHE / 2 + 0.5], [0, 1, PIXELS_PER_VIEW / 2 - CACHE / 2 + 0.5]])
    to_view = to_view / PIXELS_PER_VIEW
    full = np.vstack([view, [0, 0, 1]]) @ np.vstack([to_view, [0, 0, 1]])
    pixels = np.array([[size, 0, -0.5], [0, size, -0.5], [0, 0, 1]]) @ full
    return pixels[:2], view


def warp(crop: np.ndarray, rng: np.random.Generator, size: int, wild: bool) -> tuple[np.ndarray, np.ndarray]:
    """A random view of a cached crop: (size, size, 3) and the (2, 3) map of view units that made it."""
    pixels, view = random_view(rng, size, wild)
    image = cv2.warpAffine(
        np.ascontiguousarray(crop), pixels, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(image), view


def make(
    crop: np.ndarray,
    dense: np.ndarray,
    ibug: np.ndarray,
    visible: np.ndarray,
    weights: np.ndarray,
    mirrors: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
    size: int,
    texture: np.ndarray,
) -> Sample:
    """Draw one augmented view. ``mirrors`` are the flip permutations of the 68 and the 478 points."""
    if rng.random() < GAPE:
        crop, dense, ibug = gape(crop, dense, ibug, rng)
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
        dense = dense[mirrors[1]] * (-1, 1, 1) + (1, 0, 0)
        ibug = ibug[mirrors[0]] * (-1, 1) + (1, 0)
        visible = np.concatenate([visible[:68][mirrors[0]], visible[68:][mirrors[1]]])
        weights = weights[mirrors[0]]
    image, view = warp(crop, rng, size, wild=rng.random() < 0.25)
    linear, shift = view[:, :2], view[:, 2]
    scale = np.sqrt(abs(np.linalg.det(linear)))
    dense = np.concatenate([dense[:, :2] @ linear.T + shift, dense[:, 2:] * scale], 1)
    ibug = ibug @ linear.T + shift
    visible = visible.copy()
    if rng.random() < 0.6:
        mask = occlude(image, rng, texture)
        if rng.random() < 0.4:  # much of a face behind things is where probabilities of being seen were too high
            mask |= occlude(image, rng, texture)
        where = np.concatenate([ibug, dense[:, :2]])
        ij = np.clip(np.round(where * size - 0.5).astype(int), 0, size - 1)
        visible[mask[ij[:, 1], ij[:, 0]] > 127] = 0
    image = damage(image, rng)
    return Sample(image, dense.astype(np.float32), ibug.astype(np.float32), visible.astype(np.float32), weights)


def negative(crop: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """A view that is no face to place points on: far off, far too close, or scrambled."""
    kind = rng.integers(3)
    if kind == 0:  # a corner of the crop, face mostly out of sight
        centre = np.where(rng.random(2) < 0.5, rng.uniform(0.0, 0.1, 2), rng.uniform(0.9, 1.0, 2)) * CACHE
        side = rng.uniform(0.15, 0.4) * CACHE
    elif kind == 1:  # skin seen from too close
        centre, side = rng.uniform(0.3, 0.7, 2) * CACHE, rng.uniform(0.06, 0.13) * CACHE
    else:
        tiles = (
            crop.reshape(4, CACHE // 4, 4, CACHE // 4, 3)
            .transpose(0, 2, 1, 3, 4)
            .reshape(16, CACHE // 4, CACHE // 4, 3)
        )
        tiles = tiles[rng.permutation(16)].reshape(4, 4, CACHE // 4, CACHE // 4, 3).transpose(0, 2, 1, 3, 4)
        crop, centre, side = tiles.reshape(CACHE, CACHE, 3), np.full(2, CACHE / 2), rng.uniform(0.5, 1.0) * CACHE
    zoom, angle = size / side, rng.uniform(-180, 180)
    matrix = cv2.getRotationMatrix2D(tuple(map(float, centre)), angle, zoom)
    matrix[:, 2] += size / 2 - centre
    image = cv2.warpAffine(np.ascontiguousarray(crop), matrix, (size, size), borderMode=cv2.BORDER_REFLECT)
    return damage(image, rng)
