"""LandmarkGaze trained on the synthetic head, with the errors of our own landmarker.

    nasion gaze train landmark-gaze --out gaze.onnx

Source: "Is Geometry Enough? An Evaluation of Landmark-Based Gaze Estimation", arXiv 2603.24724: loss (mean angle),
AdamW, batches of 64, learning rate halved when validation stalls; here the rate falls along a cosine within the time
given. Its data sets need the network and research agreements; rendered geometry needs neither.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import FloatArray, InputError, IntArray, scheme
from nasion.gaze.features import holistic, two_branch
from nasion.metrics import gaze_error
from nasion.synth import HeadModel
from nasion.train.gaze_export import export_graph
from nasion.train.gaze_noise import LandmarkNoise, Residuals
from nasion.train.gaze_points import INDEX, draw_errors, draw_heads, see, true_gaze, twenty
from nasion.train.recipe import require_torch

if TYPE_CHECKING:
    from torch import nn

PEOPLE, VIEWS, HELD = 1500, 16, 120
BATCH, RATE, DECAY = 128, 2e-3, 1e-4
FEATURES: dict[str, Callable[[FloatArray], FloatArray]] = {"siamese": two_branch, "holistic": holistic}
_MIRROR = [*range(9, 18), *range(9), 18, 19]
_IRIS_TURN = [0, 3, 2, 1, 4, 5, 6, 7, 8]  # the mirror image of an iris runs the other way round


@dataclass(frozen=True, slots=True, eq=False)
class GazeSet:
    """Normalised points (N, 20, 2) px with gaze (N, 3) in the virtual camera's frame, and whose each row is (N,)."""

    points: FloatArray
    gaze: FloatArray
    person: IntArray

    def part(self, rows: FloatArray | IntArray) -> GazeSet:
        return GazeSet(self.points[rows], self.gaze[rows], self.person[rows])


def make_set(residuals: Residuals | None, people: int = PEOPLE, seed: int = 0, views: int = VIEWS) -> GazeSet:
    """Draw heads and see them as the landmarker would.

    Args:
        residuals: the landmarker's measured errors; None for true points.
        people: how many shapes, ``views`` times each.
        seed: of everything.
        views: pictures a person.
    """
    rng = np.random.default_rng((seed, 20))
    heads = draw_heads(rng, people, views, HeadModel.load())
    error = np.zeros_like(heads.points)
    if residuals is not None:
        error = draw_errors(rng, LandmarkNoise(residuals, INDEX, scheme("dense478").flip), heads, views)
    points, turn = twenty(see(heads, error))
    known = np.isfinite(points).all((1, 2)) & np.isfinite(turn).all((1, 2))
    gaze = np.einsum("bij,bj->bi", turn, true_gaze(heads))
    made = GazeSet(points.astype(np.float32), gaze.astype(np.float32), np.repeat(np.arange(people), views))
    return made.part(np.flatnonzero(known))


def mirrored(data: GazeSet) -> GazeSet:
    """The same heads in a mirror."""
    points = data.points[:, _MIRROR].copy()
    for start in (0, 9):
        points[:, start : start + 9] = points[:, start : start + 9][:, _IRIS_TURN]
    points[..., 0] = 2 * 224 - points[..., 0]
    return GazeSet(points, data.gaze * np.array([-1, 1, 1], np.float32), data.person)


@dataclass(frozen=True, slots=True, eq=False)
class TrainedGaze:
    """A trained regressor.

    Attributes:
        kind: ``siamese`` or ``holistic``.
        model: the network, in evaluation mode.
        doubt: its expected-error head; None of a holistic one.
        steps: taken.
        error: degrees, mean over held-out shapes.
    """

    kind: str
    model: nn.Module
    doubt: nn.Module | None
    steps: int
    error: float

    def predict(self, points: FloatArray) -> FloatArray:
        """(B, 20, 2) normalised px to (B, 3) unit vectors in the virtual frame."""
        torch = require_torch()
        with torch.inference_mode():
            out = self.model(torch.from_numpy(FEATURES[self.kind](points))).numpy()
        return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True))

    def export(self, path: Path) -> Path:
        """Write the ONNX file that the task ``gaze`` takes; only siamese networks, which know their doubt."""
        from nasion.train.landmark_gaze_net import WithDoubt

        if self.doubt is None:
            raise InputError("only the siamese network is exported: the holistic one does not say how far it is off")
        torch = require_torch()
        net: Any = WithDoubt(self.model, self.doubt)
        facts = {"system": "landmark-gaze", "held_out_degrees": f"{self.error:.3f}"}
        return export_graph(net.eval(), {"features": torch.randn(3, 42)}, ("gaze", "error"), path, facts)


def train_gaze(
    data: GazeSet,
    kind: str = "siamese",
    minutes: float = 3.0,
    *,
    steps: int | None = None,
    seed: int = 0,
    held: int = HELD,
    report: Callable[[float, float], None] | None = None,
) -> TrainedGaze:
    """Learn gaze from points.

    Args:
        data: what `make_set` drew; the last ``held`` people are only measured on.
        kind: ``siamese`` or ``holistic``.
        minutes: how long; ``steps`` overrules it.
        steps: optimiser steps.
        seed: of weights and batches.
        held: people held out.
        report: called with the share done, 0..1, and the loss in degrees.

    Raises:
        InputError: no such network, or too few people.
        MissingExtraError: PyTorch is not installed.
    """
    torch = require_torch()
    from nasion.train.landmark_gaze_net import Doubt, Holistic, TwoBranch, angle

    if kind not in FEATURES:
        raise InputError(f"there is no gaze network {kind!r}; there are {', '.join(FEATURES)}")
    if data.person.max() + 1 <= held:
        raise InputError(f"{data.person.max() + 1} people are too few when {held} are held out")
    learn = data.part(np.flatnonzero(data.person <= data.person.max() - held))
    test = data.part(np.flatnonzero(data.person > data.person.max() - held))
    torch.manual_seed(seed)
    net = TwoBranch() if kind == "siamese" else Holistic()
    both = (learn, mirrored(learn))
    x = torch.from_numpy(np.concatenate([FEATURES[kind](part.points) for part in both]))
    y = torch.from_numpy(np.concatenate([part.gaze for part in both]))
    order = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)

    def run(loss_of: Callable[[Any], Any], optimiser: Any, budget: float, limit: int | None, done_before: float) -> int:
        """Batches until the budget is spent, the rate falling along a cosine."""
        began, step, done = time.process_time(), 0, 0.0
        while done < 1:
            loss = loss_of(torch.randint(len(x), (BATCH,), generator=order))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
            done = step / limit if limit else (time.process_time() - began) / (60 * budget)
            for group in optimiser.param_groups:
                group["lr"] = RATE * (0.5 + 0.5 * np.cos(np.pi * min(done, 1.0))) + 1e-6
            if report and step % 50 == 0:
                report(min(done_before + (0.85 - 0.7 * done_before) * done, 1.0), float(loss))
        return step

    net.train()
    taken = run(lambda rows: angle(net(x[rows]), y[rows]).mean(), optimiser, 0.85 * minutes, steps, 0.0)
    net.eval()
    doubt = None
    if isinstance(net, TwoBranch):
        doubt = Doubt()
        with torch.inference_mode():  # the network is fixed now: its codes and errors are worked out once
            codes = torch.cat([net.joined(part) for part in x.split(4096)]).clone()
            off = torch.cat([angle(net(a), b) for a, b in zip(x.split(4096), y.split(4096), strict=True)]).clone()

        def gamma(rows: Any) -> Any:  # deviance of a gamma variable: its least is where the mean is right
            said = doubt(codes[rows])
            return (said.log() + off[rows] / said).mean()

        optimiser = torch.optim.AdamW(doubt.parameters(), lr=RATE, weight_decay=DECAY)
        run(gamma, optimiser, 0.15 * minutes, steps, 0.85)
    trained = TrainedGaze(kind, net, doubt and doubt.eval(), taken, 0.0)
    error = float(gaze_error(trained.predict(test.points), test.gaze).mean())
    return TrainedGaze(kind, net, trained.doubt, taken, error)
