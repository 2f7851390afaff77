"""A progress bar with the time left, on standard error, and only where somebody looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def progress(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Pass ``items`` on, showing how far along they are."""
    console = Console(stderr=True)
    yield from track(items, what, total=total, console=console, disable=not console.is_terminal, transient=True)
