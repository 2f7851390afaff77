"""Pores and other small marks of the skin: found, described, and paired between calibrated views.

Standard practice, as the pipeline of Li et al., "PoreTrack3D", arXiv 2512.02648, was not to be had: a high-pass, SIFT
at its finest octaves with a low threshold (Lowe, IJCV 2004), on skin alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray, IntArray
from nasion.track.points import grey

SMOOTH = 3.0  # px: what is larger than this is no pore
LOUDER = 4.0  # how much the rest is amplified
CONTRAST, EDGE = 0.02, 6.0  # SIFT's thresholds; 0.04 and 10 are usual
LARGEST = 12.0  # px across
BURNT = 245  # grey level of highlights
APART = 4.0  # px between two pores
RATIO = 0.8  # of the best to the second best descriptor's distance


@dataclass(frozen=True, slots=True, eq=False)
class Pores:
    """N pores of one picture, clearest first.

    Attributes:
        points: (N, 2) float64 px.
        size: (N,) px across.
        descriptors: (N, 128) float32.
    """

    points: FloatArray
    size: FloatArray
    descriptors: FloatArray


def find_pores(image: ImageArray, skin: BoolArray | None = None, most: int = 500) -> Pores:
    """The clearest pores of a picture.

    Args:
        image: (H, W, 3) RGB or (H, W) grey uint8.
        skin: (H, W) where to look; None everywhere. Highlights are left out.
        most: how many at most.
    """
    flat = grey(image)
    picture = flat.astype(np.float32)
    fine = picture - np.asarray(cv2.GaussianBlur(picture, (0, 0), SMOOTH))
    loud = np.clip(128 + LOUDER * fine, 0, 255).astype(np.uint8)
    mask = (flat < BURNT) & (np.ones(flat.shape, bool) if skin is None else skin)
    # without the precise upscale all places are a quarter of a px off in x and y, as drawn dots show
    sift = cv2.SIFT.create(0, 3, CONTRAST, EDGE, 1.2, enable_precise_upscale=True)
    found = sift.detect(loud, mask.astype(np.uint8))
    kept = _spread([k for k in found if k.size < LARGEST], most)
    # Upright: cameras of a rig and frames of a clip hardly roll, and a dot has no direction of its own.
    upright = [cv2.KeyPoint(k.pt[0], k.pt[1], k.size * 2, 0, k.response, k.octave) for k in kept]
    described, descriptors = sift.compute(loud, upright)
    if descriptors is None or not len(described):
        return Pores(np.zeros((0, 2)), np.zeros(0), np.zeros((0, 128), np.float32))
    points = np.array([k.pt for k in described], np.float64)
    return Pores(points, np.array([k.size / 2 for k in described]), descriptors)


def pair_pores(a: Pores, b: Pores, allowed: BoolArray) -> IntArray:
    """(P, 2) rows of pores that look alike: best both ways, clearly better than the second best.

    Args:
        a, b: pores of two pictures.
        allowed: (len(a), len(b)) which pairs may be at all, such as those near each other's epipolar line.
    """
    if not allowed.any():
        return np.zeros((0, 2), int)
    apart = np.sqrt(
        np.maximum(
            (a.descriptors**2).sum(1)[:, None] + (b.descriptors**2).sum(1) - 2 * a.descriptors @ b.descriptors.T, 0
        )
    )
    apart = np.where(allowed, apart, np.inf)
    best = apart.argmin(1)
    first = apart[np.arange(len(apart)), best]
    rest = apart.copy()
    rest[np.arange(len(apart)), best] = np.inf
    clear = np.isfinite(first) & (first < RATIO * rest.min(1)) & (apart.argmin(0)[best] == np.arange(len(apart)))
    return np.stack([np.flatnonzero(clear), best[clear]], axis=1)


def _spread(found: list[cv2.KeyPoint], most: int) -> list[cv2.KeyPoint]:
    """The strongest key points, none closer than ``APART`` to a stronger one."""
    cells: set[tuple[int, int]] = set()
    kept: list[cv2.KeyPoint] = []
    for point in sorted(found, key=lambda k: -k.response):
        x, y = int(point.pt[0] // APART), int(point.pt[1] // APART)
        if not any((x + i, y + j) in cells for i in (-1, 0, 1) for j in (-1, 0, 1)):
            cells.add((x, y))
            kept.append(point)
        if len(kept) == most:
            break
    return kept
