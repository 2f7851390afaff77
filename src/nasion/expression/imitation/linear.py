"""Person and expression as two linear bases, X = mean + B_id m + B_exp e: the case with answers in closed form.

Where a person's face at rest is known, sliders follow from what moved away from it; where it is not, both codes are
fitted together, which leaves it to their spreads what is person and what is expression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from scipy.optimize import lsq_linear

from nasion.core import FloatArray, InputError
from nasion.expression.imitation.shape import normalised
from nasion.synth.model import HeadModel
from nasion.synth.parameters import ACTION_UNITS, N_IDENTITY, HeadParameters

UNIT_SPREAD = 0.5  # prior standard deviation of a slider, beside the 1 of an identity component
POINT_SPREAD = 0.01  # of the distance between the eyes: how exact a coordinate is taken to be


@dataclass(frozen=True, eq=False)
class LinearFace:
    """Two bases over N points.

    Attributes:
        mean: (N, 3), the mean face at rest.
        identity: (M, N, 3), one standard deviation of each component.
        expression: (K, N, 3), each slider at 1.
        names: of the sliders.
    """

    mean: FloatArray
    identity: FloatArray
    expression: FloatArray
    names: tuple[str, ...]

    def shape(self, person: FloatArray, sliders: FloatArray) -> FloatArray:
        """(N, 3) face of codes (M,) and (K,)."""
        moved = np.tensordot(person, self.identity, axes=1) + np.tensordot(sliders, self.expression, axes=1)
        return np.asarray(self.mean + moved)

    def sliders(self, shape: FloatArray, rest: FloatArray) -> FloatArray:
        """(K,) 0..1: what moved the face away from how this person looks at rest.

        Args:
            shape: (N, 3) of the face.
            rest: (N, 3) of the same person without expression, such as the median over many frames.
        """
        basis = self.expression.reshape(len(self.expression), -1)
        if np.shape(shape) != self.mean.shape or np.shape(rest) != self.mean.shape:
            raise InputError(f"the bases have {len(self.mean)} points, got {np.shape(shape)} and {np.shape(rest)}")
        wanted = (np.asarray(shape, np.float64) - rest).reshape(-1)
        return bounded(basis @ basis.T, basis @ wanted)

    def both(self, shape: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(M,) person and (K,) sliders of a single face: the likeliest pair (Blanz and Vetter, SIGGRAPH 1999)."""
        bases, of_person, to_person, left = self._joint
        aim = bases @ ((np.asarray(shape, np.float64) - self.mean).reshape(-1) / POINT_SPREAD)
        count = len(self.identity)
        sliders = bounded(left, aim[count:] - to_person.T @ aim[:count])
        return np.linalg.solve(of_person, aim[:count]) - to_person @ sliders, sliders

    @cached_property
    def _joint(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """What ``both`` needs of the bases: for any sliders the best person is known, which leaves sliders alone."""
        bases = np.concatenate([self.identity, self.expression]).reshape(-1, self.mean.size) / POINT_SPREAD
        count = len(self.identity)
        prior = np.concatenate([np.ones(count), np.full(len(self.expression), UNIT_SPREAD**-2)])
        gram = bases @ bases.T + np.diag(prior)
        of_person, shared = gram[:count, :count], gram[:count, count:]
        to_person = np.linalg.solve(of_person, shared)
        return bases, of_person, to_person, gram[count:, count:] - shared.T @ to_person


def bounded(
    gram: FloatArray, aim: FloatArray, low: FloatArray | float = 0.0, high: FloatArray | float = 1.0
) -> FloatArray:
    """The x within low..high that minimises x' gram x / 2 - aim' x, exactly (bounded-variable least squares).

    Source: Stark and Parker, "Bounded-Variable Least-Squares", Computational Statistics 1995.
    """
    root = np.linalg.cholesky(gram + 1e-12 * np.trace(gram) * np.eye(len(gram)))
    found = lsq_linear(root.T, np.linalg.solve(root, aim), (low, high), method="bvls", tol=1e-14)
    return np.asarray(found.x)


UNITS = tuple(unit for unit in ACTION_UNITS if unit not in (27, 43))  # 26 opens the jaw, 45 closes the lids
SIDED = (2, 6, 7, 9, 10, 12, 14, 15, 20, 45)  # what people do on one side


def slider_names() -> tuple[str, ...]:
    """``au4``, ``au12_left``, ...: the sliders of ``head_face``, left and right the subject's."""
    sides = {unit: ("_left", "_right") if unit in SIDED else ("",) for unit in UNITS}
    return tuple(f"au{unit}{side}" for unit in UNITS for side in sides[unit])


def units_of(sliders: Sequence[float] | FloatArray, names: Sequence[str]) -> dict[int, tuple[float, float]]:
    """Action units (left, right) of sliders by their names; what is 0 is left out."""
    units: dict[int, tuple[float, float]] = {}
    for name, value in zip(names, sliders, strict=True):
        number, _, side = name[2:].partition("_")
        left, right = units.get(int(number), (0.0, 0.0))
        share = min(max(float(value), 0.0), 1.0)
        units[int(number)] = (left if side == "right" else share, right if side == "left" else share)
    return {unit: pair for unit, pair in units.items() if max(pair) > 0}


@cache
def head_face() -> LinearFace:
    """The synthetic head near its mean as a ``LinearFace``."""
    model, names = HeadModel.load(), slider_names()

    def seen(head: HeadParameters) -> FloatArray:
        return normalised(model.points(head))

    mean = seen(HeadParameters())
    step = np.eye(N_IDENTITY, dtype=np.float32)
    identity = np.stack([(seen(HeadParameters(identity=d)) - seen(HeadParameters(identity=-d))) / 2 for d in step])
    expression = np.stack([seen(HeadParameters(expression=dict(units_of((1.0,), (name,))))) - mean for name in names])
    return LinearFace(mean, identity, expression, names)
