"""How well hidden points are told from visible ones. "Hidden" is the positive class, since it is the rare one.

The three measures of OccFace (arXiv 2602.10728): average precision, F1 at a threshold, area under the ROC curve; over
all points together, and point by point, whose mean does not let the points that are hidden most decide alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import BoolArray, FloatArray, InputError
from nasion.metrics.calibration import expected_calibration_error, roc_auc
from nasion.metrics.detection import average_precision


@dataclass(frozen=True, slots=True, eq=False)
class OcclusionScores:
    """Visibility against the truth. NaN where a figure has no meaning: nothing hidden, or nothing visible.

    Attributes:
        average_precision: of finding hidden points, 0..1; a blind guess gives the share of hidden points.
        f1: of calling a point hidden whose visibility is below the threshold, 0..1.
        roc_auc: chance that a visible point is given more visibility than a hidden one, 0..1.
        calibration_error: expected calibration error of the visibility, 0..1.
        hidden: share of the points that are hidden, 0..1.
        per_point: (K, 3) average precision, F1 and ROC-AUC of each point over all faces.
    """

    average_precision: float
    f1: float
    roc_auc: float
    calibration_error: float
    hidden: float
    per_point: FloatArray

    @property
    def macro(self) -> FloatArray:
        """(3,) the means of ``per_point`` over the points that have a figure."""
        known = np.isfinite(self.per_point)
        total = np.where(known, self.per_point, 0).sum(axis=0)
        return np.asarray(np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan))


def occlusion_scores(visibility: FloatArray, hidden: BoolArray, *, threshold: float = 0.5) -> OcclusionScores:
    """Score per-point visibility.

    Args:
        visibility: (F, K) probabilities 0..1 that each point of each face can be seen; NaN leaves a point out.
        hidden: (F, K) the truth.
        threshold: visibility below which a point counts as called hidden, for F1.

    Raises:
        InputError: shapes that do not fit, or nothing to measure.
    """
    said, truth = np.asarray(visibility, np.float64), np.asarray(hidden, bool)
    if said.ndim != 2 or said.shape != truth.shape:
        raise InputError(f"visibility and hidden must both be (faces, points), got {said.shape} and {truth.shape}")
    known = np.isfinite(said)
    if not known.any():
        raise InputError("there is nothing to measure: no faces, or all visibilities are NaN")
    flat, answer = said[known], truth[known]
    columns = [_three(said[known[:, k], k], truth[known[:, k], k], threshold) for k in range(said.shape[1])]
    precision, f1, area = _three(flat, answer, threshold)
    return OcclusionScores(
        average_precision=precision,
        f1=f1,
        roc_auc=area,
        calibration_error=expected_calibration_error(flat, ~answer),
        hidden=float(answer.mean()),
        per_point=np.array(columns),
    )


def _three(said: FloatArray, hidden: BoolArray, threshold: float) -> tuple[float, float, float]:
    if not hidden.any() or hidden.all():
        return float("nan"), float("nan"), float("nan")
    called = said < threshold
    f1 = 2 * float((called & hidden).sum()) / float(called.sum() + hidden.sum())
    return average_precision(hidden, 1 - said, int(hidden.sum())), f1, roc_auc(said, ~hidden)
