"""Labelled clips of your own: a folder with ``labels.csv``, columns ``file``, ``state``, ``subject``, maybe ``group``.

``state`` is 1 (the state) or 0; ``subject`` says whose clip it is, so that nobody stands on both sides of a split;
``group`` is what errors are reported by. The first line may name the state: ``file,state:tired,subject``.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from nasion.clinic.binary_state import Shot
from nasion.core import InputError, MediaError
from nasion.pipeline import Analyzer
from nasion.pipeline.state_shots import read_shots
from nasion.train.state_clips import Clips


def read_state_folder(folder: Path, analyzer: Analyzer | None = None) -> tuple[Clips, str, tuple[str, ...]]:
    """All clips as shots.

    Returns:
        The clips; the state's name; a line for each clip that was left out.

    Raises:
        InputError: no table, a column is missing, a label is neither 0 nor 1, or no clip has a shot.
    """
    table = folder / "labels.csv"
    if not table.is_file():
        raise InputError(f"{table} is missing: it names the clips, columns file,state,subject and maybe group")
    with table.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        head = list(reader.fieldnames or ())
        column = next((name for name in head if name.partition(":")[0] == "state"), "")
        if not column or not {"file", "subject"} <= set(head):
            raise InputError(f"{table}: columns file, state and subject are needed, got {', '.join(head) or 'none'}")
        rows = list(reader)
    people: dict[str, int] = {}
    kept: list[tuple[list[Shot], int, int, str]] = []
    skipped = []
    for row in rows:
        if row[column] not in ("0", "1") or not row["subject"]:
            raise InputError(f"{table}: {row['file']}: the state is 0 or 1 and the subject is named, got {row}")
        try:
            shots = read_shots(folder / row["file"], analyzer)
        except MediaError as error:
            skipped.append(f"{row['file']}: {error}")
            continue
        if not shots:
            skipped.append(f"{row['file']}: no face was followed for 1.6 s")
            continue
        who = people.setdefault(row["subject"], len(people))
        kept.append((shots, int(row[column]), who, row.get("group") or ""))
    if not kept:
        raise InputError(f"{folder}: no clip has a face followed for 1.6 s; " + "; ".join(skipped[:3]))
    return gathered(kept), column.partition(":")[2] or "state", tuple(skipped)


def gathered(kept: list[tuple[list[Shot], int, int, str]]) -> Clips:
    """Clips of (shots, label, subject, group); clips with fewer shots than the longest are filled up with copies."""
    most = max(len(shots) for shots, _, _, _ in kept)
    full = [[*shots, *[shots[0]] * (most - len(shots))] for shots, _, _, _ in kept]
    groups = tuple(group for _, _, _, group in kept)
    return Clips(
        np.stack([[shot.nodes for shot in shots] for shots in full]),
        np.stack([[shot.crops for shot in shots] for shots in full]),
        np.array([[k < len(shots) for k in range(most)] for shots, _, _, _ in kept]),
        np.array([label for _, label, _, _ in kept]), np.array([who for _, _, who, _ in kept]),
        groups if any(groups) else ("",) * len(groups),
    )  # fmt: skip
