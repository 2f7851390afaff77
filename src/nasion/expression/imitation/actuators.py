"""What a face's actuators do to its expression, learned from babbling, and the commands that show a wanted one.

A face is moved at random and looked at; each actuator's effect on the expression code is one direction and one rising
curve along it (dead zone, saturation), all of them fitted together, so that cross-talk lands in the directions. The
way back is a bounded least-squares problem in the code, not one of landmarks: what is copied is what the expression
means, not where the points lie.

Source of the objective: Chen et al., "Morphology-Independent Facial Expression Imitation for Human-Face Robots", arXiv
2603.07068. The form of the map is ours: the paper's is not public.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from nasion.core import FloatArray, InputError
from nasion.expression.imitation.linear import bounded

KNOTS = 9  # of each curve, evenly over 0..1
RIDGE = 1e-3  # of the fit, relative to the babbling's mean square
STILL = 0.02  # how much a command is drawn to 0, relative to the strongest actuator's effect
NOTHING = 0.01  # share of an actuator's effect that is not worth moving it for
QUIET = 0.05  # of the strongest actuator's effect: one that does less is not used


@dataclass(frozen=True, slots=True, eq=False)
class ActuatorMap:
    """Actuator commands to an expression code and back.

    Attributes:
        names: of the K actuators.
        rest: (C,) the code of the face with all commands at 0.
        directions: (K, C) what each actuator adds at 1.
        curves: (K, 9) rising from 0 to 1: what share of it comes at commands 0, 1/8, ... 1.
        limits: (K, 2) lowest and highest command allowed, within 0..1.
    """

    names: tuple[str, ...]
    rest: FloatArray
    directions: FloatArray
    curves: FloatArray
    limits: FloatArray

    @classmethod
    def fit(
        cls,
        commands: FloatArray,
        codes: FloatArray,
        names: Sequence[str],
        limits: FloatArray | None = None,
        weights: FloatArray | None = None,
    ) -> ActuatorMap:
        """Learn the map from babbling.

        Args:
            commands: (S, K) random commands 0..1, several times more than 8 K of them, the first all 0.
            codes: (S, C) expression code of the face under each.
            names: of the actuators.
            limits: (K, 2) lowest and highest command allowed; by default 0 and 1.
            weights: (S,) how far to trust each sample; by default alike.

        Raises:
            InputError: shapes that do not fit, commands out of 0..1, or too few samples.
        """
        commands, codes = np.asarray(commands, np.float64), np.asarray(codes, np.float64)
        count = len(names)
        if commands.ndim != 2 or codes.ndim != 2 or commands.shape != (len(codes), count):
            raise InputError(f"babbling is (S, {count}) commands and (S, C) codes, got {commands.shape}, {codes.shape}")
        if len(commands) < count * (KNOTS - 1):
            raise InputError(
                f"{count} actuators need {count * (KNOTS - 1)} samples of babbling or more, got {len(commands)}"
            )
        if not np.isfinite(codes).all() or not (commands >= 0).all() or not (commands <= 1).all():
            raise InputError("babbling commands must be 0..1 and their codes finite")
        allowed = np.tile((0.0, 1.0), (count, 1)) if limits is None else np.asarray(limits, np.float64)
        if (
            allowed.shape != (count, 2)
            or not ((allowed >= 0) & (allowed <= 1)).all()
            or (allowed[:, 0] > allowed[:, 1]).any()
        ):
            raise InputError(f"limits are a (lowest, highest) pair within 0..1 for each of {count} actuators")
        hats = _hats(commands)[:, :, 1:].reshape(len(commands), -1)  # a command of 0 adds nothing
        design = np.concatenate([np.ones((len(hats), 1)), hats], axis=1)
        weight = np.ones(len(design)) if weights is None else np.asarray(weights, np.float64)
        gram = design.T @ (design * weight[:, None])
        gram += RIDGE * len(design) * np.diag([0.0, *np.full(hats.shape[1], (hats**2).mean())])
        found = np.linalg.solve(gram, design.T @ (codes * weight[:, None]))
        steps = found[1:].reshape(count, KNOTS - 1, -1)
        directions, curves = np.zeros((count, codes.shape[1])), np.tile(np.linspace(0, 1, KNOTS), (count, 1))
        for k, own in enumerate(steps):
            left, size, right = np.linalg.svd(own, full_matrices=False)
            along = left[:, 0] * size[0] * np.sign(left[-1, 0] or 1.0)
            rising = isotonic_regression(np.concatenate([[0.0], along])).x
            if rising[-1] > 1e-9:
                curves[k] = (rising - rising[0]) / (rising[-1] - rising[0])
                directions[k] = right[0] * np.sign(left[-1, 0] or 1.0) * (rising[-1] - rising[0])
        return cls(tuple(names), found[0], directions, curves, allowed)

    def code(self, commands: FloatArray) -> FloatArray:
        """(C,) or (S, C): the code that commands (K,) or (S, K) show."""
        shares = self._shares(np.asarray(commands, np.float64))
        return np.asarray(self.rest + shares @ self.directions, np.float64)

    def _shares(self, commands: FloatArray) -> FloatArray:
        grid = np.linspace(0, 1, KNOTS)
        rows = [np.interp(commands[..., k], grid, curve) for k, curve in enumerate(self.curves)]
        return np.stack(rows, axis=-1)

    def commands(
        self, change: FloatArray, *, previous: FloatArray | None = None, smooth: float = 0.0, most: float | None = None
    ) -> FloatArray:
        """(K,) the commands that come nearest to an expression.

        Args:
            change: (C,) the wanted code less the code of a face at rest.
            previous: (K,) the commands before these.
            smooth: weight of keeping to them, beside the 1 of showing the expression; in units of the strongest
                actuator's effect.
            most: how far a command may go from the one before; None for any distance.

        Returns:
            Within ``limits`` and, with ``most``, within reach of ``previous``.
        """
        change = np.asarray(change, np.float64)
        if change.shape != self.rest.shape or not np.isfinite(change).all():
            raise InputError(f"an expression code has {len(self.rest)} finite numbers, got shape {change.shape}")
        strength = np.linalg.norm(self.directions, axis=1)
        scale = float(strength.max()) ** 2
        used = strength >= QUIET * strength.max()
        gram = self.directions @ self.directions.T
        aim = self.directions @ change
        pull = np.full(len(gram), STILL**2 * scale)
        if previous is not None and smooth > 0:
            pull += smooth * scale
            aim = aim + smooth * scale * self._shares(np.asarray(previous, np.float64))
        low, high = (self._shares(self.limits[:, i]) for i in (0, 1))
        high = np.where(used, np.maximum(high, low + 1e-9), low + 1e-9)
        shares = bounded(gram + np.diag(pull), aim, low, high)
        wanted = np.array([_inverse(curve, share) for curve, share in zip(self.curves, shares, strict=True)])
        if previous is not None and most is not None:
            wanted = np.clip(wanted, np.asarray(previous) - most, np.asarray(previous) + most)
        return np.asarray(np.clip(wanted, *self.limits.T))


def babble(count: int, samples: int, seed: int = 0) -> FloatArray:
    """(samples, count) commands to learn a map from: rest first, then a few actuators at a time, anywhere 0..1."""
    rng = np.random.default_rng(seed)
    moved = rng.random((samples, count)) < rng.uniform(0.1, 0.5, (samples, 1))
    commands = np.where(moved, rng.random((samples, count)), 0.0)
    commands[0] = 0
    return commands


def calibrate(
    observe: Callable[[FloatArray], FloatArray], names: Sequence[str], *, samples: int = 2000, seed: int = 0
) -> ActuatorMap:
    """Babble and fit.

    Args:
        observe: (S, K) commands to the (S, C) expression codes that the face then shows.
        names: of its actuators.
        samples: how many commands to try.
        seed: of the babbling.
    """
    commands = babble(len(names), samples, seed)
    return ActuatorMap.fit(commands, observe(commands), names)


def _hats(commands: FloatArray) -> FloatArray:
    """(S, K, 9) weights of the two knots beside each command."""
    at = commands * (KNOTS - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(at[..., None] - np.arange(KNOTS))))


def _inverse(curve: FloatArray, share: float) -> float:
    """The lowest command whose curve reaches a share; 0 for next to nothing, so that dead zones stay unused."""
    if share <= NOTHING:
        return 0.0
    grid = np.linspace(0, 1, KNOTS)
    above = int(np.searchsorted(curve, min(share, 1.0) - 1e-12))
    if above == 0:
        return 0.0
    before, after = curve[above - 1], curve[min(above, KNOTS - 1)]
    part = (share - before) / (after - before) if after > before else 1.0
    return float(grid[above - 1] + min(max(part, 0.0), 1.0) / (KNOTS - 1))
