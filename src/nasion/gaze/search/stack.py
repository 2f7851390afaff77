"""A convolutional stack in NumPy: blocks of 3x3 or larger convolutions with ReLU, a pooling after each block.

``edge_stack`` needs no weights: its first block measures oriented edges and colour opponency, the others only pool,
as in a histogram of oriented gradients (HOG).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, InputError

Layer = tuple[FloatArray, FloatArray]
"""Weights (out, in, k, k), k odd, and biases (out,)."""
Pooling = Callable[[int, FloatArray], FloatArray]
"""Number of the block, from 0, and its features, to pooled ones."""

STRIP = 1_000_000  # numbers in an unfolded strip: stays in the cache
ORIENTATIONS, WAVE = 8, 6.0  # of the edge filters; px of their wave


@dataclass(frozen=True, slots=True, eq=False)
class ConvStack:
    """Blocks of convolutions.

    Attributes:
        blocks: layers of each block; an empty block only pools.
        mean, spread: (3,) of the pictures' RGB, subtracted and divided by first.
    """

    blocks: tuple[tuple[Layer, ...], ...]
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spread: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        inner = 3
        for number, block in enumerate(self.blocks):
            for weight, bias in block:
                if weight.ndim != 4 or weight.shape[1] != inner or weight.shape[2] % 2 == 0 or len(bias) != len(weight):
                    raise InputError(
                        f"block {number}: weights of shape {weight.shape} and {bias.shape} do not take {inner} channels"
                    )
                inner = len(weight)

    def prepare(self, image: ImageArray) -> FloatArray:
        """(H, W, 3) uint8 to (3, H, W) float32 as the first block takes it."""
        x = (np.asarray(image, np.float32) - np.array(self.mean, np.float32)) / np.array(self.spread, np.float32)
        return np.ascontiguousarray(np.moveaxis(x, 2, 0))

    def block(self, number: int, features: FloatArray) -> FloatArray:
        """The block's convolutions, before its pooling."""
        for weight, bias in self.blocks[number]:
            features = np.maximum(convolve(features, weight) + bias[:, None, None], 0)
        return features

    def run(self, features: FloatArray, pooling: Pooling, first: int = 0) -> list[tuple[FloatArray, FloatArray]]:
        """Features before and after the pooling of every block from ``first``."""
        made = []
        for number in range(first, len(self.blocks)):
            before = self.block(number, features)
            features = pooling(number, before)
            made.append((before, features))
        return made


def convolve(features: FloatArray, weight: FloatArray) -> FloatArray:
    """(C, H, W) with (O, C, k, k), zeros beyond the edge, to (O, H, W).

    One product of matrices for each strip of rows: strips keep the unfolded copy of the features small.
    """
    outer, inner, kernel, _ = weight.shape
    height, width = features.shape[1:]
    pad = kernel // 2
    edged = np.pad(features, ((0, 0), (pad, pad), (pad, pad)))
    flat, out = weight.reshape(outer, -1), np.empty((outer, height, width), np.float32)
    strip = max(1, STRIP // (inner * kernel * kernel * width))
    for top in range(0, height, strip):
        rows = edged[:, top : min(top + strip, height) + 2 * pad]
        seen = np.lib.stride_tricks.sliding_window_view(rows, (kernel, kernel), axis=(1, 2))
        unfolded = seen.transpose(0, 3, 4, 1, 2).reshape(flat.shape[1], -1)
        out[:, top : top + strip] = (flat @ unfolded).reshape(outer, -1, width)
    return out


def edge_stack(blocks: int = 5) -> ConvStack:
    """Oriented edges, spots and colour opponency in the first block; the others pool them.

    ``2 * ORIENTATIONS`` channels of light-dark edges of either sign, two of spots, four of colour.
    """
    side = 7
    at = np.arange(side) - side // 2
    x, y = np.meshgrid(at, at)
    bell = np.exp(-(x**2 + y**2) / (2 * 1.8**2))
    filters = []
    for k in range(2 * ORIENTATIONS):
        angle = 2 * np.pi * k / (2 * ORIENTATIONS)
        wave = bell * np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / WAVE)
        filters.append(_unit(wave)[None] * np.ones((3, 1, 1)) / 3)
    spot = _unit(cv2.getGaussianKernel(side, 0.9) @ cv2.getGaussianKernel(side, 0.9).T - bell / bell.sum())
    filters += [sign * spot[None] * np.ones((3, 1, 1)) / 3 for sign in (1, -1)]
    broad = bell / bell.sum()
    for colour in ((1, -1, 0), (-1, 1, 0), (-0.5, -0.5, 1), (0.5, 0.5, -1)):
        filters.append(np.array(colour)[:, None, None] * broad[None])
    weight = np.stack(filters).astype(np.float32)
    first = ((weight, np.zeros(len(weight), np.float32)),)
    return ConvStack((first, *((),) * (blocks - 1)), spread=(255.0, 255.0, 255.0))


def _unit(kernel: FloatArray) -> FloatArray:
    kernel = kernel - kernel.mean()
    return np.asarray(kernel / np.abs(kernel).sum())
