"""Whatever finds faces, asked about the same picture files: ours and the peers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from nasion.core import BoolArray, FloatArray, IntArray
from nasion.metrics import match_boxes
from nasion.report.bench.peers import Peer, run_peer
from nasion.report.bench.progress import progress

OVERLAP = 0.4
PEER_THRESHOLD = 0.6  # the score that YuNet's authors and our comparison use; the curve shows every other one
WARM_UP = 3
TURN = 100  # pictures after which the next system has its turn


@dataclass(frozen=True, slots=True)
class Detections:
    """One system's boxes on some pictures.

    Attributes:
        label: as printed.
        boxes: per picture (N, 5) x0, y0, x1, y1 px and score.
        ms: (P,) per picture, reading the file left out.
        threshold: the score from which a box counts in tables.
    """

    label: str
    boxes: Sequence[FloatArray]
    ms: FloatArray
    threshold: float

    def counted(self) -> list[FloatArray]:
        """Per picture, the boxes that count."""
        return [found[found[:, 4] >= self.threshold] for found in self.boxes]


class System(Protocol):
    """Answers for picture files."""

    label: str

    def detect(self, paths: Sequence[Path]) -> Detections:
        """The boxes in every picture."""


def in_turns(systems: Sequence[System], paths: Sequence[Path]) -> list[Detections]:
    """The boxes of each system in every picture, some pictures at a time, so that a machine's mood meets all alike."""
    turns = [paths[start : start + TURN] for start in range(0, len(paths), TURN)] or [paths]
    parts = [[system.detect(some) for system in systems] for some in turns]
    return [
        Detections(
            own[0].label,
            [found for part in own for found in part.boxes],
            np.concatenate([part.ms for part in own]),
            own[0].threshold,
        )
        for own in zip(*parts, strict=True)
    ]


class Ours:
    """The embedded detector."""

    def __init__(self, label: str) -> None:
        from nasion.detect import FaceDetector

        self.label, self._detector = label, FaceDetector()

    def detect(self, paths: Sequence[Path]) -> Detections:
        """The boxes in every picture; the first pictures are looked at once before the clock starts."""
        from nasion.media import read_image

        for path in paths[:WARM_UP]:
            self._detector.detect(read_image(path))
        boxes, ms = [], np.zeros(len(paths))
        for i, path in enumerate(progress(paths, self.label, len(paths))):
            image = read_image(path)
            start = time.perf_counter()
            faces = self._detector.detect(image)
            ms[i] = 1000 * (time.perf_counter() - start)
            boxes.append(np.array([[*f.box.to_array(), f.score] for f in faces], np.float64).reshape(-1, 5))
        return Detections(self.label, boxes, ms, 0.0)


class Theirs:
    """A peer, in its own process."""

    def __init__(self, peer: Peer, data: Path) -> None:
        self.label, self._peer, self._data = peer.label, peer, data

    def detect(self, paths: Sequence[Path]) -> Detections:
        """The boxes in every picture, as the peer's script measures them."""
        results = run_peer(self._peer, "detect", paths, self._data)["results"]
        boxes = [np.array([[*f["box"], f["score"]] for f in r["faces"]], np.float64).reshape(-1, 5) for r in results]
        return Detections(self.label, boxes, np.array([r["ms"] for r in results]), PEER_THRESHOLD)


def true_box(found: FloatArray, truth: FloatArray) -> IntArray:
    """Which true box each of the (N, 5) found ones is; -1 for none."""
    return match_boxes(found[:, :4], found[:, 4], truth, OVERLAP)


def in_our_convention(system: Detections, truth: Sequence[FloatArray], learn: BoolArray) -> Detections:
    """The system with each side of its boxes moved by the median offset to the truth, as a fraction of the box's size.

    Args:
        system: whose boxes.
        truth: per photo (M, 4) boxes.
        learn: (P,) the photos that the offset is learnt on.
    """
    label = f"{system.label}, boxes moved"
    offsets = []
    for found, wanted, use in zip(system.boxes, truth, learn, strict=True):
        match = true_box(found, wanted)
        for box, j in zip(found, match, strict=True):
            if use and j >= 0:
                offsets.append((wanted[j] - box[:4]) / np.tile(box[2:4] - box[:2], 2))
    by = np.median(offsets, axis=0) if offsets else np.zeros(4)
    moved = []
    for found in system.boxes:
        size = np.tile(found[:, 2:4] - found[:, :2], 2)
        moved.append(np.concatenate([found[:, :4] + by * size, found[:, 4:]], axis=1))
    return Detections(label, moved, system.ms, system.threshold)
