"""``nasion models``: which weights there are, pulling them, and checking their bytes."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from nasion.core import ModelError
from nasion.models import ModelCard, Verdict, catalogue, pull_model, verify_models

models_app = typer.Typer(help="The weights nasion knows: list, pull, verify.", no_args_is_help=True)

STYLES = {"ok": "green", "absent": "dim", "wrong bytes": "bold red"}
JSON = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


@models_app.command("list")
def list_models(json: JSON = False) -> None:
    """List every model with its licence, and whether it is here."""
    verdicts = {v.name: v for v in verify_models()}
    cards = list(catalogue().values())
    if json:
        rows = [asdict(card) | _state(verdicts[card.name]) for card in cards]
        typer.echo(dumps(rows, indent=2, ensure_ascii=False))
        return
    table = Table(box=None, header_style="bold")
    for heading in ("name", "state", "size", "task", "licence of the weights"):
        table.add_column(heading, no_wrap=heading in ("name", "state", "size"))
    for card in cards:
        # Text, not str: square brackets in a cell are not markup
        state = verdicts[card.name].state
        where = Text("in the package" if card.embedded and state == "ok" else state, STYLES[state])
        table.add_row(card.name, where, _megabytes(card.size), Text(card.task), Text(card.licence))
    Console().print(table)


@models_app.command("pull")
def pull(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Models of `nasion models list`.")],
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="I have read the licence shown and it suits my use.")
    ] = False,
) -> None:
    """Download models from their pinned addresses, checked by sha256. Exit code 1 when one could not be had."""
    failed = 0
    console = Console(stderr=True)
    for name in names:
        try:
            card = catalogue()[name]
            typer.echo(f"{name}: {card.source}; licence of the weights: {card.licence}; trained on {card.trained_on}")
            typer.echo(f"{name}: {_pull_with_bar(card, accept_licence, console)}")
        except ModelError as error:
            failed += 1
            typer.echo(f"error: {error}", err=True)
    if failed:
        raise typer.Exit(1)


@models_app.command("verify")
def verify(json: JSON = False) -> None:
    """Check the bytes of every model that is here. Exit code 1 when one is wrong or an embedded one is missing."""
    verdicts = verify_models()
    broken = [v for v in verdicts if v.state == "wrong bytes" or (v.state == "absent" and catalogue()[v.name].embedded)]
    if json:
        typer.echo(dumps([{"name": v.name, **_state(v)} for v in verdicts], indent=2))
    else:
        table = Table(box=None, header_style="bold")
        for heading in ("name", "state", "file"):
            table.add_column(heading, no_wrap=heading != "file")
        for verdict in verdicts:
            table.add_row(verdict.name, Text(verdict.state, STYLES[verdict.state]), Text(str(verdict.path or "")))
        Console().print(table)
    for verdict in broken:
        where = f" at {verdict.path}" if verdict.path else ""
        typer.echo(f"error: model {verdict.name!r}: {verdict.state}{where}", err=True)
    if broken:
        raise typer.Exit(1)


def _pull_with_bar(card: ModelCard, accept_licence: bool, console: Console) -> str:
    columns = ("[progress.description]{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(card.name, total=card.size)

        def show(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)

        return str(pull_model(card.name, accept_licence=accept_licence, progress=show))


def _state(verdict: Verdict) -> dict[str, str | None]:
    return {"state": verdict.state, "path": str(verdict.path) if verdict.path else None}


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
