"""Trajectories in and out: JSON with unit and frame of reference in it, or CSV with a row per point and frame."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from nasion.core import InputError, MediaError
from nasion.core.trajectory import Trajectories
from nasion.media.paths import prepare_output, safe_name

FORMAT = "nasion-trajectories-1"
DIGITS = 4  # after the point, px or mm


def write_trajectories(path: str | os.PathLike[str], trajectories: Trajectories) -> Path:
    """Write ``.json`` (all of it) or ``.csv`` (name, frame, time_s, x, y, z, valid, quality).

    Raises:
        InputError: another extension.
        MediaError: the file cannot be written.
    """
    kind = Path(path).suffix.lower()
    if kind not in (".json", ".csv"):
        raise InputError(f"{safe_name(path)}: trajectories are written as .json or .csv")
    target, t = prepare_output(path), trajectories
    try:
        with target.open("w", newline="", encoding="utf-8") as stream:
            if kind == ".json":
                json.dump(_as_json(t), stream, allow_nan=False)
                return target
            out = csv.writer(stream)
            out.writerow(["name", "frame", "time_s", *"xyz"[: t.points.shape[2]], "valid", "quality"])
            for n, name in enumerate(t.names):
                for frame, (place, ok, quality) in enumerate(zip(t.points[n], t.valid[n], t.quality[n], strict=True)):
                    cells = ["" if np.isnan(v) else round(float(v), DIGITS) for v in place]
                    out.writerow(
                        [name, frame, round(float(t.time_s[frame]), 6), *cells, int(ok), round(float(quality), 3)]
                    )
    except OSError as error:
        raise MediaError(f"cannot write {safe_name(target)}: {error}") from error
    return target


def read_trajectories(path: str | os.PathLike[str]) -> Trajectories:
    """Read the JSON that `write_trajectories` writes, or another tracker's in the same form.

    Raises:
        MediaError: the file cannot be read, or is no JSON.
        InputError: it lacks the unit, the frame of reference or a path, or does not fit together.
    """
    name = safe_name(path)
    try:
        held: Any = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise MediaError(f"{name} cannot be read as trajectories: {error}") from error
    if not isinstance(held, dict) or held.get("format") != FORMAT:
        raise InputError(f'{name} holds no trajectories: it must say "format": "{FORMAT}" and name unit and frame')
    try:
        rows = held["points"]
        dims = 2 if held["unit"] == "px" else 3
        paths = [[_place(place, dims) for place in row["path"]] for row in rows]
        points = np.array(paths, np.float64)
        known = np.asarray(np.isfinite(points).all(axis=2))
        valid = [row.get("valid", known[i].tolist()) for i, row in enumerate(rows)]
        quality = [row.get("quality", [1.0] * points.shape[1]) for row in rows]
        regions = tuple(str(row.get("region", "")) for row in rows)
        return Trajectories(
            tuple(str(row["name"]) for row in rows),
            points,
            np.array(valid, bool),
            np.array(quality, np.float64),
            np.array(held["time_s"], np.float64),
            held["unit"],
            held["frame"],
            regions if any(regions) else (),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"{name}: trajectories hold unit, frame, time_s and points, each with name and a path of equal length: "
            f"{error!r}"
        ) from error


def _as_json(t: Trajectories) -> dict[str, Any]:
    rows = []
    for n, name in enumerate(t.names):
        path = [None if np.isnan(place).any() else [round(float(v), DIGITS) for v in place] for place in t.points[n]]
        row: dict[str, Any] = {"name": name, "path": path, "valid": t.valid[n].tolist()}
        row["quality"] = [round(float(v), 3) for v in t.quality[n]]
        if t.regions:
            row["region"] = t.regions[n]
        rows.append(row)
    times = [round(float(v), 6) for v in t.time_s]
    return {"format": FORMAT, "unit": t.unit, "frame": t.frame, "time_s": times, "points": rows}


def _place(value: Any, dims: int) -> list[float]:
    return [float("nan")] * dims if value is None else [float(v) for v in value]
