"""Imitation of expressions by faces of another shape: heads, avatars, robots.

Source: Chen et al., "Morphology-Independent Facial Expression Imitation for Human-Face Robots", arXiv 2603.07068. Only
the paper's outline was to be had: layer sizes, losses' weights and the actuator map are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasion._lazy import lazy

if TYPE_CHECKING:
    from nasion.expression.imitation.actuators import ActuatorMap, babble, calibrate
    from nasion.expression.imitation.arkit import to_arkit
    from nasion.expression.imitation.decoupling import Decoupler, LinearDecoupler
    from nasion.expression.imitation.imitator import Imitation, Imitator
    from nasion.expression.imitation.linear import LinearFace, head_face, units_of
    from nasion.expression.imitation.robot import RobotFace
    from nasion.expression.imitation.shape import normalised, shape_of

_HOMES = {
    "ActuatorMap": "actuators",
    "Decoupler": "decoupling",
    "Imitation": "imitator",
    "Imitator": "imitator",
    "LinearDecoupler": "decoupling",
    "LinearFace": "linear",
    "RobotFace": "robot",
    "babble": "actuators",
    "calibrate": "actuators",
    "head_face": "linear",
    "normalised": "shape",
    "shape_of": "shape",
    "to_arkit": "arkit",
    "units_of": "linear",
}

__all__ = [
    "ActuatorMap",
    "Decoupler",
    "Imitation",
    "Imitator",
    "LinearDecoupler",
    "LinearFace",
    "RobotFace",
    "babble",
    "calibrate",
    "head_face",
    "normalised",
    "shape_of",
    "to_arkit",
    "units_of",
]

__getattr__, __dir__ = lazy(__name__, _HOMES)
