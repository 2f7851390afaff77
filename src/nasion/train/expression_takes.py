"""Short sequences of people who do not exist: neutral, then an expression, or something that is none.

An expression is the action units of its FACS recipe at strengths of the person's own, with units of nobody's recipe now
and then, one side a little behind, over lids and eyes that move, on a head that turns. What is none (``neutral``) is
talk, blinks, glances and moving the head.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nasion.core import FloatArray, IntArray
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.expression.sequence.features import CORNERS, FRAMES, SHORT_PX, change_tensor, upright
from nasion.expression.sequence.presets import Preset
from nasion.synth.model import HeadModel
from nasion.synth.parameters import ACTION_UNITS, N_IDENTITY, HeadParameters
from nasion.synth.presets import EXPRESSIONS
from nasion.synth.sampling import SceneOptions, sample_scene
from nasion.synth.scene import Scene, place

EMOTIONS = tuple(name for name in EXPRESSIONS if name != "neutral")
CLASSES = (*EMOTIONS, "neutral")
SPEECH = (18, 20, 22, 24, 25, 26)
LOOSE = tuple(unit for unit in ACTION_UNITS if unit not in (27, 28, 43, 45))
YAW, PITCH, ROLL = 20.0, 12.0, 12.0  # degrees, of the head on the first frame
RENDERS = SceneOptions(
    yaw=(-YAW, YAW), pitch=(-PITCH, PITCH), roll=(-ROLL, ROLL), size=(192, 192), fill=(0.5, 0.7), expression="neutral"
)
CORNER_POINTS = tuple(point for eye in CORNERS for point in eye)


@dataclass(frozen=True, slots=True)
class Take:
    """One sequence as it is played.

    Attributes:
        subject: number of the person.
        label: index in ``CLASSES``.
        heads: one a frame.
        turns: (T, 3) degrees, yaw, pitch, roll of the head on each frame.
    """

    subject: int
    label: int
    heads: tuple[HeadParameters, ...]
    turns: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Takes:
    """Sequences ready to be looked at.

    Attributes:
        solid: (S, T, P + 4, 3) float32 mm, head frame: the preset's points, then the corners of the eyes.
        turns: (S, T, 3) float32 degrees.
        label: (S,) index in ``CLASSES``.
        subject: (S,).
    """

    solid: FloatArray
    turns: FloatArray
    label: IntArray
    subject: IntArray

    def part(self, rows: IntArray) -> Takes:
        """Some of the sequences."""
        return Takes(self.solid[rows], self.turns[rows], self.label[rows], self.subject[rows])


def takes(seed: int, people: int, each: int = 1, classes: Sequence[str] = CLASSES, first: int = 0) -> Iterator[Take]:
    """Every person with ``each`` sequences of every class; the same seed and number give the same person."""
    for subject in range(first, first + people):
        rng = np.random.default_rng((seed, subject))
        identity = np.clip(rng.normal(0, 0.95, N_IDENTITY), -2.8, 2.8).astype(np.float32)
        habit = {int(unit): float(rng.uniform(0, 0.12)) for unit in rng.choice(LOOSE, 2, replace=False)}
        manner = {unit: float(rng.uniform(0.6, 1.15)) for unit in ACTION_UNITS}
        for _ in range(each):
            for name in classes:
                yield _take(rng, subject, identity, habit, manner, name)


def _take(
    rng: np.random.Generator, subject: int, identity: FloatArray, habit: dict[int, float], manner: dict[int, float],
    name: str,
) -> Take:  # fmt: skip
    share = _course(rng)
    units: dict[int, FloatArray] = {unit: np.full((FRAMES, 2), value) for unit, value in habit.items()}
    if name == "neutral":
        _idle(rng, units)
    else:
        strength = rng.uniform(0.45, 1.0)
        recipe = dict(EXPRESSIONS[name])
        if len(recipe) > 2 and rng.random() < 0.2:  # nobody shows all of a recipe every time
            del recipe[int(rng.choice(list(recipe)))]
        behind = rng.uniform(0.8, 1.0, 2) if rng.random() < 0.4 else np.ones(2)
        for unit, pair in recipe.items():
            both = np.broadcast_to(np.asarray(pair, float), 2)
            both = both[::-1] if name == "contempt" and rng.random() < 0.5 else both
            _raise(units, unit, share[:, None] * both * behind * strength * manner[unit] * rng.uniform(0.8, 1.15))
        if rng.random() < 0.4:
            _raise(units, int(rng.choice(LOOSE)), share[:, None] * rng.uniform(0, 0.25) * np.ones(2))
    if rng.random() < 0.2:
        units[45] = np.zeros((FRAMES, 2))
        units[45][rng.integers(1, FRAMES)] = rng.uniform(0.2, 1)
    look = rng.normal(0, (7, 4)) + np.cumsum(rng.normal(0, (1.5, 1.0), (FRAMES, 2)) * (rng.random() < 0.4), axis=0)
    heads = tuple(
        HeadParameters(
            identity=identity, hair="bald", gaze=((float(look[k, 0]), float(look[k, 1])),) * 2,
            expression={u: (float(a), float(b)) for u, (a, b) in ((u, np.clip(t[k], 0, 1)) for u, t in units.items())},
        )
        for k in range(FRAMES)
    )  # fmt: skip
    start = np.clip(rng.normal(0, (9, 6, 5)), (-YAW, -PITCH, -ROLL), (YAW, PITCH, ROLL))
    moving = rng.choice([0.3, 1.0, 3.0]) * (1.0 if name != "neutral" else 1.6)
    return Take(subject, CLASSES.index(name), heads, start + _wander(rng, moving))


def _course(rng: np.random.Generator) -> FloatArray:
    """(5,) share of the expression on each frame: rising, held, or already falling; 0 on the first."""
    k, kind = np.arange(FRAMES) / (FRAMES - 1), rng.random()
    if kind < 0.55:
        share = k ** rng.uniform(0.6, 1.5)
    elif kind < 0.85:
        share = np.clip(k / rng.uniform(0.2, 0.7), 0, 1)
    else:
        share = np.concatenate([[0], np.linspace(1, rng.uniform(0.35, 0.8), FRAMES - 1)])
    return np.asarray(share * share * share * (10 - 15 * share + 6 * share * share))


def _idle(rng: np.random.Generator, units: dict[int, FloatArray]) -> None:
    """Talk, a trace of some unit, or nothing."""
    kind = rng.random()
    if kind < 0.45:
        for unit in rng.choice(SPEECH, int(rng.integers(1, 4)), replace=False):
            _raise(
                units, int(unit), rng.uniform(0, 0.6, (FRAMES, 1)) * np.ones(2) * np.array([[0], *[[1]] * (FRAMES - 1)])
            )
    elif kind < 0.75:
        size = np.array([0, *rng.uniform(0, 0.2, FRAMES - 1)])
        _raise(units, int(rng.choice(LOOSE)), size[:, None] * np.ones(2))


def _raise(units: dict[int, FloatArray], unit: int, track: FloatArray) -> None:
    units[unit] = np.maximum(units.get(unit, np.zeros((FRAMES, 2))), track)


def _wander(rng: np.random.Generator, size: float) -> FloatArray:
    """(5, 3) degrees that the head turns on, from 0: a drift with a little tremor."""
    drift = np.linspace(0, 1, FRAMES)[:, None] * rng.normal(0, (1.5, 1.2, 1.0)) * size
    tremor = rng.normal(0, 0.15, (FRAMES, 3))
    return np.asarray(drift + tremor - tremor[0])


def solid(played: Iterator[Take], chosen: Preset) -> Takes:
    """The points of sequences straight from the head's mesh: 8 ms each, where rendering takes seconds."""
    model = HeadModel.load()
    rows = np.concatenate([chosen.points, CORNER_POINTS])
    points, turns, label, subject = [], [], [], []
    for take in played:
        points.append(np.stack([model.points(head)[rows] for head in take.heads]).astype(np.float32))
        turns.append(take.turns.astype(np.float32))
        label.append(take.label)
        subject.append(take.subject)
    return Takes(np.stack(points), np.stack(turns), np.array(label), np.array(subject))


def projected(found: Takes, rng: np.random.Generator, eyes_px: float | None = None) -> FloatArray:
    """(S, T, P + 4, 2) px without noise: each sequence before a camera of its own.

    Args:
        eyes_px: distance between the eyes; None draws 45 to 140 px.
    """
    count = len(found.label)
    yaw, pitch, roll = np.moveaxis(found.turns.astype(np.float64), -1, 0)
    turn = angles_to_rotation(yaw, pitch, roll)
    turned = np.einsum("stij,stpj->stpi", turn, found.solid.astype(np.float64))
    distance = rng.uniform(400, 1200, (count, 1, 1))
    flat = turned[..., :2] / (1 + turned[..., 2:] / distance[..., None])
    wanted = rng.uniform(45, 140, count) if eyes_px is None else np.full(count, eyes_px)
    corners = flat[:, 0, -4:]
    apart = np.linalg.norm(corners[:, :2].mean(1) - corners[:, 2:].mean(1), axis=1)
    return np.asarray(flat * (wanted / apart)[:, None, None, None])


def features(points: FloatArray, chosen: Preset) -> FloatArray:
    """(S, T - 1, A) float32 of (S, T, P + 4, 2) px as `projected` gives them."""
    still, apart = upright(points[..., :-4, :], points[..., -4:, :])
    return change_tensor(still, chosen, SHORT_PX / apart.min(-1)).astype(np.float32)


def scenes(take: Take, seed: int) -> list[Scene]:
    """The take before a camera, with skin, hair and light: five scenes to render."""
    base = sample_scene(np.random.default_rng((seed, take.subject, take.label)), RENDERS)
    x, y, z = base.pose.translation
    found = []
    for number, (head, turn) in enumerate(zip(take.heads, take.turns, strict=True)):
        skin = replace(base.head, identity=head.identity, expression=head.expression, gaze=head.gaze)
        yaw, pitch, roll = (float(angle) for angle in turn)
        found.append(replace(base, head=skin, pose=place(yaw, pitch, roll, (x, y, z)), frame=number))
    return found
