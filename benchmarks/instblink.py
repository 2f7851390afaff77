"""InstBlink in small beside tracker, landmarks and eyelid angle: whose blinks, on rendered people never trained on.

    python benchmarks/instblink.py --model instblink.onnx [--people FOLDER] [--data FOLDER] [--write]

Train the file first: nasion train mpeblink-instblink people --out instblink.onnx --minutes 30. Clips of two to five
rendered people who walk, cross and blink, and clips of three who stand still and look ahead; frames of 600 x 400 at 15
a second. The landmark route sees these; it also sees what the network sees, 192 x 128. Real clips of the shared data
have no labels: there both routes are counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from nasion.eyes.clip_linking import link_clips
from nasion.eyes.instblink import BlinkNetwork
from nasion.media import open_video
from nasion.metrics import BlinkScore, BlinkTrack, blink_score, match_intervals, tube_iou
from nasion.report.bench.data import clip as clip_path
from nasion.report.bench.data import data_folder
from nasion.report.bench.eyes_blinks import follow, read_blinks
from nasion.report.bench.result import Result, Table, publish
from nasion.train.instblink import SIDES
from nasion.train.instblink_clips import FPS, Composed, Person, compose, crossing_paths, rendered_people, still_paths

CROSSING_SEED, AHEAD_SEED, SIDE, FRAMES = 77, 78, 160, 60
WALKERS, LOOKERS = 10, 6
CLIPS, SIZE, SMALL = 6, (600, 400), (192, 128)
TRAVEL = 0.6  # of the width, over four seconds
COUNTS = (1, 2, 5, 10)
REAL = ("WolfgangLanger_Pexels.mp4", "driving_d10.mp4", "driving_d14.mp4", "single_face.mp4", "no_face.mp4")

Route = Callable[[np.ndarray], Sequence[BlinkTrack]]


def crossing_clips(people: Sequence[Person]) -> list[Composed]:
    """Two to five people each, in turn."""
    made, rng = [], np.random.default_rng(5)
    for number in range(CLIPS):
        count = 2 + number % 4
        chosen = [people[i] for i in rng.permutation(len(people))[:count]]
        paths = crossing_paths(rng, count, FRAMES, TRAVEL, SIDES)
        made.append(compose(chosen, [0] * count, paths, SIZE, rng))
    return made


def still_clips(people: Sequence[Person], count: int = 3) -> list[Composed]:
    """``count`` people side by side, looking ahead."""
    rng = np.random.default_rng(6)
    groups = [people[i : i + count] for i in range(0, len(people) - count + 1, count)]
    return [compose(g, [0] * count, still_paths(count, FRAMES, 0.42), SIZE, rng) for g in groups]


def by_landmarks(frames: np.ndarray) -> Sequence[BlinkTrack]:
    """Detector, landmarker, tracker, eyelid angle."""
    return follow([(image, t / FPS) for t, image in enumerate(frames)]).blink_tracks()


def by_landmarks_small(frames: np.ndarray) -> Sequence[BlinkTrack]:
    """The same on frames of the network's size."""
    small = np.stack([cv2.resize(image, SMALL, interpolation=cv2.INTER_AREA) for image in frames])
    scale = SIZE[0] / SMALL[0]
    return [
        BlinkTrack((t.boxes + 0.5) * scale - 0.5, t.blinks, t.blink_scores, t.score) for t in by_landmarks(small)
    ]  # fmt: skip


def whole(network: BlinkNetwork, frames: np.ndarray) -> Sequence[BlinkTrack]:
    """The network on all frames at once instead of clips of 36 that are linked."""
    small = np.stack([cv2.resize(image, SMALL, interpolation=cv2.INTER_AREA) for image in frames])
    found, _ = link_clips([network.look(small)], len(frames), threshold=network.threshold)
    return [BlinkTrack(t.boxes * np.tile(SIZE, 2), t.blinks, t.blink_scores, t.score) for t in found]


def switches(found: Sequence[BlinkTrack], truth: Sequence[BlinkTrack]) -> int:
    """How often the track that covers a person changes, over all people."""
    total = 0
    for true in truth:
        owner = []
        for t in np.flatnonzero(np.isfinite(true.boxes).all(1)):
            overlaps = [tube_iou(f.boxes[t : t + 1], true.boxes[t : t + 1]) for f in found]
            if overlaps and max(overlaps) > 0.4:
                owner.append(int(np.argmax(overlaps)))
        total += int((np.diff(owner) != 0).sum()) if owner else 0
    return total


def false_blinks(found: Sequence[BlinkTrack], truth: Sequence[BlinkTrack]) -> int:
    """Blinks that overlap none of the person's own by a fifth, on tracks of true people."""
    count = 0
    for track in found:
        shared = [tube_iou(track.boxes, true.boxes) for true in truth]
        if shared and max(shared) >= 0.5 and len(track.blinks):
            own = truth[int(np.argmax(shared))].blinks
            count += int((~match_intervals(track.blinks, track.blink_scores, own, 0.2)).sum())
    return count


def measure(route: Route, clips: Sequence[Composed]) -> dict[str, Any]:
    """Both measures and the time."""
    began = time.process_time()
    found = [route(clip.images) for clip in clips]
    spent = time.process_time() - began
    truth = [clip.tracks() for clip in clips]
    score: BlinkScore = blink_score(found, truth)
    frames = sum(len(clip.images) for clip in clips)
    minutes = sum(float(np.isfinite(t.boxes).all(1).sum()) for true in truth for t in true) / FPS / 60
    fields = {name: float(getattr(score, name)) for name in BlinkScore.__slots__}
    return fields | {
        "ms": 1000 * spent / frames, "switches": sum(map(switches, found, truth)),
        "false_a_minute": sum(map(false_blinks, found, truth)) / minutes, "person_minutes": minutes,
        "all_people": sum(map(len, truth)), "all_blinks": int(sum(len(t.blinks) for true in truth for t in true)),
    }  # fmt: skip


def real_clips(network: BlinkNetwork, folder: Path) -> dict[str, dict[str, list[int]]]:
    """People and blinks that each route finds in each real clip."""
    found: dict[str, dict[str, list[int]]] = {}
    for name in REAL:
        with open_video(clip_path(folder, name)) as video:
            seen = network((frame.image, frame.time_s) for frame in video).people
        read = read_blinks(clip_path(folder, name)).blink_tracks()
        routes = {"network": seen, "landmarks": read}
        found[name] = {route: [len(people), sum(len(p.blinks) for p in people)] for route, people in routes.items()}
    return found


def times(network: BlinkNetwork, people: Sequence[Person]) -> dict[str, dict[str, float]]:
    """Processor time of a frame, ms, with one to ten people in view."""
    made: dict[str, dict[str, float]] = {"network": {}, "landmarks": {}}
    for count in COUNTS:
        rng = np.random.default_rng(count)
        paths = [
            type(path)(np.stack([path.centre[:, 0], np.full(45, 0.3 + 0.4 * (k % 2))], 1), path.side)
            for k, path in enumerate(still_paths(count, 45, 0.28))
        ]  # fmt: skip
        clip = compose([people[i % len(people)] for i in range(count)], [0] * count, paths, SIZE, rng)
        for name, route in (
            ("network", lambda f: network((i, t / FPS) for t, i in enumerate(f))),
            ("landmarks", by_landmarks),
        ):
            began = time.process_time()
            route(clip.images)
            made[name][str(count)] = 1000 * (time.process_time() - began) / 45
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--people", type=Path, default=None, help="folder that keeps the rendered people")
    parser.add_argument("--data", type=Path, default=None, help="shared data; by default NASION_DATA")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    network = BlinkNetwork(args.model, threads=1)
    walkers = rendered_people(CROSSING_SEED, WALKERS, FRAMES, SIDE, cache=args.people)
    lookers = rendered_people(AHEAD_SEED, LOOKERS, FRAMES, SIDE, yaw=6.0, cache=args.people)
    sets = {"crossing": crossing_clips(walkers), "looking ahead": still_clips(lookers)}
    widths = [np.nanmean(boxes[:, 2] - boxes[:, 0]) * SIZE[0] for clip in sets["looking ahead"] for boxes in clip.boxes]
    routes: dict[str, Route] = {
        "network": lambda frames: network((image, t / FPS) for t, image in enumerate(frames)).people,
        "network, all frames at once": lambda frames: whole(network, frames),
        "landmarks": by_landmarks,
        "landmarks, 192 x 128": by_landmarks_small,
    }
    numbers: dict[str, Any] = {"threshold": network.threshold, "narrowest_face_px": float(min(widths)), "sets": {}}
    tables = []
    for title, clips in sets.items():
        rows = []
        for name, route in routes.items():
            one = measure(route, clips)
            numbers["sets"].setdefault(title, {})[name] = one
            print(title, name, {k: round(v, 3) for k, v in one.items()}, flush=True)
            rows.append((
                name, f"{one['inst_ap']:.2f}", f"{one['inst_ap50']:.2f}", f"{one['inst_ap75']:.2f}",
                f"{one['followed']:.0f} of {one['all_people']}", one["switches"], f"{one['blink_ap']:.2f}",
                f"{one['blink_ap50']:.2f}", f"{one['blink_ap75']:.2f}", f"{one['false_a_minute']:.1f}",
                f"{one['ms']:.1f}",
            ))  # fmt: skip
        columns = (
            title, "Inst-AP", "@0.5", "@0.75", "people followed", "identity switches", "Blink-AP", "@0.5", "@0.75",
            "false blinks a person-minute", "ms a frame",
        )  # fmt: skip
        blinks = numbers["sets"][title]["network"]["all_blinks"]
        tables.append(
            Table(f"{len(clips)} clips of {FRAMES / FPS:.0f} s, {blinks} blinks: {title}", columns, tuple(rows))
        )
    numbers["real"] = real = real_clips(network, data_folder(args.data))
    rows = [(name, *(f"{people} / {blinks}" for people, blinks in one.values())) for name, one in real.items()]
    tables.append(Table("Real clips, no labels: people / blinks", ("clip", "network", "landmarks"), tuple(rows)))
    numbers["times"] = spent = times(network, walkers)
    rows = [
        (name, *(f"{one[str(c)]:.1f}" for c in COUNTS), f"{one['10'] / one['1']:.1f}") for name, one in spent.items()
    ]
    tables.append(
        Table("ms of one core a frame by people in view", ("route", *map(str, COUNTS), "10 over 1"), tuple(rows))
    )
    result = Result(
        name="instblink", title="InstBlink in small: whose blinks",
        command=f"python benchmarks/instblink.py --model {args.model.name} --write",
        tables=tuple(tables), numbers=numbers,
        notes=(
            "Rendered people, other ones than the network learned from; nobody's film.",
            "The truth's box is the extent of the mesh's points; landmarks give the extent of theirs.",
            "Blink-AP counts only people followed at a tube IoU of 0.5: read it with Inst-AP.",
        ),
        plots={"people": lambda figure: _plot(spent, figure)},
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


def _plot(spent: dict[str, dict[str, float]], figure: Any) -> None:
    axes = figure.subplots()
    for name, one in spent.items():
        axes.plot(COUNTS, [one[str(count)] for count in COUNTS], marker="o", label=name)
    axes.set_xlabel("people in view")
    axes.set_ylabel("ms of one core a frame")
    axes.set_ylim(bottom=0)
    axes.legend()


if __name__ == "__main__":
    main()
