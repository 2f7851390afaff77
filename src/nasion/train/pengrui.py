"""Morphology-independent expression imitation: the decoupling module, taught on people who do not exist.

Grids of the same expressions on different people say what is expression; the same people with different expressions
say what is person. The exported network is read by ``nasion.expression.imitation.Decoupler``.

Source: Chen et al., "Morphology-Independent Facial Expression Imitation for Human-Face Robots", arXiv 2603.07068,
whose outline the losses follow: reconstruction, swaps within a person, cycles across people.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasion.core import FloatArray, InputError, IntArray
from nasion.media.paths import prepare_output
from nasion.train.data import LandmarkSet
from nasion.train.pengrui_faces import Grid, grid, observed
from nasion.train.recipe import Batch, Course, Progress, Stage, require_torch
from nasion.train.stand_in import stand_in
from nasion.train.traced import traced

if TYPE_CHECKING:
    from torch import Tensor, nn

GROUPS = 150  # of 8 people with 12 expressions: 14,400 shapes, 20 s
PARTS = 96  # principal directions of shape that networks see
USUAL_MINUTES = 2.0


class Pengrui:
    """The recipe. A row of its set is a group of people who show the same expressions.

    Args:
        terms_off: names of losses to leave out, for comparison.
    """

    name = "pengrui-expression-imitation"
    stages: tuple[Stage, ...] = (Stage("train", rate=2e-3, batch=3),)

    def __init__(self, terms_off: tuple[str, ...] = ()) -> None:
        self._terms_off = terms_off
        self._faces: Grid | None = None

    def take(self, faces: Grid) -> LandmarkSet:
        """Learn from these groups; the set for ``nasion.train.fit``, without pictures of its own."""
        self._faces = faces
        return stand_in(len(faces.shapes))

    def build(self, points: int, size: int) -> nn.Module:
        """The network for the shapes taken; both numbers are fixed by the system."""
        faces = self._taken()  # before PyTorch is asked for, which may be absent
        from nasion.train.pengrui_net import Decoupling

        return Decoupling(*_principal(faces))

    def draw(self, data: LandmarkSet, index: IntArray, rng: np.random.Generator) -> Batch:
        """Shapes of some groups as a landmarker might place them, beside the true ones."""
        import torch

        faces = self._taken()
        clean, rest = faces.shapes[index], faces.rest[index]
        images, points, known = (
            torch.from_numpy(np.asarray(part, np.float32))
            for part in (observed(clean, rng), clean, observed(rest, rng))
        )
        return Batch(images, points, known, known, torch.from_numpy(np.asarray(index)), data.scheme)

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """The mean over the groups of a batch."""
        from nasion.train.pengrui_net import losses

        terms: dict[str, Tensor] = {}
        for heard, clean, rest in zip(batch.images, batch.points, batch.known, strict=True):
            people, shown = clean.shape[:2]
            seen, true = (model.parts(s.flatten(0, 1)).unflatten(0, (people, shown)) for s in (heard, clean))
            for name, term in losses(model, true, seen, model.parts(rest)).items():
                if name not in self._terms_off:
                    terms[name] = terms.get(name, 0) + term / len(batch.points)
        return terms

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """(N, 96) expression codes of (N, 468, 3) shapes."""
        expression: Tensor = model(images)[0]
        return expression

    def make(self, data: Path | None, out: Path, course: Course) -> list[str]:
        """Train on synthetic people and write the decoupling network.

        Returns:
            What to tell the user, line by line.

        Raises:
            InputError: ``data`` is given: there is nothing to learn from pictures here.
        """
        from nasion.train.loop import fit

        if data is not None:
            raise InputError(f"{self.name} learns from synthetic people: leave {data} out")
        learn = self.take(grid(course.seed, GROUPS))
        trained = fit(self, learn, **course.options(USUAL_MINUTES))
        export(trained.model, out)
        people = self._taken().rest[..., 0, 0].size
        return [
            f"{self.name}: {self._taken().shapes[..., 0, 0].size} shapes of {people} people, {trained.steps} steps",
            f"wrote {out}; try: nasion synth imitate PHOTO --model {out} --out DIR",
        ]

    def _taken(self) -> Grid:
        if self._faces is None:
            raise InputError(f"{self.name} learns from groups of people: call take(grid(...)) first")
        return self._faces


def _principal(faces: Grid) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Mean (468, 3), directions (P, 1404), spreads (P,) of all shapes as they may be observed; the mean at rest."""
    seen = observed(faces.shapes[:, :, ::3], np.random.default_rng(0)).reshape(-1, 468 * 3)
    mean = seen.mean(0)
    values, vectors = np.linalg.eigh(np.cov((seen - mean).T))
    chosen = np.argsort(-values)[:PARTS]
    return mean.reshape(468, 3), vectors[:, chosen].T, np.sqrt(values[chosen]), faces.rest.mean((0, 1))


def export(net: nn.Module, path: Path) -> Path:
    """Write the ONNX file: ``shapes`` (N, 468, 3) in, ``expression`` (N, 96) and ``person`` (N, 64) out.

    Raises:
        MissingExtraError: PyTorch or the library ``onnx`` is not installed.
        MediaError: the file cannot be written.
    """
    torch, target = require_torch(), prepare_output(path)
    target.write_bytes(traced(net, {"shapes": torch.zeros(2, 468, 3)}, ["expression", "person"]))
    return target
