"""ViTGaze in small: a network that says where in a scene each person looks, trained on rendered scenes in minutes.

The published network stands on DINOv2, which learned from 142 million pictures; its weights go into the same classes
(``nasion.train.vitgaze_weights``). What is trained here is the same design with four blocks, on scenes of 64 px: it
checks the mechanism and follows gaze on such scenes, not on photos.

Source: Song et al., "ViTGaze: Gaze Following with Interaction Features in Vision Transformers", Visual Intelligence
2:31 (2024), arXiv 2403.12778.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from nasion.core import FloatArray, InputError, IntArray
from nasion.metrics.following import FollowingScore, gaussian_map, score_following
from nasion.train.data import LandmarkSet
from nasion.train.gaze_scenes import SIDE, GazeScene, Heads, draw_scene, render_heads
from nasion.train.loop import fit
from nasion.train.recipe import Batch, Course, Progress, Report, Stage
from nasion.train.stand_in import stand_in

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nasion.train.vitgaze_net import Schooled, ViTGaze

PEOPLE, HELD_PEOPLE, HELD = 128, 16, 300  # rendered to learn from; others to be scored on, in so many scenes
POOL = 12_000  # scenes drawn before training
BATCH, RATE, DECAY = 16, 1.5e-3, 0.05  # scenes a step, each both ways round
GAIN, JITTER = 0.15, 0.1  # colours of a scene; edges of half of the heads' boxes, shares of their size
HEAT, FOCAL, MASK = 10_000.0, 100.0, 100.0  # weights of the three losses, the paper's
SAME = 10_000.0  # of the squared difference between a scene's map and that of the scene the other way round
WAY, THINGS = 30.0, 30.0  # of the two that stand for the pretraining that the published backbone had
SIGMA, SUREST = 3.0, 0.05  # px of the target's bell on 64 px; what a head's patch score is cut off at


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """A trained network.

    Attributes:
        net: in evaluation mode.
        steps: done.
        minutes: that they took.
        loss: mean of each term over the last fifth of the steps.
    """

    net: ViTGaze
    steps: int
    minutes: float
    loss: dict[str, float]

    def predict(self, scenes: Sequence[GazeScene]) -> tuple[FloatArray, FloatArray]:
        """(N, 64, 64) heatmaps and (N,) probabilities of looking inside, for each scene's first head."""
        import torch

        maps, inside = [], []
        self.net.eval()
        with torch.inference_mode():
            for at in range(0, len(scenes), 64):
                images, planes, *_ = _tensors(scenes[at : at + 64])
                found, logit, _ = self.net(images, planes[:, :1])
                maps.append(found.numpy())
                inside.append(logit.sigmoid().numpy())
        return np.concatenate(maps), np.concatenate(inside)

    def export(self, path: Path) -> Path:
        """Write the ONNX file that ``nasion gaze follow --model`` takes; its metadata say how it was trained."""
        import torch

        from nasion.train.traced import traced
        from nasion.train.vitgaze_net import Contract

        example = {
            "scene": torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8),
            "heads": torch.tensor([[4.0, 4, 20, 24], [30, 30, 44, 50]]),
        }
        free = {"scene": {}, "heads": {0: "p"}, "maps": {0: "p"}, "inside": {0: "p"}}
        facts = {
            "system": GazeFollowing.name, "side": str(SIDE), "steps": str(self.steps),
            "minutes": f"{self.minutes:.1f}",
        }  # fmt: skip
        path.write_bytes(traced(Contract(self.net, SIDE), example, ["maps", "inside"], facts=facts, axes=free))
        return path


def train_vitgaze(
    scenes: Sequence[GazeScene],
    *,
    minutes: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    report: Report | None = None,
    clock: Callable[[], float] = time.monotonic,
    checkpoint: Path | None = None,
) -> Followed:
    """Train the small network, by the loop of ``nasion.train.fit``: what comes out are its averaged weights.

    Args:
        scenes: to learn from; each is shown both ways round.
        minutes: how long; or
        steps: how many steps. Exactly one of the two.
        seed: of weights and batches.
        threads: PyTorch's; None leaves them as they are.
        report: called after each step with the fraction done and the terms of the loss.
        clock: what ``minutes`` are counted with, seconds.
        checkpoint: file to go on from if it exists.

    Raises:
        InputError: no scenes, not exactly one of ``minutes`` and ``steps``, or the checkpoint's training is over.
        MissingExtraError: PyTorch is not installed.
    """
    if not scenes:
        raise InputError("there are no scenes to learn from")
    recipe, log, began = GazeFollowing(), list[dict[str, float]](), clock()

    def note(fraction: float, terms: dict[str, float]) -> None:
        log.append(terms)
        if report is not None:
            report(fraction, terms)

    trained = fit(
        recipe, recipe.take(scenes), minutes=minutes, steps=steps, seed=seed, threads=threads, report=note,
        checkpoint=checkpoint, clock=clock,
    )  # fmt: skip
    if not log:
        raise InputError(f"{checkpoint} is of a training that is over: remove it, or ask for more minutes or steps")
    late = log[-max(len(log) // 5, 1) :]
    loss = {name: float(np.mean([row[name] for row in late])) for name in late[0]}
    return Followed(trained.model.net, trained.steps, (clock() - began) / 60, loss)


def _tensors(scenes: Sequence[GazeScene]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Normalised scenes; planes (N, 4, S, S): the head asked about, all heads, all things, the bell; inside; ways."""
    import torch

    from nasion.train.vitgaze_net import head_masks, normalised

    images = normalised(torch.from_numpy(np.stack([scene.image for scene in scenes])))
    rows = []
    for scene in scenes:
        heads = head_masks(torch.from_numpy(scene.heads.astype(np.float32)), SIDE)
        things = torch.zeros(1, SIDE, SIDE)
        for x0, y0, x1, y1 in np.rint(scene.things).astype(int).clip(0):
            things[0, y0 : y1 + 1, x0 : x1 + 1] = 1
        bell = torch.from_numpy(gaussian_map(scene.target, SIDE, SIGMA))[None]
        rows.append(torch.cat([heads[0], heads.amax(0), things, bell]))
    inside = np.array([scene.inside for scene in scenes], np.float32)
    ways = np.stack([scene.gaze[:2] for scene in scenes]).astype(np.float32)
    return images, torch.stack(rows), torch.from_numpy(inside), torch.from_numpy(ways)


def varied(scene: GazeScene, rng: np.random.Generator) -> GazeScene:
    """The scene in other colours, and, half of the time, with the box of its first head less exact."""
    image = scene.image * rng.uniform(1 - GAIN, 1 + GAIN, 3)
    heads = scene.heads.copy()
    if rng.random() < 0.5:
        size = heads[0, 2:] - heads[0, :2]
        heads[0] += rng.uniform(-JITTER, JITTER, 4) * np.tile(size, 2)
    return replace(scene, image=np.clip(image, 0, 255).astype(np.uint8), heads=heads)


def make_scenes(heads: Heads, count: int, seed: int) -> list[GazeScene]:
    """Random scenes of some heads."""
    rng = np.random.default_rng(seed)
    return [draw_scene(rng, heads) for _ in range(count)]


def evaluate(maps: FloatArray, inside: FloatArray, scenes: Sequence[GazeScene]) -> FollowingScore:
    """Score (N, 64, 64) maps and (N,) probabilities against the scenes' truth."""
    targets = [((scene.target + 0.5) / SIDE)[None] for scene in scenes]
    return score_following(maps, inside, targets)


class GazeFollowing:
    """The training system ``vitgaze``. A row of its set is a scene."""

    name = "vitgaze"
    stages: tuple[Stage, ...] = (Stage("train", rate=RATE, batch=BATCH, weight_decay=DECAY),)

    def __init__(self) -> None:
        self._scenes: Sequence[GazeScene] = ()

    def take(self, scenes: Sequence[GazeScene]) -> LandmarkSet:
        """Learn from these scenes; the set for ``nasion.train.fit``, without pictures of its own."""
        self._scenes = scenes
        return stand_in(len(scenes))

    def build(self, points: int, size: int) -> nn.Module:
        """The small network and its schooling; both numbers are fixed by the system."""
        from nasion.train.vitgaze_net import Schooled

        return Schooled()

    def draw(self, data: LandmarkSet, index: IntArray, rng: np.random.Generator) -> Batch:
        """Some scenes and then the same the other way round: what ``_tensors`` gives in the batch's places."""
        import torch

        chosen = [varied(self._scenes[i], rng) for i in index]
        images, planes, inside, ways = _tensors([*chosen, *(scene.mirror() for scene in chosen)])
        both = np.tile(np.asarray(index, np.int64), 2)
        return Batch(images, ways, inside, planes, torch.from_numpy(both), data.scheme)

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """The paper's three: heatmaps of those who look inside, whether they do, which patches are any head's.

        Then: the same map for a scene either way round, and the schooling's two.
        """
        from torch.nn import functional

        schooled = cast("Schooled", model)  # what this recipe builds
        net, school, images, inside = schooled.net, schooled.school, batch.images, batch.known
        mine, rest, bells = batch.visible[:, :1], batch.visible[:, 1:3], batch.visible[:, 3]
        attention, features = net.backbone(images)
        maps, logit, heads = net.read(images, attention, features, mine)
        square = ((maps - bells) ** 2).mean((1, 2))
        chance = functional.binary_cross_entropy_with_logits(logit, inside, reduction="none")
        patches = functional.max_pool2d(rest, net.shape.patch)
        known = functional.binary_cross_entropy_with_logits(heads, patches[:, :1], reduction="none")
        weights, _ = net.pam(images, mine)
        way = school.way((weights[:, None] @ features).squeeze(1))
        things = functional.binary_cross_entropy_with_logits(school.things(features)[..., 0], patches[:, 1].flatten(1))
        return {
            "heat": HEAT * (square * inside).sum() / inside.sum().clamp_min(1),
            "same": SAME * (maps[: len(maps) // 2] - maps[len(maps) // 2 :].flip(-1)).square().mean(),
            "inside": FOCAL * ((1 - (-chance).exp()) ** 2 * chance).mean(),
            "heads": MASK * known.clamp_min(SUREST).mean(),
            "way": WAY * functional.mse_loss(way, batch.points),
            "things": THINGS * things,
        }

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """Unused by this system: it places no points; see `Followed.predict`."""
        raise InputError(f"{self.name} gives heatmaps: call nasion.train.vitgaze.Followed.predict")

    def make(self, data: Path | None, out: Path, course: Course) -> list[str]:
        """Render scenes, train on them, score on people never seen, write the network.

        Raises:
            InputError: ``data`` is given: there is nothing to learn from pictures here.
        """
        if data is not None:
            raise InputError(f"{self.name} learns from rendered scenes: leave {data} out")
        learn = make_scenes(render_heads(PEOPLE, course.seed), POOL, course.seed)
        found = train_vitgaze(learn, **course.options())
        held = make_scenes(render_heads(HELD_PEOPLE, course.seed + 90_001), HELD, course.seed + 1)
        score = evaluate(*found.predict(held), held)
        found.export(out)
        figures = f"distance {score.distance:.3f} of the side, AUC {score.auc:.3f}, AP of outside {score.outside:.3f}"
        return [
            f"{self.name}: {found.steps} steps; on {HELD} scenes of {HELD_PEOPLE} people never seen: {figures}",
            f"wrote {out}; try: nasion gaze follow PHOTO --model {out}",
        ]
