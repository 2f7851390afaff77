"""Sequences of your own: ``FOLDER/class/sequence/frame.png``, neutral first, apex last (as CK+ comes).

Whose a sequence is stands before the first underscore of its folder's name (``S010_004``), or is the whole name.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nasion.core import FloatArray, InputError, MediaError
from nasion.expression.sequence.features import FRAMES, upright
from nasion.expression.sequence.presets import Preset
from nasion.media import find_sources, read_image
from nasion.pipeline import Analyzer
from nasion.train.expression_takes import CORNER_POINTS, Takes

EYES_MM = 63.0


def read_sequences(
    folder: Path, chosen: Preset, analyzer: Analyzer | None = None
) -> tuple[Takes, tuple[str, ...], tuple[str, ...]]:
    """Five frames of each sequence, evenly from its first to its last, with the landmarker's points.

    Returns:
        The sequences, flat; the names of the classes, sorted; a line for each sequence that was left out.

    Raises:
        InputError: there is no class with a readable sequence, or only one class.
    """
    analyzer = analyzer or Analyzer(("landmarks",), max_faces=1, threads=1)
    classes = tuple(sorted(p.name for p in folder.iterdir() if p.is_dir())) if folder.is_dir() else ()
    if len(classes) < 2:
        raise InputError(
            f"{folder}: one folder a class is needed, two classes or more: FOLDER/class/sequence/frame.png"
        )
    points, label, subject, skipped = [], [], [], []
    people: dict[str, int] = {}
    for number, name in enumerate(classes):
        for sequence in sorted(p for p in (folder / name).iterdir() if p.is_dir()):
            try:
                found = _frames(sequence, analyzer)
            except (MediaError, InputError) as error:
                skipped.append(f"{name}/{sequence.name}: {error}")
                continue
            points.append(flat(found, chosen))
            label.append(number)
            subject.append(people.setdefault(sequence.name.partition("_")[0], len(people)))
    if len(set(label)) < 2:
        raise InputError(f"{folder}: fewer than two classes could be read; " + "; ".join(skipped[:3]))
    turns = np.zeros((len(points), FRAMES, 3), np.float32)
    return Takes(np.stack(points), turns, np.array(label), np.array(subject)), classes, tuple(skipped)


def flat(points: FloatArray, chosen: Preset) -> FloatArray:
    """(..., P + 4, 3) float32: (..., 478, 2) px as `Takes` keeps points, upright, in mm, on a plane."""
    rows = np.concatenate([chosen.points, CORNER_POINTS])
    picked = np.asarray(points, np.float64)[..., rows, :2]
    still, _ = upright(picked, picked[..., -4:, :])
    return np.concatenate([still * EYES_MM, np.zeros_like(still[..., :1])], axis=-1).astype(np.float32)


def _frames(sequence: Path, analyzer: Analyzer) -> FloatArray:
    """(5, 478, 2) px."""
    files = [source for source in find_sources([sequence]) if source.kind == "image"]
    if len(files) < 2:
        raise InputError("a sequence needs two pictures or more, neutral first")
    found = []
    for k in np.linspace(0, len(files) - 1, FRAMES).round().astype(int):
        faces = analyzer(read_image(files[k].path))
        if not faces:
            raise InputError(f"no face in {files[k].name}")
        found.append(faces[0].landmarks.points[:, :2])
    return np.stack(found)
