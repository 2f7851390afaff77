"""What an event camera sees of heads that move and rest, with box and five points exact at set instants.

Heads are rendered (``nasion.synth``) often enough that a point moves by about a pixel from frame to frame, the events
in between are simulated. Each clip is slow or fast; both pause between moves, which is when surfaces that forget
everywhere alike lose the face.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nasion.core import FloatArray, ImageArray, InputError, IntArray, Landmarks, MediaError, scheme
from nasion.landmark.events.decay import decay, usual_patch
from nasion.landmark.events.files import LUMA
from nasion.landmark.events.surface import EventSurface
from nasion.synth.events import EventArray, EventCamera, read_events
from nasion.synth.model import HeadModel
from nasion.synth.motion import motion
from nasion.synth.sampling import SceneOptions, posed, sample_scene
from nasion.synth.scene import render_scene

SIDE = 128  # px of the sensor
INSTANTS_HZ = 30  # labelled instants a second; whole windows of every rate that is a multiple of it end there
RATES = (30, 240)  # windows a second that surfaces are made and compared at
REST = 5.0  # px/s of the points' mean speed below which a face rests


@dataclass(frozen=True, slots=True)
class Pace:
    """How a clip moves.

    Attributes:
        seconds: its length.
        fps: rendered frames per second.
        move, rest: (shortest, longest) s of a move and of the pause after it.
    """

    seconds: float
    fps: int
    move: tuple[float, float]
    rest: tuple[float, float]


PACES = {
    "slow": Pace(1.2, 120, (0.45, 0.8), (0.2, 0.5)),
    "fast": Pace(0.6, 240, (0.08, 0.16), (0.12, 0.3)),
}


@dataclass(frozen=True, slots=True, eq=False)
class EventClip:
    """Events of one face, labelled now and then.

    Attributes:
        events: in order of time, from 0 on.
        size: (width, height) px of the sensor.
        time_us: (K,) int64, the labelled instants.
        points: (K, 5, 2) float32 px, ``coarse5``.
        boxes: (K, 4) float32 px, the extent of the dense points.
        speed: (K,) float32 px/s, mean speed of the five points since the instant before.
        pace: name of how it moves.
    """

    events: EventArray
    size: tuple[int, int]
    time_us: IntArray
    points: FloatArray
    boxes: FloatArray
    speed: FloatArray
    pace: str


@dataclass(frozen=True, slots=True, eq=False)
class Surfaces:
    """Pictures of surfaces with their labels.

    Attributes:
        images: (N, H, W) uint8, grey 128 where nothing is kept.
        points, boxes, speed: as in ``EventClip``, one for each picture.
        hz: (N,) windows a second of the surface.
        pace: (N,) names.
        clip: (N,) number of the clip.
    """

    images: ImageArray
    points: FloatArray
    boxes: FloatArray
    speed: FloatArray
    hz: FloatArray
    pace: tuple[str, ...]
    clip: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.images)


def rendered_clip(seed: int, number: int, pace: str, side: int = SIDE, seconds: float | None = None) -> EventClip:
    """A head of nobody that moves to and fro, blinks, looks about and talks, as events.

    Args:
        seed, number: the same pair gives the same clip; people differ between any two pairs.
        pace: name in ``PACES``.
        side: px of the square sensor.
        seconds: length, instead of the pace's.
    """
    how, rng, model = PACES[pace], np.random.default_rng((seed, number)), HeadModel.load()
    options = SceneOptions(
        yaw=(-25, 25), pitch=(-12, 12), roll=(-12, 12), size=(side, side), fill=(0.42, 0.68), expression="neutral",
        degrade=0,
    )  # fmt: skip
    base = sample_scene(rng, options)
    length = seconds or how.seconds
    moved = motion("blink,saccade,speech", length, how.fps, rng, base=base)
    track = _head(rng, moved.time_s, how)
    px = base.pose.translation[2] / base.camera.fx  # mm per px at the head
    camera = EventCamera(seed=number)
    found, times, points, boxes, speeds = [], [], [], [], []
    before: tuple[float, FloatArray] | None = None
    for frame, scene in enumerate(moved.scenes(base)):
        x, y, yaw, pitch, roll = track[frame]
        aim, place = base.pose, base.pose.translation
        aim = replace(aim, yaw=aim.yaw + yaw, pitch=aim.pitch + pitch, roll=aim.roll + roll)
        pose = posed(aim.camera_rotation, (place[0] + x * px, place[1] + y * px, place[2]))
        sample = render_scene(replace(scene, pose=pose), model)
        now = float(moved.time_s[frame])
        found.append(camera.feed(sample.render.linear @ LUMA, round(now * 1e6)))
        if frame % (how.fps // INSTANTS_HZ):
            continue
        dense = sample.truth.points
        five = _coarse5(dense)
        if before is not None:
            times.append(round(now * 1e6))
            points.append(five)
            boxes.append(np.concatenate([dense.min(0), dense.max(0)]))
            speeds.append(np.linalg.norm(five - before[1], axis=1).mean() / (now - before[0]))
        before = now, five
    return EventClip(
        np.concatenate(found), (side, side), np.array(times, np.int64), np.array(points, np.float32),
        np.array(boxes, np.float32), np.array(speeds, np.float32), pace,
    )  # fmt: skip


def _coarse5(dense: FloatArray) -> FloatArray:
    return Landmarks.from_points(dense, scheme("dense478")).to("coarse5").points


def _head(rng: np.random.Generator, time: FloatArray, how: Pace) -> FloatArray:
    """(F, 5) px, px and degrees: right, down, yaw, pitch, roll over a clip: moves of least jerk, pauses between."""
    track, here, start = np.zeros((len(time), 5)), np.zeros(5), 0.0
    while start < time[-1]:
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(6, 18)
        there = np.array([reach * np.cos(angle), 0.6 * reach * np.sin(angle), *rng.uniform(-1, 1, 3) * (18, 8, 8)])
        lasting = rng.uniform(*how.move)
        share = np.clip((time - start) / lasting, 0, 1)
        track += (there - here) * (share**3 * (10 - 15 * share + 6 * share**2))[:, None]
        here, start = there, start + lasting + rng.uniform(*how.rest)
    return track


def rendered_clips(
    seed: int, count: int, *, cache: Path | None = None, report: Callable[[float], None] | None = None
) -> list[EventClip]:
    """``count`` clips, slow and fast in turn.

    Args:
        seed: of the people and their moves.
        count: how many.
        cache: folder where clips are kept and found again.
        report: called after each clip with the share done.
    """
    made = []
    for number in range(count):
        pace = tuple(PACES)[number % 2]
        kept = cache / f"{seed}-{number}-{pace}.npz" if cache else None
        if kept is not None and kept.exists():
            with np.load(kept) as data:
                clip = EventClip(**{k: data[k] for k in data.files}, size=(SIDE, SIDE), pace=pace)
        else:
            clip = rendered_clip(seed, number, pace)
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                arrays = {k: getattr(clip, k) for k in ("events", "time_us", "points", "boxes", "speed")}
                np.savez_compressed(kept, **arrays)
        made.append(clip)
        if report is not None:
            report((number + 1) / count)
    return made


def load_clips(folder: Path) -> list[EventClip]:
    """The clips that ``nasion synth --video SCRIPTS --events --fps F --out FOLDER`` wrote.

    Raises:
        InputError: it is no such folder, or the clips differ in size.
    """
    import pyarrow.parquet as pq

    table = folder / "truth.parquet"
    if not table.is_file():
        raise InputError(f"{folder} holds no truth.parquet: make it with nasion synth --video blink,nod --events")
    rows = pq.read_table(table, columns=["file", "time_s", "points"]).to_pylist()
    clips = []
    for name in dict.fromkeys(row["file"] for row in rows):
        try:
            events, size = read_events(folder / f"{Path(name).stem}_events.npz")
        except MediaError as error:
            raise InputError(f"{folder} has no events for {name}: {error}") from error
        own = [row for row in rows if row["file"] == name]
        dense = np.array([row["points"] for row in own], np.float32).reshape(len(own), -1, 2)
        time = np.array([row["time_s"] for row in own])
        five = np.stack([_coarse5(points) for points in dense])
        speed = np.linalg.norm(np.diff(five, axis=0), axis=2).mean(1) / np.diff(time)
        boxes = np.concatenate([dense.min(1), dense.max(1)], axis=1)
        stamps = np.rint(time[1:] * 1e6).astype(np.int64)
        clips.append(EventClip(events, size, stamps, five[1:], boxes[1:], speed.astype(np.float32), "given"))
    if len({clip.size for clip in clips}) > 1:
        raise InputError(f"the clips in {folder} differ in size: make them with one --size")
    return clips


def surfaces(clips: Sequence[EventClip], kind: str, rates: Sequence[int] = RATES) -> Surfaces:
    """Every clip's surface at its labelled instants.

    Args:
        clips: of one size.
        kind: name in ``nasion.landmark.events.KINDS``; patches have the usual size for the sensor.
        rates: windows a second, each giving surfaces of its own.
    """
    parts: list[tuple[ImageArray, EventClip, int]] = []
    numbers: list[int] = []
    for number, clip in enumerate(clips):
        patch = usual_patch(clip.size)
        for hz in rates:
            surface = EventSurface(clip.size, decay(kind, patch))
            parts.append((np.stack(list(_at_instants(clip, surface, hz))), clip, hz))
            numbers += [number] * len(clip.points)
    return Surfaces(
        np.concatenate([images for images, _, _ in parts]),
        np.concatenate([clip.points for _, clip, _ in parts]),
        np.concatenate([clip.boxes for _, clip, _ in parts]),
        np.concatenate([clip.speed for _, clip, _ in parts]),
        np.concatenate([np.full(len(images), hz) for images, _, hz in parts]),
        tuple(clip.pace for images, clip, _ in parts for _ in images),
        tuple(numbers),
    )


def _at_instants(clip: EventClip, surface: EventSurface, hz: int) -> Iterator[ImageArray]:
    """(H, W) uint8 at each labelled instant; windows in between end at equal steps of about 1/hz."""
    begin, done = 0, 0
    for instant in clip.time_us.tolist():
        steps = max(1, round((instant - begin) * hz / 1e6))
        for k in range(1, steps + 1):
            end = begin + round((instant - begin) * k / steps)
            cut = int(np.searchsorted(clip.events["t_us"], end))
            surface.add(clip.events[done:cut], end)
            done = cut
        begin = instant
        yield surface.picture()[..., 0]
