"""Identities through a video: detect now and then, follow by the points in between.

The tracker never touches pixels. Each frame it says whether it wants detections (`due`), proposes where to look
(`candidates`), and from what was found there decides who is who (`update`). Lost faces coast at their last velocity
for a while and wait for a detection; followed faces have the first pick of the detections, lost ones the second (a
cascade as in Zhang et al., "ByteTrack", ECCV 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nasion.core import Box, Face, FloatArray, InputError, Landmarks
from nasion.track.association import face_size, match_faces, without_duplicates
from nasion.track.one_euro import SHORTEST_STEP

REACH = 1.0  # face sizes that a face may stand from where it was expected
REACH_GROWTH = 1.0  # face sizes per second lost that the reach grows
COASTING_S = 1.0  # time constant with which a lost face is believed to slow down
VELOCITY_WEIGHT = 0.5  # share of the newest displacement in the velocity
TRUSTED_IOU = 0.5  # below it a detection corrects the place a face was followed to


class Tracker:
    """Keeps ids over the frames of one clip. Ids count up from 0; one that ended never comes back.

    Args:
        detect_every: frames from one scheduled detection to the next. Fixed in advance, so that the detector may
            look at frames before the faces are followed that far.
        max_gap_s: seconds a face may be lost and still keep its id.
        start: 0..1, presence from which a new face is believed.
        keep: 0..1, presence below which a followed face counts as lost.
        follow: whether points are placed on every frame. False where only a detector runs: then every frame is
            detected and the detections themselves are the faces.
    """

    def __init__(
        self,
        *,
        detect_every: int = 15,
        max_gap_s: float = 1.5,
        start: float = 0.5,
        keep: float = 0.5,
        follow: bool = True,
    ) -> None:
        if detect_every < 1:
            raise InputError(f"detect_every must be 1 (each frame) or more, got {detect_every}")
        if not max_gap_s >= 0:
            raise InputError(f"max_gap_s must be 0 seconds or more, got {max_gap_s}")
        self.detect_every = detect_every if follow else 1
        self.max_gap_s, self.start, self.keep, self.follow = max_gap_s, start, keep, follow
        self._tracks: list[_Track] = []
        self._next_id = 0
        self._number = 0  # of the next frame

    @property
    def tracks_started(self) -> int:
        """How many ids have been given out."""
        return self._next_id

    def scheduled(self, number: int) -> bool:
        """Whether frame ``number`` of the clip, from 0, wants a detection whatever happens before it."""
        return number % self.detect_every == 0

    def due(self) -> bool:
        """Whether the next frame wants a detection: it is scheduled, nobody is followed, or somebody is lost."""
        return self.scheduled(self._number) or not self._tracks or any(track.lost for track in self._tracks)

    def candidates(self, time_s: float, detections: Sequence[Face] | None) -> list[Face]:
        """Where faces may be in the frame at ``time_s``. Changes nothing, so one frame may ask twice.

        Args:
            time_s: seconds.
            detections: what the detector found in this frame; None when it did not run.

        Returns:
            Faces to place points on, known ones first, with ``track_id``; None marks one that nobody knows yet.
        """
        followed = [track for track in self._tracks if not track.lost] if self.follow else []
        if detections is None:
            return [track.expected(time_s) for track in followed]
        waiting = [track for track in self._tracks if track not in followed]
        rest = list(detections)
        found: list[Face] = []
        for tracks in (followed, waiting):
            pairs = self._match(tracks, rest, time_s)
            for i, track in enumerate(tracks):
                if i in pairs:
                    found.append(self._corrected(track, rest[pairs[i]], time_s))
                elif track in followed:
                    found.append(track.expected(time_s))
            rest = [face for j, face in enumerate(rest) if j not in pairs.values()]
        return found + [replace(face, track_id=None) for face in rest]

    def update(self, time_s: float, placed: Sequence[Face]) -> list[Face]:
        """Decide who is who, and go on to the next frame.

        Args:
            time_s: seconds, not before the last call's.
            placed: the candidates after points were placed on them; ``score`` is the presence, 0..1.

        Returns:
            The faces of this frame with their ids, oldest id first.
        """
        self._number += 1
        known = {track.id: track for track in self._tracks}
        believed = [f for f in placed if f.score >= (self.start if f.track_id is None else self.keep)]
        seen: dict[int, Face] = {}
        for face in self._without_duplicates(believed, known, time_s):
            if face.track_id is None:
                known[self._next_id] = _Track(self._next_id, face, time_s)
                face = replace(face, track_id=self._next_id)
                self._next_id += 1
            assert face.track_id is not None
            seen[face.track_id] = face
        given: list[Face] = []
        for track in known.values():
            track.lost = track.id not in seen
            if not track.lost:
                track.observe(seen[track.id], time_s)
                given.append(track.face)
        self._tracks = [track for track in known.values() if time_s - track.time_s <= self.max_gap_s]
        return given

    def _match(self, tracks: Sequence[_Track], faces: Sequence[Face], time_s: float) -> dict[int, int]:
        reach = np.array([REACH + REACH_GROWTH * (time_s - track.time_s) for track in tracks])
        return dict(match_faces([track.expected(time_s) for track in tracks], faces, reach))

    def _corrected(self, track: _Track, detection: Face, time_s: float) -> Face:
        """A known face that was detected: where it was followed to, unless the detector contradicts."""
        expected = track.expected(time_s)
        if self.follow and not track.lost and expected.box.iou(detection.box) >= TRUSTED_IOU:
            return expected
        return replace(detection, track_id=track.id)

    @staticmethod
    def _without_duplicates(faces: Sequence[Face], known: dict[int, _Track], time_s: float) -> list[Face]:
        """Of candidates that ended on one face, the one that had the shortest way there; known ids before new ones.

        The face in front of a crossing is where it was expected; the one behind it was drawn over, and is lost
        until it shows again.
        """

        def claim(face: Face) -> tuple[float, float]:
            if face.track_id is None:
                return (np.inf, -face.score)
            return (known[face.track_id].surprise(face, time_s), face.track_id)

        return without_duplicates(sorted(faces, key=claim) if len(faces) > 1 else faces)


@dataclass(eq=False)
class _Track:
    """One identity: its last raw face, when that was, and how it moves."""

    id: int
    face: Face
    time_s: float
    lost: bool = False
    velocity: FloatArray = field(default_factory=lambda: np.zeros(2))  # px per second

    def expected(self, time_s: float) -> Face:
        """The face where it should be at ``time_s``: moved on at its velocity, which fades when it is lost."""
        return _moved(self.face, self._shift(time_s))

    def surprise(self, face: Face, time_s: float) -> float:
        """How far ``face`` is from where this track was expected, in face sizes."""
        away = _centre(face) - _centre(self.face) - self._shift(time_s)
        return float(np.linalg.norm(away) / max(face_size(self.face), 1e-6))

    def _shift(self, time_s: float) -> FloatArray:
        return np.asarray(self.velocity * COASTING_S * (1 - np.exp(-(time_s - self.time_s) / COASTING_S)))

    def observe(self, face: Face, time_s: float) -> None:
        step = time_s - self.time_s
        if step > 0:
            now = (_centre(face) - _centre(self.face)) / max(step, SHORTEST_STEP)
            self.velocity = self.velocity + VELOCITY_WEIGHT * (now - self.velocity)
        self.face, self.time_s = face, time_s


def _centre(face: Face) -> FloatArray:
    return np.array(face.box.center)


def _moved(face: Face, shift: FloatArray) -> Face:
    """The face in another place, in the layout of its landmarks alone: it only says where to look."""
    (x, y), box, own = shift.tolist(), face.box, face.landmarks
    points = own.points.copy()
    points[:, 0] += x
    points[:, 1] += y
    landmarks = Landmarks(points, own.visibility, own.sigma, own.scheme)
    box = Box(box.x0 + x, box.y0 + y, box.x1 + x, box.y1 + y)
    return Face(box, face.score, landmarks, face.track_id, face.readings)
