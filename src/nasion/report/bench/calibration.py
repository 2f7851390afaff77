"""Is sigma the size of the error, and visibility the chance to be seen? On the 90 HELEN photos, plain and occluded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import BoolArray, ImageArray, NasionError
from nasion.metrics import ONE_SIGMA, coverage_radius
from nasion.report.bench.calibration_figures import (
    GROUPS,
    LEVELS,
    Answers,
    coverage_curve,
    sigma_figures,
    visibility_figures,
)
from nasion.report.bench.data import FacePhoto, helen
from nasion.report.bench.machine import describe_models
from nasion.report.bench.occlude import hide_part
from nasion.report.bench.occluders import OCCLUDERS, draw_occluder
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Cell, Result, Table, command_line
from nasion.report.bench.scoring import Found, annotated_face, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nasion.pipeline import Analyzer

EMBEDDED = "landmarker"
SEED = 7
HIDDEN_SHARE = 0.3
FEWEST = 10  # faces that a row of the table needs: fewer say nothing
PLAIN, PASTED, DRAWN = "as they are", f"pasted over, {HIDDEN_SHARE:.0%}", "drawn over, all kinds"
_SIGMA = ("photos", "faces", "missed", "NME %", "inside 68 %", "inside 95 %", "Spearman", "error/sigma")
_VISIBILITY = ("occluder", "faces", "missed", "hidden %", "ROC-AUC", "calibration error", "said: in view", "hidden")
_GROUPS = ("points", "inside 68 %", "inside 95 %", "Spearman", "ROC-AUC", "calibration error")


def bench_calibration(data: Path, limit: int | None = None, landmarker: str = EMBEDDED) -> Result:
    """Compare sigma with the errors and visibility with what can be seen.

    Args:
        data: the data folder.
        limit: only the first photos, for a quick look; not a figure to quote.
        landmarker: whose sigma and visibility, a model's name or an ONNX file; the record is named after it.
    """
    from nasion.media import read_image
    from nasion.pipeline import Analyzer

    photos = helen(data)[:limit]
    analyzer = Analyzer(tasks=("landmarks",), scheme="ibug68", landmarker=landmarker)
    images = [read_image(photo.path) for photo in photos]
    plain = _ask(analyzer, photos, [(image, np.ones(68, bool)) for image in images], PLAIN)
    if not len(plain):
        raise NasionError(f"not one annotated face was found on the {len(photos)} photos: nothing to calibrate")
    rng = np.random.default_rng(SEED)
    faces = list(zip(photos, images, strict=True))
    covered = [hide_part(im, p.points, images[i - 1], rng, HIDDEN_SHARE) for i, (p, im) in enumerate(faces)]
    pasted = _ask(analyzer, photos, covered, PASTED)
    kinds: dict[str, Answers] = {}
    for kind in OCCLUDERS:
        seeds = [np.random.default_rng([SEED, i]) for i in range(len(photos))]
        pictures = [draw_occluder(kind, im, p.points, seed) for (p, im), seed in zip(faces, seeds, strict=True)]
        kinds[kind] = _ask(analyzer, photos, pictures, kind)
    drawn = Answers.joined(list(kinds.values()))
    conditions = {name: a for name, a in ((PLAIN, plain), (PASTED, pasted), (DRAWN, drawn)) if len(a)}
    sigma = {name: sigma_figures(a) for name, a in conditions.items()}
    occluded = {name: a for name, a in ((PLAIN, plain), (PASTED, pasted), (DRAWN, drawn), *kinds.items()) if len(a)}
    visibility = {name: visibility_figures(a) for name, a in occluded.items()}
    of_kind = {name: visibility[name] for name in kinds if name in visibility}
    shown = drawn if len(drawn) else plain
    groups = {name: sigma_figures(plain, at) | visibility_figures(shown, at) for name, at in GROUPS.items()}
    curves = {name: coverage_curve(a) for name, a in conditions.items()}
    return Result(
        name="calibration" if landmarker == EMBEDDED else f"calibration-{Path(landmarker).stem}",
        title=f"Do sigma and visibility mean what they say? {len(photos)} HELEN test photos",
        command=command_line("calibration", (), limit) + ("" if landmarker == EMBEDDED else " --landmarker FILE"),
        tables=(
            Table("Sigma", _SIGMA, tuple(_sigma_row(name, s) for name, s in sigma.items())),
            Table("Visibility", _VISIBILITY, tuple(_visibility_row(name, v) for name, v in visibility.items())),
            Table(
                "By part of the face: sigma as they are, visibility drawn over",
                _GROUPS,
                tuple(_group_row(name, g) for name, g in groups.items()),
            ),
        ),
        numbers={
            "sigma": sigma,
            "visibility": visibility,
            "groups": groups,
            "coverage_curves": {"level": LEVELS.tolist()} | {k: v.round(4).tolist() for k, v in curves.items()},
            "models": describe_models("detector", landmarker),
        },
        notes=(
            f"{coverage_radius(ONE_SIGMA):.3f} sigma should hold 68 %, {coverage_radius(0.95):.3f} sigma 95 %.",
            "In brackets 95 % intervals, over photos. Hidden points are left out of the sigma rows.",
            "Error/sigma: median, over what it is when sigma is honest; 1.2 means errors 20 % larger than promised.",
            "Spearman: rank correlation of sigma and error over all points, both over the inter-ocular distance.",
            "Pasted: a blob of another photo's pixels on each face. Our recipe does much the same: a seen kind.",
            "Drawn: each photo with each of eight kinds of things, by a program that no recipe of ours uses.",
            "Rendered heads in the landmarker's training have hands, masks, dark glasses, bars, strands of their own.",
            "Said: mean visibility of the points in view and of the hidden. As they are, all count as in view.",
            f"A kind with fewer than {FEWEST} faces found has no figures; calibration is measured on the faces found.",
            "Points hidden otherwise (hair, pose) count as in view: visibility looks a little worse than it is.",
        ),
        plots={
            "coverage": lambda figure: _draw_coverage(figure, curves),
            "visibility": lambda figure: _draw_reliability(figure, visibility),
            "visibility-kinds": lambda figure: _draw_panels(figure, of_kind),
            "visibility-groups": lambda figure: _draw_panels(figure, groups),
        },
    )


def _ask(
    analyzer: Analyzer, photos: Sequence[FacePhoto], pictures: Sequence[tuple[ImageArray, BoolArray]], what: str
) -> Answers:
    """What is said about the annotated face of each picture; beside each stands which points are in view."""
    rows = []
    for i, (image, seen) in enumerate(progress(pictures, what, len(photos))):
        faces = [face.landmarks.to("ibug68") for face in analyzer(image)]
        truth = photos[i].points
        chosen = annotated_face([Found(lm.box, np.asarray(k)) for k, lm in enumerate(faces)], truth)
        if chosen is not None:
            lm = faces[int(chosen.points)]
            rows.append((lm.points[:, :2], lm.sigma, lm.visibility, truth, seen, i))
    empty = [np.zeros((0, 68, *rest)) for rest in ((2,), (), (), (2,), ())] + [np.zeros(0)]
    points, sigma, visibility, truth, shown, photo = map(np.stack, zip(*rows, strict=True)) if rows else empty
    return Answers(points, sigma, visibility, truth, shown.astype(bool), photo.astype(int), len(photos) - len(rows))


def _sigma_row(name: str, s: dict[str, Any]) -> tuple[Cell, ...]:
    cells = (_ranged(s, "coverage_68", 100, 1), _ranged(s, "coverage_95", 100, 1), _ranged(s, "spearman", 1, 2))
    ratio = s["error_over_sigma"]
    return name, s["faces"], s["missed"], percent(s["nme_mean"]), *cells, None if ratio is None else f"{ratio:.2f}"


def _visibility_row(name: str, v: dict[str, Any]) -> tuple[Cell, ...]:
    hidden = v["points_hidden"] / (v["points_hidden"] + v["points_in_view"])
    said: tuple[Cell, ...] = tuple(None if v[k] is None else f"{v[k]:.2f}" for k in ("said_in_view", "said_hidden"))
    measured: tuple[Cell, ...] = (_ranged(v, "roc_auc", 1, 3), _ranged(v, "expected_calibration_error", 1, 3))
    if v["faces"] < FEWEST:
        measured, said = (None, None), (None, None)
    return name, v["faces"], v["missed"], percent(hidden, 0), *measured, *said


def _group_row(name: str, g: dict[str, Any]) -> tuple[Cell, ...]:
    inside = (_ranged(g, "coverage_68", 100, 1), _ranged(g, "coverage_95", 100, 1), _ranged(g, "spearman", 1, 2))
    return name, *inside, _ranged(g, "roc_auc", 1, 3), _ranged(g, "expected_calibration_error", 1, 3)


def _ranged(figures: dict[str, Any], name: str, factor: float, digits: int) -> str | None:
    """A figure with its interval: ``0.943 (0.931-0.955)``."""
    value, (low, high) = figures[name], figures[f"{name}_95"]
    if value is None or low is None or high is None:
        return None
    return f"{factor * value:.{digits}f} ({factor * low:.{digits}f}-{factor * high:.{digits}f})"


def _draw_coverage(figure: Figure, curves: dict[str, Any]) -> None:
    axes = figure.subplots()
    axes.plot([0, 100], [0, 100], color="grey", linestyle="--", linewidth=1, label="honest")
    for name, inside in curves.items():
        axes.plot(100 * LEVELS, 100 * inside, label=name)
    axes.set(xlabel="promised, % of the points inside the circle", ylabel="true, %", xlim=(0, 100), ylim=(0, 100))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", fontsize=8)


def _draw_reliability(figure: Figure, visibility: dict[str, dict[str, Any]]) -> None:
    axes = figure.subplots()
    for name in (PASTED, DRAWN):
        if name in visibility:
            _diagram(axes, visibility[name], name)
    axes.set(xlabel="visibility said", ylabel="fraction in view")
    axes.legend(loc="upper left", fontsize=8)


def _draw_panels(figure: Figure, figures: dict[str, dict[str, Any]]) -> None:
    figure.set_size_inches(9.6, 5.2)
    columns = -(-len(figures) // 2)
    panels = figure.subplots(2, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (name, v) in zip(panels, figures.items(), strict=False):
        _diagram(axes, v, name)
        auc = v["roc_auc"]
        known = "" if auc is None else f", AUC {auc:.2f}"
        axes.set_title(f"{name}{known}, error {v['expected_calibration_error']:.2f}", fontsize=8)
    for axes in panels[len(figures) :]:
        axes.set_axis_off()
    figure.supxlabel("visibility said", fontsize=9)
    figure.supylabel("fraction in view", fontsize=9)


def _diagram(axes: Axes, v: dict[str, Any], label: str) -> None:
    """A reliability diagram; the area of a dot is the number of points in its bin."""
    filled = [k for k, count in enumerate(v["bins"]["count"]) if count]
    said, happened, count = (np.array([v["bins"][name][k] for k in filled]) for name in ("said", "happened", "count"))
    (line,) = axes.plot(said, happened, linewidth=1)
    axes.scatter(said, happened, s=10 + 200 * count / count.max(), alpha=0.5, label=label, color=line.get_color())
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.grid(alpha=0.3)
