"""CAOS: teach a new point from a few clicks, and find it with a region that holds it as often as promised.

Source: Waldron, "CAOS: Conformal Aggregation of One-Shot Predictors", arXiv 2601.05219.
"""

from nasion.landmark.conformal.points import Example, FoundPoint, Marked, TaughtPoint
from nasion.landmark.conformal.sets import (
    PredictionSet,
    aggregate,
    conformal_threshold,
    examples_needed,
    full_conformal,
    leave_one_out,
    nearest_others,
    prediction_set,
    too_few,
)
from nasion.landmark.conformal.stored import read_taught, write_taught
from nasion.landmark.conformal.taught import (
    cell_scores,
    chances,
    example,
    find,
    own_scores,
    region,
    taught_from,
    teach,
)

__all__ = [
    "Example",
    "FoundPoint",
    "Marked",
    "PredictionSet",
    "TaughtPoint",
    "aggregate",
    "cell_scores",
    "chances",
    "conformal_threshold",
    "example",
    "examples_needed",
    "find",
    "full_conformal",
    "leave_one_out",
    "nearest_others",
    "own_scores",
    "prediction_set",
    "read_taught",
    "region",
    "taught_from",
    "teach",
    "too_few",
    "write_taught",
]
