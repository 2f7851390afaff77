"""Motion scripts: what a face does over time, with a label for every frame.

- ``blink``: closing 100 ms, closed 50 ms, reopening 200 ms, with scatter (VanderWerf et al., "Eyelid movements", J.
  Neurophysiol. 2003), about every three seconds (Bentivoglio et al., Mov. Disord. 1997, at rest and in talk).
- ``drowsy``: the same with drooping lids, slower phases and, once in eight, a closure of half a second to two seconds
  (Schleicher et al., "Blinks and saccades as indicators of fatigue in sleepiness warnings", Ergonomics 2008).
- ``saccade``: jumps of the gaze that last 21 ms + 2.2 ms per degree (Bahill, Clark and Stark, "The Main Sequence",
  Math. Biosci. 1975), between fixations of 0.2 to 0.6 s.
- ``nod``: two to four nods at about 1.8 Hz, dying away.
- ``speech``: the jaw at the rate of syllables, 4 to 6 Hz, with rounded and spread lips, and pauses.
- ``expression``: onset, apex and offset of a named expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nasion.core import FloatArray, InputError
from nasion.synth.presets import expression
from nasion.synth.sampling import turned
from nasion.synth.scene import Scene

SHUT = 3.0  # degrees between the lids below which an eye counts as closed from the start


@dataclass(frozen=True, slots=True)
class MotionEvent:
    """One blink, saccade, nod, phrase or expression.

    Attributes:
        script: what moves.
        start_s, end_s: seconds from the beginning of the clip.
        detail: numbers that say more, such as the amplitude in degrees.
    """

    script: str
    start_s: float
    end_s: float
    detail: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Motion:
    """Tracks over F frames, added to what the face does anyway.

    Attributes:
        time_s: (F,) seconds.
        units: action unit to (F, 2) intensity, left and right.
        jaw: (F,) degrees.
        gaze: (F, 2) degrees, yaw and pitch of both eyes.
        head: (F, 3) degrees, yaw, pitch, roll about the head's own axes.
        phase: script to (F,) labels.
        events: what happened, in order of time.
        expression: name of the expression shown, empty for none.
    """

    time_s: FloatArray
    units: dict[int, FloatArray]
    jaw: FloatArray
    gaze: FloatArray
    head: FloatArray
    phase: dict[str, list[str]]
    events: list[MotionEvent]
    expression: str = ""

    def __len__(self) -> int:
        return len(self.time_s)

    def scene(self, base: Scene, frame: int) -> Scene:
        """The scene at a frame of the clip."""
        head = base.head
        units = dict(head.expression)
        for unit, track in self.units.items():
            before = head.sides(unit)
            both = np.clip(np.maximum(before, track[frame]), 0, 1)
            units[unit] = (float(both[0]), float(both[1]))
        yaw, pitch = (float(v) for v in self.gaze[frame])
        gaze = tuple((_held(y + yaw, -40, 40), _held(p + pitch, -30, 25)) for y, p in head.gaze)
        jaw = _held(head.jaw + float(self.jaw[frame]), 0, 30)
        turn = [float(angle) for angle in self.head[frame]]
        pose = turned(base.pose, *turn) if any(turn) else base.pose
        named = self.expression if self.phase.get("expression", ["neutral"] * len(self))[frame] != "neutral" else ""
        return replace(
            base,
            head=replace(head, expression=units, gaze=(gaze[0], gaze[1]), jaw=jaw),
            pose=pose,
            expression=named or base.expression,
            frame=frame,
        )

    def scenes(self, base: Scene) -> Iterator[Scene]:
        """The scenes of all frames."""
        return (self.scene(base, frame) for frame in range(len(self)))


def motion(
    scripts: str | Sequence[str],
    seconds: float,
    fps: float,
    rng: np.random.Generator,
    *,
    base: Scene | None = None,
    shown: str = "happy",
) -> Motion:
    """Write a motion from one or several scripts.

    Args:
        scripts: names in ``SCRIPTS``, as a list or with commas between.
        seconds: length, 0.1..600.
        fps: frames per second, 5..2000.
        rng: where chance comes from.
        base: the scene it is for, checked for what cannot move.
        shown: the expression of script ``expression``.

    Raises:
        InputError: unknown scripts, a length or rate out of range, or a script that the scene makes impossible: eyes
            that are shut cannot blink.
    """
    names = [name.strip() for name in scripts.split(",")] if isinstance(scripts, str) else list(scripts)
    for name in names:
        if name not in SCRIPTS:
            raise InputError(f"there is no motion script {name!r}; there are {', '.join(SCRIPTS)}")
    if not names:
        raise InputError(f"a motion needs at least one script of {', '.join(SCRIPTS)}")
    if not 0.1 <= seconds <= 600 or not 5 <= fps <= 2000:
        raise InputError(f"a clip must last 0.1..600 s at 5..2000 frames per second, got {seconds} s at {fps}")
    if base is not None and {"blink", "drowsy"} & set(names) and _shut(base):
        raise InputError(
            "the eyes are shut already, so scripts blink and drowsy would show nothing: open the lids or drop AU 43"
        )
    count = max(1, round(seconds * fps))
    still = np.zeros(count)
    made = Motion(
        np.arange(count) / fps, {}, still.copy(), np.zeros((count, 2)), np.zeros((count, 3)), {}, [],
        shown if "expression" in names else "",
    )  # fmt: skip
    for name in dict.fromkeys(names):
        SCRIPTS[name](made, seconds, rng, shown)
    made.events.sort(key=lambda event: (event.start_s, event.script))
    return made


def _shut(base: Scene) -> bool:
    closed = []
    for side in (0, 1):
        lid = base.head.lids[side]
        shut = max(base.head.sides(43)[side], base.head.sides(45)[side])
        closed.append(lid < SHUT if lid is not None else shut > 0.95)
    return all(closed)


def _held(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _ease(share: FloatArray) -> FloatArray:
    """0..1 to 0..1 by the path of least jerk (Flash and Hogan, J. Neurosci. 1985)."""
    s = np.clip(share, 0, 1)
    return np.asarray(s * s * s * (10 - 15 * s + 6 * s * s))


def _add(made: Motion, unit: int, track: FloatArray) -> None:
    both = np.repeat(track[:, None], 2, axis=1) if track.ndim == 1 else track
    made.units[unit] = np.maximum(made.units.get(unit, np.zeros_like(both)), both)


def _blink(made: Motion, seconds: float, rng: np.random.Generator, _: str) -> None:
    _lids(made, seconds, rng, "blink", (0.1, 0.05, 0.2), (0.015, 0.015, 0.03), 0.4)


def _drowsy(made: Motion, seconds: float, rng: np.random.Generator, _: str) -> None:
    _lids(made, seconds, rng, "drowsy", (0.17, 0.13, 0.35), (0.03, 0.05, 0.07), 0.8, droop=0.25, asleep=0.12)


def _lids(
    made: Motion, seconds: float, rng: np.random.Generator, script: str, usual: tuple[float, float, float],
    scatter: tuple[float, float, float], longest: float, droop: float = 0.0, asleep: float = 0.0,
) -> None:  # fmt: skip
    """Blinks with these durations of closing, closed and reopening, s; ``asleep`` of them stay shut for 0.5 to 2 s."""
    t = made.time_s
    closed = np.full(len(t), droop)
    labels = np.full(len(t), "open", object)
    start = float(rng.uniform(0.15, 0.6))
    while start < seconds:
        down, shut, up = (float(v) for v in np.clip(rng.normal(usual, scatter), 0.02, longest))
        if asleep and rng.random() < asleep:
            shut = float(rng.uniform(0.5, 2))
        bottom, lift, end = start + down, start + down + shut, start + down + shut + up
        pulse = _ease((t - start) / down) * (1 - _ease((t - lift) / up) ** 0.8)
        closed = np.maximum(closed, droop + (1 - droop) * pulse)
        labels[(t >= start) & (t < bottom)] = "closing"
        labels[(t >= bottom) & (t < lift)] = "closed"
        labels[(t >= lift) & (t < end)] = "reopening"
        made.events.append(MotionEvent(script, start, end, {"closing_s": down, "closed_s": shut, "reopening_s": up}))
        start = end + float(np.clip(rng.exponential(2.6), 0.3, 9))
    _add(made, 45, closed)
    made.phase[script] = list(labels)


def _saccade(made: Motion, seconds: float, rng: np.random.Generator, _: str) -> None:
    t = made.time_s
    labels = np.full(len(t), "fixation", object)
    track = np.zeros((len(t), 2))
    here = np.zeros(2)
    start = float(rng.uniform(0.1, 0.4))
    while start < seconds:
        there = np.clip(rng.normal(0, (11, 6)), (-24, -14), (24, 14))
        size = float(np.hypot(*(there - here)))
        if size < 1.5:
            continue
        lasting = 0.021 + 0.0022 * size
        track = track + (there - here) * _ease((t - start) / lasting)[:, None]
        labels[(t >= start) & (t < start + lasting)] = "saccade"
        made.events.append(MotionEvent("saccade", start, start + lasting, {"amplitude_deg": size}))
        here = there
        start += lasting + float(np.clip(rng.lognormal(np.log(0.33), 0.4), 0.15, 1.2))
    made.gaze = made.gaze + track
    made.phase["saccade"] = list(labels)


def _nod(made: Motion, seconds: float, rng: np.random.Generator, _: str) -> None:
    t = made.time_s
    labels = np.full(len(t), "still", object)
    start = float(rng.uniform(0.1, 0.4))
    while start < seconds:
        rate, times, depth = rng.uniform(1.4, 2.2), int(rng.integers(2, 5)), rng.uniform(6, 13)
        end = start + times / rate
        inside = (t >= start) & (t < end)
        phase = (t - start) * rate
        made.head[inside, 1] -= (depth * 0.72 ** np.floor(phase) * (0.5 - 0.5 * np.cos(2 * np.pi * phase)))[inside]
        labels[inside] = "nod"
        detail = {"nods": float(times), "amplitude_deg": float(depth), "rate_hz": float(rate)}
        made.events.append(MotionEvent("nod", start, float(end), detail))
        start = float(end + rng.uniform(0.6, 2.5))
    made.phase["nod"] = list(labels)


def _speech(made: Motion, seconds: float, rng: np.random.Generator, _: str) -> None:
    t = made.time_s
    labels = np.full(len(t), "silence", object)
    jaw = np.zeros(len(t))
    lips = {unit: np.zeros(len(t)) for unit in (18, 20, 22, 24, 25)}
    start = float(rng.uniform(0.05, 0.3))
    while start < seconds:
        syllables = int(rng.integers(3, 12))
        at = start
        for _syllable in range(syllables):
            lasting = 1 / rng.uniform(4, 6)
            wave = _pulse(t, at, lasting)
            opening = rng.uniform(2.5, 10)
            jaw = np.maximum(jaw, opening * wave)
            lips[25] = np.maximum(lips[25], (0.25 + opening / 25) * wave)
            shape = int(rng.choice([18, 20, 22, 25]))
            lips[shape] = np.maximum(lips[shape], rng.uniform(0.2, 0.65) * wave)
            if rng.random() < 0.3:  # m, b, p: the lips press before the vowel
                lips[24] = np.maximum(lips[24], 0.5 * _pulse(t, at - 0.3 * lasting, 0.5 * lasting))
            at += lasting
        labels[(t >= start) & (t < at)] = "speech"
        made.events.append(MotionEvent("speech", start, float(at), {"syllables": float(syllables)}))
        start = float(at + rng.uniform(0.25, 0.9))
    made.jaw = made.jaw + jaw
    for unit, track in lips.items():
        _add(made, unit, track)
    made.phase["speech"] = list(labels)


def _pulse(t: FloatArray, start: float, lasting: float) -> FloatArray:
    share = np.clip((t - start) / lasting, 0, 1)
    return np.asarray(np.sin(np.pi * share) ** 2)


def _expression(made: Motion, seconds: float, rng: np.random.Generator, shown: str) -> None:
    t = made.time_s
    units = expression(shown)
    scale = min(1.0, seconds / 3.0)  # a short clip still shows all phases
    first, rise, hold, fall = scale * rng.uniform((0.2, 0.35, 0.8, 0.5), (0.5, 0.7, 1.3, 0.9))
    apex, offset, end = first + rise, first + rise + hold, first + rise + hold + fall
    strength = _ease((t - first) / rise) * (1 - _ease((t - offset) / fall))
    for unit, pair in units.items():
        _add(made, unit, strength[:, None] * np.array(pair))
    labels = np.full(len(t), "neutral", object)
    labels[(t >= first) & (t < apex)] = "onset"
    labels[(t >= apex) & (t < offset)] = "apex"
    labels[(t >= offset) & (t < end)] = "offset"
    made.phase["expression"] = list(labels)
    made.events.append(
        MotionEvent("expression", float(first), float(end), {"apex_s": float(apex), "offset_s": float(offset)})
    )


Script = Callable[[Motion, float, np.random.Generator, str], None]
SCRIPTS: dict[str, Script] = {
    "blink": _blink,
    "drowsy": _drowsy,
    "saccade": _saccade,
    "nod": _nod,
    "speech": _speech,
    "expression": _expression,
}
