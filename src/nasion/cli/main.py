"""``nasion``: the verbs, put together. A verb is imported when it is used, so that help comes at once."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer

from nasion import __version__
from nasion.cli.errors import NasionGroup

VERBS = {  # name: where it is, and the first line of its help
    "analyze": (
        "analyze:analyze_command",
        "Find faces in pictures, place their points and read them: one row per face.",
    ),
    "video": ("video:video_command", "Follow the faces of a video: one row per face and frame."),
    "parse": ("parse:parse_command", "Label skin, brows, eyes, nose, lips, mouth and hair of every face in pictures."),
    "blinks": ("blinks:blinks_command", "Find everybody's blinks in an untrimmed video."),
    "live": ("live:live_command", "Follow the faces before a camera until Ctrl-C."),
    "studio": (
        "studio:studio_command",
        "Serve the studio until Ctrl-C: landmarks, blinks and gaze live in a page of this machine.",
    ),
    "events": ("events:events_command", "Turn events into surfaces with locally adaptive decay (LADS)."),
    "gaze": ("gaze:gaze_app", "Where people look: on a screen after a calibration, in a photo, at a photo."),
    "identity": (
        "identity:identity_app",
        "Enrol people so that `nasion assist` says their names; list, delete, calibrate. Nothing leaves the machine.",
    ),
    "assist": (
        "assist:assist_command",
        "Say who is where and how far: people of `nasion identity` by name, all others as unknown.",
    ),
    "synth": (
        "synth:synth_app",
        "Render faces of nobody, with pose, points, visibility, gaze, lids, action units and light known exactly.",
    ),
    "demo": ("demo:demo_command", "Analyse two photos that come with the extra `demo`."),
    "train": ("train:train_command", "Train a landmark model on labelled pictures and write it as ONNX."),
    "models": ("models:models_app", "The weights nasion knows: list, pull, verify."),
    "systems": ("systems:systems_command", "List the published systems and how far nasion reproduces each."),
    "state": (
        "state:state_command",
        "Read clips with a binary-state network of your own: research only, not for enforcement.",
    ),
    "audit": ("audit:audit_app", "Audit nasion's own models on labelled pictures of your own."),
    "landmark": ("landmark:landmark_app", "Work with landmark layouts and single points."),
    "bench": ("bench:bench_app", "Measure accuracy, speed and memory on labelled pictures, beside other systems."),
}


class Verbs(NasionGroup):
    """A group whose commands are place-holders for their help until one of them is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in VERBS:
            self.commands[args[0]] = load_verb(args[0])
        return super().resolve_command(ctx, args)


def load_verb(name: str) -> Any:
    """The real command called ``name``, its module imported."""
    module, _, attribute = VERBS[name][0].partition(":")
    found = getattr(import_module(f"nasion.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        holder = typer.Typer(add_completion=False)
        holder.command(name)(found)
        found = holder
    command = typer.main.get_command(found)
    command.name = name
    return command


app = typer.Typer(
    name="nasion",
    cls=Verbs,
    help="Faces in photos and video: where they are, their points, and how far to trust each number.",
    epilog="Exit codes: 0 done; 1 some inputs failed, each named on stderr; 2 bad usage; 130 interrupted.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nasion {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Nothing of its own: the verbs do the work."""


def _place_holder() -> None:
    """Never runs: `Verbs` puts the real command in its place."""


for _name, (_, _line) in VERBS.items():
    app.command(_name, help=_line)(_place_holder)
