"""Clips to learn temporal refinement from: rendered heads that move, what the landmarker says of each frame, the truth.

The noise is the landmarker's own: every frame is rendered with grain, blur and compression of its own and goes through
the video runner without smoothing, so the errors hang together in space and time as they do on real clips. Now and
then something covers an eye, a brow or the mouth for a few frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray, InputError, Landmarks, scheme
from nasion.synth import EXPRESSIONS, HeadModel, SceneOptions, render_scene, sample_scene
from nasion.synth.motion import Motion, motion
from nasion.track.refiner import LAYOUT, together

if TYPE_CHECKING:
    from nasion.pipeline import Analyzer
    from nasion.synth import Scene

FPS = 30.0
SIDE = 176  # px, the picture's; a face then fills about the 128 px crop that the landmarker sees
COVERED = ("left_eye", "right_eye", "left_brow", "right_brow", "mouth", "nose")
COVER_EVERY_S = 1.0  # mean time between two things in front
SPEED = 0.35  # of a slow drift of the head, Hz


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One clip of F frames; points are those of ``LAYOUT``, 478 dense ones and the 68.

    Attributes:
        raw: (F, N, 2) float32 px, as placed frame by frame; NaN where no face was found.
        sigma: (F, N) float32 px, as the landmarker says.
        visibility: (F, N) float32, likewise.
        truth: (F, N, 2) float32 px.
        covered: (F, N) bool, hidden by what stands in front for a moment.
        blinks: (F,) bool, whether the lids move or are shut.
        size: (F,) float32 px between the outer eye corners, true.
    """

    raw: FloatArray
    sigma: FloatArray
    visibility: FloatArray
    truth: FloatArray
    covered: BoolArray
    blinks: BoolArray
    size: FloatArray

    def __len__(self) -> int:
        return len(self.raw)


def make_clips(
    count: int,
    seed: int,
    *,
    frames: int = 32,
    cover: bool = True,
    scripts: str | None = None,
    report: Callable[[int], None] | None = None,
) -> list[Clip]:
    """Render clips of people drawn from ``seed`` and place points on them.

    Args:
        count: how many; clip ``i`` of a seed is the same however many are asked for.
        seed: 0 or more. Other seeds are other people.
        frames: of each clip, at 30 a second.
        cover: whether parts of the face get covered for a few frames.
        scripts: of ``nasion.synth.motion``; None draws some for each clip, always with blinks.
        report: called with the number of clips done.
    """
    from nasion.pipeline import Analyzer

    model, analyzer = HeadModel.load(), Analyzer(("landmarks",), mode="video", smooth=False, threads=1)
    made = []
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        base, moves = draw_motion(rng, frames, scripts)
        made.append(render_clip(base, moves, model, analyzer, rng, cover))
        if report is not None:
            report(number + 1)
    return made


def draw_motion(rng: np.random.Generator, frames: int, scripts: str | None = None) -> tuple[Scene, Motion]:
    """A person at rest and what they do: blinks always, and any of speech, glances, nods, an expression, a turn."""
    options = SceneOptions(
        yaw=(-30, 30), pitch=(-15, 15), size=(SIDE, SIDE), fill=(0.5, 0.68), expression="neutral", degrade=0.5
    )
    base = sample_scene(rng, options)
    if scripts is None:
        drawn = ["blink", *(name for name in ("speech", "saccade", "nod", "expression") if rng.random() < 0.5)]
        scripts = ",".join(drawn)
    shown = str(rng.choice([name for name in EXPRESSIONS if name != "neutral"]))
    moves = motion(scripts, frames / FPS, FPS, rng, base=base, shown=shown)
    time_s, reach = moves.time_s, rng.uniform(0, 1) * np.array([14.0, 5.0, 5.0])
    phase, rate = rng.uniform(0, 2 * np.pi, 3), SPEED * rng.uniform(0.5, 2, 3)
    moves.head = moves.head + reach * np.sin(2 * np.pi * rate * time_s[:, None] + phase)
    return base, moves


def render_clip(
    base: Scene, moves: Motion, model: HeadModel, analyzer: Analyzer, rng: np.random.Generator, cover: bool
) -> Clip:
    """Render a motion and follow it with ``analyzer``, which must be in video mode and not smooth."""
    analyzer.reset()
    found: list[Landmarks | None] = []
    truths, covered, sizes = [], [], []
    covers = _covers(rng, len(moves)) if cover else {}
    corners = scheme("ibug68").index("left_eye_corners")[0], scheme("ibug68").index("right_eye_corners")[0]
    for frame, scene in enumerate(moves.scenes(base)):
        look = replace(scene.look, blur=scene.look.blur * float(rng.uniform(0.7, 1.5)))
        sample = render_scene(replace(scene, look=look), model)
        sparse = sample.truth.landmarks("ibug68").points[:, :2]
        truth = np.concatenate([sample.truth.points, sparse])
        image, hidden = sample.image, np.zeros(len(truth), bool)
        if frame in covers:
            group, seed = covers[frame]
            image, hidden = put_before(image, truth, group, seed)
        faces = analyzer(image, frame / FPS)
        found.append(_nearest([face.landmarks for face in faces], truth))
        truths.append(truth)
        covered.append(hidden)
        sizes.append(np.linalg.norm(sparse[corners[0]] - sparse[corners[1]]))
    lids = np.array([name != "open" for name in moves.phase.get("blink", ["open"] * len(moves))])
    points, sigma, visibility = _stack(found)
    return Clip(
        points, sigma, visibility, np.array(truths, np.float32), np.array(covered), lids, np.array(sizes, np.float32)
    )


def put_before(image: ImageArray, points: FloatArray, group: str, seed: int) -> tuple[ImageArray, BoolArray]:
    """Something grainy before a group of the 68 points.

    Args:
        image: (H, W, 3) uint8.
        points: (N, 2) px, in ``LAYOUT``.
        group: of scheme ``ibug68``.
        seed: of its shape and colour; the frames of one burst share it.

    Returns:
        The picture and (N,) bool, which points it hides.
    """
    rng = np.random.default_rng(seed)
    part = points[-68:][scheme("ibug68").index(group)]
    middle, half = (part.min(0) + part.max(0)) / 2, (part.max(0) - part.min(0)) / 2
    half = np.maximum(half, half.max() * 0.6) * rng.uniform(1.25, 1.6, 2)
    middle = middle + rng.uniform(-0.1, 0.1, 2) * half
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    inside = ((columns - middle[0]) / half[0]) ** 2 + ((rows - middle[1]) / half[1]) ** 2 < 1
    colour, rough = rng.uniform(10, 230, 3), rng.normal(0, rng.uniform(4, 40), image.shape[:2])
    grain = np.asarray(cv2.GaussianBlur(rough, (0, 0), rng.uniform(0.5, 2)))[..., None]
    out = image.copy()
    out[inside] = np.clip(colour + grain[inside], 0, 255).astype(np.uint8)
    hidden = (((points - middle) / half) ** 2).sum(1) < 1
    return out, np.asarray(hidden)


def _covers(rng: np.random.Generator, frames: int) -> dict[int, tuple[str, int]]:
    """Frame to what is covered there."""
    out: dict[int, tuple[str, int]] = {}
    at = int(rng.exponential(COVER_EVERY_S * FPS))
    while at < frames:
        what = str(rng.choice(COVERED)), int(rng.integers(1 << 31))
        lasting = int(rng.choice([1, 1, 2, 3, 5]))
        out |= dict.fromkeys(range(at, min(at + lasting, frames)), what)
        at += lasting + 3 + int(rng.exponential(COVER_EVERY_S * FPS))
    return out


def _nearest(found: Sequence[Landmarks], truth: FloatArray) -> Landmarks | None:
    if not found:
        return None
    return min(found, key=lambda one: float(np.abs(one.points[:, :2].mean(0) - truth[:478].mean(0)).sum()))


def _stack(found: Sequence[Landmarks | None]) -> tuple[FloatArray, FloatArray, FloatArray]:
    count = sum(len(scheme(name)) for name in LAYOUT)
    points = np.full((len(found), count, 2), np.nan, np.float32)
    sigma, visibility = np.ones((len(found), count), np.float32), np.zeros((len(found), count), np.float32)
    for frame, landmarks in enumerate(found):
        if landmarks is not None:
            whole = together(landmarks)
            points[frame], sigma[frame], visibility[frame] = whole.points[:, :2], whole.sigma, whole.visibility
    return points, sigma, visibility


def save_clips(clips: Iterable[Clip], path: Path) -> None:
    """Keep clips in an ``.npz`` file."""
    held = {f"{i}.{name}": getattr(clip, name) for i, clip in enumerate(clips) for name in Clip.__dataclass_fields__}
    np.savez_compressed(path, **held)


def load_clips(path: Path) -> list[Clip]:
    """The clips of a file that ``save_clips`` wrote.

    Raises:
        InputError: the file holds none.
    """
    with np.load(path, allow_pickle=False) as data:
        count = len({name.partition(".")[0] for name in data.files})
        try:
            return [Clip(**{name: data[f"{i}.{name}"] for name in Clip.__dataclass_fields__}) for i in range(count)]
        except KeyError as error:
            raise InputError(f"{path} holds no clips of save_clips: {error}; make them again") from error
