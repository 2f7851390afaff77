"""The studio in a real browser: time a frame in the page, blinks beside Python's, a nine-point calibration, looks.

    python benchmarks/studio.py [--data ../shared/data] [--fps 30] [--write]

Headless Chromium opens `nasion studio` with a clip for its camera: a rendered person who blinks, follows the targets of
a calibration and looks round, and, where the shared data are, clips of real people. On a machine too slow for a clip's
rate, clip and page's clock go slower together (column "slowed"); the milliseconds are real ones.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nasion.core import FloatArray, ImageArray, InputError
from nasion.media import open_video, write_image
from nasion.report.bench.data import data_folder
from nasion.report.bench.eyes_blinks import read_blinks
from nasion.report.bench.result import Result, Table, publish
from nasion.report.bench.studio_clips import (
    LAPTOP,
    MARK,
    REACTION_S,
    Sitting,
    frames,
    person,
    sitting,
    write_y4m,
)
from nasion.report.bench.studio_room import STAGES, Room, serving, until_seen, visiting
from nasion.synth import HeadModel

RENDERED_SIZE = (640, 480)
REAL = ("driving_d12.mp4",)
LONGEST_S = 20.0
TIMED_S = 4.0


def python_blinks(clip: Path) -> int:
    """How many ``nasion video --tasks blinks`` finds of the person who blinks most."""
    return max((len(one.blinks) for one in read_blinks(clip).people), default=0)


def marked(path: Path) -> tuple[list[ImageArray], float]:
    """A clip's pictures, 4 : 3 as cameras are asked for, with the mark in their corner, and their rate."""
    with open_video(path) as video:
        fps = float(video.fps)
        pictures = [frame.image for frame in video if frame.time_s is not None and frame.time_s < LONGEST_S]
    out = []
    for number, image in enumerate(pictures):
        unit = max(-(-image.shape[0] // 6), -(-image.shape[1] // 8))
        framed = np.zeros((6 * unit, 8 * unit, 3), np.uint8)
        top, left = (6 * unit - image.shape[0]) // 2, (8 * unit - image.shape[1]) // 2
        framed[top : top + image.shape[0], left : left + image.shape[1]] = image
        framed[-MARK:, :MARK] = round(255 * number / (len(pictures) - 1))
        out.append(framed)
    return out, fps


def visit(
    name: str, pictures: Iterable[ImageArray], fps: float, folder: Path, script: Sitting | None
) -> dict[str, Any]:
    """One clip, seen by the page from its beginning to its end."""
    clip, photo = folder / f"{name}.y4m", folder / f"{name}.png"

    def noticed() -> Iterator[ImageArray]:
        for number, image in enumerate(pictures):
            if not number:
                write_image(photo, image)
            yield image

    count = write_y4m(clip, noticed(), fps)
    known = {"frames": count, "fps": fps, "python_blinks": python_blinks(clip)}
    return known | until_seen(lambda least: once(clip, photo, known, script, least))


def once(
    clip: Path, photo: Path, known: dict[str, Any], script: Sitting | None, least: int
) -> tuple[Room, dict[str, Any]]:
    """A visit with the clip at least so many times slower."""
    found: dict[str, Any] = {}
    folder, name = clip.parent, clip.stem
    with serving() as address, visiting(address, clip) as page:
        room = Room(page, known["frames"] / known["fps"])
        found["computes"] = room.ready()
        room.keep_up(photo, clip, known["fps"], least)
        room.start_camera()
        page.click("#record")
        if script:
            found["calibration"] = room.calibrate(script.calibration_s, LAPTOP.width_mm / 10)
            found["looks"] = room.look_round(script.viewing_s, script.seconds - script.viewing_s - 0.8)
            found["look_errors"] = look_errors(room.save("#export-gaze", folder / f"{name}-gaze.csv"), script)
            page.click("#tab-live")
            room.wait(1.0)  # the counter shows again with the next frame
        else:
            room.see_through()
        _, found["page_blinks"] = room.blinks(folder / f"{name}-blinks.csv")
        page.click("#record")
        results = room.recorded(folder / f"{name}.csv")
        found["rows"], found["with_face"] = len(results), sum(bool(result.faces) for result in results)
        timing = room.timing(TIMED_S)
        found |= {"slowed": room.slower, "median_ms": timing.median, "fastest_ms": timing.fastest_total}
        found |= {"seen": room.seen, "faults": room.faults}
    return room, found


def look_errors(path: Path, script: Sitting) -> dict[str, float]:
    """Distance of the looks from what was looked at, and of the screen's centre from it, shares of the diagonal."""
    with path.open(newline="") as file:
        rows = [[float(row[name]) for name in ("time_s", "x", "y")] for row in csv.DictReader(file)]
    known = np.array([row for row in rows if np.isfinite(row).all()])
    starts, places = np.array(script.looks)[:, 0], np.array(script.looks)[:, 1:]
    at = np.searchsorted(starts, known[:, 0] + script.viewing_s, side="right") - 1
    settled = known[:, 0] + script.viewing_s - starts[at] > REACTION_S
    unit = LAPTOP.size / np.hypot(*LAPTOP.size)

    def share(found: FloatArray) -> float:
        return float(np.median(np.linalg.norm((found - places[at[settled]]) * unit, axis=1)))

    return {"looks": share(known[settled, 1:]), "centre": share(np.full((int(settled.sum()), 2), 0.5))}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="the shared data; without them only the rendered clip is shown")
    parser.add_argument("--fps", type=float, default=30.0, help="of the rendered clip; less where the machine is busy")
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/results")
    options = parser.parse_args()
    try:
        data: Path | None = data_folder(options.data)
    except InputError:
        if options.data:
            raise
        data = None
    script, model = sitting(), HeadModel.load()
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rendered = frames(script, person(RENDERED_SIZE), model, options.fps)
        found["rendered"] = visit("rendered", rendered, options.fps, folder, script)
        for name in REAL if data else ():
            pictures, fps = marked(data / "video" / name)
            found[name] = visit(Path(name).stem, pictures, fps, folder, None)
    publish(
        result(found, f"python benchmarks/studio.py --fps {options.fps:g}"),
        Path(__file__).parent / "results" if options.write else None,
    )


def result(found: dict[str, dict[str, Any]], command: str) -> Result:
    """The tables."""
    times = tuple(
        (name, *(f"{one['median_ms'][stage]:.1f}" for stage in STAGES), f"{one['fastest_ms']:.1f}", one["computes"])
        for name, one in found.items()
    )
    blinks = tuple(
        (
            name,
            one["frames"],
            f"{one['fps']:.0f}",
            one["slowed"],
            one["with_face"],
            one["page_blinks"],
            one["python_blinks"],
        )
        for name, one in found.items()
    )
    rendered = found["rendered"]
    calibration, errors = rendered["calibration"], rendered["look_errors"]
    looks = (
        ("nine points, left out (root mean square)", calibration["error-share"], calibration["error-cm"], ""),
        ("looking round afterwards, median", f"{100 * errors['looks']:.1f} %", "", f"{100 * errors['centre']:.1f} %"),
    )
    times_in = ("clip", *STAGES, "fastest", "computes")
    blinks_in = ("clip", "frames", "fps", "slowed", "read with a face", "page", "Python")
    return Result(
        name="studio",
        title="The studio in headless Chromium",
        command=command,
        tables=(
            Table("Time a frame in the page, ms (medians; fastest tenth in all)", times_in, times),
            Table("Blinks in the page and by `nasion video`", blinks_in, blinks),
            Table("Looks of the rendered person, shares of the diagonal", ("", "error", "", "screen centre"), looks),
        ),
        numbers=found,
        notes=(
            "Without a window or a GPU, decoding, drawing and models share the cores; `fastest` is nearer to rest.",
            "Time is that of the page's own worker, as the live view shows it. Loading takes a second or two, once.",
            "Where `slowed` is above 1, clip and page's clock went that much slower: the machine could not keep up.",
        ),
    )


if __name__ == "__main__":
    main()
