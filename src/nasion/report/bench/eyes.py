"""``nasion bench eyes``: lids, blinks, open or shut, and which way heads face."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasion.core import InputError
from nasion.report.bench.eyes_blinks import CLIPS, real_part, rendered_part, simulated_part
from nasion.report.bench.eyes_lids import PEOPLE, lids_part
from nasion.report.bench.eyes_state import state_part
from nasion.report.bench.orientation import orientation_part
from nasion.report.bench.result import Result, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARTS = ("lids", "simulated", "rendered", "state", "heads", "clips")
NOTES = {
    "simulated": (
        "F1: a blink is found when its time overlaps the true one by IoU 0.5. False alarms: noise, nobody blinks.",
        "Durations are compared with those read from the clean curve at 240 frames a second.",
    ),
    "rendered": ("True lids move, our landmarker reads them; Blink-AP takes our own boxes as the people's.",),
    "state": ("Visible-light crops have no names, so the people in both halves may be the same.",),
    "clips": ("Nobody has labelled the real clips: --sheet FILE writes five pictures of each event.",),
}


def bench_eyes(
    data: Path | None, parts: Sequence[str] = PARTS, sheet: Path | None = None, limit: int | None = None
) -> Result:
    """Measure all of it, or some parts.

    Args:
        data: the shared data, for the eye crops (``state``) and the clips.
        parts: of ``PARTS``.
        sheet: write the pictures of the real clips' events here; they are of real people.
        limit: only so many people in the rendered parts, and so many clips: a quick look.

    Raises:
        InputError: there is no such part, or it needs data that are not there.
    """
    for part in parts:
        if part not in PARTS:
            raise InputError(f"there is no part {part!r} of this benchmark; there are {', '.join(PARTS)}")
    if data is None and {"state", "clips"} & set(parts):
        raise InputError("parts state and clips need the shared data: name their folder with --data or NASION_DATA")
    tables: list[Table] = []
    numbers: dict[str, Any] = {}
    notes: list[str] = []
    for part in PARTS:
        if part not in parts:
            continue
        if part == "lids":
            made, numbers[part], told = lids_part(limit or PEOPLE)
            tables += made
            notes += told
        else:
            table, numbers[part] = _run(part, data, sheet, limit)
            tables.append(table)
        notes += NOTES.get(part, ())
    every = len(numbers) == len(PARTS)
    words = [] if every else [f"--part {','.join(numbers)}"]
    words += [f"--limit {limit}"] if limit else []
    return Result(
        name="eyes" if every else f"eyes-{'-'.join(numbers)}",
        title="Eyes: lids, blinks, open or shut, head orientation",
        command=" ".join(["nasion bench eyes", *words]),
        tables=tuple(tables),
        numbers=numbers,
        notes=tuple(notes),
        plots={"steadiness": partial(_plot, numbers["lids"])} if "lids" in numbers else {},
    )


def _run(part: str, data: Path | None, sheet: Path | None, limit: int | None) -> tuple[Table, dict[str, Any]]:
    if part == "simulated":
        return simulated_part()
    if part == "rendered":
        return rendered_part()
    if part == "heads":
        return orientation_part(*([limit] if limit else []))
    assert data is not None, "checked before any work"
    return state_part(data) if part == "state" else real_part(data, CLIPS[:limit], sheet)


def _plot(numbers: dict[str, Any], figure: Figure) -> None:
    axes = figure.subplots()
    for route, name, label in (
        ("plain", "EAR", "EAR, the landmarker's lids"),
        ("refined", "EAR", "EAR, lids placed again"),
        ("plain", "ELA", "ELA, the landmarker's lids"),
        ("refined", "ELA", "ELA, lids placed again"),
        ("refined", "ELA, true points", "ELA, true points"),
    ):
        opened = {o: values["cv"][name] for o, values in numbers[route]["openings"].items() if float(o) > 0}
        axes.plot([float(o) for o in opened], list(opened.values()), marker="o", label=label)
    axes.set_xlabel("degrees between the lids, as seen from the eye's centre")
    axes.set_ylabel("std over mean, yaw ±40, pitch ±20")
    axes.set_ylim(bottom=0)
    axes.legend()
