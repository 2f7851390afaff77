"""Recorded gaze sessions: frames, what was looked at on each, and the faces in them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasion.core import Camera, Face, FloatArray, InputError
from nasion.core.camera import DEFAULT_FIELD_OF_VIEW
from nasion.media import open_video, read_image, safe_name
from nasion.pipeline.analyzer import Analyzer, Mode
from nasion.pose import HeadPose

COLUMNS = ("x", "y")


@dataclass(frozen=True, slots=True, eq=False)
class RecordedFrame:
    """One frame of a recording.

    Attributes:
        name: its file; of a video's frame its number.
        time_s: seconds into the video; None of a picture.
        face: the best face, with ``pose`` read by the recording's camera; None when there is none.
        target: (2,) fractions of the screen, what was looked at; NaN when that is not known.
    """

    name: str
    time_s: float | None
    face: Face | None
    target: FloatArray


def read_targets(path: Path) -> dict[str, FloatArray]:
    """What was looked at, by file name or frame number.

    Args:
        path: CSV with columns ``x`` and ``y``, fractions of the screen from its upper left corner, and ``file`` or, of
            a video, ``frame``.

    Raises:
        InputError: the file cannot be read, lacks a column or holds something that is no number.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the targets {safe_name(path)}: {error}") from error
    key = "file" if rows and "file" in rows[0] else "frame"
    if not rows or not {key, *COLUMNS} <= rows[0].keys():
        raise InputError(f"{safe_name(path)} needs columns file (or frame), x and y, and at least one row")
    try:
        return {row[key]: np.array([float(row[name]) for name in COLUMNS]) for row in rows}
    except (TypeError, ValueError) as error:
        raise InputError(f"{safe_name(path)}: x and y must be numbers in every row ({error})") from error


def read_recording(
    source: str | os.PathLike[str], targets: dict[str, FloatArray] | None = None, field_of_view: float | None = None
) -> Iterator[tuple[RecordedFrame, Camera]]:
    """Frame by frame, with the camera that its face was read with.

    Args:
        source: a folder of pictures or a video.
        targets: as `read_targets` gives them; of a folder only these pictures are read. None: all frames.
        field_of_view: of the camera, degrees over the longer side; the usual one when left out.

    Raises:
        InputError: a folder without pictures, or a target whose picture is not there.
        MediaError: a picture or the video cannot be read.
    """
    folder = Path(source)
    angle = DEFAULT_FIELD_OF_VIEW if field_of_view is None else field_of_view
    unknown = np.full(2, np.nan)
    if not folder.is_dir():
        with open_video(source) as video:
            looking: tuple[Analyzer, Camera] | None = None
            for frame in video:
                looking = looking or _looking(frame.image.shape, angle, "video")
                faces = looking[0](frame.image, frame.time_s)
                target = (targets or {}).get(str(frame.index), unknown)
                yield RecordedFrame(str(frame.index), frame.time_s, faces[0] if faces else None, target), looking[1]
        return
    names = sorted(path.name for path in folder.iterdir() if path.is_file()) if targets is None else list(targets)
    if not names:
        raise InputError(f"{safe_name(folder)} holds no pictures")
    cameras: dict[tuple[int, ...], tuple[Analyzer, Camera]] = {}
    for name in names:
        if not (folder / name).is_file():
            raise InputError(f"{safe_name(folder / name)} is not there, but the targets name it")
        image = read_image(folder / name)
        if image.shape not in cameras:
            cameras[image.shape] = _looking(image.shape, angle, "image")
        analyzer, camera = cameras[image.shape]
        faces = analyzer(image)
        yield RecordedFrame(name, None, faces[0] if faces else None, (targets or {}).get(name, unknown)), camera


def _looking(shape: tuple[int, ...], field_of_view: float, mode: Mode) -> tuple[Analyzer, Camera]:
    camera = Camera.for_image(shape[1], shape[0], field_of_view)
    return Analyzer(("landmarks", HeadPose(camera)), mode=mode, max_faces=1), camera
