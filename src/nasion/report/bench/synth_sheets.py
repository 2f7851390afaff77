"""Sheets that show fits and random draws beside photos, for people to judge; they never leave the user's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nasion.core import ImageArray
from nasion.media import contact_sheet, write_image
from nasion.synth.fit_skin import HeadFit, frame, look
from nasion.synth.model import HeadModel
from nasion.synth.sampling import SceneOptions, synth_batch

CELL, DRAWS, DRAW_SEED = 144, 50, 8
ROOM = 1.6  # side of a photo's cut-out over its face, as in the draws


def write_sheets(folder: Path, fits: Sequence[tuple[ImageArray, HeadFit]], model: HeadModel) -> list[Path]:
    """Write ``fits.png`` (photo, pasted face, head at rest), ``draws.png``, and ``draws_beside_photos.png``.

    Args:
        folder: made when it is missing.
        fits: photos with what was fitted to them.
        model: the head.
    """
    from nasion.pipeline.head_fit import neutral, pasted

    rows, photos = [], []
    for image, fit in fits:
        matrix, camera = frame(fit.geometry, CELL, ROOM)
        photo, _ = look(image, matrix, CELL)
        photos.append(photo)
        rows.append(np.concatenate([photo, pasted(photo, fit, camera, model), neutral(fit, CELL, model)], axis=1))
    drawn = draws(model)
    both = [picture for pair in zip(drawn, photos, strict=False) for picture in pair]
    written = []
    for name, pictures, columns, cell in (
        ("fits", rows, 5, 3 * CELL), ("draws", drawn, 10, CELL), ("draws_beside_photos", both, 10, CELL),
    ):  # fmt: skip
        written.append(folder / f"{name}.png")
        write_image(written[-1], contact_sheet(pictures, columns=columns, cell=cell))
    return written


def draws(model: HeadModel, count: int = DRAWS) -> list[ImageArray]:
    """Random people as photos show them."""
    options = SceneOptions(yaw=(-30, 30), pitch=(-12, 12), fill=(0.6, 0.66), size=(CELL, CELL), degrade=0.2)
    return [sample.image for sample in synth_batch(count, DRAW_SEED, options, model)]
