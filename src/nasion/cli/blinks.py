"""``nasion blinks``: who blinks when, by the network that looks at clips, or by landmarks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasion.cli import options

if TYPE_CHECKING:
    from nasion.eyes.instblink import BlinkClip
    from nasion.media import Frame


def blinks_command(
    source: Annotated[str, typer.Argument(metavar="CLIP", help="A video file.")],
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Network of `nasion train mpeblink-instblink`; default: landmarks and lids."),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Blink score from which a frame is part of a blink.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the people as MPEblink's results, .json.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Find everybody's blinks in an untrimmed video.

    Without --model: followed faces, eyelid angle. With it: the network alone, no landmarks and no tracker.
    """
    import json as encoder

    from nasion.cli.screen import stdout
    from nasion.core import InputError
    from nasion.eyes.instblink import BlinkNetwork
    from nasion.eyes.mpeblink import write_mpeblink
    from nasion.media import open_video
    from nasion.media.paths import prepare_output

    if out is not None and prepare_output(out).suffix.lower() != ".json":
        raise InputError(f"--out {out}: MPEblink's results are .json")
    if threshold is not None and model is None:
        raise InputError("--threshold is of the network's scores: name the network with --model")
    with open_video(source) as video:
        if model is not None:
            network = BlinkNetwork(model, threshold=threshold)
            clip = network((frame.image, frame.time_s) for frame in video)
        else:
            clip = _by_landmarks(video)
    step = float((clip.time_s[-1] - clip.time_s[0]) / max(len(clip.time_s) - 1, 1)) if len(clip.time_s) else 0.0
    for number, person in enumerate(clip.people):
        for (first, end), score in zip(person.blinks.astype(int).tolist(), person.blink_scores, strict=True):
            row = {
                "person": number, "start_s": round(float(clip.time_s[first]), 3),
                "end_s": round(float(clip.time_s[end - 1]) + step, 3), "score": round(float(score), 3),
            }  # fmt: skip
            if json:
                typer.echo(encoder.dumps(row))
            else:
                typer.echo(f"person {number}  {row['start_s']:8.2f} - {row['end_s']:.2f} s  score {score:.2f}")
    if not json:
        count = sum(len(person.blinks) for person in clip.people)
        stdout().print(f"{len(clip.people)} people, {count} blinks in {len(clip.time_s)} frames")
    if out is not None:
        write_mpeblink(out, {1: clip.people})
        if not json:
            stdout().print(f"wrote {out}")


def _by_landmarks(video: object) -> BlinkClip:
    from collections.abc import Iterable
    from typing import cast

    from nasion.eyes.instblink import BlinkClip
    from nasion.pipeline import Analyzer, run_video
    from nasion.pipeline.clip import ClipReader, split_tasks

    tasks, whole = split_tasks(("blinks",))
    analyzer, reader = Analyzer(tasks, mode="video", smooth=False), ClipReader(whole)
    for frame, faces in run_video(cast("Iterable[Frame]", video), analyzer):
        reader.add(faces, frame.time_s)
    report = reader.finish()
    return BlinkClip(report.frame_times, tuple(report.blink_tracks()), ())
