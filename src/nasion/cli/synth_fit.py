"""``nasion synth fit``: the synthetic head laid on a photo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasion.cli import options

if TYPE_CHECKING:
    from nasion.pipeline.head_fit import PhotoFit


def fit_command(
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="A picture with a face; the largest one is taken.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="For fit.json and fit.png; default PHOTO's name_fit."),
    ] = None,
    field_of_view: Annotated[
        float | None,
        typer.Option("--fov", min=5, max=120, metavar="DEG", help="Of the camera, over the longer side, if known."),
    ] = None,
    detector: options.Detector = "detector",
    landmarker: options.Landmarker = "landmarker",
    json: options.Json = False,
) -> None:
    """Lay the synthetic head on a face: shape, expression, lids, gaze, pose, skin tone and light that resemble it.

    Writes fit.json and the picture fit.png: photo, the head at the same pose, points, the head at rest. It is a
    likeness for tests and drawings, no measurement of a person.
    """
    from nasion.cli.errors import complain
    from nasion.core import Camera
    from nasion.core.errors import InputError
    from nasion.media import read_image
    from nasion.pipeline import Analyzer
    from nasion.pipeline.head_fit import fit_photo, fit_record, write_fit

    image = read_image(photo)
    height, width = image.shape[:2]
    camera = None if field_of_view is None else Camera.for_image(width, height, field_of_view)
    try:
        found = fit_photo(image, Analyzer(("landmarks",), detector=detector, landmarker=landmarker), camera)
    except InputError as error:
        raise InputError(f"{photo}: {error}") from error
    if found.others:
        complain(f"{photo}: {found.others + 1} faces; the largest was taken")
    name = Path(photo).name
    written = write_fit(out or Path(f"{Path(photo).stem}_fit"), image, found, name)
    if json:
        from json import dumps

        typer.echo(dumps(fit_record(found, name), ensure_ascii=False))
    else:
        _show_fit(found)
    for path in written:
        typer.echo(f"wrote {path}", err=json)


def _show_fit(found: PhotoFit) -> None:
    from rich.table import Table

    from nasion.cli.screen import stdout

    fit, geometry, head = found.fit, found.fit.geometry, found.fit.head
    pose, table = geometry.pose, Table(box=None, show_header=False)
    units = ", ".join(f"AU {u} {left:.1f} {right:.1f}" for u, (left, right) in list(geometry.units.items())[:6])
    lids, gaze = head.lids, head.gaze
    skin = fit.reason or f"{fit.skin_error:.1f} of 255 levels off, over {fit.skin_pixels} px"
    for name, value in (
        (
            "points",
            f"{geometry.distance.mean():.2f} px off on average, {100 * geometry.error:.2f} % of the eye distance",
        ),
        ("pose", f"yaw {pose.yaw:.1f}, pitch {pose.pitch:.1f}, roll {pose.roll:.1f} degrees"),
        ("identity", f"{float((head.identity**2).mean()) ** 0.5:.2f} standard deviations from the mean, rms"),
        ("expression", units or "at rest"),
        ("jaw, lids", f"{head.jaw:.0f}; {lids[0]:.0f} left, {lids[1]:.0f} right; degrees open"),
        ("gaze", "; ".join(f"{s} {y:+.0f}, {p:+.0f}" for s, (y, p) in zip(("left", "right"), gaze, strict=True))),
        ("skin", skin),
        ("tone", f"{head.tone:.1f} of 10 (a guess: one photo cannot tell skin from light)"),
    ):
        table.add_row(name, value)
    stdout().print(table)
