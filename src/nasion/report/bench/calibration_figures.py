"""What sigma and visibility are worth, in numbers with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasion.core import BoolArray, FloatArray, IntArray
from nasion.metrics import (
    ONE_SIGMA,
    bootstrap,
    coverage,
    coverage_radius,
    expected_calibration_error,
    face_size,
    nme,
    point_errors,
    reliability,
    roc_auc,
    spearman,
)

LEVELS = np.linspace(0.05, 0.99, 48)
GROUPS: Mapping[str, Sequence[int]] = {
    "jaw": range(17),
    "brows": range(17, 27),
    "nose": range(27, 36),
    "eyes": range(36, 48),
    "mouth": range(48, 68),
}
DRAWS = 200  # resamples of an interval; its ends are good to a tenth of its width


@dataclass(frozen=True, slots=True)
class Answers:
    """What was said about the faces found, in one condition or several.

    Attributes:
        points: (F, 68, 2) px.
        sigma: (F, 68) px.
        visibility: (F, 68), 0..1.
        truth: (F, 68, 2) px.
        in_view: (F, 68) bool.
        photo: (F,) which photo each face is from: faces of one photo are drawn together by the bootstrap.
        missed: photos whose annotated face was not found.
    """

    points: FloatArray
    sigma: FloatArray
    visibility: FloatArray
    truth: FloatArray
    in_view: BoolArray
    photo: IntArray
    missed: int

    def __len__(self) -> int:
        return len(self.photo)

    @staticmethod
    def joined(parts: Sequence[Answers]) -> Answers:
        """All faces of several conditions."""
        names = ("points", "sigma", "visibility", "truth", "in_view", "photo")
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return Answers(**columns, missed=sum(part.missed for part in parts))


def sigma_figures(a: Answers, points: Sequence[int] = range(68)) -> dict[str, Any]:
    """Over the points in view: nobody promises an error for what cannot be seen."""
    index = list(points)
    every = point_errors(a.points, a.truth)
    error = np.where(a.in_view, every, np.nan)[:, index]
    sigma, size = a.sigma[:, index], face_size(a.truth)[:, None]
    out: dict[str, Any] = {
        "faces": len(a),
        "missed": a.missed,
        "nme_mean": float(nme(a.points, a.truth, points=index).mean()),
        "error_over_sigma": _number(float(np.nanmedian(error / sigma)) / coverage_radius(0.5)),
    }
    measures: dict[str, Callable[[IntArray], float]] = {
        "coverage_68": lambda at: coverage(error[at], sigma[at], ONE_SIGMA),
        "coverage_95": lambda at: coverage(error[at], sigma[at], 0.95),
        "spearman": lambda at: spearman((sigma / size)[at], (error / size)[at]),
    }
    for name, measure in measures.items():
        out |= _with_interval(name, measure, a.photo)
    return out


def coverage_curve(a: Answers) -> FloatArray:
    """The share of points inside the circle of each of ``LEVELS``."""
    error = np.where(a.in_view, point_errors(a.points, a.truth), np.nan)
    return np.array([coverage(error, a.sigma, float(level)) for level in LEVELS])


def visibility_figures(a: Answers, points: Sequence[int] = range(68)) -> dict[str, Any]:
    """How well visibility tells points in view from hidden ones, and whether it means a probability."""
    index = list(points)
    said, seen = a.visibility[:, index], a.in_view[:, index]
    diagram = reliability(said, seen)
    out: dict[str, Any] = {
        "faces": len(a),
        "missed": a.missed,
        "points_in_view": int(seen.sum()),
        "points_hidden": int((~seen).sum()),
        "said_in_view": _number(said[seen].mean()) if seen.any() else None,
        "said_hidden": _number(said[~seen].mean()) if (~seen).any() else None,
        "bins": {"said": _listed(diagram.said), "happened": _listed(diagram.happened), "count": diagram.count.tolist()},
    }
    measures: dict[str, Callable[[IntArray], float]] = {
        "roc_auc": lambda at: roc_auc(said[at], seen[at]),
        "expected_calibration_error": lambda at: expected_calibration_error(said[at], seen[at]),
    }
    for name, measure in measures.items():
        out |= _with_interval(name, measure, a.photo)
    return out


def _with_interval(name: str, measure: Callable[[IntArray], float], photo: IntArray) -> dict[str, Any]:
    """A figure of faces, and its 95 % interval over photos."""
    faces_of = [np.flatnonzero(photo == p) for p in np.unique(photo)]
    mean = bootstrap(lambda at: measure(np.concatenate([faces_of[i] for i in at])), len(faces_of), draws=DRAWS)
    return {name: _number(mean.value), f"{name}_95": [_number(mean.low), _number(mean.high)]}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _listed(values: FloatArray) -> list[float | None]:
    return [None if np.isnan(v) else round(float(v), 4) for v in values]
