"""The people that the user enrolled: one file on the user's machine, and nothing of anybody else.

The file is a NumPy archive of plain arrays, written whole to a temporary file that then takes its name: it is never
half written, and what was deleted is in no byte of it. Only its owner may read it.

Source: the open-set rule (threshold, margin to the second, at most 20 vectors a person) of the card "Wearable vision
assistance", after arXiv 2412.20059.
"""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasion.core import FloatArray, InputError, MediaError
from nasion.identity.matching import farthest_points, person_scores
from nasion.media.paths import safe_name, why

MOST = 20  # vectors a person
TAU = 0.52  # `nasion bench identity`: false accepts 1e-3 a comparison, on people who take no part in its test
MARGIN = 0.05  # to the second
VERSION = 1
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Match:
    """Who a face is.

    Attributes:
        name: of the person; empty for unknown.
        score: cosine to the likeliest person, -1..1; -1 where nobody is enrolled.
        second: to the second likeliest; -1 where there is none.
        nearest: name of the likeliest person, whether believed or not.
    """

    name: str
    score: float
    second: float
    nearest: str


def gallery_path() -> Path:
    """Where the people are kept: ``NASION_GALLERY``, else the platform's folder for data of the user."""
    if named := os.environ.get("NASION_GALLERY"):
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "nasion" / "people.npz"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "nasion" / "people.npz"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "nasion" / "people.npz"


class Gallery:
    """Enrolled people. Every change is on disk when the method returns.

    Args:
        path: of the file, which need not exist; None keeps everything in memory.
        model: name of the network that the vectors come from; a file made with another one is refused.

    Attributes:
        tau: the score from which somebody is believed to be the person.

    Raises:
        MediaError: the file is damaged or no gallery.
        InputError: it was made with another network.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, model: str = "") -> None:
        self.path = None if path is None else Path(path)
        self.model, self.tau = model, TAU
        self._people: dict[str, FloatArray] = {}
        if self.path is not None and self.path.exists():
            self._read(self.path)

    def __len__(self) -> int:
        return len(self._people)

    @property
    def counts(self) -> dict[str, int]:
        """Vectors of each person, by name."""
        return {name: len(own) for name, own in self._people.items()}

    def enrol(self, name: str, vectors: FloatArray, *, merge: bool = False) -> int:
        """Keep a person, or with ``merge`` add to one who is there.

        Ask ``like`` first: it says whether the vectors look like somebody who is already here.

        Args:
            name: what will be said.
            vectors: (N, D) of unit length; at most ``MOST`` are kept, the most different ones.
            merge: add to the person of that name.

        Returns:
            How many vectors of the person are kept.

        Raises:
            InputError: no vectors, a name that is taken (or free, when merging), or vectors of another network.
        """
        name = " ".join(name.split())
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise InputError(f"a name has 1 to {LONGEST_NAME} printable characters, got {name!r}")
        vectors = np.asarray(vectors, np.float32)
        if vectors.ndim != 2 or not len(vectors) or not np.isfinite(vectors).all():
            raise InputError(f"enrolling {name} takes (N, D) finite vectors, N >= 1; got shape {vectors.shape}")
        for own in self._people.values():
            if own.shape[1] != vectors.shape[1]:
                raise InputError(
                    f"the people here have vectors of {own.shape[1]} numbers, {name}'s have {vectors.shape[1]}: "
                    "use the network they were enrolled with"
                )
        if merge != (name in self._people):
            fault = (
                "nobody of that name is enrolled: leave out merge"
                if merge
                else "the name is taken: merge or choose another"
            )
            raise InputError(f"cannot enrol {name}: {fault}")
        every = np.concatenate([self._people[name], vectors]) if merge else vectors
        self._people[name] = every[farthest_points(every, MOST)]
        self._write()
        return len(self._people[name])

    def like(self, vectors: FloatArray) -> str:
        """Whose vectors these seem to be, by the middle one of their scores; empty when nobody's.

        This is the question to ask before enrolling: the same person under two names would never be told apart.
        """
        if not len(self) or not len(vectors):
            return ""
        scores = np.median(person_scores(np.asarray(vectors, np.float32), list(self._people.values())), 0)
        best = int(scores.argmax())
        return list(self._people)[best] if scores[best] >= self.tau else ""

    def identify(self, vector: FloatArray) -> Match:
        """Who this is: the likeliest person if like enough and liker than the second, else unknown.

        Args:
            vector: (D,) of unit length.
        """
        if not len(self):
            return Match("", -1.0, -1.0, "")
        scores = person_scores(np.asarray(vector, np.float32)[None], list(self._people.values()))[0]
        order = np.argsort(-scores)
        score, nearest = float(scores[order[0]]), list(self._people)[order[0]]
        second = float(scores[order[1]]) if len(order) > 1 else -1.0
        sure = score >= self.tau and score - second >= MARGIN
        return Match(nearest if sure else "", score, second, nearest)

    def set_tau(self, tau: float) -> None:
        """Believe matches from this score on.

        Raises:
            InputError: it is not between -1 and 1.
        """
        if not -1 < tau < 1:
            raise InputError(f"tau is a cosine between -1 and 1, got {tau}")
        self.tau = float(tau)
        self._write()

    def delete(self, name: str) -> None:
        """Forget a person: afterwards none of their vectors, nor their name, is in the file.

        Raises:
            InputError: nobody of that name is here.
        """
        if name not in self._people:
            here = ", ".join(self._people) or "nobody"
            raise InputError(f"{name!r} is not enrolled; enrolled: {here}")
        del self._people[name]
        self._write()

    def _write(self) -> None:
        if self.path is None:
            return
        arrays: dict[str, Any] = {
            "version": np.array(VERSION), "model": np.array(self.model), "tau": np.array(self.tau),
            "names": np.array(list(self._people), np.str_),
            "counts": np.array([len(own) for own in self._people.values()], np.int64),
            "vectors": np.concatenate(list(self._people.values())) if self._people else np.zeros((0, 0), np.float32),
        }  # fmt: skip
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # mkstemp's files are for their owner alone
            handle, part = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            try:
                with os.fdopen(handle, "wb") as stream:
                    np.savez(stream, **arrays)
                    stream.flush()
                    os.fsync(stream.fileno())
                Path(part).replace(self.path)
            finally:
                Path(part).unlink(missing_ok=True)
        except OSError as error:
            raise MediaError(
                f"cannot write {safe_name(self.path)}: {why(error)}; choose a folder you may write to"
            ) from error

    def _read(self, path: Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as held:
                version, model = int(held["version"]), str(held["model"])
                names, counts, vectors = held["names"].tolist(), held["counts"], held["vectors"]
                self.tau = float(held["tau"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise MediaError(
                f"{safe_name(path)} is no gallery of people, or damaged: {why(error)}; remove it"
            ) from error
        if version != VERSION or counts.sum() != len(vectors) or len(names) != len(counts):
            raise MediaError(f"{safe_name(path)} is a gallery of another version ({version}), or damaged; remove it")
        if self.model and model and model != self.model and names:
            raise InputError(
                f"{safe_name(path)} was made with the network {model!r}, not {self.model!r}: vectors of different "
                "networks cannot be compared; enrol the people again in another file"
            )
        self.model = model or self.model
        cuts = np.cumsum(counts)[:-1]
        parts = np.split(vectors.astype(np.float32), cuts) if names else []
        self._people = dict(zip(names, parts, strict=True))
