"""What a training system is: a network, its losses over one or more stages, and how to read points off it.

Modules that hold recipes import without PyTorch, so that the catalogue can list and load them anywhere: a recipe
imports ``torch`` inside its methods and keeps its networks in a module of their own.

Conventions: images are float (N, 3, S, S) RGB in -1..1; points are in *crop units*, 0..1 from the view's left and top
edge, so that pixel centre i lies at (i + 0.5) / S.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypedDict, runtime_checkable

from nasion.core import InputError, MissingExtraError, Scheme

if TYPE_CHECKING:
    from torch import Tensor, nn

Report: TypeAlias = Callable[[float, dict[str, float]], None]
"""Called after each step with the fraction done of the whole training, 0..1, and the terms of the loss."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Augmented views.

    Attributes:
        images: (B, 3, S, S) float RGB, -1..1.
        points: (B, K, 2) crop units; 0 where unknown.
        known: (B, K) 1 where the label is known, else 0: losses are weighted by it.
        visible: (B, K) 1 where the point can be seen.
        index: (B,) which faces of the training set these are.
        scheme: the layout of the points.
    """

    images: Tensor
    points: Tensor
    known: Tensor
    visible: Tensor
    index: Tensor
    scheme: Scheme


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands.

    Attributes:
        stage: name of the stage.
        step: steps done within it.
        fraction: 0..1 of the stage.
    """

    stage: str
    step: int
    fraction: float


@dataclass(frozen=True, slots=True)
class Course:
    """How a system that learns in a way of its own is trained.

    Attributes:
        minutes: how long.
        seed: of weights, views and the split.
        threads: PyTorch's; None leaves them as they are.
        report: told how far it is.
    """

    minutes: float
    seed: int = 0
    threads: int | None = None
    report: Report | None = None

    def options(self, most: float = math.inf) -> CourseOptions:
        """The same for functions that train, such as ``nasion.train.fit``; ``most`` minutes at most."""
        return {
            "minutes": min(self.minutes, most), "seed": self.seed, "threads": self.threads, "report": self.report
        }  # fmt: skip


class CourseOptions(TypedDict):
    """A `Course` as keyword arguments."""

    minutes: float
    seed: int
    threads: int | None
    report: Report | None


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of training with an optimiser of its own; learning rates fall along a cosine within it.

    Attributes:
        name: handed to ``Recipe.loss`` as ``Progress.stage``.
        share: of the time or steps; the shares of a recipe's stages are brought to a sum of 1.
        rate: the highest learning rate (AdamW).
        trains: names of the network's child modules that learn; all others are frozen and in evaluation mode. Empty
            for all.
        batch: faces a step.
        weight_decay: AdamW's.
        slow: names of the child modules that learn at a tenth of the rate.
    """

    name: str = "train"
    share: float = 1.0
    rate: float = 2e-3
    trains: tuple[str, ...] = ()
    batch: int = 32
    weight_decay: float = 1e-4
    slow: tuple[str, ...] = ()


class Recipe(Protocol):
    """One system.

    Classes also may have

    - ``load(path, size)``: reads the labelled faces, where ``load_folder`` would not do;
    - ``adapt(data)``: the same faces in the layout that this system places;
    - ``prepare(data)``: called once before ``build`` with the faces to learn from;
    - ``draw(data, index, rng)``: a batch of its own around some of the faces, where augmented views would not do;
    - ``finish(model, held)``: the last touches with faces held out; gives the line that says how good the network is;
    - ``export(model, path)``: writes the ONNX file, where the system is no plain landmarker;
    - ``usage``: how the file is used, such as ``analyze PHOTO --detector``;
    - ``renders``: true where it needs no pictures; ``load`` then takes None;
    - ``size`` (px) and ``strength`` (of the augmentation): what it was measured with, where that is not 96 and 1.

    Attributes:
        name: what users type.
        stages: done one after the other.
    """

    name: str
    stages: tuple[Stage, ...]

    def build(self, points: int, size: int) -> nn.Module:
        """The network for ``points`` points on views of ``size`` px, with fresh weights."""

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """Named terms (weights applied), each a scalar; their sum is minimised."""

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """(N, K, 2) crop units. Traced for the export: no branches on values."""


@runtime_checkable
class OwnRecipe(Protocol):
    """A training system that learns from something else than labelled pictures of faces, and does all of it itself.

    Classes also may have ``skipped``: files that could not be read, and why; after ``make``.

    Attributes:
        name: what users type.
    """

    name: str

    def make(self, data: Path | None, out: Path, course: Course) -> list[str]:
        """Train, and write the ONNX file ``out``.

        Args:
            data: what the user named to learn from, if anything.
            out: file to write.
            course: how long, and from which seed.

        Returns:
            What to tell the user, line by line.

        Raises:
            InputError: ``data`` is missing where it is needed, not wanted, or cannot be read.
        """


RECIPES: dict[str, str] = {
    "baseline": "nasion.train.baseline:Baseline",
    "convlstm1d-expression": "nasion.train.convlstm_expression:ConvLSTMExpression",
    "dsta": "nasion.train.dsta:DSTA",
    "featenhancer": "nasion.train.featenhancer:LowLight",
    "featenhancer-landmarks": "nasion.train.featenhancer_landmarks:DarkLandmarks",
    "foveated-retinotopy": "nasion.train.retinotopy:Retinotopy",
    "fgtbt": "nasion.train.fgtbt:FGTBT",
    "intoxication-gat-3dresnet": "nasion.train.intoxication:Intoxication",
    "kd-landmarks": "nasion.train.kd_landmarks:KDLandmarks",
    "lads": "nasion.train.lads:LADS",
    "mos": "nasion.train.mos:MOS",
    "mpeblink-instblink": "nasion.train.instblink:InstBlinkRecipe",
    "occface": "nasion.train.occface:OccFace",
    "or-face-selfsup": "nasion.train.or_face:ORFace",
    "pengrui-expression-imitation": "nasion.train.pengrui:Pengrui",
    "rtnet-tanh-polar": "nasion.train.rtnet:RTNetRecipe",
    "sht": "nasion.train.sht:SHT",
    "vitgaze": "nasion.train.vitgaze:GazeFollowing",
    "worldcomp2d": "nasion.train.worldcomp2d:WorldComp2D",
}
"""What users type to ``module:class``; a class is made without arguments. Slugs of the catalogue where there is one."""


def find_recipe(name: str) -> Recipe:
    """The recipe called ``name``.

    Raises:
        InputError: there is none.
    """
    if name not in RECIPES:
        raise InputError(f"there is no training system {name!r}; there are {', '.join(sorted(RECIPES))}")
    module, _, maker = RECIPES[name].partition(":")
    made: Recipe = getattr(import_module(module), maker)()
    return made


def require_torch() -> Any:
    """The module ``torch``.

    Raises:
        MissingExtraError: it is not installed.
    """
    if find_spec("torch") is None:
        raise MissingExtraError('training needs PyTorch: pip install "nasion[train]"')
    return import_module("torch")
