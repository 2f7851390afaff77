"""Rendered faces on disk: pictures or clips, the table of truth, the contact sheet."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet

from nasion.core import ImageArray, MediaError
from nasion.media import contact_sheet, write_image
from nasion.media.paths import prepare_output, safe_name, why
from nasion.synth.motion import MotionEvent
from nasion.synth.scene import Sample
from nasion.synth.truth_table import truth_row, truth_schema, truth_table

SHEET_FACES = 100  # more faces than this are not on the sheet: nobody looks at them
SHEET_CELL = 128  # px
GROUP = 512  # rows of the table held back before they are on disk

_MOTION = pa.schema([
    ("file", pa.string()), ("script", pa.string()), ("start_s", pa.float64()), ("end_s", pa.float64()),
    ("detail", pa.string()),
], metadata={"nasion_synth_schema": "1"})  # fmt: skip


class SynthWriter:
    """Writes ``truth.parquet``, ``contact.png`` and, for clips, ``motion.parquet`` into a folder. A context manager.

    Whatever stops the program, the table holds all rows so far.

    Args:
        folder: made when it is missing; files of the same names are replaced.

    Raises:
        MediaError: nothing can be written there.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self._table = prepare_output(self._folder / "truth.parquet")
        self._partial = self._table.with_name("truth.parquet.partial")
        self._rows: list[dict[str, Any]] = []
        self._motions: list[dict[str, Any]] = []
        self._faces: list[ImageArray] = []
        self.count = 0
        try:
            self._writer = pa.parquet.ParquetWriter(self._partial, truth_schema(), compression="zstd")
        except OSError as error:
            raise MediaError(f"cannot write {safe_name(self._table)}: {why(error)}") from error

    def add_picture(self, sample: Sample, name: str, *, view: str = "single", maps: bool = False) -> None:
        """Write a still as ``name``.png with its row; with ``maps`` also ``name``.npz (see ``write_maps``)."""
        write_image(self._folder / f"{name}.png", sample.image)
        if maps:
            write_maps(self._folder / f"{name}.npz", sample)
        self.add_row(sample, f"{name}.png", view=view)

    def add_row(
        self,
        sample: Sample,
        file: str,
        *,
        time_s: float | None = None,
        view: str = "single",
        phases: Mapping[str, str] | None = None,
        shown: bool = True,
    ) -> None:
        """Append the truth of a picture or frame that is in ``file``; ``shown`` puts it on the contact sheet."""
        self._rows.append(truth_row(sample, file, time_s=time_s, view=view, phases=phases))
        self.count += 1
        if shown and len(self._faces) < SHEET_FACES:
            height, width = sample.image.shape[:2]
            factor = SHEET_CELL / max(height, width)
            size = max(1, round(width * factor)), max(1, round(height * factor))
            self._faces.append(np.asarray(cv2.resize(sample.image, size, interpolation=cv2.INTER_AREA), np.uint8))
        if len(self._rows) >= GROUP:
            self._flush()

    def add_motion(self, file: str, events: Sequence[MotionEvent]) -> None:
        """Append what happens in a clip."""
        self._motions += [
            {"file": file, "script": e.script, "start_s": e.start_s, "end_s": e.end_s, "detail": json.dumps(e.detail)}
            for e in events
        ]

    def _flush(self) -> None:
        if self._rows:
            try:
                self._writer.write_table(truth_table(self._rows))
            except OSError as error:
                raise MediaError(f"cannot write {safe_name(self._table)}: {why(error)}") from error
            self._rows = []

    def close(self) -> list[Path]:
        """Finish the files; the paths of those written."""
        self._flush()
        self._writer.close()
        written = [self._table]
        try:
            self._partial.replace(self._table)
            if self._motions:
                written.append(self._folder / "motion.parquet")
                pa.parquet.write_table(pa.Table.from_pylist(self._motions, schema=_MOTION), written[-1])
        except OSError as error:
            raise MediaError(f"cannot write {safe_name(self._folder)}: {why(error)}") from error
        if self._faces:
            written.append(self._folder / "contact.png")
            write_image(written[-1], contact_sheet(self._faces, cell=SHEET_CELL))
        return written

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            return
        with suppress(MediaError, OSError):  # the first error is the one to report
            self._flush()
            self._writer.close()
            self._partial.replace(self._table)


def write_maps(path: str | os.PathLike[str], sample: Sample) -> None:
    """Write what each pixel sees as a compressed .npz.

    Arrays: ``depth`` float32 mm (infinite where nothing is), ``normals`` float32 (camera frame), ``albedo`` float32
    linear RGB, ``regions`` uint8 (``nasion.synth.Region``), ``occluder`` int8 (-1 none), ``triangle`` int32 and
    ``barycentric`` float32 of the head (-1 and 0 elsewhere).

    Raises:
        MediaError: the file cannot be written.
    """
    drawn = sample.render
    head = drawn.mesh == 0
    try:
        with prepare_output(path).open("wb") as file:
            np.savez_compressed(
                file, depth=drawn.depth, normals=drawn.normals, albedo=drawn.albedo, regions=sample.regions,
                occluder=sample.occluder, triangle=np.where(head, drawn.triangle, -1),
                barycentric=np.where(head[..., None], drawn.barycentric, 0),
            )  # fmt: skip
    except OSError as error:
        raise MediaError(f"cannot write {safe_name(path)}: {why(error)}") from error
