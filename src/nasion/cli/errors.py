"""How commands end: exit codes, and errors as one line instead of a traceback.

0 done; 1 some inputs failed, each named on stderr, everything else written; 2 bad usage; 130 interrupted (143 when
terminated), what was done until then is written.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

FAILED = 1
BAD_USAGE = 2
INTERRUPTED = 130


class NasionGroup(TyperGroup):
    """Turns nasion's own errors into a line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            from nasion.core.errors import InputError, NasionError  # not at the top: NumPy comes with it

            if not isinstance(error, NasionError):
                raise
            complain(str(error))
            raise typer.Exit(BAD_USAGE if isinstance(error, InputError) else FAILED) from error


def complain_about(name: str, message: str) -> None:
    """One line on stderr that names the input once; most of our messages do so themselves."""
    complain(message if name in message else f"{name}: {message}")


def complain(message: str) -> None:
    """One line on stderr, in red on a terminal."""
    typer.secho(f"nasion: {message}", fg=typer.colors.RED, err=True)
