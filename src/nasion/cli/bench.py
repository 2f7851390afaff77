"""``nasion bench``: measure, print a table, and keep the result with ``--write``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from nasion.cli import options
from nasion.cli.errors import NasionGroup
from nasion.report.bench.defaults import DENSE_PEER, MEMORY_FRAMES, PEERS_FOLDER, RESULTS_FOLDER, VIDEO_PAIRS

if TYPE_CHECKING:
    from nasion.report.bench.result import Result

bench_app = typer.Typer(
    name="bench",
    cls=NasionGroup,
    add_completion=False,
    no_args_is_help=True,
    help="Measure accuracy, speed and memory on labelled pictures, beside other systems where asked.",
)

Data: TypeAlias = Annotated[
    Path | None, typer.Option(help="Folder of the labelled pictures; default NASION_DATA, else ../shared/data.")
]
Peers: TypeAlias = Annotated[
    str, typer.Option(metavar="A,B", help="Other systems to measure in the same run, by name, or 'all'.")
]
PeersFolder: TypeAlias = Annotated[Path, typer.Option(help="Where the scripts of the peers are.")]
Limit: TypeAlias = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Only the first N pictures: a quick look, not a figure to quote.")
]
Write: TypeAlias = Annotated[bool, typer.Option("--write", help="Keep JSON, Markdown and plots in the results folder.")]
Results: TypeAlias = Annotated[Path, typer.Option(help="The results folder.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the numbers as JSON instead of tables.")]


@bench_app.command("landmarks")
def landmarks_command(
    data: Data = None,
    peers: Peers = "",
    peers_folder: PeersFolder = PEERS_FOLDER,
    limit: Limit = None,
    keep: Write = False,
    results: Results = RESULTS_FOLDER,
    as_json: Json = False,
) -> None:
    """Error of the 68 points on 90 HELEN test photos, own boxes."""
    from nasion.report.bench.landmarks import bench_landmarks

    _finish(bench_landmarks(_folder(data), _names(peers), peers_folder, limit), keep, results, as_json)


@bench_app.command("robustness")
def robustness_command(
    data: Data = None,
    peers: Peers = "",
    peers_folder: PeersFolder = PEERS_FOLDER,
    limit: Limit = None,
    keep: Write = False,
    results: Results = RESULTS_FOLDER,
    as_json: Json = False,
) -> None:
    """The same points on covered, blurred, tiny, turned, dark, grey and compressed photos."""
    from nasion.report.bench.robustness import bench_robustness

    _finish(bench_robustness(_folder(data), _names(peers), peers_folder, limit), keep, results, as_json)


@bench_app.command("dense")
def dense_command(
    data: Data = None,
    peers: Peers = DENSE_PEER,
    peers_folder: PeersFolder = PEERS_FOLDER,
    limit: Limit = None,
    keep: Write = False,
    results: Results = RESULTS_FOLDER,
    as_json: Json = False,
) -> None:
    """How far the 478 points lie from MediaPipe's, on people never trained on."""
    from nasion.report.bench.dense import bench_dense

    _finish(bench_dense(_folder(data), _names(peers), peers_folder, limit), keep, results, as_json)


@bench_app.command("detect")
def detect_command(
    data: Data = None,
    peers: Peers = "",
    peers_folder: PeersFolder = PEERS_FOLDER,
    limit: Limit = None,
    keep: Write = False,
    results: Results = RESULTS_FOLDER,
    as_json: Json = False,
) -> None:
    """Recall on 703 street and group photos, by size, and the time per photo."""
    from nasion.report.bench.detect import bench_detect

    _finish(bench_detect(_folder(data), _names(peers), peers_folder, limit), keep, results, as_json)


@bench_app.command("video")
def video_command(
    data: Data = None,
    peers: Peers = "",
    peers_folder: PeersFolder = PEERS_FOLDER,
    pairs: Annotated[int, typer.Option(min=1, help="How often each clip is run by us and each peer.")] = VIDEO_PAIRS,
    keep: Write = False,
    results: Results = RESULTS_FOLDER,
    as_json: Json = False,
) -> None:
    """Frames per second on three clips, and identities."""
    from nasion.report.bench.video import bench_video

    _finish(bench_video(_folder(data), _names(peers), peers_folder, pairs), keep, results, as_json)


@bench_app.command("stages")
def stages_command(
    data: Data = None, keep: Write = False, results: Results = RESULTS_FOLDER, as_json: Json = False
) -> None:
    """Where the time of a video goes, stage by stage."""
    from nasion.report.bench.stages import bench_stages

    _finish(bench_stages(_folder(data)), keep, results, as_json)


@bench_app.command("memory")
def memory_command(
    data: Data = None,
    frames: Annotated[int, typer.Option(help="Length of the clip; 15000 are ten minutes.")] = MEMORY_FRAMES,
    keep: Write = False,
    results: Results = RESULTS_FOLDER,
    as_json: Json = False,
) -> None:
    """Memory while a ten-minute clip streams through."""
    from nasion.report.bench.memory import bench_memory

    _finish(bench_memory(_folder(data), frames), keep, results, as_json)


@bench_app.command("startup")
def startup_command(
    data: Data = None, keep: Write = False, results: Results = RESULTS_FOLDER, as_json: Json = False
) -> None:
    """Time to import the package, and to analyse one photo in a new process."""
    from nasion.report.bench.startup import bench_startup

    _finish(bench_startup(_folder(data)), keep, results, as_json)


@bench_app.command("pose")
def pose_command(
    data: Data = None,
    limit: Limit = None,
    keep: Write = False,
    results: Results = RESULTS_FOLDER,
    as_json: Json = False,
) -> None:
    """Head-pose error on 16 AFLW2000-3D photos, and the mirror test on HELEN."""
    from nasion.report.bench.pose import bench_pose

    _finish(bench_pose(_folder(data), limit), keep, results, as_json)


@bench_app.command("calibration")
def calibration_command(
    data: Data = None,
    limit: Limit = None,
    landmarker: options.Landmarker = "landmarker",
    keep: Write = False,
    results: Results = RESULTS_FOLDER,
    as_json: Json = False,
) -> None:
    """Whether sigma and visibility mean what they say."""
    from nasion.report.bench.calibration import bench_calibration

    _finish(bench_calibration(_folder(data), limit, landmarker), keep, results, as_json)


@bench_app.command("conformal")
def conformal_command(
    data: Data = None,
    limit: Limit = None,
    keep: Write = False,
    results: Results = RESULTS_FOLDER,
    as_json: Json = False,
) -> None:
    """Whether regions hold their point as often as promised: taught from 20 clicks, and around our own."""
    from nasion.report.bench.conformal import bench_conformal

    _finish(bench_conformal(_folder(data), limit), keep, results, as_json)


@bench_app.command("eyes")
def eyes_command(
    data: Data = None,
    part: Annotated[
        str, typer.Option(metavar="A,B", help="Only these: lids, simulated, rendered, state, heads, clips.")
    ] = "",
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write pictures of the events found on real clips, .png.")
    ] = None,
    limit: Limit = None,
    keep: Write = False,
    results: Results = RESULTS_FOLDER,
    as_json: Json = False,
) -> None:
    """Lids in degrees, blinks, open or shut, head orientation: rendered heads, simulated curves, eye crops, clips."""
    from nasion.report.bench.eyes import PARTS, bench_eyes

    wanted = _names(part) or PARTS
    folder = _folder(data) if {"state", "clips"} & set(wanted) else None
    _finish(bench_eyes(folder, wanted, sheet, limit), keep, results, as_json)


@bench_app.command("matching")
def matching_command(
    data: Data = None,
    limit: Limit = None,
    keep: Write = False,
    results: Results = RESULTS_FOLDER,
    as_json: Json = False,
) -> None:
    """Pairs right by optimal transport: two views, faces, layouts."""
    from nasion.report.bench.matching import bench_matching

    _finish(bench_matching(_folder(data), limit), keep, results, as_json)


@bench_app.command("audit")
def audit_command(
    data: Data = None,
    limit: Limit = None,
    keep: Write = False,
    results: Results = RESULTS_FOLDER,
    as_json: Json = False,
) -> None:
    """Whether the audit finds planted gaps and no others, and what consistency says about accuracy."""
    from nasion.report.bench.audit import bench_audit

    _finish(bench_audit(_folder(data), limit), keep, results, as_json)


@bench_app.command("gaze")
def gaze_command(
    data: Data = None,
    faces: Annotated[int, typer.Option(min=20, help="How many heads are rendered.")] = 240,
    keep: Write = False,
    results: Results = RESULTS_FOLDER,
    as_json: Json = False,
) -> None:
    """Gaze directions on rendered heads, points on a screen in a recorded session, time a frame."""
    from nasion.report.bench.gaze import bench_gaze

    _finish(bench_gaze(_folder(data), faces), keep, results, as_json)


@bench_app.command("synth")
def synth_command(
    faces: Annotated[int, typer.Option(min=2, help="How many faces are rendered at each size and yaw band.")] = 40,
    landmarker: Annotated[
        str, typer.Option(metavar="A,B", help="Whose points on renders are measured: models of nasion or ONNX files.")
    ] = "landmarker",
    keep: Write = False,
    results: Results = RESULTS_FOLDER,
    as_json: Json = False,
) -> None:
    """Speed of the synthetic head, its truth measured again, and points placed on renders by yaw and occlusion."""
    from nasion.report.bench.synth import bench_synth

    _finish(bench_synth(faces, landmarkers=_names(landmarker)), keep, results, as_json)


@bench_app.command("synth-fit")
def synth_fit_command(
    data: Data = None,
    sheets: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write sheets of fits and of draws beside photos here.")
    ] = None,
    limit: Limit = None,
    keep: Write = False,
    results: Results = RESULTS_FOLDER,
    as_json: Json = False,
) -> None:
    """The synthetic head fitted to 90 HELEN test photos and to its own renders: error, time, sheets."""
    from nasion.report.bench.synth_fit import bench_synth_fit

    _finish(bench_synth_fit(_folder(data), sheets, limit), keep, results, as_json)


def _folder(named: Path | None) -> Path:
    from nasion.report.bench.data import data_folder

    return data_folder(named)


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


def _finish(result: Result, keep: bool, results: Path, as_json: bool) -> None:
    """Print what was measured, and keep it."""
    from nasion.cli.screen import stdout
    from nasion.report.bench.result import show, write

    if as_json:
        typer.echo(json.dumps(dict(result.numbers), allow_nan=False))
    else:
        stdout().print(show(result))
    if keep:
        for path in write(result, results):
            typer.echo(f"wrote {path}", err=True)
