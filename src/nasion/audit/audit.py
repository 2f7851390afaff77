"""The audit: raw gaps, controlled gaps, what explains them, who was not found, and a verdict for each attribute.

Source: Parte et al., "Auditing Demographic Bias in Facial Landmark Detection for Fair Human-Robot Interaction",
arXiv 2604.06961: head pose and resolution explain more of the error than who somebody is, and gaps must be read with
them held constant. The model here is the usual practice for that question; see ``docs/systems/landmark-bias-audit.md``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from nasion.audit.design import Design
from nasion.audit.gaps import (
    Factor,
    Ratio,
    adjusted_means,
    all_gaps,
    benjamini_hochberg,
    factor_gaps,
    holm,
    overlap_ratio,
)
from nasion.audit.shares import Shares, variance_shares
from nasion.audit.table import AuditTable
from nasion.audit.verdict import verdict
from nasion.core import InputError
from nasion.metrics import Mean, bootstrap_mean

CAPTURE = ("height", "yaw", "pitch", "roll", "blur", "light", "contrast")
LADDER: Mapping[str, tuple[str, ...]] = {
    "nothing": (),
    "size and pose": CAPTURE[:4],
    "the picture": CAPTURE,  # what the verdict goes by
    "the picture, occlusion, mouth": (*CAPTURE, "hidden", "mouth"),
}
MARGIN = 0.05  # of the error: gaps within it count as equal, set before any data were seen
FEWEST = 20  # faces in each third of a confounder's range; with fewer, holding it constant would be guessing
SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Level:
    """One group.

    Attributes:
        name: as labelled.
        faces: labelled and readable.
        missed: faces that were not found.
        missed_low, missed_high: 95 per cent interval of the share missed (Wilson).
        mean: of the measure over the faces found, with its interval (bootstrap by subject).
        bound: mean if each missed face had the worst error that was seen.
        adjusted: mean if all faces were of this group, photographed as they were; None where refused.
        raw, controlled: ratio to the reference, p by Holm within the attribute; None for the reference, and of the
            controlled one where it is refused.
        weighted: the same by overlap weights; ``weighted_faces`` is how many faces of the group they leave.
        thin: confounders of which some third of the range has fewer than 20 faces of this group.
    """

    name: str
    faces: int
    missed: int
    missed_low: float
    missed_high: float
    mean: Mean | None
    bound: float | None
    adjusted: float | None
    raw: Ratio | None
    controlled: Ratio | None
    weighted: Ratio | None
    weighted_faces: float | None
    thin: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AttributeAudit:
    """One attribute.

    Attributes:
        name: the column of the labels.
        reference: the level that others are compared with.
        levels: the reference first.
        p_raw, p_controlled: that all levels are alike (Wald); the controlled one corrected for the number of
            attributes (Benjamini-Hochberg).
        p_missed: that all levels are missed alike (chi square); None where none or all are missed.
        largest: what was held constant to the largest controlled gap between any two levels, highest over lowest.
        by_outcome: measure to (p_controlled, largest gap): does the verdict hang on the measure?
        verdict: in words.
    """

    name: str
    reference: str
    levels: tuple[Level, ...]
    p_raw: float
    p_controlled: float
    p_missed: float | None
    largest: Mapping[str, float]
    by_outcome: Mapping[str, tuple[float, float]]
    verdict: str


@dataclass(frozen=True, slots=True)
class Audit:
    """The whole audit.

    Attributes:
        outcome: the measure that verdicts go by, see `nasion.audit.table.OUTCOMES`.
        truth: whether it is an error against true points. If not, it is consistency, which is not accuracy.
        faces, found: labelled and readable faces, and how many of them have points.
        controls: what was held constant for the controlled figures.
        constant: controls that the table lacks or that do not vary; they could not be held constant.
        margin: ratios within it count as equal.
        attributes: one by one.
        shares: what explains the variance of the measure's logarithm.
        errors: pictures that could not be read, and why.
    """

    outcome: str
    truth: bool
    faces: int
    found: int
    controls: tuple[str, ...]
    constant: tuple[str, ...]
    margin: float
    attributes: tuple[AttributeAudit, ...]
    shares: Shares
    errors: Mapping[str, str]

    def to_json(self) -> str:
        """Everything, as JSON; numbers that are not finite are null."""
        return json.dumps(_plain(asdict(self)), indent=1, ensure_ascii=False, allow_nan=False)


def audit(
    table: AuditTable,
    *,
    references: Mapping[str, str] | None = None,
    outcome: str | None = None,
    margin: float = MARGIN,
) -> Audit:
    """Audit a table of faces.

    Args:
        table: from `nasion.audit.join`.
        references: attribute to the level that others are compared with; default the largest.
        outcome: the measure that verdicts go by; default `AuditTable.primary`.
        margin: ratios within 1 / (1 + margin) .. 1 + margin count as equal, above 0.

    Raises:
        InputError: no such outcome or reference, fewer than 40 usable faces, or an attribute with one level only.
        MissingExtraError: statsmodels is not installed.
    """
    outcome = outcome or table.primary
    if outcome not in table.outcomes:
        raise InputError(f"there is no outcome {outcome!r} in this table; it has {', '.join(table.outcomes)}")
    if margin <= 0:
        raise InputError(f"the margin of equality must be above 0, got {margin}")
    given = {name: v for name, v in table.confounders.items() if np.isfinite(v[table.found]).any()}
    usable = table.found & np.isfinite(table.outcomes[outcome]) & (table.outcomes[outcome] > 0)
    for values in given.values():
        usable = usable & np.isfinite(values)
    for groups in table.attributes.values():
        usable = usable & (groups != "")
    if usable.sum() < 2 * FEWEST:
        raise InputError(f"an audit needs at least {2 * FEWEST} faces with points and labels, got {int(usable.sum())}")
    rows = _Rows(table, usable, given, dict(references or {}), margin)
    y = np.log(table.outcomes[outcome][usable])
    design = rows.design(CAPTURE)
    controlled = all_gaps(design, y, margin, rows.clusters)
    corrected = benjamini_hochberg([factor.p for factor in controlled.values()])
    ladders = {what: all_gaps(rows.design(held), y, margin, rows.clusters) for what, held in LADDER.items()}
    others = {
        name: all_gaps(design, np.log(np.maximum(values[usable], 1e-9)), margin, rows.clusters)
        for name, values in table.outcomes.items()
        if np.isfinite(values[usable]).all()
    }
    attributes = []
    for name, p in zip(table.attributes, corrected, strict=True):
        factor = replace(holm(controlled[name]), p=p)
        raw = rows.raw(name, y)
        levels = rows.levels(name, outcome, y, raw, factor)
        p_missed = _p_missed(levels)
        found = AttributeAudit(
            name,
            design.levels[name][0],
            levels,
            raw.p,
            p,
            p_missed,
            {what: _largest(gaps[name]) for what, gaps in ladders.items()},
            {measure: (gaps[name].p, _largest(gaps[name])) for measure, gaps in others.items()},
            "",
        )
        attributes.append(replace(found, verdict=verdict(found, margin, SIGNIFICANT)))
    return Audit(
        outcome,
        table.truth and outcome.startswith("nme"),
        len(table),
        int(table.found.sum()),
        tuple(name for name in CAPTURE if name in design.columns),
        tuple(name for name in CAPTURE if name not in design.columns),
        margin,
        tuple(attributes),
        variance_shares(rows.design(tuple(given)), y),
        dict(table.errors),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The faces that enter the regressions."""

    table: AuditTable
    usable: np.ndarray
    given: Mapping[str, Any]
    references: dict[str, str]
    margin: float

    @property
    def clusters(self) -> list[str]:
        return [name for name, used in zip(self.table.subjects, self.usable, strict=True) if used]

    def design(self, controls: tuple[str, ...]) -> Design:
        held = {name: self.given[name][self.usable] for name in controls if name in self.given}
        varying = {name: values for name, values in held.items() if np.ptp(values) > 0}
        groups = {name: values[self.usable] for name, values in self.table.attributes.items()}
        return Design.of(groups, varying, self.references)

    def raw(self, attribute: str, y: np.ndarray) -> Factor:
        """The gaps of one attribute alone, nothing held constant."""
        groups = {attribute: self.table.attributes[attribute][self.usable]}
        return holm(factor_gaps(Design.of(groups, {}, self.references), y, attribute, self.margin, self.clusters))

    def levels(self, attribute: str, outcome: str, y: np.ndarray, raw: Factor, controlled: Factor) -> tuple[Level, ...]:
        design = self.design(CAPTURE)
        adjusted = adjusted_means(design, y, attribute)
        names = design.levels[attribute]
        thin = {name: self._thin(attribute, name) for name in names}
        found = []
        for name in names:
            refused = bool(thin[name] or thin[names[0]])
            weighted, left = (None, None)
            if name != names[0] and not refused:
                weighted, left = overlap_ratio(design, y, attribute, name, self.margin, self.clusters)
            everyone = self.table.attributes[attribute] == name
            faces, missed = int(everyone.sum()), int((everyone & ~self.table.found).sum())
            low, high = _wilson(missed, faces)
            own = everyone & self.usable
            values = self.table.outcomes[outcome][own]
            found.append(
                Level(
                    name,
                    faces,
                    missed,
                    low,
                    high,
                    bootstrap_mean(values, np.asarray(self.table.subjects)[own].tolist()) if own.any() else None,
                    self._bound(outcome, values, missed),
                    None if thin[name] else adjusted[name],
                    raw.ratios.get(name),
                    None if refused else controlled.ratios.get(name),
                    weighted,
                    left,
                    thin[name],
                )
            )
        return tuple(found)

    def _thin(self, attribute: str, level: str) -> tuple[str, ...]:
        """The confounders of which some third of the range has too few faces of the level."""
        own = (self.table.attributes[attribute] == level)[self.usable]
        thin = []
        for name in CAPTURE:
            if name not in self.given:
                continue
            values = np.abs(self.given[name][self.usable])
            if np.ptp(values) > 0:
                third = np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values, side="right")
                if np.bincount(third[own], minlength=3).min() < FEWEST:
                    thin.append(name)
        return tuple(thin)

    def _bound(self, outcome: str, values: np.ndarray, missed: int) -> float | None:
        if len(values) + missed == 0:
            return None
        worst = float(self.table.outcomes[outcome][self.usable].max())
        return float((values.sum() + missed * worst) / (len(values) + missed))


def _largest(factor: Factor) -> float:
    """The highest level over the lowest."""
    values = [1.0, *(ratio.value for ratio in factor.ratios.values())]
    return max(values) / min(values)


def _wilson(count: int, of: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    if of == 0:
        return 0.0, 1.0
    interval = binomtest(count, of).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def _p_missed(levels: tuple[Level, ...]) -> float | None:
    from scipy.stats import chi2_contingency

    counts = np.array([(level.missed, level.faces - level.missed) for level in levels if level.faces])
    if (counts.sum(axis=0) == 0).any() or len(counts) < 2:
        return None
    return float(chi2_contingency(counts).pvalue)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
