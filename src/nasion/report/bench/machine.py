"""What a figure was measured on, so that it can be compared or measured again."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nasion

_LIBRARIES = ("numpy", "onnxruntime", "opencv-python-headless", "av", "pillow")


def describe_machine() -> dict[str, Any]:
    """Processor, cores, system, versions and the commit, as plain values.

    ``load`` is the one-minute load average when asked: above 0.5 a core, timings are not to be trusted.
    """
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "nasion": nasion.__version__,
        "commit": _commit(),
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
    }


def describe_models(*names: str) -> dict[str, str]:
    """Each model's file and the start of its sha256: figures belong to weights, not to names."""
    from nasion.models import find_model

    paths = {Path(name).stem: Path(find_model(name)) for name in names}
    return {name: f"{p.name} {hashlib.sha256(p.read_bytes()).hexdigest()[:16]}" for name, p in paths.items()}


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the checkout this file belongs to, with "+changes" where it differs; None when installed."""
    here = Path(__file__)
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return None  # a virtual environment inside somebody else's repository is not our commit
    commit = _git(here.parent, "rev-parse", "--short=12", "HEAD")
    changed = _git(here.parent, "status", "--porcelain", "--untracked-files=no", ":/src")
    return f"{commit}+changes" if commit and changed else commit


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
