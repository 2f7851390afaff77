"""``nasion gaze``: calibrate on a recorded session, read where on the screen somebody looks, train the networks."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from nasion.cli.errors import NasionGroup
from nasion.cli.look import add_commands

if TYPE_CHECKING:
    from nasion.core import Camera
    from nasion.gaze import Accuracy, Screen
    from nasion.pipeline.recording import RecordedFrame

gaze_app = typer.Typer(
    name="gaze",
    cls=NasionGroup,
    add_completion=False,
    no_args_is_help=True,
    help="Where people look: on a screen after a calibration, in a photo, at a photo. Directions: analyze --tasks gaze",
)

Source: TypeAlias = Annotated[Path, typer.Argument(metavar="SOURCE", help="A folder of pictures, or a video.")]
Targets: TypeAlias = Annotated[
    Path,
    typer.Argument(metavar="TARGETS", help="CSV: file (or frame), x, y; fractions of the screen from its upper left."),
]
FieldOfView: TypeAlias = Annotated[
    float, typer.Option(min=10, max=170, metavar="DEG", help="Of the camera, over the longer side of its picture.")
]


add_commands(gaze_app)  # what has to do with looking at pictures


@gaze_app.callback()
def _gaze() -> None:
    """Nothing of its own: the sub-verbs do the work."""


@gaze_app.command("calibrate")
def calibrate_command(
    source: Source,
    targets: Targets,
    screen: Annotated[str, typer.Option(metavar="WxH", help="Width and height of the lit screen, mm.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The calibration, .npz.")] = Path(
        "calibration.npz"
    ),
    camera_above: Annotated[
        float, typer.Option(metavar="MM", help="How far the camera is above the screen's upper edge.")
    ] = 5.0,
    camera_at: Annotated[
        float, typer.Option(min=-1, max=2, metavar="X", help="Where along the width the camera is: 0 left, 1 right.")
    ] = 0.5,
    field_of_view: FieldOfView = 60.0,
) -> None:
    """Fit a person's correction to frames on which it is known where they looked.

    It is chosen by leaving out one target after the other; one that does no better than none is not applied.
    """
    from nasion.cli.screen import stdout
    from nasion.gaze import GazeSession
    from nasion.media.paths import prepare_output

    prepare_output(out)
    frames, camera = _frames(source, targets, field_of_view)
    session = GazeSession(_screen(screen, camera_at, camera_above), camera)
    session.calibrate([f.face for f in frames], [f.target for f in frames])  # type: ignore[arg-type]  # becomes an array
    correction = session.correction
    assert correction is not None, "calibrate sets it"
    session.save(out)
    words = ", ".join(f"{name} {57.29578 * value:.2f}" for name, value in correction.left_out.items())
    console = stdout()
    console.print(f"{len(frames)} frames; correction: {correction.kind}")
    if words:
        console.print(f"root mean square error on targets left out, degrees: {words}")
    console.print(f"wrote {out}; try: nasion gaze look SOURCE --calibration {out}")


@gaze_app.command("look")
def look_command(
    source: Source,
    calibration: Annotated[
        Path, typer.Option("--calibration", "-c", metavar="FILE", help="What `nasion gaze calibrate` wrote.")
    ],
    targets: Annotated[
        Path | None, typer.Option(metavar="CSV", help="What was looked at: prints how far off the looks are.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write a row a frame, .csv.")] = None,
    pixels: Annotated[str | None, typer.Option(metavar="WxH", help="The screen in px, for errors in px too.")] = None,
    smooth: Annotated[bool, typer.Option(help="Of a video: steady the points between jumps of the eyes.")] = True,
    field_of_view: FieldOfView = 60.0,
) -> None:
    """Read where on the screen somebody looks, frame by frame; with --targets, how far off that is."""
    import csv
    from dataclasses import asdict, replace

    import numpy as np

    from nasion.cli.screen import stdout
    from nasion.core import InputError
    from nasion.gaze import GazeSession, RegardSmoother
    from nasion.media.paths import prepare_output

    if out is not None and prepare_output(out).suffix.lower() != ".csv":
        raise InputError(f"--out {out}: points of regard are written as .csv")
    session = GazeSession.load(calibration)
    frames, camera = _frames(source, targets, field_of_view)
    if camera != session.camera:
        raise InputError(f"{calibration} was made with pictures of another size or another --field-of-view")
    regards = session.look([frame.face for frame in frames])
    if smooth and frames and frames[0].time_s is not None:
        distance = [frame.face.pose.translation[2] for frame in frames if frame.face is not None]
        filtered = RegardSmoother(float(np.radians(session.error_deg) * np.median(distance)) if distance else 1.0)
        size = session.screen.size
        for i, (frame, regard) in enumerate(zip(frames, regards, strict=True)):
            x, y = filtered(np.array([regard.x_mm, regard.y_mm]), frame.time_s or 0.0).tolist()
            regards[i] = replace(regard, x=x / size[0], y=y / size[1], x_mm=x, y_mm=y)
    console = stdout()
    seen = [r for r in regards if np.isfinite(r.x)]
    console.print(f"{len(frames)} frames, {len(seen)} with a look at the screen's plane")
    if targets is not None:
        known = [f for f in frames if np.isfinite(f.target).all()]
        accuracy = session.accuracy([f.face for f in known], np.stack([f.target for f in known]), _pair(pixels))
        console.print(_words(accuracy))
    if out is not None:
        with out.open("w", newline="", encoding="utf-8") as stream:
            rows = csv.writer(stream)
            rows.writerow(["frame", "time_s", *asdict(regards[0])])
            for frame, regard in zip(frames, regards, strict=True):
                rows.writerow([frame.name, frame.time_s, *asdict(regard).values()])
        console.print(f"wrote {out}")


class Network(StrEnum):
    """What can be trained."""

    landmark_gaze = "landmark-gaze"
    emc_gaze = "emc-gaze"
    one_eye_gaze = "one-eye-gaze"


USUAL_COUNT = {Network.landmark_gaze: 1400, Network.emc_gaze: 1400, Network.one_eye_gaze: 150}


@gaze_app.command("train")
def train_command(
    system: Annotated[Network, typer.Argument(metavar="SYSTEM", help="landmark-gaze, emc-gaze or one-eye-gaze.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The network to write, .onnx.")],
    minutes: Annotated[float, typer.Option(min=0.01, help="CPU minutes of training.")] = 5.0,
    residuals: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Measured errors of the points that the network reads; made first when missing (2 minutes). "
            "[default: SYSTEM-residuals.npz; one-eye-gaze uses none]",
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            min=5, metavar="N", help="People (emc-gaze: sessions) to draw. [default: 1400; one-eye-gaze 150, 3 minutes]"
        ),
    ] = None,
    eyes: Annotated[int, typer.Option(min=1, max=2, help="one-eye-gaze: how many eyes the networks look at.")] = 1,
    encoders: Annotated[
        str, typer.Option(metavar="A,B", help="one-eye-gaze: whose ensemble; resnet takes six times as long a step.")
    ] = "plain,inception,inception-resnet,resnet",
    seed: Annotated[int, typer.Option(min=0, help="Of the people, weights and batches.")] = 0,
) -> None:
    """Train a gaze network on the synthetic head. No pictures are needed.

    Networks that read points learn from them as the embedded models place them, with their measured errors.
    """
    from nasion.cli.screen import progress_bar, stdout
    from nasion.core import InputError
    from nasion.media.paths import prepare_output
    from nasion.train.gaze_noise import Residuals, measure_residuals
    from nasion.train.recipe import require_torch

    if out.suffix.lower() != ".onnx":
        raise InputError(f"--out {out}: networks are written as .onnx")
    prepare_output(out)
    require_torch()
    console, people = stdout(), count or USUAL_COUNT[system]
    if system is Network.one_eye_gaze:
        console.print(_train_one_eye(out, minutes, people, eyes, tuple(encoders.split(",")), seed))
        return
    errors = residuals or Path(f"{system.value}-residuals.npz")
    if not errors.exists():
        console.print("measuring the landmarker's errors on rendered heads")
        measure_residuals(step="eye_points" if system is Network.landmark_gaze else "landmarks").save(errors)
    measured, held = Residuals.load(errors), max(people // 12, 5)
    with progress_bar() as bar:
        task = bar.add_task(system.value, total=1000)

        def show(done: float, _: object) -> None:
            bar.update(task, completed=1000 * done)

        if system is Network.landmark_gaze:
            from nasion.train.landmark_gaze import make_set, train_gaze

            trained = train_gaze(make_set(measured, people, seed), minutes=minutes, seed=seed, held=held, report=show)
            found = f"mean error on people held out {trained.error:.2f} degrees"
            trained.export(out)
        else:
            from nasion.train.emc_gaze import train_encoder
            from nasion.train.emc_sessions import draw_sessions

            encoder = train_encoder(draw_sessions(measured, people, seed), minutes, seed=seed, held=held, report=show)
            found = (
                f"mean error on sessions held out {encoder.uncalibrated:.2f} degrees, "
                f"{encoder.calibrated:.2f} after nine looks"
            )
            encoder.export(out)
    console.print(f"{system.value}: {found}")
    console.print(f"wrote {out}")


def _train_one_eye(out: Path, minutes: float, people: int, eyes: int, encoders: tuple[str, ...], seed: int) -> str:
    """Render people, train the ensemble, write it; returns what to say."""
    import numpy as np

    from nasion.cli.screen import progress_bar
    from nasion.gaze import OneEyeGaze
    from nasion.train.one_eye_gaze import DOTS, read, train_one_eye
    from nasion.train.one_eye_scenes import draw_phone_set

    with progress_bar() as bar:
        task = bar.add_task("rendering people", total=1000)
        data = draw_phone_set(people, DOTS, seed=seed, report=lambda done: bar.update(task, completed=1000 * done))
        held = data.person >= people - max(people // 12, 1)
        learn, test = data.part(~held), data.part(held)
        task = bar.add_task("one-eye-gaze", total=1000)

        def show(done: float, _: float) -> None:
            bar.update(task, completed=1000 * done)

        train_one_eye(learn, eyes, minutes, names=encoders, seed=seed, report=show).export(out)
    off = np.linalg.norm(read(OneEyeGaze(out), test).point - test.target, axis=1).mean()
    centre = np.linalg.norm(learn.target.mean(axis=0) - test.target, axis=1).mean()
    return (
        f"one-eye-gaze: mean error on people held out {off:.2f} cm; always the middle of the screens: {centre:.2f}\n"
        f"wrote {out}"
    )


def _frames(source: Path, targets: Path | None, field_of_view: float) -> tuple[list[RecordedFrame], Camera]:
    from nasion.core import InputError
    from nasion.pipeline.recording import read_recording, read_targets

    known = None if targets is None else read_targets(targets)
    rows = list(read_recording(source, known, field_of_view))
    if len({camera for _, camera in rows}) > 1:
        raise InputError(f"the pictures in {source} are of several sizes: one session has one camera")
    if not rows:
        raise InputError(f"{source} holds no frames")
    if known is not None and not source.is_dir():
        rows = [row for row in rows if row[0].name in known]
    return [frame for frame, _ in rows], rows[0][1]


def _screen(size: str, camera_at: float, camera_above: float) -> Screen:
    from nasion.core import InputError
    from nasion.gaze import Screen

    try:
        width, height = (float(part) for part in size.lower().split("x"))
    except ValueError:
        raise InputError(f"--screen {size}: give width and height in mm, such as 344x194") from None
    return Screen(width, height, camera_at, camera_above)


def _pair(text: str | None) -> tuple[int, int] | None:
    from nasion.core import InputError

    if text is None:
        return None
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise InputError(f"--pixels {text}: give width and height, such as 1920x1080") from None
    return width, height


def _words(accuracy: Accuracy) -> str:
    px = "" if accuracy.mean_px is None else f", {accuracy.mean_px:.0f} px"
    return (
        f"off by {accuracy.mean_mm / 10:.2f} cm ({accuracy.x_mm / 10:.2f} across, {accuracy.y_mm / 10:.2f} down), "
        f"{accuracy.mean_deg:.2f} degrees{px}; half of {accuracy.frames} looks within {accuracy.median_mm / 10:.2f} cm"
    )
