"""Where people look: a direction from landmarks, and a point on a screen after a short calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasion._lazy import lazy

if TYPE_CHECKING:
    from nasion.core.gaze import Gaze
    from nasion.gaze.encoder import Encoder
    from nasion.gaze.estimator import LandmarkGaze
    from nasion.gaze.first_looks import Look
    from nasion.gaze.following import GazeFollower, GazeTarget, follow_gaze, look_along
    from nasion.gaze.localise import FaceProbe, LocalisationMap, part_patches
    from nasion.gaze.one_eye import EnsembleCalibration, EyeCode, OneEyeGaze, calibrate_ensemble
    from nasion.gaze.retina import Retina, foveate
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
    "FaceProbe": "localise",
    "Gaze": "estimator",
    "GazeFollower": "following",
    "GazeSession": "session",
    "GazeTarget": "following",
    "LandmarkGaze": "estimator",
    "LocalisationMap": "localise",
    "Look": "first_looks",
    "OneEyeGaze": "one_eye",
    "Regard": "session",
    "RegardSmoother": "smooth",
    "Retina": "retina",
    "Screen": "screen",
    "calibrate_ensemble": "one_eye",
    "calibration_points": "targets",
    "follow_gaze": "following",
    "foveate": "retina",
    "look_along": "following",
    "part_patches": "localise",
    "pursuit": "targets",
}

__all__ = [
    "Accuracy",
    "Drift",
    "Encoder",
    "EnsembleCalibration",
    "EyeCode",
    "FaceProbe",
    "Gaze",
    "GazeFollower",
    "GazeSession",
    "GazeTarget",
    "LandmarkGaze",
    "LocalisationMap",
    "Look",
    "OneEyeGaze",
    "Regard",
    "RegardSmoother",
    "Retina",
    "Screen",
    "calibrate_ensemble",
    "calibration_points",
    "follow_gaze",
    "foveate",
    "look_along",
    "part_patches",
    "pursuit",
]

__getattr__, __dir__ = lazy(__name__, _HOMES)
