"""What happens in a clip, person by person: blinks and wakefulness, attention, expressions shown.

Tasks of a frame read one picture. Tasks of a clip need the whole of it: `ClipReader` keeps a few numbers of every face
while the frames go by, and looks at each person's curves at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasion.core import Face, FloatArray, InputError, Pose, SchemeError
from nasion.expression.sequence import ShownExpression, ShownTrack, shown_spans
from nasion.eyes import Blink, Lids, Mouth, Window, Yawn, detect_blinks, detect_yawns, windows
from nasion.metrics import BlinkTrack
from nasion.pipeline.task import CLIP_TASKS
from nasion.pose import Attention, Orientation, attention, head_orientation, spans

SEEN = 0.3  # reliability below which lids are left out; closing lids lower it, so the bar is below the usual half
SHORTEST_S = 1.0  # people seen for less are not looked at


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person through a clip.

    Attributes:
        track_id: who.
        time_s: (N,) seconds of the frames with the face.
        boxes: (N, 4) px, the face.
        frames: (N,) numbers of these frames, from 0.
        opening: (N,) degrees between the lids, NaN where they could not be seen; empty without task ``blinks``.
        blinks, yawns, windows: see `nasion.eyes`; empty without task ``blinks``.
        orientation, attention: see `nasion.pose`; None without task ``attention``.
        shown: see `nasion.expression.sequence`; None without task ``expression``.
        problem: why there are no blinks, such as too few frames per second; else empty.
    """

    track_id: int
    time_s: FloatArray
    boxes: FloatArray
    frames: FloatArray
    opening: FloatArray
    blinks: tuple[Blink, ...]
    yawns: tuple[Yawn, ...]
    windows: tuple[Window, ...]
    orientation: Orientation | None
    attention: Attention | None
    shown: ShownTrack | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ClipReport:
    """What happened in a clip.

    Attributes:
        tasks: of the clip, as asked for.
        frame_times: (F,) seconds of all frames.
        people: those seen for a second or more, in the order they came.
    """

    tasks: tuple[str, ...]
    frame_times: FloatArray
    people: tuple[Person, ...]

    @property
    def clip_s(self) -> float:
        """From the first frame to the end of the last."""
        if len(self.frame_times) < 2:
            return 0.0
        return float(self.frame_times[-1] - self.frame_times[0] + np.median(np.diff(self.frame_times)))

    def events(self, source: str = "") -> list[dict[str, Any]]:
        """Rows of the table of events (`nasion.media.event_table`), by person and time."""
        rows = [
            {"source": source, "track_id": person.track_id, **row} for person in self.people for row in _events(person)
        ]
        return sorted(rows, key=lambda row: (row["track_id"], row["start_s"]))

    def blink_tracks(self) -> list[BlinkTrack]:
        """The people as `nasion.metrics.blink_score` takes them: boxes on every frame, blinks in frames."""
        return [_track(person, self.frame_times) for person in self.people]


class ClipReader:
    """Keeps what tasks of a clip need from every frame.

    Args:
        tasks: names in ``CLIP_TASKS``. The faces must carry the readings that these need.
        expression: name or file of the network of task ``expression``.
    """

    def __init__(self, tasks: Sequence[str], *, expression: str | Path = "expression") -> None:
        for name in tasks:
            if name not in CLIP_TASKS:
                raise InputError(f"there is no task {name!r} of a clip; there are {', '.join(CLIP_TASKS)}")
        self.tasks = tuple(dict.fromkeys(tasks))
        self._times: list[float] = []
        self._rows: dict[int, list[tuple[float, ...]]] = {}
        self._shown = ShownExpression(expression) if "expression" in self.tasks else None
        self._points: dict[int, list[tuple[FloatArray, FloatArray]]] = {}

    def add(self, faces: Sequence[Face], time_s: float) -> None:
        """One frame, with its faces and their ids; times must rise."""
        frame = len(self._times)
        self._times.append(time_s)
        for face in faces:
            if face.track_id is not None:
                row = (frame, time_s, *face.box.to_array(), *_values(face))
                self._rows.setdefault(face.track_id, []).append(row)
                if self._shown is not None:
                    self._points.setdefault(face.track_id, []).append(_upright(self._shown, face))

    def finish(self) -> ClipReport:
        """Look at everybody's curves."""
        times = np.array(self._times)
        clip_s = ClipReport(self.tasks, times, ()).clip_s
        people = [self._person(track, np.array(rows), clip_s) for track, rows in sorted(self._rows.items())]
        return ClipReport(
            self.tasks, times, tuple(p for p in people if np.ptp(p.time_s) >= min(SHORTEST_S, clip_s / 2))
        )

    def _person(self, track: int, rows: FloatArray, clip_s: float) -> Person:
        frames, time_s, opening, mouth, yaw, pitch, trust = rows[:, [0, 1, 6, 7, 8, 9, 10]].T
        blinks: list[Blink] = []
        yawns: list[Yawn] = []
        stretches: list[Window] = []
        problem, faced, seen = "", None, None
        if "blinks" in self.tasks:
            try:
                blinks = detect_blinks(time_s, opening)
                yawns = detect_yawns(time_s, mouth)
                stretches = windows(time_s, opening, blinks, yawns)
            except InputError as error:
                problem = str(error)
        if "attention" in self.tasks:
            faced = head_orientation(time_s, yaw, pitch, reliability=trust)
            seen = attention(faced, clip_s)
        shown = None
        if self._shown is not None:
            still, apart = (np.stack(part) for part in zip(*self._points[track], strict=True))
            shown = self._shown.track(time_s, still, apart, rows[:, 8:10])
        return Person(
            track, time_s, rows[:, 2:6], frames.astype(int), opening if "blinks" in self.tasks else np.empty(0),
            tuple(blinks), tuple(yawns), tuple(stretches), faced, seen, shown, problem,
        )  # fmt: skip


def split_tasks(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tasks of a clip taken apart.

    Returns:
        The tasks of a frame that are asked for or needed, and the tasks of the clip.
    """
    whole = tuple(name for name in names if name in CLIP_TASKS)
    needed = [need for name in whole for need in CLIP_TASKS[name]]
    return tuple(dict.fromkeys([*(name for name in names if name not in CLIP_TASKS), *needed])), whole


def _upright(shown: ShownExpression, face: Face) -> tuple[FloatArray, FloatArray]:
    try:
        still, apart = shown.upright(face.landmarks.to("dense478").points)
    except SchemeError as error:
        raise InputError(
            f"task expression reads the dense points ({error}): leave --scheme and --landmarker out"
        ) from error
    return still.astype(np.float32), apart


def _values(face: Face) -> tuple[float, float, float, float, float]:
    """Opening of the lids, of the mouth, yaw, pitch, reliability of the pose; NaN for what was not read."""
    lids, mouth, pose = (face.readings.get(name) for name in ("lids", "mouth", "pose"))
    nan = float("nan")
    return (
        lids.opening if isinstance(lids, Lids) and lids.reliability >= SEEN else nan,
        mouth.opening if isinstance(mouth, Mouth) and mouth.reliability >= 0.5 else nan,
        *((pose.yaw, pose.pitch, pose.reliability) if isinstance(pose, Pose) else (nan, nan, 0.0)),
    )


def _events(person: Person) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {
            "event": "long_closure" if blink.long else "blink", "start_s": blink.start_s, "end_s": blink.end_s,
            "score": blink.score, "closing_s": blink.closing_s, "closed_s": blink.closed_s,
            "reopening_s": blink.reopening_s, "amplitude": blink.amplitude, "closing_speed": blink.closing_speed,
            "reopening_speed": blink.reopening_speed, "amplitude_velocity_s": blink.amplitude_velocity_s,
            "area": blink.area, "gap_s": blink.gap_s,
        }
        for blink in person.blinks
    ]  # fmt: skip
    rows += [{"event": "yawn", "start_s": yawn.start_s, "end_s": yawn.end_s} for yawn in person.yawns]
    for span in spans(person.orientation) if person.orientation is not None else ():
        name = "unseen" if span.label == "unknown" else f"faces_{span.label}"
        rows.append({"event": name, "start_s": span.start_s, "end_s": span.end_s, "score": span.confidence})
    for shown in shown_spans(person.shown) if person.shown is not None else ():
        name = f"shows_{shown.label}"
        rows.append({"event": name, "start_s": shown.start_s, "end_s": shown.end_s, "score": shown.probability})
    return rows


def _track(person: Person, frame_times: FloatArray) -> BlinkTrack:
    boxes = np.full((len(frame_times), 4), np.nan)
    boxes[person.frames.astype(int)] = person.boxes
    edges = np.array([(blink.start_s, blink.end_s) for blink in person.blinks]).reshape(-1, 2)
    # half open: the first frame not before the start, and the first one after the end
    frames = np.stack(
        [np.searchsorted(frame_times, edges[:, 0]), np.searchsorted(frame_times, edges[:, 1], "right")], 1
    )
    share = len(person.frames) / max(1, len(frame_times))  # who is seen longer is surer to be somebody
    return BlinkTrack(boxes, frames.astype(float), np.array([blink.score for blink in person.blinks]), share)
