"""``nasion assist``: spoken-style lines about the people before a camera."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasion.cli import options
from nasion.cli.identity import MODEL, Embedder, GalleryFile

if TYPE_CHECKING:
    from nasion.media import CameraStream, Video


def assist_command(
    source: Annotated[
        str, typer.Argument(metavar="CLIP|camera", help="A video file, or `camera`, or `camera:1` for the second one.")
    ],
    gallery: GalleryFile = None,
    model: Embedder = MODEL,
    rate: Annotated[float, typer.Option(min=0.5, max=30, metavar="HZ", help="Frames looked at, a second.")] = 5.0,
    field_of_view: Annotated[
        float, typer.Option(min=10, max=170, metavar="DEG", help="Of the camera, over the longer side of its picture.")
    ] = 60.0,
    scene: Annotated[
        float | None, typer.Option(min=1, metavar="S", help="Also a sentence about everybody in view, this often.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0, metavar="S", help="End after this many seconds.")] = None,
    json: options.Json = False,
) -> None:
    """Say who is where and how far: people of `nasion identity` by name, all others as unknown.

    A line is not repeated within 30 seconds; what is nearer than a metre comes first, and beeps. Nothing leaves the
    machine, and of people not enrolled nothing is kept. Distances come from the eyes of an average adult: half of all
    people are nearer or farther than said by some per cent, children are nearer. It is no substitute for a cane.
    """
    import json as encoder
    from dataclasses import asdict

    from nasion.cli.identity import open_gallery
    from nasion.cli.interrupt import interruptible
    from nasion.cli.screen import stderr
    from nasion.core import Camera
    from nasion.media import open_camera, open_video
    from nasion.pipeline.assist import Assistant

    people, embedder = open_gallery(gallery, model)
    if not len(people):
        stderr().print("nobody is enrolled, so everybody is unknown; nasion identity enrol NAME PHOTOS")
    with ExitStack() as opened, interruptible() as asked:
        word, _, number = source.partition(":")
        live = word == "camera" and not Path(source).exists() and (not number or number.isdecimal())
        stream: CameraStream | Video = open_camera(int(number or 0)) if live else open_video(source)
        opened.enter_context(stream)
        assistant: Assistant | None = None
        due, told, beeping = 0.0, 0.0, False
        for frame in stream:
            if frame.time_s + 1e-6 < due:
                continue
            due = frame.time_s + 1 / rate - 1e-3
            if assistant is None:
                height, width = frame.image.shape[:2]
                camera = Camera.for_image(width, height, field_of_view)
                assistant = Assistant(people, embedder=embedder, camera=camera)
            moment = assistant(frame.image, frame.time_s)
            if json:
                for line in moment.said:
                    typer.echo(encoder.dumps(asdict(line), ensure_ascii=False))
            else:
                for line in moment.said:
                    typer.echo(f"{frame.time_s:7.1f}  {line.text}")
                if (moment.beep_hz > 0) != beeping:
                    beeping = moment.beep_hz > 0
                    typer.echo(f"{frame.time_s:7.1f}  (beeps, {moment.beep_hz:.1f} a second)" if beeping
                               else f"{frame.time_s:7.1f}  (beeps end)")  # fmt: skip
            if scene is not None and frame.time_s >= told + scene:
                told = frame.time_s
                said = assistant.scene()
                typer.echo(
                    encoder.dumps({"time_s": told, "kind": "scene", "text": said}, ensure_ascii=False)
                    if json else f"{told:7.1f}  {said}"
                )  # fmt: skip
            if asked or (seconds is not None and frame.time_s >= seconds):
                break
