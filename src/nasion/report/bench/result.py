"""What a benchmark found, and how it is shown and kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from nasion.core import MediaError, MissingExtraError
from nasion.report.bench.machine import describe_machine

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows for people to read; numbers come formatted, the first column names the row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one benchmark.

    Attributes:
        name: such as ``landmarks``; the files are called after it.
        title: one line.
        command: what to type to measure it again.
        tables: for people.
        numbers: for machines; plain values that JSON holds. Fractions 0..1, px, ms, MB, frames per second.
        notes: what to know before quoting a figure.
        plots: name to a function that draws on a matplotlib figure.
    """

    name: str
    title: str
    command: str
    tables: tuple[Table, ...]
    numbers: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    plots: Mapping[str, Callable[[Figure], None]] = field(default_factory=dict)


def command_line(name: str, peers: Sequence[str] = (), limit: int | None = None) -> str:
    """What to type to measure again."""
    parts = ["nasion bench", name]
    if peers:
        parts.append(f"--peers {','.join(peers)}")
    if limit is not None:
        parts.append(f"--limit {limit}")
    return " ".join(parts)


def show(result: Result) -> RenderableType:
    """The result for a rich console."""
    parts: list[RenderableType] = [Text(result.title, style="bold")]
    for table in result.tables:
        grid = RichTable(box=None, header_style="bold")
        for i, column in enumerate(table.columns):
            grid.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
        for row in table.rows:
            grid.add_row(*map(_cell, row))
        parts += ["", Text(table.title, style="italic"), grid]
    parts.append("")
    parts += [Text(f"- {note}", style="dim") for note in result.notes]
    return Group(*parts)


def write(result: Result, folder: Path) -> list[Path]:
    """Keep the result as ``<date>-<name>.json``, ``.md`` and one PNG per plot.

    Returns:
        The files written. A second run on the same day replaces the first.

    Raises:
        MissingExtraError: there are plots and no matplotlib.
        MediaError: the folder cannot be written.
    """
    now = datetime.now(UTC)
    stem = f"{now:%Y-%m-%d}-{result.name}"
    machine = describe_machine()
    record = {
        "benchmark": result.name,
        "date": now.isoformat(timespec="seconds"),
        "title": result.title,
        "command": result.command,
        "machine": machine,
        "tables": [
            {"title": t.title, "columns": list(t.columns), "rows": [[_cell(cell) for cell in row] for row in t.rows]}
            for t in result.tables
        ],
        "numbers": dict(result.numbers),
        "notes": list(result.notes),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        plots = [_draw(draw, folder / f"{stem}-{name}.png") for name, draw in result.plots.items()]
        data, page = folder / f"{stem}.json", folder / f"{stem}.md"
        data.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")
        page.write_text(markdown(result, machine, now, plots))
    except OSError as error:
        raise MediaError(
            f"cannot write the results to {folder}: {error}; name another folder with --results"
        ) from error
    return [data, page, *plots]


def publish(result: Result, folder: Path | None) -> None:
    """Print the result and, given a folder, keep it there: for measurements that are no verb of `nasion bench`."""
    Console(width=140).print(show(result))
    for path in write(result, folder) if folder else []:
        print(f"wrote {path}")


def markdown(result: Result, machine: Mapping[str, Any], now: datetime, plots: list[Path]) -> str:
    """The result as a page."""
    libraries = ", ".join(f"{name} {v}" for name, v in machine["libraries"].items())
    measured = " · ".join(
        [
            f"{now:%Y-%m-%d %H:%M} UTC",
            f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']}",
            f"{machine['system']}, Python {machine['python']}",
            f"nasion {machine['nasion']} at {machine['commit']}",
            libraries,
        ]
    )
    lines = [
        f"# {result.title}",
        "",
        f"`{result.command}`",
        "",
        measured,
    ]
    for table in result.tables:
        lines += ["", f"## {table.title}", "", _row(table.columns)]
        lines.append(_row(["---"] + ["---:"] * (len(table.columns) - 1)))
        lines += [_row(map(_cell, row)) for row in table.rows]
    if result.notes:
        lines += ["", *(f"- {note}" for note in result.notes)]
    for plot in plots:
        lines += ["", f"![{plot.stem}]({plot.name})"]
    return "\n".join(lines) + "\n"


def _row(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(value: Cell) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _draw(draw: Callable[[Figure], None], path: Path) -> Path:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("plots need matplotlib: pip install 'nasion[plots]', or leave out --write") from error
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure)
    figure.savefig(path, dpi=80)
    return path
