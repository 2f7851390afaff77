"""Expressions that faces show over time, from landmarks alone: shown facial movement, not felt emotion.

Source: Koksal and Gumus, "Deep Learning-Based Real-Time Sequential Facial Expression Analysis Using Geometric
Features", arXiv 2512.05669.
"""

from nasion.expression.sequence.features import FRAMES, change_tensor, pair_features, sequence_features, upright
from nasion.expression.sequence.phases import PHASES, magnitude, phases, rest
from nasion.expression.sequence.presets import FACS_GROUPS, PRESETS, Preset, preset
from nasion.expression.sequence.reader import LIMITS, Shown, ShownExpression, ShownTrack, shown_spans

__all__ = [
    "FACS_GROUPS",
    "FRAMES",
    "LIMITS",
    "PHASES",
    "PRESETS",
    "Preset",
    "Shown",
    "ShownExpression",
    "ShownTrack",
    "change_tensor",
    "magnitude",
    "pair_features",
    "phases",
    "preset",
    "rest",
    "sequence_features",
    "shown_spans",
    "upright",
]
