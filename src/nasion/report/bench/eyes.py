"""``nasion bench eyes``: lids, blinks, open or shut, and which way heads face."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasion.report.bench.eyes_blinks import CLIPS, real_part, rendered_part, simulated_part
from nasion.report.bench.eyes_lids import PEOPLE, lids_part
from nasion.report.bench.eyes_state import state_part
from nasion.report.bench.orientation import orientation_part
from nasion.report.bench.result import Result, command_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def bench_eyes(data: Path, sheet: Path | None = None, limit: int | None = None) -> Result:
    """Measure all of it.

    Args:
        data: the shared data, for the eye crops and the clips.
        sheet: write the pictures of the real clips' events here; they are of real people.
        limit: only so many people in each part, and clips: a quick look.
    """
    lids, about_lids, notes = lids_part(limit or PEOPLE)
    simulated, about_simulated = simulated_part()
    rendered, about_rendered = rendered_part()
    state, about_state = state_part(data)
    heads, about_heads = orientation_part(*([limit] if limit else []))
    real, about_real = real_part(data, CLIPS[:limit], sheet)
    return Result(
        name="eyes",
        title="Eyes: lids, blinks, open or shut, head orientation",
        command=command_line("eyes", limit=limit),
        tables=(*lids, simulated, rendered, state, heads, real),
        numbers={
            "lids": about_lids, "simulated": about_simulated, "rendered": about_rendered, "state": about_state,
            "orientation": about_heads, "real": about_real,
        },
        notes=(
            *notes,
            "F1: a blink is found when its time overlaps the true one by IoU 0.5. False alarms: noise, nobody blinks.",
            "Durations are compared with those read from the clean curve at 240 frames a second.",
            "Rendered people: true lids move, our landmarker reads them; Blink-AP takes our own boxes as the people's.",
            "Nobody has labelled the real clips: --sheet FILE writes five pictures of each event.",
            "Visible-light crops have no names, so the people in both halves may be the same.",
        ),
        plots={"steadiness": lambda figure: _plot(figure, about_lids)},
    )  # fmt: skip


def _plot(figure: Figure, numbers: dict[str, Any]) -> None:
    openings = numbers["openings"]
    assert isinstance(openings, dict)
    axes = figure.subplots()
    for name in ("EAR", "EAR, eyes weighed", "ELA", "ELA, true points"):
        axes.plot([float(o) for o in openings], [openings[o]["cv"][name] for o in openings], marker="o", label=name)
    axes.set_xlabel("degrees between the lids, as seen from the eye's centre")
    axes.set_ylabel("std over mean, yaw ±40, pitch ±20")
    axes.set_ylim(bottom=0)
    axes.legend()
