"""Maps between layouts as (M, N) float64 matrices: point m of the target is the weighted mean row m of source points.

A row sums to one, so that a map follows any affine change of the face; a row of zeros is a point that the source does
not have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from nasion.core.arrays import FloatArray
from nasion.core.schemes import dense478, union124

# points beyond the 68 that a dense point of the same meaning exists for: union index to dense478 index
NAMED_DENSE = (
    {56: 52, 64: 282}  # lower edge of the brows
    | {76: 129, 77: 358}  # wings of the nose, where they are widest
    | {81: 159, 87: 145, 93: 386, 99: 374}  # middle of the lids
    | {122: 468, 123: 473}  # pupils
)


def pick(index: Sequence[int], size: int) -> FloatArray:
    """The map that takes points ``index`` of a layout of ``size`` points, in that order."""
    return np.asarray(np.eye(size)[list(index)])


def put(index: Sequence[int], size: int) -> FloatArray:
    """The map from a layout whose points are the points ``index`` of one of ``size`` points, to that one."""
    return pick(index, size).T


def to_coarse5(groups: Mapping[str, tuple[int, ...]], size: int) -> FloatArray:
    """The map to ``coarse5`` from a layout with these groups: an eye is the middle of its lid corners."""
    right_corner, left_corner = groups["mouth_corners"]
    sources = (
        groups["left_eye_corners"],
        groups["right_eye_corners"],
        groups["nose_tip"],
        (left_corner,),
        (right_corner,),
    )
    return np.stack([np.eye(size)[list(source)].mean(0) for source in sources])


@cache
def _learned() -> tuple[FloatArray, FloatArray]:
    from importlib.resources import files

    with (files("nasion.core.schemes") / "dense478_to_ibug68.npz").open("rb") as stream:
        data = np.load(stream, allow_pickle=False)
        weights, error = data["weights"].astype(np.float64), data["error"].astype(np.float64)
    weights /= weights.sum(1, keepdims=True)
    weights.setflags(write=False)
    return weights, error


def dense478_to_ibug68() -> FloatArray:
    """(68, 478): learned from faces labelled both ways, see ``training/scheme_maps.py``."""
    return _learned()[0]


def dense478_to_ibug68_error() -> FloatArray:
    """(68,) per-axis standard deviation of that map's points over the rms distance of the dense ones from their mean.

    Measured on faces left out of the fit.
    """
    return _learned()[1]


def dense478_to_union124() -> FloatArray:
    """(124, 478): the learned 68 and the points in ``NAMED_DENSE``."""
    weights = put(union124.IBUG68, len(union124.NAMES)) @ dense478_to_ibug68()
    weights[list(NAMED_DENSE)] = pick(tuple(NAMED_DENSE.values()), len(dense478.SIDES) + len(dense478.MIDLINE_INDEX))
    return np.asarray(weights)
