"""Blinks of several people by a network that looks at a clip at a time, without landmarks and without a tracker.

The network (``nasion train mpeblink-instblink``) says of 36 frames who is where and how surely each blinks; clips every
18 frames are linked (``clip_linking``), runs of the linked scores are the blinks. Frames are brought to the size and
the frame rate that the network learned with.

Source: Zeng et al., "Real-time Multi-person Eyeblink Detection in the Wild for Untrimmed Video", CVPR 2023.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, ModelError
from nasion.eyes.clip_linking import CLIP, STRIDE, ClipTrack, link_clips
from nasion.metrics import BlinkTrack, frame_iou
from nasion.models import Session

SYSTEM = "mpeblink-instblink"  # what the files say of themselves
FACE = 0.5  # score from which a frame shows the person, where the file does not name its own
SAME = 0.6  # IoU from which two queries are one person in a frame
SHORTEST = 4  # frames; who is seen for fewer in a clip is nobody


@dataclass(frozen=True, slots=True, eq=False)
class BlinkClip:
    """What happened in a clip.

    Attributes:
        time_s: (F,) of the frames that the network saw.
        people: boxes in px of the frames, NaN where absent; blinks as half-open numbers of those frames.
        scores: per person (F,) 0..1, how surely it blinks.
    """

    time_s: FloatArray
    people: tuple[BlinkTrack, ...]
    scores: tuple[FloatArray, ...]


class BlinkNetwork:
    """The exported network.

    Args:
        model: the file.
        threshold: of the blink score; by default the file's own, found on people held out of its training.
        device, threads: as for ``nasion.models.Session``.

    Raises:
        ModelError: the file is no such network.
    """

    def __init__(
        self, model: str | Path, *, threshold: float | None = None, device: str = "cpu", threads: int | None = None
    ) -> None:
        self._session = Session(model, device=device, threads=threads)
        facts = self._session.metadata
        if facts.get("system") != SYSTEM:
            raise ModelError(f"{self._session.path} is no network of `nasion train {SYSTEM}`: it cannot find blinks")
        width, _, height = facts["size"].partition("x")
        self.size, self.fps = (int(width), int(height)), float(facts["fps"])
        self.threshold = float(facts["threshold"]) if threshold is None else threshold
        self.face = float(facts.get("face", FACE))

    def say(self, frames: ImageArray) -> Mapping[str, FloatArray]:
        """What the network answers, query by query.

        Args:
            frames: (T, H, W, 3) uint8 RGB of the network's own size.

        Returns:
            ``boxes`` (T, N, 4) as fractions, ``face`` and ``blink`` (T, N) 0..1.
        """
        return self._session.run({"frames": frames})

    def look(self, frames: ImageArray, start: int = 0) -> list[ClipTrack]:
        """Who is in one clip.

        Args:
            frames: as for ``say``.
            start: number of the first one, for the linking.
        """
        return people_in(self.say(frames), start, self.face)

    def __call__(self, frames: Iterable[tuple[ImageArray, float]]) -> BlinkClip:
        """Follow a whole video.

        Args:
            frames: pictures (H, W, 3) uint8 RGB of one size with their seconds, in order. Those that come faster than
                the network's frame rate are left out.
        """
        clips: list[list[ClipTrack]] = []
        times: list[float] = []
        held: list[ImageArray] = []
        size, done = (0, 0), -1
        scale: FloatArray = np.ones(2)
        for image, time_s in _thinned(frames, self.fps):
            size = (image.shape[1], image.shape[0])
            small, scale = _fitted(image, self.size)
            if len(held) == CLIP and (len(times) - CLIP) % STRIDE == 0:
                done = len(times) - CLIP
                clips.append(self.look(np.stack(held), done))
            held = [*held[-CLIP + 1 :], small]
            times.append(time_s)
        if held and len(times) - len(held) > done:
            clips.append(self.look(np.stack(held), len(times) - len(held)))
        linked, scores = link_clips(clips, len(times), threshold=self.threshold)
        whole = np.tile(np.array(self.size) / scale, 2)  # from fractions of the padded frame to px of the picture
        people = [
            BlinkTrack(np.clip(t.boxes * whole, 0, np.tile(size, 2)), t.blinks, t.blink_scores, t.score)
            for t in linked
        ]  # fmt: skip
        return BlinkClip(np.array(times), tuple(people), tuple(scores))


def people_in(said: Mapping[str, FloatArray], start: int = 0, least: float = FACE) -> list[ClipTrack]:
    """Queries that show somebody, the surest first; where two show the same person, the surer one has the frame.

    Args:
        said: of ``BlinkNetwork.say``.
        start: number of the clip's first frame.
        least: face score from which a query shows somebody.
    """
    found: list[ClipTrack] = []
    for query in np.argsort(-said["face"].mean(0)):
        face, boxes = (said[name][:, query].astype(np.float64) for name in ("face", "boxes"))
        here = face >= least
        for other in found:
            here &= ~(frame_iou(boxes, other.boxes) > SAME)
        if here.sum() >= SHORTEST:
            blink = np.where(here, said["blink"][:, query], 0.0)
            found.append(ClipTrack(start, np.where(here[:, None], boxes, np.nan), face, blink))
    return found


def _thinned(frames: Iterable[tuple[ImageArray, float]], fps: float) -> Iterator[tuple[ImageArray, float]]:
    """Frames no closer together than the rate asks, by more than a fifth of a step."""
    due = -np.inf
    for image, time_s in frames:
        if time_s >= due - 0.2 / fps:
            due = max(due, time_s - 0.5 / fps) + 1 / fps if np.isfinite(due) else time_s + 1 / fps
            yield image, time_s


def _fitted(image: ImageArray, size: tuple[int, int]) -> tuple[ImageArray, FloatArray]:
    """The picture at the top left of a frame of the network's size, and the factor that made it fit."""
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inside = (max(1, round(width * scale)), max(1, round(height * scale)))
    framed = np.zeros((size[1], size[0], 3), np.uint8)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    framed[: inside[1], : inside[0]] = cv2.resize(image, inside, interpolation=how)
    return framed, np.array(inside) / (width, height)
