"""Circles around the embedded landmarker's points: how often they hold the human points, beside what was promised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray
from nasion.metrics import coverage_radius, point_errors
from nasion.report.bench.calibration_figures import GROUPS
from nasion.report.bench.conformal_taught import ALPHAS, SeenFace
from nasion.report.bench.occlude import hide_part
from nasion.report.bench.occluders import OCCLUDERS, draw_occluder
from nasion.report.bench.progress import progress
from nasion.report.bench.scoring import Found, annotated_face

if TYPE_CHECKING:
    from nasion.pipeline import Analyzer

SEED, SHARE = 11, 0.3
CURVE = tuple(float(a) for a in np.round(np.linspace(0.02, 0.6, 30), 3))


def plain_figures(faces: Sequence[SeenFace]) -> dict[str, Any]:
    """By alpha: coverage with its standard error over photos, the same by a normal law, radii, parts of the face."""
    views = [face.landmarks.to("ibug68") for face in faces]
    truth = np.stack([face.photo.points for face in faces])
    error = point_errors(np.stack([view.points[:, :2] for view in views]), truth)
    sigma, eyes = np.stack([view.sigma for view in views]), np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
    out: dict[str, Any] = {"faces": len(faces), "alpha": {}}
    for alpha in ALPHAS:
        radius = np.stack([view.region(alpha) for view in views])
        held = error <= radius
        out["alpha"][f"{alpha:g}"] = {
            "coverage": float(held.mean()),
            "standard_error": _over_photos(held),
            "normal_law": float((error <= coverage_radius(1 - alpha) * sigma).mean()),
            "radius_median": float(np.median(radius / eyes[:, None])),
            "whole_face": float(held.all(axis=1).mean()),
            "lowest_point": float(held.mean(axis=0).min()),
            "parts": {name: float(held[:, list(at)].mean()) for name, at in GROUPS.items()},
        }
    out["curve"] = {
        "alpha": list(CURVE),
        "coverage": [float((error <= np.stack([v.region(a) for v in views])).mean()) for a in CURVE],
        "normal_law": [float((error <= coverage_radius(1 - a) * sigma).mean()) for a in CURVE],
    }
    return out


def covered_figures(analyzer: Analyzer, faces: Sequence[SeenFace]) -> dict[str, Any]:
    """The same photos with things over the faces: coverage of points in view and hidden, by alpha."""
    pasted, drawn = [], []
    for i, face in enumerate(faces):
        before, points = faces[i - 1].image, face.photo.points
        pasted.append(hide_part(face.image, points, before, np.random.default_rng([SEED, i]), SHARE))
        drawn.append(
            draw_occluder(list(OCCLUDERS)[i % len(OCCLUDERS)], face.image, points, np.random.default_rng([SEED, i]))
        )
    return {
        "pasted over": _covered(analyzer, faces, pasted, "conformal: pasted"),
        "drawn over": _covered(analyzer, faces, drawn, "conformal: drawn"),
    }


def _covered(
    analyzer: Analyzer, faces: Sequence[SeenFace], pictures: Sequence[tuple[ImageArray, BoolArray]], what: str
) -> dict[str, Any]:
    held: dict[float, list[BoolArray]] = {alpha: [] for alpha in ALPHAS}
    shown, said = [], []
    for face, (picture, in_view) in zip(progress(faces, what, len(faces)), pictures, strict=True):
        found = [f.landmarks.to("ibug68") for f in analyzer(picture)]
        chosen = annotated_face([Found(lm.box, np.asarray(i)) for i, lm in enumerate(found)], face.photo.points)
        if chosen is None:
            continue
        view = found[int(chosen.points)]
        error = np.linalg.norm(view.points[:, :2] - face.photo.points, axis=1)
        shown.append(in_view)
        said.append(view.visibility >= 0.5)
        for alpha in ALPHAS:
            held[alpha].append(error <= view.region(alpha))
    if not shown:
        return {"faces": 0, "missed": len(faces)}
    see, say = np.stack(shown), np.stack(said)
    by_alpha = {}
    for alpha in ALPHAS:
        inside = np.stack(held[alpha])
        by_alpha[f"{alpha:g}"] = {
            "coverage": float(inside.mean()),
            "standard_error": _over_photos(inside),
            "in_view": _share(inside, see),
            "hidden": _share(inside, ~see),
            "said_in_view": _share(inside, say),
            "said_hidden": _share(inside, ~say),
        }
    return {"faces": len(shown), "missed": len(faces) - len(shown), "alpha": by_alpha}


def _share(inside: BoolArray, of: BoolArray) -> float | None:
    return float(inside[of].mean()) if of.any() else None


def _over_photos(held: BoolArray | FloatArray) -> float:
    return float(held.mean(axis=1).std(ddof=1) / np.sqrt(len(held))) if len(held) > 1 else 0.0
