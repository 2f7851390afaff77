"""A flat world of faces that move, hide each other and leave, with a detector and a landmarker that see it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nasion.core import Box, Face, Landmarks, scheme
from nasion.track import Tracker

FIVE = np.array([[0.3, 0.4], [-0.3, 0.4], [0.0, 0.0], [0.2, -0.4], [-0.2, -0.4]]) * (0.5, -0.5)


def face_at(x: float, y: float, size: float, *, turn: float = 0.0, score: float = 0.9) -> Face:
    """A face of side ``size`` px around (x, y); ``turn`` (-1..1) moves the nose sideways."""
    points = FIVE * size + (x, y)
    points[2, 0] += turn * 0.2 * size
    box = Box(x - size / 2, y - size / 2, x + size / 2, y + size / 2)
    return Face(box, score, Landmarks.from_points(points, scheme("coarse5")))


@dataclass(frozen=True)
class Person:
    """A face on a path: ``where(time_s)`` gives (x, y) px, or None while away. Larger ``depth`` is behind."""

    where: Callable[[float], tuple[float, float] | None]
    size: float = 100.0
    depth: float = 1.0
    turn: float = 0.0


@dataclass(frozen=True)
class World:
    people: Sequence[Person]

    def visible(self, time_s: float) -> dict[int, Face]:
        """Each face that can be seen, by its person's number. Faces half covered by a nearer one cannot."""
        faces = {
            i: face_at(*spot, person.size, turn=person.turn)
            for i, person in enumerate(self.people)
            if (spot := person.where(time_s)) is not None
        }
        return {i: face for i, face in faces.items() if not any(self._hides(j, i, faces) for j in faces)}

    def _hides(self, front: int, back: int, faces: dict[int, Face]) -> bool:
        if self.people[front].depth >= self.people[back].depth:
            return False
        return faces[front].box.iou(faces[back].box) > 0.3

    def detect(self, time_s: float) -> list[Face]:
        return list(self.visible(time_s).values())

    def place(self, candidates: Sequence[Face], time_s: float) -> list[Face]:
        """Points snap to the nearest face that can be seen, as a real landmarker's do, or find nothing."""
        placed = []
        for face in candidates:
            nearest = min(self.visible(time_s).values(), key=lambda f: _distance(f, face), default=None)
            if nearest is None or _distance(nearest, face) > 0.6 * nearest.box.width:
                placed.append(replace(face, score=0.05))
            else:
                placed.append(replace(nearest, track_id=face.track_id, score=0.95))
        return placed

    def owners(self, faces: Sequence[Face], time_s: float) -> dict[int, int]:
        """Person's number to track id, for this frame."""
        truth = self.visible(time_s)
        owner = {min(truth, key=lambda i: _distance(truth[i], face)): face.track_id for face in faces}
        assert len(owner) == len(faces), "two tracks on one face"
        return {i: track for i, track in owner.items() if track is not None}


def step(tracker: Tracker, world: World, time_s: float) -> list[Face]:
    """One frame, as the Analyzer does it."""
    detected = tracker.due()
    placed = world.place(tracker.candidates(time_s, world.detect(time_s) if detected else None), time_s)
    if not detected and any(face.score < tracker.keep for face in placed):
        detected = True
        placed = world.place(tracker.candidates(time_s, world.detect(time_s)), time_s)
    return tracker.update(time_s, placed)


def ids_by_person(tracker: Tracker, world: World, times: Sequence[float]) -> dict[int, list[int]]:
    """The distinct ids that each person had, in the order they came."""
    history: dict[int, list[int]] = {}
    for time_s in times:
        for person, track in world.owners(step(tracker, world, time_s), time_s).items():
            ids = history.setdefault(person, [])
            if track not in ids:
                ids.append(track)
    return history


def _distance(a: Face, b: Face) -> float:
    return float(np.hypot(*np.subtract(a.box.center, b.box.center)))
