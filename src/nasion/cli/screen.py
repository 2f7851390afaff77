"""What people see: tables of faces, progress, words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from nasion.core import Face
from nasion.report.words import cells, headings, least_reliable, reading_columns

MAX_ROWS = 40  # more would scroll the summary away, and nobody reads them; --out has them all
WIDE = 120  # characters from which reasons are printed
DOUBTFUL = 0.5  # reliability below which a row says why


def stdout() -> Console:
    """For results."""
    return Console(highlight=False)


def stderr() -> Console:
    """For progress, and for summaries when stdout carries data."""
    return Console(stderr=True, highlight=False)


def progress_bar() -> Progress:
    """What is done and the time left, on stderr, gone when finished; silent where nobody watches."""
    console = stderr()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


class FaceTable:
    """Rows for the terminal: one per face, or a note where there is none.

    Args:
        first: heading of the first column, such as ``"picture"``.
    """

    def __init__(self, first: str) -> None:
        self._first = first
        self._rows: list[tuple[str, Face | None, str]] = []
        self._hidden = 0

    def add(self, name: str, faces: Sequence[Face], note: str = "no face") -> None:
        """One picture's faces, or the note that says why there are none; of a path only its end is shown."""
        name = Path(name).name.replace(" ", "\N{NO-BREAK SPACE}")
        for face in faces or (None,):
            if len(self._rows) < MAX_ROWS:
                self._rows.append((name, face, note))
            else:
                self._hidden += 1

    def show(self, console: Console) -> None:
        """Print it; nothing when there are no rows."""
        if self._rows:
            console.print(self.rendered(console.width))
        if self._hidden:
            console.print(f"... and {self._hidden} more rows; --out FILE writes them all", style="dim")

    def rendered(self, width: int) -> Table:
        """The rows as rich prints them; readings not to be believed are dim, with the reason where there is room."""
        columns = reading_columns(face for _, face, _ in self._rows if face is not None)
        words, roomy = headings(columns), width >= WIDE
        tracked = any(face is not None and face.track_id is not None for _, face, _ in self._rows)
        table = Table(box=None, header_style="bold", collapse_padding=True, pad_edge=False)
        table.add_column(self._first, overflow="ellipsis", min_width=14)  # the one that gives way
        for heading in ["track", *words] if tracked else words:
            table.add_column(heading, justify="right", no_wrap=True)
        if roomy:
            table.add_column("")
        for name, face, note in self._rows:
            if face is None:
                table.add_row(Text(name), *[""] * tracked, "", Text(note, "yellow"))
                continue
            trust, reason = least_reliable(face)
            track = ["" if face.track_id is None else str(face.track_id)] if tracked else []
            numbers = [*track, *cells(face, columns)]
            doubt = [Text(reason)] if roomy and trust < DOUBTFUL else []
            table.add_row(Text(name), *numbers, *doubt, style="dim" if trust < DOUBTFUL else "")
        return table
