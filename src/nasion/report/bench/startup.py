"""How long until the first answer: importing the package, and a whole `nasion analyze photo.jpg` in a new process."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from nasion.core import NasionError
from nasion.report.bench.data import helen
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table, command_line

HEAVY = ("numpy", "cv2", "onnxruntime", "torch", "scipy", "pyarrow", "av", "PIL")
RUNS = 7
_COMMAND_LINE = "from nasion.cli.main import app; app()"  # what the installed script runs


def bench_startup(data: Path, runs: int = RUNS) -> Result:
    """Time new processes; the first run, which also warms the disk cache, is thrown away.

    Args:
        data: the data folder; one HELEN photo is analysed.
        runs: how many are measured.
    """
    photo = helen(data)[0].path
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "out.parquet")
        analyze = [sys.executable, "-c", _COMMAND_LINE, "analyze", str(photo), "--out", str(table)]
        imports, whole, bare = [], [], []
        for _ in progress(range(runs + 1), "start-up", runs + 1):
            imports.append(import_ms(_run([sys.executable, "-X", "importtime", "-c", "import nasion"]).stderr))
            bare.append(_timed([sys.executable, "-c", "pass"]))
            whole.append(_timed(analyze))
    probe = f"import sys, nasion; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    loaded = _run([sys.executable, "-c", probe]).stdout.split()
    figures = {"import_nasion_ms": imports[1:], "python_alone_ms": bare[1:], "analyze_photo_ms": whole[1:]}
    names = {
        "import_nasion_ms": 'python -X importtime -c "import nasion"',
        "python_alone_ms": "python -c pass",
        "analyze_photo_ms": "nasion analyze photo --out x.parquet",
    }
    rows = tuple((names[k], f"{np.median(v):.0f}", f"{min(v):.0f}-{max(v):.0f}") for k, v in figures.items())
    return Result(
        name="startup",
        title="Start-up",
        command=command_line("startup"),
        tables=(Table(f"Milliseconds, median of {runs} new processes", ("what", "median", "range"), rows),),
        numbers={
            **{k: {"median": float(np.median(v)), "runs": [round(x, 1) for x in v]} for k, v in figures.items()},
            "loaded_by_import": loaded,
        },
        notes=(
            f"import nasion loads {', '.join(loaded) if loaded else 'none'} of {', '.join(HEAVY)}.",
            "The import leaves out Python's start; the other two are whole processes, their files in the disk cache.",
        ),
    )


def import_ms(report: str) -> float:
    """The cumulative time of ``nasion`` in the report of ``-X importtime``, ms."""
    times = re.findall(r"^import time:\s+\d+ \|\s+(\d+) \| nasion\s*$", report, re.MULTILINE)
    if not times:
        raise NasionError(f"python -X importtime did not report nasion; it said:\n{report[-500:]}")
    return int(times[-1]) / 1000


def _timed(command: list[str]) -> float:
    start = time.perf_counter()
    _run(command)
    return 1000 * (time.perf_counter() - start)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NasionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done
