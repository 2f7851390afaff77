"""How large a circle holds the true point as often as promised, whatever law the errors follow.

``sigma`` says how large a point's error is beside the others'; it is the width of a round normal law only as far as
errors are normal. A circle of ``sigma`` times a factor holds a promised share of the true points when the factor is a
conformal quantile: on n calibration faces, the ``ceil((1 - alpha)(n + 1))``-th smallest ratio of error and sigma. On
faces exchangeable with those the share is then at least 1 - alpha, for every law of errors.

Of points said to be hidden the largest errors are larger than sigma says; they have a quantile of their own.

Source: Lei et al., "Distribution-Free Predictive Inference for Regression", JASA 2018 (locally weighted split
conformal prediction), one quantile for each point.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import ceil

import numpy as np

from nasion.core.arrays import FloatArray
from nasion.core.errors import InputError, SchemeError

CALIBRATED = ("ibug68", "dense478")
DOUBT = 0.5  # visibility below which a point counts as hidden


def conformal_rank(count: int, alpha: float) -> int:
    """Which of ``count`` sorted scores promises that a share 1 - ``alpha`` of new ones is no larger.

    Returns:
        ``ceil((1 - alpha)(count + 1))``, from 1; larger than ``count`` when there are too few for this promise.

    Raises:
        InputError: alpha is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise InputError(f"alpha is the share of misses allowed, between 0 and 1 (0.1: 90 % are held), got {alpha}")
    return max(1, ceil((1 - alpha) * (count + 1) - 1e-9))  # 1e-9: 0.9 * 10 is 9.000000000000002


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Calibrated sizes of the circles around a landmarker's points.

    Attributes:
        scheme: the layout.
        ratios: (n, N) error over sigma of each point on n calibration faces, ascending along the first axis.
        hidden: (m,) the same of points said to be hidden (visibility below ``DOUBT``) on covered faces, all points
            together, ascending; empty where that was not measured.
        source: which landmarker on which faces, for people.
    """

    scheme: str
    ratios: FloatArray
    hidden: FloatArray
    source: str

    def factors(self, alpha: float, visibility: FloatArray) -> FloatArray:
        """(N,) sigmas to the edge of the circle that holds each true point with probability 1 - ``alpha``.

        Args:
            alpha: the share of misses allowed.
            visibility: (N,) 0..1. The factor of a hidden point is at least the one of hidden points: what covers a
                point makes its error grow more than its sigma.

        Raises:
            InputError: there are too few calibration faces for this promise.
        """
        seen = _of_rank(self.ratios, alpha)
        if not len(self.hidden):
            return seen
        return np.where(visibility < DOUBT, np.maximum(seen, _of_rank(self.hidden, alpha)), seen)


def _of_rank(ratios: FloatArray, alpha: float) -> FloatArray:
    count = len(ratios)
    rank = conformal_rank(count, alpha)
    if rank > count:
        raise InputError(
            f"{count} calibration faces cannot promise alpha {alpha:.6g}: the smallest they can is "
            f"1/{count + 1} = {1 / (count + 1):.4f}"
        )
    return np.asarray(ratios[rank - 1], np.float64)


def calibrate(error: FloatArray, sigma: FloatArray, scheme: str, source: str) -> Regions:
    """Regions from faces with known points that the landmarker did not learn from.

    Args:
        error: (n, N) distance of each placed point to the truth, px.
        sigma: (n, N) px, as the landmarker gave it.
        scheme: name of the layout.
        source: which landmarker on which faces.

    Raises:
        InputError: the shapes differ, a number is missing, or a sigma is not positive.
    """
    error, sigma = np.asarray(error, np.float64), np.asarray(sigma, np.float64)
    if error.shape != sigma.shape or error.ndim != 2:
        raise InputError(f"errors and sigmas have one shape (faces, points), got {error.shape} and {sigma.shape}")
    if not (np.isfinite(error).all() and np.isfinite(sigma).all() and (sigma > 0).all()):
        raise InputError("a calibration needs a finite error and a sigma above 0 for every point of every face")
    return Regions(scheme, np.sort(error / sigma, axis=0), np.empty(0), source)


@cache
def embedded_regions(scheme: str) -> Regions:
    """The packaged calibration of the embedded landmarker in ``ibug68`` or ``dense478``; see the page on trust.

    Raises:
        SchemeError: no calibration for that layout.
    """
    if scheme not in CALIBRATED:
        raise SchemeError(
            f"regions are calibrated for {' and '.join(CALIBRATED)}, not for {scheme!r}: convert with "
            f'lm.to("ibug68"), or calibrate your own and give it with using='
        )
    from importlib.resources import files

    with (files("nasion.core") / "regions.npz").open("rb") as stream:
        data = np.load(stream, allow_pickle=False)
        ratios, hidden = (data[name].astype(np.float64) for name in (scheme, f"{scheme}/hidden"))
        return Regions(scheme, ratios, hidden, str(data["source"]))
