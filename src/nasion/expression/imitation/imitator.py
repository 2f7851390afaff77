"""A person's expression, frame by frame, as another face's commands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray, InputError, Reading
from nasion.expression.imitation.actuators import ActuatorMap
from nasion.expression.imitation.decoupling import Decouples

RATE = 6.0  # of a command's whole range per second: full stroke in 170 ms, about a blink's closing
SMOOTH = 0.05
DEAF = 0.04  # share of the strongest actuator's effect below which a code counts as rest
WEAK_FIT = 0.6  # of the code not shown, from which an imitation is not to be believed


@dataclass(frozen=True, slots=True, eq=False)
class Imitation(Reading):
    """What a face is told to do.

    Attributes:
        commands: (K,) 0..1, in the order of the map's ``names``.
        code: (C,) the wanted expression, rest at 0.
        missed: share of the code, 0 or more, that the commands do not show: |shown - wanted| / |wanted|; 0 at rest.
    """

    commands: FloatArray
    code: FloatArray
    missed: float


class Imitator:
    """Copies expressions onto one target.

    Args:
        decoupler: reads codes off shapes; the one that the map was calibrated with.
        actuators: the target's map.
        rate: how far a command may move in a second; None for any speed.
        smooth: weight of keeping to the commands before.
    """

    def __init__(
        self, decoupler: Decouples, actuators: ActuatorMap, *, rate: float | None = RATE, smooth: float = SMOOTH
    ) -> None:
        self.decoupler, self.actuators, self.rate, self.smooth = decoupler, actuators, rate, smooth
        self._rest: FloatArray | None = None
        self._before: tuple[float, FloatArray] | None = None

    def meet(self, shapes: FloatArray) -> None:
        """Learn how this person looks at rest: without it, resting lips and heavy lids are read as expression.

        Args:
            shapes: (S, 468, 3) normalised shapes of many frames, in most of which little is expressed (their median is
                taken), or of one face at rest.
        """
        self._rest = np.median(self.decoupler.codes(shapes), axis=0)
        self._before = None

    def __call__(self, shape: FloatArray, time_s: float | None = None) -> Imitation:
        """The commands for one face.

        Args:
            shape: (468, 3) normalised.
            time_s: when, seconds, later than the call before; None for a picture that has no before.

        Raises:
            InputError: time does not advance.
        """
        code = self.decoupler.codes(np.asarray(shape)[None])[0].astype(np.float64)
        # a person never met is at rest where the target is: codes do not know who is who
        wanted = code - (self.actuators.rest if self._rest is None else self._rest)
        strongest = float(np.linalg.norm(self.actuators.directions, axis=1).max())
        if np.linalg.norm(wanted) < DEAF * strongest:
            wanted = np.zeros_like(wanted)
        previous, most = None, None
        if time_s is not None:
            if self._before is not None:
                passed = time_s - self._before[0]
                if passed <= 0:
                    raise InputError(f"frames must advance in time: {time_s} s comes after {self._before[0]} s")
                previous = self._before[1]
                most = None if self.rate is None else self.rate * passed
            elif self.rate is not None:  # the first frame starts from rest, too
                previous, most = np.clip(np.zeros(len(self.actuators.names)), *self.actuators.limits.T), None
        commands = self.actuators.commands(wanted, previous=previous, smooth=self.smooth, most=most)
        if time_s is not None:
            self._before = time_s, commands
        shown = self.actuators.code(commands) - self.actuators.rest
        size = float(np.linalg.norm(wanted))
        missed = float(np.linalg.norm(shown - wanted)) / size if size > 0 else 0.0
        reason = "the target cannot show this expression" if missed > WEAK_FIT else ""
        return Imitation(float(np.clip(1 - missed, 0, 1)), reason, commands, wanted, missed)
