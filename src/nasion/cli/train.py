"""``nasion train``: a landmark model of your own from labelled pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasion.cli.errors import FAILED, complain

if TYPE_CHECKING:
    from nasion.train.recipe import Course, OwnRecipe


def train_command(
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="What to train; `list` names them all.")],
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA", help="Folder of pictures with .pts or .ljson files beside them, or a .csv table."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The model to write, .onnx.")] = Path(
        "model.onnx"
    ),
    minutes: Annotated[float, typer.Option(min=0.01, help="How long to train.")] = 10.0,
    size: Annotated[
        int | None,
        typer.Option(metavar="PX", help="Side of the crops the model sees, 32..256; else the system's own, mostly 96."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, views and the split.")] = 0,
    by: Annotated[
        str, typer.Option(help="What is held out as a whole: picture or person (a folder each).")
    ] = "picture",
    threads: Annotated[int | None, typer.Option(min=1, help="PyTorch's threads.")] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Checkpoint to keep, and to go on from when it is there.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="or-face-selfsup: pictures the detector is good at and must stay good at."),
    ] = None,
    research: Annotated[
        bool,
        typer.Option("--i-understand-research-only", help="intoxication-gat-3dresnet: it is not for enforcement."),
    ] = False,
) -> None:
    """Train a landmark model on labelled pictures and write it as ONNX.

    One picture in five is held out and scored. `nasion analyze PHOTO --landmarker FILE` then uses the model.
    """
    from nasion.cli.screen import progress_bar, stdout
    from nasion.core import InputError
    from nasion.media.paths import prepare_output
    from nasion.train import RECIPES, evaluate, find_recipe, fit, load_folder, split
    from nasion.train.export import export_onnx
    from nasion.train.recipe import Course, OwnRecipe, require_torch

    screen = stdout()
    if system == "list":
        for name in sorted(RECIPES):
            screen.print(name)
        return
    recipe: Any = find_recipe(system)  # with the hooks that `Recipe` leaves to each
    if source is not None:
        if not hasattr(recipe, "source"):
            raise InputError(f"--source is for or-face-selfsup: {system} learns from DATA alone")
        recipe.source = source
    if hasattr(recipe, "research_only"):
        recipe.research_only = research
    if isinstance(recipe, OwnRecipe):
        _of_its_own(recipe, data, out, Course(minutes, seed, threads))
        return
    if data is None and not hasattr(recipe, "renders"):
        raise InputError("name the labelled pictures: nasion train SYSTEM DATA")
    if out.suffix.lower() != ".onnx":
        raise InputError(f"--out {out}: models are written as .onnx")
    require_torch()
    prepare_output(out)  # now, not after the training
    load = getattr(recipe, "load", lambda path, px: load_folder(path, size=px))
    side: int = getattr(recipe, "size", 96) if size is None else size
    faces = load(data, side)
    if hasattr(recipe, "adapt"):
        faces = recipe.adapt(faces)
    for line in faces.skipped:
        complain(f"left out: {line}")
    learn, held = split(faces, seed=seed, by=by)
    screen.print(
        f"{system}: {len(learn)} faces to learn from, {len(held)} held out, {faces.scheme.name}, {minutes:g} minutes"
    )
    with progress_bar() as bar:
        task = bar.add_task(system, total=1000)

        def show(done: float, terms: dict[str, float]) -> None:
            bar.update(task, completed=round(1000 * done), description=f"{system} loss {sum(terms.values()):.4f}")

        strength = getattr(recipe, "strength", 1.0)
        trained = fit(
            recipe, learn, minutes=minutes, seed=seed, threads=threads, strength=strength, report=show,
            checkpoint=resume,
        )  # fmt: skip
    if hasattr(recipe, "finish"):
        line, size_of, path = recipe.finish(trained.model, held), "", recipe.export(trained.model, out)
    else:
        scores = evaluate(recipe, trained.model, held)
        inner = "" if scores.inner is None else f", inner 51 {100 * scores.inner:.2f} %"
        line = f"held-out NME {100 * scores.nme:.2f} %{inner}, failures above 8 %: {100 * scores.failures:.0f} %"
        if hasattr(recipe, "export"):
            path, size_of = recipe.export(trained.model, out), ""
        else:
            made = export_onnx(recipe, trained.model, out, scheme=faces.scheme, size=side, scores=scores)
            path, size_of = made.path, f", {made.parameters / 1e6:.2f} M parameters"
    screen.print(f"{line}; {trained.steps} steps{size_of}")
    usage = getattr(recipe, "usage", "analyze PHOTO --landmarker")
    screen.print(f"wrote {path}; try: nasion {usage} {path}")
    if faces.skipped:
        raise typer.Exit(FAILED)


def _of_its_own(recipe: OwnRecipe, data: Path | None, out: Path, course: Course) -> None:
    """A system that learns from something else than pictures of faces."""
    from nasion.cli.screen import progress_bar, stdout
    from nasion.core import InputError
    from nasion.media.paths import prepare_output
    from nasion.train.recipe import require_torch

    if out.suffix.lower() != ".onnx":
        raise InputError(f"--out {out}: models are written as .onnx")
    require_torch()
    prepare_output(out)
    with progress_bar() as bar:
        task = bar.add_task(recipe.name, total=1000)

        def show(done: float, terms: dict[str, float]) -> None:
            bar.update(task, completed=round(1000 * done), description=f"{recipe.name} loss {sum(terms.values()):.4f}")

        lines = recipe.make(data, out, replace(course, report=show))
    skipped = getattr(recipe, "skipped", ())
    for line in skipped:
        complain(f"left out: {line}")
    for line in lines:
        stdout().print(line, soft_wrap=True)
    if skipped:
        raise typer.Exit(FAILED)
