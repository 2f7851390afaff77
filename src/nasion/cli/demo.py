"""``nasion demo``: two real photos that come with well-known packages, from pixels to numbers, offline."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from nasion.core.errors import MissingExtraError

PHOTOS = (  # name, package, place in the package, what it is
    ("astronaut", "skimage", "data/astronaut.png", "Eileen Collins, NASA; from scikit-image"),
    ("grace_hopper", "matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "Grace Hopper, US Navy; from matplotlib"),
)


def demo_command(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the results go.")] = Path("demo-out"),
) -> None:
    """Analyse two photos that come with the extra `demo`: a table here; pictures, a Parquet file and a page in DIR."""
    from nasion.cli.screen import FaceTable, stdout
    from nasion.media import FrameResult, TableWriter, draw_faces, read_image, write_image
    from nasion.pipeline import Analyzer
    from nasion.report.html import Section, write_page
    from nasion.report.words import cells, headings, reading_columns

    photos = [(name, _find(package, inside), words) for name, package, inside, words in PHOTOS]
    analyzer = Analyzer()
    screen, table, sections, written = stdout(), FaceTable("photo"), [], []
    with TableWriter(out / "faces.parquet", analyzer.readings) as rows:
        for name, path, words in photos:
            image = read_image(path)
            faces = analyzer(image)
            rows.write(FrameResult(path.name, faces))
            table.add(name, faces)
            drawn = draw_faces(image, faces)
            write_image(out / f"{name}.png", drawn)
            written.append(out / f"{name}.png")
            columns = reading_columns(faces)
            sections.append(Section(name, drawn, headings(columns), [cells(face, columns) for face in faces], words))
    note = (
        "Points: 478, hollow where hidden, veiled where uncertain. Angles in degrees: yaw > 0 turns to image-left, "
        "pitch > 0 looks up, roll > 0 tilts clockwise. Eyes: height over width of the opening."
    )
    write_page(out / "index.html", "nasion: two faces", sections, note=note)
    table.show(screen)
    for path in (*written, out / "faces.parquet", out / "index.html"):
        screen.print(f"wrote {path}", soft_wrap=True)


def _find(package: str, inside: str) -> Path:
    """A picture that an installed package brings, without importing the package."""
    spec = find_spec(package)
    path = Path(spec.origin).parent / inside if spec is not None and spec.origin else None
    if path is None or not path.exists():
        raise MissingExtraError(f'the demo shows a photo of the package {package}: pip install "nasion[demo]"')
    return path
