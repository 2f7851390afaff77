"""Do the numbers that say how far to trust a number hold what they promise?

``sigma`` promises a spread: with an error of standard deviation sigma along each axis, the distance to the truth
follows a Rayleigh law, so a fraction p of the points lies within sigma * sqrt(-2 ln(1 - p)). ``visibility``
promises a frequency: of the points said to be seen with probability p, a fraction p is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import BoolArray, FloatArray, InputError, IntArray

ONE_SIGMA = 0.6827  # the share of a normal law within one standard deviation: "68 %"


def coverage_radius(level: float) -> float:
    """How many sigmas hold a fraction ``level`` of a round normal law in the plane: 1.515 for 68 %, 2.448 for 95 %."""
    if not 0 < level < 1:
        raise InputError(f"a coverage level lies between 0 and 1, got {level}")
    return float(np.sqrt(-2 * np.log1p(-level)))


def coverage(error: FloatArray, sigma: FloatArray, level: float) -> float:
    """The fraction of points whose truth lies inside the circle that promises to hold ``level`` of them.

    Args:
        error: distance to the truth, any shape, px.
        sigma: the promised standard deviation per axis, same shape, px.
        level: 0..1, such as ``ONE_SIGMA`` or 0.95.

    Returns:
        0..1, equal to ``level`` when sigma is calibrated; above it when sigma is too cautious. NaN errors are left out.
    """
    error, sigma = _pair(error, sigma, "sigma")
    return float((error <= coverage_radius(level) * sigma).mean())


def spearman(x: FloatArray, y: FloatArray) -> float:
    """Spearman's rank correlation, -1..1, ties sharing their mean rank; NaN when one of them is constant."""
    x, y = _pair(x, y, "y")
    from scipy.stats import rankdata

    ranks = np.stack([rankdata(x), rankdata(y)])
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).sum(axis=1).prod())
    return float((centred[0] * centred[1]).sum() / spread) if spread > 0 else float("nan")


@dataclass(frozen=True, slots=True)
class Reliability:
    """The reliability diagram of a probability: what was said against what happened, bin by bin.

    Attributes:
        said: (B,) mean probability of the bin; NaN in an empty one.
        happened: (B,) fraction that came true; NaN in an empty one.
        count: (B,) cases.
    """

    said: FloatArray
    happened: FloatArray
    count: IntArray

    @property
    def expected_error(self) -> float:
        """Expected calibration error: the mean gap between said and happened over all cases, 0..1."""
        filled = self.count > 0
        gap = np.abs(self.said[filled] - self.happened[filled])
        return float((gap * self.count[filled]).sum() / self.count.sum())


def reliability(probability: FloatArray, outcome: BoolArray, bins: int = 15) -> Reliability:
    """Sort probabilities into bins of equal width and compare them with what happened.

    Source: Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.

    Args:
        probability: 0..1, any shape.
        outcome: bool, same shape.
        bins: how many; 15 is usual.

    Raises:
        InputError: a probability outside 0..1.
    """
    probability, happened = _pair(probability, np.asarray(outcome, np.float64), "outcome")
    if probability.min() < 0 or probability.max() > 1:
        raise InputError(f"probabilities lie in 0..1, got {probability.min():.3g}..{probability.max():.3g}")
    place = np.minimum((probability * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, values, bins) for values in (probability, happened)]
    said, came_true = (np.where(count > 0, s / np.maximum(count, 1), np.nan) for s in sums)
    return Reliability(said, came_true, count)


def expected_calibration_error(probability: FloatArray, outcome: BoolArray, bins: int = 15) -> float:
    """The mean gap between probability and frequency, 0..1; see ``reliability``."""
    return reliability(probability, outcome, bins).expected_error


@dataclass(frozen=True, slots=True)
class LogitMap:
    """Makes a probability honest by stretching and shifting its logit.

    Source: Platt, "Probabilistic Outputs for Support Vector Machines", 1999; with ``bias`` 0 it is the temperature
    scaling of Guo et al., "On Calibration of Modern Neural Networks", ICML 2017 (temperature = 1 / ``scale``).

    Attributes:
        scale: factor of the logit; below 1 the probabilities were too sure of themselves.
        bias: added to the logit.
    """

    scale: float
    bias: float

    def __call__(self, probability: FloatArray) -> FloatArray:
        """Probabilities 0..1, any shape, made honest."""
        from scipy.special import expit

        return np.asarray(expit(self.scale * _logit(probability) + self.bias))


def fit_logit_map(probability: FloatArray, outcome: BoolArray) -> LogitMap:
    """The map of the smallest log loss; fit it on cases that the figures are not measured on.

    Args:
        probability: 0..1, any shape.
        outcome: bool, same shape.

    Raises:
        InputError: nothing to fit on, or all outcomes are the same.
    """
    probability, happened = _pair(probability, np.asarray(outcome, np.float64), "outcome")
    if happened.min() == happened.max():
        raise InputError("a calibration needs cases of both outcomes, and all of these have the same")
    from scipy.optimize import minimize
    from scipy.special import expit

    x = _logit(probability)

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        z = parameters[0] * x + parameters[1]
        gap = expit(z) - happened
        return float((np.logaddexp(0, z) - happened * z).mean()), np.array([(gap * x).mean(), gap.mean()])

    scale, bias = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS").x
    return LogitMap(float(scale), float(bias))


def roc_auc(score: FloatArray, positive: BoolArray) -> float:
    """The chance that a random positive scores above a random negative (ties count half): area under the ROC curve.

    Returns:
        0..1, 0.5 for a score that knows nothing; NaN when there are no positives or no negatives.
    """
    score, label = _pair(score, np.asarray(positive, np.float64), "positive")
    is_positive = label > 0
    p, n = int(is_positive.sum()), int((~is_positive).sum())
    if p == 0 or n == 0:
        return float("nan")
    from scipy.stats import rankdata

    wins = rankdata(score)[is_positive].sum() - p * (p + 1) / 2
    return float(wins / (p * n))


def _logit(probability: FloatArray) -> FloatArray:
    """Finite: float32 probabilities saturate at 0 and 1."""
    from scipy.special import logit

    return np.asarray(logit(np.clip(np.asarray(probability, np.float64), 1e-6, 1 - 1e-6)))


def _pair(first: FloatArray, second: FloatArray, name: str) -> tuple[FloatArray, FloatArray]:
    """Both flattened to float64, without the places where one is NaN."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape:
        raise InputError(f"{name} must have the shape of the first array, got {b.shape} and {a.shape}")
    known = ~(np.isnan(a) | np.isnan(b))
    if not known.any():
        raise InputError("there is nothing to measure: the arrays are empty or all NaN")
    return a[known], b[known]
