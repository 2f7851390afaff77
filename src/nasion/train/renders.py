"""Rendered heads for systems that learn from exact truth: where points are, which are seen, what each pixel shows.

Remembered within a process, so that variants trained on one set in a row do not render it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from nasion.core import FloatArray, ImageArray, IntArray
from nasion.synth import SceneOptions, synth_batch
from nasion.synth.model import HeadModel
from nasion.synth.truth import VISIBLE

SIDE = 192  # px of a picture: the crop of its face is then about as fine as a network's view
NOTHING = "nothing"  # the kind of picture in which nothing stands before the face
VIEWS = 4  # pictures of each person: painting somebody costs as much as rendering two pictures
POINTS = 68 + 478


@dataclass(frozen=True, slots=True, eq=False)
class Renders:
    """Pictures of one rendered head each.

    Attributes:
        images: RGB uint8 (N, S, S, 3).
        points: (N, 546, 2) float32 px, ``ibug68`` then ``dense478``.
        visible: (N, 546) float32 0..1; points of ``ibug68`` have the mean of what they are made of.
        regions: (N, S, S) uint8, ``nasion.synth.Region``.
        yaw: (N,) degrees.
        kinds: what stands before each face, an occluder's name or ``NOTHING``.
    """

    images: ImageArray
    points: FloatArray
    visible: FloatArray
    regions: IntArray
    yaw: FloatArray
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)


@lru_cache(maxsize=4)
def _rendered(counts: tuple[tuple[str, int], ...], seed: int, options: SceneOptions) -> Renders:
    total = sum(count for _, count in counts)
    side = options.size[0]
    images = np.empty((total, side, side, 3), np.uint8)
    points = np.empty((total, POINTS, 2), np.float32)
    visible = np.empty((total, POINTS), np.float32)
    regions = np.empty((total, side, side), np.uint8)
    yaw, kinds, at = np.empty(total, np.float32), [], 0
    model = HeadModel.load()
    for number, (kind, count) in enumerate(counts):
        scene = replace(options, occlude=float(kind != NOTHING), occluder="random" if kind == NOTHING else kind)
        for sample in synth_batch(count, seed + 1000 * number, scene, model, views=VIEWS):
            truth = sample.truth
            sparse = truth.landmarks("ibug68")
            images[at], regions[at], yaw[at] = sample.image, sample.regions, truth.pose.yaw
            points[at] = np.concatenate([sparse.points[:, :2], truth.points])
            visible[at] = np.concatenate([sparse.visibility, truth.visibility == VISIBLE])
            kinds.append(kind)
            at += 1
    return Renders(images, points, visible, regions, yaw, tuple(kinds))


def rendered(counts: Mapping[str, int], seed: int, options: SceneOptions | None = None) -> Renders:
    """Heads of nobody.

    Args:
        counts: how many with each kind of thing before the face (``nasion.synth.OCCLUDERS``, ``NOTHING``).
        seed: another seed, other people.
        options: what scenes may look like; its occluders and size are ``counts``' and ``SIDE``'s unless given here.
    """
    options = options or SceneOptions(size=(SIDE, SIDE), yaw=(-70, 70), fill=(0.35, 0.68), field_of_view=(20, 40))
    return _rendered(tuple(counts.items()), seed, options)
