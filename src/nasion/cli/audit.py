"""``nasion audit``: whether the landmarker is worse for some groups of people, or only looks so."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasion.cli import options
from nasion.cli.errors import FAILED, NasionGroup, complain, complain_about

if TYPE_CHECKING:
    from nasion.media import FrameResult

audit_app = typer.Typer(
    name="audit",
    cls=NasionGroup,
    add_completion=False,
    no_args_is_help=True,
    help="Audit nasion's own models on labelled pictures of your own.",
)


@audit_app.callback()
def _audit() -> None:
    """Nothing of its own: the sub-verbs do the work."""


@audit_app.command("landmarks")
def landmarks_command(
    folder: Annotated[list[str], typer.Argument(metavar="FOLDER", help="Pictures: folders, files or globs.")],
    labels: Annotated[
        Path,
        typer.Option(metavar="CSV", help="Columns: file, and one for each attribute; sought in FOLDER too."),
    ],
    attributes: Annotated[
        str, typer.Option(metavar="A,B", help="Columns to audit by; default all that look like groups.")
    ] = "",
    reference: Annotated[
        list[str] | None,
        typer.Option(metavar="A=LEVEL", help="The level others are compared with; default the largest group."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the report goes.")] = Path("audit"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the faces that DIR already holds and look at the others.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the audit as JSON on stdout.")] = False,
    detector: options.Detector = "detector",
    landmarker: options.Landmarker = "landmarker",
    device: options.Device = "cpu",
    threads: options.Threads = None,
) -> None:
    """Raw and controlled gaps between groups in how well points are placed, and what explains the raw ones.

    Labels are taken as given and never inferred. Without true points (columns x0, y0 ... x67, y67) what is compared is
    how far the landmarker contradicts itself, which is not its accuracy.
    """
    from nasion.audit import audit, join, read_labels
    from nasion.cli.screen import stderr, stdout
    from nasion.report.audit import audit_tables, write_audit
    from nasion.report.bench.machine import describe_models

    beside = Path(folder[0]) / labels
    known = read_labels(labels if labels.exists() or not beside.exists() else beside, options.split_tasks(attributes))
    references = _references(reference or [])
    weights = describe_models(detector, landmarker)
    results = _look(folder, out / "faces.parquet", resume, detector, landmarker, device, threads)
    table = join(results, known)
    outcome = audit(table, references=references)
    for file, error in outcome.errors.items():
        complain_about(file, error)
    screen = stderr() if json else stdout()
    screen.print(audit_tables(outcome))
    for path in write_audit(outcome, table, out, weights):
        screen.print(f"wrote {path}")
    if json:
        typer.echo(outcome.to_json())
    if outcome.errors:
        raise typer.Exit(FAILED)


def _references(pairs: list[str]) -> dict[str, str]:
    from nasion.core.errors import InputError

    if wrong := [pair for pair in pairs if "=" not in pair]:
        raise InputError(f"--reference {wrong[0]}: name attribute and level, such as age=20-29")
    return dict(pair.split("=", 1) for pair in pairs)


def _look(
    inputs: list[str],
    table: Path,
    resume: bool,
    detector: str,
    landmarker: str,
    device: str,
    threads: int | None,
) -> list[FrameResult]:
    """Faces with what the audit needs, of every picture; the table on disk grows meanwhile."""
    from nasion.audit import LandmarkConsistency
    from nasion.cli.interrupt import interruptible
    from nasion.cli.screen import progress_bar
    from nasion.landmark import Landmarker
    from nasion.media import TableWriter, find_sources, read_table, table_schema, table_to_faces
    from nasion.pipeline import Analyzer, run_batch
    from nasion.pipeline.resume import Kept

    sources = [source for source in find_sources(inputs) if source.kind == "image"]
    placer = Landmarker(landmarker, device=device, threads=threads)
    tasks: list[Any] = ["landmarks", "pose", LandmarkConsistency(placer)]
    analyzer = Analyzer(tasks, scheme="ibug68", detector=detector, landmarker=placer, device=device, threads=threads)
    schema = table_schema(analyzer.readings)
    done = 0
    with ExitStack() as stack, interruptible() as asked:
        kept = stack.enter_context(Kept(table, schema, "ibug68")) if resume else None
        rows = stack.enter_context(TableWriter(table, analyzer.readings))
        if kept:
            for result in kept.results(analyzer.readings):
                rows.write(result)
            sources = [source for source in sources if source.name not in kept.sources]
        bar = stack.enter_context(progress_bar())
        task = bar.add_task("looking", total=len(sources))
        for outcome in run_batch(sources, analyzer):
            rows.write(outcome.result)
            done += 1
            bar.update(task, completed=done)
            if asked:
                break
    if asked:
        complain(f"interrupted after {done} of {len(sources)} pictures; --resume goes on")
        raise typer.Exit(asked.exit_code)
    return table_to_faces(read_table(table), analyzer.readings)
