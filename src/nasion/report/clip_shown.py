"""Expressions shown in a clip, as rows and curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nasion.expression.sequence import PHASES, shown_spans
from nasion.pipeline.clip import Person

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN_HEAD = ("person", "from (s)", "to (s)", "shown expression", "most at (s)", "share", "reliability")
_PHASE = {"onset": "#f59e0b", "apex": "#dc2626", "offset": "#2563eb"}
_COLOURS = {
    "happy": "#f59e0b", "sad": "#2563eb", "angry": "#dc2626", "surprised": "#7c3aed", "disgusted": "#16a34a",
    "afraid": "#0891b2", "contempt": "#be185d", "neutral": "#d4d7dc",
}  # fmt: skip


def shown_rows(person: Person) -> list[tuple[str, ...]]:
    """A row for each expression of `nasion.expression.sequence.shown_spans`."""
    if person.shown is None:
        return []
    return [
        (
            str(person.track_id), f"{span.start_s:.2f}", f"{span.end_s:.2f}", span.label, f"{span.apex_s:.2f}",
            f"{span.probability:.2f}", f"{span.reliability:.2f}",
        )
        for span in shown_spans(person.shown)
    ]  # fmt: skip


def draw_shown(above: Axes, below: Axes, person: Person) -> None:
    """Distance from rest with its phases; below, the shares of the expressions, faint where not to be believed."""
    track = person.shown
    assert track is not None, "only people with a track are drawn"
    half = np.median(np.diff(track.time_s)) / 2 if len(track.time_s) > 1 else 0.05
    used: set[str] = set()
    for time, phase in zip(track.time_s, track.phase, strict=True):
        name = PHASES[phase]
        if name in _PHASE:
            label = None if name in used else name
            used.add(name)
            above.axvspan(time - half, time + half, color=_PHASE[name], alpha=0.25, linewidth=0, label=label)
    above.plot(track.time_s, track.magnitude, color="#111827", linewidth=1)
    above.set_ylim(0, max(0.04, 1.1 * float(track.magnitude.max(initial=0))))
    above.set_ylabel(f"person {person.track_id}\nfrom rest")
    spans = shown_spans(track)
    words = ", ".join(f"{span.label} {span.start_s:.1f}-{span.end_s:.1f} s" for span in spans) or "nothing found"
    above.set_title(f"shown expression, not felt emotion: {words}", fontsize="medium", loc="left")
    if used:
        above.legend(loc="upper right", fontsize="small", ncols=3)
    colours = [_COLOURS.get(name, f"C{k}") for k, name in enumerate(track.classes)]
    below.stackplot(track.time_s, track.probabilities.T, labels=track.classes, colors=colours, linewidth=0)
    for time, trust in zip(track.time_s, track.reliability, strict=True):
        if trust < 0.5:
            below.axvspan(time - half, time + half, color="white", alpha=0.75, linewidth=0)
    below.set_ylim(0, 1)
    below.set_ylabel("share")
    below.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="x-small")
