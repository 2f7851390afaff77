"""DSTA: tracks refined over time, beside the filter, on rendered clips of people never trained on.

    python benchmarks/dsta.py [--model refiner] [--clips 12] [--cache FOLDER] [--against FILE,FILE] [--write]
    python benchmarks/dsta.py --learn l1 --steps 2000 --out plain-distance.onnx [--cache FOLDER]   # then --against it

Points as the landmarker places them frame by frame, through the One-Euro filter of the video runner, through one tuned
to the refiner's own jitter, through a moving average, and refined with two frames ahead in view or none. ``--against``
adds other refiners, such as those trained by the plain distance. Real clips have no truth: there jitter and the range
of the eyes' opening are told beside those of the points as placed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nasion.core import scheme
from nasion.metrics import jitter, lag_frames, range_kept, spearman
from nasion.report.bench.data import data_folder
from nasion.report.bench.machine import describe_models
from nasion.report.bench.result import Result, Table, publish
from nasion.track import OneEuroFilter, Refiner
from nasion.track.refiner import AHEAD, PAST, Observed, together
from nasion.train.dsta_clips import FPS, Clip, load_clips, make_clips, save_clips
from nasion.train.dsta_goal import steady

SEED, COVERED_SEED = 7001, 7002
FRAMES, COVERED_FRAMES, COVERED_CLIPS = 75, 60, 10
STEPS = 2000  # of the refiner that ships
REAL = ("single_face.mp4", "WolfgangLanger_Pexels.mp4", "source_s18.mp4", "driving_d10.mp4")
REAL_S = 2.5
TALKS = 0.06  # of the eyes' distance, the lips' range from which a mouth counts as moving
SPARSE = scheme("ibug68")
Points = np.ndarray


def clips_of(name: str, count: int, seed: int, frames: int, cover: bool, cache: Path | None) -> list[Clip]:
    path = cache / f"{name}{seed}.npz" if cache else None
    if path is not None and path.is_file():
        return load_clips(path)
    clips = make_clips(count, seed, frames=frames, cover=cover)
    if path is not None:
        save_clips(clips, path)
    return clips


def refined(refiner: Refiner, clip: Clip, ahead: int) -> tuple[Points, np.ndarray]:
    """(F, N, 2) px and (F, N) sigma px."""
    seen = np.isfinite(clip.raw[:, 0, 0])
    moments = [
        Observed(np.pad(clip.raw[f], ((0, 0), (0, 1))), clip.sigma[f], clip.visibility[f]) if seen[f] else None
        for f in range(len(clip))
    ]
    out, sigma = np.full_like(clip.raw, np.nan), np.full(clip.sigma.shape, np.nan, np.float32)
    offsets = np.arange(-PAST, AHEAD + 1)
    for at in np.flatnonzero(seen):
        window = [moments[f] if 0 <= f < len(clip) and f - at <= ahead else None for f in at + offsets]
        found = refiner.refine([window], offsets[None] / np.float32(FPS))
        out[at], sigma[at] = found.points[0, :, :2], found.sigma[0]
    return out, sigma


def one_euro(clip: Clip, **options: float) -> Points:
    filters, out = OneEuroFilter(**options), np.full_like(clip.raw, np.nan)
    for f in np.flatnonzero(np.isfinite(clip.raw[:, 0, 0])):
        box = np.sqrt(np.ptp(clip.raw[f], axis=0).prod())
        out[f] = filters(clip.raw[f], f / FPS, float(box))
    return out


def average(clip: Clip, spread: float) -> Points:
    """A centred moving average with Gaussian weights: no lag."""
    index = np.arange(len(clip))
    weights = np.exp(-0.5 * ((index[:, None] - index) / spread) ** 2) * np.isfinite(clip.raw[:, 0, 0])
    return np.einsum("fg,gnk->fnk", weights / weights.sum(1, keepdims=True), np.nan_to_num(clip.raw))


def tuned(clips: list[Clip], make: Callable[[Clip, float], Points], wanted: float, low: float, high: float) -> float:
    """The setting at which the mean jitter is ``wanted``; more of it is steadier."""
    for _ in range(12):
        middle = float(np.sqrt(low * high))
        shake = np.mean([np.nanmean(jitter(make(clip, middle), clip.size)) for clip in clips])
        low, high = (middle, high) if shake > wanted else (low, middle)
    return float(np.sqrt(low * high))


def opening(points: Points) -> np.ndarray:
    """(F, 2) px: how far the eyes are open, left and right, by the 68 points."""
    eyes = []
    for side in ("left_eye", "right_eye"):
        lid = points[:, -68:][:, SPARSE.index(side)]
        apart = [np.linalg.norm(lid[:, i] - lid[:, j], axis=1) for i, j in ((1, 5), (2, 4))]
        eyes.append(np.mean(apart, axis=0))
    return np.stack(eyes, 1)


def mouth(points: Points) -> np.ndarray:
    """(F,) px: how far the lips are apart, by the 68 points."""
    lips = points[:, -68:][:, SPARSE.index("inner_lips")]
    return np.asarray(np.mean([np.linalg.norm(lips[:, i] - lips[:, -i], axis=1) for i in (1, 2, 3)], axis=0))


def measure(clips: list[Clip], found: list[Points]) -> dict[str, float]:
    rows = []
    for clip, points in zip(clips, found, strict=True):
        size, goal = clip.size[:, None], steady(clip)
        kept = []
        if clip.blinks.any():
            ours, raw, true = (opening(p) / size for p in (points, clip.raw, clip.truth))
            kept = [(range_kept(ours[:, k], raw[:, k]), range_kept(ours[:, k], true[:, k])) for k in (0, 1)]
        lips = [mouth(p) / clip.size for p in (points, clip.raw, clip.truth)]
        talks = float(np.ptp(lips[2])) > TALKS
        rows.append(
            {
                "nme": np.nanmean(np.linalg.norm(points - clip.truth, axis=2) / size),
                "unsteady": np.nanmean(np.linalg.norm(points - goal, axis=2) / size),
                "jitter": np.nanmean(jitter(points, clip.size)),
                "lag": lag_frames(points[:, -68:], goal[:, -68:]),
                "blink": np.mean([k[0] for k in kept]) if kept else np.nan,
                "blink_true": np.mean([k[1] for k in kept]) if kept else np.nan,
                "mouth": range_kept(lips[0], lips[1]) if talks else np.nan,
                "mouth_true": range_kept(lips[0], lips[2]) if talks else np.nan,
            }
        )
    return {name: float(np.nanmean([r[name] for r in rows])) for name in rows[0]}


def covered_eyes(clips: list[Clip], found: list[Points]) -> float:
    """Error of an eye's 68-scheme points while it is covered, over the distance of the eyes."""
    errors = []
    for clip, points in zip(clips, found, strict=True):
        goal = steady(clip)
        for side in ("left_eye", "right_eye"):
            index = len(clip.raw[0]) - 68 + SPARSE.index(side)
            behind = clip.covered[:, index].mean(1) > 0.5
            off = np.linalg.norm(points[:, index] - goal[:, index], axis=2) / clip.size[:, None]
            errors.append(off[behind].ravel())
    return float(np.nanmean(np.concatenate(errors)))


def real(path: Path, refiner: Refiner) -> dict[str, tuple[float, float]]:
    """Jitter of the 68 points on a real clip, over the distance of the eyes, and the range of the opening kept."""
    from nasion.media import open_video
    from nasion.pipeline import Analyzer

    frames = list(open_video(path, stop=REAL_S))
    analyzer = Analyzer(("landmarks",), mode="video", smooth=False, threads=1)
    faces = [[f for f in analyzer(frame.image, frame.time_s) if f.track_id == 0] for frame in frames]
    one = [f[0] for f in faces if f]
    raw = np.stack([together(f.landmarks).points[:, :2] for f in one])
    said = [np.stack([getattr(together(f.landmarks), name) for f in one]) for name in ("sigma", "visibility")]
    left, right = (raw[:, -68:][:, i] for i in (45, 36))
    size = np.linalg.norm(left - right, axis=1)
    none = np.zeros(raw.shape[:2], bool)
    clip = Clip(raw, *said, raw, none, none[:, 0], size)
    found = {"as placed": raw, "filter": one_euro(clip)}
    found |= {"refined": refined(refiner, clip, AHEAD)[0], "refined live": refined(refiner, clip, 0)[0]}
    eyes = {name: opening(points) / size[:, None] for name, points in found.items()}
    kept = {n: np.mean([range_kept(e[:, k], eyes["as placed"][:, k]) for k in (0, 1)]) for n, e in eyes.items()}
    return {n: (float(np.mean(jitter(points[:, -68:], size))), float(kept[n])) for n, points in found.items()}


def learn(loss: str, steps: int, out: Path, cache: Path | None) -> None:
    """Train a refiner by one of the losses, on the clips of `nasion train dsta`, and write its file."""
    from nasion.train import fit
    from nasion.train.dsta import CLIPS, DSTA, SEED, ClipSet

    path = cache / f"train{SEED}.npz" if cache else None
    clips = load_clips(path) if path is not None and path.is_file() else make_clips(CLIPS, SEED)
    if path is not None and not path.is_file():
        save_clips(clips, path)
    recipe, data = DSTA(loss=loss), ClipSet(tuple(clips), tuple(map(str, range(len(clips)))), 0)  # type: ignore[arg-type]  # argparse checks it
    trained = fit(recipe, data, steps=steps, seed=0, threads=1, checkpoint=out.with_suffix(".resume"))  # type: ignore[arg-type]  # ClipSet stands in
    for row in trained.log[:: max(1, len(trained.log) // 20)]:
        print({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}, flush=True)
    print(f"wrote {recipe.export(trained.model, out)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="refiner")
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--cache", type=Path, default=None)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--against", default="", help="other refiners' files, with commas between")
    parser.add_argument("--learn", choices=("rle", "l1"), help="train a refiner by this loss, and nothing else")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=Path("plain-distance.onnx"))
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    if args.learn:
        learn(args.learn, args.steps, args.out, args.cache)
        return
    refiner = Refiner(args.model)
    clips = clips_of("held", args.clips, SEED, FRAMES, False, args.cache)
    covered = clips_of("covered", COVERED_CLIPS, COVERED_SEED, COVERED_FRAMES, True, args.cache)
    found: dict[str, list[Points]] = {"as placed": [clip.raw for clip in clips]}
    found["One-Euro filter (the default)"] = [one_euro(clip) for clip in clips]
    ours = [refined(refiner, clip, AHEAD) for clip in clips]
    shake = float(np.mean([np.nanmean(jitter(p, c.size)) for (p, _), c in zip(ours, clips, strict=True)]))
    gain = tuned(clips, lambda c, k: one_euro(c, min_cutoff=8 / k, speed_gain=60 / k), shake, 0.05, 200.0)
    found["One-Euro filter tuned to the refiner's jitter"] = [
        one_euro(clip, min_cutoff=8 / gain, speed_gain=60 / gain) for clip in clips
    ]
    spread = tuned(clips, average, shake, 0.1, 5.0)
    found["moving average tuned to the refiner's jitter"] = [average(clip, spread) for clip in clips]
    found["refined, 2 frames ahead"] = [points for points, _ in ours]
    found["refined, live"] = [refined(refiner, clip, 0)[0] for clip in clips]
    rows = {name: measure(clips, points) for name, points in found.items()}
    hidden = {
        "as placed": covered_eyes(covered, [clip.raw for clip in covered]),
        "One-Euro filter (the default)": covered_eyes(covered, [one_euro(clip) for clip in covered]),
        "refined, 2 frames ahead": covered_eyes(covered, [refined(refiner, clip, AHEAD)[0] for clip in covered]),
        "refined, live": covered_eyes(covered, [refined(refiner, clip, 0)[0] for clip in covered]),
    }
    errors = [np.linalg.norm(p - steady(c), axis=2) for (p, _), c in zip(ours, clips, strict=True)]
    sizes = [np.broadcast_to(c.size[:, None], e.shape) for c, e in zip(clips, errors, strict=True)]
    usable = [np.isfinite(e) for e in errors]
    pooled = [
        np.concatenate([(v / s)[u] for v, s, u in zip(values, sizes, usable, strict=True)])
        for values in ([sigma for _, sigma in ours], errors)
    ]
    rank = spearman(pooled[0], pooled[1])
    others = {}
    for file in filter(None, args.against.split(",")):
        other = Refiner(file)
        others[Path(file).stem] = measure(clips, [refined(other, clip, AHEAD)[0] for clip in clips])
    try:
        folder = data_folder(args.data) / "video"
        wild = {name: real(folder / name, refiner) for name in REAL if (folder / name).is_file()}
    except Exception as error:  # noqa: BLE001  without the shared clips the rest stands
        print(f"no real clips: {error}")
        wild = {}
    own = float(np.mean([np.nanmean(jitter(clip.truth, clip.size)) for clip in clips]))
    columns = (
        "points", "jitter", "unsteady error", "error to truth", "lag, frames", "blink kept %", "of the true blink %",
        "mouth kept %", "covered eye",
    )  # fmt: skip

    def line(name: str, r: dict[str, float]) -> tuple[str, ...]:
        eye = hidden.get(name)
        shares = (r["jitter"], r["unsteady"], r["nme"])
        return (
            name, *(f"{100 * v:.3f}" for v in shares), f"{r['lag']:.2f}",
            *(f"{100 * r[k]:.0f}" for k in ("blink", "blink_true", "mouth")),
            "-" if eye is None else f"{100 * eye:.2f}",
        )  # fmt: skip

    against = f"--against {','.join(Path(file).name for file in args.against.split(','))} " if args.against else ""
    tables = [
        Table("Rendered clips, % of the distance of the eyes", columns, tuple(line(n, r) for n, r in rows.items()))
    ]
    if others:
        tables.append(
            Table("Other refiners, 2 frames ahead", columns[:-1], tuple(line(n, r)[:-1] for n, r in others.items()))
        )
    if wild:
        names = tuple(next(iter(wild.values())))
        cells = tuple((c, *(f"{100 * w[n][0]:.3f} ({100 * w[n][1]:.0f} %)" for n in names)) for c, w in wild.items())
        title = "Real clips: jitter, % of the distance of the eyes (range of the eyes' opening kept)"
        tables.append(Table(title, ("clip", *names), cells))
    publish(
        Result(
            name="dsta", title="Tracks refined over time",
            command=f"python benchmarks/dsta.py --clips {args.clips} {against}--write", tables=tuple(tables),
            numbers={
                "rendered": rows, "covered_eye": hidden, "sigma_spearman": rank, "others": others, "real": wild,
                "models": describe_models("landmarker", args.model),
            },
            notes=(
                f"{len(clips)} people of {FRAMES} frames, {len(covered)} of {COVERED_FRAMES} with things in front.",
                "None of them trained on. All 546 points; lag, blinks and covered eyes by the 68.",
                f"Jitter: mean length of the second difference. The true motion's own is {100 * own:.3f} %.",
                "Unsteady error: to where the landmarker stands on average around then; what a refiner can mend.",
                "Blink kept: range of the eyes' opening, of what the points as placed show; mouth: the lips' likewise.",
                "Of the true blink: the same range beside the rendered truth's.",
                f"Sigma against that error, Spearman {rank:.2f}.",
                "Real clips have no truth: less jitter may be less motion; the rendered clips tell.",
            ),
            plots={"blink": lambda figure: plot(clips, found, figure)},
        ),
        Path(__file__).parent / "results" if args.write else None,
    )  # fmt: skip


def plot(clips: list[Clip], found: dict[str, list[Points]], figure: Any) -> None:
    axes = figure.subplots()
    chosen = int(np.argmax([np.ptp(opening(c.truth) / c.size[:, None]) for c in clips]))
    clip = clips[chosen]
    time = np.arange(len(clip)) / FPS
    axes.plot(time, 100 * opening(clip.truth)[:, 0] / clip.size, color="0.75", lw=5, label="truth")
    for name in ("as placed", "One-Euro filter (the default)", "refined, 2 frames ahead"):
        axes.plot(time, 100 * opening(found[name][chosen])[:, 0] / clip.size, lw=1.3, label=name)
    axes.set_xlabel("seconds")
    axes.set_ylabel("opening of the left eye, % of the eyes' distance")
    axes.legend()


if __name__ == "__main__":
    main()
