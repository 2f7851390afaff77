"""EMC-Gaze meta-trained on simulated sessions: an encoder whose numbers a ridge calibrates from a few looks.

    nasion gaze train emc-gaze --out encoder.onnx

Each step takes whole sessions. A ridge is fitted, in closed form, to some of a session's calibration looks, and the
encoder learns from how wrong that ridge is on the session's other looks. With it go the terms the source names: the
embedding of two landmarkings of one frame should agree, the direction should be the true one, and what follows a moving
target should move with it. Weights 1, 0.1, 0.1, 0.01 were not published and are ours.

Source: Zhang, "Deployment-Oriented Session-wise Meta-Calibration for Landmark-Based Webcam Gaze Tracking",
arXiv 2603.12388; ridge heads: Bertinetto et al., "Meta-learning with differentiable closed-form solvers", ICLR 2019.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import InputError
from nasion.train.emc_sessions import SUPPORT, Sessions
from nasion.train.gaze_export import export_graph
from nasion.train.recipe import require_torch

if TYPE_CHECKING:
    from torch import Tensor

SESSIONS, HELD, EACH_STEP, RATE = 1400, 120, 12, 3e-3
SHOTS = (5, 9, 9, 16)  # calibration looks of an episode, drawn anew each step
AGREE, TRUE, FOLLOW = 0.1, 0.1, 0.01
MOST = 25.0  # degrees: what is farther off pulls no harder


def ridge_head(features: Tensor, wanted: Tensor, strength: Tensor) -> Tensor:
    """(S, N, F) features and (S, N, 2) values to (S, F + 1, 2) weights, the last row an unpenalised constant.

    The closed form is differentiable in all three, and tends to the mean of ``wanted`` as ``strength`` grows.
    """
    torch = require_torch()
    z = with_constant(features)
    penalty = torch.ones(z.shape[2], dtype=z.dtype)
    penalty[-1] = 1e-6
    gram = z.transpose(1, 2) @ z + torch.diag(penalty) * strength.clamp_min(1e-6)
    if not torch.isinf(strength):
        gram[:, -1, -1] = z.shape[1] + 1e-6
    return torch.linalg.solve(gram, z.transpose(1, 2) @ wanted)


def with_constant(features: Tensor) -> Tensor:
    """(S, N, F) to (S, N, F + 1)."""
    torch = require_torch()
    return torch.cat([features, torch.ones_like(features[..., :1])], dim=-1)


def look_at_plane(eyes: Tensor, way: Tensor) -> Tensor:
    """Where looks meet the camera's plane, over their distance from it: (..., 2), without unit.

    Looks almost along the plane are bent towards it, so that gradients stay finite.
    """
    return eyes[..., :2] / eyes[..., 2:] + way[..., :2] / (-way[..., 2:]).clamp_min(0.15)


def features_of(code: Tensor, base: Tensor) -> Tensor:
    """What the ridge works on: the embedding and where the look would meet the plane without calibration."""
    torch = require_torch()
    return torch.cat([code, base], dim=-1)


@dataclass(frozen=True, slots=True, eq=False)
class TrainedEncoder:
    """A trained encoder.

    Attributes:
        model: the network, in evaluation mode.
        steps: taken.
        uncalibrated, calibrated: degrees on held-out sessions, before and after nine looks, plain ridge.
        caution: mean square of what changes within a session over that of what stays: how many looks' worth of doubt
            to hold against a constant correction.
    """

    model: Any
    steps: int
    uncalibrated: float
    calibrated: float
    caution: float

    def export(self, path: Path) -> Path:
        """Write the ONNX file that `nasion.gaze.Encoder` takes."""
        torch = require_torch()
        facts = {
            "system": "emc-gaze", "held_out_degrees": f"{self.calibrated:.3f}", "caution": f"{self.caution:.4f}",
            "strength": f"{float(self.model.log_strength.detach().exp()):.6g}",
        }  # fmt: skip
        example = torch.randn(3, self.model.near.shape[0], 3, generator=torch.Generator().manual_seed(0)) * 40
        return export_graph(self.model, {"points": example}, ("embedding", "direction"), path, facts)


def train_encoder(
    data: Sessions,
    minutes: float = 5.0,
    *,
    steps: int | None = None,
    seed: int = 0,
    held: int = HELD,
    report: Callable[[float, dict[str, float]], None] | None = None,
) -> TrainedEncoder:
    """Meta-train on simulated sessions.

    Args:
        data: what `emc_sessions.draw_sessions` drew; the last ``held`` are only measured on.
        minutes: how long; ``steps`` overrules it.
        steps: optimiser steps.
        seed: of weights and episodes.
        held: sessions held out.
        report: called every 20 steps with the share done and the terms of the loss.

    Raises:
        InputError: too few sessions.
        MissingExtraError: PyTorch is not installed.
    """
    torch = require_torch()
    from nasion.train.emc_gaze_net import Encoder

    if len(data.moving) <= held + EACH_STEP:
        raise InputError(f"{len(data.moving)} sessions are too few when {held} are held out: draw more")
    learn, test = data.part(slice(0, -held)), data.part(slice(-held, None))
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Encoder()
    net.fit_scale(torch.from_numpy(learn.points[:, ::4].reshape(-1, *learn.points.shape[3:])))
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-4)
    began, done, step = time.process_time(), 0.0, 0
    while done < 1:
        terms = _episode(net, learn, rng)
        loss = sum(terms.values())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        step += 1
        done = step / steps if steps else (time.process_time() - began) / (60 * minutes)
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, step / 30) * (0.5 + 0.5 * np.cos(np.pi * min(done, 1.0))) + 1e-6
        if report and step % 20 == 0:
            report(min(done, 1.0), {name: float(term.detach()) for name, term in terms.items()})
    net.eval()
    return _measured(net, test, step)


def _episode(net: Any, data: Sessions, rng: np.random.Generator) -> dict[str, Tensor]:
    torch = require_torch()
    chosen = rng.choice(len(data.moving), EACH_STEP, replace=False)
    frames, shots = data.target.shape[1], int(rng.choice(SHOTS))
    shown = np.sort(rng.choice(SUPPORT, shots, replace=False)) if rng.random() < 0.5 else np.arange(shots)
    rows = np.concatenate([shown, np.arange(SUPPORT, frames)])
    points = torch.from_numpy(data.points[chosen][:, rows])
    count, length, views = points.shape[:3]
    code, way = net(points.flatten(0, 2))
    code, way = code.reshape(count, length, views, -1), way.reshape(count, length, views, 3)
    eyes = torch.from_numpy(data.eyes[chosen][:, rows])
    target = torch.from_numpy(data.target[chosen][:, rows])
    truth = torch.from_numpy(data.gaze[chosen][:, rows])
    base = look_at_plane(eyes, way)
    wanted = target[:, :, None] / eyes[..., 2:] - base
    view = int(rng.integers(views))
    z = features_of(code, base)
    weights = ridge_head(z[:, :shots, view], wanted[:, :shots, view], net.log_strength.exp())
    left = wanted[:, shots:] - (with_constant(z[:, shots:]).flatten(1, 2) @ weights).unflatten(1, (-1, views))
    off = torch.rad2deg((left.pow(2).sum(-1) + 1e-8).sqrt())
    terms = {"query": (MOST * torch.tanh(off / MOST)).mean()}
    spread = code.detach().flatten(0, 2).std(0) + 1e-3
    terms["agree"] = AGREE * ((code[:, :, 0] - code[:, :, 1]) / spread).pow(2).mean()
    cosine = (way * truth[:, :, None]).sum(-1).clamp(-1 + 1e-6, 1 - 1e-6)
    terms["true"] = TRUE * torch.rad2deg(torch.acos(cosine)).mean()
    follows = torch.from_numpy(data.pursuit[chosen])
    if bool(follows.any()):
        step = left[follows][:, 1:] - left[follows][:, :-1]
        terms["follow"] = FOLLOW * torch.rad2deg((step.pow(2).sum(-1) + 1e-8).sqrt()).mean()
    return terms


def _measured(net: Any, test: Sessions, steps: int) -> TrainedEncoder:
    torch = require_torch()
    with torch.inference_mode():
        points = torch.from_numpy(test.points[:, :, 0])
        code, way = net(points.flatten(0, 1))
        eyes = torch.from_numpy(test.eyes[:, :, 0])
        base = look_at_plane(eyes, way.reshape(*points.shape[:2], 3))
        wanted = torch.from_numpy(test.target) / eyes[..., 2:] - base
        z = features_of(code.reshape(*points.shape[:2], -1), base)
        weights = ridge_head(z[:, :9], wanted[:, :9], net.log_strength.exp())
        left = wanted[:, SUPPORT:] - with_constant(z[:, SUPPORT:]) @ weights
        before, after = (torch.rad2deg(v.norm(dim=-1)).mean() for v in (wanted[:, SUPPORT:], left))
        stays = wanted.mean(1).pow(2).sum(-1).mean()
        changes = (wanted - wanted.mean(1, keepdim=True)).pow(2).sum(-1).mean()
    return TrainedEncoder(net, steps, float(before), float(after), float(changes / stays))
