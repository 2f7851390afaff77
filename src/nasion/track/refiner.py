"""Learned refinement of tracks: a small network looks at each point over a few frames and says where it really was.

Source: He and Yang, "Video-Based Human Pose Regression via Decoupled Space-Time Aggregation", CVPR 2024 (DSTA); here on
the landmarker's points, visibility and sigma in place of image features, see ``nasion.train.dsta``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nasion.core import Face, FloatArray, InputError, Landmarks, ModelError, scheme
from nasion.models import Session

LAYOUT = ("dense478", "ibug68")  # the points a refiner works on, in this order: those of the embedded landmarker
PAST, AHEAD = 4, 2  # frames before and after the one refined
LONGEST_S = 0.3  # farther away in time a frame says nothing about this one
INPUTS, OUTPUTS = ("points", "sigma", "visibility", "time", "seen"), ("refined", "spread", "weights")


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What one frame says of one face: N points in ``LAYOUT``.

    Attributes:
        points: (N, 3) float32 px, depth 0 where the layout has none.
        sigma: (N,) float32 px.
        visibility: (N,) float32, 0..1.
    """

    points: FloatArray
    sigma: FloatArray
    visibility: FloatArray


def together(landmarks: Landmarks) -> Observed:
    """The dense points and the 68 in one row.

    Raises:
        InputError: the landmarks do not carry both as the model placed them.
    """
    dense, sparse = LAYOUT
    if landmarks.scheme.name != dense or sparse not in landmarks.views:
        raise InputError(
            f"temporal refinement works on the {dense} and {sparse} points of one landmarker, such as the embedded "
            f"one; these are {landmarks.scheme.name} points: leave the refinement out"
        )
    parts = (landmarks, landmarks.views[sparse])
    flat = [np.pad(part.points, ((0, 0), (0, 3 - part.points.shape[1]))) for part in parts]
    return Observed(
        np.concatenate(flat).astype(np.float32),
        np.concatenate([part.sigma for part in parts]),
        np.concatenate([part.visibility for part in parts]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Refined:
    """Of F faces.

    Attributes:
        points: (F, N, 3) float32 px.
        sigma: (F, N) float32 px, how far a point is expected to stand from its own steady place, per axis: what changes
            from frame to frame, not what the landmarker always does.
    """

    points: FloatArray
    sigma: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Moment:
    time_s: float
    faces: list[Face]
    seen: Mapping[int, Observed]


class Refiner:
    """Refines the points of every followed face from a few frames around each.

    Args:
        model: a name of the catalogue or an ONNX file of ``nasion train dsta``.
        ahead: frames after the one refined that it waits for, 0..2: 0 for live use, 2 refines better.
        device, threads: as for ``nasion.models.Session``.

    Raises:
        ModelError: the model cannot be loaded, or is no refiner.
        InputError: ``ahead`` is out of range.
    """

    def __init__(
        self, model: str | Path = "refiner", *, ahead: int = AHEAD, device: str = "cpu", threads: int | None = 1
    ) -> None:
        if not 0 <= ahead <= AHEAD:
            raise InputError(f"a refiner looks 0 to {AHEAD} frames ahead, got {ahead}")
        self.session = Session(model, device=device, threads=threads)
        if set(self.session.input_shapes) != set(INPUTS) or set(self.session.output_names) != set(OUTPUTS):
            raise ModelError(
                f"{self.session.path} is no refiner: it takes {', '.join(self.session.input_shapes)} where "
                f"{', '.join(INPUTS)} are wanted; make one with `nasion train dsta`"
            )
        self.ahead = ahead
        self.reset()

    def fresh(self, ahead: int) -> Refiner:
        """One with the same model for another clip."""
        other = copy(self)
        other.ahead = ahead
        other.reset()
        return other

    def reset(self) -> None:
        """Forget the clip."""
        self._past: deque[_Moment] = deque(maxlen=PAST + 1 + AHEAD)
        self._waiting = 0  # of the newest moments, how many have not been refined

    def feed(self, faces: Sequence[Face], time_s: float) -> list[Face] | None:
        """Take the next frame.

        Args:
            faces: with their ids, as `Tracker.update` gives them; those without an id pass as they are.
            time_s: seconds, not before the last call's.

        Returns:
            The refined faces of the frame ``ahead`` frames ago; None while there is none yet.

        Raises:
            InputError: the landmarks are not those of the embedded landmarker's kind.
        """
        seen = {face.track_id: together(face.landmarks) for face in faces if face.track_id is not None}
        self._past.append(_Moment(time_s, list(faces), seen))
        self._waiting += 1
        return self._refine(len(self._past) - 1 - self.ahead) if self._waiting > self.ahead else None

    def flush(self) -> Iterator[list[Face]]:
        """The refined faces of the frames still waited for at the end of a clip, in order."""
        while self._waiting:
            yield self._refine(len(self._past) - self._waiting)

    def _refine(self, at: int) -> list[Face]:
        self._waiting -= 1
        now = self._past[at]
        numbers = list(now.seen)
        if not numbers:
            return now.faces
        steps = range(at - PAST, at + AHEAD + 1)
        windows = [[self._observed(step, number, now.time_s) for step in steps] for number in numbers]
        times = [self._past[step].time_s - now.time_s if 0 <= step < len(self._past) else 0.0 for step in steps]
        refined = self.refine(windows, np.tile(np.array(times, np.float32), (len(numbers), 1)))
        place = {number: row for row, number in enumerate(numbers)}
        return [
            face if face.track_id is None else _placed(face, refined.points[place[face.track_id]]) for face in now.faces
        ]

    def _observed(self, step: int, number: int, time_s: float) -> Observed | None:
        if not 0 <= step < len(self._past) or abs(self._past[step].time_s - time_s) > LONGEST_S:
            return None
        return self._past[step].seen.get(number)

    def refine(self, windows: Sequence[Sequence[Observed | None]], times: FloatArray) -> Refined:
        """Refine the middle frame of each window.

        Args:
            windows: for each of F faces the ``PAST + 1 + AHEAD`` frames around it, None where it was not seen; the
                middle one, number ``PAST``, must be there.
            times: (F, T) s from the middle frame.
        """
        middle = [window[PAST] for window in windows]
        assert all(one is not None for one in middle), "a window is made around a face that was seen"
        filled = [[one or mid for one in window] for window, mid in zip(windows, middle, strict=True)]
        solid = np.stack([[one.points for one in window if one is not None] for window in filled])
        out = self.session.run(
            {
                "points": np.ascontiguousarray(solid[..., :2]),
                "sigma": np.stack([[one.sigma for one in window if one is not None] for window in filled]),
                "visibility": np.stack([[one.visibility for one in window if one is not None] for window in filled]),
                "time": np.asarray(times, np.float32),
                "seen": np.array([[one is not None for one in window] for window in windows], np.float32),
            }
        )
        depth = np.einsum("fnt,ftn->fn", out["weights"], solid[..., 2])
        return Refined(np.concatenate([out["refined"], depth[..., None]], axis=2).astype(np.float32), out["spread"])


def _placed(face: Face, points: FloatArray) -> Face:
    """The face with refined points; its visibility and sigma stay the landmarker's, which know its own bias."""
    own, views, first = face.landmarks, dict(face.landmarks.views), len(scheme(LAYOUT[0]))
    sparse = views[LAYOUT[1]]
    views[LAYOUT[1]] = replace(sparse, points=points[first:, : sparse.points.shape[1]])
    return replace(face, landmarks=replace(own, points=points[:first, : own.points.shape[1]], views=views))
