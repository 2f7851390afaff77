"""Where people look: a direction from landmarks, and a point on a screen after a short calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasion._lazy import lazy

if TYPE_CHECKING:
    from nasion.core.gaze import Gaze
    from nasion.gaze.encoder import Encoder
    from nasion.gaze.estimator import LandmarkGaze
    from nasion.gaze.one_eye import EnsembleCalibration, EyeCode, OneEyeGaze, calibrate_ensemble
    from nasion.gaze.screen import Screen
    from nasion.gaze.session import Accuracy, Drift, GazeSession, Regard
    from nasion.gaze.smooth import RegardSmoother
    from nasion.gaze.targets import calibration_points, pursuit

_HOMES = {
    "Accuracy": "session",
    "Drift": "session",
    "Encoder": "encoder",
    "EnsembleCalibration": "one_eye",
    "EyeCode": "one_eye",
    "Gaze": "estimator",
    "GazeSession": "session",
    "LandmarkGaze": "estimator",
    "OneEyeGaze": "one_eye",
    "Regard": "session",
    "RegardSmoother": "smooth",
    "Screen": "screen",
    "calibrate_ensemble": "one_eye",
    "calibration_points": "targets",
    "pursuit": "targets",
}

__all__ = [
    "Accuracy",
    "Drift",
    "Encoder",
    "EnsembleCalibration",
    "EyeCode",
    "Gaze",
    "GazeSession",
    "LandmarkGaze",
    "OneEyeGaze",
    "Regard",
    "RegardSmoother",
    "Screen",
    "calibrate_ensemble",
    "calibration_points",
    "pursuit",
]

__getattr__, __dir__ = lazy(__name__, _HOMES)
