"""Landmark files of the annotation world: ``.pts`` (iBUG) and ``.ljson`` (menpo).

Both hold one face. Labels are taken as given: read points are visible with ``sigma`` 0; a point written as NaN or null
is read as NaN with visibility 0, and back.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from nasion.core import SCHEMES, FloatArray, Landmarks, MediaError, scheme
from nasion.media.paths import prepare_output, safe_name, why

_PTS_ORIGIN = 1.0  # .pts counts pixels from 1, as Matlab does; we count from 0


def read_pts(path: str | os.PathLike[str], scheme_name: str | None = None) -> Landmarks:
    """Read a ``.pts`` file as the 300-W challenge (iBUG) distributes them.

    Its pixels are counted from 1; the points returned are counted from 0, like everything in nasion.

    Args:
        path: ``version: 1``, ``n_points: N``, then N lines ``x y`` (or ``x y z``) between braces.
        scheme_name: the layout; default the one that has N points.

    Raises:
        MediaError: the file is missing, is no ``.pts`` file, or its points fit no scheme.
    """
    name, text = safe_name(path), _read_text(path)
    head, opened, rest = text.partition("{")
    body, closed, _ = rest.partition("}")
    if not (opened and closed):
        raise MediaError(f"{name} is no .pts file: the points must stand between braces, and the file must be whole")
    rows = [line.split() for line in body.splitlines() if line.strip()]
    announced = [line.partition(":")[2].strip() for line in head.splitlines() if "points" in line.partition(":")[0]]
    if announced and announced[0] != str(len(rows)):
        raise MediaError(f"{name} announces {announced[0]} points and holds {len(rows)}: it is damaged")
    return _landmarks(rows, name, scheme_name, -_PTS_ORIGIN)


def write_pts(path: str | os.PathLike[str], landmarks: Landmarks) -> None:
    """Write a ``.pts`` file: x and y, counted from 1, to a millionth of a pixel. Depth, visibility and sigma are lost.

    Raises:
        MediaError: the file cannot be written.
    """
    points = landmarks.points[:, :2].astype(np.float64) + _PTS_ORIGIN
    lines = [f"{x:.6f} {y:.6f}" for x, y in points]
    _write_text(path, "\n".join(["version: 1", f"n_points: {len(points)}", "{", *lines, "}", ""]))


def read_ljson(path: str | os.PathLike[str], group: str | None = None, scheme_name: str | None = None) -> Landmarks:
    """Read a menpo ``.ljson`` file, version 1, 2 or 3. Points in it are (y, x), counted from 0.

    Args:
        path: the file.
        group: which group of a version 3 file; may be left out when it has one.
        scheme_name: the layout; default the one that has as many points.

    Raises:
        MediaError: the file is missing, is no ``.ljson`` file, or its points fit no scheme.
    """
    name = safe_name(path)
    try:
        found = _ljson_points(json.loads(_read_text(path)), group, name)
        rows = [[x, y, *rest] for y, x, *rest in found]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise MediaError(f"{name} is no menpo .ljson file: {why(error)}") from error
    return _landmarks(rows, name, scheme_name, 0.0)


def write_ljson(path: str | os.PathLike[str], landmarks: Landmarks, group: str = "nasion") -> None:
    """Write a menpo ``.ljson`` file, version 3, with the scheme's groups as labels and its contours as connectivity.

    Visibility and sigma are lost; depth is kept as a third coordinate.

    Raises:
        MediaError: the file cannot be written.
    """
    layout, points = landmarks.scheme, landmarks.points.astype(np.float64)
    points[:, :2] = points[:, 1::-1]
    pairs = sorted(
        {
            pair
            for line in layout.contours
            for pair in zip(line.index, line.index[1:] + (line.index[:1] if line.closed else ()), strict=False)
        }
    )
    labels = [{"label": "all", "mask": list(range(len(points)))}]
    labels += [{"label": label, "mask": list(index)} for label, index in layout.groups.items()]
    known = [[value if np.isfinite(value) else None for value in point] for point in points.tolist()]
    held = {"labels": labels, "landmarks": {"connectivity": pairs, "points": known}}
    _write_text(path, json.dumps({"version": 3, "groups": {group: held}}, indent=1) + "\n")


def _ljson_points(held: Any, group: str | None, name: str) -> list[list[float | None]]:
    version = held["version"]
    if version == 1:
        return [place["point"] for part in held["groups"] for place in part["landmarks"]]
    if version == 3:
        groups = held["groups"]
        if (group is None and len(groups) != 1) or (group is not None and group not in groups):
            raise MediaError(f"{name} holds the groups {', '.join(sorted(groups)) or 'none'}; name one with group=")
        held = groups[group] if group is not None else next(iter(groups.values()))
    elif version != 2:
        raise MediaError(f"{name}: .ljson version {version} is not known; versions 1, 2 and 3 are")
    points: list[list[float | None]] = held["landmarks"]["points"]
    return points


def _landmarks(rows: list[list[Any]], name: str, scheme_name: str | None, shift: float) -> Landmarks:
    try:
        points = np.array(rows, np.float64)
    except (ValueError, TypeError) as error:
        raise MediaError(f"{name}: each point must be two or three numbers") from error
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise MediaError(f"{name}: each point must be two or three numbers, and there must be one at least")
    fitting = [layout for layout in SCHEMES if len(scheme(layout)) == len(points)]
    if scheme_name is None and len(fitting) != 1:
        known = ", ".join(f"{layout} ({len(scheme(layout))})" for layout in sorted(SCHEMES))
        raise MediaError(f"{name} holds {len(points)} points; name the scheme with scheme_name=, one of {known}")
    layout = scheme(scheme_name or fitting[0])
    if len(layout) != len(points):
        raise MediaError(f"{name} holds {len(points)} points, scheme {layout.name} has {len(layout)}")
    points[:, :2] += shift
    return _given(points.astype(np.float32), layout.name)


def _given(points: FloatArray, scheme_name: str) -> Landmarks:
    """Labels as landmarks: visible and exact where there is a number."""
    known = np.asarray(np.isfinite(points).all(axis=1))
    return Landmarks(points, known.astype(np.float32), np.zeros(len(points), np.float32), scheme(scheme_name))


def _read_text(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise MediaError(f"no such file: {safe_name(path)}; check the path") from error
    except (OSError, ValueError) as error:
        raise MediaError(f"{safe_name(path)} cannot be read as text: {why(error)}") from error


def _write_text(path: str | os.PathLike[str], text: str) -> None:
    target = prepare_output(path)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MediaError(f"cannot write {safe_name(target)}: {why(error)}") from error
