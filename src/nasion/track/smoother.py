"""Smooth paths for the points of every face that is followed."""

from __future__ import annotations

from collections.abc import Sequence

from nasion.core import Face, Landmarks
from nasion.track.association import face_size
from nasion.track.one_euro import OneEuroFilter


class Smoother:
    """Passes the points of each identity through One-Euro filters of its own.

    Args:
        max_gap_s: seconds that an identity may be away without its filters being forgotten.
    """

    def __init__(self, max_gap_s: float) -> None:
        self.max_gap_s = max_gap_s
        self._filters: dict[tuple[int, str], OneEuroFilter] = {}  # by identity and scheme
        self._seen: dict[int, float] = {}  # identity to when, s

    def __call__(self, faces: Sequence[Face], time_s: float) -> list[Face]:
        """The faces of the next frame, their points and views smoothed.

        Args:
            faces: with their ids, as `Tracker.update` gives them.
            time_s: seconds, not before the last call's.
        """
        self._seen |= {face.track_id: time_s for face in faces if face.track_id is not None}
        gone = {number for number, last in self._seen.items() if time_s - last > self.max_gap_s}
        if gone:
            self._seen = {number: last for number, last in self._seen.items() if number not in gone}
            self._filters = {key: value for key, value in self._filters.items() if key[0] not in gone}
        return [face if face.track_id is None else self._smooth(face, face.track_id, time_s) for face in faces]

    def _smooth(self, face: Face, number: int, time_s: float) -> Face:
        size = face_size(face)

        def smooth(landmarks: Landmarks) -> Landmarks:
            one_euro = self._filters.setdefault((number, landmarks.scheme.name), OneEuroFilter())
            points, views = one_euro(landmarks.points, time_s, size), landmarks.views
            if views:
                views = {name: smooth(view) for name, view in views.items()}
            return Landmarks(points, landmarks.visibility, landmarks.sigma, landmarks.scheme, views)

        return Face(face.box, face.score, smooth(face.landmarks), face.track_id, face.readings)
