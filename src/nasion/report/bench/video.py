"""Speed on video: frames per second over whole clips, in turns with the peers so that the machine's mood cancels."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.report.bench.crowd import crowd_table, measure_crowd
from nasion.report.bench.data import clip
from nasion.report.bench.defaults import PEERS_FOLDER, VIDEO_PAIRS
from nasion.report.bench.machine import describe_models
from nasion.report.bench.peers import find_peers, run_peer
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table, command_line

if TYPE_CHECKING:
    from nasion.core import Face
    from nasion.media import Frame

OURS, FAST = "nasion", "nasion --fast"
RATIOS = {OURS: "nasion_over_this_median", FAST: "fast_over_this_median"}
CLIPS = ("WolfgangLanger_Pexels.mp4", "single_face.mp4", "driving_d10.mp4")
GAP_CLIP = "face_noface.mov"
TASKS = ("landmarks", "pose", "eyes")

Stream = Iterable[tuple["Frame", "list[Face]"]]


def bench_video(
    data: Path, peers: Sequence[str] = (), peers_folder: Path = PEERS_FOLDER, pairs: int = VIDEO_PAIRS
) -> Result:
    """Run whole clips through boxes, 68 and 478 points, pose and eyes; decoding is in the time.

    Args:
        data: the data folder.
        peers: systems to measure beside us, by name, or ``["all"]``.
        peers_folder: where their scripts are.
        pairs: how often each clip is run by us and by each peer, in turns; the medians are reported.
    """
    rivals = find_peers(peers, "video", peers_folder)
    clips: dict[str, dict[str, dict[str, Any]]] = {}
    for name in progress(CLIPS, "video", len(CLIPS)):
        path = clip(data, name)
        ours: dict[str, list[dict[str, Any]]] = {OURS: [], FAST: []}
        theirs: dict[str, list[dict[str, Any]]] = {peer.name: [] for peer in rivals}
        for _ in range(pairs):
            ours[OURS].append(_timed(path, _followed))
            ours[FAST].append(_timed(path, lambda path: _followed(path, fast=True)))
            for peer in rivals:
                theirs[peer.name].append(run_peer(peer, "video", [path], data)["results"][0])
        modes = {
            "detecting every frame": [_timed(path, _each_alone) for _ in range(min(pairs, 3))],
            "tracking and drawing": [_timed(path, _drawn) for _ in range(min(pairs, 3))],
        }
        clips[name] = {mode: _summary(runs) for mode, runs in (ours | modes).items()}
        clips[name] |= {peer.label: _summary(theirs[peer.name], ours) for peer in rivals}
    crowd = measure_crowd(data, pairs)
    ids = {name: _ids(clip(data, name)) for name in (*CLIPS, GAP_CLIP)}
    return Result(
        name="video",
        title="Video: boxes, 68 + 478 points, pose and eyes",
        command=command_line("video", peers) + (f" --pairs {pairs}" if pairs != VIDEO_PAIRS else ""),
        tables=(
            *(_clip_table(name, systems, pairs) for name, systems in clips.items()),
            crowd_table(crowd),
            Table(
                "Identities",
                ("clip", "frames", "without a face", "track id: frames"),
                tuple(_ids_row(k, v) for k, v in ids.items()),
            ),
        ),
        numbers={
            "clips": clips,
            "crowd": crowd,
            "identities": ids,
            "models": describe_models("detector", "landmarker", "landmarker_fast"),
        },
        notes=(
            "Timed from the first frame asked for to the last one answered, with decoding, without loading models.",
            "'Faster': median over pairs of our frames/s over the peer's in the same pair. Peers give points only.",
            "The naive loop loads its models once, too; its pictures are the tiles of the large one.",
            f"{GAP_CLIP} shows a face that leaves: the frames without one are its gap.",
        ),
    )


def _followed(path: Path, *, fast: bool = False) -> Stream:
    from nasion.pipeline import Analyzer, run_video

    return run_video(path, Analyzer(tasks=TASKS, mode="video", fast=fast))


def _each_alone(path: Path) -> Stream:
    """No tracking: every frame is a picture of its own."""
    from nasion.media import open_video
    from nasion.pipeline import Analyzer

    analyzer = Analyzer(tasks=TASKS)
    return ((frame, analyzer(frame.image)) for frame in open_video(path))


def _drawn(path: Path) -> Stream:
    """Tracking, and the annotated video written as well."""
    from nasion.media import VideoWriter, draw_faces

    analysed = _followed(path)

    def draw() -> Stream:
        with tempfile.TemporaryDirectory() as folder, VideoWriter(Path(folder, "drawn.mp4"), 30) as out:
            for frame, faces in analysed:
                out.write(draw_faces(frame.image, faces))
                yield frame, faces

    return draw()


def _timed(path: Path, start: Callable[[Path], Stream]) -> dict[str, Any]:
    """Run a clip to its end; models are loaded before the clock starts."""
    stream = start(path)
    begin = time.perf_counter()
    frames = with_face = 0
    for _, faces in stream:
        frames += 1
        with_face += bool(faces)
    return {"frames": frames, "with_face": with_face, "seconds": time.perf_counter() - begin}


def _summary(
    runs: Sequence[dict[str, Any]], ours: Mapping[str, Sequence[dict[str, Any]]] | None = None
) -> dict[str, Any]:
    speeds = [run["frames"] / run["seconds"] for run in runs]
    out = {
        "frames": runs[0]["frames"],
        "with_face": runs[0]["with_face"],
        "frames_per_s_median": float(np.median(speeds)),
        "frames_per_s": [round(speed, 2) for speed in speeds],
    }
    for way, of_way in (ours or {}).items():
        ratios = [a["frames"] / a["seconds"] / speed for a, speed in zip(of_way, speeds, strict=True)]
        out[RATIOS[way]] = float(np.median(ratios))
    return out


def _ids(path: Path) -> dict[str, Any]:
    seen: dict[int, int] = {}
    frames = without = 0
    for _, faces in _followed(path):
        frames += 1
        without += not faces
        for face in faces:
            if face.track_id is not None:
                seen[face.track_id] = seen.get(face.track_id, 0) + 1
    return {"frames": frames, "without_face": without, "frames_per_id": {str(k): v for k, v in sorted(seen.items())}}


def _clip_table(name: str, systems: dict[str, dict[str, Any]], pairs: int) -> Table:
    rows = []
    for label, n in systems.items():
        speeds = n["frames_per_s"]
        spread = f"{min(speeds):.1f}-{max(speeds):.1f}"
        ratios = (n.get(key) for key in RATIOS.values())
        times = (None if ratio is None else f"{ratio:.2f} x" for ratio in ratios)
        rows.append((label, n["with_face"], f"{n['frames_per_s_median']:.1f}", spread, *times))
    return Table(
        f"{name}: {systems[OURS]['frames']} frames; frames per second, median of {pairs} runs in turns",
        ("system", "with a face", "frames/s", "range", f"{OURS} is faster", f"{FAST} is faster"),
        tuple(rows),
    )


def _ids_row(name: str, ids: dict[str, Any]) -> tuple[str | int | float | None, ...]:
    listed = ", ".join(f"{k}: {v}" for k, v in ids["frames_per_id"].items())
    return name, ids["frames"], ids["without_face"], listed or None
