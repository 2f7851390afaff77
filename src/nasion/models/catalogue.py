"""The catalogue of weights: ``catalogue.toml`` read into cards."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files

from nasion.core import ModelError


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known about one file of weights.

    Attributes:
        name: as commands and constructors take it.
        task: what it does, in a few words.
        file: its file name.
        sha256: of its bytes, 64 hexadecimal digits; the file's identity, whatever it is called on disk.
        size: bytes.
        embedded: whether it ships inside the package.
        licence: of the weights, as its owner states it.
        consent: why its licence must be acknowledged before it is downloaded; empty when it is free to use.
        trained_on: the data sets, with their terms.
        input: the input contract: names, shapes, value range, channel order.
        measured: figures measured by us, or where they come from.
        source: whose it is, a page to read.
        url: a pinned address of exactly these bytes; empty when there is none.
    """

    name: str
    task: str
    file: str
    sha256: str
    size: int
    embedded: bool
    licence: str
    consent: str
    trained_on: str
    input: str
    measured: str
    source: str
    url: str


class Catalogue(Mapping[str, ModelCard]):
    """Cards by name, in the order of the file. Looking up a name that is not there says which are."""

    def __init__(self, cards: Mapping[str, ModelCard]) -> None:
        self._cards = dict(cards)

    def __getitem__(self, name: str) -> ModelCard:
        try:
            return self._cards[name]
        except KeyError:
            raise ModelError(f"there is no model {name!r}; the catalogue has {', '.join(self._cards)}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._cards

    def __iter__(self) -> Iterator[str]:
        return iter(self._cards)

    def __len__(self) -> int:
        return len(self._cards)


@cache
def catalogue() -> Catalogue:
    """Every model nasion knows."""
    return read_catalogue(files("nasion.models").joinpath("catalogue.toml").read_text("utf-8"))


def read_catalogue(text: str) -> Catalogue:
    """Cards from TOML: a table per model; ``embedded``, ``consent``, ``measured`` and ``url`` may be left out.

    Raises:
        ModelError: an entry lacks a field or has one that does not exist.
    """
    optional = {"embedded": False, "consent": "", "measured": "", "url": ""}
    wanted = {f.name for f in fields(ModelCard)} - {"name"}
    cards = {}
    for name, table in tomllib.loads(text).items():
        entry = {**optional, **table}
        if set(entry) != wanted:
            raise ModelError(f"catalogue entry {name!r}: missing or unknown fields {sorted(set(entry) ^ wanted)}")
        cards[name] = ModelCard(name=name, **entry)
    return Catalogue(cards)
