"""``nasion landmark``: work with layouts and single points."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasion.cli import options
from nasion.cli.errors import NasionGroup
from nasion.cli.landmark_follow import follow_command, score_command
from nasion.cli.landmark_teach import find_command, teach_command

if TYPE_CHECKING:
    from nasion.core import FloatArray, ImageArray
    from nasion.landmark.matching import Matching

landmark_app = typer.Typer(
    name="landmark",
    cls=NasionGroup,
    add_completion=False,
    no_args_is_help=True,
    help="Work with landmark layouts and single points.",
)


@landmark_app.callback()
def _landmark() -> None:
    """Nothing of its own: the sub-verbs do the work."""


landmark_app.command("teach")(teach_command)
landmark_app.command("find")(find_command)
landmark_app.command("follow")(follow_command)
landmark_app.command("score")(score_command)


class Cost(StrEnum):
    """What a pair of two views costs."""

    ray = "ray"
    epipolar = "epipolar"


@dataclass(frozen=True, slots=True)
class _Side:
    """One set of points.

    Attributes:
        points: (N, 2) px, or (N, 3) mm of a layout.
        names: of the points.
        image: the picture they were found on.
    """

    points: FloatArray
    names: tuple[str, ...]
    image: ImageArray | None = None


@landmark_app.command("match")
def match_command(
    a: Annotated[str, typer.Argument(metavar="A", help="A layout (ibug68), points (.pts, .ljson, .csv) or a picture.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The same kind as A.")],
    rig: Annotated[
        Path | None, typer.Option(metavar="JSON", help="A and B are two calibrated views of one scene.")
    ] = None,
    cost: Annotated[
        Cost, typer.Option(help="With --rig: distance of the rays, or px to the epipolar line.")
    ] = Cost.ray,
    align: Annotated[
        bool, typer.Option("--align", help="A and B have no common frame: find place, size and turn too.")
    ] = False,
    pairs: Annotated[int | None, typer.Option(min=1, metavar="N", help="Form only the N cheapest pairs.")] = None,
    limit: Annotated[
        float | None, typer.Option(min=0, metavar="D", help="Leave points alone rather than pair them across D.")
    ] = None,
    draw: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a picture of the pairs.")] = None,
    json: options.Json = False,
) -> None:
    """Pair the points of two layouts, two files or two views; each pair says whether another would do as well.

    Layouts are compared on the mean face, in mm. Files hold points of one picture, in px, unless --rig or --align says
    otherwise. Two pictures need --rig; their faces are paired first.
    """
    from nasion.core import SCHEMES
    from nasion.core.errors import InputError

    layouts = a in SCHEMES and b in SCHEMES
    if layouts and (rig or align or pairs):
        raise InputError("two layouts are compared on the mean face: --rig, --align and --pairs are for points")
    if rig and align:
        raise InputError("--rig knows how the views stand to each other: leave --align out")
    if pairs is not None and limit is not None:
        raise InputError("give --pairs or --limit, not both")
    price = None if limit is None else limit / 2
    found: list[tuple[_Side, _Side, Matching]]
    if layouts:
        found, unit = [_layouts(a, b, limit)], "mm"
    elif rig is not None:
        found, unit = _views(a, b, rig, cost.value, pairs, price), "px" if cost is Cost.epipolar else "rig unit"
    else:
        found, unit = [_points(a, b, align, pairs, price)], "px"
    for side_a, side_b, matching in found:
        _report(side_a, side_b, matching, unit, json)
    if draw is not None:
        _draw(found, draw)


def _layouts(a: str, b: str, limit: float | None) -> tuple[_Side, _Side, Matching]:
    from nasion.core import scheme
    from nasion.landmark.matching import match_schemes, mean_face
    from nasion.landmark.matching.schemes import NEAR_MM

    found = match_schemes(a, b, near_mm=NEAR_MM if limit is None else limit)
    side_a, side_b = (_Side(mean_face(name)[:, :2], scheme(name).names) for name in (a, b))
    return side_a, side_b, found.matching


def _points(a: str, b: str, align: bool, pairs: int | None, price: float | None) -> tuple[_Side, _Side, Matching]:
    import numpy as np

    from nasion.landmark.matching import match, match_shapes

    side_a, side_b = _read_points(a), _read_points(b)
    if align:
        return side_a, side_b, match_shapes(side_a.points, side_b.points, count=pairs, price=price).matching
    apart = np.linalg.norm(side_a.points[:, None] - side_b.points[None], axis=2)
    return side_a, side_b, match(apart, count=pairs, price=price)


def _views(
    a: str, b: str, rig: Path, cost: Any, pairs: int | None, price: float | None
) -> list[tuple[_Side, _Side, Matching]]:
    from nasion.core.errors import InputError
    from nasion.landmark.matching import match_faces, match_views, read_rig

    views = read_rig(rig)
    if Path(a).suffix.lower() in POINT_FILES:
        side_a, side_b = _read_points(a), _read_points(b)
        matching = match_views(side_a.points, side_b.points, *views, cost=cost, count=pairs, price=price)
        return [(side_a, side_b, matching)]
    if pairs is not None or price is not None:
        raise InputError("--pairs and --limit are for layouts and files of points; all points of two faces are paired")
    sides_a, sides_b = _faces(a), _faces(b)
    if not sides_a or not sides_b:
        raise InputError(f"no face was found on {b if sides_a else a}: there is nothing to match")
    found = match_faces([s.points for s in sides_a], [s.points for s in sides_b], *views, cost=cost)
    return [(sides_a[i], sides_b[j], inner) for (i, j), inner in zip(found.faces.pairs, found.points, strict=True)]


def _faces(path: str) -> list[_Side]:
    """The 68 points of each face on a picture."""
    from nasion.media import read_image
    from nasion.pipeline import Analyzer

    image = read_image(path)
    faces = Analyzer(("landmarks",), scheme="ibug68")(image)
    return [_Side(face.landmarks.points[:, :2], face.landmarks.scheme.names, image) for face in faces]


POINT_FILES = (".pts", ".ljson", ".csv")


def _read_points(path: str) -> _Side:
    """Points from a landmark file, or from a CSV file with columns x, y and perhaps name."""
    import numpy as np

    from nasion.cli.point_files import read_points_csv
    from nasion.core.errors import InputError
    from nasion.media import read_ljson, read_pts

    kind = Path(path).suffix.lower()
    if kind in (".pts", ".ljson"):
        landmarks = read_pts(path) if kind == ".pts" else read_ljson(path)
        return _Side(landmarks.points[:, :2].astype(np.float64), landmarks.scheme.names)
    if kind != ".csv":
        raise InputError(f"{path} is neither a layout nor points: give {', '.join(POINT_FILES)}, or pictures and --rig")
    names, points = read_points_csv(Path(path))
    return _Side(points, names)


def _report(a: _Side, b: _Side, matching: Matching, unit: str, as_json: bool) -> None:
    from json import dumps

    import numpy as np
    from rich.table import Table
    from rich.text import Text

    from nasion.cli.screen import MAX_ROWS, stdout

    alone_a, alone_b = (
        [side.names[i] for i in alone] for side, alone in ((a, matching.alone_a), (b, matching.alone_b))
    )
    rows = [
        {
            "a": a.names[i],
            "b": b.names[j],
            "cost": round(float(cost), 6),
            "margin": round(float(margin), 6) if np.isfinite(margin) else None,
            "ambiguous": bool(flag),
        }
        for (i, j), cost, margin, flag in zip(
            matching.pairs, matching.cost, matching.margin, matching.ambiguous, strict=True
        )
    ]
    if as_json:
        typer.echo(dumps({"unit": unit, "pairs": rows, "alone_a": alone_a, "alone_b": alone_b}, ensure_ascii=False))
        return
    table = Table(box=None, header_style="bold")
    for heading in ("A", "B", f"cost ({unit})", "margin", ""):
        table.add_column(heading, justify="right" if heading in (f"cost ({unit})", "margin") else "left", no_wrap=True)
    for row in rows[:MAX_ROWS]:
        margin = "none other" if row["margin"] is None else f"{row['margin']:.2f}"
        doubt = Text("ambiguous", "yellow") if row["ambiguous"] else Text("")
        table.add_row(Text(str(row["a"])), Text(str(row["b"])), f"{row['cost']:.2f}", margin, doubt)
    screen = stdout()
    screen.print(table)
    if len(rows) > MAX_ROWS:
        screen.print(f"... and {len(rows) - MAX_ROWS} more pairs; --json prints them all", style="dim")
    doubtful = int(matching.ambiguous.sum())
    screen.print(
        f"{len(rows)} pairs, {doubtful} ambiguous; without a partner: {len(alone_a)} of A, {len(alone_b)} of B"
    )


def _draw(found: list[tuple[_Side, _Side, Matching]], path: Path) -> None:
    from nasion.media import contact_sheet, write_image
    from nasion.media.match_drawing import draw_matches

    sheets = [
        draw_matches(
            a.points, b.points, m.pairs, m.ambiguous, None if a.image is None or b.image is None else (a.image, b.image)
        )
        for a, b, m in found
    ]
    write_image(path, sheets[0] if len(sheets) == 1 else contact_sheet(sheets, columns=1, cell=1400))
    typer.echo(f"wrote {path}", err=True)
