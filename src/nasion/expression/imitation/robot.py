"""A face with actuators that does not exist: the synthetic head, moved by a few motors that are not ideal.

Each motor pulls one or two action units, through a dead zone and a bent curve, up to a limit of its own, and drags its
neighbours a little. Stands in for hardware: what is measured on it is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from nasion.core import FloatArray, InputError
from nasion.expression.imitation.linear import units_of
from nasion.expression.imitation.shape import normalised
from nasion.synth.model import HeadModel
from nasion.synth.parameters import HeadParameters

MOTORS: dict[str, tuple[str, ...]] = {
    "brow_inner_up": ("au1",),
    "brow_outer_up_left": ("au2_left",),
    "brow_outer_up_right": ("au2_right",),
    "brow_down": ("au4",),
    "lids_wide": ("au5",),
    "cheeks_up": ("au6_left", "au6_right"),
    "lids_tight": ("au7_left", "au7_right"),
    "nose_wrinkle": ("au9_left", "au9_right"),
    "upper_lip_up": ("au10_left", "au10_right"),
    "smile_left": ("au12_left",),
    "smile_right": ("au12_right",),
    "dimple_left": ("au14_left",),
    "dimple_right": ("au14_right",),
    "corners_down": ("au15_left", "au15_right"),
    "lower_lip_down": ("au16",),
    "chin_up": ("au17",),
    "pucker": ("au18",),
    "stretch": ("au20_left", "au20_right"),
    "funnel": ("au22",),
    "press": ("au24",),
    "lips_part": ("au25",),
    "jaw_open": ("au26",),
    "lid_close_left": ("au45_left",),
    "lid_close_right": ("au45_right",),
}
"""Motor to the sliders it pulls, 24 of them."""


@dataclass(frozen=True, slots=True, eq=False)
class RobotFace:
    """A synthetic head behind motors.

    Attributes:
        head: who it looks like; its expression is what the motors make of it.
        dead: (24,) 0..0.3, commands below which a motor does not move.
        bend: (24,) exponents of the curves above the dead zone, 1 for straight.
        reach: (24,) 0..1, how far a motor pulls at full command.
        cross_talk: (24, 24), row k: what share of motor k's pull each motor's units get besides.
    """

    head: HeadParameters
    dead: FloatArray
    bend: FloatArray
    reach: FloatArray
    cross_talk: FloatArray
    names: tuple[str, ...] = field(default=tuple(MOTORS), init=False)

    @classmethod
    def drawn(cls, seed: int, head: HeadParameters | None = None) -> RobotFace:
        """A robot of random faults.

        Args:
            seed: of them.
            head: who it looks like; by default the mean face, bald.
        """
        rng, count = np.random.default_rng(seed), len(MOTORS)
        talk = np.zeros((count, count))
        for k in range(count):
            other = (k + int(rng.integers(1, 3)) * (1 if rng.random() < 0.5 else -1)) % count
            talk[k, other] = rng.uniform(0.03, 0.12)
        return cls(
            head or HeadParameters(hair="bald", wrinkles=0.0), rng.uniform(0.02, 0.12, count),
            rng.uniform(0.75, 1.5, count), rng.uniform(0.8, 1.0, count), talk,
        )  # fmt: skip

    @classmethod
    def ideal(cls, head: HeadParameters | None = None) -> RobotFace:
        """A robot without faults: motors are sliders."""
        count = len(MOTORS)
        whole = np.ones(count)
        return cls(head or HeadParameters(hair="bald", wrinkles=0.0), 0 * whole, whole, whole, np.zeros((count, count)))

    def posed(self, commands: FloatArray) -> HeadParameters:
        """The head under (24,) commands; those out of 0..1 are refused, as motors break.

        Raises:
            InputError: another number of commands, or one out of range.
        """
        commands = np.asarray(commands, np.float64)
        if commands.shape != (len(MOTORS),) or not ((commands >= 0) & (commands <= 1)).all():
            raise InputError(f"a robot face takes {len(MOTORS)} commands 0..1, got {commands}")
        moved = np.clip((commands - self.dead) / (1 - self.dead), 0, 1) ** self.bend * self.reach
        pull = np.clip(moved + moved @ self.cross_talk, 0, 1)
        sliders = {name: float(p) for names, p in zip(MOTORS.values(), pull, strict=True) for name in names}
        return replace(self.head, expression=units_of(tuple(sliders.values()), tuple(sliders)))

    def shapes(self, commands: FloatArray) -> FloatArray:
        """(S, 468, 3) normalised shapes under (S, 24) commands: what its camera would see of it."""
        model = HeadModel.load()
        return normalised(np.stack([model.points(self.posed(row)) for row in commands]))
