"""Everything that can be set on a synthetic head, checked."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from nasion.core import FloatArray
from nasion.core.errors import InputError

N_IDENTITY: Final = 40
N_ASYMMETRIC: Final = 6  # of them, the last ones: how the two sides of a face differ
N_ALBEDO: Final = 24
ACTION_UNITS: Final = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 16, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28, 43, 45)
HAIR_STYLES: Final = ("bald", "buzz", "short", "parted", "bob", "long", "tied", "receding")
HAIR_COLOURS: Final = {  # linear RGB reflectance
    "black": (0.013, 0.011, 0.010),
    "dark_brown": (0.036, 0.022, 0.014),
    "brown": (0.085, 0.048, 0.026),
    "auburn": (0.13, 0.045, 0.020),
    "red": (0.26, 0.085, 0.028),
    "dark_blond": (0.20, 0.125, 0.062),
    "blond": (0.42, 0.28, 0.14),
    "grey": (0.26, 0.25, 0.24),
    "white": (0.58, 0.57, 0.54),
}
IRIS_COLOURS: Final = {  # linear RGB reflectance, mid iris
    "dark_brown": (0.030, 0.014, 0.007),
    "brown": (0.075, 0.034, 0.014),
    "hazel": (0.12, 0.075, 0.025),
    "green": (0.11, 0.125, 0.060),
    "blue": (0.10, 0.17, 0.27),
    "grey": (0.16, 0.18, 0.19),
}

Pair = tuple[float, float]
LIMIT: Final = 3.5  # standard deviations; farther codes are drawn back
RANGES: Final = {  # name: lowest and highest value
    "jaw": (0.0, 30.0),
    "tone": (1.0, 10.0),
    "pupil": (2.0, 8.0),
    "brow_weight": (0.0, 1.5),
    "lip_colour": (0.0, 1.0),
    "eye_shadow": (0.0, 1.0),
    "blush": (0.0, 1.0),
    "stubble": (0.0, 1.0),
    "wrinkles": (0.0, 1.0),
    "freckles": (0.0, 1.0),
    "detail": (0.0, 2.0),
}
GAZE_YAW: Final = (-45.0, 45.0)
GAZE_PITCH: Final = (-40.0, 35.0)
LID_OPENING: Final = (0.0, 75.0)


@dataclass(frozen=True)
class HeadParameters:
    """One head: who it is, what it does and how its skin looks. "left" and "right" are the subject's.

    Attributes:
        identity: up to 40 numbers, standard deviations of the shape components; missing ones are 0.
        albedo: up to 24 numbers, standard deviations of the skin texture components; missing ones are 0.
        expression: intensity 0..1 of action units (FACS numbers in ``ACTION_UNITS``): one number, or (left, right).
        jaw: degrees the jaw is open, on top of AU 26 and 27.
        lids: (left, right) degrees between upper and lower lid as seen from the eye's centre at mid lid; None leaves
            it to the expression and the gaze.
        gaze: ((yaw, pitch) left, (yaw, pitch) right) degrees of each eye in the head frame, signs as in
            ``nasion.core.pose``: yaw > 0 looks to image-left (the subject's right), pitch > 0 up.
        tone: the skin's place on the Monk scale, 1 (lightest) to 10 (darkest), not only whole numbers.
        iris: name in ``IRIS_COLOURS``.
        pupil: diameter, mm.
        hair: name in ``HAIR_STYLES``.
        hair_colour: name in ``HAIR_COLOURS``.
        brow_weight: how dense the brows are; 0 none, 1 usual.
        lip_colour, eye_shadow, blush: make-up, 0 none to 1 heavy.
        stubble: beard shadow, 0..1.
        wrinkles: age lines, 0..1.
        freckles: 0..1.
        detail: strength of pores, spots and hair grain; 1 usual.
        seed: which pores, spots and strands.
        mirrored: paint the side-less detail (pores, spots, the parting) the other way round; set by ``mirror``.
    """

    identity: FloatArray = field(default_factory=lambda: np.zeros(N_IDENTITY, np.float32))
    albedo: FloatArray = field(default_factory=lambda: np.zeros(N_ALBEDO, np.float32))
    expression: Mapping[int, float | Pair] = field(default_factory=dict)
    jaw: float = 0.0
    lids: tuple[float | None, float | None] = (None, None)
    gaze: tuple[Pair, Pair] = ((0.0, 0.0), (0.0, 0.0))
    tone: float = 4.5
    iris: str = "brown"
    pupil: float = 4.0
    hair: str = "short"
    hair_colour: str = "dark_brown"
    brow_weight: float = 1.0
    lip_colour: float = 0.0
    eye_shadow: float = 0.0
    blush: float = 0.0
    stubble: float = 0.0
    wrinkles: float = 0.1
    freckles: float = 0.0
    detail: float = 1.0
    seed: int = 0
    mirrored: bool = False

    def __post_init__(self) -> None:
        """Check names, fill in codes and draw numbers out of range back to the nearest valid value, with a warning.

        Raises:
            InputError: an unknown action unit, style or colour, a code that is too long, or a number that is none.
        """
        change = object.__setattr__
        change(self, "identity", _code("identity", self.identity, N_IDENTITY))
        change(self, "albedo", _code("albedo", self.albedo, N_ALBEDO))
        change(self, "expression", {unit: _intensity(unit, value) for unit, value in self.expression.items()})
        for name, (low, high) in RANGES.items():
            change(self, name, _within(name, getattr(self, name), low, high))
        left, right = _two("lids", self.lids)
        change(self, "lids", (_lid("left", left), _lid("right", right)))
        left, right = _two("gaze", self.gaze)
        change(self, "gaze", (_gaze("left", left), _gaze("right", right)))
        for name, known in (("hair", HAIR_STYLES), ("hair_colour", HAIR_COLOURS), ("iris", IRIS_COLOURS)):
            if getattr(self, name) not in known:
                raise InputError(f"{name} must be one of {', '.join(known)}; got {getattr(self, name)!r}")

    def sides(self, unit: int) -> Pair:
        """(left, right) intensity of an action unit, 0 where it is not set."""
        value = self.expression.get(unit, (0.0, 0.0))
        return value if isinstance(value, tuple) else (value, value)

    @property
    def paint_key(self) -> tuple[object, ...]:
        """Everything that colours depend on, hashable."""
        names = (
            "tone", "iris", "hair", "hair_colour", "brow_weight", "lip_colour", "eye_shadow", "blush", "stubble",
            "wrinkles", "freckles", "detail", "seed", "mirrored",
        )  # fmt: skip
        return (self.albedo.tobytes(), *(getattr(self, name) for name in names))

    def mirror(self, asymmetric: int) -> HeadParameters:
        """The same head in a mirror; the last ``asymmetric`` identity components change sign."""
        identity = self.identity.copy()
        identity[N_IDENTITY - asymmetric :] *= -1
        units = {unit: (self.sides(unit)[1], self.sides(unit)[0]) for unit in self.expression}
        (left_yaw, left_pitch), (right_yaw, right_pitch) = self.gaze
        return replace(
            self,
            identity=identity,
            expression=units,
            lids=(self.lids[1], self.lids[0]),
            gaze=((-right_yaw, right_pitch), (-left_yaw, left_pitch)),
            mirrored=not self.mirrored,
        )


def _code(name: str, value: FloatArray, length: int) -> FloatArray:
    code = np.asarray(value, np.float32)
    if code.ndim != 1 or len(code) > length:
        raise InputError(f"{name} must be a list of at most {length} numbers, got shape {code.shape}")
    if not np.isfinite(code).all():
        raise InputError(f"{name} holds NaN or infinite numbers")
    if (np.abs(code) > LIMIT).any():
        warnings.warn(
            f"{name} reaches {np.abs(code).max():.1f} standard deviations; drawn back to {LIMIT}", stacklevel=4
        )
    full = np.zeros(length, np.float32)
    full[: len(code)] = np.clip(code, -LIMIT, LIMIT)
    full.setflags(write=False)
    return full


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise InputError(f"{name} must be a number, got {value!r}")
    if not np.isfinite(value):
        raise InputError(f"{name} must be finite, got {value!r}")
    return float(value)


def _within(name: str, value: object, low: float, high: float) -> float:
    number = _number(name, value)
    if not low <= number <= high:
        warnings.warn(f"{name} must be {low:g}..{high:g}; {number:g} drawn back to the nearest", stacklevel=4)
    return min(max(number, low), high)


def _intensity(unit: object, value: object) -> Pair:
    if unit not in ACTION_UNITS:
        raise InputError(f"unknown action unit {unit!r}; known are {', '.join(map(str, ACTION_UNITS))}")
    left, right = value if isinstance(value, tuple) else (value, value)
    return _within(f"AU {unit}", left, 0, 1), _within(f"AU {unit}", right, 0, 1)


def _two(name: str, value: object) -> tuple[object, object]:
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise InputError(f"{name} must be a pair (left, right), got {value!r}")
    return value[0], value[1]


def _lid(side: str, value: object) -> float | None:
    return None if value is None else _within(f"{side} lids", value, *LID_OPENING)


def _gaze(side: str, value: object) -> Pair:
    yaw, pitch = _two(f"{side} gaze", value)
    return _within(f"{side} gaze yaw", yaw, *GAZE_YAW), _within(f"{side} gaze pitch", pitch, *GAZE_PITCH)
