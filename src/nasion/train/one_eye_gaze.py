"""One Eye gaze trained on a rendered phone set.

    nasion gaze train one-eye-gaze --out one_eye.onnx

Source: Athavale, Motati and Kalahasty, "One Eye is All You Need", arXiv 2211.11936: squared error in cm, Adam, crops of
128 px out of 138, each picture giving one of its eyes. Its GazeCapture frames need an agreement; rendered eyes need
none. Ours: the rate rises and falls within the time given, and light is varied.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasion.core import FloatArray, ImageArray, InputError, IntArray
from nasion.gaze.one_eye import SIDE, STORED, EyeCode, OneEyeGaze, mirrored
from nasion.gaze.ridge import fit_ridge
from nasion.train.gaze_export import export_graph
from nasion.train.one_eye_scenes import PhoneSet
from nasion.train.recipe import require_torch

if TYPE_CHECKING:
    from nasion.train.one_eye_gaze_net import EyeGaze

BATCH, RATE, EPSILON = 32, 6e-3, 1e-7
SHARES = {"plain": 0.14, "inception": 0.24, "inception-resnet": 0.26, "resnet": 0.36}  # of the time: large maps cost
PEOPLE, DOTS = 150, 14
JOINT = 40  # batches that the networks are put together on


@dataclass(frozen=True, slots=True, eq=False)
class TrainedEyes:
    """Trained networks.

    Attributes:
        members: encoder's name to the network, in evaluation mode.
        eyes: how many eyes each looks at.
        steps: of each.
        weights, constant: (4 M, 2) and (2,), from all codes to cm: least squares on pictures that were learned from.
    """

    members: dict[str, EyeGaze]
    eyes: int
    steps: dict[str, int]
    weights: FloatArray
    constant: FloatArray

    def export(self, path: Path) -> Path:
        """Write the ensemble as the ONNX file that `nasion.gaze.OneEyeGaze` takes."""
        torch = require_torch()
        from nasion.train.one_eye_gaze_net import Ensemble

        joint = torch.nn.Linear(len(self.weights), 2)
        with torch.no_grad():
            joint.weight.copy_(torch.from_numpy(self.weights.T))
            joint.bias.copy_(torch.from_numpy(self.constant))
        net = Ensemble(list(self.members.values()), joint).eval()
        crops = torch.randint(0, 256, (3, self.eyes, SIDE, SIDE, 3), dtype=torch.uint8)
        example = {"crops": crops, "corners": torch.rand(3, 4 * self.eyes)}
        facts = {"system": "one-eye-gaze", "eyes": str(self.eyes), "members": str(len(self.members))}
        return export_graph(net, example, ("point", "points", "codes"), path, facts)


def middle(crops: ImageArray) -> ImageArray:
    """(..., STORED, STORED, 3) to what is seen in use, (..., SIDE, SIDE, 3)."""
    edge = (STORED - SIDE) // 2
    return crops[..., edge : edge + SIDE, edge : edge + SIDE, :]


def train_one_eye(
    data: PhoneSet,
    eyes: int = 1,
    minutes: float = 14.0,
    *,
    steps: int | None = None,
    names: tuple[str, ...] = tuple(SHARES),
    seed: int = 0,
    report: Callable[[float, float], None] | None = None,
) -> TrainedEyes:
    """Learn points of regard.

    Args:
        data: pictures to learn from.
        eyes: 1 or 2.
        minutes: CPU minutes for all networks together, shared out by how long each takes; ``steps`` overrules it.
        steps: optimiser steps of each network.
        names: encoders.
        seed: of weights and batches.
        report: called with the share done, 0..1, and the loss in square cm.

    Raises:
        InputError: neither one nor two eyes, an unknown encoder, or nothing to learn from.
        MissingExtraError: PyTorch is not installed.
    """
    require_torch()
    if eyes not in (1, 2) or not set(names) <= set(SHARES) or not len(data):
        raise InputError(f"networks look at 1 or 2 eyes, with encoders of {', '.join(SHARES)}, and need pictures")
    total, done, members, taken = sum(SHARES[name] for name in names), 0.0, {}, {}
    for name in names:
        share = SHARES[name] / total

        def tell(part: float, loss: float, start: float = done, share: float = share) -> None:
            if report:
                report(min(start + share * part, 1.0), loss)

        members[name], taken[name] = _train(data, name, eyes, minutes * share, steps, seed, tell)
        done += share
    return TrainedEyes(members, eyes, taken, *_joint(data, list(members.values()), eyes, seed))


def _joint(data: PhoneSet, members: list[EyeGaze], eyes: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """The linear map of all networks' codes that misses the targets least, on pictures drawn as in training.

    A network that has learned little counts little, and dropout no longer draws the points to the middle.
    """
    torch = require_torch()
    rng, codes, targets = np.random.default_rng((seed, 52)), [], []
    with torch.inference_mode():
        for _ in range(JOINT):
            crops, corners, target = draw(data, rng, eyes, BATCH)
            seen = torch.from_numpy(crops), torch.from_numpy(corners.reshape(BATCH, -1))
            codes.append(torch.cat([member(*seen)[1] for member in members], 1).numpy())
            targets.append(target)
    return fit_ridge(np.concatenate(codes).astype(np.float64), np.concatenate(targets).astype(np.float64), 1.0)


def _train(
    data: PhoneSet,
    name: str,
    eyes: int,
    minutes: float,
    steps: int | None,
    seed: int,
    report: Callable[[float, float], None],
) -> tuple[EyeGaze, int]:
    torch = require_torch()
    from nasion.train.one_eye_gaze_net import SPAN, EyeGaze

    torch.manual_seed(seed)
    rng = np.random.default_rng((seed, 51))
    net = EyeGaze(name, eyes).to(memory_format=torch.channels_last)
    with torch.no_grad():  # begin at the mean target; mirrored, targets are as far to the right as to the left
        net.out.bias.copy_(torch.tensor([0.0, float(data.target[:, 1].mean()) / SPAN]))
    optimiser = torch.optim.Adam(net.parameters(), RATE, eps=EPSILON)
    net.train()
    began, step, done = time.process_time(), 0, 0.0
    while done < 1:
        crops, corners, target = draw(data, rng, eyes, BATCH)
        found, _ = net(torch.from_numpy(crops), torch.from_numpy(corners.reshape(BATCH, -1)))
        loss = ((found - torch.from_numpy(target)) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        done = step / steps if steps else (time.process_time() - began) / (60 * minutes)
        for group in optimiser.param_groups:
            rise = min(1.0, done / 0.1 + 0.02)
            group["lr"] = RATE * rise * (0.5 + 0.5 * np.cos(np.pi * min(done, 1.0))) + 1e-6
        if step % 10 == 0:
            report(min(done, 1.0), float(loss.detach()))
    return net.eval(), step


def draw(data: PhoneSet, rng: np.random.Generator, eyes: int, count: int) -> tuple[ImageArray, FloatArray, FloatArray]:
    """(B, E, SIDE, SIDE, 3) crops at random places and in random light, (B, E, 4) corners, (B, 2) cm.

    Of one eye every picture gives either; right ones come in a mirror, as in use. Of two every second pair does.
    """
    rows = rng.integers(len(data), size=count)
    right = rng.random(count) < 0.5
    crops = np.empty((count, eyes, SIDE, SIDE, 3), np.uint8)
    corners, target = np.empty((count, eyes, 4), np.float32), data.target[rows].copy()
    for i, row in enumerate(rows):
        chosen: IntArray = np.array([int(right[i])]) if eyes == 1 else np.array([1, 0] if right[i] else [0, 1])
        for k, side in enumerate(chosen):
            y, x = rng.integers(0, STORED - SIDE + 1, 2)
            crops[i, k] = data.crops[row, side, y : y + SIDE, x : x + SIDE]
        table = np.clip(np.arange(256) * np.exp(rng.normal(0, 0.2)) + rng.normal(0, 12), 0, 255).astype(np.uint8)
        crops[i] = table[crops[i]]
        corners[i] = data.corners[row, chosen]
        if right[i]:
            crops[i], corners[i] = crops[i][:, :, ::-1].copy(), mirrored(corners[i])
            target[i, 0] *= -1
    return crops, corners, target.astype(np.float32)


def read(reader: OneEyeGaze, data: PhoneSet, side: int = 0) -> EyeCode:
    """What a model says about a set; ``side`` is the eye that networks of one eye look at, 0 left, 1 right."""
    parts = []
    for start in range(0, len(data), 32):
        rows = slice(start, start + 32)
        crops, corners = middle(data.crops[rows]), data.corners[rows]
        if reader.eyes == 1:
            crops, corners = crops[:, side : side + 1], corners[:, side : side + 1]
            parts.append(reader.encode(crops, corners, np.full(len(crops), side)))
        else:
            parts.append(reader.encode(crops, corners))
    return EyeCode(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("point", "code")))
