"""Where weights lie and whether they are the right bytes. Nothing is downloaded unless ``pull_model`` is called."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import Literal

from nasion.core import ModelError
from nasion.models.catalogue import Catalogue, ModelCard, catalogue

PACKAGE_WEIGHTS = Path(__file__).parent / "weights"
_CHUNK = 1 << 20
_TIMEOUT_S = 30.0

State = Literal["ok", "absent", "wrong bytes"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a model of the catalogue is here.

    Attributes:
        name: the model.
        state: ``ok``; ``absent`` from every folder searched; ``wrong bytes`` where its file lies but is another one.
        path: the file that was judged; None when absent.
    """

    name: str
    state: State
    path: Path | None


def cache_folder() -> Path:
    """Where pulled models go: ``NASION_CACHE``, else the platform's cache folder."""
    named = os.environ.get("NASION_CACHE")
    if named:
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "nasion" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "nasion"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nasion"


def find_model(name_or_path: str | Path) -> Path:
    """The file of a model. Never downloads.

    Looked for as a path (anything with a folder or a suffix in it), then by name: in the folders of ``NASION_MODELS``
    (separated as in PATH; the file may be called anything, its sha256 decides), in the package, in the user's cache.

    Raises:
        ModelError: it is nowhere, or only with other bytes than the catalogue's; the message says what to do.
    """
    path = Path(name_or_path)
    if path.suffix or len(path.parts) > 1 or isinstance(name_or_path, Path):
        if not path.is_file():
            raise ModelError(f"no model file at {path}; give the path of an .onnx file or a name of the catalogue")
        return path
    card = catalogue()[str(name_or_path)]
    verdict = _judge(card)
    if verdict.state == "ok" and verdict.path is not None:
        return verdict.path
    raise ModelError(f"model {card.name!r} {_remedy(card, verdict)}")


def verify_models(cards: Catalogue | None = None) -> list[Verdict]:
    """Look for every model of the catalogue and check its bytes, in the catalogue's order."""
    return [_judge(card) for card in (catalogue() if cards is None else cards).values()]


def pull_model(name: str, *, accept_licence: bool = False, progress: Callable[[int, int], None] | None = None) -> Path:
    """Download a model from its pinned address into the cache, or find it where it already is.

    The bytes go to a temporary file beside the target and take its name only once their sha256 is right, so a broken
    download leaves nothing behind that could be used.

    Args:
        name: of the catalogue.
        accept_licence: needed where the weights' licence is restricted or not stated (``ModelCard.consent``).
        progress: called with (bytes so far, bytes in all).

    Raises:
        ModelError: no address, licence not accepted, no connection, or wrong bytes.
    """
    card = catalogue()[name]
    verdict = _judge(card)
    if verdict.state == "ok" and verdict.path is not None:
        return verdict.path
    if not card.url:
        raise ModelError(
            f"model {name!r} has no pinned address to pull from; get {card.file} from {card.source} and put its folder "
            f"into NASION_MODELS (sha256 {card.sha256})"
        )
    if card.consent and not accept_licence:
        raise ModelError(
            f"model {name!r}: {card.consent} (licence of the weights: {card.licence}; {card.source}); "
            "if that suits your use, pull it again with --accept-licence (accept_licence=True)"
        )
    target = cache_folder() / card.file
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{card.file}.", delete=False) as partial:
            unfinished = Path(partial.name)
            try:
                _check_bytes(card, _download(card, partial.write, progress))
                partial.close()  # Windows renames only closed files
                unfinished.replace(target)
            finally:
                unfinished.unlink(missing_ok=True)
    except (OSError, HTTPException) as error:
        raise ModelError(
            f"model {name!r} could not be pulled from {card.url} into {target.parent}: {error}; check the connection "
            f"and the folder, or fetch the file yourself and put its folder into NASION_MODELS"
        ) from error
    return target


def _download(card: ModelCard, write: Callable[[bytes], int], progress: Callable[[int, int], None] | None) -> str:
    """Write the bytes at the card's address; return their sha256."""
    digest, done = hashlib.sha256(), 0
    request = urllib.request.Request(card.url, headers={"User-Agent": "nasion"})  # noqa: S310  pinned in the catalogue
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        while chunk := answer.read(_CHUNK):
            digest.update(chunk)
            write(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, card.size)
            if done > card.size:
                break  # not our file; stop before it fills the disk
    return digest.hexdigest()


def _check_bytes(card: ModelCard, found: str) -> None:
    if found != card.sha256:
        raise ModelError(
            f"model {card.name!r}: the bytes at {card.url} have sha256 {found}, the catalogue says {card.sha256}; "
            "nothing was kept. Try again; if it repeats, the address no longer serves the pinned file"
        )


def _judge(card: ModelCard) -> Verdict:
    wrong: Path | None = None
    for path in _candidates(card):
        if sha256_of(path) == card.sha256:
            return Verdict(card.name, "ok", path)
        # another file in a NASION_MODELS folder is only some other model; one of this name is a wrong copy
        if path.name == card.file and wrong is None:
            wrong = path
    return Verdict(card.name, "absent" if wrong is None else "wrong bytes", wrong)


def _candidates(card: ModelCard) -> Iterator[Path]:
    for folder in filter(None, os.environ.get("NASION_MODELS", "").split(os.pathsep)):
        named = Path(folder) / card.file
        if named.is_file():
            yield named
        try:
            others = sorted(Path(folder).glob("*.onnx"))
        except OSError:
            others = []
        # the size first: a folder of large models is not read whole for a small one
        yield from (p for p in others if p != named and p.is_file() and p.stat().st_size == card.size)
    for path in (PACKAGE_WEIGHTS / card.file, cache_folder() / card.file):
        if path.is_file():
            yield path


def _remedy(card: ModelCard, verdict: Verdict) -> str:
    if verdict.state == "wrong bytes":
        wrong = f"at {verdict.path} is not the catalogue's file (sha256 {card.sha256[:12]}... expected)"
        if verdict.path == PACKAGE_WEIGHTS / card.file:
            return f"{wrong}: reinstall nasion; after training it anew run `python training/register.py {card.name}`"
        return f"{wrong}: delete it and run `nasion models pull {card.name}`"
    if card.embedded:
        return "is missing from this installation: reinstall nasion"
    if card.url:
        return f"is not here: run `nasion models pull {card.name}`, or put the folder that holds it into NASION_MODELS"
    return f"is not here: get {card.file} from {card.source} and put its folder into NASION_MODELS"


def sha256_of(path: Path) -> str:
    """Of a file's bytes, hexadecimal; remembered until the file changes.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        state = path.stat()
        return _sha256(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise ModelError(f"model file {path} cannot be read: {error}; check its permissions") from error


@lru_cache(maxsize=64)
def _sha256(path: Path, _changed: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
