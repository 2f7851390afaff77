"""Other systems on the same pictures in the same run.

A peer is a script in ``benchmarks/peers`` of a checkout, listed in its ``peers.toml``. It runs as a process of its own,
in its own environment where it needs one (created on first use, wheels only), reads a job as JSON and writes its answer
as JSON; so nothing of a peer is ever imported here, and every system has the machine to itself while it is measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasion.core import InputError, NasionError
from nasion.report.bench.defaults import PEERS_FOLDER


@dataclass(frozen=True, slots=True)
class Peer:
    """One row of ``peers.toml``.

    Attributes:
        name: such as ``mediapipe``.
        label: as printed in tables.
        script: what runs it.
        options: passed on to the script with every job.
        benchmarks: the benchmarks it takes part in.
        requirements: what its own environment needs; None when ours will do.
        layout: the order of its points, ``ibug68``, ``dense478`` or ``openseeface66``; empty for detectors.
        weights: files it needs from the models folder.
    """

    name: str
    label: str
    script: Path
    options: dict[str, Any]
    benchmarks: tuple[str, ...]
    requirements: Path | None
    layout: str
    weights: tuple[str, ...] = ()


def find_peers(wanted: Sequence[str], benchmark: str, folder: Path = PEERS_FOLDER) -> list[Peer]:
    """The peers of a benchmark that were asked for; ``["all"]`` means every one of them.

    Raises:
        InputError: no such folder, or a name that is not in ``peers.toml``.
    """
    if not wanted:
        return []
    listing = folder / "peers.toml"
    if not listing.is_file():
        raise InputError(
            f"{listing} is absent: peers come with the source, not with the package; run in a checkout or name its "
            "benchmarks/peers with --peers-folder"
        )
    rows = tomllib.loads(listing.read_text(encoding="utf-8"))
    unknown = sorted(set(wanted) - set(rows) - {"all"})
    if unknown:
        raise InputError(f"there is no peer {', '.join(unknown)}; {listing} lists {', '.join(sorted(rows))}")
    peers = [
        Peer(
            name=name,
            label=row["label"],
            script=folder / row["script"],
            options=row.get("options", {}),
            benchmarks=tuple(row["benchmarks"]),
            requirements=folder / row["requirements"] if "requirements" in row else None,
            layout=row.get("layout", ""),
            weights=tuple(row.get("weights", ())),
        )
        for name, row in rows.items()
        if "all" in wanted or name in wanted
    ]
    return [peer for peer in peers if benchmark in peer.benchmarks]


def split_by_weights(peers: Sequence[Peer], data: Path) -> tuple[list[Peer], list[Peer]]:
    """Those whose weights are in the models folder, and those that lack some: tables name them without figures."""
    models = models_folder(data)
    ready = [peer for peer in peers if all((models / name).is_file() for name in peer.weights)]
    return ready, [peer for peer in peers if peer not in ready]


def models_folder(data: Path) -> Path:
    """Where peers' weights are looked for: ``NASION_MODELS``, else ``models`` beside the data folder."""
    return Path(os.environ.get("NASION_MODELS") or data.parent / "models")


def run_peer(peer: Peer, task: str, inputs: Sequence[Path], data: Path) -> dict[str, Any]:
    """Let a peer do a job.

    Args:
        peer: who.
        task: ``landmarks``, ``detect`` or ``video``.
        inputs: pictures or videos.
        data: the data folder, for ``models_folder``.

    Returns:
        Its answer: ``version`` and ``results``, one per input, as described in ``benchmarks/peers/README.md``.

    Raises:
        NasionError: it failed; the message ends with what it said.
    """
    job = {
        "task": task,
        "inputs": [str(path.resolve()) for path in inputs],
        "models": str(models_folder(data).resolve()),
        "options": peer.options,
    }
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "job.json"), Path(folder, "answer.json")
        asked.write_text(json.dumps(job))
        command = [str(peer_python(peer)), str(peer.script), str(asked), str(answered)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not answered.exists():
            raise NasionError(f"the peer {peer.name} failed ({' '.join(command[:2])}):\n{done.stderr[-2000:]}")
        answer: dict[str, Any] = json.loads(answered.read_text())
    return answer


def peer_python(peer: Peer) -> Path:
    """The interpreter that runs a peer; its environment is created when it is not there yet."""
    if peer.requirements is None:
        return Path(sys.executable)
    home = peer.script.parent.resolve() / f".venv-{peer.requirements.stem}"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = home / "complete"
    if not stamp.exists():
        venv.create(home, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--only-binary=:all:", "-r", str(peer.requirements)]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NasionError(f"cannot install the peer {peer.name} into {home}:\n{done.stderr[-2000:]}")
        stamp.touch()
    return python
