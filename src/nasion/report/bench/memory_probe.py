"""The process that `nasion bench memory` watches: analyse a video as `nasion video` does and report its own memory.

    python -m nasion.report.bench.memory_probe VIDEO TABLE EVERY

prints one JSON line every EVERY frames, one at the end and one when the table is finished: frame, time_s, rss_mb,
peak_mb, with_face.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path


def resident_mb() -> float:
    """Resident memory of this process, MB (10^6 bytes)."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    asked = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, text=True, check=True)
    return int(asked.stdout) * 1024 / 1e6


def peak_mb() -> float:
    """The highest resident memory so far, MB."""
    status = Path("/proc/self/status")
    if status.exists():  # the kernel's ru_maxrss begins with the parent's memory; this figure begins with the process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main(video: Path, table: Path, every: int) -> None:
    """Analyse ``video`` to its end, rows to ``table``."""
    from nasion.media import FrameResult, TableWriter
    from nasion.pipeline import Analyzer, run_video

    start = time.perf_counter()
    seen = with_face = 0

    def report() -> None:
        sample = {
            "frame": seen,
            "time_s": time.perf_counter() - start,
            "rss_mb": resident_mb(),
            "peak_mb": peak_mb(),
            "with_face": with_face,
        }
        sys.stdout.write(json.dumps(sample) + "\n")
        sys.stdout.flush()

    analyzer = Analyzer(tasks=("landmarks", "pose", "eyes"), mode="video")
    with TableWriter(table) as out:
        for frame, faces in run_video(video, analyzer):
            out.write(FrameResult(str(video), faces, frame=frame.index, time_s=frame.time_s))
            seen += 1
            with_face += bool(faces)
            if seen % every == 0:
                report()
        if seen % every:
            report()
    report()  # with the table finished


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
