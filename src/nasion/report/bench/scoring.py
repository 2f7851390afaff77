"""Which found face is the annotated one, and how a system's points score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasion.core import Box, FloatArray
from nasion.metrics import FAILURE, area_under_curve, bootstrap_mean, failure_rate, nme
from nasion.report.bench.layouts import known_points

MATCH = 0.3  # intersection over union with the box of the annotated points; boxes of detectors differ in convention
INNER = range(17, 68)


@dataclass(frozen=True, slots=True)
class Found:
    """A face somebody found: its box, px, and its points in their own layout."""

    box: Box
    points: FloatArray


@dataclass(frozen=True, slots=True)
class Placed:
    """One system's answer on every photo.

    Attributes:
        label: as printed.
        points: (F, 68, 2) px, NaN where the annotated face was missed.
        layout: which of the 68 points the system has, see ``layouts``.
        ms: (F,) milliseconds per photo, reading the file left out.
    """

    label: str
    points: FloatArray
    layout: str
    ms: FloatArray


def annotated_face(faces: Sequence[Found], truth: FloatArray) -> Found | None:
    """The found face that overlaps the annotated points' box best; None below ``MATCH``: the face was missed."""
    target = Box.around(truth)
    best = max(faces, key=lambda face: face.box.iou(target), default=None)
    return best if best is not None and best.box.iou(target) >= MATCH else None


def found_by_peer(result: dict[str, Any]) -> list[Found]:
    """The faces in a peer's answer about one picture; the box around the points where it gives none."""
    faces = []
    for face in result["faces"]:
        points = np.asarray(face["points"], np.float64)
        faces.append(Found(Box(*face["box"]) if "box" in face else Box.around(points), points))
    return faces


def score(placed: Placed, truth: FloatArray, common: Sequence[int] | None = None) -> dict[str, Any]:
    """The figures of one system.

    Args:
        placed: what it found.
        truth: (F, 68, 2) px.
        common: the photos on which every system found the face; None leaves that figure out.

    Returns:
        Plain numbers: counts, fractions of the inter-ocular distance, ms. Means are over the faces found; failures and
        the area count a missed face as infinitely wrong.
    """
    known = known_points(placed.layout)
    inner = [i for i in known if i in INNER]
    every = nme(placed.points, truth, points=known)
    found = np.isfinite(every)
    out: dict[str, Any] = {
        "faces": len(truth),
        "missed": int((~found).sum()),
        "points": len(known),
        "failure_rate_8": failure_rate(every),
        "auc_8": area_under_curve(every),
        "ms_per_photo_median": float(np.median(placed.ms)),
    }
    if not found.any():
        return out
    mean = bootstrap_mean(every[found])
    out |= {
        "nme_mean": mean.value,
        "nme_mean_95": [mean.low, mean.high],
        "nme_median": float(np.median(every[found])),
        "nme_worst": float(every[found].max()),
        "nme_inner51": float(nme(placed.points[found], truth[found], points=inner).mean()),
        "failures_8": int((~(every <= FAILURE)).sum()),
        "nme_per_face": [round(float(v), 5) if ok else None for v, ok in zip(every, found, strict=True)],
    }
    if common:
        out["nme_mean_common"] = float(every[np.asarray(common)].mean())
    return out


def paired_difference(ours: Placed, other: Placed, truth: FloatArray) -> list[float] | None:
    """Our error minus another system's, on the faces that both found and over the points that both have.

    Returns:
        The mean over faces, as a fraction of the inter-ocular distance and below 0 where we are better, and both ends
        of its 95 % interval, which says whether that could be chance. None when they share no face.
    """
    points = sorted(set(known_points(ours.layout)) & set(known_points(other.layout)))
    mine, theirs = (nme(s.points, truth, points=points) for s in (ours, other))
    both = np.isfinite(mine) & np.isfinite(theirs)
    if not both.any():
        return None
    mean = bootstrap_mean(mine[both] - theirs[both])
    return [mean.value, mean.low, mean.high]


def signed_percent(difference: list[float] | None) -> str | None:
    """A difference with its interval, per cent: ``-0.31 (-0.50 to -0.12)``; None stays None."""
    if difference is None:
        return None
    value, low, high = (100 * v for v in difference)
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"


def percent(value: float | None, digits: int = 2) -> str | None:
    """A fraction as per cent; None stays None."""
    return None if value is None else f"{100 * value:.{digits}f}"
