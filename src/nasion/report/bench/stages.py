"""Where the time goes: processor time of each stage of a followed frame, and of the landmarker alone.

Processor time, not wall time: on a busy machine a stage waits, but hardly computes longer.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nasion.report.bench.data import clip
from nasion.report.bench.machine import describe_models
from nasion.report.bench.result import Result, Table, command_line

CLIP = "single_face.mp4"
TASKS = ("landmarks", "pose", "eyes")
REPEATS = 60
STAGES = {
    "decode": "decoding, conversion to RGB",
    "look": "detector, spread over all frames",
    "follow": "crop, landmarker, who is who",
    "read": "smoothing, pose, eyes",
}

T = TypeVar("T")


def bench_stages(data: Path) -> Result:
    """Take a clip through the four stages of `nasion.pipeline.run_video`, one after the other in one thread.

    Args:
        data: the data folder; the clip shows one face.
    """
    spent, frames = _stages(clip(data, CLIP))
    alone = _landmarker(clip(data, CLIP))
    total = sum(spent.values())
    return Result(
        name="stages",
        title="Where the time goes",
        command=command_line("stages"),
        tables=(
            Table(
                f"{CLIP}, {frames} frames: processor time",
                ("stage", "ms/frame", "% of all"),
                (
                    *((STAGES[name], f"{ms:.2f}", f"{100 * ms / total:.0f}") for name, ms in spent.items()),
                    ("together", f"{total:.2f}", "100"),
                ),
            ),
            Table(
                f"The landmarker on one face and one core, median of {REPEATS}",
                ("what", "ms"),
                tuple((what, f"{ms:.2f}") for what, ms in alone.items()),
            ),
        ),
        numbers={
            "frames": frames,
            "ms_per_frame": spent,
            "landmarker_ms": alone,
            "models": describe_models("detector", "landmarker", "landmarker_fast"),
        },
        notes=("The stages run side by side in practice: the longest one, or half of all on two cores, is the limit.",),
    )


def _stages(path: Path) -> tuple[dict[str, float], int]:
    """Mean processor time of each stage, ms per frame, and the number of frames."""
    from nasion.core import Face
    from nasion.media import Frame, open_video
    from nasion.pipeline import Analyzer
    from nasion.pipeline.video import TOGETHER

    analyzer = Analyzer(tasks=TASKS, mode="video")
    spent: dict[str, float] = defaultdict(float)

    def timed(stage: str, call: Callable[[], T]) -> T:
        start = time.process_time()
        result = call()
        spent[stage] += 1000 * (time.process_time() - start)
        return result

    def read(group: list[tuple[Frame, list[Face]]]) -> list[list[Face]]:
        frames, faces = zip(*group, strict=True)
        return analyzer.read_all([frame.image for frame in frames], faces, [frame.time_s for frame in frames])

    count = 0
    group: list[tuple[Frame, list[Face]]] = []
    with open_video(path) as video:
        while (frame := timed("decode", lambda: next(video, None))) is not None:
            image, number, time_s = frame.image, count, frame.time_s
            found = timed("look", lambda: analyzer.look(image, number))  # noqa: B023  called before the next frame
            faces = timed("follow", lambda: analyzer.follow(image, time_s, found))  # noqa: B023
            group.append((frame, faces))
            if len(group) == TOGETHER:
                timed("read", lambda: read(group))  # noqa: B023
                group = []
            count += 1
    if group:
        timed("read", lambda: read(group))
    return {stage: spent[stage] / count for stage in STAGES}, count


def _landmarker(path: Path) -> dict[str, float]:
    """Processor time of one call for one face, ms: the network alone, and the landmarker in its ways."""
    from nasion.detect import FaceDetector
    from nasion.landmark import Landmarker
    from nasion.media import open_video

    with open_video(path) as video:
        image = next(video).image
    faces = FaceDetector(threads=1).detect(image)[:1]
    fast, usual, accurate = (
        Landmarker("landmarker_fast", threads=1),
        Landmarker(threads=1),
        Landmarker(accurate=True, threads=1),
    )
    crops = np.zeros((1, usual.size, usual.size, 3), np.uint8)
    calls: dict[str, Callable[[], Any]] = {
        "network": lambda: usual.session.run({"crops": crops}),
        "smaller network": lambda: fast.session.run({"crops": crops}),
        "fast, followed: 1 crop": lambda: fast.place(image, faces, passes=1),
        "fast, newly detected: 2 crops": lambda: fast.place(image, faces, passes=2),
        "usual, followed: 1 crop": lambda: usual.place(image, faces, passes=1),
        "usual, newly detected: 2 crops": lambda: usual.place(image, faces, passes=2),
        "accurate, followed: 3 crops": lambda: accurate.place(image, faces, passes=1),
        "accurate, newly detected: 4 crops": lambda: accurate.place(image, faces, passes=2),
    }
    return {what: _median(call) for what, call in calls.items()}


def _median(call: Callable[[], Any]) -> float:
    call()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        times.append(1000 * (time.process_time() - start))
    return float(np.median(times))
