"""Turn a cached crop into a training sample: geometry, light, damage and occluders, with labels that follow."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.landmarker.view import CACHE, PIXELS_PER_VIEW


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


def occlude(image: np.ndarray, rng: np.random.Generator, texture: np.ndarray) -> np.ndarray:
    """Paste shapes of texture, noise, plain colour or skin; returns the (S, S) mask of what they hide."""
    size = image.shape[0]
    mask = np.zeros((size, size), np.uint8)
    whole = rng.random()
    if whole < 0.15:  # everything beyond a line across the face: a wall, a shoulder, the edge of a door
        normal = rng.normal(size=2)
        y, x = np.mgrid[:size, :size] / size - 0.5
        mask[(x * normal[0] + y * normal[1]) / np.linalg.norm(normal) > rng.uniform(-0.05, 0.3)] = 255
    elif whole < 0.35:  # blots, from one large to a dozen small ones
        cells = int(rng.integers(2, 9))
        noise = cv2.resize(rng.random((cells, cells)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
        mask[noise > np.quantile(noise, rng.uniform(0.55, 0.92))] = 255
    for _ in range(rng.integers(1, 4) if whole >= 0.35 else 0):
        centre = rng.uniform(0.1, 0.9, 2) * size
        axes = np.exp(rng.uniform(np.log(0.05), np.log(0.32), 2)) * size
        angle = rng.uniform(0, 180)
        kind = rng.integers(3)
        if kind == 0:
            cv2.ellipse(mask, (tuple(map(float, centre)), tuple(map(float, axes * 1.8)), angle), 255, -1)
        elif kind == 1:
            cv2.fillPoly(mask, [cv2.boxPoints((tuple(centre), tuple(axes * 1.7), angle)).astype(np.int32)], 255)
        else:
            turns = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(4, 9)))
            radius = axes.mean() * rng.uniform(0.5, 1.3, len(turns))
            polygon = centre + np.stack([np.cos(turns), np.sin(turns)], 1) * radius[:, None]
            cv2.fillPoly(mask, [polygon.astype(np.int32)], 255)
    style = rng.integers(4)
    if style == 0:
        paint = np.broadcast_to(rng.integers(0, 256, 3, np.uint8), image.shape)
    elif style == 1:
        small = rng.integers(0, 256, (rng.integers(2, 12), rng.integers(2, 12), 3), np.uint8)
        paint = cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)
    elif style == 2:  # the face's own skin: hands look like this
        paint = cv2.GaussianBlur(np.roll(image, rng.integers(10, size - 10, 2), (0, 1)), (0, 0), rng.uniform(0.5, 6))
    else:
        y, x = rng.integers(0, CACHE - size, 2)
        paint = texture[y : y + size, x : x + size]
    if rng.random() < 0.5:  # things are lit unevenly
        shade = cv2.resize(rng.uniform(0.4, 1.4, (2, 2)).astype(np.float32), (size, size))[..., None]
        paint = np.clip(paint * shade, 0, 255)
    soft = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.4, 1.5))[..., None].astype(np.float32) / 255
    image[:] = (image * (1 - soft) + paint * soft).astype(np.uint8)
    return mask


def damage(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light, colour, blur, low resolution, noise and JPEG, each some of the time."""
    size = image.shape[0]
    x = image
    roll = rng.random(8)
    if roll[0] < 0.8:
        gain, bias, gamma = np.exp(rng.normal(0, 0.22)), rng.normal(0, 16), np.exp(rng.normal(0, 0.22))
        if roll[1] < 0.07:
            gain, gamma = gain * rng.uniform(0.15, 0.5), gamma * rng.uniform(1.0, 1.8)
        table = np.clip((np.arange(256) / 255.0) ** gamma * 255 * gain + bias, 0, 255)
        tint = np.exp(rng.normal(0, 0.07, 3))
        tables = np.clip(table[:, None] * tint, 0, 255).astype(np.uint8)
        x = cv2.LUT(x, tables.reshape(1, 256, 3))
    if roll[2] < 0.12:
        x = cv2.cvtColor(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if roll[3] < 0.12:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.5, 2.5))
    elif roll[3] < 0.18:
        k = int(rng.integers(3, 10))
        kernel = np.zeros((k, k), np.float32)
        kernel[k // 2] = 1.0 / k
        turn = cv2.getRotationMatrix2D(((k - 1) / 2, (k - 1) / 2), rng.uniform(0, 180), 1)
        kernel = cv2.warpAffine(kernel, turn, (k, k))
        x = cv2.filter2D(x, -1, kernel / max(kernel.sum(), 1e-3))
    if roll[4] < 0.2:
        low = int(rng.uniform(24, 80))
        x = cv2.resize(x, (low, low), interpolation=cv2.INTER_AREA)
        x = cv2.resize(x, (size, size), interpolation=(cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(2)])
    if roll[5] < 0.2:
        x = np.clip(x + rng.normal(0, rng.uniform(2, 18), x.shape), 0, 255).astype(np.uint8)
    if roll[6] < 0.2:
        x = cv2.imdecode(cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(12, 70))])[1], 1)
    return x


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
    if rng.random() < 0.5:
        mask = occlude(image, rng, texture)
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
