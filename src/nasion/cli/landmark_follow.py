"""``nasion landmark follow`` and ``score``: points of the user's own through a clip, and how good that was."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nasion.cli import options

if TYPE_CHECKING:
    from nasion.core import FloatArray, ImageArray
    from nasion.track import PointFrame

TRAIL = 15  # frames of a point's way that are drawn behind it


def follow_command(
    source: Annotated[str, typer.Argument(metavar="CLIP", help="A video file.")],
    points: Annotated[
        Path | None,
        typer.Argument(metavar="POINTS", help="CSV with x, y (px in the first frame), name if you like; else pores."),
    ] = None,
    by: Annotated[
        Literal["both", "flow", "mesh"],
        typer.Option(help="By texture and landmarks, by texture alone, or carried by the landmarks alone."),
    ] = "both",
    pores: Annotated[int, typer.Option(min=1, metavar="N", help="Without POINTS: follow the N clearest pores.")] = 100,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the paths: .json or .csv.")
    ] = None,
    draw: Annotated[Path | None, typer.Option(metavar="FILE", help="Write an annotated .mp4, .mov or .mkv.")] = None,
    start: Annotated[float, typer.Option(min=0, metavar="S", help="The points are of the frame at this second.")] = 0.0,
    stop: Annotated[float | None, typer.Option(min=0, metavar="S", help="End before this second.")] = None,
    json: options.Json = False,
) -> None:
    """Follow points through a clip: where each was in every frame, and whether its texture was found again."""
    from json import dumps

    from nasion.cli.point_files import read_points_csv
    from nasion.cli.screen import progress_bar, stderr, stdout
    from nasion.media import VideoWriter, open_video
    from nasion.media.paths import prepare_output
    from nasion.media.trajectory_files import write_trajectories
    from nasion.pipeline.follow import Following

    for target in (out, draw):
        if target is not None:
            prepare_output(target)
    names, at = read_points_csv(points) if points is not None else ((), None)
    with ExitStack() as opened:
        video = opened.enter_context(open_video(source, start=start, stop=stop))
        following = Following(video, at, names, pores, by)
        writer = opened.enter_context(VideoWriter(draw, video.fps)) if draw else None
        bar = opened.enter_context(progress_bar())
        task = bar.add_task("following", total=video.frame_count)
        trail: list[FloatArray] = []
        for frame, now in following:
            if writer:
                trail = [*trail[-TRAIL:], now.points]
                writer.write(draw_points(frame.image, now, trail), frame.time_s)
            bar.update(task, completed=frame.index + 1)
    tracks = following.trajectories()
    if out is not None:
        write_trajectories(out, tracks)
    rows = [
        {
            "name": name,
            "texture": bool(following.textured[n]),
            "frames": int(tracks.valid[n].sum()),
            "kept": bool(tracks.valid[n].all()),
            "quality": round(float(tracks.quality[n][tracks.valid[n]].mean()), 3) if tracks.valid[n].any() else 0.0,
        }
        for n, name in enumerate(tracks.names)
    ]
    screen = stderr() if json else stdout()
    if json:
        typer.echo(dumps({"frames": len(tracks.time_s), "points": rows}, ensure_ascii=False))
    else:
        _show(rows, len(tracks.time_s))
    for target in (out, draw):
        if target is not None:
            screen.print(f"wrote {target}", soft_wrap=True)


def score_command(
    found: Annotated[Path, typer.Argument(metavar="FOUND", help="Trajectories of a tracker, .json.")],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH", help="The true ones, .json; same points, unit and frame.")],
    aligned: Annotated[
        bool, typer.Option("--aligned", help="Take each point's error in its first frame off all frames.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Score trajectories against true ones: error, shares within limits, survival, gross errors, smoothness."""
    from dataclasses import asdict
    from json import dumps

    import numpy as np

    from nasion.cli.screen import stdout
    from nasion.core.errors import InputError
    from nasion.media.trajectory_files import read_trajectories
    from nasion.metrics import LIMITS_MM, LIMITS_PX, score_trajectories

    a, b = read_trajectories(found), read_trajectories(truth)
    if (a.unit, a.frame) != (b.unit, b.frame):
        raise InputError(f"{found} is in {a.unit} of the {a.frame}, {truth} in {b.unit} of the {b.frame}")
    if not set(b.names) <= set(a.names) or len(a.time_s) != len(b.time_s):
        raise InputError(f"{found} must hold the points of {truth} over its {len(b.time_s)} frames")
    index = [a.names.index(name) for name in b.names]
    limits = LIMITS_MM if a.unit == "mm" else LIMITS_PX
    score = score_trajectories(a.points[index], b.points, a.valid[index], b.valid, limits=limits, aligned=aligned)
    plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in asdict(score).items()}
    if json:
        plain["within"] = {str(limit): share for limit, share in score.within.items()}
        typer.echo(dumps({"unit": a.unit, **plain}).replace("NaN", "null"))
        return
    stdout().print(
        f"{len(b)} points, {len(b.time_s)} frames: median error {score.median:.3g} {a.unit}, at the end "
        f"{score.end:.3g}; within {', '.join(f'{limit:g}' for limit in limits)} {a.unit}: "
        f"{', '.join(f'{100 * share:.0f} %' for share in score.within.values())} (mean {100 * score.delta_avg:.0f} %); "
        f"survived {100 * score.survival[-1]:.0f} %, gross errors {100 * score.gross:.1f} %, occlusion told rightly "
        f"{100 * score.occlusion:.0f} %"
    )


def draw_points(image: ImageArray, now: PointFrame, trail: list[FloatArray]) -> ImageArray:
    """The picture with points and their last ways: green where texture was found, orange where carried."""
    import cv2
    import numpy as np

    out = image.copy()
    radius = max(2, round(min(image.shape[:2]) / 250))
    for n, (place, valid) in enumerate(zip(now.points, now.valid, strict=True)):
        if not np.isfinite(place).all():
            continue
        colour = (60, 220, 90) if valid else (255, 150, 40)
        way = np.array([step[n] for step in trail if np.isfinite(step[n]).all()])
        if len(way) > 1:
            cv2.polylines(out, [np.rint(way * 16).astype(np.int32)], False, colour, 1, cv2.LINE_AA, shift=4)
        at = round(float(place[0]) * 16), round(float(place[1]) * 16)
        cv2.circle(out, at, radius * 16, colour, -1, cv2.LINE_AA, shift=4)
    return out


def _show(rows: list[dict[str, object]], frames: int) -> None:
    from rich.table import Table

    from nasion.cli.screen import MAX_ROWS, stdout

    table = Table(box=None, header_style="bold")
    for heading in ("point", "frames by texture", "mean likeness", ""):
        table.add_column(heading, justify="left" if heading in ("point", "") else "right")
    for row in rows[:MAX_ROWS]:
        note = "" if row["texture"] else "too plain: carried by the landmarks"
        table.add_row(str(row["name"]), f"{row['frames']} of {frames}", f"{row['quality']:.2f}", note)
    screen = stdout()
    screen.print(table)
    if len(rows) > MAX_ROWS:
        screen.print(f"... and {len(rows) - MAX_ROWS} more points; --out FILE writes them all", style="dim")
    kept = sum(bool(row["kept"]) for row in rows)
    screen.print(f"{frames} frames, {len(rows)} points, {kept} found by their texture in every frame")
