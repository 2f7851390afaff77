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
from nasion.detect.detector import DEFAULT_THRESHOLD
from nasion.landmark.events import KINDS, EventSurface, decay, simulate, usual_patch, windows
from nasion.metrics.bootstrap import bootstrap_mean
from nasion.report.bench.data import data_folder
from nasion.report.bench.result import Result, Table, publish
from nasion.train import fit
from nasion.train.lads import LADS, answers, point_errors, score
from nasion.train.lads_clips import RATES, REST, EventClip, rendered_clips, surfaces

REAL = {
    "single_face.mp4": (0, 2.4),
    "source_s32.mp4": (0, 2.5),
    "driving_d12.mp4": (0, 2.5),
    "source_s18.mp4": (0, 2.5),
}
LONGEST, ROOM = 128, 1.9  # px of the sensor, and its side over the height of the face, for real clips
SENSOR = (346, 260)  # of the speed test: a DAVIS 346
CONTRAST = 3.0  # of the real recording, which was drawn with a clip of its own
RECORDING = "events/face_30fps_event-rate05_exp02_patch60.mp4"
GROUPS = ("at rest", "slow", "fast")
EVENTS_PER_WINDOW = 4000


def real_clip(path: Path, start: float, stop: float) -> EventClip | None:
    """A part of a real clip as simulated events: a square round the face, labelled by our frame landmarker."""
    import cv2

    analyzer = nasion.Analyzer(("landmarks",), mode="video", smooth=False)
    images, times, dense, coarse = [], [], [], []
    with nasion.open_video(path, start=start, stop=stop) as video:
        for frame in video:
            faces = analyzer(frame.image, frame.time_s)
            if not faces:
                return None
            face = max(faces, key=lambda f: f.box.area)
            images.append(frame.image)
            times.append(frame.time_s - start)
            dense.append(face.landmarks.points[:, :2])
            coarse.append(face.landmarks.to("coarse5").points[:, :2])
    low, high = np.min(dense, axis=(0, 1)), np.max(dense, axis=(0, 1))
    side, middle = ROOM * float(np.median(np.ptp(dense, axis=1)[:, 1])), (low + high) / 2
    scale = LONGEST / side
    matrix = np.array([[scale, 0, LONGEST / 2 - scale * middle[0]], [0, scale, LONGEST / 2 - scale * middle[1]]])
    shape = (LONGEST, LONGEST)
    blur = max(0.4 / scale, 0.1)
    small = [
        np.asarray(cv2.warpAffine(cv2.GaussianBlur(i, (0, 0), blur), matrix, shape, flags=cv2.INTER_LINEAR), np.uint8)
        for i in images
    ]
    events, size = simulate(zip(small, times, strict=True), seed=3)
    place, five = ((np.stack(p) @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32) for p in (dense, coarse))
    speed = np.linalg.norm(np.diff(five, axis=0), axis=2).mean(1) / np.diff(times)
    boxes = np.concatenate([place.min(1), place.max(1)], axis=1)
    stamps = np.rint(np.array(times[1:]) * 1e6).astype(np.int64)
    return EventClip(events, size, stamps, five[1:], boxes[1:], speed, "real")


def recorded(net: torch.nn.Module, path: Path) -> float | None:
    """Share of the frames of a real recording, an er surface as its authors drew it, on which a face is found."""
    import cv2

    if not path.exists():
        return None
    with nasion.open_video(path, step=3) as video:
        small = [cv2.resize(f.image[..., 1], (LONGEST, LONGEST), interpolation=cv2.INTER_AREA) for f in video]
    strong = np.clip((np.stack(small).astype(np.float32) - 128) * CONTRAST + 128, 0, 255).astype(np.uint8)
    return float(np.mean([rows[0, 4] >= DEFAULT_THRESHOLD for rows in answers(net, strong)]))


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
    error, clips = point_errors(answers(net, held.images), held.points), np.array(held.clip)
    for hz in RATES:
        found[str(hz)]["by_clip"] = [float(error[(clips == c) & (held.hz == hz)].mean()) for c in np.unique(clips)]
    return found


def against(kinds: dict[str, Any], kind: str, other: str, hz: int) -> str:
    """How much smaller the error of a kind is than another's, with its interval over clips."""
    mine, theirs = (np.array(kinds[name][str(hz)]["by_clip"]) for name in (kind, other))
    mean = bootstrap_mean(100 * (theirs - mine))
    return f"{mean.value:+.1f} [{mean.low:+.1f}, {mean.high:+.1f}]"


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
    real = [c for n, (a, b) in REAL.items() if (folder / n).exists() and (c := real_clip(folder / n, a, b))]
    numbers: dict[str, Any] = {"steps": args.steps, "clips": args.clips, "real_clips": len(real), "kinds": {}}
    for kind in args.kinds.split(","):
        kept = args.cache / f"{kind}-{args.clips}-{args.steps}.pt" if args.cache else None
        net = train(kind, learn, args.steps, kept)
        found = measure(net, surfaces(tests, kind), surfaces(real, kind) if real else None)
        found["per_s"] = speed(kind)
        found["recorded"] = recorded(net, folder.parent / RECORDING)
        numbers["kinds"][kind] = found
        print(kind, found, flush=True)

    def row(kind: str, key: str) -> tuple[Any, ...]:
        f = numbers["kinds"][kind]
        cells = [f"{100 * f[str(hz)]['all'][key]:.2f}" for hz in RATES]
        ratio = f[str(RATES[1])]["all"]["nme"] / f[str(RATES[0])]["all"]["nme"]
        by_group = [f"{100 * f[str(hz)][g][key]:.1f}" for g in GROUPS for hz in RATES]
        wild = [f"{100 * f[str(hz)]['real'][key]:.1f}" if real else None for hz in RATES]
        return (kind, *cells, *([f"{ratio:.2f}"] if key == "nme" else []), *by_group, *wild)

    def percent(share: float | None) -> str | None:
        return None if share is None else f"{100 * share:.0f}"

    columns = [f"{hz}/s" for hz in RATES]
    detail = [f"{g}, {hz}/s" for g in (*GROUPS, "real clips") for hz in RATES]
    kinds = list(numbers["kinds"])
    beside = [name for name in ("time", "histogram") if name in kinds]
    gains = tuple(
        (kind, *(against(numbers["kinds"], kind, other, hz) for other in beside for hz in RATES))
        for kind in kinds if KINDS[kind].adaptive
    )  # fmt: skip
    gain_columns = tuple(f"less than {other}, {hz}/s" for other in beside for hz in RATES)
    result = Result(
        name="lads", title="Event surfaces with locally adaptive decay",
        command=f"python benchmarks/lads.py --steps {args.steps} --kinds {args.kinds} --write",
        tables=(
            Table("NME of five points, % of the eyes' distance", ("surface", *columns, "240 over 30", *detail),
                  tuple(row(k, "nme") for k in kinds)),
            Table("NME: how much less than that of surfaces that do not adapt, and 95 % interval over clips",
                  ("surface", *gain_columns), gains),
            Table("AP50 of boxes, %", ("surface", *columns, *detail), tuple(row(k, "ap50") for k in kinds)),
            Table(
                f"Surfaces per second, {SENSOR[0]} x {SENSOR[1]} px, {EVENTS_PER_WINDOW} events each, one thread;"
                " and a real recording",
                ("surface", "per second", "frames of the recording with a face, %"),
                tuple((k, f"{f['per_s']:.0f}", percent(f["recorded"])) for k, f in numbers["kinds"].items()),
            ),
        ),
        numbers=numbers,
        notes=(
            "All events but the recording's are simulated, those of the real clips from 25 to 30 frames a second.",
            f"One network of 0.49 M parameters, {args.steps} steps of 32 views, one seed, both rates mixed.",
            f"{args.clips} clips to learn from, {args.tests} of other people to test on.",
            "Half of them slow (a move takes 0.45 to 0.8 s), half fast (0.08 to 0.16 s).",
            f"At rest: points move by less than {REST:g} px/s. NME: the surest face of every surface, none left out.",
            "On the real clips what is right is what our frame landmarker says; the sensor is a square round the face.",
            "The recording: an event camera's, an er surface as LADS's authors drew it; every third of 301 frames,",
            f"contrast times {CONTRAST:g}. In the first 70 the head is turned to profile. No truth is known.",
        ),
        plots={"kinds": lambda figure: plot(numbers, figure)},
    )  # fmt: skip
    publish(result, Path(__file__).parent / "results" if args.write else None)


if __name__ == "__main__":
    main()
