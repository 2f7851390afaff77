"""An attribute's figures in a sentence or three."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nasion.audit.audit import AttributeAudit, Level


def verdict(found: AttributeAudit, margin: float, significant: float) -> str:
    """What the controlled figures allow to say, and no more.

    Args:
        found: the attribute's figures.
        margin: ratios within it count as equal.
        significant: p below which a difference is called real.
    """
    judged = [level for level in found.levels if level.controlled is not None]
    if not judged:
        return (
            "No controlled figure: with so few faces of a group in parts of the range of "
            f"{_listed(found)}, holding these constant would be guessing. Audit more pictures."
        )
    parts = []
    worst = max(judged, key=lambda level: abs(_log(level)))
    if found.p_controlled < significant:
        far = [level for level in judged if level.controlled and level.controlled.p < significant]
        equal = all(level.controlled and level.controlled.p_equal < significant for level in judged)
        if equal:
            parts.append(f"The groups differ, but all by less than {margin:.0%}.")
        elif far:
            named = ", ".join(f"{level.name} {_gap(level)}" for level in sorted(far, key=_log, reverse=True))
            parts.append(f"A gap remains with the pictures held alike, against {found.reference}: {named}.")
        else:
            parts.append(
                f"The groups are not alike with the pictures held alike; the largest gap to {found.reference} is "
                f"{worst.name} {_gap(worst)}."
            )
    elif all(level.controlled and level.controlled.p_equal < significant for level in judged):
        parts.append(f"No gap: with the pictures held alike every group is within {margin:.0%} of {found.reference}.")
    else:
        bound = max(max(r.high, 1 / r.low) for level in judged if (r := level.controlled) is not None) - 1
        parts.append(
            f"No gap was found with the pictures held alike, and none above {bound:.0%} is plausible; that all are "
            f"within {margin:.0%} is not shown."
        )
    if found.p_raw < significant <= found.p_controlled:
        parts.append("The raw gap comes from how the pictures were taken.")
    if contradicted := [level.name for level in judged if _contradicted(level)]:
        parts.append(f"The second estimator disagrees on {', '.join(contradicted)}: do not rely on these.")
    if thin := [level.name for level in found.levels if level.thin]:
        parts.append(f"Refused for want of faces: {', '.join(thin)}.")
    if found.p_missed is not None and found.p_missed < significant:
        most = max((level for level in found.levels if level.faces), key=lambda level: level.missed / level.faces)
        parts.append(
            f"Faces are not missed alike: most often {most.name}, {most.missed} of {most.faces}; missed faces have no "
            "error to compare."
        )
    return " ".join(parts)


def _log(level: Level) -> float:
    from math import log

    return log(level.controlled.value) if level.controlled is not None else 0.0


def _gap(level: Level) -> str:
    r = level.controlled
    return "" if r is None else f"{r.value - 1:+.0%} [{r.low - 1:+.0%}, {r.high - 1:+.0%}]"


def _contradicted(level: Level) -> bool:
    """Whether the intervals of the two estimators have nothing in common."""
    a, b = level.controlled, level.weighted
    return a is not None and b is not None and (a.high < b.low or b.high < a.low)


def _listed(found: AttributeAudit) -> str:
    return ", ".join(sorted({name for level in found.levels for name in level.thin}))
