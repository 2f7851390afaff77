"""DSTA: temporal refinement of landmark tracks, learned on rendered clips.

Each point of each frame is a token; attention over time for each point alone, attention over its neighbours in the
frame, both joined, then a place and a sigma by residual log-likelihood (``dsta_net``). The place is a weighted sum of
the point's own places in the window and a small shift, so that a network that has learned nothing changes nothing.

What it learns to take away is what changes from frame to frame. The landmarker also stands off the rendered truth for
good, because people set points otherwise than the head's mesh does and because it shows too little of a blink; that
part is added to the truth (``steady``).

Source: He and Yang, "Video-Based Human Pose Regression via Decoupled Space-Time Aggregation", CVPR 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nasion.core import FloatArray, InputError, IntArray, ModelError, Scheme, scheme
from nasion.media.paths import prepare_output
from nasion.models import Session
from nasion.track.refiner import AHEAD, INPUTS, LAYOUT, OUTPUTS, PAST
from nasion.train.dsta_goal import steady
from nasion.train.export import CLOSE
from nasion.train.recipe import Progress, Stage, require_torch
from nasion.train.traced import traced

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nasion.train.dsta_clips import Clip

Loss = Literal["rle", "l1"]

GROUPS = 8  # neighbourhoods a step, half of them of lively parts
GAP = 8.0  # weight of the openings of eyes and mouth, whose quick changes the likelihood takes for errors
CLIPS, SEED = 160, 1  # rendered to learn from
BLINKS, BORROWED, SHAKEN, LIVE, SPARSE = 0.6, 0.4, 0.3, 0.4, 0.15  # shares of the windows treated so, see `windows`


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """B windows of T frames of N points, px.

    Attributes:
        points: (B, T, N, 2); sigma, visibility: (B, T, N); time: (B, T) s from the middle frame.
        seen: (B, T), 1 where there is a frame.
        target: (B, N, 2), where the middle frame's points should be.
    """

    points: FloatArray
    sigma: FloatArray
    visibility: FloatArray
    time: FloatArray
    seen: FloatArray
    target: FloatArray


def windows(clips: Sequence[Clip], goals: Sequence[FloatArray], index: IntArray, rng: np.random.Generator) -> Windows:
    """Draw a window of each clip named, for a training step.

    Many show a blink, the quickest thing a face does, which a filter would round off. Some get the errors of another
    clip while it does not blink; some are shaken as a whole; some end at their middle frame, as in live use; some come
    at half the frame rate; each is turned, scaled and by chance mirrored.

    Args:
        clips: where they come from.
        goals: ``steady`` of each.
        index: (B,) rows of ``clips``.
        rng: decides everything.
    """
    order = np.concatenate([scheme(LAYOUT[0]).flip, len(scheme(LAYOUT[0])) + np.asarray(scheme(LAYOUT[1]).flip)])
    rows: list[tuple[FloatArray, ...]] = []
    for number in index:
        clip, goal = clips[number], goals[number]
        found = np.isfinite(clip.raw[:, 0, 0])
        quick = found & clip.blinks
        at = int(rng.choice(np.flatnonzero(quick if rng.random() < BLINKS and quick.any() else found)))
        frames = at + (2 if rng.random() < SPARSE else 1) * np.arange(-PAST, AHEAD + 1)
        points, sigma, visibility, when, seen = window_at(clip, frames, at)
        if rng.random() < BORROWED:
            other = int(rng.integers(len(clips)))
            points, sigma, visibility = _borrowed(clip, goal, frames, clips[other], goals[other], rng)
        if rng.random() < SHAKEN:
            points = _shaken(points, clip.size[at], rng)
        points = np.where(seen[:, None, None] > 0, points, points[PAST])
        if rng.random() < LIVE:
            seen = seen * (np.arange(len(seen)) <= PAST)
        angle, scale = rng.uniform(-0.5, 0.5), np.exp(rng.uniform(-0.7, 0.7))
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points, target, sigma = points @ turn.T, goal[at] @ turn.T, sigma * scale
        if rng.random() < 0.5:
            points, target = points[:, order] * (-1, 1), target[order] * (-1, 1)
            sigma, visibility = sigma[:, order], visibility[:, order]
        rows.append((points, sigma, visibility, when, seen, target))
    return Windows(*(np.asarray(np.stack(column), np.float32) for column in zip(*rows, strict=True)))


def window_at(clip: Clip, frames: IntArray, at: int) -> list[FloatArray]:
    """Points, sigma, visibility, time and ``seen`` of some frames, filled from frame ``at`` where there are none."""
    there = (frames >= 0) & (frames < len(clip))
    index = np.where(there, frames, at)
    there &= np.isfinite(clip.raw[index, 0, 0])
    index = np.where(there, index, at)
    return [
        clip.raw[index], clip.sigma[index], clip.visibility[index], (frames - at) / np.float32(30),
        there.astype(np.float32),
    ]  # fmt: skip


def _borrowed(
    clip: Clip, goal: FloatArray, frames: IntArray, lender: Clip, lent: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The motion of one clip with the errors of another, scaled to its face."""
    steps = frames - frames[PAST]
    starts = np.arange(-steps[0], len(lender) - steps[-1])
    calm = [at for at in starts if not lender.blinks[at + steps].any()]
    at = int(rng.choice(calm or starts))
    index = at + steps
    ratio = clip.size[np.clip(frames[PAST], 0, len(clip) - 1)] / lender.size[at]
    off = np.nan_to_num(lender.raw[index] - lent[index]) * ratio
    there = np.clip(frames, 0, len(clip) - 1)
    return goal[there] + off, lender.sigma[index] * ratio, lender.visibility[index]


def _shaken(points: FloatArray, size: float, rng: np.random.Generator) -> FloatArray:
    """The points of each frame moved together and a little each, by up to 1 % and 0.7 % of the eyes' distance."""
    frames, count = points.shape[:2]
    whole, each = rng.uniform(0, 0.01) * size, rng.uniform(0, 0.007) * size
    return np.asarray(points + rng.normal(0, whole, (frames, 1, 2)) + rng.normal(0, each, (frames, count, 2)))


@dataclass(frozen=True, slots=True, eq=False)
class ClipSet:
    """Clips to learn from; as far as the training loop looks, a ``LandmarkSet``."""

    clips: tuple[Clip, ...]
    names: tuple[str, ...]
    size: int
    skipped: tuple[str, ...] = ()
    scheme: Scheme = field(default_factory=lambda: scheme(LAYOUT[0]))

    def __len__(self) -> int:
        return len(self.clips)

    def take(self, index: Sequence[int] | IntArray) -> ClipSet:
        """Some of the clips, in the given order."""
        return replace(self, clips=tuple(self.clips[i] for i in index), names=tuple(self.names[i] for i in index))


class DSTA:
    """The recipe.

    Args:
        loss: residual log-likelihood, or the plain distance in x and y, whose sigma then means nothing.
        spatial, temporal: whether the branch exists.
        clips: how many are rendered, each of another person.
    """

    name = "dsta"
    stages = (Stage("train", rate=2e-3, batch=8),)
    renders = True
    usage = "video CLIP --refine"

    def __init__(self, loss: Loss = "rle", spatial: bool = True, temporal: bool = True, clips: int = CLIPS) -> None:
        self.loss_name, self.spatial, self.temporal, self.clips = loss, spatial, temporal, clips
        self._goals: dict[int, FloatArray] = {}  # by the clip's identity

    def load(self, path: Path | None, size: int) -> ClipSet:
        """Render clips, or read those of ``save_clips`` from a file. ``size`` is the landmarker's own affair."""
        from nasion.train.dsta_clips import load_clips, make_clips

        clips = tuple(make_clips(self.clips, SEED) if path is None else load_clips(path))
        return ClipSet(clips, tuple(f"clip{i}" for i in range(len(clips))), size)

    def build(self, points: int, size: int) -> nn.Module:
        """The network and, for the loss alone, the flow."""
        from torch import nn

        from nasion.train.dsta_net import Dsta, Flow

        return nn.ModuleDict({"net": Dsta(self.spatial, self.temporal), "flow": Flow()})

    def draw(self, data: ClipSet, index: IntArray, rng: np.random.Generator) -> Windows:
        """A window of each clip named."""
        for clip in data.clips:
            self._goals.setdefault(id(clip), steady(clip))
        return windows(data.clips, [self._goals[id(clip)] for clip in data.clips], index, rng)

    def loss(self, model: nn.Module, batch: Windows, step: Progress) -> dict[str, Tensor]:
        """The loss of some of the neighbourhoods, which do not see each other, in per cent of the face's size.

        Beside the points' own term that of the gaps between lids and between lips: in a blink errors are large, so the
        likelihood widens sigma there and lets go, and the blink is rounded off.
        """
        import torch

        from nasion.train.dsta_net import in_face_sizes, rle

        net, flow = model["net"], model["flow"]
        given = [torch.from_numpy(getattr(batch, name)) for name in INPUTS]
        places, told, middle, size = in_face_sizes(*given[:4])
        some = net.lively[torch.randperm(len(net.lively))[: GROUPS // 2]]
        rest = torch.randperm(len(net.table))
        only = torch.cat([some, rest[~torch.isin(rest, some)][: GROUPS - len(some)]])
        at, spread, _ = net(places, told, given[4], only)
        truth = ((torch.from_numpy(batch.target) - middle) / size)[:, net.chosen(only)]
        there = net.there[only].flatten()
        if self.loss_name == "rle":
            each = rle(flow, 100 * at, 100 * spread, 100 * truth)
        else:
            each = 100 * (at - truth).abs().sum(-1)
        one, other = net.facing_in(only)
        gaps = (at[:, one] - at[:, other]) - (truth[:, one] - truth[:, other])
        return {
            self.loss_name: (each * there).sum() / (len(each) * there.sum()),
            "gaps": GAP * 100 * gaps.abs().sum(-1).mean(),
        }

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """Not for pictures.

        Raises:
            InputError: always.
        """
        raise InputError("dsta refines tracks of points and sees no pictures: nasion video CLIP --refine MODEL")

    def finish(self, model: nn.Module, held: ClipSet) -> str:
        """Error and jitter on clips held out, beside those of the points as placed."""
        from nasion.metrics import jitter

        refined = [refine_clip(model, clip, AHEAD) for clip in held.clips]
        error, shake = np.zeros(2), np.zeros(2)
        for clip, better in zip(held.clips, refined, strict=True):
            goal = steady(clip)
            for k, points in enumerate((clip.raw, better)):
                error[k] += np.nanmean(np.linalg.norm(points - goal, axis=2) / clip.size[:, None]) / len(refined)
                shake[k] += np.nanmean(jitter(points, clip.size)) / len(refined)
        return (
            f"held-out clips: unsteady error {100 * error[1]:.2f} % of the eyes' distance (as placed "
            f"{100 * error[0]:.2f}), jitter {100 * shake[1]:.2f} % ({100 * shake[0]:.2f})"
        )

    def export(self, model: nn.Module, path: Path) -> Path:
        """Write the ONNX file that ``nasion.track.Refiner`` reads; the flow stays behind.

        Raises:
            MissingExtraError: PyTorch or the library ``onnx`` is not installed.
            MediaError: the file cannot be written.
            ModelError: the file does not give what PyTorch gives.
        """
        torch = require_torch()
        from nasion.train.dsta_net import Contract

        target, contract = prepare_output(path), Contract(model["net"]).eval()
        facts = {"system": self.name, "layout": "+".join(LAYOUT)}
        target.write_bytes(traced(contract, dict(zip(INPUTS, _example(2), strict=True)), OUTPUTS, facts=facts))
        with torch.no_grad():
            other = _example(3)
            expected = contract(*other)[0].numpy()
        found = Session(target, threads=1).run(dict(zip(INPUTS, (t.numpy() for t in other), strict=True)))["refined"]
        difference = float(np.abs(found - expected).max())
        if not difference <= CLOSE:
            raise ModelError(f"{target}: ONNX Runtime places points {difference:.3g} px from where PyTorch does")
        return target


def refine_clip(model: nn.Module, clip: Clip, ahead: int) -> FloatArray:
    """(F, N, 2) px: a clip refined by a trained network, ``ahead`` 0 or ``AHEAD`` frames; NaN where no face is."""
    import torch

    from nasion.train.dsta_net import Contract

    contract, out = Contract(model["net"]).eval(), np.full_like(clip.raw, np.nan)
    offsets = np.arange(-PAST, AHEAD + 1)
    for at in np.flatnonzero(np.isfinite(clip.raw[:, 0, 0])):
        one = window_at(clip, at + offsets, int(at))
        one[-1][offsets > ahead] = 0
        given = [torch.from_numpy(np.asarray(part, np.float32)[None]) for part in one]
        with torch.inference_mode():
            out[at] = contract(*given)[0][0].numpy()
    return out


def _example(count: int) -> list[Any]:
    torch = require_torch()
    rng, frames, points = np.random.default_rng(count), PAST + 1 + AHEAD, sum(len(scheme(name)) for name in LAYOUT)
    face = rng.uniform(40, 160, (count, 1, points, 2)) + rng.normal(0, 1, (count, frames, points, 2))
    parts = (
        face, rng.uniform(0.5, 2, (count, frames, points)), rng.uniform(0, 1, (count, frames, points)),
        np.tile(np.arange(-PAST, AHEAD + 1) / 30, (count, 1)), np.ones((count, frames)),
    )  # fmt: skip
    return [torch.from_numpy(np.asarray(part, np.float32)) for part in parts]
