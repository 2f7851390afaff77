"""LADS at small scale: which surface lets a small network find faces and five points at 30 and 240 surfaces a second?

    python benchmarks/lads.py [--steps 600] [--clips 36] [--tests 14] [--kinds er,time] [--cache DIR] [--write]

One network and one schedule for every kind of surface, learned from simulated events of rendered heads that move and
rest, with exact labels; measured on other people, and on events simulated from real clips, where our frame landmarker
says what is right. With --cache, rendered clips and trained networks are kept, and the next run goes on with them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import nasion
from nasion.landmark.events import KINDS, EventSurface, decay, simulate, usual_patch, windows
from nasion.report.bench.data import data_folder
from nasion.report.bench.result import Result, Table, publish
from nasion.train import fit
from nasion.train.lads import LADS, score
from nasion.train.lads_clips import RATES, REST, EventClip, rendered_clips, surfaces

REAL = {
    "single_face.mp4": (0, 2.4),
    "source_s32.mp4": (0, 2.5),
    "driving_d12.mp4": (0, 2.5),
    "source_s18.mp4": (0, 2.5),
}
LONGEST = 128  # px that real clips are shrunk to: the sensor that the networks learned from
SENSOR = (346, 260)  # of the speed test: a DAVIS 346
GROUPS = ("at rest", "slow", "fast")
EVENTS_PER_WINDOW = 4000


def real_clip(path: Path, start: float, stop: float) -> EventClip | None:
    """A part of a real clip as simulated events, labelled by our frame landmarker."""
    import cv2

    analyzer = nasion.Analyzer(("landmarks",), mode="video", smooth=False)
    frames, times, points, boxes = [], [], [], []
    with nasion.open_video(path, start=start, stop=stop) as video:
        for frame in video:
            faces = analyzer(frame.image, frame.time_s)
            height, width = frame.image.shape[:2]
            scale = LONGEST / max(height, width)
            size = round(width * scale), round(height * scale)
            small = np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8)
            frames.append((small, frame.time_s - start))
            if not faces:
                return None
            face = max(faces, key=lambda f: f.box.area)
            place = (face.landmarks.points[:, :2] + 0.5) * scale - 0.5
            five = (face.landmarks.to("coarse5").points[:, :2] + 0.5) * scale - 0.5
            times.append(frame.time_s - start)
            points.append(five)
            boxes.append(np.concatenate([place.min(0), place.max(0)]))
    events, size = simulate(frames, seed=3)
    five = np.stack(points).astype(np.float32)
    speed = np.linalg.norm(np.diff(five, axis=0), axis=2).mean(1) / np.diff(times)
    stamps = np.rint(np.array(times[1:]) * 1e6).astype(np.int64)
    return EventClip(events, size, stamps, five[1:], np.stack(boxes[1:]).astype(np.float32), speed, "real")


def square(clip: EventClip) -> EventClip:
    """The clip on a square sensor: what is missing sees nothing."""
    return EventClip(clip.events, (LONGEST, LONGEST), clip.time_us, clip.points, clip.boxes, clip.speed, clip.pace)


def speed(kind: str, rounds: int = 3) -> float:
    """Surfaces per second of processor time on a DAVIS 346's sensor, one thread."""
    rng, (width, height) = np.random.default_rng(0), SENSOR
    events = np.zeros(EVENTS_PER_WINDOW * 60, nasion.synth.events.EVENT)
    events["x"], events["y"] = rng.integers(0, width, len(events)), rng.integers(0, height, len(events))
    events["t_us"] = np.sort(rng.integers(0, 250_000, len(events)))
    events["p"] = rng.choice((-1, 1), len(events))
    cut = list(windows(events, hz=240))
    best = 0.0
    for _ in range(rounds):
        surface = EventSurface(SENSOR, decay(kind, usual_patch(SENSOR)))
        began = time.process_time()
        for part, end in cut:
            surface.add(part, end)
        best = max(best, len(cut) / (time.process_time() - began))
    return best


def measure(net: torch.nn.Module, held: Any, real: Any) -> dict[str, Any]:
    """Errors at each rate: all, by how the face moves, and on real clips."""
    resting = held.speed < REST
    moving = {name: np.array([pace == name for pace in held.pace]) & ~resting for name in ("slow", "fast")}
    groups = {"all": np.ones(len(held), bool), "at rest": resting, **moving}
    found: dict[str, Any] = {}
    for hz in RATES:
        found[str(hz)] = {name: score(net, held, chosen & (held.hz == hz)) for name, chosen in groups.items()}
        if real is not None:
            found[str(hz)]["real"] = score(net, real, real.hz == hz)
    return found


def train(kind: str, learn: list[EventClip], steps: int, kept: Path | None) -> torch.nn.Module:
    recipe = LADS(kind)
    if kept is not None and kept.exists():
        net = recipe.build(5, 0)
        net.load_state_dict(torch.load(kept, weights_only=True))
        return net.eval()
    began = time.process_time()
    net = fit(recipe, recipe.take(surfaces(learn, kind)), steps=steps, seed=0, threads=1).model
    print(f"{kind}: trained in {time.process_time() - began:.0f} s", flush=True)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        torch.save(net.state_dict(), kept)
        recipe.export(net, kept.with_suffix(".onnx"))
    return net


def plot(numbers: dict[str, Any], figure: Any) -> None:
    axes = figure.subplots(1, 2)
    names = list(numbers["kinds"])
    for side, (measure_name, label) in zip(axes, (("nme", "NME, %"), ("ap50", "AP50, %")), strict=True):
        for k, hz in enumerate(RATES):
            values = [100 * numbers["kinds"][n][str(hz)]["all"][measure_name] for n in names]
            side.bar(np.arange(len(names)) + 0.38 * k - 0.19, values, 0.36, label=f"{hz} surfaces/s")
        side.set_xticks(range(len(names)), names, fontsize=8)
        side.set_ylabel(label)
        side.legend(fontsize=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--clips", type=int, default=36)
    parser.add_argument("--tests", type=int, default=14)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--cache", type=Path, default=None)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    learn = rendered_clips(0, args.clips, cache=args.cache and args.cache / "clips")
    tests = rendered_clips(900, args.tests, cache=args.cache and args.cache / "clips")
    folder = data_folder(args.data) / "video"
    real = [square(c) for n, (a, b) in REAL.items() if (folder / n).exists() and (c := real_clip(folder / n, a, b))]
    numbers: dict[str, Any] = {"steps": args.steps, "clips": args.clips, "real_clips": len(real), "kinds": {}}
    for kind in args.kinds.split(","):
        kept = args.cache / f"{kind}-{args.clips}-{args.steps}.pt" if args.cache else None
        net = train(kind, learn, args.steps, kept)
        found = measure(net, surfaces(tests, kind), surfaces(real, kind) if real else None)
        found["per_s"] = speed(kind)
        numbers["kinds"][kind] = found
        print(kind, found, flush=True)

    def row(kind: str, key: str) -> tuple[Any, ...]:
        f = numbers["kinds"][kind]
        cells = [f"{100 * f[str(hz)]['all'][key]:.2f}" for hz in RATES]
        ratio = f[str(RATES[1])]["all"]["nme"] / f[str(RATES[0])]["all"]["nme"]
        by_group = [f"{100 * f[str(hz)][g][key]:.1f}" for g in GROUPS for hz in RATES]
        wild = [f"{100 * f[str(hz)]['real'][key]:.1f}" if real else None for hz in RATES]
        return (kind, *cells, *([f"{ratio:.2f}"] if key == "nme" else []), *by_group, *wild)

    columns = [f"{hz}/s" for hz in RATES]
    detail = [f"{g}, {hz}/s" for g in (*GROUPS, "real clips") for hz in RATES]
    kinds = list(numbers["kinds"])
    result = Result(
        name="lads", title="Event surfaces with locally adaptive decay",
        command=f"python benchmarks/lads.py --steps {args.steps} --clips {args.clips} --tests {args.tests} --write",
        tables=(
            Table("NME of five points, % of the eyes' distance", ("surface", *columns, "240 over 30", *detail),
                  tuple(row(k, "nme") for k in kinds)),
            Table("AP50 of boxes, %", ("surface", *columns, *detail), tuple(row(k, "ap50") for k in kinds)),
            Table(f"Surfaces per second, {SENSOR[0]} x {SENSOR[1]} px, {EVENTS_PER_WINDOW} events each, one thread",
                  ("surface", "per second"), tuple((k, f"{numbers['kinds'][k]['per_s']:.0f}") for k in kinds)),
        ),
        numbers=numbers,
        notes=(
            "All events are simulated, those of the real clips from 25 to 30 frames a second: no event camera.",
            f"One network of 0.49 M parameters, {args.steps} steps of 32 views, one seed, both rates mixed.",
            f"{args.clips} clips to learn from, {args.tests} of other people to test on.",
            "Half of them slow (a move takes 0.45 to 0.8 s), half fast (0.08 to 0.16 s).",
            f"At rest: points move by less than {REST:g} px/s. NME: the surest face of every surface, none left out.",
            "On the real clips what is right is what our frame landmarker says.",
        ),
        plots={"kinds": lambda figure: plot(numbers, figure)},
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
