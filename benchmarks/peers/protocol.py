"""What every peer shares: a job comes as JSON, an answer leaves as JSON. Standard library only."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Answer = dict[str, Any]


def serve(version: str, tasks: dict[str, Callable[[dict[str, Any]], list[Answer]]]) -> None:
    """Read the job named on the command line, do it, and write the answer where the command line says."""
    job = json.loads(Path(sys.argv[1]).read_text())
    results = tasks[job["task"]](job)
    Path(sys.argv[2]).write_text(json.dumps({"version": version, "results": results}))


def over_pictures(
    inputs: list[str], read: Callable[[str], Any], find: Callable[[Any], list[Answer]], warm_up: int = 3
) -> list[Answer]:
    """Ask ``find`` about every picture and time it; reading the file is not in the time.

    The first pictures are asked about twice, so that no peer pays for its first run.
    """
    for path in inputs[:warm_up]:
        find(read(path))
    results = []
    for path in inputs:
        picture = read(path)
        start = time.perf_counter()
        faces = find(picture)
        results.append({"path": path, "ms": 1000 * (time.perf_counter() - start), "faces": faces})
    return results
