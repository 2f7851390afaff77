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
from nasion.metrics.detection import (
    DetectionScore,
    average_precision,
    detection_score,
    iou_matrix,
    match_boxes,
    precision_recall,
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
    "DetectionScore",
    "Mean",
    "Normaliser",
    "Reliability",
    "angle_difference",
    "area_under_curve",
    "average_precision",
    "bootstrap_mean",
    "coverage",
    "coverage_radius",
    "cumulative_error_curve",
    "detection_score",
    "expected_calibration_error",
    "face_size",
    "failure_rate",
    "gaze_error",
    "iou_matrix",
    "match_boxes",
    "nme",
    "nme_by_group",
    "point_errors",
    "pose_errors",
    "precision_recall",
    "reliability",
    "roc_auc",
    "rotation_error",
    "spearman",
]
