"""``nasion live``: the camera, as numbers on the terminal and, if wanted, as a table and an annotated video.

There is no window: the OpenCV that nasion comes with has none, so that it runs on servers too. To watch, write
``--draw live.mp4``: it can be played while it grows.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from nasion.cli import options


def live_command(
    camera: Annotated[int, typer.Option(min=0, metavar="N", help="Which camera, from 0.")] = 0,
    tasks: options.Tasks = "landmarks,pose,eyes",
    scheme: options.SchemeName = None,
    out: options.Out = None,
    draw: Annotated[Path | None, typer.Option(metavar="FILE", help="Write an annotated .mp4, .mov or .mkv.")] = None,
    json: options.Json = False,
    smooth: options.Smooth = True,
    refine: options.Refine = None,
    detect_every: options.DetectEvery = 15,
    seconds: Annotated[float | None, typer.Option(min=0, metavar="S", help="End after this many seconds.")] = None,
    threshold: options.Threshold = None,
    max_faces: options.MaxFaces = None,
    detector: options.Detector = "detector",
    landmarker: options.Landmarker = "landmarker",
    fast: options.Fast = False,
    accurate: options.Accurate = False,
    device: options.Device = "cpu",
    threads: options.Threads = None,
) -> None:
    """Follow the faces before a camera until Ctrl-C, which is the usual end here (exit code 0)."""
    from rich.live import Live

    from nasion.cli.interrupt import interruptible
    from nasion.cli.output import VideoDrawing, print_json
    from nasion.cli.screen import FaceTable, stderr, stdout
    from nasion.cli.tracks import TrackTable
    from nasion.media import FrameResult, TableWriter, open_camera, table_schema
    from nasion.media.paths import prepare_output
    from nasion.pipeline import Analyzer, run_video

    options.check_out(out)
    for target in (out, draw):
        if target is not None:
            prepare_output(target)
    with ExitStack() as open_files, interruptible() as asked:
        stream = open_files.enter_context(open_camera(camera))
        wanted = options.given(
            detector=detector,
            landmarker=landmarker,
            fast=fast,
            accurate=accurate,
            threshold=threshold,
            max_faces=max_faces,
            device=device,
            threads=threads,
            refine=refine,
        )
        wanted |= {"smooth": smooth, "detect_every": detect_every, "scheme": scheme}
        analyzer = Analyzer(options.split_tasks(tasks), mode="video", **wanted)
        schema, tracks = table_schema(analyzer.readings), TrackTable()
        rows = open_files.enter_context(TableWriter(out, analyzer.readings)) if out else None
        drawing = open_files.enter_context(VideoDrawing(draw, stream.fps)) if draw else None
        screen = stderr() if json else stdout()
        view = open_files.enter_context(Live(console=screen, transient=True)) if screen.is_terminal else None
        began = monotonic()
        for frame, faces in run_video(stream, analyzer, ahead=0):
            result = FrameResult(stream.name, faces, frame.index, frame.time_s)
            tracks.add(result)
            if rows:
                rows.write(result)
            if drawing:
                drawing.add(frame.image, faces, frame.time_s)
            if json:
                print_json(result, schema)
            if view:
                table = FaceTable("camera")
                table.add(f"{frame.time_s:.1f} s", faces)
                view.update(table.rendered(screen.width))
            if asked or (seconds is not None and frame.time_s >= seconds):
                break
        took = monotonic() - began
    if not json:
        tracks.show(screen)
    screen.print(tracks.summary(took))
    for target in (out, draw):
        if target is not None:
            screen.print(f"wrote {target}", soft_wrap=True)
