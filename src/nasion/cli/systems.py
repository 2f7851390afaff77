"""``nasion systems``: the catalogue of published systems, and how far each is reproduced."""

from collections import Counter
from dataclasses import asdict
from json import dumps
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nasion.systems import STATUSES, System, systems

STYLES = {"works": "green", "partial": "yellow", "planned": "dim"}


def systems_command(
    json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON, for machines.")] = False,
    family: Annotated[str | None, typer.Option(help="Only this family, such as landmarks.")] = None,
    status: Annotated[str | None, typer.Option(help=f"Only this status: {', '.join(STATUSES)}.")] = None,
) -> None:
    """List the published systems and how far nasion reproduces each."""
    rows = systems()
    families = list(dict.fromkeys(row.family for row in rows))
    if family is not None and family not in families:
        raise typer.BadParameter(f"{family!r} is not one of {', '.join(families)}", param_hint="--family")
    if status is not None and status not in STATUSES:
        raise typer.BadParameter(f"{status!r} is not one of {', '.join(STATUSES)}", param_hint="--status")
    chosen = [row for row in rows if family in (None, row.family) and status in (None, row.status)]
    if json:
        typer.echo(dumps([asdict(row) for row in chosen], indent=2, ensure_ascii=False))
    else:
        console = Console()
        console.print(_table(chosen))
        counts = Counter(row.status for row in chosen)
        console.print(f"{len(chosen)} systems: {', '.join(f'{counts[s]} {s}' for s in STATUSES)}")


def _table(rows: list[System]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("slug", no_wrap=True)
    for heading in ("name", "family", "status", "entry", "measured"):
        table.add_column(heading)
    for row in rows:
        # Text, not str: square brackets in a cell are not markup
        status = Text(row.status, STYLES[row.status])
        table.add_row(row.slug, Text(row.name), row.family, status, Text(row.entry), Text(row.measured))
    return table
