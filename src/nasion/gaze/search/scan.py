"""The search itself: look, compare with the target, go to the likeliest place not yet visited, look again.

Source: "Visual Search Asymmetry: Deep Nets and Humans Share Similar Inherent Biases", NeurIPS 2021, arXiv 2106.02953.
Two things differ from the published code: the rings are laid about the fixation on the whole scene, where it centres
the scene on the fixation and pads; and visited items are blanked in the features before the first growing pooling, not
in the picture, which saves the earlier layers at every fixation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from nasion.core import Box, FloatArray, ImageArray, InputError
from nasion.gaze.search.pooling import pool, ring_pool
from nasion.gaze.search.stack import ConvStack

SLOPES = (0.0, 0.0, 0.07, 0.16, 0.32)
COMPARED = (2, 3, 4)  # blocks whose features are compared with the target's
SHARPEN = ((3, 1.0), (5, 3.0))  # window and sigma of the two Gaussians, cells of the finest compared map
ROUNDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class ScanPath:
    """A search.

    Attributes:
        points: (N + 1, 2) px, x and y; the first is where it began and counts as none.
        visited: the item at each fixation, in order.
        found: whether the last fixation is on the target.
    """

    points: FloatArray
    visited: tuple[int, ...]
    found: bool

    @property
    def fixations(self) -> int:
        return len(self.visited)


@dataclass(frozen=True, slots=True, eq=False)
class VisualSearch:
    """A searcher.

    Attributes:
        stack: five blocks of convolutions.
        per_degree: px of the scene a degree of visual angle; the paper's displays have 30.
        slopes: growth of the pooling windows of each block; all 0 gives a searcher that sees everywhere alike.
    """

    stack: ConvStack
    per_degree: float = 30.0
    slopes: tuple[float, ...] = SLOPES

    def __post_init__(self) -> None:
        if len(self.slopes) != len(self.stack.blocks) or len(self.slopes) <= max(COMPARED):
            raise InputError(
                f"a searcher needs {max(COMPARED) + 1} blocks with a slope each, got {len(self.stack.blocks)} blocks "
                f"and {len(self.slopes)} slopes"
            )

    def search(
        self, target: ImageArray, scene: ImageArray, items: Sequence[Box], wanted: int, *, most: int | None = None
    ) -> ScanPath:
        """Look for the target until it is fixated.

        Args:
            target: (h, w, 3) uint8, its picture; sides of 16 px at least.
            scene: (H, W, 3) uint8.
            items: what may be looked at, px of the scene.
            wanted: row of the item that is the target: it is recognised whenever it is fixated.
            most: fixations at which to give up; by default the number of items.

        Raises:
            InputError: no items, or pictures too small.
        """
        if not items or not 0 <= wanted < len(items):
            raise InputError(f"name the items, and which of {len(items)} is the target; got {wanted}")
        height, width = scene.shape[:2]
        at = ((width - 1) / 2, (height - 1) / 2)
        points, visited = [at], list[int]()
        kernels, early = self.target_features(target), self._early(scene)
        for _ in range(most or len(items)):
            heat = self.attention(early, kernels, at, (height, width), [items[i] for i in visited])
            best = [(-np.inf if i in visited else _highest(heat, box)) for i, box in enumerate(items)]
            visited.append(int(np.argmax(best)))
            at = items[visited[-1]].center
            points.append(at)
            if visited[-1] == wanted:
                break
        return ScanPath(np.array(points), tuple(visited), visited[-1] == wanted)

    def target_features(self, target: ImageArray) -> list[FloatArray]:
        """The compared blocks' features of the target, after ordinary pooling: what is looked for."""
        if min(target.shape[:2]) < 16:
            raise InputError(f"the target's picture must be 16 px at least on each side, got {target.shape[:2]}")
        made = self.stack.run(self.stack.prepare(target), lambda _, x: pool(x, 2))
        return [made[k][1] for k in COMPARED]

    def attention(
        self,
        early: FloatArray,
        kernels: Sequence[FloatArray],
        at: tuple[float, float],
        size: tuple[int, int],
        visited: Sequence[Box] = (),
    ) -> FloatArray:
        """How much each place looks like the target, seen from a fixation.

        Args:
            early: what ``_early`` gives of the scene.
            kernels: of ``target_features``.
            at: the fixation, px.
            size: (height, width) of the scene, px.
            visited: boxes that are blanked.

        Returns:
            (H, W) float32.
        """
        first = self._first()
        features, blank = early, np.median(early, axis=(1, 2))
        if len(visited):
            features = early.copy()
            for box in visited:
                y0, y1 = _cells(box.y0, box.y1, first)
                x0, x1 = _cells(box.x0, box.x1, first)
                features[:, max(y0, 0) : y1, max(x0, 0) : x1] = blank[:, None, None]

        def rings(number: int, x: FloatArray) -> FloatArray:
            cell = 2.0**number
            here = ((at[0] + 0.5) / cell - 0.5, (at[1] + 0.5) / cell - 0.5)
            return ring_pool(x, here, self.slopes[number], self.per_degree / cell)

        made = {first + k: before for k, (before, _) in enumerate(self.stack.run(features, rings, first))}
        maps = [correlate(made[k], kernel) for k, kernel in zip(COMPARED, kernels, strict=True)]
        return sharpen(combine(maps), size)

    def _first(self) -> int:
        """The first block whose pooling grows, or the first that is compared."""
        growing = [k for k, slope in enumerate(self.slopes) if slope > 0]
        return min([*growing, COMPARED[0]])

    def _early(self, scene: ImageArray) -> FloatArray:
        """The scene's features up to the first block that depends on the fixation."""
        features = self.stack.prepare(scene)
        for number in range(self._first()):
            features = pool(self.stack.block(number, features), 2)
        return features


def correlate(features: FloatArray, kernel: FloatArray) -> FloatArray:
    """(C, H, W) compared with (C, h, w) at every place: (H, W), zeros beyond the edge."""
    _, high, wide = kernel.shape
    height, width = features.shape[1:]
    top, left = high // 2, wide // 2
    edged = np.pad(features, ((0, 0), (top, high - 1 - top), (left, wide - 1 - left)))
    out = np.zeros(height * width, np.float32)
    for i in range(high):
        for j in range(wide):
            shifted = np.ascontiguousarray(edged[:, i : i + height, j : j + width]).reshape(len(features), -1)
            out += kernel[:, i, j] @ shifted
    return out.reshape(height, width)


def combine(maps: Sequence[FloatArray]) -> FloatArray:
    """Maps of falling size to one: each 0..1, weighted by its highest raw response, on the smallest one's grid."""
    rows, columns = maps[-1].shape
    weights = np.array([max(float(m.max()), 0.0) for m in maps])
    weights = weights / weights.sum() if weights.sum() > 0 else np.full(len(maps), 1 / len(maps))
    total = np.zeros((rows, columns), np.float32)
    for found, weight in zip(maps, weights, strict=True):
        small = found[None]
        while small.shape[1] > rows or small.shape[2] > columns:
            small = pool(small, 2)
        low, high = float(small.min()), float(small.max())
        total += np.float32(weight) * (small[0] - low) / max(high - low, 1e-12)
    return total


def sharpen(heat: FloatArray, size: tuple[int, int]) -> FloatArray:
    """A map brought to (height, width) px after three rounds of adding a difference of Gaussians."""
    for _ in range(ROUNDS):
        near, far = (cv2.GaussianBlur(heat, (window, window), sigma) for window, sigma in SHARPEN)
        heat = heat + near - far
    return np.asarray(cv2.resize(heat, size[::-1], interpolation=cv2.INTER_LINEAR))


def _highest(heat: FloatArray, box: Box) -> float:
    height, width = heat.shape
    y0, y1 = max(int(box.y0), 0), min(int(np.ceil(box.y1)) + 1, height)
    x0, x1 = max(int(box.x0), 0), min(int(np.ceil(box.x1)) + 1, width)
    return float(heat[y0:y1, x0:x1].max()) if y1 > y0 and x1 > x0 else -np.inf


def _cells(low: float, high: float, number: int) -> tuple[int, int]:
    """First and one past the last cell that a span of px covers, after so many halvings."""
    return int(np.floor(low / 2**number)), int(np.ceil(high / 2**number)) + 1
