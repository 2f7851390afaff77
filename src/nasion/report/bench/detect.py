"""Face detection on street and group photos: recall at an overlap of 0.4, by size, ms per photo, hard cases."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import BoolArray, FloatArray
from nasion.metrics import precision_recall
from nasion.report.bench.data import boxed_photos
from nasion.report.bench.defaults import PEERS_FOLDER
from nasion.report.bench.detect_systems import (
    OVERLAP,
    PEER_THRESHOLD,
    TURN,
    Detections,
    Ours,
    System,
    Theirs,
    in_our_convention,
    in_turns,
    true_box,
)
from nasion.report.bench.detect_trials import trials
from nasion.report.bench.machine import describe_models
from nasion.report.bench.peers import find_peers
from nasion.report.bench.result import Cell, Result, Table, command_line
from nasion.report.bench.scoring import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OURS = "nasion"
SIZES = ((0, 16), (16, 32), (32, 64), (64, np.inf))  # px, root of the box's area
# The detector's recipe keeps these photos out of training: the first of a seeded shuffle of the sorted names.
HELD_OUT, SPLIT_SEED = 253, 20


def held_out_names(names: Sequence[str]) -> set[str]:
    """The photos that the detector's recipe never trained on."""
    ordered = sorted(names)
    return {ordered[i] for i in np.random.default_rng(SPLIT_SEED).permutation(len(ordered))[:HELD_OUT]}


def bench_detect(
    data: Path, peers: Sequence[str] = (), peers_folder: Path = PEERS_FOLDER, limit: int | None = None
) -> Result:
    """Find the faces of every photo and count the annotated ones among them; then the hard cases.

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
    systems: list[System] = [Ours(OURS)]
    systems += [Theirs(peer, data) for peer in find_peers(peers, "detect", peers_folder)]
    found = in_turns(systems, [photo.path for photo in photos])
    moved = [in_our_convention(s, truth, ~fresh) for s in found[1:]]
    scores = {s.label: _score(s, truth, fresh) for s in found + moved}
    curves = {s.label: recall_curve(s.boxes, truth) for s in found + moved}
    with tempfile.TemporaryDirectory() as folder:
        hard = trials(data, [p for p, f in zip(photos, fresh, strict=True) if f], Path(folder), limit)
        for system in systems:
            scores[system.label]["hard"] = {trial.name: trial.score(system.detect(trial.paths)) for trial in hard}
    sizes = tuple(f"{low:g}-{high:g} px" if np.isfinite(high) else f"> {low:g} px" for low, high in SIZES)
    labels = [system.label for system in systems]
    return Result(
        name="detect",
        title=f"Faces found in {len(photos)} street and group photos",
        command=command_line("detect", peers, limit),
        tables=(
            Table(
                f"Recall at IoU {OVERLAP}, %",
                ("system", "held-out", "all", *sizes),
                tuple(_recalls(k, v) for k, v in scores.items()),
            ),
            Table(
                "Time",
                ("system", "boxes/photo", "ms/photo", "over ours"),
                tuple(_times(label, scores) for label in labels),
            ),
            Table(
                "Hard cases",
                ("system", *(trial.name for trial in hard)),
                tuple(_hard(label, scores[label]["hard"]) for label in labels),
            ),
        ),
        numbers={
            "systems": scores,
            "photos": len(photos),
            "held_out_photos": int(fresh.sum()),
            "boxes": int(sum(map(len, truth))),
            "iou": OVERLAP,
            "models": describe_models("detector", "detector_second"),
        },
        notes=(
            "Sizes are roots of the boxes' areas.",
            f"Timed in turns of {TURN} photos, for the machine's speed changes.",
            "Small faces in the back rows are often unboxed, so recall is measured and precision is not.",
            f"Held-out: {int(fresh.sum())} photos that the detector's recipe keeps out of training; quote that column.",
            f"Peers count from a score of {PEER_THRESHOLD} on; the plot shows recall against boxes for every score.",
            "Boxes moved: a peer's boxes shifted to the annotators' convention, learnt on the other photos.",
            "Masks: whether the photo has any face found. Lying and upside-down: every third held-out photo, turned.",
            "Crops: from below the lowest boxed chin of held-out photos, so no detector chose them. False boxes count.",
        ),
        plots={
            "recall": lambda figure: _draw_curves(figure, curves),
            "size": lambda figure: _draw_sizes(figure, scores),
        },
    )


def recall_curve(boxes: Sequence[FloatArray], truth: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Boxes per photo against recall, over every threshold: two systems compare where their curves meet one line.

    Args:
        boxes: per photo (N, 5) boxes and scores.
        truth: per photo (M, 4) boxes.

    Returns:
        boxes per photo and recall, one entry per box, the best score first.
    """
    hit = np.concatenate([true_box(found, wanted) >= 0 for found, wanted in zip(boxes, truth, strict=True)])
    scores = np.concatenate([found[:, 4] for found in boxes])
    _, recall = precision_recall(hit, scores, max(sum(map(len, truth)), 1))
    return np.arange(1, len(hit) + 1) / len(boxes), recall


def _score(system: Detections, truth: Sequence[FloatArray], fresh: BoolArray) -> dict[str, Any]:
    hit, size, held, kept = [], [], [], 0
    for found, wanted, is_fresh in zip(system.counted(), truth, fresh, strict=True):
        kept += len(found)
        hit.append(np.isin(np.arange(len(wanted)), true_box(found, wanted)))
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


def _recalls(label: str, s: dict[str, Any]) -> tuple[Cell, ...]:
    by_size = (percent(v["recall"], 1) for v in s["recall_by_size_px"].values())
    return label, percent(s["recall_held_out"], 1), percent(s["recall"], 1), *by_size


def _times(label: str, scores: dict[str, dict[str, Any]]) -> tuple[Cell, ...]:
    ms = scores[label]["ms_per_photo_median"]
    ratio = ms / scores[OURS]["ms_per_photo_median"]
    return label, f"{scores[label]['boxes_per_photo']:.1f}", f"{ms:.1f}", f"{ratio:.2f}"


def _hard(label: str, values: dict[str, float]) -> tuple[Cell, ...]:
    return label, *(f"{v:.0f}" if name.startswith("false") else f"{percent(v, 1)} %" for name, v in values.items())


def _draw_curves(figure: Figure, curves: dict[str, tuple[FloatArray, FloatArray]]) -> None:
    axes = figure.subplots()
    for label, (boxes, recall) in curves.items():
        axes.plot(boxes, 100 * recall, label=label, linewidth=2.5 if label == OURS else 1.3)
    axes.set(xlabel="boxes per photo, as the threshold falls", ylabel=f"recall at IoU {OVERLAP}, %", ylim=(0, 101))
    axes.set_xlim(0, None)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)


def _draw_sizes(figure: Figure, scores: dict[str, dict[str, Any]]) -> None:
    axes = figure.subplots()
    width = 0.8 / len(scores)
    for i, (label, s) in enumerate(scores.items()):
        values = [100 * (v["recall"] or 0) for v in s["recall_by_size_px"].values()]
        axes.bar(np.arange(len(SIZES)) + (i - len(scores) / 2 + 0.5) * width, values, width, label=label)
    axes.set_xticks(range(len(SIZES)), [f"{a:g}-{b:g}" if np.isfinite(b) else f"> {a:g}" for a, b in SIZES])
    axes.set(xlabel="root of the box's area, px", ylabel=f"recall at IoU {OVERLAP}, %", ylim=(0, 101))
    axes.grid(alpha=0.3, axis="y")
    axes.legend(loc="upper left", fontsize=8)
