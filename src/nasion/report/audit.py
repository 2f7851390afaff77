"""An audit to read: tables for the terminal, and a page with plots, JSON and Parquet beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nasion.audit import AttributeAudit, Audit, AuditTable, Level
from nasion.audit.table import OUTCOMES
from nasion.core import ImageArray, MediaError, MissingExtraError
from nasion.media import safe_name
from nasion.media.paths import prepare_output, why
from nasion.report.html import Section, write_page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIMITS = (
    "Labels are taken as given. Where others judged them from a picture they are perceived, not declared.",
    "Pose, occlusion and size come from the audited models unless yaw, pitch and roll are annotated.",
    "Faces that were not found have no error to compare; their shares stand beside the gaps.",
    "What is not in the table (hair, glasses, make-up, the camera) is not held constant.",
)
NOT_TRUTH = (
    "There are no true points: what is compared is how far the landmarker contradicts itself between a picture and its "
    "mirror image. That is not accuracy: a landmarker may be wrong in the same way twice."
)
_RAW, _HELD = "#9aa3af", "#2563eb"
_HEADER = ("group", "faces", "missed", "mean", "raw gap", "controlled gap", "p", "weighted gap")


def audit_tables(audit: Audit) -> RenderableType:
    """The audit for a rich console."""
    parts: list[RenderableType] = [Text(f"{_measure(audit)}; {audit.found} of {audit.faces} faces found", "bold")]
    for attribute in audit.attributes:
        table = Table(box=None, header_style="bold", title=attribute.name, title_justify="left", title_style="italic")
        for i, heading in enumerate(_HEADER):
            table.add_column(heading, justify="right" if i else "left", no_wrap=True)
        for level in attribute.levels:
            table.add_row(*(Text(cell) for cell in _cells(level)))
        parts += ["", table, Text(attribute.verdict)]
    shared = sorted(audit.shares.shapley.items(), key=lambda item: -item[1])
    explained = ", ".join(f"{name} {share:.1%}" for name, share in shared)
    parts += ["", Text(f"Explained variance, {audit.shares.whole:.0%} in all: {explained}")]
    parts += [Text(f"- {line}", style="dim") for line in _notes(audit)]
    return Group(*parts)


def write_audit(audit: Audit, table: AuditTable, folder: Path, weights: Mapping[str, str]) -> list[Path]:
    """Write ``audit.html``, ``audit.json``, ``groups.parquet`` and the plots into a folder.

    Args:
        audit, table: the figures, and the faces that they come from.
        folder: made where it does not exist.
        weights: model to its file and checksum: figures belong to weights, not to names.

    Returns:
        The files written.

    Raises:
        MediaError: the folder cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    plots: dict[str, Callable[[Figure], None]] = {
        "gaps": lambda figure: draw_gaps(figure, audit),
        "shares": lambda figure: draw_shares(figure, audit),
        "overlap": lambda figure: draw_overlap(figure, audit, table),
    }
    images = {name: _drawn(draw, _height(name, audit)) for name, draw in plots.items()}
    page, data, groups = folder / "audit.html", folder / "audit.json", folder / "groups.parquet"
    prepare_output(page)
    files = [page, data, groups]
    try:
        data.write_text(audit.to_json() + "\n", encoding="utf-8")
        pq.write_table(pa.Table.from_pylist(_group_rows(audit)), groups)
        from nasion.media import write_image

        for name, image in images.items():
            files.append(folder / f"{name}.png")
            write_image(files[-1], image)
    except OSError as error:
        raise MediaError(f"cannot write {safe_name(folder)}: {why(error)}") from error
    write_page(page, "Audit of the landmarker", _sections(audit, images, weights), note=_measure(audit))
    return files


def draw_gaps(figure: Figure, audit: Audit) -> None:
    """Raw and controlled ratios to the reference with their intervals."""
    axes = np.atleast_1d(
        figure.subplots(len(audit.attributes), 1, sharex=True, height_ratios=[n + 0.5 for n in _counts(audit)])
    )
    for plot, attribute in zip(axes, audit.attributes, strict=True):
        names = [level.name for level in attribute.levels]
        for shift, color, word, kind in ((-0.15, _RAW, "raw", "raw"), (0.15, _HELD, "pictures held alike", "held")):
            for y, level in enumerate(attribute.levels):
                ratio = level.raw if kind == "raw" else level.controlled
                if ratio is None:
                    continue
                low, middle, high = (100 * (v - 1) for v in (ratio.low, ratio.value, ratio.high))
                plot.plot([low, high], [y + shift] * 2, color=color, lw=2, solid_capstyle="round")
                plot.plot(middle, y + shift, "o", color=color, ms=5, label=word if y == 1 else None)
        edge = 100 * audit.margin
        plot.axvspan(100 * (1 / (1 + audit.margin) - 1), edge, color="#16a34a", alpha=0.10, lw=0)
        plot.axvline(0, color="#6b7280", lw=0.8)
        plot.set_yticks(range(len(names)), names, fontsize=9)
        plot.set_ylim(len(names) - 0.4, -0.6)
        plot.set_title(f"{attribute.name}, against {attribute.reference}", fontsize=10, loc="left")
        plot.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel(f"per cent more than the reference; green: within {audit.margin:.0%}")
    handles, words = axes[0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper right", frameon=False, fontsize=9, ncols=2)


def draw_shares(figure: Figure, audit: Audit) -> None:
    """What explains the variance."""
    plot = figure.subplots()
    order = sorted(audit.shares.shapley.items(), key=lambda item: item[1])
    people = {attribute.name for attribute in audit.attributes}
    colors = ["#d97706" if name in people else _HELD for name, _ in order]
    bars = plot.barh([name for name, _ in order], [100 * share for _, share in order], color=colors)
    plot.bar_label(bars, fmt="%.1f", padding=3, fontsize=9)
    plot.set_xlabel(f"per cent of the variance of the logarithm; together {audit.shares.whole:.0%}")
    plot.set_title("How the picture was taken (blue) and who is on it (orange)", fontsize=10, loc="left")
    plot.spines[["top", "right"]].set_visible(False)


def draw_overlap(figure: Figure, audit: Audit, table: AuditTable) -> None:
    """The three strongest confounders, group by group: where groups do not overlap, nothing can be held constant."""
    strongest = sorted(audit.controls, key=lambda name: -audit.shares.shapley.get(name, 0.0))[:3]
    if not strongest:
        return
    grid = figure.subplots(
        len(audit.attributes), len(strongest), squeeze=False, height_ratios=[n + 1 for n in _counts(audit)]
    )
    for row, attribute in zip(grid, audit.attributes, strict=True):
        for plot, name in zip(row, strongest, strict=True):
            values = [_of(table, attribute.name, level.name, name) for level in attribute.levels]
            plot.boxplot(values, orientation="horizontal", whis=(5, 95), showfliers=False, widths=0.6)
            plot.set_yticks(range(1, len(values) + 1), [level.name for level in attribute.levels], fontsize=8)
            plot.invert_yaxis()
            plot.spines[["top", "right"]].set_visible(False)
            if plot is not row[0]:
                plot.tick_params(labelleft=False)
            plot.set_xlabel(name, fontsize=9)


def _of(table: AuditTable, attribute: str, level: str, confounder: str) -> Any:
    values = table.confounders[confounder][table.attributes[attribute] == level]
    return values[np.isfinite(values)]


def _measure(audit: Audit) -> str:
    words = OUTCOMES.get(audit.outcome, audit.outcome)
    return words[0].upper() + words[1:]


def _notes(audit: Audit) -> list[str]:
    constant = (f"Could not be held constant: {', '.join(audit.constant)}.",) if audit.constant else ()
    return [*(() if audit.truth else (NOT_TRUTH,)), *constant, *LIMITS]


def _cells(level: Level) -> tuple[str, ...]:
    missed = f"{level.missed} ({level.missed_low:.1%}-{level.missed_high:.1%})"
    mean = (
        ""
        if level.mean is None
        else f"{100 * level.mean.value:.2f} [{100 * level.mean.low:.2f}, {100 * level.mean.high:.2f}]"
    )
    controlled = "too few faces" if level.thin else _gap(level.controlled)
    p = "" if level.controlled is None else _p(level.controlled.p)
    return level.name, str(level.faces), missed, mean, _gap(level.raw), controlled, p, _gap(level.weighted)


def _gap(ratio: Any) -> str:
    return "" if ratio is None else f"{ratio.value - 1:+.1%} [{ratio.low - 1:+.1%}, {ratio.high - 1:+.1%}]"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _counts(audit: Audit) -> list[int]:
    return [len(attribute.levels) for attribute in audit.attributes]


def _height(name: str, audit: Audit) -> float:
    levels = sum(_counts(audit))
    return {"gaps": 1.2 + 0.42 * levels, "shares": 4.2, "overlap": 1.8 + 0.32 * levels}[name]


def _sections(audit: Audit, images: dict[str, ImageArray], weights: Mapping[str, str]) -> list[Section]:
    sections = [
        Section(
            "Before you read on",
            header=("what to know",),
            rows=[(line,) for line in _notes(audit)],
            note=f"{audit.found} of {audit.faces} labelled faces were found; "
            f"{len(audit.errors)} pictures could not be read. Models: {', '.join(weights.values())}",
        ),
        Section("Verdicts", header=("attribute", "verdict"), rows=[(a.name, a.verdict) for a in audit.attributes]),
        Section(
            "Gaps",
            images["gaps"],
            note="Per cent more than the reference group, 95 % intervals, p corrected for the number of groups. "
            f"Held alike: {', '.join(audit.controls)}, and the other attributes.",
        ),
    ]
    for attribute in audit.attributes:
        rows = [_cells(level) for level in attribute.levels]
        note = f"All alike, raw: p {_p(attribute.p_raw)}; pictures held alike: p {_p(attribute.p_controlled)}"
        sections.append(Section(attribute.name, header=_HEADER, rows=rows, note=f"{note}. Means are per cent."))
    sections += [
        Section("What explains the differences", images["shares"]),
        Section("Does the verdict hang on what is held constant?", header=_head(audit), rows=_ladder(audit)),
        Section(
            "Does it hang on the measure?",
            header=("measure", *(a.name for a in audit.attributes)),
            rows=_measures(audit),
            note="The highest group over the lowest, pictures held alike; with * where p is below 0.05, uncorrected.",
        ),
        Section("Do the groups overlap?", images["overlap"], note="Boxes hold the middle half, whiskers 90 %."),
    ]
    if audit.errors:
        rows = [(file, error) for file, error in audit.errors.items()]
        sections.append(Section("Pictures that could not be read", header=("file", "why"), rows=rows))
    return sections


def _head(audit: Audit) -> tuple[str, ...]:
    return ("held constant", *(f"{a.name}: highest over lowest" for a in audit.attributes))


def _ladder(audit: Audit) -> list[tuple[str, ...]]:
    steps = audit.attributes[0].largest
    return [(step, *(f"{a.largest[step]:.3f}" for a in audit.attributes)) for step in steps]


def _measures(audit: Audit) -> list[tuple[str, ...]]:
    def cell(attribute: AttributeAudit, measure: str) -> str:
        p, largest = attribute.by_outcome[measure]
        return f"{largest:.3f}{'*' if p < 0.05 else ''}"

    names = audit.attributes[0].by_outcome
    return [(OUTCOMES.get(name, name), *(cell(a, name) for a in audit.attributes)) for name in names]


def _group_rows(audit: Audit) -> list[dict[str, Any]]:
    rows = []
    for attribute in audit.attributes:
        for level in attribute.levels:
            row: dict[str, Any] = {"attribute": attribute.name, "level": level.name, "reference": attribute.reference}
            row |= {"faces": level.faces, "missed": level.missed, "outcome": audit.outcome}
            row |= {"mean": level.mean and level.mean.value, "adjusted": level.adjusted, "bound": level.bound}
            for kind in ("raw", "controlled", "weighted"):
                ratio = getattr(level, kind)
                for field in ("value", "low", "high", "p", "p_equal"):
                    row[f"{kind}_{field}"] = None if ratio is None else getattr(ratio, field)
            rows.append(row)
    return rows


def _drawn(draw: Callable[[Figure], None], height: float) -> ImageArray:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("the report's plots need matplotlib: pip install 'nasion[audit]'") from error
    figure = Figure(figsize=(8, height), dpi=110, layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)
    draw(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
