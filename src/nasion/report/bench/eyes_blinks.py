"""Blinks found: in simulated curves, on rendered people through our landmarker, and on real clips to be looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nasion.core import FloatArray, ImageArray
from nasion.eyes import CLOSED_SHARE, Blink, detect_blinks
from nasion.media import Frame, contact_sheet, open_video, write_image
from nasion.metrics import BlinkScore, BlinkTrack, blink_score, event_f1
from nasion.pipeline import Analyzer, run_video
from nasion.pipeline.clip import ClipReader, ClipReport, Person, split_tasks
from nasion.report.bench.data import clip
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Table
from nasion.synth import HeadModel, Scene, portrait, render_scene, sample_head
from nasion.synth.motion import Motion, motion
from nasion.synth.scene import place

OPEN = 80.0  # degrees of open lids
SECONDS, SEEDS = 600.0, (0,)  # more than 200 blinks each
SNR = 10.0
RENDERED_S, RENDERED_FPS, SIDE, SEED = 6.0, 30.0, 224, 4107
FACES = 3  # rendered people side by side in one picture
SHOTS, CELL = 5, 112  # pictures of each event on the contact sheet, px
CLIPS = (  # short ones first, for --limit
    "face_noface.mov", "no_face.mp4", "driving_d12.mp4", "driving_d20.mp4", "source_s32.mp4", "driving_d11.mp4",
    "source_s18.mp4", "source_s20.mp4", "WolfgangLanger_Pexels.mp4", "driving_d14.mp4", "driving_d10.mp4",
)  # fmt: skip


def simulated_part() -> tuple[Table, dict[str, Any]]:
    """Blinks in curves from the synthetic head's motion scripts, with landmarker-like noise."""
    rows: list[tuple[Any, ...]] = []
    numbers: dict[str, Any] = {}
    for script in ("blink", "drowsy"):
        for fps in (60.0, 30.0, 15.0, 10.0):
            one = _simulated(script, fps)
            numbers[f"{script} {fps:.0f}"] = one
            rows.append((
                f"{script}, {fps:.0f} fps", one["blinks"], one["found"], f"{one['f1']:.3f}",
                f"{one['closing_frames']:.2f}", f"{one['reopening_frames']:.2f}", f"{one['false_per_minute']:.2f}",
            ))  # fmt: skip
    columns = (
        "script",
        "blinks",
        "found",
        "F1 (IoU 0.5)",
        "closing off (frames)",
        "reopening off (frames)",
        "false a minute",
    )
    return Table(f"Simulated curves: ten minutes, swing {SNR:.0f} times the noise", columns, tuple(rows)), numbers


def _simulated(script: str, fps: float) -> dict[str, float]:
    true: list[tuple[float, float]] = []
    found: list[tuple[float, float]] = []
    off: list[tuple[float, float]] = []
    still = 0
    for seed in SEEDS:
        made = motion([script, "saccade"], SECONDS, fps, np.random.default_rng(seed))
        fine = motion([script, "saccade"], SECONDS, 240.0, np.random.default_rng(seed))
        shift = 2 * SECONDS * seed
        ours = detect_blinks(made.time_s, noisy(made, seed))
        clean = detect_blinks(fine.time_s, OPEN - swing(CLOSED_SHARE) * fine.units[45][:, 0])
        true += [(e.start_s + shift, e.end_s + shift) for e in made.events if e.script == script and e.end_s < SECONDS]
        found += [(b.start_s + shift, b.end_s + shift) for b in ours]
        off += [(a.closing_s - b.closing_s, a.reopening_s - b.reopening_s) for a in ours for b in clean
                if abs(a.shut_s - b.shut_s) < 0.1]  # fmt: skip
        blank = noisy(made, seed) + swing(CLOSED_SHARE) * made.units[45][:, 0]  # the same noise, nobody blinks
        still += len(detect_blinks(made.time_s, blank))
    closing, reopening = np.median(np.abs(off), 0) * fps
    return {
        "blinks": len(true), "found": len(found), "f1": event_f1(np.array(found), np.array(true), 0.5),
        "closing_frames": float(closing), "reopening_frames": float(reopening),
        "false_per_minute": 60 * still / (SECONDS * len(SEEDS)),
    }  # fmt: skip


def swing(closed: float) -> float:
    """Degrees that shutting the lids takes from what is read."""
    return OPEN * (1 - closed)


def noisy(made: Motion, seed: int, closed: float = CLOSED_SHARE) -> FloatArray:
    """Degrees as our networks might read them: white noise, slow drift, lids that follow the gaze down."""
    rng = np.random.default_rng((seed, len(made)))
    fps, steps = 1 / (made.time_s[1] - made.time_s[0]), rng.normal(0, 1, len(made))
    keep, drift = np.exp(-1 / (5 * fps)), np.zeros(len(made))
    for i in range(1, len(made)):
        drift[i] = keep * drift[i - 1] + np.sqrt(1 - keep**2) * steps[i]
    shut = made.units[45][:, 0]
    gaze = 0.015 * made.gaze[:, 1] * (1 - shut)
    way = swing(closed)
    return np.asarray(OPEN - way * (shut - gaze - 0.04 * drift) + rng.normal(0, way / SNR, len(made)))


def rendered_part() -> tuple[Table, dict[str, Any]]:
    """Three people who blink, rendered side by side in one clip, followed and read by our own networks."""
    model = HeadModel.load()
    frames: list[ImageArray] = []
    camera, distance = portrait((SIDE, SIDE), 0.62, 30.0)
    movements = []
    for person in range(FACES):
        rng = np.random.default_rng((SEED, person))
        head = replace(
            sample_head(rng, tone=(2 + 3 * person, 3 + 3 * person)), gaze=((0.0, 0.0), (0.0, 0.0)), hair="buzz"
        )
        base = Scene(head, place((-12, 0, 12)[person], 0, 0, (0.0, 0.0, distance)), camera, (SIDE, SIDE))
        movements.append((base, motion("blink", RENDERED_S, RENDERED_FPS, rng, base=base)))
    times = movements[0][1].time_s
    for frame in progress(range(len(times)), "rendering", len(times)):
        images = [render_scene(made.scene(base, frame), model).image for base, made in movements]
        frames.append(np.concatenate(images, 1))
    truth = [
        np.array([(e.start_s, e.end_s) for e in made.events if e.end_s < times[-1]]).reshape(-1, 2)
        for _, made in movements
    ]
    rows: list[tuple[Any, ...]] = []
    numbers: dict[str, Any] = {}
    for step in (1, 2):
        report = follow([(image, float(t)) for image, t in zip(frames[::step], times[::step], strict=True)])
        fps = RENDERED_FPS / step
        score, found, width = _score(report, truth, step)
        true = sum(map(len, truth))
        numbers[f"{fps:.0f}"] = one = {
            "blinks": true, "found": found, "f1_iou50": score[1], "f1_iou25": score[2],
            "blink_ap50": score[0].blink_ap50, "inst_ap": score[0].inst_ap, "face_px": width,
        }  # fmt: skip
        rows.append((
            f"{fps:.0f} fps", true, found, f"{one['f1_iou50']:.2f}", f"{one['f1_iou25']:.2f}",
            f"{one['blink_ap50']:.2f}", f"{one['inst_ap']:.2f}", f"{width:.0f}",
        ))  # fmt: skip
    columns = ("rendered", "blinks", "found", "F1 (IoU 0.5)", "F1 (IoU 0.25)", "Blink-AP@0.5", "Inst-AP", "face (px)")
    return Table(
        f"{FACES} rendered people in one clip of {RENDERED_S:.0f} s, our landmarker", columns, tuple(rows)
    ), numbers


def _score(
    report: ClipReport, truth: list[FloatArray], step: int
) -> tuple[tuple[BlinkScore, float, float], int, float]:
    """Blink-AP against the rendered truth; boxes are ours: what is asked is whose blinks they are."""
    tracks = report.blink_tracks()
    owner = {id(track): int(np.nanmean(track.boxes[:, [0, 2]]) // SIDE) for track in tracks}
    fps = RENDERED_FPS / step
    true = []
    for person, events in enumerate(truth):
        own = [track for track in tracks if owner[id(track)] == person]
        boxes = (
            own[0].boxes
            if own
            else np.tile([SIDE * person, 0, SIDE * (person + 1), SIDE], (len(report.frame_times), 1))
        )
        frames = np.stack([np.ceil(events[:, 0] * fps), np.floor(events[:, 1] * fps) + 1], 1)
        true.append(BlinkTrack(boxes.astype(float), frames, np.ones(len(frames))))
    far = 1e4  # s: people apart, so that one list of events holds all
    shifted = [
        (np.array(_times(p)).reshape(-1, 2) + far * owner[id(t)]) for p, t in zip(report.people, tracks, strict=True)
    ]
    found = np.concatenate([*shifted, np.zeros((0, 2))])
    every = np.concatenate([events + far * person for person, events in enumerate(truth)])
    width = float(np.mean([np.ptp(p.boxes[:, [0, 2]], 1).mean() for p in report.people])) if report.people else 0.0
    score = blink_score([tracks], [true])
    return (score, event_f1(found, every, 0.5), event_f1(found, every, 0.25)), len(found), width


def _times(person: Person) -> list[tuple[float, float]]:
    return [(blink.start_s, blink.end_s) for blink in person.blinks]


def read_blinks(video: Path | Iterable[Frame]) -> ClipReport:
    """What ``nasion video --tasks blinks`` reads from a clip."""
    tasks, whole = split_tasks(("blinks",))
    analyzer, reader = Analyzer(tasks, mode="video", smooth=False), ClipReader(whole)
    for frame, faces in run_video(video, analyzer, ahead=0):
        reader.add(faces, frame.time_s)
    return reader.finish()


def follow(frames: list[tuple[ImageArray, float]]) -> ClipReport:
    """Blinks of a clip that is at hand as pictures."""
    return read_blinks(Frame(image, index, time_s) for index, (image, time_s) in enumerate(frames))


def real_part(data: Path, clips: tuple[str, ...], sheet: Path | None) -> tuple[Table, dict[str, Any]]:
    """Events on the shared clips, and pictures of each to judge them by."""
    rows: list[tuple[Any, ...]] = []
    numbers: dict[str, Any] = {}
    pictures: list[ImageArray] = []
    for name in progress(clips, "clips", len(clips)):
        report = read_blinks(clip(data, name))
        events = [(person, blink) for person in report.people for blink in person.blinks]
        numbers[name] = [[p.track_id, round(b.start_s, 2), round(b.end_s, 2), round(b.score, 2)] for p, b in events]
        times = ", ".join(f"{b.start_s:.2f}{'-' + format(b.end_s, '.2f') if b.long else ''}" for _, b in events)
        rows.append((name, len(report.people), f"{report.clip_s:.1f}", len(events), times or "-"))
        if sheet is not None and events:
            pictures += shots(clip(data, name), events)
    if sheet is not None and pictures:
        write_image(sheet, contact_sheet(pictures, columns=3 * SHOTS, cell=CELL))
    columns = ("clip", "people", "s", "blinks", "when they begin (s)")
    return Table("Events on real clips, nobody's labels: look at the sheet", columns, tuple(rows)), numbers


def shots(path: Path, events: list[tuple[Person, Blink]]) -> list[ImageArray]:
    """Of each event five crops of the face's upper half: before, closing, shut, reopening, after."""
    wanted = [
        (event, shot, at)
        for event, (_, b) in enumerate(events)
        for shot, at in enumerate((b.start_s - 0.08, (b.start_s + b.shut_s) / 2, (b.shut_s + b.lift_s) / 2,
                                   (b.lift_s + b.end_s) / 2, b.end_s + 0.08))
    ]  # fmt: skip
    nearest: dict[tuple[int, int], tuple[float, ImageArray]] = {}
    with open_video(path) as video:
        for frame in video:
            for event, shot, at in wanted:
                off = abs(frame.time_s - at)
                if off < min(0.1, nearest.get((event, shot), (1.0, frame.image))[0]):
                    person = events[event][0]
                    row = int(np.abs(person.time_s - frame.time_s).argmin())
                    nearest[event, shot] = off, _crop(frame.image, person.boxes[row])
    return [nearest[event, shot][1] if (event, shot) in nearest else np.zeros((CELL, CELL, 3), np.uint8)
            for event in range(len(events)) for shot in range(SHOTS)]  # fmt: skip


def _crop(image: ImageArray, box: FloatArray) -> ImageArray:
    x0, y0, x1, y1 = box
    half = max(8, int(0.5 * (x1 - x0)))
    x, y = int((x0 + x1) / 2), int(y0 + 0.35 * (y1 - y0))
    top, left = max(0, y - half // 2), max(0, x - half)
    crop = image[top : y + half // 2 + 1, left : x + half + 1]
    return np.ascontiguousarray(crop) if crop.size else np.zeros((CELL, CELL, 3), np.uint8)
