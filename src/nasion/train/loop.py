"""The one training loop: stages, cosine schedule, gradient clipping, averaged weights, seeded, resumable.

A run that was stopped and resumed from its checkpoint takes the very same steps as one that was not, as long as its
length is given in steps: every step draws its views from a generator seeded with the seed, the stage and the step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import InputError, ModelError
from nasion.train.data import LandmarkSet, augment
from nasion.train.recipe import Batch, Progress, Recipe, Report, Stage, require_torch
from nasion.train.score import to_input

if TYPE_CHECKING:
    from torch import nn

KEEP = 0.998  # of the averaged weights each step, less at the beginning
LARGEST_GRADIENT = 5.0  # norm over all parameters
SHARES = ((False, 1.0), (True, 0.1))  # of the stage's rate, for what is slow and what is not
WARM_UP, LOWEST = 0.03, 0.01  # fraction of a stage until the full learning rate, and what is left of it at the end
SAVE_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Trained:
    """What came out.

    Attributes:
        model: averaged weights, in evaluation mode.
        steps: done, over all stages.
        log: a row for every 20th step: stage, step, rate and the terms of the loss.
    """

    model: nn.Module
    steps: int
    log: tuple[dict[str, Any], ...]


@dataclass(slots=True)
class _State:
    """All that a checkpoint holds besides weights and optimiser."""

    stage: int = 0
    step: int = 0
    total: int = 0
    spent: float = 0.0
    log: list[dict[str, Any]] = field(default_factory=list)


def fit(
    recipe: Recipe,
    data: LandmarkSet,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    strength: float = 1.0,
    report: Report | None = None,
    checkpoint: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Trained:
    """Train a recipe's network.

    Args:
        recipe: what to train.
        data: the faces to learn from.
        minutes: how long, over all stages, each of which takes a step at least; or
        steps: how many steps, over all stages. Exactly one of the two.
        seed: of weights, views and dropout.
        threads: PyTorch's; None leaves them as they are.
        strength: of the augmentation, see ``augment``.
        report: called after each step.
        checkpoint: file to go on from if it exists, written every 30 s and on the way out after an interruption.
        clock: what ``minutes`` are counted with, seconds; ``time.process_time`` compares systems on a busy machine.

    Raises:
        InputError: neither or both of ``minutes`` and ``steps``, or not positive.
        MissingExtraError: PyTorch is not installed.
        ModelError: the checkpoint is of another training, or the loss stopped being a number.
    """
    if (minutes is None) == (steps is None) or (minutes or steps or 0) <= 0:
        raise InputError(f"give a positive number of minutes or of steps, got minutes={minutes}, steps={steps}")
    torch = require_torch()
    if threads is not None:
        torch.set_num_threads(threads)
    if hasattr(recipe, "prepare"):
        recipe.prepare(data)
    torch.manual_seed(seed)
    model = recipe.build(len(data.scheme), data.size).to(memory_format=torch.channels_last)
    average = {name: value.clone() for name, value in model.state_dict().items()}
    state, saved = _resume(checkpoint, recipe, seed, model, average)
    shares = np.array([stage.share for stage in recipe.stages])
    ends = shares.cumsum() / shares.sum()
    began, kept = clock() - state.spent, time.monotonic()
    try:
        for number in range(state.stage, len(recipe.stages)):
            stage = recipe.stages[number]
            start, end = float(ends[number - 1]) if number else 0.0, float(ends[number])
            length = None if steps is None else max(1, round(end * steps) - round(start * steps))
            optimiser = _optimiser(torch, model, stage)
            if saved is not None:
                optimiser.load_state_dict(saved)
            elif number:
                state.step = 0
            state.stage, saved = number, None
            while True:
                if length is not None:
                    fraction = state.step / length
                else:
                    fraction = ((clock() - began) / (60 * (minutes or 1.0)) - start) / (end - start)
                if fraction >= 1 and state.step:  # one step at least: the first may begin seconds late
                    break
                fraction = min(fraction, 1.0)
                terms = _step(torch, recipe, model, data, optimiser, stage, number, state, fraction, seed, strength)
                follow(average, model, state.step)
                state.step, state.total, state.spent = state.step + 1, state.total + 1, clock() - began
                if report is not None:
                    report(start + (end - start) * fraction, terms)
                if checkpoint is not None and time.monotonic() - kept > SAVE_EVERY_S:
                    _save(torch, checkpoint, recipe, seed, model, average, optimiser, state)
                    kept = time.monotonic()
            model.load_state_dict(average)  # what comes next builds on the averaged weights
    except KeyboardInterrupt:
        if checkpoint is not None:
            _save(torch, checkpoint, recipe, seed, model, average, optimiser, state)
        raise
    model.eval()
    return Trained(model, state.total, tuple(state.log))


def draw(data: LandmarkSet, index: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> Batch:
    """Augmented views of some faces as a batch."""
    torch = require_torch()
    images, points, visible = augment(data, index, rng, strength=strength)
    known = np.asarray(np.isfinite(points).all(axis=2))
    units = np.where(known[..., None], (points + 0.5) / data.size, 0).astype(np.float32)
    return Batch(
        to_input(images),
        torch.from_numpy(units),
        torch.from_numpy(known.astype(np.float32)),
        torch.from_numpy(visible),
        torch.from_numpy(np.asarray(index, np.int64)),
        data.scheme,
    )


def learning_rate(fraction: float) -> float:
    """What of the highest rate is used at a ``fraction`` 0..1 of a stage: a short rise, then half a cosine."""
    if fraction < WARM_UP:
        return max(fraction / WARM_UP, 0.05)
    return LOWEST + (1 - LOWEST) * 0.5 * (1 + math.cos(math.pi * (fraction - WARM_UP) / (1 - WARM_UP)))


def _optimiser(torch: Any, model: nn.Module, stage: Stage) -> Any:
    """AdamW over what the stage trains; everything else is frozen."""
    if unknown := {*stage.trains, *stage.slow} - {name for name, _ in model.named_children()}:
        raise InputError(f"stage {stage.name!r} trains {', '.join(sorted(unknown))}, which the network does not have")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not stage.trains or name.partition(".")[0] in stage.trains)
    learning = [(name.partition(".")[0] in stage.slow, p) for name, p in model.named_parameters() if p.requires_grad]
    groups = [{"params": [p for s, p in learning if s == slow], "share": share} for slow, share in SHARES]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=stage.rate, weight_decay=stage.weight_decay
    )


def _step(
    torch: Any,
    recipe: Recipe,
    model: nn.Module,
    data: LandmarkSet,
    optimiser: Any,
    stage: Stage,
    number: int,
    state: _State,
    fraction: float,
    seed: int,
    strength: float,
) -> dict[str, float]:
    rng = np.random.default_rng((seed, number, state.step))
    torch.manual_seed(int(rng.integers(2**62)))
    model.train()
    for name, child in model.named_children():
        if stage.trains and name not in stage.trains:
            child.eval()
    index = rng.choice(len(data), stage.batch, replace=len(data) < stage.batch)
    for group in optimiser.param_groups:
        group["lr"] = group["share"] * stage.rate * learning_rate(fraction)
    batch = recipe.draw(data, index, rng) if hasattr(recipe, "draw") else draw(data, index, rng, strength)
    terms = recipe.loss(model, batch, Progress(stage.name, state.step, fraction))
    total = sum(terms.values())
    optimiser.zero_grad(set_to_none=True)
    total.backward()
    learning = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    torch.nn.utils.clip_grad_norm_(learning, LARGEST_GRADIENT)
    optimiser.step()
    values = {name: float(term.detach()) for name, term in terms.items()}
    if not all(map(math.isfinite, values.values())):
        raise ModelError(
            f"{recipe.name}: the loss stopped being a number at step {state.step} of stage {stage.name}: {values}; "
            "check the labels, or train with another --seed"
        )
    if state.step % 20 == 0:
        state.log.append({"stage": stage.name, "step": state.step, "rate": optimiser.param_groups[0]["lr"], **values})
    return values


def follow(average: dict[str, Any], model: nn.Module, step: int) -> None:
    """Exponential moving average, shorter at the beginning of a stage; counters and other whole numbers are copied."""
    keep = min(KEEP, (1 + step) / (10 + step))
    for name, value in model.state_dict().items():
        if value.dtype.is_floating_point:
            average[name].lerp_(value, 1 - keep)
        else:
            average[name].copy_(value)


def _save(
    torch: Any,
    path: Path,
    recipe: Recipe,
    seed: int,
    model: nn.Module,
    average: dict[str, Any],
    optimiser: Any,
    state: _State,
) -> None:
    held = {
        "recipe": recipe.name, "seed": seed, "model": model.state_dict(), "average": average,
        "optimiser": optimiser.state_dict(), "stage": state.stage, "step": state.step, "total": state.total,
        "spent": state.spent, "log": state.log,
    }  # fmt: skip
    part = path.with_name(path.name + ".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(held, part)
    part.replace(path)


def _resume(
    path: Path | None, recipe: Recipe, seed: int, model: nn.Module, average: dict[str, Any]
) -> tuple[_State, dict[str, Any] | None]:
    if path is None or not path.exists():
        return _State(), None
    torch = require_torch()
    try:
        held = torch.load(path, weights_only=True)
        if (held["recipe"], held["seed"]) != (recipe.name, seed):
            raise ModelError(
                f"{path} is a checkpoint of {held['recipe']} with seed {held['seed']}, not of {recipe.name} with seed "
                f"{seed}: remove it or name another"
            )
        model.load_state_dict(held["model"])
        for name, value in held["average"].items():
            average[name].copy_(value)
    except ModelError:
        raise
    except Exception as error:  # whatever pickle, zip and PyTorch raise for a damaged or foreign file
        raise ModelError(f"{path} is no checkpoint of this training: {error}; remove it or name another") from error
    return _State(held["stage"], held["step"], held["total"], held["spent"], held["log"]), held["optimiser"]
