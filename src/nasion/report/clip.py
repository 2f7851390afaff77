"""What happened in a clip, to look at: tables for the terminal, curves with the events marked, a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nasion.core import ImageArray, MediaError, MissingExtraError
from nasion.expression.sequence import LIMITS as SHOWN_LIMITS
from nasion.eyes import LIMITS as EYE_LIMITS
from nasion.eyes import drowsiness
from nasion.media.paths import prepare_output, safe_name, why
from nasion.pipeline.clip import ClipReport, Person
from nasion.pose import attention_curve, spans
from nasion.pose.attention import LIMITS as ATTENTION_LIMITS
from nasion.report.clip_shown import SHOWN_HEAD, draw_shown, shown_rows
from nasion.report.html import Section, write_page

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_EVENTS = 40  # lines on the terminal; the file of events has them all
_BLINK, _LONG, _YAWN, _LINE = "#f59e0b", "#dc2626", "#7c3aed", "#2563eb"
_SIDES = {
    "forward": "#16a34a", "left": "#2563eb", "right": "#f59e0b", "up": "#7c3aed", "down": "#dc2626",
    "unknown": "#9aa3af",
}  # fmt: skip
_BLINK_HEAD = ("person", "from (s)", "to (s)", "event", "closing", "closed", "reopening", "amplitude")
_EYE_HEAD = (
    "person",
    "from (s)",
    "to (s)",
    "blinks/min",
    "PERCLOS",
    "closed (s)",
    "long/min",
    "yawns/min",
    "rule says",
)
_FACE_HEAD = ("person", "seen (s)", "forward", "left", "right", "up", "down", "unseen", "turns/min", "longest away (s)",
              "steadiness (°/s)", "confidence")  # fmt: skip


def clip_tables(report: ClipReport) -> RenderableType:
    """Everything for a rich console; the limits stand below."""
    parts: list[RenderableType] = []
    if "blinks" in report.tasks:
        events = [row for person in report.people for row in _eye_events(person)]
        parts += [_table(_BLINK_HEAD, events[:MOST_EVENTS])]
        if len(events) > MOST_EVENTS:
            parts.append(Text(f"... and {len(events) - MOST_EVENTS} more; --events FILE writes them all", "dim"))
        parts += ["", _table(_EYE_HEAD, [row for person in report.people for row in _window_rows(person)])]
        parts += [Text(f"person {p.track_id}: {p.problem}", "yellow") for p in report.people if p.problem]
        parts += [Text(line, "dim") for line in EYE_LIMITS]
    if "attention" in report.tasks:
        columns = zip(_FACE_HEAD, *(_face_row(person) for person in report.people), strict=True)
        head, *rows = columns  # a line for each figure: there are more of them than people
        parts += ["", _table(head, rows)]
        parts += [Text(line, "dim") for line in ATTENTION_LIMITS]
    if "expression" in report.tasks:
        parts += ["", _table(SHOWN_HEAD, [row for person in report.people for row in shown_rows(person)][:MOST_EVENTS])]
        parts += [Text(line, "dim") for line in SHOWN_LIMITS]
    return Group(*parts)


def draw_clip(figure: Figure, report: ClipReport) -> None:
    """Each person's openness curve with blinks, long closures and yawns marked; below, which way everybody faced."""
    eyes = list(report.people) if "blinks" in report.tasks else []
    faces = [person for person in report.people if person.orientation is not None]
    masks = [person for person in report.people if person.shown is not None]
    panels = len(eyes) + bool(faces) * 2 + 2 * len(masks)
    if not panels:
        figure.subplots().set_title("nobody was seen for a second or more")
        return
    axes = list(figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0])
    for panel, person in zip(axes, eyes, strict=False):
        _draw_eyes(panel, person)
    if faces:
        _draw_sides(axes[-2], faces)
        for person in faces:
            assert person.orientation is not None
            axes[-1].plot(
                person.orientation.time_s, attention_curve(person.orientation), label=f"person {person.track_id}"
            )
        axes[-1].set_ylim(-0.05, 1.05)
        axes[-1].set_ylabel("forward,\nlast 10 s")
        axes[-1].legend(loc="lower left", fontsize="small")
    for number, person in enumerate(masks):
        draw_shown(axes[len(eyes) + 2 * number], axes[len(eyes) + 2 * number + 1], person)
    axes[-1].set_xlabel("time (s)")


def write_plot(path: Path, report: ClipReport) -> None:
    """Draw the curves into a picture file.

    Raises:
        MissingExtraError: matplotlib is not installed.
        MediaError: the file cannot be written.
    """
    target = prepare_output(path)
    figure = _figure(report)
    try:
        figure.savefig(target, dpi=110)
    except (OSError, ValueError) as error:
        raise MediaError(f"cannot write {safe_name(target)}: {why(error)}") from error


def write_clip_page(path: Path, report: ClipReport, source: str) -> None:
    """The tables and curves as one HTML file.

    Raises:
        MissingExtraError: matplotlib is not installed.
        MediaError: the file cannot be written.
    """
    sections = [Section("Curves", _pixels(_figure(report)))]
    if "attention" in report.tasks:
        rows = [_face_row(person) for person in report.people]
        sections.append(
            Section("Which way people faced", header=_FACE_HEAD, rows=rows, note=" ".join(ATTENTION_LIMITS))
        )
    if "expression" in report.tasks:
        rows = [row for person in report.people for row in shown_rows(person)]
        sections.append(Section("Expressions shown", header=SHOWN_HEAD, rows=rows, note=" ".join(SHOWN_LIMITS)))
    if "blinks" in report.tasks:
        minutes = [row for person in report.people for row in _window_rows(person)]
        sections.append(Section("Lids, minute by minute", header=_EYE_HEAD, rows=minutes, note=" ".join(EYE_LIMITS)))
        events = [row for person in report.people for row in _eye_events(person)]
        sections.append(Section("Blinks, long closures, yawns", header=_BLINK_HEAD, rows=events))
    write_page(path, f"{source}, {report.clip_s:.1f} s", sections)


def _eye_events(person: Person) -> list[tuple[str, ...]]:
    rows = [
        (
            b.start_s, str(person.track_id), f"{b.start_s:.2f}", f"{b.end_s:.2f}",
            "long closure" if b.long else "blink", f"{b.closing_s:.2f}", f"{b.closed_s:.2f}",
            f"{b.reopening_s:.2f}", f"{b.amplitude:.2f}",
        )
        for b in person.blinks
    ]  # fmt: skip
    rows += [
        (y.start_s, str(person.track_id), f"{y.start_s:.2f}", f"{y.end_s:.2f}", "yawn", "", "", "", "")
        for y in person.yawns
    ]
    return [row[1:] for row in sorted(rows)]


def _window_rows(person: Person) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for window in person.windows:
        level, signs = drowsiness(window)
        words = f"{level} ({', '.join(signs)})" if signs else level
        rows.append((
            str(person.track_id), f"{window.start_s:.0f}", f"{window.end_s:.0f}", f"{window.blinks_per_minute:.1f}",
            _percent(window.perclos), _number(window.closed_s, 2), f"{window.long_closures:.1f}", f"{window.yawns:.1f}",
            words,
        ))  # fmt: skip
    return rows


def _face_row(person: Person) -> tuple[str, ...]:
    seen = person.attention
    assert seen is not None, "people of a report on attention have it"
    shares = (seen.forward, seen.left, seen.right, seen.up, seen.down, seen.unseen)
    return (
        str(person.track_id), f"{seen.seen_s:.1f}", *map(_percent, shares), _number(seen.turns_per_minute, 1),
        f"{seen.longest_away_s:.1f}", _number(seen.steadiness_deg_s, 1), _number(seen.confidence, 2),
    )  # fmt: skip


def _draw_eyes(axes: Axes, person: Person) -> None:
    axes.plot(person.time_s, person.opening, color=_LINE, linewidth=1)
    for blink in person.blinks:
        colour = _LONG if blink.long else _BLINK
        axes.axvspan(blink.start_s, blink.end_s, color=colour, alpha=0.25, linewidth=0)
        axes.axvspan(blink.shut_s, blink.lift_s, color=colour, alpha=0.35, linewidth=0)
    for yawn in person.yawns:
        axes.axvspan(yawn.start_s, yawn.end_s, ymax=0.08, color=_YAWN, alpha=0.8, linewidth=0)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(f"person {person.track_id}\nlids (°)")
    long = sum(blink.long for blink in person.blinks)
    words = [f"{len(person.blinks) - long} blinks"] + [f"{long} long closures"] * bool(long)
    words += [f"{len(person.yawns)} yawns"] * bool(person.yawns)
    axes.set_title(", ".join(words), fontsize="medium", loc="left")


def _draw_sides(axes: Axes, people: list[Person]) -> None:
    used: set[str] = set()
    for row, person in enumerate(people):
        assert person.orientation is not None
        for span in spans(person.orientation):
            width = span.end_s - span.start_s
            word = span.label if span.label not in used else None
            used.add(span.label)
            colour = _SIDES[span.label]
            axes.barh(
                row, width, left=span.start_s, height=0.7, color=colour, alpha=0.35 + 0.6 * span.confidence, label=word
            )
    axes.set_yticks(range(len(people)), [f"person {person.track_id}" for person in people])
    axes.invert_yaxis()
    axes.legend(loc="lower left", ncols=6, fontsize="small")
    axes.set_title("facing (fainter where less sure)", fontsize="medium", loc="left")


def _figure(report: ClipReport) -> Figure:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("plots need matplotlib: pip install 'nasion[plots]'") from error
    rows = len(report.people) * ("blinks" in report.tasks) + 2 * ("attention" in report.tasks)
    rows += 2 * sum(person.shown is not None for person in report.people)
    figure = Figure(figsize=(11, 1.2 + 1.9 * max(rows, 1)), layout="constrained")
    FigureCanvasAgg(figure)
    draw_clip(figure, report)
    return figure


def _pixels(figure: Figure) -> ImageArray:
    canvas: Any = figure.canvas
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    table = Table(box=None, header_style="bold")
    for name in header:
        table.add_column(name, justify="left" if name in ("event", "rule says") else "right")
    for row in rows:
        table.add_row(*row)
    return table


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.0f} %"


def _number(value: float, digits: int) -> str:
    return "-" if np.isnan(value) else f"{value:.{digits}f}"
