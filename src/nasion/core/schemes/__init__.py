"""Every landmark layout nasion knows: ``scheme("ibug68")`` or ``SCHEMES["ibug68"]``, built when first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from nasion.core.errors import SchemeError
from nasion.core.scheme import Scheme

NAMES = ("ibug68", "dense478", "wflw98", "cofw29", "aflw19", "coarse5", "occ100", "union124")


@cache
def scheme(name: str) -> Scheme:
    """The layout called ``name``, always the same object.

    Raises:
        SchemeError: there is none of that name.
    """
    if name not in NAMES:
        raise SchemeError(f"there is no scheme {name!r}; there are {', '.join(NAMES)}")
    built: Scheme = import_module(f"nasion.core.schemes.{name}").build()
    return built


class _Registry(Mapping[str, Scheme]):
    """A read-only mapping from name to scheme that builds a scheme when it is first looked up."""

    def __getitem__(self, name: str) -> Scheme:
        return scheme(name)

    def __contains__(self, name: object) -> bool:
        return name in NAMES

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)

    def __repr__(self) -> str:
        return f"SCHEMES({', '.join(NAMES)})"


SCHEMES: Mapping[str, Scheme] = _Registry()
