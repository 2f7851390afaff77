"""What a blind wearer of a camera would hear: who is where and how far, what is too close, and nothing twice.

Names come only from people the user enrolled; "unknown" is the default, and of unknown people nothing is kept but votes
of the last seconds. Lines are short, few and ordered: what is close before who is known before who is not.

Source: "AI-based Wearable Vision Assistance System for the Visually Impaired", arXiv 2412.20059; the loop, votes and
limits are standard practice, not the paper's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np

from nasion.core import Camera, Face, FloatArray, ImageArray, Pose
from nasion.identity import FaceEmbedder, Gallery, Votes, quality
from nasion.pipeline.analyzer import Analyzer
from nasion.pose import HeadPose

Kind: TypeAlias = Literal["obstacle", "known", "unknown"]
Side: TypeAlias = Literal["left", "ahead", "right"]

EYES_M = 0.063  # between the pupils of an average adult
REPEAT_S = 30.0  # the same is not said again before
PAUSE_S = 1.0  # between two lines
UNKNOWN_PAUSE_S = 10.0  # between two lines about people nobody enrolled
NEAR_M = 1.0  # what is nearer than this is beeped and said first
FASTEST_HZ = 4.0  # beeps
PROMPT = (
    "Describe in one sentence what is in front of a blind person, hazards first. Do not guess who people are, nor "
    "their age, sex, origin or mood."
)


class SceneDescriber(Protocol):
    """Any vision-language model; none comes with nasion, and none is asked unless the user gives one."""

    def describe(self, image: ImageArray, prompt: str) -> str:
        """One sentence about the picture. It is given no names."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody in view.

    Attributes:
        track_id: who, within this clip.
        name: of an enrolled person; empty for unknown; None while the frames do not agree yet.
        side: third of the picture, as the wearer has it.
        distance_m: from the camera; NaN where the eyes cannot be seen apart.
        reason: why the face was not compared; empty when it was.
    """

    track_id: int
    name: str | None
    side: Side
    distance_m: float
    reason: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """A line to be spoken.

    Attributes:
        time_s: when.
        kind: ``obstacle`` before ``known`` before ``unknown``.
        text: the line.
        name: of a known person, else empty.
        track_id: whom it is about.
    """

    time_s: float
    kind: Kind
    text: str
    name: str
    track_id: int


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame.

    Attributes:
        time_s: seconds.
        seen: everybody in view, from the wearer's left to right.
        said: the new lines, most important first; mostly none.
        beep_hz: beeps a second for the nearest thing, 0 for none.
    """

    time_s: float
    seen: tuple[Seen, ...]
    said: tuple[Announcement, ...]
    beep_hz: float


@dataclass(slots=True)
class Announcer:
    """Decides what of what could be said is said now. Knows nothing of pictures.

    Attributes:
        repeat_s, pause_s, unknown_pause_s: seconds, see the constants of this module.
    """

    repeat_s: float = REPEAT_S
    pause_s: float = PAUSE_S
    unknown_pause_s: float = UNKNOWN_PAUSE_S
    _last: dict[str, float] = field(default_factory=dict)
    _spoke: float = -np.inf
    _spoke_unknown: float = -np.inf

    def __call__(self, seen: Sequence[Seen], time_s: float) -> list[Announcement]:
        """The lines of this moment, at most one unless something is too close."""
        self._last = {key: said for key, said in self._last.items() if time_s - said < self.repeat_s}
        said: list[Announcement] = []
        for line in sorted(_lines(seen, time_s), key=lambda row: ORDER[row.kind]):
            kind, keys = line.kind, _keys(line)
            if any(key in self._last for key in keys):
                continue
            if kind != "obstacle" and (said or time_s - self._spoke < self.pause_s):
                continue
            if kind == "unknown" and time_s - self._spoke_unknown < self.unknown_pause_s:
                continue
            said.append(line)
            self._last |= dict.fromkeys(keys, time_s)
            self._spoke = time_s
            if kind == "unknown":
                self._spoke_unknown = time_s
        return said


ORDER: dict[Kind, int] = {"obstacle": 0, "known": 1, "unknown": 2}


def _lines(seen: Sequence[Seen], time_s: float) -> list[Announcement]:
    """Everything that could be said, the nearest first."""
    lines: list[Announcement] = []
    for one in sorted(seen, key=lambda s: s.distance_m if np.isfinite(s.distance_m) else np.inf):
        where = place_words(one)
        if one.distance_m < NEAR_M:
            lines.append(Announcement(time_s, "obstacle", f"Close, {where}.", "", one.track_id))
        if one.name:
            lines.append(Announcement(time_s, "known", f"{one.name}, {where}.", one.name, one.track_id))
        elif one.name is not None:
            lines.append(Announcement(time_s, "unknown", f"Someone unknown, {where}.", "", one.track_id))
    return lines


def _keys(line: Announcement) -> tuple[str, ...]:
    """By what a line is not said twice: the name; for others the words, and the person whatever the words."""
    return (f"name {line.name}",) if line.name else (line.text, f"{line.kind} {line.track_id}")


class Assistant:
    """Follows a wearer's camera.

    Args:
        gallery: the people with names.
        embedder: the network; by default that of the catalogue.
        camera: of the pictures; without one a field of view of 60 degrees is assumed, and distances are as good.
        analyzer: in video mode, with ``landmarks`` and ``pose``; by default one that detects on every frame, as
            suits 2 to 5 frames a second.
        announcer: when what is said.
    """

    def __init__(
        self,
        gallery: Gallery,
        *,
        embedder: FaceEmbedder | None = None,
        camera: Camera | None = None,
        analyzer: Analyzer | None = None,
        announcer: Announcer | None = None,
    ) -> None:
        self.gallery, self.camera = gallery, camera
        self._embedder = embedder or FaceEmbedder(threads=1)
        self._analyzer = analyzer or Analyzer(
            ("landmarks", HeadPose(camera)), mode="video", detect_every=1, smooth=False
        )
        self._announcer, self._votes = announcer or Announcer(), Votes()
        self._names: dict[int, str | None] = {}
        self.moment = Moment(0.0, (), (), 0.0)

    def __call__(self, image: ImageArray, time_s: float) -> Moment:
        """The next frame.

        Args:
            image: RGB uint8 (H, W, 3).
            time_s: seconds, rising.
        """
        faces = [face for face in self._analyzer(image, time_s) if face.track_id is not None]
        height, width = image.shape[:2]
        camera = self.camera or Camera.for_image(width, height)
        reasons = [quality(image, face).reason for face in faces]
        fit = [face for face, reason in zip(faces, reasons, strict=True) if not reason]
        vectors = iter(self._embedder(image, fit))
        seen = []
        for face, reason in zip(faces, reasons, strict=True):
            assert face.track_id is not None, "others are left out above"
            if not reason:
                voted = self._votes.add(face.track_id, self.gallery.identify(next(vectors)).name, time_s)
                self._names[face.track_id] = voted
            name = self._names.get(face.track_id)
            seen.append(Seen(face.track_id, name, side(face, width), distance_m(face, camera), reason))
        here = {one.track_id for one in seen}
        self._names = {track: name for track, name in self._names.items() if track in here}
        near = min((one.distance_m for one in seen if one.distance_m < NEAR_M), default=np.inf)
        order = np.argsort([face.box.center[0] for face in faces])
        ranked = tuple(seen[i] for i in order)
        said = tuple(self._announcer(ranked, time_s))
        self.moment = Moment(time_s, ranked, said, min(FASTEST_HZ, 1 / near) if np.isfinite(near) else 0.0)
        return self.moment

    def scene(self) -> str:
        """A sentence about everybody in view in the last frame, from left to right."""
        return scene_words(self.moment.seen)

    def describe(self, image: ImageArray, describer: SceneDescriber) -> str:
        """What a vision-language model says of the picture. It is given the fixed ``PROMPT`` and no names.

        A name of the gallery in its answer is a guess, and is read as "someone".
        """
        said = describer.describe(image, PROMPT)
        for name in sorted(self.gallery.counts, key=len, reverse=True):
            said = said.replace(name, "someone")
        return said


def side(face: Face, width: int) -> Side:
    """The third of the picture in which the middle of the face's box lies."""
    share = face.box.center[0] / width
    return "left" if share < 1 / 3 else "right" if share > 2 / 3 else "ahead"


def distance_m(face: Face, camera: Camera) -> float:
    """Metres from the camera to between the eyes, by the distance of the irises in px and an adult's 63 mm.

    Turned heads show less of that distance: where a pose was read, its share in view is divided out.

    Args:
        face: with points that convert to ``dense478``.
        camera: intrinsics.
    """
    points = face.landmarks.to("dense478")
    eyes = np.stack([points[f"{name}_iris"].points[0, :2] for name in ("left", "right")]).astype(np.float64)
    apart = float(np.linalg.norm(eyes[0] - eyes[1]))
    if not apart > 1:
        return float("nan")
    x, y = eyes.mean(0)
    ray = np.array([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy])
    depth = camera.fx * EYES_M * _share_in_view(face.readings.get("pose"), ray) / apart
    return float(depth * np.sqrt(1 + ray @ ray))


def _share_in_view(pose: object, ray: FloatArray) -> float:
    """Of a short line from eye to eye, in px for px that it would have if it lay across the line of sight's depth."""
    if not isinstance(pose, Pose) or not np.isfinite(pose.yaw):
        return 1.0
    across = pose.camera_rotation[:, 0]
    return float(np.clip(np.linalg.norm(across[:2] - ray * across[2]), 0.2, 1.0))


def place_words(one: Seen) -> str:
    """Such as ``left, about one metre``."""
    return f"{one.side}, {distance_words(one.distance_m)}"


def distance_words(metres: float) -> str:
    """In words; steps are wider than the error of the estimate."""
    if not np.isfinite(metres):
        return "distance unknown"
    if metres < 0.35:
        return "within reach"
    if metres < 0.75:
        return "about half a metre"
    if metres < 1.5:
        return "about one metre"
    for word, upper in (("two", 2.5), ("three", 3.5), ("four", 4.5), ("five", 5.5)):
        if metres < upper:
            return f"about {word} metres"
    return "more than five metres"


def scene_words(seen: Sequence[Seen]) -> str:
    """Everybody in view as a sentence."""
    if not seen:
        return "Nobody in view."
    count = "One person" if len(seen) == 1 else f"{len(seen)} people"
    return f"{count}: " + "; ".join(f"{one.name or 'someone unknown'}, {place_words(one)}" for one in seen) + "."
