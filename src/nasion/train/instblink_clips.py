"""Clips of several people to learn blinks from: rendered people, each with a blink script, who move and cross.

A person is rendered once, alone, blinking and looking about (`rendered_person`); clips are composed of such people, cut
out and moved along paths, the nearer before the farther (`compose`). Boxes, who is hidden and who blinks are known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray, IntArray
from nasion.metrics import BlinkTrack

FPS = 15.0
FILL = 0.62  # forehead to chin over the side of a person's picture
SEEN = 0.4  # share of a face in view below which nobody is there


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A rendered person over F frames.

    Attributes:
        images: (F, S, S, 3) uint8.
        alpha: (F, S, S) uint8, 255 where the person is.
        boxes: (F, 4) float32 px of the picture, extent of the dense points.
        blinks: (K, 2) frames, half open.
    """

    images: ImageArray
    alpha: ImageArray
    boxes: FloatArray
    blinks: IntArray

    def __len__(self) -> int:
        return len(self.images)

    @property
    def blinking(self) -> BoolArray:
        """(F,) whether a frame lies within a blink."""
        inside = np.zeros(len(self), bool)
        for a, b in self.blinks:
            inside[a:b] = True
        return inside


@dataclass(frozen=True, slots=True, eq=False)
class Path2D:
    """Where a person's picture stands over T frames.

    Attributes:
        centre: (T, 2) fractions of the frame's width and height.
        side: (T,) of the picture, fractions of the frame's width.
    """

    centre: FloatArray
    side: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Composed:
    """A clip with its truth.

    Attributes:
        images: (T, H, W, 3) uint8.
        boxes: (P, T, 4) float32, fractions of width and height; NaN where a person is hidden or outside.
        blinking: (P, T) bool.
    """

    images: ImageArray
    boxes: FloatArray
    blinking: BoolArray

    def tracks(self) -> list[BlinkTrack]:
        """The people in px; blinks that are hidden for most of their frames are left out, as nobody could see them."""
        height, width = self.images.shape[1:3]
        made = []
        for boxes, blinking in zip(self.boxes, self.blinking, strict=True):
            edges = np.flatnonzero(np.diff(np.concatenate([[False], blinking, [False]]).astype(int))).reshape(-1, 2)
            seen = np.isfinite(boxes).all(1)
            kept = np.array([edge for edge in edges if seen[slice(*edge)].mean() > 0.5], np.float64).reshape(-1, 2)
            if seen.any():
                made.append(BlinkTrack(boxes * (width, height, width, height), kept, np.ones(len(kept))))
        return made


def rendered_person(seed: int, number: int, frames: int, side: int, yaw: float = 25.0) -> Person:
    """A person of nobody who blinks and looks about, one in three nodding.

    Args:
        seed, number: the same pair gives the same person; people differ between any two pairs.
        frames: at ``FPS``.
        side: px of the square picture.
        yaw: degrees, the most that the head is turned at the start.
    """
    from nasion.synth.model import HeadModel
    from nasion.synth.motion import motion
    from nasion.synth.sampling import SceneOptions, sample_scene
    from nasion.synth.scene import render_scene

    rng, model = np.random.default_rng((seed, number)), HeadModel.load()
    options = SceneOptions(
        yaw=(-yaw, yaw), pitch=(-8, 8), roll=(-8, 8), size=(side, side), fill=(FILL, FILL), expression="neutral",
        background="plain", degrade=0,
    )  # fmt: skip
    base = sample_scene(rng, options)
    scripts = "blink,saccade,nod" if number % 3 == 2 else "blink,saccade"
    moved = motion(scripts, frames / FPS, FPS, rng, base=base)
    samples = [render_scene(scene, model) for scene in moved.scenes(base)]
    blinks = [
        (int(np.ceil(e.start_s * FPS)), min(frames, int(np.floor(e.end_s * FPS)) + 1))
        for e in moved.events
        if e.script == "blink"
    ]
    points = np.stack([sample.truth.points for sample in samples])
    return Person(
        np.stack([sample.image for sample in samples]),
        np.stack([(sample.render.mesh >= 0).astype(np.uint8) * 255 for sample in samples]),
        np.concatenate([points.min(1), points.max(1)], 1).astype(np.float32),
        np.array([b for b in blinks if b[0] < b[1]], np.int64).reshape(-1, 2),
    )


def rendered_people(
    seed: int, count: int, frames: int, side: int, *, yaw: float = 25.0, cache: Path | None = None,
    report: Callable[[float], None] | None = None,
) -> list[Person]:  # fmt: skip
    """``count`` people; ``cache`` names a folder where they are kept and found again."""
    people = []
    for number in range(count):
        kept = cache / f"{seed}-{number}-{frames}-{side}-{yaw:g}.npz" if cache else None
        if kept is not None and kept.exists():
            with np.load(kept) as data:
                person = Person(**{name: data[name] for name in data.files})
        else:
            person = rendered_person(seed, number, frames, side, yaw)
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                arrays = {name: getattr(person, name) for name in Person.__slots__}
                np.savez_compressed(kept, **arrays)
        people.append(person)
        if report is not None:
            report((number + 1) / count)
    return people


def crossing_paths(
    rng: np.random.Generator, people: int, frames: int, travel: float, side: tuple[float, float]
) -> list[Path2D]:
    """Paths from side to side that cross, each swaying a little; every third person stays about where they are.

    Args:
        rng: decides everything.
        people, frames: how many.
        travel: share of the frame's width that is walked, on average.
        side: least and largest side of a person's picture over the frame's width.
    """
    t = np.linspace(0, 1, frames)
    starts = rng.permutation((np.arange(people) + 0.5) / people) + rng.uniform(-0.06, 0.06, people)
    paths = []
    for p, start in enumerate(starts):
        walked = travel * rng.uniform(0.5, 1.5) * (-1 if start > rng.uniform(0.3, 0.7) else 1) * (p % 3 != 2)
        across = start + walked * t + 0.02 * np.sin(2 * np.pi * (t * rng.uniform(0.5, 1.5) + rng.random()))
        down = rng.uniform(0.4, 0.65) + 0.03 * np.sin(2 * np.pi * (t * rng.uniform(0.5, 1.5) + rng.random()))
        size = rng.uniform(*side) * (1 + rng.uniform(-0.1, 0.1) * t)
        paths.append(Path2D(np.stack([across, down], 1), size))
    return paths


def still_paths(people: int, frames: int, side: float) -> list[Path2D]:
    """People side by side who stay where they are."""
    made = []
    for p in range(people):
        centre = np.tile(((p + 0.5) / people, 0.5), (frames, 1))
        made.append(Path2D(centre, np.full(frames, side)))
    return made


def compose(
    people: Sequence[Person], starts: Sequence[int], paths: Sequence[Path2D], size: tuple[int, int],
    rng: np.random.Generator, mirrored: Sequence[bool] | None = None,
) -> Composed:  # fmt: skip
    """One clip.

    Args:
        people: who.
        starts: each one's first frame.
        paths: where each stands, of one length.
        size: (width, height) px.
        rng: of the background and the noise.
        mirrored: whose picture is mirrored; nobody's by default.
    """
    width, height = size
    frames = len(paths[0].side)
    backdrop = _backdrop(rng, size)
    noise, light = rng.uniform(0, 4), rng.uniform(0.8, 1.15)
    images = np.empty((frames, height, width, 3), np.uint8)
    boxes = np.full((len(people), frames, 4), np.nan, np.float32)
    order = np.argsort([path.side.mean() for path in paths])
    for t in range(frames):
        canvas, owner = backdrop.copy(), np.full((height, width), -1, np.int8)
        whole = np.zeros(len(people))
        found = np.zeros((len(people), 4))
        for p in order:
            flip = bool(mirrored[p]) if mirrored is not None else False
            found[p], whole[p] = _paste(canvas, owner, people[p], starts[p] + t, paths[p], t, p, flip)
        for p in range(len(people)):
            x0, y0, x1, y1 = found[p]
            low, high = np.array([max(x0, 0), max(y0, 0)]), np.array([min(x1, width - 1), min(y1, height - 1)])
            if (high - low < 2).any():
                continue
            area = owner[int(low[1]) : int(high[1]) + 1, int(low[0]) : int(high[0]) + 1]
            if (area == p).sum() >= SEEN * whole[p]:
                boxes[p, t] = np.concatenate([low, high]) / (width, height, width, height)
        grainy = canvas * light + rng.standard_normal(canvas.shape, np.float32) * noise
        images[t] = np.clip(np.rint(grainy), 0, 255).astype(np.uint8)
    blinking = np.stack([
        person.blinking[start : start + frames] for person, start in zip(people, starts, strict=True)
    ])  # fmt: skip
    return Composed(images, boxes, blinking)


def _paste(
    canvas: FloatArray, owner: IntArray, person: Person, frame: int, path: Path2D, t: int, number: int, flip: bool
) -> tuple[FloatArray, float]:
    """Draw one person; gives the box of the face, px, and how many of its px belong to the person."""
    height, width = owner.shape
    side = max(8, round(float(path.side[t]) * width))
    image, alpha, box = person.images[frame], person.alpha[frame], person.boxes[frame].astype(np.float64)
    if flip:
        image, alpha = image[:, ::-1], alpha[:, ::-1]
        box = np.array([image.shape[1] - 1 - box[2], box[1], image.shape[1] - 1 - box[0], box[3]])
    how = cv2.INTER_AREA if side < image.shape[0] else cv2.INTER_LINEAR
    image, alpha = (cv2.resize(part, (side, side), interpolation=how) for part in (image, alpha))
    left, top = (round(float(c) * n - side / 2) for c, n in zip(path.centre[t], (width, height), strict=True))
    box = (box + 0.5) * (side / person.images.shape[1]) - 0.5
    inner = alpha[max(0, int(box[1])) : int(box[3]) + 1, max(0, int(box[0])) : int(box[2]) + 1]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    if x0 < x1 and y0 < y1:
        part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        share = alpha[part].astype(np.float32)[..., None] / 255
        canvas[y0:y1, x0:x1] += share * (image[part] - canvas[y0:y1, x0:x1])
        owner[y0:y1, x0:x1][alpha[part] > 127] = number
    return box + np.array([left, top, left, top]), float((inner > 127).sum())


def _backdrop(rng: np.random.Generator, size: tuple[int, int]) -> FloatArray:
    """(H, W, 3) float32, 0..255."""
    from nasion.synth.background import BACKGROUNDS, background
    from nasion.synth.shading import develop

    linear = background(str(rng.choice(BACKGROUNDS)), size, int(rng.integers(1 << 31)))
    return np.asarray(develop(linear, 1.0), np.float32)
