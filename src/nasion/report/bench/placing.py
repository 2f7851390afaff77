"""Where each system puts the 68 points of annotated faces."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import FloatArray
from nasion.report.bench.data import FacePhoto, helen
from nasion.report.bench.layouts import LinearMap, fit_linear_map, to_ibug68
from nasion.report.bench.peers import Peer, run_peer
from nasion.report.bench.progress import progress
from nasion.report.bench.scoring import Found, Placed, annotated_face, found_by_peer

if TYPE_CHECKING:
    from nasion.pipeline import Analyzer

OURS = "nasion"


def place_ours(analyzer: Analyzer, photos: Sequence[FacePhoto], label: str = OURS) -> Placed:
    """Our points, by an Analyzer of still pictures with ``scheme="ibug68"``."""
    from nasion.media import read_image

    points = np.full((len(photos), 68, 2), np.nan)
    ms = np.zeros(len(photos))
    for i, photo in enumerate(progress(photos, f"{label}: landmarks", len(photos))):
        image = read_image(photo.path)
        start = time.perf_counter()
        faces = analyzer(image)
        ms[i] = 1000 * (time.perf_counter() - start)
        face = annotated_face([Found(f.box, f.landmarks.to("ibug68").points) for f in faces], photo.points)
        if face is not None:
            points[i] = face.points[:, :2]
    return Placed(label, points, "ibug68", ms)


def place_peer(peer: Peer, photos: Sequence[FacePhoto], data: Path, mapping: LinearMap | None = None) -> list[Placed]:
    """A peer's points by index and, for the dense mesh, also through ``mapping``, a second row with the same times."""
    answer = run_peer(peer, "landmarks", [photo.path for photo in photos], data)
    found, ms = _collect(answer, photos)
    lost = np.full((68, 2), np.nan)
    by_index = [lost if p is None else to_ibug68(p[None], peer.layout)[0] for p in found]
    placed = [Placed(peer.label, np.stack(by_index), peer.layout, ms)]
    if mapping is not None:
        mapped = [lost if p is None else mapping(p[None])[0] for p in found]
        placed.append(Placed(f"{peer.label} + linear map", np.stack(mapped), peer.layout, ms))
    return placed


def learn_map(peer: Peer, data: Path) -> LinearMap | None:
    """From a peer's dense mesh to the 68 points, learnt on HELEN train; None for a peer that has no mesh."""
    if peer.layout != "dense478":
        return None
    train = helen(data, "train")
    meshes, _ = _collect(run_peer(peer, "landmarks", [photo.path for photo in train], data), train)
    pairs = [(mesh, photo.points) for mesh, photo in zip(meshes, train, strict=True) if mesh is not None]
    return fit_linear_map(np.stack([mesh for mesh, _ in pairs]), np.stack([points for _, points in pairs]))


def notes_on_peers(labels: Iterable[str], absent: Sequence[Peer]) -> list[str]:
    """What to know before comparing with the systems of these labels, and which could not be measured."""
    named = " ".join(labels)
    notes = []
    if "OpenSeeFace" in named:
        notes.append("OpenSeeFace has no inner mouth corners: its errors are over 66 points (49 inner ones).")
    if "linear map" in named:
        notes.append("The linear map from mesh to 68 points is ridge regression on the 870 HELEN training crops.")
    return notes + [f"{p.label} was not measured: {', '.join(p.weights)} is not in the models folder." for p in absent]


def not_measured(absent: Sequence[Peer], columns: int) -> tuple[tuple[str | None, ...], ...]:
    """Rows of a table for systems that could not be measured: named, without figures."""
    return tuple((f"{peer.label}: weights not available offline", *[None] * (columns - 1)) for peer in absent)


def _collect(answer: dict[str, Any], photos: Sequence[FacePhoto]) -> tuple[list[FloatArray | None], FloatArray]:
    found: list[FloatArray | None] = []
    for photo, result in zip(photos, answer["results"], strict=True):
        face = annotated_face(found_by_peer(result), photo.points)
        found.append(None if face is None else face.points)
    return found, np.array([result["ms"] for result in answer["results"]])
