"""A binary state from facial dynamics: graph attention on landmarks and a small residual net on crops, fused by a gate.

    nasion train intoxication-gat-3dresnet FOLDER --out state.onnx --i-understand-research-only

Research code: no model of any state ships, and none measures intoxication. What is published is an outline and a data
set of scenes perceived as drunk; what is kept here is its architecture, with people never split between learning and
measuring, intervals by people, and errors by group.

Source: Baroutian, Aghaei and Ebrahimi Moghaddam, "Detection of Intoxicated Individuals from Facial Video Sequences via
a Recurrent Fusion Model", arXiv 2512.04536.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from nasion.clinic.binary_state import NOTICE, require_opt_in
from nasion.core import FloatArray, InputError, IntArray
from nasion.media.paths import prepare_output
from nasion.train.data import LandmarkSet
from nasion.train.recipe import Batch, Course, Progress, Stage, require_torch
from nasion.train.stand_in import stand_in
from nasion.train.state_clips import Clips
from nasion.train.state_scores import StateScores, check_disjoint, split_subjects, state_scores
from nasion.train.traced import traced

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nasion.train.intoxication_net import Fusion

DROP = 0.2  # chance that training shows a clip with one branch alone, for each branch
ALONE = 0.5  # weight of each branch's own answer beside the fused one: else the slower branch never learns
BOTH: tuple[bool, bool] = (True, True)


class Intoxication:
    """The recipe. A row of its set is a clip.

    Args:
        branches: which of landmarks and pixels the network gets at all; for comparison.
        drop: chance of each branch to be left out in training.
        alone: weight of the loss of each branch's own answer.
        heads, width, out: sizes of the network, see `intoxication_net.Fusion`.

    Attributes:
        research_only: set to True by who has read `nasion.clinic.binary_state.NOTICE`; `make` refuses without.
    """

    name = "intoxication-gat-3dresnet"
    stages: tuple[Stage, ...] = (Stage("train", rate=5e-3, batch=24, weight_decay=1e-2),)

    def __init__(
        self, branches: tuple[bool, bool] = BOTH, *, drop: float = DROP, alone: float = ALONE, heads: int = 4,
        width: int = 16, out: int = 64,
    ) -> None:  # fmt: skip
        self.branches, self.drop, self.sizes = branches, drop if branches == BOTH else 0.0, (heads, width, out)
        self.alone = alone
        self.research_only = False
        self.skipped: tuple[str, ...] = ()
        self._clips: Clips | None = None

    def take(self, clips: Clips) -> LandmarkSet:
        """Learn from these clips; the set for ``nasion.train.fit``, without pictures of its own."""
        self._clips = clips
        return stand_in(len(clips))

    def build(self, points: int, size: int) -> nn.Module:
        """The network; both numbers are fixed by the system."""
        from nasion.train.intoxication_net import Fusion

        return Fusion(*self.sizes)

    def draw(self, data: LandmarkSet, index: IntArray, rng: np.random.Generator) -> Batch:
        """One shot of each of some clips, both labels alike often, mirrored half of the time, colours shifted."""
        import torch

        clips = self._taken()
        half = [rng.choice(np.flatnonzero(clips.label == k), len(index) // 2) for k in (0, 1)]
        rows = np.concatenate(half)
        shots = np.array([rng.choice(np.flatnonzero(clips.have[row])) for row in rows])
        nodes, crops = clips.nodes[rows, shots].copy(), clips.crops[rows, shots].astype(np.float32)
        turned = rng.random(len(rows)) < 0.5
        nodes[turned] = mirrored(nodes[turned])
        crops[turned] = crops[turned, :, :, ::-1]
        crops = crops * rng.uniform(0.8, 1.2, (len(rows), 1, 1, 1, 3)) + rng.normal(0, 8, (len(rows), 1, 1, 1, 1))
        have = np.tile(self.branches, (len(rows), 1))
        have[:, 0] &= rng.random(len(rows)) >= self.drop
        have[:, 1] &= ~have[:, 0] | (rng.random(len(rows)) >= self.drop)
        return Batch(
            torch.from_numpy(np.clip(crops, 0, 255).astype(np.uint8)), torch.from_numpy(nodes),
            torch.from_numpy(clips.label[rows].astype(np.float32)), torch.from_numpy(have), torch.from_numpy(rows),
            data.scheme,
        )  # fmt: skip

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """Binary cross-entropy of the fused answer and of each branch's alone; classes are drawn alike often."""
        from torch.nn.functional import binary_cross_entropy_with_logits as entropy

        net = cast("Fusion", model)  # what this recipe builds
        vectors = net.branches(batch.points, batch.images, None if self.branches == BOTH else batch.visible)
        terms = {"fused": entropy(net.fuse(*vectors, batch.visible)[0], batch.known)}
        for name, vector, used in zip(("landmarks", "pixels"), vectors, self.branches, strict=True):
            if used and self.branches == BOTH:
                terms[name] = self.alone * entropy(net.told(vector), batch.known)
        return terms

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """Unused by this system: it takes two inputs; see `told`."""
        raise InputError(f"{self.name} reads landmarks and pixels: call nasion.train.intoxication.told")

    def make(self, data: Path | None, out: Path, course: Course) -> list[str]:
        """Train on the user's own labelled clips, a quarter of the people held out, and write the network.

        Returns:
            What to tell the user, line by line, the notice first.

        Raises:
            InputError: without ``research_only``, without a folder, or with too few people.
        """
        from nasion.train.loop import fit
        from nasion.train.state_folder import read_state_folder

        require_opt_in(self.research_only)
        if data is None:
            raise InputError(f"{self.name} learns from clips of your own: name a folder with labels.csv; nothing ships")
        clips, state, self.skipped = read_state_folder(data)
        learn, held = split_subjects(clips.subject, clips.label, seed=course.seed)
        check_disjoint(clips.subject[learn], clips.subject[held])
        trained = fit(self, self.take(clips.part(learn)), **course.options())
        test = clips.part(held)
        probability, gates = told(trained.model, test)
        scores = state_scores(probability, test.label, test.subject, test.group)
        export(trained.model, out, state)
        return [
            NOTICE,
            f"{self.name}: {len(learn)} clips to learn from, {len(held)} of {scores.auc.count} other people held out",
            *score_lines(scores),
            f"weight of landmarks {gates[:, 0].mean():.2f}, of pixels {gates[:, 1].mean():.2f}",
            f"wrote {out}; try: nasion state CLIP --model {out} --i-understand-research-only",
        ]

    def _taken(self) -> Clips:
        if self._clips is None:
            raise InputError(f"{self.name} learns from clips: call take(...) first")
        return self._clips


def score_lines(scores: StateScores) -> list[str]:
    """Scores in words, groups below."""
    lines = [f"people never learned from: AUC {scores.auc:.2f}, accuracy {scores.accuracy:.2f} (95 % by people)"]
    lines += [
        f"  {name}: {one.clips} clips of {one.people} people, error {one.error:.2f}, "
        f"false alarms {one.false_alarms:.2f}, misses {one.misses:.2f}"
        for name, one in scores.groups.items()
    ]
    return lines if scores.groups else [*lines, "  no groups in labels.csv: errors by group are unknown"]


def mirrored(nodes: FloatArray) -> FloatArray:
    """(..., 68, 6) nodes of the faces in a mirror."""
    from nasion.core import scheme

    return np.asarray(nodes[..., scheme("ibug68").flip, :] * np.array([-1, 1, -1, 1, -1, 1], nodes.dtype))


def told(net: nn.Module, clips: Clips, have: tuple[bool, bool] = BOTH) -> tuple[FloatArray, FloatArray]:
    """(N,) probabilities, each the mean over a clip's shots, and (N, 2) gates; ``have`` leaves a branch out."""
    torch = require_torch()
    count, shots = clips.have.shape
    nodes, crops = (
        clips.nodes.reshape(count * shots, *clips.nodes.shape[2:]),
        clips.crops.reshape(count * shots, *clips.crops.shape[2:]),
    )
    out, gates = [], []
    with torch.inference_mode():
        for rows in np.array_split(np.arange(count * shots), -(-count * shots // 64)):
            given = torch.tensor([have] * len(rows)) if have != BOTH else None
            logits, gate = net(torch.from_numpy(nodes[rows]), torch.from_numpy(crops[rows]), given)
            out.append(torch.sigmoid(logits).numpy())
            gates.append(gate.numpy())
    weight = clips.have / clips.have.sum(1, keepdims=True)
    each = np.concatenate(out).reshape(count, shots)
    return (each * weight).sum(1), (np.concatenate(gates).reshape(count, shots, 2) * weight[..., None]).sum(1)


def export(net: nn.Module, path: Path, state: str) -> Path:
    """Write the ONNX file: ``nodes`` and ``crops`` of shots in, ``probability`` and ``gates`` out.

    Raises:
        MissingExtraError: PyTorch or the library ``onnx`` is not installed.
        MediaError: the file cannot be written.
    """
    torch, target = require_torch(), prepare_output(path)
    from nasion.clinic.binary_state import CROP, FRAMES
    from nasion.clinic.binary_state.graph import CHANNELS
    from nasion.train.intoxication_net import Exported

    fusion: Fusion = net  # what this recipe builds
    example = {
        "nodes": torch.zeros(2, FRAMES, 68, CHANNELS),
        "crops": torch.zeros(2, FRAMES, CROP, CROP, 3, dtype=torch.uint8),
    }
    facts = {"system": Intoxication.name, "state": state, "notice": NOTICE}
    target.write_bytes(traced(Exported(fusion).eval(), example, ["probability", "gates"], facts=facts))
    return target
