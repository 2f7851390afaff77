"""``nasion analyze``: pictures and videos in, one row per face out."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from nasion.cli import options
from nasion.cli.errors import FAILED, complain, complain_about


def analyze_command(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT", help="Files, folders, globs, or - for stdin.")],
    tasks: options.Tasks = "landmarks,pose,eyes",
    scheme: options.SchemeName = None,
    out: options.Out = None,
    draw: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write annotated pictures and videos into this folder.")
    ] = None,
    hide: Annotated[
        bool,
        typer.Option("--hide", help="Make faces unrecognisable in what --draw writes; annotate nothing."),
    ] = False,
    json: options.Json = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep what --out already holds and go on with the inputs it lacks.")
    ] = False,
    recursive: Annotated[bool, typer.Option(help="Look into folders below a folder too.")] = True,
    max_pixels: Annotated[
        int, typer.Option(min=1, metavar="N", help="Refuse larger pictures before they are decoded.")
    ] = 100_000_000,
    threshold: options.Threshold = None,
    max_faces: options.MaxFaces = None,
    detector: options.Detector = "detector",
    landmarker: options.Landmarker = "landmarker",
    fast: options.Fast = False,
    accurate: options.Accurate = False,
    tiles: options.Tiles = False,
    brighten: Annotated[
        bool, typer.Option("--brighten", help="Make dark pictures brighter before faces are looked for.")
    ] = False,
    device: options.Device = "cpu",
    threads: options.Threads = None,
) -> None:
    """Find faces in pictures, place their points and read them: one row per face.

    A picture without a face gives one row with face -1. An input that fails gives one with its error, is named on
    stderr, and makes the exit code 1; everything else is written.
    """
    from nasion.cli.interrupt import interruptible
    from nasion.cli.output import Drawings, print_json
    from nasion.cli.screen import FaceTable, progress_bar, stderr, stdout
    from nasion.core import InputError
    from nasion.media import TableWriter, find_sources, table_schema
    from nasion.media.paths import prepare_output
    from nasion.pipeline import Analyzer, run_batch
    from nasion.pipeline.resume import Kept

    options.check_out(out, resume)
    if hide and draw is None:
        raise InputError("--hide says what becomes of the faces in the pictures of --draw DIR: name that folder, too")
    for target in (out, draw and draw / "picture.jpg"):
        if target is not None:
            prepare_output(target)  # now, not after an hour of work
    sources = find_sources(inputs, recursive=recursive)
    wanted = options.given(
        detector=detector,
        landmarker=landmarker,
        fast=fast,
        accurate=accurate,
        tiles=tiles,
        brighten=brighten,
        threshold=threshold,
        max_faces=max_faces,
        device=device,
        threads=threads,
    )
    analyzer = Analyzer(options.split_tasks(tasks), scheme=scheme, **wanted)
    schema = table_schema(analyzer.readings)
    screen, table = stderr() if json else stdout(), FaceTable("picture")
    faces = failed = 0
    done: set[str] = set()
    with ExitStack() as open_files, interruptible() as asked:
        kept = open_files.enter_context(Kept(out, schema, analyzer.scheme)) if out and resume else None
        rows = open_files.enter_context(TableWriter(out, analyzer.readings)) if out else None
        if rows and kept:
            for result in kept.results(analyzer.readings):
                rows.write(result)
            sources = [source for source in sources if source.name not in kept.sources]
        drawings = open_files.enter_context(Drawings(draw, sources, hide)) if draw else None
        bar = open_files.enter_context(progress_bar())
        task = bar.add_task("analyzing", total=len(sources))
        began = monotonic()
        for outcome in run_batch(sources, analyzer, max_pixels=max_pixels):
            result = outcome.result
            faces += len(result.faces)
            if result.error:
                failed += 1
                complain_about(result.source, result.error)
            if rows:
                rows.write(result)
            if drawings:
                drawings.add(outcome)
            if json:
                print_json(result, schema)
            else:
                table.add(result.source, result.faces, "failed" if result.error else "no face")
            done.add(outcome.source.path)
            bar.update(task, completed=len(done))
            if asked:
                break
        took = monotonic() - began
    if not json:
        table.show(screen)
    screen.print(_summary(len(done), faces, failed, took))
    for target in (out, draw):
        if target is not None:
            screen.print(f"wrote {target}")
    if asked:
        complain(f"interrupted after {len(done)} of {len(sources)} inputs" + _how_to_go_on(out))
        raise typer.Exit(asked.exit_code)
    if failed:
        raise typer.Exit(FAILED)


def _summary(inputs: int, faces: int, failed: int, seconds: float) -> str:
    from nasion.report.words import count

    words = f"{count(inputs, 'input')}, {count(faces, 'face')}, {failed} failed"
    return words + (f", {inputs / seconds:.1f} inputs/s" if inputs > 1 and seconds > 0 else "")


def _how_to_go_on(out: Path | None) -> str:
    return f"; {out} holds them, --resume goes on with the rest" if out else ""
