"""``nasion synth imitate``: the synthetic head shows the expression of a photo or a clip."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasion.core.errors import InputError, MediaError

if TYPE_CHECKING:
    from nasion.core import Face, FloatArray, ImageArray
    from nasion.expression.imitation import Imitation, RobotFace
    from nasion.media import Frame
    from nasion.pipeline import Analyzer
    from nasion.synth.scene import Scene

BABBLE = 800  # commands the target is tried with


def imitate_command(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A picture or a video with one face.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where everything is written.")],
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Network of `nasion train pengrui-expression-imitation`.")
    ] = None,
    rest: Annotated[
        str | None, typer.Option(metavar="PHOTO", help="The same person at rest; of a clip, the median is taken.")
    ] = None,
    target: Annotated[int, typer.Option(min=0, metavar="N", help="Who imitates: a person of nobody by number.")] = 1,
    faults: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Give the target a robot's motors with faults, by number.")
    ] = None,
    size: Annotated[int, typer.Option(min=96, max=1024, metavar="PX", help="Side of the rendered pictures.")] = 256,
) -> None:
    """Copy an expression onto a head of another shape; writes commands.csv, arkit.csv and a picture or a video.

    Without --model, person and expression are told apart by the head model's own linear bases.
    """
    import numpy as np

    from nasion.cli.screen import progress_bar, stdout
    from nasion.expression.imitation import (
        Decoupler,
        Imitator,
        LinearDecoupler,
        RobotFace,
        calibrate,
        shape_of,
        to_arkit,
    )
    from nasion.media.paths import prepare_output
    from nasion.pipeline import Analyzer
    from nasion.synth.sampling import sample_head

    prepare_output(out / "commands.csv")
    decoupler = Decoupler(model) if model else LinearDecoupler()
    analyzer = Analyzer(("landmarks",), mode="image")
    frames = _frames(source)
    shapes, kept = [], []
    with progress_bar() as bar:
        task = bar.add_task("looking", total=None)
        for frame in frames:
            face = _largest(analyzer, frame.image)
            bar.advance(task)
            if face is not None:
                shapes.append(shape_of(face.landmarks))
                kept.append((frame, face))
    if not kept:
        raise InputError(f"{source}: no face was found, so there is nothing to imitate")
    head = sample_head(np.random.default_rng(target))
    robot = RobotFace.ideal(head) if faults is None else RobotFace.drawn(faults, head)
    actuators = calibrate(lambda c: decoupler.codes(robot.shapes(c)), robot.names, samples=BABBLE)
    imitator = Imitator(decoupler, actuators)
    if rest is not None:
        calm = _largest(analyzer, next(iter(_frames(rest))).image)
        if calm is None:
            raise InputError(f"--rest {rest}: no face was found")
        imitator.meet(shape_of(calm.landmarks)[None])
    elif len(kept) > 1:
        imitator.meet(np.stack(shapes))
    moving = len(kept) > 1
    shown = [imitator(shape, f.time_s if moving else None) for shape, (f, _) in zip(shapes, kept, strict=True)]
    units = [robot.posed(imitation.commands).expression for imitation in shown]
    _write_csv(out / "commands.csv", kept, shown, [dict(zip(robot.names, i.commands, strict=True)) for i in shown])
    arkit = [to_arkit({u: p if isinstance(p, tuple) else (p, p) for u, p in one.items()}) for one in units]
    _write_csv(out / "arkit.csv", kept, shown, arkit)
    made = _draw(out, kept, shown, robot, size)
    screen, first = stdout(), shown[-1]
    strongest = sorted(zip(robot.names, first.commands, strict=True), key=lambda pair: -pair[1])[:6]
    if not moving:
        told = ", ".join(f"{name} {value:.2f}" for name, value in strongest if value >= 0.05) or "all at rest"
        screen.print(f"{told}; {100 * first.missed:.0f} % of the expression cannot be shown")
    for path in (out / "commands.csv", out / "arkit.csv", made):
        screen.print(f"wrote {path}", soft_wrap=True)


def _frames(source: str) -> list[Frame]:
    """A picture as a clip of one frame, or the frames of a clip."""
    from nasion.media import Frame, find_sources, open_video, read_image

    found = find_sources([source])
    if len(found) != 1 or found[0].error:
        raise MediaError(found[0].error if found else f"{source} is neither a picture nor a video")
    if found[0].kind == "image":
        return [Frame(read_image(source), 0, 0.0)]
    with open_video(source) as video:
        return list(video)


def _largest(analyzer: Analyzer, image: ImageArray) -> Face | None:
    return max(analyzer(image), key=lambda face: face.box.area, default=None)


def _write_csv(
    path: Path, kept: list[tuple[Frame, Face]], shown: list[Imitation], columns: list[dict[str, float]]
) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as stream:
            rows = csv.writer(stream)
            rows.writerow(["frame", "time_s", "missed", *columns[0]])
            for (frame, _), imitation, values in zip(kept, shown, columns, strict=True):
                front = [frame.index, f"{frame.time_s:.4f}", f"{imitation.missed:.3f}"]
                rows.writerow([*front, *(f"{value:.4f}" for value in values.values())])
    except OSError as error:
        raise MediaError(f"cannot write {path}: {error.strerror or error}") from error


def _draw(out: Path, kept: list[tuple[Frame, Face]], shown: list[Imitation], robot: RobotFace, size: int) -> Path:
    """The source's face beside the target's, as a picture or a video."""
    import numpy as np

    from nasion.cli.screen import progress_bar
    from nasion.media import VideoWriter, write_image
    from nasion.synth.model import HeadModel
    from nasion.synth.scene import render_scene

    model = HeadModel.load()

    def beside(frame: Frame, face: Face, commands: FloatArray) -> ImageArray:
        rendered = render_scene(scene_of(robot, commands, size), model).image
        return np.concatenate([_crop(frame.image, face, size), rendered], axis=1)

    if len(kept) == 1:
        write_image(out / "imitation.png", beside(*kept[0], shown[0].commands))
        return out / "imitation.png"
    times = [frame.time_s for frame, _ in kept]
    with ExitStack() as opened:
        clip = opened.enter_context(VideoWriter(out / "imitation.mp4", 1 / max(float(np.median(np.diff(times))), 1e-3)))
        bar = opened.enter_context(progress_bar())
        for (frame, face), imitation in bar.track(list(zip(kept, shown, strict=True)), description="rendering"):
            clip.write(beside(frame, face, imitation.commands), frame.time_s - times[0])
    return out / "imitation.mp4"


def scene_of(robot: RobotFace, commands: FloatArray, size: int) -> Scene:
    """The target under commands, as a portrait."""
    from nasion.synth.scene import Scene, place, portrait

    camera, away = portrait((size, size), fill=0.6)
    return Scene(robot.posed(commands), place(0, 0, 0, (0.0, 0.0, away)), camera, (size, size))


def _crop(image: ImageArray, face: Face, size: int) -> ImageArray:
    """The face, upright, as large as the rendered one."""
    from nasion.landmark.view import cut, view_matrix

    return cut(image, view_matrix(face.landmarks, size), size)
