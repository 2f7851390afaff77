"""Options that several verbs share, and how their text becomes arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from nasion.core.errors import InputError

Tasks: TypeAlias = Annotated[
    str,
    typer.Option(
        "--tasks", metavar="A,B", help="What to do: detect, landmarks, pose, eyes, gaze, or an installed task."
    ),
]
SchemeName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--scheme", metavar="NAME", help="Layout of the points: ibug68, coarse5, ...; default the landmarker's own."
    ),
]
Out: TypeAlias = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the table: .parquet, .csv or .jsonl.")
]
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per row on stdout; all other words go to stderr.")
]
Threshold: TypeAlias = Annotated[
    float | None, typer.Option(min=0, max=1, help="Detector score from which something counts as a face.")
]
MaxFaces: TypeAlias = Annotated[int | None, typer.Option(min=1, help="Give only this many faces per picture.")]
Detector: TypeAlias = Annotated[
    str, typer.Option(metavar="MODEL", help="A detector of `nasion models`, or an ONNX file.")
]
Landmarker: TypeAlias = Annotated[
    str, typer.Option(metavar="MODEL", help="A landmarker of `nasion models`, or an ONNX file.")
]
Accurate: TypeAlias = Annotated[
    bool,
    typer.Option("--accurate", help="Let the last look at a face be three, averaged: a little more exact, slower."),
]
Fast: TypeAlias = Annotated[
    bool, typer.Option("--fast", help="Place points with a smaller network: half the time, a little less exact.")
]
Tiles: TypeAlias = Annotated[
    bool, typer.Option("--tiles", help="Look for small faces in overlapping tiles of very large pictures, too.")
]
Device: TypeAlias = Annotated[str, typer.Option(help="Where models run: cpu, cuda, ...")]
Threads: TypeAlias = Annotated[int | None, typer.Option(min=1, help="Inference threads.")]
DetectEvery: TypeAlias = Annotated[
    int, typer.Option(min=1, metavar="N", help="Detect on every Nth frame; in between, faces are followed.")
]
Smooth: TypeAlias = Annotated[bool, typer.Option("--smooth/--no-smooth", help="Pass points through a One-Euro filter.")]
Refine: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL", help="Refine points over time by this model of `nasion train dsta`, not by the filter."
    ),
]

TABLE_EXTENSIONS = (".parquet", ".csv", ".jsonl")


def split_tasks(text: str) -> tuple[str, ...]:
    """``"pose, eyes"`` to ``("pose", "eyes")``."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


def check_out(path: Path | None, resume: bool = False) -> None:
    """Refuse a table whose format the extension does not say, before any work is done."""
    if path is None and resume:
        raise InputError("--resume goes on with a table: name it with --out")
    if path is not None and path.suffix.lower() not in TABLE_EXTENSIONS:
        raise InputError(f"--out {path}: the extension says the format; use {', '.join(TABLE_EXTENSIONS)}")


def given(**options: Any) -> dict[str, Any]:
    """Only the options that were given: the others keep the default of whoever takes them."""
    return {name: value for name, value in options.items() if value is not None}
