"""Landmark-aware masking: things pasted where they hide a chosen part of a face, and what each point's label then is.

Generic things only: pieces cut along the outline of a part of the face, everything beyond a line, bands, boxes and
ellipses, painted in plain colours, somebody's skin, stripes, noise or pieces of other pictures, lit unevenly, with a
cast shadow. Some pictures get a shadow or a tint alone, which hides nothing: black is not hidden.

Source: "OccFace: Unified Occlusion-Aware Facial Landmark Detection with Per-Point Visibility" (arXiv 2602.10728), of
which only the abstract was to be had: a mask is pasted, and its overlap with a landmark's Gaussian decides visibility.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, IntArray
from nasion.train.damage import paint

SIGMA = 1.5  # px of the Gaussian around a point of which the mask must leave more than half
TRUNCATE = 4.0  # sigmas
SHADOW = (0.25, 0.7)  # of the light that a shadow takes


def covered(mask: FloatArray, points: FloatArray, sigma: float = SIGMA) -> FloatArray:
    """How much of each point's Gaussian a mask covers: sum(mask * G) / sum(G).

    Args:
        mask: (H, W) 0..1.
        points: (K, 2) px; those outside count as at the border.
        sigma: px.

    Returns:
        (K,) 0..1; below 0.5 the point counts as visible.
    """
    size = 2 * int(np.ceil(TRUNCATE * sigma)) + 1
    shares = cv2.GaussianBlur(mask.astype(np.float32), (size, size), sigma, borderType=cv2.BORDER_REPLICATE)
    at = np.asarray(points, np.float32).reshape(-1, 1, 2)
    found = cv2.remap(shares, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found[:, 0], np.float64)


def cover_parts(
    image: ImageArray,
    points: FloatArray,
    parts: Sequence[IntArray],
    rng: np.random.Generator,
    texture: ImageArray,
) -> FloatArray:
    """Paste one to three things over parts of the face, in place.

    Args:
        image: RGB uint8 (S, S, 3), changed.
        points: (K, 2) px of the face.
        parts: rows of ``points`` that belong together.
        rng: decides everything.
        texture: RGB uint8 (T, T, 3), T > S: another picture.

    Returns:
        (S, S) float32 mask 0..1 of what now hides the face.
    """
    size = image.shape[0]
    whole = np.zeros((size, size), np.float32)
    texture = texture[::-1]  # upside down: another face in the place of this one would be a face, and nothing before it
    for _ in range(int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))):
        mask = np.zeros((size, size), np.uint8)
        _shape(mask, points[parts[int(rng.integers(len(parts)))]], rng)
        soft = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.4, 1.2)).astype(np.float32) / 255
        if rng.random() < 0.6:
            _shade(image, _cast(soft, rng), rng.uniform(*SHADOW))
        colour = _lit(_texture(image, rng, texture), soft, rng)
        image[:] = (image * (1 - soft[..., None]) + colour * soft[..., None]).astype(np.uint8)
        np.maximum(whole, soft, out=whole)
    return whole


def harmless(image: ImageArray, rng: np.random.Generator) -> None:
    """A shadow or a tint over part of the picture, in place: it changes the pixels and hides nothing."""
    size = image.shape[0]
    mask = np.zeros((size, size), np.uint8)
    anywhere = rng.uniform(0.1, 0.9, (4, 2)) * size
    _shape(mask, anywhere, rng)
    soft = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 5)).astype(np.float32) / 255
    if rng.random() < 0.6:
        _shade(image, soft, rng.uniform(*SHADOW))
    else:
        soft = soft[..., None] * rng.uniform(0.1, 0.35)
        image[:] = (image * (1 - soft) + rng.uniform(0, 255, 3) * soft).astype(np.uint8)


def _shape(mask: ImageArray, part: FloatArray, rng: np.random.Generator) -> None:
    """Fill a form that hides most of some points (P, 2) px."""
    size, centre = mask.shape[0], part.mean(axis=0)
    kind = rng.random()
    if kind < 0.35:  # along the outline of the part, wider by some, not quite even
        hull = cv2.convexHull(part.astype(np.float32))[:, 0]
        grown = centre + (hull - centre) * rng.uniform(1.0, 1.8, 2) + rng.normal(0, 0.02 * size, 2)
        cv2.fillPoly(mask, [np.round(grown + rng.normal(0, 0.015 * size, grown.shape)).astype(np.int32)], (255,))
        width = int(rng.integers(0, size // 6))
        if width:
            mask[:] = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))
    elif kind < 0.6:  # everything beyond a bent line near the part
        normal, bend = rng.normal(size=2), rng.normal(0, 0.6)
        normal /= np.linalg.norm(normal)
        y, x = np.mgrid[:size, :size]
        near = part[int(rng.integers(len(part)))] - normal * rng.uniform(0, 0.12) * size
        x, y = (x - near[0]) / size, (y - near[1]) / size
        mask[x * normal[0] + y * normal[1] + bend * (x * normal[1] - y * normal[0]) ** 2 > 0] = 255
    elif kind < 0.75:  # a band through it, from edge to edge
        turn, wide = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(0.06), np.log(0.3))) * size
        along = np.array([np.cos(turn), np.sin(turn)]) * 2 * size
        a, b = (np.round(centre + way).astype(int).tolist() for way in (along, -along))
        cv2.line(mask, a, b, (255,), max(1, round(float(wide))))
    else:
        at = (centre + rng.normal(0, 0.04 * size, 2)).tolist()
        axes = (np.exp(rng.uniform(np.log(0.1), np.log(0.7), 2)) * size).tolist()
        box = (at, axes, float(rng.uniform(0, 180)))
        if kind < 0.87:
            cv2.ellipse(mask, box, (255,), -1)
        else:
            cv2.fillPoly(mask, [cv2.boxPoints(box).astype(np.int32)], (255,))


def _texture(image: ImageArray, rng: np.random.Generator, texture: ImageArray) -> FloatArray:
    """RGB (S, S, 3) 0..255: skin of the other picture, cloth, or what ``damage.paint`` has."""
    size = image.shape[0]
    kind = rng.random()
    if kind < 0.3:  # the colour of the other picture's middle, which mostly is a cheek or a nose
        t = texture.shape[0]
        y, x = rng.integers(int(0.4 * t), int(0.6 * t), 2)
        skin = texture[y : y + 4, x : x + 4].mean(axis=(0, 1))
        grain = cv2.GaussianBlur(rng.normal(0, 1, (size, size)).astype(np.float32), (0, 0), rng.uniform(0.6, 2))
        return np.asarray(skin + rng.uniform(0, 12) * grain[..., None])
    if kind < 0.45:  # stripes or checks
        first, second = rng.uniform(0, 255, (2, 3))
        y, x = np.mgrid[:size, :size] * (2 * np.pi / (rng.uniform(0.03, 0.25) * size))
        turn = rng.uniform(0, np.pi)
        wave = np.sin(x * np.cos(turn) + y * np.sin(turn))
        if rng.random() < 0.4:
            wave = wave * np.sin(y * np.cos(turn) - x * np.sin(turn))
        share = 1 / (1 + np.exp(-rng.uniform(1, 12) * (wave - rng.uniform(-0.5, 0.5))))
        return np.asarray(first + (second - first) * share[..., None])
    return np.asarray(paint(image, rng, texture), np.float64)


def _lit(colour: FloatArray, soft: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The light falls off across a thing, or towards its edges as on a round body."""
    size = len(soft)
    if rng.random() < 0.5:
        shade = cv2.resize(rng.uniform(0.5, 1.3, (2, 2)).astype(np.float32), (size, size))
    else:
        depth = cv2.distanceTransform((soft > 0.5).astype(np.uint8), cv2.DIST_L2, 3) / (rng.uniform(0.03, 0.2) * size)
        round_off = np.sqrt(1 - (1 - np.clip(depth, 0, 1)) ** 2)
        shade = rng.uniform(0.4, 0.9) + rng.uniform(0.1, 0.6) * round_off
    return np.clip(colour * shade[..., None], 0, 255)


def _cast(soft: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Where a thing's shadow falls: moved and blurred."""
    size = len(soft)
    x, y = rng.normal(0, 0.02 * size, 2)
    moved = cv2.warpAffine(soft, np.array([[1, 0, x], [0, 1, y]], np.float64), (size, size))
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.01, 0.04) * size))


def _shade(image: ImageArray, where: FloatArray, strength: float) -> None:
    image[:] = (image * (1 - strength * where[..., None])).astype(np.uint8)
