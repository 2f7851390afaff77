"""Sequential geometric expression: the ConvLSTM1D taught on people who do not exist, and on sequences of your own.

    nasion train convlstm1d-expression --out expression.onnx
    nasion train convlstm1d-expression FOLDER --out mine.onnx       # FOLDER/class/sequence/frame.png

The exported network is read by ``nasion.expression.sequence.ShownExpression``. It names what a face shows; what the
person feels is not in the points.

Source: Koksal and Gumus, "Deep Learning-Based Real-Time Sequential Facial Expression Analysis Using Geometric
Features", arXiv 2512.05669. Two thirds of its numbers lie in one layer of 2048 units; the small net that is taught here
runs its cell along the principal directions of the features instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasion.core import FloatArray, InputError, IntArray
from nasion.expression.sequence.presets import Preset, preset
from nasion.media.paths import prepare_output
from nasion.train.data import LandmarkSet
from nasion.train.expression_renders import Placed, placed
from nasion.train.expression_takes import CLASSES, Takes, features, projected, solid, takes
from nasion.train.recipe import Batch, Course, Progress, Stage, require_torch
from nasion.train.stand_in import stand_in
from nasion.train.traced import traced

if TYPE_CHECKING:
    from torch import Tensor, nn

PEOPLE = 300  # with a sequence of each class: 15 s
RENDERED, RENDER_SEED = 8, 501  # people whose sequences show how the landmarker errs: 25 s
DIRECTIONS = 96
USUAL_MINUTES = 2.0
NOISE_PX = (0.1, 1.0)  # drawn per sequence; the source's own sequences have about 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """How a landmarker errs over a sequence, to be laid on exact points.

    Attributes:
        offset: (R, T, P + 4, 2) found less true, upright, distances between the eyes.
        label: (R,) what was shown.
    """

    offset: FloatArray
    label: IntArray

    @classmethod
    def of(cls, seen: Placed, chosen: Preset) -> Errors:
        """From rendered sequences."""
        from nasion.expression.sequence.features import corner_points, upright
        from nasion.train.expression_takes import CORNER_POINTS

        rows = np.concatenate([chosen.points, CORNER_POINTS])
        corners = corner_points(seen.true.astype(np.float64))
        true, found = (upright(points[:, :, rows].astype(np.float64), corners)[0] for points in (seen.true, seen.found))
        return cls((found - true).astype(np.float32), seen.label)


class ConvLSTMExpression:
    """The recipe. A row of its set is a sequence.

    Args:
        chosen: name of the set of points.
        published: build the source's net of 49.8 million numbers instead of the small one.
        errors: of a landmarker, laid on half of the sequences.
        raw: feed the features themselves instead of their changes: what the differencing is worth.
        directions: of the small net.
    """

    name = "convlstm1d-expression"
    usage = "video CLIP --tasks expression --expression-model"
    stages: tuple[Stage, ...] = (Stage("train", rate=2e-3, batch=64, weight_decay=1e-2),)

    def __init__(
        self, chosen: str = "61", *, published: bool = False, errors: Errors | None = None, raw: bool = False,
        directions: int = DIRECTIONS,
    ) -> None:  # fmt: skip
        self.preset, self.published, self.errors, self.raw, self.directions = (
            preset(chosen), published, errors, raw, directions,
        )  # fmt: skip
        if published:
            self.stages = (Stage("train", rate=3e-4, batch=64, weight_decay=1e-2),)
        self._takes: Takes | None = None
        self.classes: tuple[str, ...] = CLASSES

    def take(self, found: Takes, classes: tuple[str, ...] = CLASSES) -> LandmarkSet:
        """Learn from these sequences; the set for ``nasion.train.fit``, without pictures of its own."""
        self._takes, self.classes = found, classes
        return stand_in(len(found.label))

    def seen(self, rows: IntArray, rng: np.random.Generator, noise: tuple[float, float] = NOISE_PX) -> FloatArray:
        """(B, T - 1, A) features of some sequences, before a new camera, with new noise."""
        from nasion.expression.sequence.features import pair_features, upright

        part = self._taken().part(rows)
        px = projected(part, rng)
        apart = np.linalg.norm(px[:, 0, -4:-2].mean(1) - px[:, 0, -2:].mean(1), axis=1)[:, None, None, None]
        if self.errors is not None:
            px = px + apart * self._error(part.label, rng)
        px = px + rng.normal(0, 1, px.shape) * rng.uniform(*noise, (len(px), 1, 1, 1))
        if self.raw:
            still, _ = upright(px[..., :-4, :], px[..., -4:, :])
            return pair_features(still[:, 1:], self.preset).astype(np.float32)
        return features(px, self.preset)

    def _error(self, label: IntArray, rng: np.random.Generator) -> FloatArray:
        """(B, T, P + 4, 2) of the same expression, on half of the rows, weaker or stronger."""
        assert self.errors is not None
        pools = [np.flatnonzero(self.errors.label == k) for k in range(len(self.classes))]
        any_row = np.arange(len(self.errors.label))
        chosen = [rng.choice(pools[k] if len(pools[k]) else any_row) for k in label]
        weight = rng.uniform(0.5, 1.2, len(label)) * (rng.random(len(label)) < 0.6)
        return np.asarray(self.errors.offset[chosen] * weight[:, None, None, None])

    def build(self, points: int, size: int) -> nn.Module:
        """The network for the sequences taken; both numbers are fixed by the system."""
        from nasion.train.convlstm_expression_net import ExpressionNet

        rng = np.random.default_rng(0)
        count = len(self._taken().label)
        steps = self.seen(rng.choice(count, min(count, 400), replace=False), rng).reshape(-1, self.preset.features)
        mean, scale = steps.mean(0), steps.std(0) + 1e-6
        basis = None if self.published else _directions(((steps - mean) / scale).clip(-8, 8), self.directions)
        return ExpressionNet(mean, scale, len(self.classes), basis)

    def draw(self, data: LandmarkSet, index: IntArray, rng: np.random.Generator) -> Batch:
        """Features of some sequences."""
        import torch

        rows = np.asarray(index)
        steps = torch.from_numpy(self.seen(rows, rng))
        label = torch.from_numpy(self._taken().label[rows])
        return Batch(steps, steps, label, label, torch.from_numpy(rows), data.scheme)

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """Cross-entropy, labels a little smoothed."""
        from torch.nn import functional

        return {"entropy": functional.cross_entropy(model(batch.images), batch.known.long(), label_smoothing=0.05)}

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """(N, classes) logits of (N, T - 1, A) features."""
        logits: Tensor = model(images)
        return logits

    def make(self, data: Path | None, out: Path, course: Course) -> list[str]:
        """Train and write the network.

        Returns:
            What to tell the user, line by line.
        """
        from nasion.train.loop import fit

        if data is not None:
            return self._own(data, out, course)
        self.errors = Errors.of(placed(takes(RENDER_SEED, RENDERED), RENDER_SEED), self.preset)
        learn = self.take(solid(takes(course.seed, PEOPLE), self.preset))
        trained = fit(self, learn, **course.options(USUAL_MINUTES))
        held = ConvLSTMExpression(self.preset.name)
        held.take(solid(takes(course.seed, 40, first=PEOPLE), self.preset))
        right = accuracy(
            trained.model, held.seen(np.arange(40 * len(CLASSES)), np.random.default_rng(1)), held.labels()
        )
        export(trained.model, out, self)
        return [
            f"{self.name}: {len(learn)} sequences of {PEOPLE} synthetic people, {trained.steps} steps",
            f"of 40 others {100 * right:.1f} % right (chance {100 / len(CLASSES):.0f} %)",
            f"wrote {out}; try: nasion {self.usage} {out}",
        ]

    def labels(self) -> IntArray:
        """(S,) of the sequences taken."""
        return self._taken().label

    def _own(self, data: Path, out: Path, course: Course) -> list[str]:
        from nasion.train.expression_folders import read_sequences
        from nasion.train.loop import fit

        found, classes, self.skipped = read_sequences(data, self.preset)
        held = np.isin(found.subject, held_subjects(found.subject, course.seed))
        if not held.any() or held.all():
            raise InputError(f"{data}: sequences of at least two people are needed, so that one can be held out")
        learn = self.take(found.part(np.flatnonzero(~held)), classes)
        trained = fit(self, learn, **course.options(USUAL_MINUTES))
        self.take(found.part(np.flatnonzero(held)), classes)
        right = accuracy(trained.model, self.seen(np.arange(int(held.sum())), np.random.default_rng(1)), self.labels())
        export(trained.model, out, self)
        people = len(set(found.subject.tolist()))
        return [
            f"{self.name}: {people} people, {len(learn)} sequences to learn from, {held.sum()} of others held out",
            f"of these {100 * right:.1f} % right (chance {100 / len(classes):.0f} %)",
            f"wrote {out}; try: nasion {self.usage} {out}",
        ]

    def _taken(self) -> Takes:
        if self._takes is None:
            raise InputError(f"{self.name} learns from sequences: call take(...) first")
        return self._takes


def held_subjects(subject: IntArray, seed: int, share: float = 0.2) -> IntArray:
    """The people that are held out: a fifth, at least one; never a part of a person's sequences."""
    people = np.unique(subject)
    return np.asarray(np.random.default_rng(seed).permutation(people)[: max(1, round(share * len(people)))])


def probabilities(net: nn.Module, steps: FloatArray) -> FloatArray:
    """(N, classes) of (N, T - 1, A) features."""
    torch = require_torch()
    with torch.inference_mode():
        return np.concatenate(
            [
                torch.softmax(net(torch.from_numpy(part)), -1).numpy()
                for part in np.array_split(steps, -(-len(steps) // 256))
            ]
        )


def accuracy(net: nn.Module, steps: FloatArray, label: IntArray) -> float:
    """Share of sequences named right."""
    return float((probabilities(net, steps).argmax(1) == label).mean())


def _directions(steps: FloatArray, count: int) -> FloatArray:
    """(P, A) principal directions of (N, A) standardised features, scaled so that each has spread 1."""
    centred = (steps - steps.mean(0)).astype(np.float64)
    sizes, ways = np.linalg.eigh(centred @ centred.T)  # of the rows: there are fewer of them than features
    kept = np.argsort(-sizes)[: min(count, len(steps) - 1)]
    spread = np.sqrt(np.maximum(sizes[kept], 1e-9))[:, None]
    return np.asarray(ways[:, kept].T @ centred / spread**2 * np.sqrt(len(steps)))


def export(net: nn.Module, path: Path, recipe: ConvLSTMExpression) -> Path:
    """Write the ONNX file: ``changes`` (N, 4, A) in, ``probabilities`` (N, classes) out; metadata name both.

    Raises:
        MissingExtraError: PyTorch or the library ``onnx`` is not installed.
        MediaError: the file cannot be written.
    """
    torch, target = require_torch(), prepare_output(path)
    from nasion.train.convlstm_expression_net import Probabilities

    facts = {"system": recipe.name, "points": recipe.preset.name, "classes": ",".join(recipe.classes)}
    example = {"changes": torch.zeros(2, 4, recipe.preset.features)}
    target.write_bytes(traced(Probabilities(net).eval(), example, ["probabilities"], facts=facts))
    return target
