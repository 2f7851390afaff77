"""Event files: ours, plain text, Prophesee's .dat, and video that is turned into simulated events.

Text holds a row ``t x y p`` per event, as the Event-Camera Dataset has them (Mueggler et al., IJRR 2017), with t in
seconds and p 0 or 1 (or -1 and 1), separated by blanks or commas; a first line of names is passed over and may order
the columns otherwise. Prophesee's format: https://docs.prophesee.ai/stable/data/file_formats/dat.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from nasion.core import FloatArray, ImageArray, MediaError
from nasion.media import open_video
from nasion.media.paths import why
from nasion.synth.events import EVENT, EventArray, EventCamera, read_events

VIDEO = (".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm")
TEXT = (".txt", ".csv")
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec. 709


def load_events(
    path: str | os.PathLike[str], size: tuple[int, int] | None = None
) -> tuple[EventArray, tuple[int, int]]:
    """Events in order of time, and the sensor's (width, height).

    Args:
        path: ``.npz`` (``nasion synth --events``), ``.txt``, ``.csv``, ``.dat``, or a video, whose events are
            simulated (``simulate``).
        size: (width, height) px of the sensor, for files that do not say; by default as far as events reach.

    Raises:
        MediaError: the file is missing, damaged, of another kind, or holds no events.
    """
    kind, known = Path(path).suffix.lower(), size
    if kind in VIDEO:
        with open_video(path) as video:
            return simulate((frame.image, frame.time_s) for frame in video)
    if kind == ".npz":
        events, known = read_events(path)
    elif kind in TEXT:
        events = _read_text(Path(path))
    elif kind == ".dat":
        events, known = _read_dat(Path(path), size)
    else:
        raise MediaError(f"{path} is no event file: give {', '.join(('.npz', *TEXT, '.dat'))} or a video ({VIDEO[0]})")
    if not len(events):
        raise MediaError(f"{path} holds no events")
    events = events[np.argsort(events["t_us"], kind="stable")]
    reach = int(events["x"].max()) + 1, int(events["y"].max()) + 1
    known = known or reach
    if reach[0] > known[0] or reach[1] > known[1]:
        raise MediaError(f"{path}: events reach {reach[0]} x {reach[1]} px, the sensor has {known[0]} x {known[1]}")
    return events, known


def simulate(frames: Iterable[tuple[ImageArray, float]], seed: int = 0) -> tuple[EventArray, tuple[int, int]]:
    """The events that a camera beside a video camera might have seen (``nasion.synth.EventCamera``).

    Args:
        frames: RGB uint8 (H, W, 3) pictures with their times in seconds; one that does not advance is passed over.
        seed: of thresholds and noise.

    Raises:
        MediaError: there are no two pictures.
    """
    camera, found, size = EventCamera(seed=seed), [], (0, 0)
    last = -1
    for image, time_s in frames:
        now = round(time_s * 1e6)
        if now <= last:
            continue
        found.append(camera.feed(linear_light(image), now))
        last, size = now, (image.shape[1], image.shape[0])
    if len(found) < 2:
        raise MediaError("events are what changes from picture to picture: the video must have two or more")
    return np.concatenate(found), size


def linear_light(image: ImageArray) -> FloatArray:
    """(H, W) light 0..1 of an RGB uint8 (H, W, 3) picture: sRGB undone (IEC 61966-2-1)."""
    return np.asarray(_LINEAR[image] @ LUMA)


def _srgb() -> FloatArray:
    level = np.arange(256) / 255
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR = _srgb()


def _read_text(path: Path) -> EventArray:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            lines = [line for line in stream if line.strip() and not line.startswith("#")]
    except (OSError, UnicodeDecodeError) as error:
        raise MediaError(
            f"cannot read events from {path}: {why(error) if isinstance(error, OSError) else error}"
        ) from error
    names = ["t", "x", "y", "p"]
    if lines and re.search("[a-df-z]", lines[0].lower()):
        names = [name[:1] for name in re.split(r"[,;\s]+", lines.pop(0).strip().lower())]
    try:
        order = [names.index(name) for name in "txyp"]
        rows = np.array([re.split(r"[,;\s]+", line.strip()) for line in lines], np.float64).reshape(-1, len(names))
    except ValueError as error:
        raise MediaError(f"{path}: each line must hold t (s), x, y and p: {error}") from error
    t, x, y, p = rows.T[order]
    if not np.isfinite(rows).all() or (len(rows) and min(x.min(), y.min()) < 0):
        raise MediaError(f"{path}: times must be finite, and x and y not negative")
    return _pack(x, y, np.rint(t * 1e6), p > 0)


def _read_dat(path: Path, size: tuple[int, int] | None) -> tuple[EventArray, tuple[int, int] | None]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"cannot read events from {path}: {why(error)}") from error
    at, known = 0, dict[str, int]()
    while data[at : at + 1] == b"%":
        end = data.find(b"\n", at)
        if end < 0:
            break
        if found := re.match(rb"%\s*(Width|Height)\s+(\d+)", data[at:end]):
            known[found[1].decode()] = int(found[2])
        at = end + 1
    if len(data) < at + 2 or data[at + 1] != 8 or (len(data) - at - 2) % 8:
        raise MediaError(f"{path} is damaged, or no .dat of events: eight bytes an event are expected")
    words = np.frombuffer(data, "<u4", offset=at + 2).reshape(-1, 2)
    time = words[:, 0].astype(np.int64)
    time += np.cumsum(np.diff(time, prepend=time[:1]) < -(1 << 31)).astype(np.int64) << 32  # the clock has 32 bits
    events = _pack(words[:, 1] & 0x3FFF, words[:, 1] >> 14 & 0x3FFF, time, words[:, 1] >> 28 & 1)
    return events, (known["Width"], known["Height"]) if len(known) == 2 else size


def _pack(x: ArrayLike, y: ArrayLike, t_us: ArrayLike, bright: ArrayLike) -> EventArray:
    events = np.zeros(np.size(x), EVENT)
    events["x"], events["y"], events["t_us"] = x, y, t_us
    events["p"] = np.where(bright, 1, -1)
    return events
