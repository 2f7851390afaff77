"""``nasion identity``: the people whose names ``nasion assist`` says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from nasion.cli import options
from nasion.cli.errors import NasionGroup, complain

if TYPE_CHECKING:
    from nasion.identity import FaceEmbedder, Gallery
    from nasion.pipeline.enrolment import Enrolment

identity_app = typer.Typer(
    name="identity",
    cls=NasionGroup,
    add_completion=False,
    no_args_is_help=True,
    help="Enrol people so that `nasion assist` says their names; list, delete, calibrate. Nothing leaves the machine.",
)

GalleryFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--gallery", metavar="FILE", help="Where the people are kept; default NASION_GALLERY or user data."),
]
Embedder: TypeAlias = Annotated[
    str, typer.Option(metavar="MODEL", help="Embedding network: a name of `nasion models`, or an ONNX file.")
]
MODEL = "mobilefacenet_casia"
LIMITS = (
    "Enrol only people who agreed. Their vectors stay in this one file on this machine; whoever is not enrolled is "
    "unknown, and nothing of them is kept."
)


@identity_app.callback()
def _identity() -> None:
    """Nothing of its own: the sub-verbs do the work."""


@identity_app.command("enrol")
def enrol_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What will be said.")],
    sources: Annotated[
        list[str], typer.Argument(metavar="PHOTOS|CLIP", help="Photos of the person, a folder of them, or one video.")
    ],
    merge: Annotated[bool, typer.Option("--merge", help="Add to the person of that name.")] = False,
    new: Annotated[
        bool, typer.Option("--new", help="A person of their own, although they look like somebody enrolled.")
    ] = False,
    gallery: GalleryFile = None,
    model: Embedder = MODEL,
) -> None:
    """Enrol a person from photos or from three seconds of video: the largest face.

    Somebody who looks like a person already there is not enrolled twice: the question is whom to --merge with.
    """
    from nasion.cli.screen import stdout
    from nasion.core import InputError

    people, embedder = open_gallery(gallery, model)
    if merge and name not in people.counts:
        raise InputError(f"--merge adds to somebody enrolled: {name!r} is not, there are {_names(people)}")
    if not merge and name in people.counts:
        raise InputError(f"{name!r} is enrolled already: add to them with --merge, or choose another name")
    found = _gather(sources, embedder)
    alike = people.like(found.vectors)
    if alike and alike != name and not new:
        raise InputError(
            f"this looks like {alike}, who is enrolled already. The same person? nasion identity enrol {alike!r} ... "
            "--merge. Somebody else? Add --new"
        )
    kept = people.enrol(name, found.vectors, merge=merge)
    for reason, count in found.refused.items():
        complain(f"left out {count} of {found.looked}: {reason}")
    stdout().print(
        f"{name}: {len(found.vectors)} views from {found.looked} faces, {kept} kept in {people.path}", soft_wrap=True
    )
    stdout().print(LIMITS, soft_wrap=True)


@identity_app.command("list")
def list_command(gallery: GalleryFile = None, json: options.Json = False) -> None:
    """Who is enrolled, with how many views, and from which score a match is believed."""
    from nasion.cli.screen import stdout
    from nasion.identity import Gallery, gallery_path

    people = Gallery(gallery or gallery_path())
    if json:
        import json as encoder

        typer.echo(
            encoder.dumps({"people": people.counts, "tau": people.tau, "model": people.model}, ensure_ascii=False)
        )
        return
    for name, count in people.counts.items():
        stdout().print(f"{name}: {count} views")
    stdout().print(f"{len(people)} enrolled in {people.path}, believed from a score of {people.tau:.2f}")


@identity_app.command("delete")
def delete_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the person.")], gallery: GalleryFile = None
) -> None:
    """Forget a person: the file is written anew without them."""
    from nasion.cli.screen import stdout
    from nasion.identity import Gallery, gallery_path

    people = Gallery(gallery or gallery_path())
    people.delete(name)
    stdout().print(f"{name} is deleted; {len(people)} enrolled in {people.path}")


@identity_app.command("calibrate")
def calibrate_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder for each person, with photos.")],
    rate: Annotated[float, typer.Option(min=1e-6, max=0.5, help="False accepts allowed, a comparison.")] = 1e-3,
    gallery: GalleryFile = None,
    model: Embedder = MODEL,
) -> None:
    """Find the score from which a match is believed, on photos of people who are all different.

    The pictures are only looked at: nobody in them is enrolled.
    """
    from nasion.cli.screen import progress_bar, stdout
    from nasion.core import InputError
    from nasion.identity import calibrate
    from nasion.media import find_sources, read_image
    from nasion.pipeline import Analyzer
    from nasion.pipeline.enrolment import from_photos

    people, embedder = open_gallery(gallery, model)
    analyzer, vectors = Analyzer(("landmarks", "pose")), {}
    homes = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    with progress_bar() as bar:
        for home in bar.track(homes, description="people"):
            photos = [source.path for source in find_sources(home) if source.kind == "image" and not source.error]
            try:
                vectors[home.name] = from_photos((read_image(p) for p in photos), embedder, analyzer).vectors
            except InputError as error:
                complain(f"left out {home.name}: {error}")
    tau, count = calibrate(vectors, rate)
    people.set_tau(tau)
    stdout().print(f"{len(vectors)} people, {count} comparisons: believed from a score of {tau:.3f} ({people.path})")


def open_gallery(path: Path | None, model: str) -> tuple[Gallery, FaceEmbedder]:
    """The people and the network that compares them."""
    from nasion.identity import FaceEmbedder, Gallery, gallery_path

    embedder = FaceEmbedder(model)
    return Gallery(path or gallery_path(), model=embedder.name), embedder


def _gather(sources: list[str], embedder: FaceEmbedder) -> Enrolment:
    from nasion.core import InputError
    from nasion.media import find_sources, open_video, read_image
    from nasion.pipeline.enrolment import from_photos, press

    found = find_sources(sources)
    if faults := [source.error for source in found if source.error]:
        raise InputError("; ".join(faults))
    if any(source.kind == "video" for source in found):
        if len(found) > 1:
            raise InputError("give photos or one video: enrol from the others with --merge")
        with open_video(found[0].path) as video:
            return press(((frame.image, frame.time_s) for frame in video), embedder)
    return from_photos((read_image(source.path) for source in found), embedder)


def _names(people: Gallery) -> str:
    return ", ".join(people.counts) or "nobody"
