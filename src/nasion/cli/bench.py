"""``nasion bench``: measure, print a table, and keep the result with ``--write``."""

from __future__ import annotations

import json
from collections.abc import Callable
from inspect import Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

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

Measured: TypeAlias = "Result"  # its module is imported when something has been measured

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


def _benchmark(name: str) -> Callable[[Callable[..., Measured]], Callable[..., Measured]]:
    """Make ``nasion bench NAME`` of a function that measures: its own options first, then those that all have."""

    def add(measure: Callable[..., Measured]) -> Callable[..., Measured]:
        def command(keep: Write = False, results: Results = RESULTS_FOLDER, as_json: Json = False, **own: Any) -> None:
            _finish(measure(**own), keep, results, as_json)

        own, shared = (list(signature(part, eval_str=True).parameters.values()) for part in (measure, command))
        vars(command)["__signature__"] = Signature([*own, *shared[:-1]])  # typer takes its options from here
        bench_app.command(name, help=measure.__doc__)(command)
        return measure

    return add


@_benchmark("landmarks")
def landmarks(
    data: Data = None, peers: Peers = "", peers_folder: PeersFolder = PEERS_FOLDER, limit: Limit = None
) -> Measured:
    """Error of the 68 points on 90 HELEN test photos, own boxes."""
    from nasion.report.bench.landmarks import bench_landmarks

    return bench_landmarks(_folder(data), _names(peers), peers_folder, limit)


@_benchmark("robustness")
def robustness(
    data: Data = None, peers: Peers = "", peers_folder: PeersFolder = PEERS_FOLDER, limit: Limit = None
) -> Measured:
    """The same points on covered, blurred, tiny, turned, dark, grey and compressed photos."""
    from nasion.report.bench.robustness import bench_robustness

    return bench_robustness(_folder(data), _names(peers), peers_folder, limit)


@_benchmark("dense")
def dense(
    data: Data = None, peers: Peers = DENSE_PEER, peers_folder: PeersFolder = PEERS_FOLDER, limit: Limit = None
) -> Measured:
    """How far the 478 points lie from MediaPipe's, on people never trained on."""
    from nasion.report.bench.dense import bench_dense

    return bench_dense(_folder(data), _names(peers), peers_folder, limit)


@_benchmark("detect")
def detect(
    data: Data = None, peers: Peers = "", peers_folder: PeersFolder = PEERS_FOLDER, limit: Limit = None
) -> Measured:
    """Recall on 703 street and group photos, by size, and the time per photo."""
    from nasion.report.bench.detect import bench_detect

    return bench_detect(_folder(data), _names(peers), peers_folder, limit)


@_benchmark("video")
def video(
    data: Data = None,
    peers: Peers = "",
    peers_folder: PeersFolder = PEERS_FOLDER,
    pairs: Annotated[int, typer.Option(min=1, help="How often each clip is run by us and each peer.")] = VIDEO_PAIRS,
) -> Measured:
    """Frames per second on three clips, and identities."""
    from nasion.report.bench.video import bench_video

    return bench_video(_folder(data), _names(peers), peers_folder, pairs)


@_benchmark("stages")
def stages(data: Data = None) -> Measured:
    """Where the time of a video goes, stage by stage."""
    from nasion.report.bench.stages import bench_stages

    return bench_stages(_folder(data))


@_benchmark("memory")
def memory(
    data: Data = None,
    frames: Annotated[int, typer.Option(help="Length of the clip; 15000 are ten minutes.")] = MEMORY_FRAMES,
) -> Measured:
    """Memory while a ten-minute clip streams through."""
    from nasion.report.bench.memory import bench_memory

    return bench_memory(_folder(data), frames)


@_benchmark("startup")
def startup(data: Data = None) -> Measured:
    """Time to import the package, and to analyse one photo in a new process."""
    from nasion.report.bench.startup import bench_startup

    return bench_startup(_folder(data))


@_benchmark("pose")
def pose(data: Data = None, limit: Limit = None) -> Measured:
    """Head-pose error on 16 AFLW2000-3D photos, and the mirror test on HELEN."""
    from nasion.report.bench.pose import bench_pose

    return bench_pose(_folder(data), limit)


@_benchmark("calibration")
def calibration(data: Data = None, limit: Limit = None, landmarker: options.Landmarker = "landmarker") -> Measured:
    """Whether sigma and visibility mean what they say."""
    from nasion.report.bench.calibration import bench_calibration

    return bench_calibration(_folder(data), limit, landmarker)


@_benchmark("conformal")
def conformal(data: Data = None, limit: Limit = None) -> Measured:
    """Whether regions hold their point as often as promised: taught from 20 clicks, and around our own."""
    from nasion.report.bench.conformal import bench_conformal

    return bench_conformal(_folder(data), limit)


@_benchmark("eyes")
def eyes(
    data: Data = None,
    part: Annotated[
        str, typer.Option(metavar="A,B", help="Only these: lids, simulated, rendered, state, heads, clips.")
    ] = "",
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write pictures of the events found on real clips, .png.")
    ] = None,
    limit: Limit = None,
) -> Measured:
    """Lids in degrees, blinks, open or shut, head orientation: rendered heads, simulated curves, eye crops, clips."""
    from nasion.report.bench.eyes import PARTS, bench_eyes

    wanted = _names(part) or PARTS
    folder = _folder(data) if {"state", "clips"} & set(wanted) else None
    return bench_eyes(folder, wanted, sheet, limit)


@_benchmark("identity")
def identity(
    data: Data = None,
    part: Annotated[str, typer.Option(metavar="A,B", help="Only these: stills, distance, script.")] = "",
    seconds: Annotated[float, typer.Option(min=10, metavar="S", help="Length of the script.")] = 600.0,
    limit: Limit = None,
) -> Measured:
    """Open-set identification of people never seen, distance by the eyes, ten minutes of `nasion assist`."""
    from nasion.report.bench.identity import PARTS, bench_identity

    wanted = _names(part) or PARTS
    return bench_identity(None if wanted == ["distance"] else _folder(data), wanted, limit, seconds)


@_benchmark("matching")
def matching(data: Data = None, limit: Limit = None) -> Measured:
    """Pairs right by optimal transport: two views, faces, layouts."""
    from nasion.report.bench.matching import bench_matching

    return bench_matching(_folder(data), limit)


@_benchmark("audit")
def audit(data: Data = None, limit: Limit = None) -> Measured:
    """Whether the audit finds planted gaps and no others, and what consistency says about accuracy."""
    from nasion.report.bench.audit import bench_audit

    return bench_audit(_folder(data), limit)


@_benchmark("gaze")
def gaze(
    data: Data = None, faces: Annotated[int, typer.Option(min=20, help="How many heads are rendered.")] = 240
) -> Measured:
    """Gaze directions on rendered heads, points on a screen in a recorded session, time a frame."""
    from nasion.report.bench.gaze import bench_gaze

    return bench_gaze(_folder(data), faces)


@_benchmark("synth")
def synth(
    faces: Annotated[int, typer.Option(min=2, help="How many faces are rendered at each size and yaw band.")] = 40,
    landmarker: Annotated[
        str, typer.Option(metavar="A,B", help="Whose points on renders are measured: models of nasion or ONNX files.")
    ] = "landmarker",
) -> Measured:
    """Speed of the synthetic head, its truth measured again, and points placed on renders by yaw and occlusion."""
    from nasion.report.bench.synth import bench_synth

    return bench_synth(faces, landmarkers=_names(landmarker))


@_benchmark("synth-fit")
def synth_fit(
    data: Data = None,
    sheets: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write sheets of fits and of draws beside photos here.")
    ] = None,
    limit: Limit = None,
) -> Measured:
    """The synthetic head fitted to 90 HELEN test photos and to its own renders: error, time, sheets."""
    from nasion.report.bench.synth_fit import bench_synth_fit

    return bench_synth_fit(_folder(data), sheets, limit)


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
