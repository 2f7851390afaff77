"""Landmark schemes: what each point of a layout is called and how the points hang together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nasion.core.arrays import FloatArray, IntArray
from nasion.core.errors import SchemeError


@dataclass(frozen=True, slots=True)
class Contour:
    """A line through points, for drawing and for distances along the face.

    Attributes:
        name: such as ``"left_eye"``.
        index: point indices in drawing order.
        closed: whether the last point joins the first.
    """

    name: str
    index: tuple[int, ...]
    closed: bool = False


@dataclass(frozen=True, eq=False)
class Scheme:
    """A landmark layout. "left" and "right" are the subject's, everywhere.

    Attributes:
        name: such as ``"ibug68"``.
        names: one name per point, unique.
        groups: named lists of point indices (``left_eye``, ``jaw``, ...); common names across schemes.
        contours: lines through points.
        mirror: (N,) for each point, the index of its partner on the other side of the face (itself on the midline).
        template: (N, 3) mm, a mean face in the head frame (x to image right when facing the camera, y down, z away
            from the camera, origin between the eyes), or None where no metric template exists.
        source: where the layout comes from.
    """

    name: str
    names: tuple[str, ...]
    groups: Mapping[str, tuple[int, ...]]
    contours: tuple[Contour, ...]
    mirror: tuple[int, ...]
    template: FloatArray | None = None
    source: str = ""

    def __post_init__(self) -> None:
        n = len(self.names)
        if len(set(self.names)) != n:
            raise SchemeError(f"scheme {self.name!r} names a point twice")
        if len(self.mirror) != n or any(self.mirror[self.mirror[i]] != i for i in range(n)):
            raise SchemeError(f"scheme {self.name!r}: the mirror must pair its {n} points two and two")

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Scheme({self.name!r}, {len(self)} points)"

    @cached_property
    def flip(self) -> IntArray:
        """(N,) permutation that gives each point the place of its partner in a mirrored image."""
        return np.array(self.mirror, np.intp)

    @property
    def symmetric_pairs(self) -> tuple[tuple[int, int], ...]:
        """Each pair of partners once, as (smaller index, larger index); midline points are left out."""
        return tuple((i, j) for i, j in enumerate(self.mirror) if i < j)

    def index(self, group: str) -> IntArray:
        """(K,) indices of a group.

        Raises:
            SchemeError: the scheme has no such group.
        """
        if group not in self.groups:
            raise SchemeError(f"scheme {self.name!r} has no group {group!r}; it has {', '.join(sorted(self.groups))}")
        return np.array(self.groups[group], np.intp)

    def part(self, group: str) -> Scheme:
        """The scheme of one group, in the group's order. Points whose partner is outside pair with themselves."""
        if group not in self._parts:
            self._parts[group] = self._part(group)
        return self._parts[group]

    @cached_property
    def _parts(self) -> dict[str, Scheme]:
        return {}

    def _part(self, group: str) -> Scheme:
        chosen = [int(i) for i in self.index(group)]
        place = {old: new for new, old in enumerate(chosen)}
        return Scheme(
            name=f"{self.name}/{group}",
            names=tuple(self.names[i] for i in chosen),
            groups={group: tuple(range(len(chosen)))},
            contours=tuple(
                Contour(c.name, tuple(place[i] for i in c.index), c.closed)
                for c in self.contours
                if all(i in place for i in c.index)
            ),
            mirror=tuple(place.get(self.mirror[i], place[i]) for i in chosen),
            template=None if self.template is None else self.template[chosen],
            source=self.source,
        )
