"""The regression behind the controlled gaps: splines for how a face was photographed, dummies for who it is.

Natural cubic splines with four knots at fixed quantiles: Harrell, "Regression Modeling Strategies", 2015, chapter 2.
Least squares and covariance that hold for unequal spread and for several pictures of one person come from statsmodels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasion.audit.table import POSE
from nasion.core import FloatArray, InputError, IntArray, MissingExtraError

KNOTS = (0.05, 0.35, 0.65, 0.95)  # quantiles, Harrell's for four knots


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """A design matrix and what its columns are.

    Attributes:
        matrix: (N, K), first column 1, the others centred but for the dummies.
        columns: factor name to its columns; of an attribute in the order of its levels without the first.
        levels: attribute to its levels, the reference first.
        codes: attribute to (N,) the number of each row's level.
    """

    matrix: FloatArray
    columns: Mapping[str, slice]
    levels: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, IntArray]

    @classmethod
    def of(
        cls,
        attributes: Mapping[str, np.ndarray],
        controls: Mapping[str, FloatArray],
        references: Mapping[str, str] | None = None,
        *,
        splines: bool = True,
    ) -> Design:
        """Build it.

        Args:
            attributes: name to (N,) groups.
            controls: name to (N,) numbers, all finite: ``height`` enters by its logarithm, angles by their size.
            references: attribute to its reference level; default the largest group.
            splines: False enters the controls as straight lines, which is for comparison only.

        Raises:
            InputError: a reference that no row has, or an attribute with fewer than two levels.
        """
        count = len(next(iter(attributes.values())))
        blocks: list[FloatArray] = [np.ones((count, 1))]
        columns, place = {}, 1
        levels, codes = {}, {}
        for name, values in controls.items():
            block = _curve(_scale(name, np.asarray(values, np.float64)), splines)
            columns[name] = slice(place, place + block.shape[1])
            blocks.append(block)
            place += block.shape[1]
        for name, groups in attributes.items():
            levels[name], codes[name] = _levels(name, groups, (references or {}).get(name))
            block = (codes[name][:, None] == np.arange(1, len(levels[name]))).astype(np.float64)
            columns[name] = slice(place, place + block.shape[1])
            blocks.append(block)
            place += block.shape[1]
        return cls(np.concatenate(blocks, axis=1), columns, levels, codes)

    def fit(self, y: FloatArray, clusters: Sequence[str] | None = None, weights: FloatArray | None = None) -> Any:
        """Least squares with a covariance robust to unequal spread (HC1), or by cluster (CR1) where some repeat.

        Args:
            y: (N,).
            clusters: (N,) whose rows belong together.
            weights: (N,) of the rows.

        Returns:
            The results of statsmodels.

        Raises:
            MissingExtraError: statsmodels is not installed.
        """
        return robust_fit(self.matrix, y, clusters, weights)


def robust_fit(
    matrix: FloatArray, y: FloatArray, clusters: Sequence[str] | None = None, weights: FloatArray | None = None
) -> Any:
    """Least squares of ``y`` (N,) on ``matrix`` (N, K), as `Design.fit` describes it."""
    api = stats_models()
    model = api.OLS(y, matrix) if weights is None else api.WLS(y, matrix, weights=weights)
    if clusters is not None and len(set(clusters)) < len(clusters):
        number = np.unique(np.asarray(clusters), return_inverse=True)[1]
        return model.fit(cov_type="cluster", cov_kwds={"groups": number}, use_t=True)
    return model.fit(cov_type="HC1", use_t=True)


def stats_models() -> Any:
    """The module ``statsmodels.api``.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import statsmodels.api
    except ImportError as error:
        raise MissingExtraError(
            "audits need statsmodels, the library of regression: pip install 'nasion[audit]'"
        ) from error
    return statsmodels.api


def natural_spline(x: FloatArray) -> FloatArray:
    """(N, 3) natural cubic spline basis of (N,) numbers: straight beyond the outer of its four knots.

    Fewer columns where the knots fall together; none for a constant.
    """
    spread = float(x.std())
    if spread <= 1e-12 * max(1.0, float(np.abs(x).max())):
        return np.empty((len(x), 0))
    x = (x - x.mean()) / spread
    knots = np.unique(np.quantile(x, KNOTS))
    if len(knots) < 3:
        return x[:, None]
    last, before = knots[-1], knots[-2]

    def cube(at: float) -> FloatArray:
        return np.asarray(np.clip(x - at, 0, None) ** 3)

    width = (last - knots[0]) ** 2
    bent = [
        (cube(k) - cube(before) * (last - k) / (last - before) + cube(last) * (before - k) / (last - before)) / width
        for k in knots[:-2]
    ]
    basis = np.stack([x, *bent], axis=1)
    return np.asarray(basis - basis.mean(axis=0))


def _curve(x: FloatArray, splines: bool) -> FloatArray:
    basis = natural_spline(x)
    return basis if splines else basis[:, :1]


def _scale(name: str, values: FloatArray) -> FloatArray:
    """A control as it enters: what doubles a face matters as much at any size, and left turns as much as right."""
    if not np.isfinite(values).all():
        raise InputError(f"control {name!r} holds values that are not finite: leave those faces out")
    if name == "height":
        return np.asarray(np.log(np.maximum(values, 1e-6)))
    return np.abs(values) if name in POSE else values


def _levels(name: str, groups: np.ndarray, reference: str | None) -> tuple[tuple[str, ...], IntArray]:
    found, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(found) < 2:
        raise InputError(f"attribute {name!r} has one level only among the faces found: there is nothing to compare")
    if reference is not None and reference not in found:
        raise InputError(f"attribute {name!r} has no level {reference!r}; it has {', '.join(map(str, found))}")
    first = int(np.flatnonzero(found == reference)[0]) if reference is not None else int(counts.argmax())
    order = [first, *(i for i in sorted(range(len(found)), key=lambda i: _rank(str(found[i]))) if i != first)]
    rank = np.empty(len(found), int)
    rank[order] = np.arange(len(found))
    return tuple(str(found[i]) for i in order), rank[codes]


def _rank(level: str) -> tuple[float, str]:
    """Bands such as "3-9" and "10-19" by their numbers, everything else by its name."""
    number = re.search(r"\d+", level)
    return (float(number.group()) if number else float("inf")), level
