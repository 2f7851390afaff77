"""``nasion video``: one clip in, one row per face and frame out, with identities."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from nasion.cli import clip, options
from nasion.cli.errors import FAILED, complain, complain_about
from nasion.core.errors import MediaError

if TYPE_CHECKING:
    from nasion.pipeline import Outcome


def video_command(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A video file, or - for stdin.")],
    tasks: options.Tasks = "landmarks,pose,eyes",
    scheme: options.SchemeName = None,
    out: options.Out = None,
    draw: Annotated[Path | None, typer.Option(metavar="FILE", help="Write an annotated .mp4, .mov or .mkv.")] = None,
    events: clip.Events = None,
    plot: clip.Plot = None,
    report: clip.Report = None,
    expression_model: clip.ExpressionModel = "expression",
    json: options.Json = False,
    smooth: options.Smooth = True,
    refine: options.Refine = None,
    detect_every: options.DetectEvery = 15,
    start: Annotated[float, typer.Option(min=0, metavar="S", help="Begin at this second.")] = 0.0,
    stop: Annotated[float | None, typer.Option(min=0, metavar="S", help="End before this second.")] = None,
    step: Annotated[int, typer.Option(min=1, metavar="N", help="Take every Nth frame.")] = 1,
    threshold: options.Threshold = None,
    max_faces: options.MaxFaces = None,
    detector: options.Detector = "detector",
    landmarker: options.Landmarker = "landmarker",
    fast: options.Fast = False,
    accurate: options.Accurate = False,
    device: options.Device = "cpu",
    threads: options.Threads = None,
) -> None:
    """Follow the faces of a video: one row per face and frame; a frame without a face gives one row with face -1.

    Tasks of the whole clip, blinks, attention and expression, print what happened, person by person, at the end. With
    blinks the points are not smoothed: a filter would round blinks off. Expressions are what faces show, not what
    people feel.

    Ctrl-C ends it early with all frames so far on disk (exit code 130).
    """
    from nasion.cli.interrupt import interruptible
    from nasion.cli.output import VideoDrawing, print_json
    from nasion.cli.screen import progress_bar, stderr, stdout
    from nasion.cli.tracks import TrackTable
    from nasion.media import Source, TableWriter, open_video, table_schema
    from nasion.media.paths import prepare_output
    from nasion.pipeline import Analyzer, failure, follow_video, prefetch

    options.check_out(out)
    for target in (out, draw):
        if target is not None:
            prepare_output(target)
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
    whole = clip.ClipOutput(tasks, events, plot, report, expression_model)
    wanted |= {"smooth": smooth and not whole.keeps_points, "detect_every": detect_every, "scheme": scheme}
    analyzer = Analyzer(whole.tasks, mode="video", **wanted)
    schema = table_schema(analyzer.readings)
    screen, tracks = stderr() if json else stdout(), TrackTable()
    origin = Source(source, "video")
    error, skipped = "", 0
    began = monotonic()
    with ExitStack() as open_files, interruptible() as asked:
        rows = open_files.enter_context(TableWriter(out, analyzer.readings)) if out else None
        outcomes: Iterable[Outcome]
        video = drawing = None
        try:
            video = open_files.enter_context(open_video(source, start=start, stop=stop, step=step))
        except MediaError as caught:
            outcomes = [failure(origin, caught)]
        else:
            drawing = open_files.enter_context(VideoDrawing(draw, video.fps)) if draw else None
            # Drawing and writing are one more stage.
            outcomes = open_files.enter_context(closing(prefetch(follow_video(origin, video, analyzer))))
        bar = open_files.enter_context(progress_bar())
        task = bar.add_task("following", total=video.frame_count if video else None)
        for outcome in outcomes:
            result = outcome.result
            if rows:
                rows.write(result)
            if json:
                print_json(result, schema)
            if result.error:
                error = result.error
                continue
            tracks.add(result)
            whole.add(result)
            if drawing and outcome.image is not None:
                drawing.add(outcome.image, result.faces, result.time_s or 0.0)
            bar.update(task, completed=result.frame + 1)
            if asked:
                break
        skipped = video.skipped if video else 0
    took = monotonic() - began
    if not json:
        tracks.show(screen)
    if tracks.frames:
        screen.print(tracks.summary(took) + (f", {skipped} damaged frames skipped" if skipped else ""))
    if tracks.frames:
        whole.finish(origin.name, screen, show=not json)
    for target in (out, draw if tracks.frames else None):
        if target is not None:
            screen.print(f"wrote {target}", soft_wrap=True)
    if error:
        complain_about(origin.name, error)
        raise typer.Exit(FAILED)
    if asked:
        complain(
            f"interrupted after {tracks.frames} frames, {tracks.last_s:.1f} s into the video; all of them are written"
        )
        raise typer.Exit(asked.exit_code)
