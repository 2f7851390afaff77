"""The cached faces, drawn in augmented batches and split into training and held-out people."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from nasion.core import scheme
from training.landmarker.augment import make, negative
from training.landmarker.prepare import WORK
from training.landmarker.scenery import scenery
from training.landmarker.view import CACHE, PIXELS_PER_VIEW

DATA = Path("../shared/data")
# HELEN's labels lie this much of the outer-eye distance to the right of where a network puts the points that treats
# both sides of a face alike: 182 held-out and 230 other people, 0.0098 and 0.0103, the same for brows, eyes, nose and
# mouth (`python -m training.landmarker.convention`). Left in, a mirrored sample contradicts the others by twice that.
CONVENTION = 0.010
TAUGHT = 0.8  # weight of 68 points that an earlier landmarker placed; 1 by hand, 0.3 mapped from the dense points


class Pool:
    """Made views of faces, turned or rendered, with points known by construction."""

    def __init__(self, crops: np.ndarray, labels: dict[str, np.ndarray], train: np.ndarray) -> None:
        self.crops, self.labels = crops, labels
        labels["ibug"] = centred(labels["ibug"])
        # a turned view belongs to the person it was made of; a rendered one (-1) to nobody
        self.allowed = np.flatnonzero((labels["of"] < 0) | train[labels["of"]])

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        i, v = int(rng.choice(self.allowed)), self.labels
        return self.crops[i], v["dense"][i], v["ibug"][i], v["visible"][i], np.float32(1), v["weight68"][i]


class Faces:
    """The cached crops, split into human-labelled (HELEN) and teacher-labelled, train and held out.

    Args:
        everything: hold nobody out.
        views: pools of made views to draw from, too.
        data: for the scenery that occluders are cut from.
        taught: the 68 points that nobody labelled by hand are those of `taught`.
        shown: x and y of the dense points are those of `shown`; faces that it lacks have none.
    """

    def __init__(
        self,
        everything: bool,
        views: tuple[str, ...] = (),
        data: Path = DATA,
        *,
        taught: bool = False,
        shown: bool = False,
    ) -> None:
        self.crops = np.load(WORK / "crops.npy", mmap_mode="r")
        labels = np.load(WORK / "labels.npz")
        self.dense, self.ibug, self.visible = labels["dense"], centred(labels["ibug"]), labels["visible"]
        self.has_dense, self.weight68 = labels["has_dense"], labels["weight68"]
        if shown:
            places = np.load(WORK / "shown.npy")
            self.has_dense = np.isfinite(places).all((1, 2))
            self.dense[self.has_dense, :, :2] = places[self.has_dense]
        self.mirrors = (scheme("ibug68").flip, scheme("dense478").flip)
        if taught:
            mapped = self.weight68 < 1
            self.ibug[mapped] = np.load(WORK / "taught.npy")[mapped]
            self.weight68 = np.where(mapped, np.float32(TAUGHT), self.weight68)
        source = labels["source"]
        person = [s.split("/")[1] if s.startswith("identity") else s for s in source]
        bucket = np.array([zlib.crc32(p.encode()) for p in person])
        human = self.weight68 == 1
        held = np.where(human, bucket % 5 == 0, bucket % 25 == 0)
        self.held_human = np.flatnonzero(human & held)
        self.held_other = np.flatnonzero(~human & held)
        train = np.ones_like(held) if everything else ~held
        self.human, self.other = np.flatnonzero(human & train), np.flatnonzero(~human & train)
        self.scenery = scenery(data, np.random.default_rng(3), CACHE, 400)
        self.pools = [
            Pool(np.load(WORK / f"{name}.npy", mmap_mode="r"), dict(np.load(WORK / f"{name}.npz")), train)
            for name in views
        ]

    def draw(self, rng: np.random.Generator, share: float, made: tuple[float, ...]) -> tuple[np.ndarray, ...]:
        """One face: crop, dense, ibug, visible, weight of the dense points, weights of the 68."""
        chance = rng.random()
        for pool, part in zip(self.pools, made, strict=True):
            if chance < part:
                return pool.draw(rng)
            chance -= part
        i = int(rng.choice(self.human if rng.random() < share else self.other))
        weight = np.full(68, self.weight68[i], np.float32)
        return self.crops[i], self.dense[i], self.ibug[i], self.visible[i], np.float32(self.has_dense[i]), weight

    def texture(self, rng: np.random.Generator) -> np.ndarray:
        """(CACHE, CACHE, 3) to cut occluders from: somebody else's face or a piece of the street."""
        if rng.random() < 0.5:
            return np.asarray(self.crops[int(rng.choice(self.other))])
        return self.scenery[int(rng.integers(len(self.scenery)))]

    def batch(
        self, rng: np.random.Generator, count: int, share: float, made: tuple[float, ...], size: int
    ) -> dict[str, Tensor]:
        """Draw samples: parts of ``made`` from the pools of made views, of the rest ``share`` human, 6 % no face."""
        images = np.empty((count, size, size, 3), np.uint8)
        dense, ibug = np.zeros((count, 478, 3), np.float32), np.zeros((count, 68, 2), np.float32)
        visible = np.zeros((count, 546), np.float32)
        wd, face = np.zeros(count, np.float32), np.zeros(count, np.float32)
        w68 = np.zeros((count, 68), np.float32)
        for j in range(count):
            crop, *labels, weight, weights = self.draw(rng, share, made)
            if rng.random() < 0.06:
                images[j] = negative(crop, rng, size)
                continue
            texture = self.texture(rng)
            s = make(crop, *labels, weights, self.mirrors, rng, size, texture)
            images[j], dense[j], ibug[j], visible[j], w68[j] = s.image, s.dense, s.ibug, s.visible, s.weights
            wd[j], face[j] = weight, 1
        return {
            "image": to_input(images), "dense": torch.from_numpy(dense), "ibug": torch.from_numpy(ibug),
            "visible": torch.from_numpy(visible), "wd": torch.from_numpy(wd), "w68": torch.from_numpy(w68),
            "face": torch.from_numpy(face),
        }  # fmt: skip

    def held_batch(self, size: int, count: int = 300) -> dict[str, Tensor]:
        """Augmented views of held-out faces with dense labels, the same at every call."""
        rng, trained_on = np.random.default_rng(8), (self.human, self.other)
        self.human = self.other = self.held_other
        try:
            drawn = self.batch(rng, count, 0.0, (0.0,) * len(self.pools), size)
        finally:
            self.human, self.other = trained_on
        return {key: value[drawn["face"] > 0] for key, value in drawn.items()}

    def plain(self, index: np.ndarray, size: int) -> np.ndarray:
        """The unaugmented views of some faces, (N, size, size, 3) uint8."""
        edge = (CACHE - PIXELS_PER_VIEW) // 2
        views = self.crops[index, edge : CACHE - edge, edge : CACHE - edge]
        return np.stack([cv2.resize(v, (size, size), interpolation=cv2.INTER_AREA) for v in views])


def centred(ibug: np.ndarray) -> np.ndarray:
    """(N, 68, 2) labels without what ``CONVENTION`` tells of; points mapped from dense ones carry it, too."""
    shift = CONVENTION * np.linalg.norm(ibug[:, 36] - ibug[:, 45], axis=1)
    return np.asarray(ibug - shift[:, None, None] * (1, 0), np.float32)


def to_input(images: np.ndarray) -> Tensor:
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    return x.contiguous(memory_format=torch.channels_last)
