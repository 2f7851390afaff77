"""How good an answer is: landmark errors, calibration, angles, and how sure a mean is. Fractions are 0..1."""

from nasion.metrics.angular import angle_difference, gaze_error, pose_errors, rotation_error
from nasion.metrics.bootstrap import Mean, bootstrap_mean
from nasion.metrics.calibration import (
    ONE_SIGMA,
    Reliability,
    coverage,
    coverage_radius,
    expected_calibration_error,
    reliability,
    roc_auc,
    spearman,
)
from nasion.metrics.landmarks import (
    FAILURE,
    Normaliser,
    area_under_curve,
    cumulative_error_curve,
    face_size,
    failure_rate,
    nme,
    nme_by_group,
    point_errors,
)

__all__ = [
    "FAILURE",
    "ONE_SIGMA",
    "Mean",
    "Normaliser",
    "Reliability",
    "angle_difference",
    "area_under_curve",
    "bootstrap_mean",
    "coverage",
    "coverage_radius",
    "cumulative_error_curve",
    "expected_calibration_error",
    "face_size",
    "failure_rate",
    "gaze_error",
    "nme",
    "nme_by_group",
    "point_errors",
    "pose_errors",
    "reliability",
    "roc_auc",
    "rotation_error",
    "spearman",
]
