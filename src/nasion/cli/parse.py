"""``nasion parse``: which part of which face each pixel shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasion.cli import options
from nasion.cli.errors import FAILED, complain_about

if TYPE_CHECKING:
    from nasion.core import ImageArray
    from nasion.parse import Parsing


def parse_command(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT", help="Pictures, folders, globs, or - for stdin.")],
    model: Annotated[
        Path, typer.Option(metavar="FILE", help="A parser, .onnx: `nasion train rtnet-tanh-polar --out FILE`.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Write label maps here: NAME-0.labels.png, ...")
    ] = Path("parsed"),
    draw: Annotated[bool, typer.Option("--draw", help="Write the pictures with their regions in colour, too.")] = False,
    json: options.Json = False,
    threshold: options.Threshold = None,
    max_faces: options.MaxFaces = None,
    detector: options.Detector = "detector",
    landmarker: options.Landmarker = "landmarker",
    tiles: options.Tiles = False,
    device: options.Device = "cpu",
    threads: options.Threads = None,
) -> None:
    """Label skin, brows, eyes, nose, lips, mouth and hair of every face in pictures.

    A label map is a grey PNG as large as its picture: 0 where it shows something else or somebody else, 1 to 10 the
    regions in the order in which they are printed.
    """
    from json import dumps

    from nasion.cli.output import unique_names
    from nasion.cli.screen import progress_bar, stderr, stdout
    from nasion.core import MediaError, NasionError
    from nasion.media import find_sources, read_image, write_image
    from nasion.media.paths import prepare_output
    from nasion.parse import REGIONS, FaceParser
    from nasion.pipeline import Analyzer

    parser = FaceParser(model, device=device, threads=threads)
    prepare_output(out / "picture.png")  # now, not after the work
    sources = find_sources(inputs)
    names = unique_names(sources)
    wanted = options.given(
        detector=detector,
        landmarker=landmarker,
        tiles=tiles,
        threshold=threshold,
        max_faces=max_faces,
        device=device,
        threads=threads,
    )
    analyzer = Analyzer(("landmarks",), **wanted)
    screen = stderr() if json else stdout()
    faces = failed = 0
    with progress_bar() as bar:
        for source in bar.track(sources, description="parsing"):
            try:
                if source.error or source.kind != "image":
                    raise MediaError(source.error or f"{source.name} is a video: give pictures, such as its frames")
                image = read_image(source.path)
                found = parser.parse(image, analyzer(image))
                for i, parsing in enumerate(found):
                    path = out / f"{names[source.path]}-{i}.labels.png"
                    write_image(path, parsing.labels)
                    share = {name: int((parsing.labels == k).sum()) for k, name in enumerate(REGIONS) if k}
                    row = {"source": source.name, "face": i, "labels": str(path), "pixels": share}
                    if json:
                        typer.echo(dumps(row, ensure_ascii=False))
                if draw:
                    write_image(out / f"{names[source.path]}.jpg", painted(image, found))
                faces += len(found)
            except NasionError as error:
                failed += 1
                complain_about(source.name, str(error))
    regions = ", ".join(f"{k} {name}" for k, name in enumerate(REGIONS))
    screen.print(f"{len(sources)} inputs, {faces} faces, {failed} failed; labels: {regions}")
    screen.print(f"wrote {out}")
    if failed:
        raise typer.Exit(FAILED)


def painted(image: ImageArray, found: list[Parsing]) -> ImageArray:
    """The picture with each face's regions in colour."""
    import numpy as np

    from nasion.parse import COLORS

    out = image.astype(np.float32)
    for parsing in found:
        there = parsing.labels > 0
        out[there] = 0.5 * out[there] + 0.5 * COLORS[parsing.labels[there]]
    return out.astype(np.uint8)
