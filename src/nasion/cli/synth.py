"""``nasion synth``: faces with exact truth, rendered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasion.cli.imitate import imitate_command
from nasion.cli.synth_fit import fit_command
from nasion.core.errors import InputError

if TYPE_CHECKING:
    from nasion.cli.interrupt import Interruption
    from nasion.pipeline.synthesis import SynthWriter
    from nasion.synth.model import HeadModel
    from nasion.synth.sampling import SceneOptions

synth_app = typer.Typer(no_args_is_help=True)
synth_app.command("fit")(fit_command)
synth_app.command("imitate")(imitate_command)

MAX_FACES = 1_000_000


@synth_app.callback(invoke_without_command=True)
def synth_command(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="DIR", help="Where everything is written.")] = None,
    n: Annotated[int, typer.Option("--n", "-n", metavar="N", help="Pictures, or clips with --video.")] = 16,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same bytes.")] = 0,
    size: Annotated[str, typer.Option(metavar="PX", help="256, or 320x240: 16..4096 px a side.")] = "256",
    yaw: Annotated[str, typer.Option(metavar="A:B", help="Degrees; one number fixes it.")] = "-40:40",
    pitch: Annotated[str, typer.Option(metavar="A:B", help="Degrees.")] = "-20:20",
    roll: Annotated[str, typer.Option(metavar="A:B", help="Degrees.")] = "-15:15",
    tone: Annotated[str, typer.Option(metavar="A:B", help="Skin tone on the Monk scale, 1..10.")] = "1:10",
    fill: Annotated[str, typer.Option(metavar="A:B", help="Face height over picture height.")] = "0.5:0.72",
    expression: Annotated[
        str | None, typer.Option(metavar="NAME", help="happy, sad, angry, ... or random; default: mostly neutral.")
    ] = None,
    light: Annotated[str, typer.Option(metavar="NAME", help="studio, window, sun, ... or random.")] = "random",
    background: Annotated[str, typer.Option(metavar="NAME", help="plain, indoor, ... or random.")] = "random",
    occlude: Annotated[float, typer.Option(metavar="P", help="Probability that something hides part of a face.")] = 0.0,
    occluder: Annotated[
        str, typer.Option(metavar="NAME", help="hand, mask, glasses, sunglasses, bar, hair, noise or random.")
    ] = "random",
    degrade: Annotated[float, typer.Option(metavar="P", help="Probability of blur, noise, compression.")] = 0.3,
    stereo: Annotated[
        float | None, typer.Option(metavar="MM", help="Also the view of a camera this far to the right.")
    ] = None,
    maps: Annotated[bool, typer.Option("--maps", help="Also write depth, normals, albedo, regions, masks.")] = False,
    video: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Clips instead of pictures: blink, drowsy, saccade, nod, speech, expression."),
    ] = None,
    seconds: Annotated[float, typer.Option(metavar="S", help="Length of a clip.")] = 3.0,
    fps: Annotated[float, typer.Option(metavar="F", help="Frames per second of a clip.")] = 30.0,
    events: Annotated[bool, typer.Option("--events", help="With --video: also the events of an event camera.")] = False,
) -> None:
    """Render faces of nobody, with pose, points, visibility, gaze, lids, action units and light known exactly.

    Writes pictures (or clips), truth.parquet with a row per picture or frame, and contact.png into DIR.
    """
    if context.invoked_subcommand is not None:
        return
    from nasion.synth.sampling import SceneOptions

    if out is None:
        raise InputError("say where the faces go: --out DIR")
    if not 1 <= n <= MAX_FACES:
        raise InputError(f"--n must be 1..{MAX_FACES}, got {n}")
    if seed < 0:
        raise InputError(f"--seed must be 0 or more, got {seed}")
    if video is None and events:
        raise InputError("--events needs motion: add --video blink, or another script")
    if video is not None and (stereo is not None or maps):
        raise InputError("--stereo and --maps are for pictures: leave them or --video out")
    options = SceneOptions(
        yaw=_range("yaw", yaw), pitch=_range("pitch", pitch), roll=_range("roll", roll), tone=_range("tone", tone),
        fill=_range("fill", fill), size=_size(size), expression=expression, light=light, background=background,
        occlude=occlude, occluder=occluder, degrade=degrade,
    )  # fmt: skip
    _run(out, n, seed, options, stereo, maps, video, seconds, fps, events)


def _run(
    out: Path, n: int, seed: int, options: SceneOptions, stereo_mm: float | None, maps: bool,
    video: str | None, seconds: float, fps: float, with_events: bool,
) -> None:  # fmt: skip
    from nasion.cli.errors import complain
    from nasion.cli.interrupt import interruptible
    from nasion.cli.screen import progress_bar, stdout
    from nasion.pipeline.synthesis import SynthWriter
    from nasion.synth.model import HeadModel

    model = HeadModel.load()
    with SynthWriter(out) as writer, interruptible() as asked:
        with progress_bar() as bar:
            if video is None:
                _pictures(writer, model, n, seed, options, stereo_mm, maps, bar, asked)
            else:
                _clips(out, writer, model, n, seed, options, video, seconds, fps, with_events, bar, asked)
        written = writer.close()
    screen = stdout()
    what = "frame" if video else "picture"
    screen.print(f"{writer.count} {what}{'' if writer.count == 1 else 's'}, seed {seed}, in {out}", soft_wrap=True)
    for path in written:
        screen.print(f"wrote {path}", soft_wrap=True)
    if asked:
        complain(f"interrupted after {writer.count} {what}s; all of them are written")
        raise typer.Exit(asked.exit_code)


def _pictures(
    writer: SynthWriter, model: HeadModel, n: int, seed: int, options: SceneOptions, stereo_mm: float | None,
    maps: bool, bar: Any, asked: Interruption,
) -> None:  # fmt: skip
    import numpy as np

    from nasion.synth.sampling import sample_scene, stereo
    from nasion.synth.scene import render_scene

    digits = len(str(n - 1))
    for number in bar.track(range(n), description="rendering"):
        scene = sample_scene(np.random.default_rng((seed, number)), options)
        name = f"{number:0{digits}d}"
        if stereo_mm is None:
            writer.add_picture(render_scene(scene, model), name, maps=maps)
        else:
            for view, seen in zip(("left", "right"), stereo(scene, stereo_mm), strict=True):
                writer.add_picture(render_scene(seen, model), f"{name}_{view}", view=view, maps=maps)
        if asked:
            return


def _clips(
    out: Path, writer: SynthWriter, model: HeadModel, n: int, seed: int, options: SceneOptions, scripts: str,
    seconds: float, fps: float, with_events: bool, bar: Any, asked: Interruption,
) -> None:  # fmt: skip
    from dataclasses import replace

    import numpy as np

    from nasion.media import VideoWriter
    from nasion.synth.events import EventCamera, write_events
    from nasion.synth.motion import motion
    from nasion.synth.sampling import sample_scene
    from nasion.synth.scene import render_scene

    digits = len(str(n - 1))
    calm = replace(options, expression=options.expression or "neutral")
    shown = calm.expression if calm.expression not in ("neutral", "random", None) else "happy"
    if "expression" in scripts:
        calm = replace(calm, expression="neutral")
    motion(scripts, seconds, fps, np.random.default_rng(0), shown=shown or "happy")  # complain before any work
    task = bar.add_task("rendering", total=n * max(1, round(seconds * fps)))
    for number in range(n):
        rng = np.random.default_rng((seed, number))
        base = sample_scene(rng, calm)
        moved = motion(scripts, seconds, fps, rng, base=base, shown=shown or "happy")
        file = f"{number:0{digits}d}.mp4"
        sensor, found = EventCamera(seed=seed + number), []
        with VideoWriter(out / file, fps) as clip:
            for frame, scene in enumerate(moved.scenes(base)):
                sample = render_scene(scene, model)
                time_s = float(moved.time_s[frame])
                clip.write(sample.image, time_s)
                phases = {script: labels[frame] for script, labels in moved.phase.items()}
                shown_frame = frame % max(1, len(moved) // 8) == 0
                writer.add_row(sample, file, time_s=time_s, phases=phases, shown=shown_frame)
                if with_events:
                    light = sample.render.linear @ np.array([0.2126, 0.7152, 0.0722], np.float32)
                    found.append(sensor.feed(light, round(time_s * 1e6)))
                bar.advance(task)
                if asked:
                    break
        if with_events:
            write_events(out / f"{number:0{digits}d}_events.npz", np.concatenate(found), options.size)
        writer.add_motion(file, moved.events)
        if asked:
            return


def _range(name: str, text: str) -> tuple[float, float]:
    """``"-60:60"`` or ``"20"`` to a pair of numbers."""
    low, _, high = text.partition(":")
    try:
        return float(low), float(high or low)
    except ValueError:
        raise InputError(f"--{name} must be a number or a range such as -60:60, got {text!r}") from None


def _size(text: str) -> tuple[int, int]:
    """``"256"`` or ``"320x240"`` to width and height."""
    width, _, height = text.lower().partition("x")
    try:
        return int(width), int(height or width)
    except ValueError:
        raise InputError(f"--size must be like 256 or 320x240, got {text!r}") from None
