"""How far landmarks are from the truth: NME, failure rate, area under the cumulative error curve.

The normalised mean error (NME) of a face is the mean distance of its points to the truth over one length of that
face. Four lengths are in use, and figures under different ones do not compare:

- ``inter_ocular``: between the outer eye corners (iBUG 36 and 45), the 300-W challenge (Sagonas et al., IVC 2016);
- ``inter_pupil``: between the means of the six points of each eye (Ren et al., "Face Alignment at 3000 FPS",
  CVPR 2014);
- ``box``: the root of width times height of the truth's box (AFLW and 3DDFA; Bulat and Tzimiropoulos, ICCV 2017);
- ``diagonal``: the diagonal of the truth's box.

Throughout, a point of the truth that is NaN is left out, and a found point that is NaN is infinitely wrong: a
missed face is a failure, never a face less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np

from nasion.core import FloatArray, InputError, IntArray

Normaliser = Literal["inter_ocular", "inter_pupil", "box", "diagonal"]
FAILURE = 0.08  # of the normalising length: the usual limit of 300-W

_IBUG_POINTS = 68
_OUTER_CORNERS = (36, 45)
_RIGHT_EYE, _LEFT_EYE = slice(36, 42), slice(42, 48)


def face_size(truth: FloatArray, by: Normaliser = "inter_ocular") -> FloatArray:
    """The length that an error is divided by.

    Args:
        truth: (F, N, 2+) px; the two eye lengths need the 68 iBUG points.
        by: which length, see the module.

    Returns:
        (F,) px. NaN where the truth lacks the points it is made of.

    Raises:
        InputError: an unknown length, or an eye length without 68 points.
    """
    truth = _faces(truth, "truth")
    if by in ("inter_ocular", "inter_pupil"):
        if truth.shape[1] != _IBUG_POINTS:
            raise InputError(
                f"{by!r} needs the 68 iBUG points, got {truth.shape[1]}: convert first, or take 'box' or 'diagonal'"
            )
        if by == "inter_ocular":
            right, left = (truth[:, i] for i in _OUTER_CORNERS)
        else:
            right, left = truth[:, _RIGHT_EYE].mean(axis=1), truth[:, _LEFT_EYE].mean(axis=1)
        return np.asarray(np.linalg.norm(left - right, axis=1))
    if by not in get_args(Normaliser):
        raise InputError(f"there is no length {by!r}; take one of {', '.join(get_args(Normaliser))}")
    size = np.nanmax(truth, axis=1) - np.nanmin(truth, axis=1)
    return np.asarray(np.sqrt(size.prod(axis=1)) if by == "box" else np.linalg.norm(size, axis=1))


def point_errors(found: FloatArray, truth: FloatArray) -> FloatArray:
    """Distances between points.

    Args:
        found, truth: (F, N, 2+) px; only x and y are compared.

    Returns:
        (F, N) px: inf where ``found`` is NaN, NaN where ``truth`` is.
    """
    found, truth = _faces(found, "found"), _faces(truth, "truth")
    if found.shape != truth.shape:
        raise InputError(f"found and truth must have the same faces and points, got {found.shape} and {truth.shape}")
    distance = np.linalg.norm(found - truth, axis=-1)
    lost = np.isnan(found).any(axis=-1) & ~np.isnan(truth).any(axis=-1)
    return np.where(lost, np.inf, distance)


def nme(
    found: FloatArray,
    truth: FloatArray,
    by: Normaliser = "inter_ocular",
    points: Sequence[int] | IntArray | None = None,
) -> FloatArray:
    """The normalised mean error of each face.

    Args:
        found, truth: (F, N, 2+) px.
        by: the normalising length; it always comes from all points of the truth.
        points: the indices that the mean is over; None for all. ``range(17, 68)`` gives the inner 51 of iBUG.

    Returns:
        (F,) fractions: 0.034 is 3.4 %. inf for a face with a lost point.
    """
    errors = point_errors(found, truth)
    if points is not None:
        errors = errors[:, np.asarray(points)]
    return np.asarray(_mean(errors) / face_size(truth, by))


def nme_by_group(
    found: FloatArray,
    truth: FloatArray,
    groups: Mapping[str, Sequence[int]],
    by: Normaliser = "inter_ocular",
) -> dict[str, FloatArray]:
    """``nme`` over each group of points, such as ``scheme("ibug68").groups``: name to (F,) fractions."""
    return {name: nme(found, truth, by, list(index)) for name, index in groups.items()}


def failure_rate(errors: FloatArray, limit: float = FAILURE) -> float:
    """The fraction of faces with an error above ``limit`` (both in the same unit); NaN and inf are failures.

    Returns:
        0..1; NaN for no faces.
    """
    errors = np.asarray(errors)
    return float(1 - (errors <= limit).mean()) if errors.size else float("nan")


def cumulative_error_curve(
    errors: FloatArray, limit: float = FAILURE, steps: int = 200
) -> tuple[FloatArray, FloatArray]:
    """What fraction of faces has at most which error (CED).

    Args:
        errors: (F,) one per face; NaN and inf never arrive.
        limit: where the curve ends, in the unit of ``errors``.
        steps: points of the curve.

    Returns:
        ``(error, fraction)``, each (steps,): from 0 to ``limit``, and 0..1 rising.
    """
    errors = _all(errors)
    x = np.linspace(0, limit, steps)
    ranked = np.sort(np.where(np.isnan(errors), np.inf, errors))
    return x, np.searchsorted(ranked, x, side="right") / len(ranked)


def area_under_curve(errors: FloatArray, limit: float = FAILURE) -> float:
    """The exact area under the cumulative error curve up to ``limit``, over the area of a perfect one.

    Source: Yang et al., "An Empirical Study of Recent Face Alignment Methods", 2015 (AUC at alpha).

    Returns:
        0..1; 1 when every error is 0, 0 when none is below ``limit``. NaN and inf count as 0.
    """
    errors = _all(errors)
    return float(np.clip(1 - np.where(np.isnan(errors), np.inf, errors) / limit, 0, 1).mean())


def _faces(points: FloatArray, name: str) -> FloatArray:
    points = np.asarray(points, np.float64)
    if points.ndim != 3 or points.shape[2] < 2:
        raise InputError(f"{name} must have shape (faces, points, 2 or more), got {points.shape}")
    return points[..., :2]


def _mean(errors: FloatArray) -> FloatArray:
    """The mean over the known points of each row; NaN where none is known."""
    known = ~np.isnan(errors)
    count = known.sum(axis=1)
    total = np.where(known, errors, 0).sum(axis=1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _all(errors: FloatArray) -> FloatArray:
    errors = np.asarray(errors, np.float64)
    if errors.ndim != 1 or errors.size == 0:
        raise InputError(f"errors must be one number per face and at least one, got shape {errors.shape}")
    return errors
