"""Damage to training pictures: things in front of the face, bad light, blur, low resolution, noise, JPEG.

Shared by the systems of `nasion train` and by the recipe of the embedded landmarker. NumPy and OpenCV only.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from nasion.core import ImageArray


def occlude(image: ImageArray, rng: np.random.Generator, texture: ImageArray) -> ImageArray:
    """Paste shapes of texture, noise, plain colour or skin over ``image``, in place.

    Args:
        image: RGB uint8 (S, S, 3), changed.
        rng: decides everything.
        texture: RGB uint8 (T, T, 3), T > S: somebody else's face, a street, ...

    Returns:
        (S, S) uint8 mask, 255 where something now hides the face.
    """
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
        _shape(mask, rng)
    colour = paint(image, rng, texture)
    if rng.random() < 0.5:  # things are lit unevenly
        shade = cv2.resize(rng.uniform(0.4, 1.4, (2, 2)).astype(np.float32), (size, size))[..., None]
        colour = np.clip(colour * shade, 0, 255)
    soft = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.4, 1.5))[..., None].astype(np.float32) / 255
    image[:] = (image * (1 - soft) + colour * soft).astype(np.uint8)
    return mask


def _shape(mask: ImageArray, rng: np.random.Generator) -> None:
    """Fill an ellipse, a turned rectangle or a ragged polygon."""
    size = mask.shape[0]
    centre = rng.uniform(0.1, 0.9, 2) * size
    axes = np.exp(rng.uniform(np.log(0.05), np.log(0.32), 2)) * size
    angle = float(rng.uniform(0, 180))
    kind = rng.integers(3)
    if kind == 0:
        (x, y), (a, b) = centre.tolist(), (axes * 1.8).tolist()
        cv2.ellipse(mask, ((x, y), (a, b), angle), (255,), -1)
    elif kind == 1:
        (x, y), (a, b) = centre.tolist(), (axes * 1.7).tolist()
        cv2.fillPoly(mask, [cv2.boxPoints(((x, y), (a, b), angle)).astype(np.int32)], (255,))
    else:
        turns = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(4, 9)))
        radius = axes.mean() * rng.uniform(0.5, 1.3, len(turns))
        polygon = centre + np.stack([np.cos(turns), np.sin(turns)], 1) * radius[:, None]
        cv2.fillPoly(mask, [polygon.astype(np.int32)], (255,))


def paint(image: ImageArray, rng: np.random.Generator, texture: ImageArray) -> ImageArray:
    """What things are made of: plain colour, blurred noise, the face's own skin or a piece of another picture.

    Args:
        image: RGB uint8 (S, S, 3), the picture that the thing goes on.
        rng: decides everything.
        texture: RGB uint8 (T, T, 3), T > S.

    Returns:
        RGB uint8 (S, S, 3).
    """
    size = image.shape[0]
    style = rng.integers(4)
    if style == 0:
        return np.broadcast_to(rng.integers(0, 256, 3, np.uint8), image.shape)
    if style == 1:
        small = rng.integers(0, 256, (rng.integers(2, 12), rng.integers(2, 12), 3), np.uint8)
        return cast("ImageArray", cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC))
    if style == 2:  # the face's own skin: hands look like this
        rolled = np.roll(image, tuple(rng.integers(10, size - 10, 2)), (0, 1))
        return cast("ImageArray", cv2.GaussianBlur(rolled, (0, 0), rng.uniform(0.5, 6)))
    y, x = rng.integers(0, texture.shape[0] - size, 2)
    return texture[y : y + size, x : x + size]


def damage(image: ImageArray, rng: np.random.Generator, coarse: tuple[float, float] = (24, 80)) -> ImageArray:
    """Light, colour, blur, low resolution, noise and JPEG, each some of the time.

    Args:
        image: RGB uint8 (S, S, 3); not changed.
        rng: decides everything.
        coarse: px, smallest and largest side that low resolution leaves. As given it suits a view filled by one face.
    """
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
        x = np.asarray(cv2.LUT(x, tables.reshape(1, 256, 3)), np.uint8)
    if roll[2] < 0.12:
        x = np.asarray(cv2.cvtColor(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)
    if roll[3] < 0.12:
        x = np.asarray(cv2.GaussianBlur(x, (0, 0), rng.uniform(0.5, 2.5)), np.uint8)
    elif roll[3] < 0.18:
        x = _smear(x, rng)
    if roll[4] < 0.2:
        low = int(rng.uniform(*coarse))
        how = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)
        shrunk = cv2.resize(x, (low, low), interpolation=cv2.INTER_AREA)
        x = np.asarray(cv2.resize(shrunk, (size, size), interpolation=how[rng.integers(2)]), np.uint8)
    if roll[5] < 0.2:
        x = np.clip(x + rng.normal(0, rng.uniform(2, 18), x.shape), 0, 255).astype(np.uint8)
    if roll[6] < 0.2:
        coded = cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(12, 70))])[1]
        x = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return x


def _smear(image: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Motion blur along a line of 3 to 9 px."""
    k = int(rng.integers(3, 10))
    line = np.zeros((k, k), np.float32)
    line[k // 2] = 1.0 / k
    turn = cv2.getRotationMatrix2D(((k - 1) / 2, (k - 1) / 2), rng.uniform(0, 180), 1)
    kernel = np.asarray(cv2.warpAffine(line, turn, (k, k)), np.float32)
    kernel /= max(float(kernel.sum()), 1e-3)
    return np.asarray(cv2.filter2D(image, -1, kernel), np.uint8)
