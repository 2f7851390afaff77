"""A clip as shots of its main face, for `nasion.clinic.binary_state`."""

from __future__ import annotations

import itertools
import os

import numpy as np

from nasion.clinic.binary_state import FPS, FRAMES, Shot, face_crop, make_shot
from nasion.core import FloatArray, ImageArray
from nasion.pipeline.analyzer import Analyzer
from nasion.pipeline.video import run_video

GAP_S = 0.25  # without the face: the shot ends
MOST = 20  # shots a clip: half a minute


def read_shots(path: str | os.PathLike[str], analyzer: Analyzer | None = None) -> list[Shot]:
    """Shots of 1.6 s at 10 frames a second, of the person who is seen longest.

    A cut, a lost face or another person ends a shot; what is left over is too short for one and not used.

    Args:
        path: a video file.
        analyzer: what finds and follows faces; None is the embedded models' own, with points that are not smoothed.

    Raises:
        MediaError: the file cannot be read.
    """
    analyzer = analyzer or Analyzer(("landmarks",), mode="video", smooth=False)
    tracks: dict[int, list[tuple[float, FloatArray, ImageArray]]] = {}
    for frame, faces in run_video(path, analyzer):
        for face in faces:
            if face.track_id is not None:
                points = face.landmarks.to("ibug68").points[:, :2]
                own = tracks.setdefault(face.track_id, [])
                if not own or frame.time_s > own[-1][0]:
                    own.append((frame.time_s, points, face_crop(frame.image, points)))
    if not tracks:
        return []
    return cut(max(tracks.values(), key=len))


def cut(seen: list[tuple[float, FloatArray, ImageArray]]) -> list[Shot]:
    """Shots from frames (seconds, (68, 2) px, crop) of one person, in order."""
    times = np.array([time for time, _, _ in seen])
    points = np.stack([p for _, p, _ in seen]).astype(np.float64)
    crops = np.stack([c for _, _, c in seen])
    shots = []
    edges = [0, *(np.flatnonzero(np.diff(times) > GAP_S) + 1), len(times)]
    grid = np.arange(FRAMES) / FPS
    for start, end in itertools.pairwise(edges):
        t = times[start:end]
        for begin in np.arange(t[0], t[-1] - grid[-1] + 1e-6, FRAMES / FPS):
            wanted = begin + grid
            nearest = start + np.abs(t[None] - wanted[:, None]).argmin(1)
            flat = points[start:end].reshape(len(t), -1)
            laid = np.stack([np.interp(wanted, t, column) for column in flat.T], axis=1).reshape(FRAMES, 68, 2)
            shots.append(make_shot(laid, crops[nearest], wanted))
    return shots[:MOST]
