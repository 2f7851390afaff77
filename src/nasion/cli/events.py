"""``nasion events``: what an event camera saw, as pictures that remember what stands still, and the faces on them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from nasion.cli import options
from nasion.cli.errors import FAILED, complain, complain_about
from nasion.core.errors import InputError


def events_command(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="Events: .npz of nasion synth, .txt, .csv, .dat; or a video.")
    ],
    surface: Annotated[str, typer.Option(metavar="KIND", help="er, log, fft; histogram, time.")] = "er",
    hz: Annotated[float, typer.Option(metavar="HZ", min=0.1, help="Surfaces per second.")] = 30.0,
    count: Annotated[
        int | None, typer.Option("--count", min=1, metavar="N", help="Instead of --hz: a surface every N events.")
    ] = None,
    patch: Annotated[
        int | None, typer.Option(min=1, metavar="PX", help="Side of a patch; default a ninth of the shorter side.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Of the sensor, where the file does not say; such as 346x260.")
    ] = None,
    clip: Annotated[float, typer.Option(metavar="C", help="Value of the surface that is white, and -C black.")] = 3.0,
    detector: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Look for faces with this model of `nasion train lads`.")
    ] = None,
    threshold: options.Threshold = None,
    out: options.Out = None,
    draw: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the surfaces, and faces found, as .mp4, .mov or .mkv.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Turn events into surfaces with locally adaptive decay (LADS): a video, and a row per face on each of them.

    A video as INPUT is turned into simulated events first: no event camera saw it.
    """
    from nasion.cli.interrupt import interruptible
    from nasion.cli.output import VideoDrawing, print_json
    from nasion.cli.screen import progress_bar, stderr, stdout
    from nasion.cli.tracks import TrackTable
    from nasion.landmark.events import decay, load_events, surface_frames, usual_patch
    from nasion.landmark.events.files import VIDEO
    from nasion.media import FrameResult, Source, TableWriter, table_schema
    from nasion.media.paths import prepare_output
    from nasion.pipeline import Analyzer, Outcome, follow_video

    options.check_out(out)
    if draw is None and detector is None:
        raise InputError("say what to make: --draw FILE.mp4 for the surfaces, --detector FILE.onnx for faces on them")
    if out is not None and detector is None:
        raise InputError("--out is the table of faces: it needs --detector FILE.onnx, made by nasion train lads")
    for target in (out, draw):
        if target is not None:
            prepare_output(target)
    sensor = None if size is None else _size(size)
    events, sensor = load_events(source, sensor)
    chosen = decay(surface, patch or usual_patch(sensor))
    screen, tracks, here = stderr() if json else stdout(), TrackTable(), Source(source, "video")
    if Path(source).suffix.lower() in VIDEO:
        complain(f"{here.name} is a video: its events are simulated, no event camera saw them")
    frames = surface_frames(events, sensor, chosen, clip=clip, **({"count": count} if count else {"hz": hz}))
    total = -(-len(events) // count) if count else max(1, round(float(events["t_us"][-1]) * hz / 1e6))
    outcomes: Iterable[Outcome]
    if detector is not None:
        analyzer = Analyzer(("detect",), mode="video", **options.given(detector=detector, threshold=threshold))
        outcomes = follow_video(here, frames, analyzer)
    else:
        outcomes = (Outcome(here, FrameResult(here.name, (), f.index, f.time_s), f.image) for f in frames)
    error = ""
    with ExitStack() as opened, interruptible() as asked:
        rows = opened.enter_context(TableWriter(out)) if out else None
        drawing = opened.enter_context(VideoDrawing(draw, hz)) if draw else None
        bar = opened.enter_context(progress_bar())
        task = bar.add_task("surfaces", total=total)
        for outcome in outcomes:
            result = outcome.result
            if rows:
                rows.write(result)
            if json:
                print_json(result, table_schema())
            if result.error:
                error = result.error
                continue
            tracks.add(result)
            if drawing and outcome.image is not None:
                drawing.add(outcome.image, result.faces, result.time_s or 0.0)
            bar.advance(task)
            if asked:
                break
    tracks.show(screen)
    faces = f"; {tracks.summary(0.0)}" if detector is not None else ""
    screen.print(f"{len(events)} events of {sensor[0]} x {sensor[1]} px, {tracks.frames} surfaces ({surface}){faces}")
    for target in (out, draw if tracks.frames else None):
        if target is not None:
            screen.print(f"wrote {target}", soft_wrap=True)
    if error:
        complain_about(here.name, error)
        raise typer.Exit(FAILED)
    if asked:
        complain(f"interrupted after {tracks.frames} surfaces; all of them are written")
        raise typer.Exit(asked.exit_code)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    try:
        return int(width), int(height)
    except ValueError:
        raise InputError(f"--size must be like 346x260, got {text!r}") from None
