"""Face detection on street and group photos: recall at an overlap of 0.4, by size, and milliseconds per photo."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import BoolArray, FloatArray, IntArray
from nasion.metrics import match_boxes, precision_recall
from nasion.report.bench.data import BoxPhoto, boxed_photos, clip
from nasion.report.bench.defaults import PEERS_FOLDER
from nasion.report.bench.machine import describe_models
from nasion.report.bench.peers import Peer, find_peers, run_peer
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table, command_line
from nasion.report.bench.scoring import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OURS = "nasion"
OVERLAP = 0.4
PEER_THRESHOLD = 0.6  # the score that YuNet's authors and our comparison use; the curve shows every other one
SIZES = ((0, 16), (16, 32), (32, 64), (64, np.inf))  # px, root of the box's area
EMPTY_CLIP = "no_face.mp4"
# The detector's recipe keeps these photos out of training: the first of a seeded shuffle of the sorted names.
HELD_OUT, SPLIT_SEED = 253, 20


@dataclass(frozen=True, slots=True)
class Detections:
    """One system's boxes on every photo.

    Attributes:
        label: as printed.
        boxes: per photo (N, 5) x0, y0, x1, y1 px and score.
        ms: (P,) per photo, reading the file left out.
        threshold: the score from which a box counts in tables.
    """

    label: str
    boxes: Sequence[FloatArray]
    ms: FloatArray
    threshold: float


def held_out_names(names: Sequence[str]) -> set[str]:
    """The photos that the detector's recipe never trained on."""
    ordered = sorted(names)
    return {ordered[i] for i in np.random.default_rng(SPLIT_SEED).permutation(len(ordered))[:HELD_OUT]}


def bench_detect(
    data: Path, peers: Sequence[str] = (), peers_folder: Path = PEERS_FOLDER, limit: int | None = None
) -> Result:
    """Find the faces of every photo and count the annotated ones among them.

    Args:
        data: the data folder.
        peers: systems to measure beside us, by name, or ``["all"]``.
        peers_folder: where their scripts are.
        limit: only the first photos, for a quick look; not a figure to quote.
    """
    everything = boxed_photos(data)
    fresh_names = held_out_names([photo.path.name for photo in everything])
    photos = everything[:limit]
    fresh = np.array([photo.path.name in fresh_names for photo in photos])
    truth = [np.array([box.to_array() for box in photo.boxes], np.float64) for photo in photos]
    systems = [_detect_ours(photos)]
    systems += [_detect_peer(peer, photos, data) for peer in find_peers(peers, "detect", peers_folder)]
    moved = [
        Detections(f"{s.label}, boxes moved", _in_our_convention(s, truth, ~fresh), s.ms, s.threshold)
        for s in systems[1:]
    ]
    scores = {s.label: _score(s, truth, fresh) for s in systems + moved}
    curves = {s.label: recall_curve(s.boxes, truth) for s in systems + moved}
    false_faces, frames = _false_faces(data, limit)
    sizes = tuple(f"{low:g}-{high:g} px" if np.isfinite(high) else f"> {low:g} px" for low, high in SIZES)
    columns = ("system", "held-out", "all", *sizes)
    return Result(
        name="detect",
        title=f"Faces found in {len(photos)} street and group photos",
        command=command_line("detect", peers, limit),
        tables=(
            Table(f"Recall at IoU {OVERLAP}, %", columns, tuple(_recalls(k, v) for k, v in scores.items())),
            Table(
                "Time",
                ("system", "boxes/photo", "ms/photo", "over ours"),
                tuple(_times(s.label, scores) for s in systems),
            ),
            Table(
                "False faces on a clip without any",
                ("system", "frames", "frames with a face"),
                ((OURS, frames, false_faces),),
            ),
        ),
        numbers={
            "systems": scores,
            "photos": len(photos),
            "held_out_photos": int(fresh.sum()),
            "boxes": int(sum(map(len, truth))),
            "iou": OVERLAP,
            "empty_clip": {"frames": frames, "with_face": false_faces},
            "models": describe_models("detector"),
        },
        notes=(
            "Sizes are roots of the boxes' areas.",
            "Small faces in the back rows are often unboxed, so recall is measured and precision is not.",
            f"Held-out: {int(fresh.sum())} photos that the detector's recipe keeps out of training; quote that column.",
            f"Peers count from a score of {PEER_THRESHOLD} on; the plot shows recall against boxes for every score.",
            "Boxes moved: a peer's boxes shifted to the annotators' convention, learnt on the other photos.",
        ),
        plots={"recall": lambda figure: _draw_curves(figure, curves)},
    )


def recall_curve(boxes: Sequence[FloatArray], truth: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Boxes per photo against recall, over every threshold: two systems compare where their curves meet one line.

    Args:
        boxes: per photo (N, 5) boxes and scores.
        truth: per photo (M, 4) boxes.

    Returns:
        boxes per photo and recall, one entry per box, the best score first.
    """
    hit = np.concatenate([_true_box(found, wanted) >= 0 for found, wanted in zip(boxes, truth, strict=True)])
    scores = np.concatenate([found[:, 4] for found in boxes])
    _, recall = precision_recall(hit, scores, max(sum(map(len, truth)), 1))
    return np.arange(1, len(hit) + 1) / len(boxes), recall


def _true_box(found: FloatArray, truth: FloatArray) -> IntArray:
    """Which true box each of the (N, 5) found ones is; -1 for none."""
    return match_boxes(found[:, :4], found[:, 4], truth, OVERLAP)


def _detect_ours(photos: Sequence[BoxPhoto]) -> Detections:
    from nasion.detect import FaceDetector
    from nasion.media import read_image

    detector = FaceDetector()
    for photo in photos[:3]:
        detector.detect(read_image(photo.path))
    boxes, ms = [], np.zeros(len(photos))
    for i, photo in enumerate(progress(photos, "nasion: detection", len(photos))):
        image = read_image(photo.path)
        start = time.perf_counter()
        faces = detector.detect(image)
        ms[i] = 1000 * (time.perf_counter() - start)
        boxes.append(np.array([[*f.box.to_array(), f.score] for f in faces], np.float64).reshape(-1, 5))
    return Detections(OURS, boxes, ms, 0.0)


def _detect_peer(peer: Peer, photos: Sequence[BoxPhoto], data: Path) -> Detections:
    results = run_peer(peer, "detect", [photo.path for photo in photos], data)["results"]
    boxes = [np.array([[*f["box"], f["score"]] for f in r["faces"]], np.float64).reshape(-1, 5) for r in results]
    return Detections(peer.label, boxes, np.array([r["ms"] for r in results]), PEER_THRESHOLD)


def _in_our_convention(system: Detections, truth: Sequence[FloatArray], learn: BoolArray) -> Sequence[FloatArray]:
    """The boxes with each side moved by the median offset to the truth, as a fraction of the box's size."""
    offsets = []
    for found, wanted, use in zip(system.boxes, truth, learn, strict=True):
        match = _true_box(found, wanted)
        for box, j in zip(found, match, strict=True):
            if use and j >= 0:
                offsets.append((wanted[j] - box[:4]) / np.tile(box[2:4] - box[:2], 2))
    if not offsets:
        return system.boxes
    by = np.median(offsets, axis=0)
    moved = []
    for found in system.boxes:
        size = np.tile(found[:, 2:4] - found[:, :2], 2)
        moved.append(np.concatenate([found[:, :4] + by * size, found[:, 4:]], axis=1))
    return moved


def _score(system: Detections, truth: Sequence[FloatArray], fresh: BoolArray) -> dict[str, Any]:
    hit, size, held, kept = [], [], [], 0
    for found, wanted, is_fresh in zip(system.boxes, truth, fresh, strict=True):
        found = found[found[:, 4] >= system.threshold]
        kept += len(found)
        hit.append(np.isin(np.arange(len(wanted)), _true_box(found, wanted)))
        size.append(np.sqrt((wanted[:, 2:4] - wanted[:, :2]).prod(axis=1)))
        held.append(np.full(len(wanted), is_fresh))
    hits, sizes, fresh_box = np.concatenate(hit), np.concatenate(size), np.concatenate(held)
    by_size = {}
    for low, high in SIZES:
        inside = (sizes >= low) & (sizes < high)
        by_size[f"{low:g}-{high:g}"] = {"boxes": int(inside.sum()), "recall": _share(hits[inside])}
    return {
        "recall": _share(hits),
        "recall_held_out": _share(hits[fresh_box]),
        "recall_by_size_px": by_size,
        "boxes_per_photo": kept / len(truth),
        "ms_per_photo_median": float(np.median(system.ms)),
        "ms_per_photo_mean": float(np.mean(system.ms)),
    }


def _share(hits: BoolArray) -> float | None:
    return float(hits.mean()) if hits.size else None


def _false_faces(data: Path, limit: int | None) -> tuple[int, int]:
    """(frames with a face, frames) of the clip that shows none, every fifth frame."""
    from nasion.detect import FaceDetector
    from nasion.media import open_video

    detector, with_face, frames = FaceDetector(), 0, 0
    with open_video(clip(data, EMPTY_CLIP), step=5) as video:
        for frame in video:
            if frames == limit:
                break
            frames += 1
            with_face += bool(detector.detect(frame.image))
    return with_face, frames


def _recalls(label: str, s: dict[str, Any]) -> tuple[str | int | float | None, ...]:
    by_size = (percent(v["recall"], 1) for v in s["recall_by_size_px"].values())
    return label, percent(s["recall_held_out"], 1), percent(s["recall"], 1), *by_size


def _times(label: str, scores: dict[str, dict[str, Any]]) -> tuple[str | int | float | None, ...]:
    ms = scores[label]["ms_per_photo_median"]
    ratio = ms / scores[OURS]["ms_per_photo_median"]
    return label, f"{scores[label]['boxes_per_photo']:.1f}", f"{ms:.1f}", f"{ratio:.2f}"


def _draw_curves(figure: Figure, curves: dict[str, tuple[FloatArray, FloatArray]]) -> None:
    axes = figure.subplots()
    for label, (boxes, recall) in curves.items():
        axes.plot(boxes, 100 * recall, label=label, linewidth=2.5 if label == OURS else 1.3)
    axes.set(xlabel="boxes per photo, as the threshold falls", ylabel=f"recall at IoU {OVERLAP}, %", ylim=(0, 101))
    axes.set_xlim(0, None)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
