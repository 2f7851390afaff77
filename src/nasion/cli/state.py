"""``nasion state``: a clip read with a binary-state network of the user's own. Research only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nasion.cli.errors import FAILED, complain_about


def state_command(
    clips: Annotated[list[str], typer.Argument(metavar="CLIP...", help="Video files.")],
    model: Annotated[
        Path, typer.Option(metavar="FILE", help="What `nasion train intoxication-gat-3dresnet` wrote from your clips.")
    ],
    research: Annotated[
        bool, typer.Option("--i-understand-research-only", help="You have read that this is not for enforcement.")
    ] = False,
) -> None:
    """Read clips with a binary-state network of your own: research only, not for enforcement.

    Prints the notice, the mean over each clip's shots, and how much landmarks and pixels weighed. No model ships.
    """
    from rich.table import Table
    from rich.text import Text

    from nasion.cli.screen import stdout
    from nasion.clinic.binary_state import NOTICE, StateReader
    from nasion.core import NasionError
    from nasion.pipeline.state_shots import read_shots

    reader = StateReader(model, research_only=research)
    screen = stdout()
    screen.print(Text(NOTICE, "bold yellow"))
    table = Table(box=None, header_style="bold")
    for name in ("clip", "shots", reader.state, "lowest", "highest", "landmarks", "pixels"):
        table.add_column(name, justify="left" if name == "clip" else "right")
    failed = False
    for clip in clips:
        try:
            told = reader(read_shots(clip))
        except NasionError as error:
            complain_about(clip, str(error))
            failed = True
            continue
        shares = (told.probability, told.shots.min(), told.shots.max(), told.landmarks.mean(), told.pixels.mean())
        table.add_row(Path(clip).name, str(len(told.shots)), *(f"{share:.2f}" for share in shares))
    screen.print(table)
    if failed:
        raise typer.Exit(FAILED)
