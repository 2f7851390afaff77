"""LADS: faces and five points on event surfaces, taught on simulated events of rendered heads.

The surfaces are ``nasion.landmark.events``; here is the network that finds faces on them. The same recipe learns any
kind of surface, so that kinds are compared with one network and one schedule. What it exports is a detector:
``nasion events`` and ``nasion.FaceDetector`` read it.

Source: Kielty, Hanley and Corcoran, "Locally Adaptive Decay Surfaces for High-Speed Face and Landmark Detection with
Event Cameras", arXiv 2602.23101. The paper's networks were not to be had; ours is small and our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, InputError
from nasion.landmark.events.decay import KINDS
from nasion.media.paths import prepare_output
from nasion.metrics.detection import detection_score
from nasion.train.data import LandmarkSet
from nasion.train.lads_clips import RATES, SIDE, Surfaces, load_clips, rendered_clips, surfaces
from nasion.train.recipe import Batch, Course, Progress, Stage, require_torch
from nasion.train.stand_in import stand_in
from nasion.train.traced import traced

if TYPE_CHECKING:
    from torch import Tensor, nn

CLIPS = 36  # rendered where no DATA are given
EMPTY = 0.06  # of the views hold no face
OVERLAP, UNSURE = 0.5, 0.05  # intersection over union that makes a box right; rows scored less are no answer
MIRROR = [1, 0, 2, 4, 3]  # coarse5


class LADS:
    """The recipe.

    Args:
        kind: which surface, a name in ``nasion.landmark.events.KINDS``.
        cache: folder where rendered clips are kept.
    """

    name = "lads"
    stages: tuple[Stage, ...] = (Stage("train", rate=4e-3, batch=32),)

    def __init__(self, kind: str = "er", cache: Path | None = None) -> None:
        if kind not in KINDS:
            raise InputError(f"there is no surface {kind!r}; there are {', '.join(KINDS)}")
        self.kind, self._cache = kind, cache
        self._faces: Surfaces | None = None

    def take(self, faces: Surfaces) -> LandmarkSet:
        """Learn from these surfaces; the set for ``nasion.train.fit``, without pictures of its own."""
        self._faces = faces
        return stand_in(len(faces))

    def build(self, points: int, size: int) -> nn.Module:
        """The network; both numbers are fixed by the system."""
        from nasion.train.lads_net import EventFaces

        return EventFaces()

    def draw(self, data: LandmarkSet, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Random views of some of the surfaces; the corners of the box follow the five points."""
        import torch

        if self._faces is None:
            raise InputError("lads learns from surfaces: call take(faces) first")
        views = [random_view(rng, self._faces, int(i)) for i in index]
        images, boxes, points, there = (torch.from_numpy(np.stack(part)) for part in zip(*views, strict=True))
        places = torch.cat([points, boxes.unflatten(1, (2, 2))], 1)
        known = there.float()[:, None].expand(-1, places.shape[1])
        return Batch(images[:, None], places, known, known, torch.from_numpy(np.asarray(index)), data.scheme)

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """Score, box and points on the views that ``draw`` made."""
        from nasion.train.lads_net import losses

        boxes = batch.points[:, 5:].flatten(1)
        return losses(model(batch.images), boxes, batch.points[:, :5], batch.known[:, 0] > 0)

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """(N, 5, 2) the points of the surest cell, crop units."""
        import torch

        from nasion.train.lads_net import decode

        rows = decode(model(images.mean(1, keepdim=True)))
        best = rows[:, :, 4].argmax(1)
        points = torch.gather(rows[:, :, 5:], 1, best[:, None, None].expand(-1, 1, 10))
        return (points.reshape(-1, 5, 2) + 0.5) / images.shape[-1]

    def make(self, data: Path | None, out: Path, course: Course) -> list[str]:
        """Train from a folder of clips with events, or from clips rendered here, and write the detector.

        One clip in four is held out.

        Returns:
            What to tell the user, line by line.
        """
        from nasion.train.loop import fit

        clips = rendered_clips(course.seed, CLIPS, cache=self._cache) if data is None else load_clips(data)
        if len(clips) < 4:
            raise InputError(f"lads needs 4 clips or more to hold one out, {data} has {len(clips)}")
        learn = self.take(surfaces([c for i, c in enumerate(clips) if i % 4], self.kind))
        held = surfaces(clips[::4], self.kind)
        trained = fit(self, learn, **course.options())
        self.export(trained.model, out)
        figures = [score(trained.model, held, held.hz == hz) for hz in RATES]
        said = [
            f"{hz} surfaces/s: NME {100 * f['nme']:.2f} %, AP50 {100 * f['ap50']:.0f} %"
            for hz, f in zip(RATES, figures, strict=True)
        ]
        return [
            f"{self.kind} surfaces, {len(clips)} clips, {len(held)} held-out surfaces, {trained.steps} steps",
            *said,
            f"wrote {out}; try: nasion events EVENTS --surface {self.kind} --detector {out}",
        ]

    def export(self, model: nn.Module, path: Path) -> Path:
        """Write the ONNX file that ``nasion.FaceDetector`` reads: ``image`` of 128 px in, ``faces`` (N, 256, 15) out.

        Raises:
            MissingExtraError: PyTorch or the library ``onnx`` is not installed.
            MediaError: the file cannot be written.
        """
        torch = require_torch()
        from nasion.train.lads_net import Decoded

        target, example = prepare_output(path), {"image": torch.zeros(2, 3, SIDE, SIDE)}
        facts = {"system": self.name, "surface": self.kind}
        target.write_bytes(traced(Decoded(model).eval(), example, ["faces"], facts=facts))
        return target


def random_view(
    rng: np.random.Generator, faces: Surfaces, index: int
) -> tuple[FloatArray, FloatArray, FloatArray, np.bool_]:
    """A surface turned, shifted, scaled, mirrored, with its contrast changed; now and then one without a face.

    Light and dark change places with the direction of the motion, so every other view has them changed.

    Returns:
        (128, 128) float32 -1..1, box (4,) px, points (5, 2) px, and whether there is a face.
    """
    image = (faces.images[index].astype(np.float32) - 128) / 127.5
    height, width = image.shape
    points, box = faces.points[index].astype(np.float64), faces.boxes[index].astype(np.float64)
    corners = np.array([[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]])
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
        points, corners = points[MIRROR] * (-1, 1) + (width - 1, 0), corners * (-1, 1) + (width - 1, 0)
    angle = np.radians(np.clip(rng.normal(0, 8), -25, 25))
    scale = SIDE / max(height, width) * np.exp(rng.uniform(-0.45, 0.25))
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[c, -s], [s, c]])
    face = linear @ corners.mean(0)
    matrix = np.concatenate([linear, (rng.uniform(0.36, 0.64, 2) * SIDE - face)[:, None]], axis=1)
    there = bool(rng.random() >= EMPTY)
    if there:
        outside = -1.0 if rng.random() < 0.3 else 0.0  # a detector pads what is not square with black
        image = np.asarray(
            cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderValue=outside), np.float32
        )
    else:
        image = np.zeros((SIDE, SIDE), np.float32)
    image = image * np.float32(rng.choice((-1, 1)) * np.exp(rng.normal(0, 0.25)))
    specks = rng.random((SIDE, SIDE)) < rng.uniform(0, 0.01)
    image[specks] += rng.choice(np.array([-1, 1], np.float32), int(specks.sum())) / 3
    points, corners = (p @ linear.T + matrix[:, 2] for p in (points, corners))
    # the turned box's extent would be too large: its sides stay, its middle moves
    half = scale * (box[2:] - box[:2]) / 2
    middle = corners.mean(0)
    return (
        np.clip(image, -1, 1), np.concatenate([middle - half, middle + half]).astype(np.float32),
        points.astype(np.float32), np.bool_(there),
    )  # fmt: skip


def answers(model: nn.Module, images: ImageArray) -> list[FloatArray]:
    """Rows (M, 15) for each (H, W) uint8 surface picture: box, score, five points; overlapping ones removed."""
    import torch

    from nasion.detect.suppression import suppress
    from nasion.train.lads_net import decode

    found = []
    with torch.inference_mode():
        for start in range(0, len(images), 64):
            views = torch.from_numpy(images[start : start + 64].astype(np.float32))[:, None] / 127.5 - 1
            found += list(decode(model(views)).numpy())
    kept = []
    for rows in found:
        sure = rows[np.argsort(-rows[:, 4])[:20]]
        sure = sure[(sure[:, 4] > UNSURE) | (np.arange(len(sure)) == 0)]
        kept.append(sure[suppress(sure[:, :4], sure[:, 4], 0.4)])
    return kept


def point_errors(found: Sequence[FloatArray], truth: FloatArray) -> FloatArray:
    """(N,) mean distance of the surest face's five points from (N, 5, 2), over the distance of the true eyes."""
    best = np.stack([rows[0, 5:].reshape(5, 2) for rows in found])
    eyes = np.linalg.norm(truth[:, 0] - truth[:, 1], axis=1)
    return np.asarray(np.linalg.norm(best - truth, axis=2).mean(1) / eyes)


def score(model: nn.Module, faces: Surfaces, chosen: Any) -> dict[str, float]:
    """Errors on some of the surfaces.

    Args:
        model: trained.
        faces: the surfaces.
        chosen: (N,) bool, which.

    Returns:
        ``nme``: mean of ``point_errors``, no face left out;
        ``ap50``: average precision of the boxes at an overlap of 0.5; ``faces``: how many.
    """
    index = np.flatnonzero(chosen)
    found = answers(model, faces.images[index])
    error = point_errors(found, faces.points[index])
    sure = [rows[rows[:, 4] > UNSURE] for rows in found]
    ap = detection_score([r[:, :4] for r in sure], [r[:, 4] for r in sure], list(faces.boxes[index][:, None]), OVERLAP)
    return {"nme": float(error.mean()), "ap50": float(ap.average_precision), "faces": float(len(index))}
