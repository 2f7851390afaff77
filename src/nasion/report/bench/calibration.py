"""Is sigma the size of the error, and visibility the chance to be seen? On the 90 HELEN photos, plain and occluded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import BoolArray, FloatArray, ImageArray, NasionError
from nasion.metrics import (
    ONE_SIGMA,
    Reliability,
    coverage,
    coverage_radius,
    face_size,
    nme,
    point_errors,
    reliability,
    roc_auc,
    spearman,
)
from nasion.report.bench.data import FacePhoto, helen
from nasion.report.bench.machine import describe_models
from nasion.report.bench.occlude import hide_part
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table, command_line
from nasion.report.bench.scoring import Found, annotated_face, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nasion.pipeline import Analyzer

SEED = 7
HIDDEN_SHARE = 0.3
LEVELS = np.linspace(0.05, 0.99, 48)


@dataclass(frozen=True, slots=True)
class Answers:
    """What was said about the faces found, in one condition.

    Attributes:
        points: (F, 68, 2) px.
        sigma: (F, 68) px.
        visibility: (F, 68), 0..1.
        truth: (F, 68, 2) px.
        in_view: (F, 68) bool.
        missed: photos whose annotated face was not found.
    """

    points: FloatArray
    sigma: FloatArray
    visibility: FloatArray
    truth: FloatArray
    in_view: BoolArray
    missed: int


def bench_calibration(data: Path, limit: int | None = None) -> Result:
    """Compare sigma with the errors and visibility with what can be seen.

    Args:
        data: the data folder.
        limit: only the first photos, for a quick look; not a figure to quote.
    """
    from nasion.media import read_image
    from nasion.pipeline import Analyzer

    photos = helen(data)[:limit]
    analyzer = Analyzer(tasks=("landmarks",), scheme="ibug68")
    images = [read_image(photo.path) for photo in photos]
    plain = _ask(analyzer, photos, images, [np.ones(68, bool)] * len(photos), "as they are")
    rng = np.random.default_rng(SEED)
    hidden = [
        hide_part(image, photo.points, images[i - 1], rng, HIDDEN_SHARE)
        for i, (photo, image) in enumerate(zip(photos, images, strict=True))
    ]
    occluded = _ask(analyzer, photos, [image for image, _ in hidden], [seen for _, seen in hidden], "occluded")
    conditions = {"as they are": plain, f"{HIDDEN_SHARE:.0%} occluded": occluded}
    sigma = {name: _sigma_figures(a) for name, a in conditions.items()}
    diagram = reliability(occluded.visibility, occluded.in_view)
    visibility: dict[str, Any] = {
        "roc_auc": roc_auc(occluded.visibility, occluded.in_view),
        "expected_calibration_error": diagram.expected_error,
        "points_in_view": int(occluded.in_view.sum()),
        "points_hidden": int((~occluded.in_view).sum()),
        "bins": {"said": _listed(diagram.said), "happened": _listed(diagram.happened), "count": diagram.count.tolist()},
    }
    return Result(
        name="calibration",
        title=f"Do sigma and visibility mean what they say? {len(photos)} HELEN test photos",
        command=command_line("calibration", (), limit),
        tables=(
            Table(
                "Sigma",
                ("photos", "faces", "missed", "NME %", "inside 68 %", "inside 95 %", "Spearman", "error/sigma"),
                tuple(_sigma_row(name, s) for name, s in sigma.items()),
            ),
            Table(
                f"Visibility with {HIDDEN_SHARE:.0%} of the face occluded",
                ("points in view", "points hidden", "ROC-AUC", "calibration error"),
                (
                    (
                        visibility["points_in_view"],
                        visibility["points_hidden"],
                        f"{visibility['roc_auc']:.3f}",
                        f"{visibility['expected_calibration_error']:.3f}",
                    ),
                ),
            ),
        ),
        numbers={"sigma": sigma, "visibility": visibility, "models": describe_models("detector", "landmarker")},
        notes=(
            f"{coverage_radius(ONE_SIGMA):.3f} sigma should hold 68 %, {coverage_radius(0.95):.3f} sigma 95 %.",
            "Error/sigma: median, over what it is when sigma is honest; 1.2 means errors 20 % larger than promised.",
            "Spearman: rank correlation of sigma and error over all points, both over the inter-ocular distance.",
            "Occluded: a blob of another photo's pixels lies on each face; its points are left out of the sigma row.",
            "Points hidden otherwise (hair, pose) count as in view: visibility looks a little worse than it is.",
        ),
        plots={
            "coverage": lambda figure: _draw_coverage(figure, conditions),
            "visibility": lambda figure: _draw_reliability(figure, diagram),
        },
    )


def _ask(
    analyzer: Analyzer,
    photos: Sequence[FacePhoto],
    images: Sequence[ImageArray],
    in_view: Sequence[BoolArray],
    what: str,
) -> Answers:
    rows = []
    for photo, image, seen in progress(list(zip(photos, images, in_view, strict=True)), what, len(photos)):
        faces = [face.landmarks.to("ibug68") for face in analyzer(image)]
        chosen = annotated_face([Found(lm.box, np.asarray(i)) for i, lm in enumerate(faces)], photo.points)
        if chosen is not None:
            lm = faces[int(chosen.points)]
            rows.append((lm.points[:, :2], lm.sigma, lm.visibility, photo.points, seen))
    if not rows:
        raise NasionError(
            f"not one annotated face was found on the {len(photos)} photos ({what}): nothing to calibrate"
        )
    points, sigma, visibility, truth, shown = (np.stack(column) for column in zip(*rows, strict=True))
    return Answers(points, sigma, visibility, truth, shown.astype(bool), len(photos) - len(rows))


def _sigma_figures(a: Answers) -> dict[str, Any]:
    """Over the points in view: nobody promises an error for what cannot be seen."""
    error = np.where(a.in_view, point_errors(a.points, a.truth), np.nan)
    size = face_size(a.truth)[:, None]
    return {
        "faces": len(a.truth),
        "missed": a.missed,
        "nme_mean": float(nme(a.points, a.truth).mean()),
        "coverage_68": coverage(error, a.sigma, ONE_SIGMA),
        "coverage_95": coverage(error, a.sigma, 0.95),
        "spearman": spearman(a.sigma / size, error / size),
        "error_over_sigma": float(np.nanmedian(error / a.sigma)) / coverage_radius(0.5),
        "coverage_curve": {
            "level": LEVELS.tolist(),
            "inside": [coverage(error, a.sigma, float(level)) for level in LEVELS],
        },
    }


def _sigma_row(name: str, s: dict[str, Any]) -> tuple[str | int | float | None, ...]:
    return (
        name,
        s["faces"],
        s["missed"],
        percent(s["nme_mean"]),
        percent(s["coverage_68"], 1),
        percent(s["coverage_95"], 1),
        f"{s['spearman']:.3f}",
        f"{s['error_over_sigma']:.2f}",
    )


def _listed(values: FloatArray) -> list[float | None]:
    return [None if np.isnan(v) else round(float(v), 4) for v in values]


def _draw_coverage(figure: Figure, conditions: dict[str, Answers]) -> None:
    axes = figure.subplots()
    axes.plot([0, 100], [0, 100], color="grey", linestyle="--", linewidth=1, label="honest")
    for name, a in conditions.items():
        error = np.where(a.in_view, point_errors(a.points, a.truth), np.nan)
        axes.plot(100 * LEVELS, [100 * coverage(error, a.sigma, float(level)) for level in LEVELS], label=name)
    axes.set(xlabel="promised, % of the points inside the circle", ylabel="true, %", xlim=(0, 100), ylim=(0, 100))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", fontsize=8)


def _draw_reliability(figure: Figure, diagram: Reliability) -> None:
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1, label="honest")
    filled = diagram.count > 0
    area = 20 + 300 * diagram.count[filled] / diagram.count.max()
    axes.plot(diagram.said[filled], diagram.happened[filled], linewidth=1)
    axes.scatter(diagram.said[filled], diagram.happened[filled], s=area, alpha=0.6, label="points (size: how many)")
    axes.set(xlabel="visibility said", ylabel="fraction in view", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", fontsize=8)
