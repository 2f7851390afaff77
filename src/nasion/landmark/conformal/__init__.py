"""CAOS: teach a new point from a few clicks, and find it with a region that holds it as often as promised.

Source: Waldron, "CAOS: Conformal Aggregation of One-Shot Predictors", arXiv 2601.05219.
"""

from nasion.landmark.conformal.sets import (
    PredictionSet,
    aggregate,
    conformal_threshold,
    examples_needed,
    leave_one_out,
    prediction_set,
    too_few,
)
from nasion.landmark.conformal.stored import read_taught, write_taught
from nasion.landmark.conformal.taught import (
    Example,
    FoundPoint,
    Marked,
    TaughtPoint,
    cell_scores,
    example,
    find,
    own_scores,
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
    "conformal_threshold",
    "example",
    "examples_needed",
    "find",
    "leave_one_out",
    "own_scores",
    "prediction_set",
    "read_taught",
    "taught_from",
    "teach",
    "too_few",
    "write_taught",
]
