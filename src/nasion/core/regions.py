"""How large a circle holds the true point as often as promised, whatever law the errors follow.

``sigma`` says how large a point's error is beside the others'; it is the width of a round normal law only as far as
errors are normal. A circle of ``sigma`` times a factor holds a promised share of the true points when the factor is a
conformal quantile: on n calibration faces, the ``ceil((1 - alpha)(n + 1))``-th smallest ratio of error and sigma. On
faces exchangeable with those the share is then at least 1 - alpha, for every law of errors: on the mean over all sets
of n faces that might have been drawn. Who asks has one such set. So the rank is a little larger, by as much as the
share of held points varies with the set: with confidence ``CONFIDENCE`` the points of faces to come are held 1 - alpha
of the time or more. What is drawn is a face, whose points go right or wrong together: ``dependence`` says how much.

Of points said to be hidden the largest errors are larger than sigma says; they have a quantile of their own.

Sources: Lei et al., "Distribution-Free Predictive Inference for Regression", JASA 2018 (locally weighted split
conformal prediction), one quantile for each point; Vovk, "Conditional Validity of Inductive Conformal Predictors", ACML
2012 (the promise for one draw); Dunn, Wasserman, Ramdas, "Distribution-Free Prediction Sets for Two-Layer Hierarchical
Models", JASA 2023 (groups as what is drawn).
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
CONFIDENCE, DEVIATIONS = 0.9, 1.2816  # the normal law's quantile of it
LEVELS = (0.68, 0.8, 0.9, 0.95)  # where ``dependence`` is measured; the 182 faces have 0.057 to 0.063 at all of them


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
        dependence: variance of a face's share of held points over that of one point: 1 / N when the N points of a face
            err alone, 1 when they err together. 0 asks for no confidence beyond the mean over draws of faces.
    """

    scheme: str
    ratios: FloatArray
    hidden: FloatArray
    source: str
    dependence: float = 0.0

    def factors(self, alpha: float, visibility: FloatArray) -> FloatArray:
        """(N,) sigmas to the edge of the circle that holds each true point with probability 1 - ``alpha``.

        Args:
            alpha: the share of misses allowed.
            visibility: (N,) 0..1. The factor of a hidden point is at least the one of hidden points: what covers a
                point makes its error grow more than its sigma.

        Raises:
            InputError: there are too few calibration faces for this promise.
        """
        count = len(self.ratios)
        if conformal_rank(count, alpha) > count:
            raise InputError(
                f"{count} calibration faces cannot promise alpha {alpha:.6g}: the smallest they can is "
                f"1/{count + 1} = {1 / (count + 1):.4f}"
            )
        allowed = alpha - DEVIATIONS * float(np.sqrt(alpha * (1 - alpha) * self.dependence / count))
        seen = _of_rank(self.ratios, allowed)
        if not len(self.hidden):
            return seen
        return np.where(visibility < DOUBT, np.maximum(seen, _of_rank(self.hidden, allowed)), seen)


def _of_rank(ratios: FloatArray, alpha: float) -> FloatArray:
    """Up to the largest ratio: beyond it more confidence is not to be had."""
    rank = conformal_rank(len(ratios), max(alpha, 1e-6))
    return np.asarray(ratios[min(rank, len(ratios)) - 1], np.float64)


def dependence(ratios: FloatArray) -> float:
    """How much the points of a face are held or missed together, from 0 to 1; see ``Regions``.

    Args:
        ratios: (n, N) of n faces, the rows unsorted.
    """
    count, found = len(ratios), []
    for level in LEVELS:
        held = ratios <= np.sort(ratios, axis=0)[min(conformal_rank(count, 1 - level), count) - 1]
        share = float(held.mean())
        if share < 1:
            found.append(float(held.mean(axis=1).var()) / (share * (1 - share)))
    return min(1.0, float(np.mean(found))) if found else 1.0


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
    ratios = error / sigma
    return Regions(scheme, np.sort(ratios, axis=0), np.empty(0), source, dependence(ratios))


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
        return Regions(scheme, ratios, hidden, str(data["source"]), float(data[f"{scheme}/dependence"]))
