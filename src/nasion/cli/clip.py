"""Tasks of a whole clip for ``nasion video``: their options, and what is shown and written at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from nasion.cli import options
from nasion.core.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from nasion.media import FrameResult

Events: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="With blinks, attention, expression: write its events, .parquet, .csv or .jsonl."
    ),
]
Plot: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="With blinks, attention, expression: draw the curves, .png, .svg or .pdf."),
]
Report: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="With blinks, attention, expression: write tables and curves as .html."),
]
ExpressionModel: TypeAlias = Annotated[
    str, typer.Option(metavar="NAME", help="With task expression: a network of `nasion train convlstm1d-expression`.")
]


class ClipOutput:
    """Takes the tasks of a clip out of the tasks, gathers the frames, and shows and writes what happened.

    Attributes:
        tasks: what the Analyzer is to do for each frame.
        keeps_points: whether points must not be smoothed: a filter would round blinks off.
    """

    def __init__(
        self, tasks: str, events: Path | None, plot: Path | None, report: Path | None, expression: str = "expression"
    ) -> None:
        from nasion.media.paths import prepare_output
        from nasion.pipeline.clip import ClipReader, split_tasks

        self.tasks, names = split_tasks(options.split_tasks(tasks))
        self._events, self._plot, self._report = events, plot, report
        targets = {"--events": events, "--plot": plot, "--report": report}
        for option, target in targets.items():
            if target is not None:
                if not names:
                    raise InputError(f"{option} needs a task of the whole clip: --tasks blinks, attention, expression")
                prepare_output(target)
        if events is not None and events.suffix.lower() not in options.TABLE_EXTENSIONS:
            raise InputError(
                f"--events {events}: the extension says the format; use {', '.join(options.TABLE_EXTENSIONS)}"
            )
        if plot is not None and plot.suffix.lower() not in (".png", ".svg", ".pdf"):
            raise InputError(f"--plot {plot}: curves are drawn as .png, .svg or .pdf")
        self._reader = ClipReader(names, expression=expression) if names else None
        self.keeps_points = "blinks" in names

    def add(self, result: FrameResult) -> None:
        """One frame."""
        if self._reader is not None:
            self._reader.add(result.faces, result.time_s or 0.0)

    def finish(self, source: str, screen: Console, show: bool = True) -> None:
        """Print the tables (unless stdout carries data), write the files and name them."""
        if self._reader is None:
            return
        from nasion.media.event_table import write_events_table
        from nasion.report.clip import clip_tables, write_clip_page, write_plot

        found = self._reader.finish()
        if show:
            screen.print(clip_tables(found))
        if self._events is not None:
            write_events_table(self._events, found.events(source))
        if self._plot is not None:
            write_plot(self._plot, found)
        if self._report is not None:
            write_clip_page(self._report, found, source)
        for target in (self._events, self._plot, self._report):
            if target is not None:
                screen.print(f"wrote {target}", soft_wrap=True)
