"""The catalogue of published systems: which of them nasion reproduces, where, and what was measured."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any, Literal, get_args

from nasion.core.errors import InputError

Status = Literal["works", "partial", "planned"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class System:
    """One published system.

    Attributes:
        slug: its id, unique.
        name: what its authors call it.
        paper: title and reference.
        family: the kind of system, such as ``"landmarks"``.
        status: ``"works"`` (runs, checked, measured), ``"partial"`` (runs, but something is missing) or ``"planned"``.
        entry: ``"module:name"`` that runs it; empty while planned.
        check: the test that fails when it breaks; empty while planned.
        bench: the command that measures it.
        measured: what that command printed.
    """

    slug: str
    name: str
    paper: str
    family: str
    status: Status
    entry: str
    check: str
    bench: str
    measured: str

    def __post_init__(self) -> None:
        def refuse(fault: str) -> InputError:
            return InputError(f"systems.toml, system {self.slug!r}: {fault}")

        empty = [f.name for f in fields(self) if not getattr(self, f.name)]
        evidence = ["entry", "check", "bench", "measured"]
        if nameless := [name for name in empty if name not in evidence]:
            raise refuse(f"fill in {', '.join(nameless)}")
        if self.status not in STATUSES:
            raise refuse(f"status must be one of {', '.join(STATUSES)}, not {self.status!r}")
        if self.status == "works" and empty:
            raise refuse(f"it says works, so fill in {', '.join(empty)} or call it partial")
        if self.status == "partial" and "entry" in empty:
            raise refuse("it says partial, so name its entry or call it planned")
        if self.status == "planned" and empty != evidence:
            raise refuse("it says planned, so leave entry, check, bench and measured empty or call it partial")
        if self.entry and self.entry.count(":") != 1:
            raise refuse(f"entry must read 'module:name', not {self.entry!r}")

    def load(self) -> Any:
        """The class or function that ``entry`` names.

        Raises:
            InputError: the system is planned, or its entry does not exist.
        """
        if not self.entry:
            raise InputError(f"system {self.slug!r} is planned: there is nothing to run yet")
        module, _, name = self.entry.partition(":")
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise InputError(
                f"systems.toml, system {self.slug!r}: entry {self.entry!r} cannot be loaded: {error}"
            ) from error


@cache
def systems() -> tuple[System, ...]:
    """Every system of the catalogue, family by family.

    Raises:
        InputError: a row is malformed or claims more than it shows.
    """
    return parse(files("nasion").joinpath("systems.toml").read_text("utf-8"))


def parse(text: str) -> tuple[System, ...]:
    """The systems in a catalogue's TOML text.

    Raises:
        InputError: a row is malformed or claims more than it shows, or two rows share a slug.
    """
    known = {f.name for f in fields(System)}
    rows: list[dict[str, str]] = tomllib.loads(text).get("system", [])
    for row in rows:
        if wrong := known ^ row.keys():
            raise InputError(
                f"systems.toml, system {row.get('slug')!r}: missing or unknown: {', '.join(sorted(wrong))}"
            )
        if not all(isinstance(value, str) for value in row.values()):
            raise InputError(f"systems.toml, system {row['slug']!r}: every value must be a string")
    if twice := [slug for slug, count in Counter(row["slug"] for row in rows).items() if count > 1]:
        raise InputError(f"systems.toml lists {', '.join(twice)} more than once")
    return tuple(System(**row) for row in rows)  # type: ignore[arg-type]  # System itself checks the status
