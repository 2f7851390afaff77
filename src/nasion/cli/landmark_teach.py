"""``nasion landmark teach`` and ``find``: a new kind of point from a few clicks, and regions that keep a promise."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasion.cli import options
from nasion.cli.errors import FAILED, complain_about

if TYPE_CHECKING:
    from nasion.core import Face, ImageArray
    from nasion.landmark.conformal import FoundPoint, Marked
    from nasion.media import Source
    from nasion.pipeline import Analyzer

Alpha = Annotated[
    float,
    typer.Option(metavar="A", help="The share of misses allowed: 0.1 promises that 9 of 10 regions hold their point."),
]


SLIP = 3.0  # times the median score: a click that far off may be a slip of the hand


@dataclass(frozen=True, slots=True)
class _Click:
    """One row of POINTS.csv: a named point at (x, y) px of a photo."""

    photo: Path
    name: str
    x: float
    y: float


def teach_command(
    points: Annotated[
        Path,
        typer.Argument(metavar="POINTS.csv", help="Columns file, x, y (px), and point where there are several kinds."),
    ],
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="The folder that the column file starts from.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to keep what was learned: .npz.")],
    detector: options.Detector = "detector",
    landmarker: options.Landmarker = "landmarker",
) -> None:
    """Teach a new kind of point from photos that each carry one click, 20 if you can.

    Of several faces on a photo the one nearest to the click is meant. A photo that cannot be used is named, and the
    others are learned from.
    """
    import numpy as np

    from nasion.cli.screen import progress_bar, stdout
    from nasion.core.errors import InputError, NasionError
    from nasion.landmark.conformal import examples_needed, teach, write_taught
    from nasion.media.paths import prepare_output

    if out.suffix != ".npz":
        raise InputError(f"--out {out}: what was learned is kept as .npz")
    prepare_output(out)  # now, not after the work
    clicks, analyzer = _read_clicks(points, photos), _analyzer(detector, landmarker)
    marked: dict[str, list[Marked]] = defaultdict(list)
    lost = 0
    with progress_bar() as bar:
        for click in bar.track(clicks, description="teaching"):
            try:
                marked[click.name].append(_mark(click, analyzer))
            except NasionError as error:
                complain_about(str(click.photo), str(error))
                lost += 1
    taught = [teach(name, marked.get(name, [])) for name in dict.fromkeys(click.name for click in clicks)]
    write_taught(out, taught)
    screen = stdout()
    for point in taught:
        more = "" if len(point) >= examples_needed(0.1) else f"; {examples_needed(0.1)} are needed for 0.1"
        screen.print(
            f"{point.name}: {len(point)} examples, regions for --alpha {1 / (len(point) + 1):.3f} and above{more}",
            soft_wrap=True,
        )
        worst = int(point.calibration.argmax())
        if point.calibration[worst] > SLIP * float(np.median(point.calibration)):
            screen.print(
                f"  look at {marked[point.name][worst].photo} again: the click there is far from where the "
                "others say; if it is a slip, every region is larger for it",
                soft_wrap=True,
            )
    screen.print(f"wrote {out}")
    if lost:
        raise typer.Exit(FAILED)


def find_command(
    taught: Annotated[Path, typer.Argument(metavar="TAUGHT.npz", help="What `nasion landmark teach` wrote.")],
    photos: Annotated[list[str], typer.Argument(metavar="PHOTO...", help="Pictures: files, folders or globs.")],
    alpha: Alpha = 0.1,
    draw: Annotated[Path | None, typer.Option(metavar="DIR", help="Write each picture with its regions drawn.")] = None,
    json: options.Json = False,
    detector: options.Detector = "detector",
    landmarker: options.Landmarker = "landmarker",
) -> None:
    """Find taught points: a best guess, and the region that holds the point as often as promised.

    The promise is for photos like those that taught: other poses, cameras or ways of clicking break it. It is for each
    point alone; that all of m points are held takes --alpha A/m.
    """
    from json import dumps

    from nasion.cli.output import unique_names
    from nasion.cli.screen import stderr
    from nasion.core.errors import InputError, NasionError
    from nasion.landmark.conformal import find as find_points
    from nasion.landmark.conformal import read_taught, too_few
    from nasion.media import draw_regions, find_sources, write_image

    points = read_taught(taught)
    for point in points:
        if reason := too_few(len(point), alpha):  # before any work is done
            raise InputError(f"{point.name!r}: {reason}")
    sources, analyzer = find_sources(photos), _analyzer(detector, landmarker)
    names = unique_names(sources)
    rows: list[dict[str, Any]] = []
    lost = 0
    for source in sources:
        try:
            image = _read(source)
            faces = analyzer(image)
            found = [find_points(points, image, face.landmarks, alpha) for face in faces]
        except NasionError as error:
            complain_about(source.name, str(error))
            lost += 1
            continue
        rows += [_row(source.name, i, point) for i, of_face in enumerate(found) for point in of_face]
        if not faces:
            rows.append({"file": source.name, "face": -1})
        if draw is not None:
            regions = [point for of_face in found for point in of_face]
            write_image(draw / f"{names[source.path]}.jpg", draw_regions(image, regions))
    if json:
        for row in rows:
            typer.echo(dumps(row, ensure_ascii=False))
    elif rows:
        _show(rows, alpha)
    if draw is not None:
        stderr().print(f"wrote {draw}")
    if lost:
        raise typer.Exit(FAILED)


def _analyzer(detector: str, landmarker: str) -> Analyzer:
    from nasion.pipeline import Analyzer

    return Analyzer(("landmarks",), detector=detector, landmarker=landmarker)


def _read_clicks(table: Path, photos: Path) -> list[_Click]:
    from nasion.core.errors import InputError

    if not table.is_file():
        raise InputError(f"no such file: {table}; it names the clicks, one row each: file, x, y and perhaps point")
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
        clicks = [
            _Click(photos / row["file"], row.get("point") or table.stem, float(row["x"]), float(row["y"]))
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{table}: clicks are a CSV file with columns file, x and y (px), and point where there are several kinds: "
            f"{type(error).__name__} {error}"
        ) from error
    if not clicks:
        raise InputError(f"{table} holds no clicks: one row for each marked photo")
    twice = [key for key, count in Counter((c.photo.name, c.name) for c in clicks).items() if count > 1]
    if twice:
        raise InputError(
            f"{table}: {twice[0][1]!r} is marked twice on {twice[0][0]}; each example must be a photo of "
            "its own, or the promise is worth less than it says"
        )
    return clicks


def _mark(click: _Click, analyzer: Analyzer) -> Marked:
    """The face that a click belongs to: the nearest, in units of its size."""
    import numpy as np

    from nasion.core.errors import InputError
    from nasion.landmark.conformal import Marked
    from nasion.media import read_image

    image = read_image(click.photo)
    height, width = image.shape[:2]
    if not (0 <= click.x < width and 0 <= click.y < height):
        raise InputError(f"the click ({click.x:g}, {click.y:g}) lies outside {click.photo} of {width} x {height} px")
    point = np.array([click.x, click.y])

    def distance(face: Face) -> float:
        return float(np.hypot(*(point - face.box.center)) / np.sqrt(face.box.area))

    face = min(analyzer(image), key=distance, default=None)
    if face is None:
        raise InputError(f"no face was found on {click.photo}: leave it out, or mark another photo")
    return Marked(image, face.landmarks, point, str(click.photo))


def _read(source: Source) -> ImageArray:
    from nasion.core.errors import InputError, MediaError
    from nasion.media import read_image

    if source.error:
        raise MediaError(source.error)
    if source.kind != "image":
        raise InputError(f"{source.name} is a video: taught points are found on pictures")
    return read_image(source.path)


def _row(file: str, face: int, point: FoundPoint) -> dict[str, Any]:
    x, y = (round(float(v), 2) for v in point.point)
    return {
        "file": file,
        "face": face,
        "point": point.name,
        "x": x,
        "y": y,
        "alpha": point.alpha,
        "area_px": round(point.area, 1),
        "face_share": round(point.share, 5),
        "grain_px": round(point.grain, 2),
        "outlines": [line.round(1).tolist() for line in point.outlines()],
    }


def _show(rows: list[dict[str, Any]], alpha: float) -> None:
    from rich.table import Table
    from rich.text import Text

    from nasion.cli.screen import MAX_ROWS, stdout

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("picture", "face", "point", "x", "y", "region px", "of face"):
        table.add_column(heading, justify="left" if heading in ("picture", "point") else "right", no_wrap=True)
    for row in rows[:MAX_ROWS]:
        name = Text(Path(row["file"]).name)
        if row["face"] < 0:
            table.add_row(name, "", Text("no face", "yellow"))
            continue
        at = (f"{row['x']:.1f}", f"{row['y']:.1f}", f"{row['area_px']:.0f}", f"{row['face_share']:.2%}")
        table.add_row(name, str(row["face"]), Text(row["point"]), *at)
    screen = stdout()
    screen.print(table)
    if len(rows) > MAX_ROWS:
        screen.print(f"... and {len(rows) - MAX_ROWS} more rows; --json prints them all", style="dim")
    words = f"Each region holds its point {1 - alpha:.6g} of the time, on photos like those that taught."
    screen.print(words, soft_wrap=True)
