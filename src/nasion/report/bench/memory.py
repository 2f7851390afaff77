"""Memory over a long video: a ten-minute clip is made, streamed through, and the process watched as it goes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from nasion.core import Box, ImageArray, InputError, NasionError
from nasion.report.bench.data import FacePhoto, helen
from nasion.report.bench.defaults import FPS, MEMORY_FRAMES
from nasion.report.bench.machine import describe_models
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table, command_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 640, 360
SETTLED = 500  # frames after which memory must not grow
ALLOWED = 0.05
EVERY = 100


def bench_memory(data: Path, frames: int = MEMORY_FRAMES) -> Result:
    """Stream a synthetic clip of a moving face through tracking, points, pose, eyes and a Parquet file.

    Args:
        data: the data folder; one HELEN photo is the face.
        frames: length of the clip; 15,000 are ten minutes.
    """
    if frames < 2 * SETTLED:
        raise InputError(f"memory settles within {SETTLED} frames: ask for at least {2 * SETTLED}, got {frames}")
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder, "moving.mp4")
        _write_clip(helen(data)[0], video, frames)
        *samples, finished = _watch(video, Path(folder, "faces.parquet"))
    at = {s["frame"]: s["rss_mb"] for s in samples}
    settled, end = at[SETTLED], samples[-1]["rss_mb"]
    highest = max(s["rss_mb"] for s in samples if s["frame"] >= SETTLED)
    last = samples[-1]
    growth = end / settled - 1
    tenth = max(1, len(samples) // 10)
    speeds = [_speed(samples[: tenth + 1]), _speed(samples[-tenth - 1 :])]
    return Result(
        name="memory",
        title=f"Memory over {frames} frames",
        command=command_line("memory") + (f" --frames {frames}" if frames != MEMORY_FRAMES else ""),
        tables=(
            Table(
                "Resident memory of the whole process, MB",
                ("video", f"at frame {SETTLED}", "at the end", "growth %", "highest after", "peak", "flat"),
                (
                    (
                        f"{WIDTH}x{HEIGHT}, {frames / FPS / 60:.0f} min",
                        f"{settled:.0f}",
                        f"{end:.0f}",
                        f"{100 * growth:+.1f}",
                        f"{highest:.0f}",
                        f"{finished['peak_mb']:.0f}",
                        "yes" if abs(growth) <= ALLOWED else "NO",
                    ),
                ),
            ),
            Table(
                "Frames per second",
                ("part", "frames/s"),
                (("first tenth", f"{speeds[0]:.1f}"), ("last tenth", f"{speeds[1]:.1f}")),
            ),
        ),
        numbers={
            "frames": frames,
            "rss_mb_at_500": settled,
            "rss_mb_at_end": end,
            "growth": growth,
            "allowed_growth": ALLOWED,
            "flat": abs(growth) <= ALLOWED,
            "peak_mb": finished["peak_mb"],
            "frames_with_face": last["with_face"],
            "frames_per_s_first_last_tenth": speeds,
            "samples": [[s["frame"], round(s["rss_mb"], 1)] for s in samples],
            "models": describe_models("detector", "landmarker"),
        },
        notes=(
            "The peak is that of the whole process to its end, finishing the Parquet file included.",
            "A process of its own decodes the clip, follows the face, reads pose and eyes and writes rows to Parquet.",
            f"A face was found in {last['with_face']} of {last['frame']} frames.",
        ),
        plots={"rss": lambda figure: _draw(figure, samples)},
    )


def moving_face(photo: ImageArray, face: Box, frames: int) -> Iterator[ImageArray]:
    """A photo that drifts, turns and breathes, the face about 140 px high and always in view.

    Args:
        photo: RGB uint8.
        face: where in the photo, px.
        frames: how many.

    Yields:
        (360, 640, 3) RGB uint8.
    """
    (cx, cy), base = face.center, 140 / max(face.height, 1)
    for i in range(frames):
        t = i / FPS
        scale, angle = base * (1 + 0.15 * np.sin(0.7 * t)), np.radians(12 * np.sin(0.9 * t))
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        x, y = WIDTH / 2 + 150 * np.sin(0.5 * t), HEIGHT / 2 + 40 * np.sin(0.8 * t)
        matrix = np.array([[cosine, -sine, x - cosine * cx + sine * cy], [sine, cosine, y - sine * cx - cosine * cy]])
        moved = cv2.warpAffine(photo, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        yield np.asarray(moved, np.uint8)


def _write_clip(photo: FacePhoto, path: Path, frames: int) -> None:
    from nasion.media import VideoWriter, read_image

    image = read_image(photo.path)
    with VideoWriter(path, FPS) as out:
        for picture in progress(moving_face(image, Box.around(photo.points), frames), "making the clip", frames):
            out.write(picture)


def _watch(video: Path, table: Path) -> list[dict[str, Any]]:
    """Run the probe and collect what it reports."""
    command = [sys.executable, "-m", "nasion.report.bench.memory_probe", str(video), str(table), str(EVERY)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NasionError(f"the memory probe ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _speed(samples: list[dict[str, Any]]) -> float:
    first, last = samples[0], samples[-1]
    seconds = last["time_s"] - first["time_s"]
    return float((last["frame"] - first["frame"]) / seconds) if seconds > 0 else float("nan")


def _draw(figure: Figure, samples: list[dict[str, Any]]) -> None:
    axes = figure.subplots()
    axes.plot([s["frame"] for s in samples], [s["rss_mb"] for s in samples])
    axes.axvline(SETTLED, color="grey", linestyle="--", linewidth=1)
    top = 1.2 * max(s["rss_mb"] for s in samples)
    axes.set(xlabel="frame", ylabel="resident memory, MB", ylim=(0, top))
    axes.grid(alpha=0.3)
