"""Foveated retinotopy in small: face or not, from log-polar views, beside the same network on ordinary views.

Faces are rendered heads on drawn backgrounds. A third of the rest are backgrounds with objects; the others are heads
whose inner face is turned within its outline, so that parts alone do not give a face away: their arrangement must be
seen. The network on ordinary views gets the same circular mask, or its corners would tell it what is up.

Source: "Foveated Retinotopy Improves Classification and Localization in CNNs", arXiv 2402.15480.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray, InputError
from nasion.gaze.retina import Retina, fixation
from nasion.train.gaze_scenes import ASIDE, Heads, backdrop, draw_thing, render_heads
from nasion.train.loop import learning_rate
from nasion.train.recipe import Course, Report, require_torch

if TYPE_CHECKING:
    from nasion.train.retinotopy_net import SmallNet

SIDE = 64  # px of a picture and of a view
RETINA = Retina(SIDE, SIDE, 5.0)
TALL = (0.7, 1.1)  # of the picture that a head takes
WIGGLE = 0.04  # of the picture that its middle is off the fixation, one standard deviation
ROLL = 12.0  # degrees, likewise
TURNED = (120.0, 240.0)  # degrees that the inner face of a false head is turned by
PEOPLE, HELD_PEOPLE, POOL, HELD = 64, 16, 4000, 600
BATCH, RATE = 64, 3e-3
# Share of the training that shows heads alone. With objects from the start both networks learn only to tell these from
# heads: after 240 steps 65 %, where on heads alone 200 steps give 89 %.
HEADS_FIRST = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Probes:
    """Pictures with their labels.

    Attributes:
        images: RGB uint8 (N, 64, 64, 3).
        face: (N,) whether a face is in the middle.
        head: (N,) whether a head is there, its inner face turned or not.
    """

    images: ImageArray
    face: BoolArray
    head: BoolArray

    def __len__(self) -> int:
        return len(self.images)

    def views(self, log_polar: bool, *, roll: float = 0.0, zoom: float = 1.0, shift: float = 0.0) -> ImageArray:
        """(N, 64, 64, 3) uint8, what a network sees of the pictures.

        Args:
            log_polar: through the retina, else under the circular mask.
            roll: degrees that the pictures are turned by first, clockwise.
            zoom: factor that they are enlarged by.
            shift: of half their side, how far the fixation then is to the right of the middle; what comes in from
                beyond is the other side (they are rolled around), as in the paper.
        """
        middle = (SIDE - 1) / 2
        matrix = cv2.getRotationMatrix2D((middle, middle), -roll, zoom)
        made = np.empty((len(self), SIDE, SIDE, 3), np.uint8)
        for i, image in enumerate(self.images):
            if roll or zoom != 1:
                image = cv2.warpAffine(
                    image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
                )
            if shift:
                image = np.roll(image, -round(shift * SIDE / 2), axis=1)
            made[i] = RETINA.view(image, fixation(0, 0, SIDE), SIDE / 2) if log_polar else masked(image)
        return made


def masked(image: ImageArray) -> ImageArray:
    """A square picture, black where the retina of the same field of view does not look."""
    side = image.shape[0]
    away = np.hypot(*np.meshgrid(np.arange(side) - (side - 1) / 2, np.arange(side) - (side - 1) / 2))
    seen = (away <= side / 2) & (away >= RETINA.radii(side / 2)[-1])
    return np.asarray(image * seen[..., None], np.uint8)


def draw_probes(heads: Heads, count: int, seed: int) -> Probes:
    """As many faces as not, in turn."""
    rng = np.random.default_rng(seed)
    frontal = np.flatnonzero(np.hypot(heads.gaze[:, 0], heads.gaze[:, 1]) < ASIDE + 0.15)
    if not len(frontal):
        raise InputError("none of the heads faces the camera: render more of them")
    images, face = [], np.arange(count) % 2 == 0
    head = np.arange(count) % 6 != 5  # two thirds of what is no face are heads
    for i in range(count):
        picture = backdrop(rng)
        for _ in range(int(rng.integers(0, 4)) if head[i] else int(rng.integers(2, 7))):
            picture = draw_thing(rng, picture, rng.uniform(0, SIDE, 2), float(rng.uniform(8, 30)))
        if head[i]:
            picture = _head(rng, picture, heads, int(rng.choice(frontal)), whole=bool(face[i]))
        picture = picture * rng.uniform(0.75, 1.2) + rng.normal(0, rng.uniform(0.5, 6), picture.shape)
        images.append(np.clip(picture, 0, 255).astype(np.uint8))
    return Probes(np.stack(images), face, head)


def _head(rng: np.random.Generator, picture: FloatArray, heads: Heads, row: int, whole: bool) -> FloatArray:
    """A head about the middle of the picture; not whole: with its inner face turned."""
    image, cover, box = heads.images[row].astype(np.float32), heads.cover[row], heads.boxes[row]
    face = heads.eyes[row] + (0, 0.14 * (box[3] - box[1]))  # between eyes and mouth
    if not whole:
        turn = cv2.getRotationMatrix2D(tuple(float(v) for v in face), float(rng.uniform(*TURNED)), 1.0)
        turned = cv2.warpAffine(image, turn, image.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        x, y = np.meshgrid(np.arange(image.shape[1]) - face[0], np.arange(image.shape[0]) - face[1])
        reach = 0.23 * (box[3] - box[1])
        inner = np.clip((reach - np.hypot(x, y)) / (0.35 * reach), 0, 1)[..., None]
        image = inner * turned + (1 - inner) * image
    scale = SIDE * rng.uniform(*TALL) / (box[3] - box[1]) * (-1.0 if rng.random() < 0.5 else 1.0)
    angle = np.radians(rng.normal(0, ROLL))
    c, s = np.cos(angle) * abs(scale), np.sin(angle) * abs(scale)
    matrix = np.array([[c * np.sign(scale), -s], [s * np.sign(scale), c]])
    middle = (SIDE - 1) / 2 + rng.normal(0, WIGGLE * SIDE, 2)
    full = np.concatenate([matrix, (middle - matrix @ face)[:, None]], axis=1)
    layer = cv2.warpAffine(np.dstack([image * cover[..., None], cover]), full, (SIDE, SIDE))
    return np.asarray(picture * (1 - layer[..., 3:]) + layer[..., :3])


def draw_hidden(heads: Heads, count: int, seed: int, side: int = 160) -> list[tuple[ImageArray, FloatArray]]:
    """Larger pictures with one face somewhere among objects, each with the face's box (4,) px."""
    rng, made = np.random.default_rng(seed), []
    frontal = np.flatnonzero(np.hypot(heads.gaze[:, 0], heads.gaze[:, 1]) < ASIDE + 0.15)
    for _ in range(count):
        picture = np.asarray(cv2.resize(backdrop(rng), (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
        for _ in range(int(rng.integers(4, 9))):
            picture = draw_thing(rng, picture, rng.uniform(0, side, 2), float(rng.uniform(15, 45)))
        row, tall = int(rng.choice(frontal)), float(rng.uniform(60, 80))
        head, spot = heads.boxes[row], rng.uniform(0.55 * tall, side - 0.55 * tall, 2)
        scale = tall / (head[3] - head[1])
        face = heads.eyes[row] + (0, 0.14 * (head[3] - head[1]))
        matrix = np.array([[scale, 0, spot[0] - scale * face[0]], [0, scale, spot[1] - scale * face[1]]])
        cover = heads.cover[row][..., None]
        layer = cv2.warpAffine(np.dstack([heads.images[row] * cover, cover]), matrix, (side, side))
        picture = picture * (1 - layer[..., 3:]) + layer[..., :3] + rng.normal(0, 3, picture.shape).astype(np.float32)
        half = tall * np.array([0.24, 0.30])  # brows to chin, cheek to cheek
        made.append((np.clip(picture, 0, 255).astype(np.uint8), np.concatenate([spot - half, spot + half])))
    return made


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained network, and what it sees of pictures."""

    net: SmallNet
    steps: int

    def chances(self, views: ImageArray) -> FloatArray:
        """(N,) probabilities 0..1 of a face."""
        import torch

        with torch.inference_mode():
            parts = [self.net(torch.from_numpy(views[at : at + 200])).sigmoid() for at in range(0, len(views), 200)]
        return np.asarray(torch.cat(parts).numpy())

    def accuracy(self, probes: Probes, **change: float) -> float:
        """Share told right, 0..1, after turning, enlarging or shifting (as ``Probes.views`` does)."""
        views = probes.views(self.net.log_polar, **change)
        return float(((self.chances(views) > 0.5) == probes.face).mean())

    def export(self, path: Path) -> Path:
        """Write the ONNX file that ``nasion gaze locate`` takes."""
        import torch

        from nasion.train.retinotopy_net import Probability
        from nasion.train.traced import traced

        facts = {"system": "foveated-retinotopy", "retina": f"{RETINA.rings},{RETINA.directions},{RETINA.octaves:g}"}
        example = {"views": torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8)}
        path.write_bytes(traced(Probability(self.net).eval(), example, ["face"], facts=facts))
        return path


def train_probe(
    probes: Probes,
    *,
    log_polar: bool = True,
    minutes: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    report: Report | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Trained:
    """Train the small network on faces and others.

    Args:
        probes: to learn from; mirrored half of the time.
        log_polar: on log-polar views, else on ordinary ones under the mask.
        minutes: how long; or
        steps: how many steps. Exactly one of the two.
        seed: of weights and batches.
        threads: PyTorch's; None leaves them as they are.
        report: called after each step with the fraction done and the loss.
        clock: what ``minutes`` are counted with, seconds.

    Raises:
        InputError: nothing to learn from, or not exactly one of ``minutes`` and ``steps``.
        MissingExtraError: PyTorch is not installed.
    """
    if not len(probes) or (minutes is None) == (steps is None):
        raise InputError(f"give pictures, and minutes or steps; got {len(probes)} pictures, {minutes=}, {steps=}")
    torch = require_torch()
    from torch.nn import functional

    from nasion.train.retinotopy_net import SmallNet

    if threads is not None:
        torch.set_num_threads(threads)
    torch.manual_seed(seed)
    rng, net = np.random.default_rng(seed), SmallNet(log_polar)
    mirrored = replace(probes, images=np.ascontiguousarray(probes.images[:, :, ::-1]))
    views = np.stack([probes.views(log_polar), mirrored.views(log_polar)])
    labels = torch.from_numpy(probes.face.astype(np.float32))
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-3)
    net.train()
    began, done, fraction, heads = clock(), 0, 0.0, np.flatnonzero(probes.head)
    while fraction < 1:
        index = rng.choice(heads, BATCH) if fraction < HEADS_FIRST else rng.integers(len(probes), size=BATCH)
        for group in optimiser.param_groups:
            group["lr"] = RATE * learning_rate(fraction)
        seen = torch.from_numpy(views[rng.integers(2, size=BATCH), index])
        loss = functional.binary_cross_entropy_with_logits(net(seen), labels[index])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        done += 1
        fraction = done / steps if steps else (clock() - began) / (60 * (minutes or 0))
        if report is not None:
            report(min(fraction, 1.0), {"faces": float(loss.detach())})
    return Trained(net.eval(), done)


class Retinotopy:
    """The training system ``foveated-retinotopy``."""

    name = "foveated-retinotopy"

    def make(self, data: Path | None, out: Path, course: Course) -> list[str]:
        """Draw pictures, train the log-polar network, score it on people never seen, write it.

        Raises:
            InputError: ``data`` is given: there is nothing to learn from pictures here.
        """
        if data is not None:
            raise InputError(f"{self.name} learns from rendered heads: leave {data} out")
        learn = draw_probes(render_heads(PEOPLE, course.seed), POOL, course.seed)
        trained = train_probe(learn, **course.options())
        held = draw_probes(render_heads(HELD_PEOPLE, course.seed + 90_001), HELD, course.seed + 1)
        trained.export(out)
        right = ", ".join(f"{100 * trained.accuracy(held, roll=roll):.1f} % at {roll} degrees" for roll in (0, 90, 180))
        return [
            f"{self.name}: {trained.steps} steps; told right, people never seen: {right}",
            f"wrote {out}; try: nasion gaze locate PHOTO --model {out}",
        ]
