"""Where people look: a direction from landmarks, and a point on a screen after a short calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasion._lazy import lazy

if TYPE_CHECKING:
    from nasion.core.gaze import Gaze
    from nasion.gaze.encoder import Encoder
    from nasion.gaze.estimator import LandmarkGaze
    from nasion.gaze.screen import Screen
    from nasion.gaze.session import Accuracy, Drift, GazeSession, Regard
    from nasion.gaze.smooth import RegardSmoother
    from nasion.gaze.targets import calibration_points, pursuit

_HOMES = {
    "Accuracy": "session",
    "Drift": "session",
    "Encoder": "encoder",
    "Gaze": "estimator",
    "GazeSession": "session",
    "LandmarkGaze": "estimator",
    "Regard": "session",
    "RegardSmoother": "smooth",
    "Screen": "screen",
    "calibration_points": "targets",
    "pursuit": "targets",
}

__all__ = [
    "Accuracy",
    "Drift",
    "Encoder",
    "Gaze",
    "GazeSession",
    "LandmarkGaze",
    "Regard",
    "RegardSmoother",
    "Screen",
    "calibration_points",
    "pursuit",
]

__getattr__, __dir__ = lazy(__name__, _HOMES)
