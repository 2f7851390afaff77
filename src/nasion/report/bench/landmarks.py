"""Landmark accuracy on the 90 HELEN test photos, each system with the boxes it finds itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import FloatArray
from nasion.metrics import cumulative_error_curve
from nasion.report.bench.data import FacePhoto, helen
from nasion.report.bench.defaults import PEERS_FOLDER
from nasion.report.bench.layouts import fit_linear_map, to_ibug68
from nasion.report.bench.machine import describe_models
from nasion.report.bench.peers import Peer, find_peers, run_peer
from nasion.report.bench.progress import progress
from nasion.report.bench.result import Result, Table, command_line
from nasion.report.bench.scoring import INNER, MATCH, Found, Placed, annotated_face, found_by_peer, percent, score

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OURS = "nasion"
_ERRORS = ("system", "missed", "NME %", "95 %", "median", "inner 51", "worst", "> 8 %", "AUC 8 %")
_TIMES = ("system", "ms/photo", "over ours", "NME % where all found")


def bench_landmarks(
    data: Path, peers: Sequence[str] = (), peers_folder: Path = PEERS_FOLDER, limit: int | None = None
) -> Result:
    """Place 68 points on every annotated face and compare with the human labels.

    Args:
        data: the data folder.
        peers: systems to measure beside us, by name, or ``["all"]``.
        peers_folder: where their scripts are.
        limit: only the first photos, for a quick look; not a figure to quote.
    """
    photos = helen(data)[:limit]
    truth = np.stack([photo.points for photo in photos])
    systems = [_place_ours(photos)]
    for peer in find_peers(peers, "landmarks", peers_folder):
        systems += _place_peer(peer, photos, data, learn=limit is None)
    everywhere = np.stack([np.isfinite(s.points).any(axis=(1, 2)) for s in systems]).all(axis=0)
    common = np.flatnonzero(everywhere).tolist()
    scores = {s.label: score(s, truth, common) for s in systems}
    groups = _groups(systems[0], truth)
    missed = [str(p.path.name) for p, ok in zip(photos, np.isfinite(systems[0].points[:, 0, 0]), strict=True) if not ok]
    return Result(
        name="landmarks",
        title=f"68 landmarks on {len(photos)} HELEN test photos, own boxes",
        command=command_line("landmarks", peers, limit),
        tables=(
            Table("Error over the inter-ocular distance", _ERRORS, tuple(_errors(k, v) for k, v in scores.items())),
            Table("Time", _TIMES, tuple(_times(k, v, scores[OURS]) for k, v in scores.items())),
            Table("nasion by group", ("group", "NME %"), tuple((k, percent(v)) for k, v in groups.items())),
        ),
        numbers={
            "systems": scores,
            "groups": groups,
            "missed_files": missed,
            "photos": [photo.path.name for photo in photos],
            "models": describe_models("detector", "landmarker"),
        },
        notes=(
            f"The annotated face is the one whose box overlaps that of the annotated points best, by {MATCH} or more.",
            "Means are over found faces; failures and AUC count a missed face as infinitely wrong.",
            "Divided by the distance between the outer eye corners. Time: one photo at a time, decoding left out.",
            *_notes_on_peers(systems),
            *((f"Missed by nasion: {', '.join(missed)}.",) if missed else ()),
        ),
        plots={"ced": lambda figure: _draw_curves(figure, scores)},
    )


def _place_ours(photos: Sequence[FacePhoto]) -> Placed:
    from nasion.media import read_image
    from nasion.pipeline import Analyzer

    analyzer = Analyzer(tasks=("landmarks",), scheme="ibug68")
    for photo in photos[:3]:
        analyzer(read_image(photo.path))
    points = np.full((len(photos), 68, 2), np.nan)
    ms = np.zeros(len(photos))
    for i, photo in enumerate(progress(photos, "nasion: landmarks", len(photos))):
        image = read_image(photo.path)
        start = time.perf_counter()
        faces = analyzer(image)
        ms[i] = 1000 * (time.perf_counter() - start)
        face = annotated_face([Found(f.box, f.landmarks.to("ibug68").points) for f in faces], photo.points)
        if face is not None:
            points[i] = face.points[:, :2]
    return Placed(OURS, points, "ibug68", ms)


def _place_peer(peer: Peer, photos: Sequence[FacePhoto], data: Path, *, learn: bool) -> list[Placed]:
    """A peer's answer; for the dense mesh also through a linear map learnt on HELEN train (``learn``)."""
    answer = run_peer(peer, "landmarks", [photo.path for photo in photos], data)
    found, ms = _collect(answer, photos)
    lost = np.full((68, 2), np.nan)
    by_index = [lost if p is None else to_ibug68(p[None], peer.layout)[0] for p in found]
    placed = [Placed(peer.label, np.stack(by_index), peer.layout, ms)]
    if peer.layout == "dense478" and learn:
        train = helen(data, "train")
        meshes, _ = _collect(run_peer(peer, "landmarks", [photo.path for photo in train], data), train)
        pairs = [(mesh, photo.points) for mesh, photo in zip(meshes, train, strict=True) if mesh is not None]
        mapping = fit_linear_map(np.stack([mesh for mesh, _ in pairs]), np.stack([points for _, points in pairs]))
        mapped = [lost if p is None else mapping(p[None])[0] for p in found]
        placed.append(Placed(f"{peer.label} + linear map", np.stack(mapped), peer.layout, ms))
    return placed


def _collect(answer: dict[str, Any], photos: Sequence[FacePhoto]) -> tuple[list[FloatArray | None], FloatArray]:
    found: list[FloatArray | None] = []
    for photo, result in zip(photos, answer["results"], strict=True):
        face = annotated_face(found_by_peer(result), photo.points)
        found.append(None if face is None else face.points)
    return found, np.array([result["ms"] for result in answer["results"]])


def _groups(ours: Placed, truth: FloatArray) -> dict[str, float]:
    from nasion.core import scheme
    from nasion.metrics import nme_by_group

    seen = np.isfinite(ours.points[:, 0, 0])
    if not seen.any():
        return {}
    groups = {"inner 51": tuple(INNER), **scheme("ibug68").groups}
    errors = nme_by_group(ours.points[seen], truth[seen], groups)
    return {name: float(values.mean()) for name, values in errors.items()}


def _errors(label: str, s: dict[str, Any]) -> tuple[str | int | float | None, ...]:
    interval = s.get("nme_mean_95")
    return (
        label,
        s["missed"],
        percent(s.get("nme_mean")),
        "-".join(f"{100 * v:.2f}" for v in interval) if interval else None,
        percent(s.get("nme_median")),
        percent(s.get("nme_inner51")),
        percent(s.get("nme_worst")),
        s.get("failures_8", s["faces"]),
        f"{s['auc_8']:.3f}",
    )


def _times(label: str, s: dict[str, Any], ours: dict[str, Any]) -> tuple[str | int | float | None, ...]:
    ms = s["ms_per_photo_median"]
    return label, f"{ms:.1f}", f"{ms / ours['ms_per_photo_median']:.2f}", percent(s.get("nme_mean_common"))


def _notes_on_peers(systems: Sequence[Placed]) -> list[str]:
    notes = []
    if any(s.layout == "openseeface66" for s in systems):
        notes.append("OpenSeeFace has no inner mouth corners: its errors are over 66 points (49 inner ones).")
    if any("linear map" in s.label for s in systems):
        notes.append("The linear map from mesh to 68 points is ridge regression on the 870 HELEN training crops.")
    return notes


def _draw_curves(figure: Figure, scores: dict[str, dict[str, Any]]) -> None:
    axes = figure.subplots()
    for label, s in scores.items():
        errors = np.array([np.inf if v is None else v for v in s.get("nme_per_face", [None])])
        x, y = cumulative_error_curve(errors)
        axes.plot(100 * x, 100 * y, label=f"{label} (AUC {s['auc_8']:.3f})", linewidth=2.5 if label == OURS else 1.3)
    axes.set(xlabel="error, % of the inter-ocular distance", ylabel="% of faces with at most this error")
    axes.set(xlim=(0, 8), ylim=(0, 101))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", fontsize=8)
