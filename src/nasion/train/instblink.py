"""InstBlink: faces, who they are over time, and their blinks by one network of learned queries.

The network is ``instblink_net``; it learns on clips composed of rendered people who move, cross and blink
(``instblink_clips``), for no annotated film clips come with nasion. ``nasion blinks`` uses the file it exports.

Source: Zeng et al., "Real-time Multi-person Eyeblink Detection in the Wild for Untrimmed Video", CVPR 2023.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasion.core import InputError, IntArray, ModelError, Scheme, scheme
from nasion.eyes.clip_linking import link_clips
from nasion.eyes.instblink import FACE, SYSTEM, BlinkNetwork, people_in
from nasion.media.paths import prepare_output
from nasion.metrics import BlinkScore, BlinkTrack, blink_score
from nasion.models import Session
from nasion.train.export import CLOSE
from nasion.train.instblink_clips import FPS, Composed, Path2D, Person, compose, crossing_paths, rendered_people
from nasion.train.recipe import Progress, Stage, require_torch
from nasion.train.traced import traced

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nasion.train.instblink_losses import Target

PEOPLE, SEED = 96, 1  # rendered to learn from
FRAMES, SIDE = 36, 128  # of each, at 15 a second; px
SIZE = (192, 128)  # px of the frames that the network sees, width and height
LENGTH = 11  # frames of a clip to learn from
MOST = 5  # people in a clip
SIDES = (0.34, 0.56)  # of a person's picture, shares of the frame's width: faces 31 to 52 px wide
TILE = 72  # px, side of the frames of one person alone that the eyes learn from first
LOOSE = 0.1  # of their size that boxes are off there
TRAVEL = 0.4  # of the width, the most walked on average in one: as much as in the 36 frames of use
FACES, BLINKS = np.arange(0.2, 0.55, 0.1), np.arange(0.15, 0.8, 0.05)  # scores that are tried as thresholds

Say = Callable[[np.ndarray], Mapping[str, np.ndarray]]


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """People to learn from; as far as the training loop looks, a ``LandmarkSet``."""

    people: tuple[Person, ...]
    names: tuple[str, ...]
    size: int
    skipped: tuple[str, ...] = ()
    scheme: Scheme = field(default_factory=lambda: scheme("coarse5"))

    def __len__(self) -> int:
        return len(self.people)

    def take(self, index: Sequence[int] | IntArray) -> Cast:
        """Some of the people, in the given order."""
        return replace(self, people=tuple(self.people[i] for i in index), names=tuple(self.names[i] for i in index))


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """People around whom clips are made, and by which numbers."""

    people: tuple[Person, ...]
    first: IntArray
    rng: np.random.Generator

    def clips(self) -> list[Composed]:
        """Two to five people around each, half of them blinking."""
        return [random_clip(self.people, int(i), self.rng) for i in self.first]

    def close_ups(self) -> list[Composed]:
        """Each alone, two in three blinking."""
        return [close_up(self.people[i], self.rng) for i in self.first]


class InstBlinkRecipe:
    """The recipe: the eyes alone on people alone, for which minutes are enough; then queries, then everything.

    Args:
        people: how many are rendered.
        temporal: whether queries look at themselves in other frames.
        dynamic: whether queries make the weights that read the picture; otherwise all use the same.
    """

    name = SYSTEM
    stages = (
        Stage("eyes", share=0.1, rate=2e-3, trains=("eyes",), batch=12, weight_decay=0.02),
        Stage("heads", share=0.45, rate=6e-4, trains=("neck", "stages", "start"), batch=4),
        Stage("all", share=0.45, rate=4e-4, batch=4),
    )
    renders = True
    usage = "blinks CLIP --model"

    def __init__(self, people: int = PEOPLE, temporal: bool = True, dynamic: bool = True) -> None:
        self.people, self.temporal, self.dynamic = people, temporal, dynamic
        self.face, self.threshold = FACE, 0.3  # the released code's; ``finish`` finds our own

    def load(self, path: Path | None, size: int) -> Cast:
        """Render people; a folder named instead of pictures keeps them. ``size`` is the network's own affair."""
        people = rendered_people(SEED, self.people, FRAMES, SIDE, cache=path)
        return Cast(tuple(people), tuple(f"person{i}" for i in range(len(people))), SIZE[0])

    def build(self, points: int, size: int) -> nn.Module:
        """The network on the embedded detector's backbone."""
        from nasion.train.detector_file import read_detector
        from nasion.train.instblink_net import InstBlink

        return InstBlink(read_detector()[0], self.temporal, self.dynamic)

    def draw(self, data: Cast, index: IntArray, rng: np.random.Generator) -> Picked:
        """The people named; what is made of them depends on the stage."""
        return Picked(data.people, index, rng)

    def loss(self, model: nn.Module, batch: Picked, step: Progress) -> dict[str, Tensor]:
        """Of all stages, on tubes matched as wholes, and the same on boxes that stand beside the true ones."""
        from nasion.train.instblink_losses import clip_losses

        model.eyes.train(step.stage == "eyes")  # elsewhere most boxes lie beside eyes: no normalisation by those
        if step.stage == "eyes":
            return {"blink, alone": eyes_loss(model, batch.close_ups())}
        clips, targets = _tensors(batch.clips())
        maps, eyes = model.maps(clips), step.stage != "heads"  # which does not train them
        terms = clip_losses(model.refine(maps, *model.start(*clips.shape[:2]), eyes), targets)
        beside = clip_losses(model.hinted(maps, hints(targets), eyes), targets, matched=True)
        return terms | {f"{name}, hinted": term for name, term in beside.items()}

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """Not for landmarks.

        Raises:
            InputError: always.
        """
        raise InputError(f"{self.name} finds blinks in clips and places no points: nasion blinks CLIP --model MODEL")

    def finish(self, model: nn.Module, held: Cast) -> str:
        """Choose the thresholds on people held out, and say how good the network is there."""
        rng = np.random.default_rng(0)
        clips = [random_clip(held.people, i, rng, length=FRAMES) for i in range(len(held))]
        self.face, self.threshold, score = best_thresholds(clips, sayer(model))
        return (
            f"held-out people: Inst-AP {score.inst_ap:.2f}, Blink-AP@0.5 {score.blink_ap50:.2f} at a face score of "
            f"{self.face:.1f} and a blink score of {self.threshold:.2f}"
        )

    def export(self, model: nn.Module, path: Path) -> Path:
        """Write the ONNX file that ``nasion.eyes.instblink.BlinkNetwork`` reads.

        Raises:
            MissingExtraError: PyTorch or the library ``onnx`` is not installed.
            MediaError: the file cannot be written.
            ModelError: the file does not give what PyTorch gives.
        """
        torch = require_torch()
        from nasion.train.instblink_net import Contract

        target, contract = prepare_output(path), Contract(model).eval()
        facts = {
            "system": self.name, "size": f"{SIZE[0]}x{SIZE[1]}", "fps": f"{FPS:g}", "face": f"{self.face:.2f}",
            "threshold": f"{self.threshold:.2f}",
        }  # fmt: skip
        example = torch.randint(0, 256, (LENGTH, SIZE[1], SIZE[0], 3), dtype=torch.uint8)
        names = ("boxes", "face", "blink")
        axes = {name: {0: "t"} for name in ("frames", *names)}
        target.write_bytes(traced(contract, {"frames": example}, names, facts=facts, axes=axes))
        other = example.flip(2)[: LENGTH - 3]
        with torch.no_grad():
            expected = contract(other)
        found = Session(target, threads=1).run({"frames": other.numpy()})
        off = max(float(np.abs(found[n] - e.numpy()).max()) for n, e in zip(names, expected, strict=True))
        if not off <= CLOSE:
            raise ModelError(f"{target}: ONNX Runtime differs from PyTorch by {off:.3g}")
        return target


def eyes_loss(model: nn.Module, clips: Sequence[Composed]) -> Tensor:
    """Cross-entropy of blinks in clips of one person each, in boxes that are true but for a tenth of their size."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    from nasion.train.instblink_losses import BLINK

    frames, targets = _tensors(clips)
    true = torch.cat([target.boxes for target in targets])  # (B, T, 4): one person a clip
    there = true.isfinite().all(-1)
    true = true.nan_to_num(0.5)
    size = (true[..., 2:] - true[..., :2]).clamp_min(0.02)
    off = LOOSE * (2 * torch.rand(2, len(true), 1, 2) - 1)
    boxes = torch.cat([(true[..., 2:] + true[..., :2]) / 2 + off[0] * size, size * off[1].exp()], -1)
    logit = model.blinks(frames, boxes[:, :, None])[..., 0]
    shut = torch.cat([target.blinking for target in targets]).float()
    return BLINK * binary_cross_entropy_with_logits(logit[there], shut[there])


def _tensors(clips: Sequence[Composed]) -> tuple[Tensor, list[Target]]:
    """Frames (B, T, 3, H, W) and the truth."""
    import torch

    from nasion.train.instblink_losses import Target

    frames = torch.from_numpy(np.stack([clip.images for clip in clips])).permute(0, 1, 4, 2, 3).float()
    return frames, [Target(torch.from_numpy(c.boxes), torch.from_numpy(c.blinking)) for c in clips]


def hints(targets: Sequence[Target]) -> Tensor:
    """(B, T, P, 4) centre and size: the true boxes, moved and scaled by up to half their size; anywhere if absent."""
    import torch

    most, frames = max(len(t.boxes) for t in targets), targets[0].boxes.shape[1]
    made = torch.full((len(targets), frames, most, 4), 0.5)
    for b, target in enumerate(targets):
        true = target.boxes.transpose(0, 1)
        size = (true[..., 2:] - true[..., :2]).clamp_min(0.02)
        reach = 0.5 * torch.rand(1, true.shape[1], 1)
        centre = (true[..., 2:] + true[..., :2]) / 2 + reach * size * (2 * torch.rand_like(size) - 1)
        boxes = torch.cat([centre, size * (reach * (2 * torch.rand_like(size) - 1)).exp()], -1)
        made[b, :, : true.shape[1]] = boxes.nan_to_num(0.5)
    return made


def random_clip(people: Sequence[Person], first: int, rng: np.random.Generator, length: int = LENGTH) -> Composed:
    """A clip of one person and one to four others, from their frames where half of them blink."""
    count = int(rng.integers(2, MOST + 1))
    others = [int(i) for i in rng.permutation(len(people)) if i != first][: count - 1]
    chosen = [people[i] for i in (first, *others)]
    starts = [_start(person, length, rng) for person in chosen]
    paths = crossing_paths(rng, len(chosen), length, rng.uniform(0, TRAVEL), SIDES)
    return compose(chosen, starts, paths, SIZE, rng, [bool(rng.random() < 0.5) for _ in chosen])


def close_up(person: Person, rng: np.random.Generator, length: int = LENGTH) -> Composed:
    """A clip of one person who fills the frame at the size of ``random_clip``."""
    across, down = rng.uniform(0.44, 0.56, 2)
    side = rng.uniform(*SIDES) * SIZE[0] / TILE * np.linspace(1, rng.uniform(0.95, 1.05), length)
    path = Path2D(np.tile((across, down), (length, 1)), side)
    return compose([person], [_start(person, length, rng, 0.67)], [path], (TILE, TILE), rng, [rng.random() < 0.5])


def _start(person: Person, length: int, rng: np.random.Generator, blinks: float = 0.5) -> int:
    last = len(person) - length
    if len(person.blinks) and rng.random() < blinks:
        blink = person.blinks[int(rng.integers(len(person.blinks)))]
        return int(np.clip(rng.integers(blink[0] - length + 2, blink[1]), 0, last))
    return int(rng.integers(0, last + 1))


def sayer(model: nn.Module) -> Say:
    """A trained network as a function from the frames of a clip to what its queries say."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        network = BlinkNetwork(InstBlinkRecipe().export(model, Path(folder) / "network.onnx"), threads=1)
    return network.say


def best_thresholds(clips: Sequence[Composed], say: Say) -> tuple[float, float, BlinkScore]:
    """The face score with the best Inst-AP, with it the blink score with the best Blink-AP@0.5, and what they give.

    Args:
        clips: each of no more than one look.
        say: the network.
    """
    said = [say(clip.images) for clip in clips]
    truth = [clip.tracks() for clip in clips]
    size = np.tile(SIZE, 2)

    def at(face: float, threshold: float) -> BlinkScore:
        found = [
            [
                BlinkTrack(t.boxes * size, t.blinks, t.blink_scores, t.score)
                for t in link_clips([people_in(one, 0, face)], len(clip.images), threshold=threshold)[0]
            ]
            for one, clip in zip(said, clips, strict=True)
        ]
        return blink_score(found, truth)

    face = float(FACES[np.argmax([at(float(face), float(BLINKS[0])).inst_ap for face in FACES])])
    scores = [at(face, float(threshold)) for threshold in BLINKS]
    best = int(np.argmax([score.blink_ap50 for score in scores]))
    return face, float(BLINKS[best]), scores[best]
