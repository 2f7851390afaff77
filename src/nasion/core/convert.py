"""From one landmark layout to another, with a measured error for each way.

Every conversion takes weighted means of points, so it follows any shift, turn, scaling or shear of the face. What a
conversion does with each number of ``Landmarks``:

- points, and z where there is z: the weighted mean. A point that the source lacks is NaN with visibility 0, and so is
  one that would be averaged from such a point; its sigma is NaN too.
- visibility: the mean of the source points' visibilities, weighted by the size of their weights.
- sigma: the same mean of the source points' sigmas (the errors of neighbouring points go together, so averaging does
  not shrink them), and the conversion's own measured error added in quadrature.

Where there is no direct conversion, the shortest chain of them is taken; their errors then add up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from nasion.core.arrays import BoolArray, FloatArray
from nasion.core.errors import SchemeError
from nasion.core.landmarks import Landmarks
from nasion.core.schemes import dense478, ibug68, maps, occ100, scheme, union124


@dataclass(frozen=True, slots=True, eq=False)
class Conversion:
    """One direct way from a layout to another.

    Attributes:
        source, target: names of schemes.
        weights: gives the (M, N) matrix of weighted means; rows of zeros are points the source lacks.
        error: mean inter-ocular error, per cent, of the points converted from perfect ones; 0 where the conversion is a
            matter of definition.
        measured: how the error was measured, or why there is none.
        spread: gives the (M,) per-axis standard deviation of that error over the rms distance of the source points from
            their centroid; None for 0.
    """

    source: str
    target: str
    weights: Callable[[], FloatArray]
    error: float
    measured: str
    spread: Callable[[], FloatArray] | None = None

    @property
    def name(self) -> str:
        """Such as ``"dense478_to_ibug68"``."""
        return f"{self.source}_to_{self.target}"


LEARNED = (
    "five-fold cross-validation on 866 HELEN faces, human iBUG points against the map of the teacher's dense points"
)
INDEX_LIST = "an index list: the same points under other numbers"


def _union_spread() -> FloatArray:
    return maps.put(union124.IBUG68, 124) @ maps.dense478_to_ibug68_error()


def _index_list(name: str, index: tuple[int, ...]) -> tuple[Conversion, Conversion]:
    """Both ways between a layout and the union it is part of."""
    return (
        Conversion(name, "union124", partial(maps.put, index, 124), 0.0, INDEX_LIST),
        Conversion("union124", name, partial(maps.pick, index, 124), 0.0, INDEX_LIST),
    )


CONVERSIONS: tuple[Conversion, ...] = (
    Conversion(
        "dense478", "ibug68", maps.dense478_to_ibug68, 3.69, LEARNED + "; 6.80 on the jaw, 2.65 elsewhere",
        maps.dense478_to_ibug68_error,
    ),
    Conversion(
        "dense478", "union124", maps.dense478_to_union124, 3.69,
        "the 68 as dense478_to_ibug68; pupils, lid middles, nose wings and lower brows are the dense points of that "
        "name, with no labels to measure them by",
        _union_spread,
    ),
    Conversion(
        "dense478", "occ100", partial(maps.pick, occ100.DENSE_INDEX, 478), 0.0,
        "by definition: each point is a dense point",
    ),
    Conversion(
        "dense478", "coarse5", partial(maps.to_coarse5, dense478.GROUPS, 478), 2.31,
        "against coarse5 of the human iBUG points of 866 HELEN faces; includes the teacher's own error",
    ),
    Conversion(
        "ibug68", "coarse5", partial(maps.to_coarse5, ibug68.GROUPS, 68), 0.0,
        "by definition: an eye is the middle of its lid corners",
    ),
    Conversion(
        "union124", "coarse5", partial(maps.to_coarse5, union124.GROUPS, 124), 0.0,
        "by definition: an eye is the middle of its lid corners",
    ),
    Conversion(
        "occ100", "coarse5", partial(maps.to_coarse5, occ100.GROUPS, 100), 0.0,
        "by definition: an eye is the middle of its lid corners",
    ),
    *_index_list("ibug68", union124.IBUG68),
    *_index_list("wflw98", union124.WFLW98),
    *_index_list("cofw29", union124.COFW29),
    *_index_list("aflw19", union124.AFLW19),
)  # fmt: skip


@cache
def conversion_path(source: str, target: str) -> tuple[Conversion, ...]:
    """The shortest chain of conversions from one scheme to another; empty when they are the same.

    Raises:
        SchemeError: there is none; the message lists where one can go from ``source``.
    """
    scheme(target)
    chains: dict[str, tuple[Conversion, ...]] = {source: ()}
    waiting = deque([source])
    while waiting:
        place = waiting.popleft()
        for step in CONVERSIONS:
            if step.source == place and step.target not in chains:
                chains[step.target] = (*chains[place], step)
                waiting.append(step.target)
    if target not in chains:
        reached = ", ".join(sorted(name for name in chains if name != source)) or "nothing"
        raise SchemeError(f"no conversion leads from {source!r} to {target!r}; from {source!r} one gets to {reached}")
    return chains[target]


def convert(landmarks: Landmarks, target: str) -> Landmarks:
    """The same face in scheme ``target``; what happens to each number stands at the top of this module.

    Raises:
        SchemeError: no chain of conversions leads there.
    """
    for step in conversion_path(landmarks.scheme.name, target):
        landmarks = _apply(step, landmarks)
    return landmarks


@dataclass(frozen=True, slots=True, eq=False)
class _Numbers:
    """What ``_apply`` needs of a conversion, worked out once."""

    weights: FloatArray  # (M, N)
    sizes: FloatArray  # (M, N) absolute weights, rows divided by their sum
    absent: BoolArray  # (M,) points the source lacks
    spread: FloatArray  # (M,) own error over the rms size of the source, 0 where exact


@cache
def _numbers(conversion: Conversion) -> _Numbers:
    weights = conversion.weights()
    sizes = np.abs(weights)
    total = sizes.sum(axis=1)
    spread = np.zeros(len(weights)) if conversion.spread is None else conversion.spread()
    return _Numbers(weights, sizes / np.where(total > 0, total, 1.0)[:, None], np.asarray(total == 0), spread)


def _apply(conversion: Conversion, landmarks: Landmarks) -> Landmarks:
    numbers = _numbers(conversion)
    known: BoolArray = np.asarray(np.isfinite(landmarks.points).all(axis=1))
    missing, source = numbers.absent, landmarks.points.astype(np.float64)
    visibility, sigma = landmarks.visibility.astype(np.float64), landmarks.sigma.astype(np.float64)
    if not known.all():
        missing = missing | (numbers.sizes @ (~known).astype(np.float64) > 0)
        source[~known], visibility[~known], sigma[~known] = 0, 0, 0
    points, visibility, sigma = numbers.weights @ source, numbers.sizes @ visibility, numbers.sizes @ sigma
    if conversion.spread is not None and known.any():
        size = np.sqrt(source[known, :2].var(axis=0).sum())
        sigma = np.hypot(sigma, numbers.spread * size)
    points[missing], sigma[missing], visibility[missing] = np.nan, np.nan, 0
    return Landmarks(
        points.astype(np.float32), visibility.astype(np.float32), sigma.astype(np.float32), scheme(conversion.target)
    )
