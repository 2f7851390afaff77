"""One press: a person's vectors from a few seconds of video or some photos, ready for the gallery.

Source: one-press enrolment of "AI-based Wearable Vision Assistance System for the Visually Impaired", arXiv 2412.20059.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from nasion.core import Face, FloatArray, ImageArray, InputError
from nasion.identity import FaceEmbedder, farthest_points, quality
from nasion.pipeline.analyzer import Analyzer

SECONDS, FRAMES = 3.0, 10  # of video, and how many of its frames are kept
SPACING_S = 0.1  # between frames looked at


@dataclass(frozen=True, slots=True, eq=False)
class Enrolment:
    """What was gathered of one person.

    Attributes:
        vectors: (N, D) of unit length, different from each other.
        looked: faces looked at.
        refused: why faces were not used, with how many.
    """

    vectors: FloatArray
    looked: int
    refused: dict[str, int]


def press(
    frames: Iterable[tuple[ImageArray, float]], embedder: FaceEmbedder, analyzer: Analyzer | None = None,
    seconds: float = SECONDS,
) -> Enrolment:  # fmt: skip
    """The largest face of a few seconds of video: its most different good frames.

    Args:
        frames: pictures with their seconds.
        embedder: the network.
        analyzer: in video mode, with ``landmarks`` and ``pose``.
        seconds: how long to look, from the first frame with a face.

    Raises:
        InputError: no frame shows a face that is good enough; the message says why.
    """
    analyzer = analyzer or Analyzer(("landmarks", "pose"), mode="video", detect_every=3, smooth=False)
    gathered: dict[int, list[FloatArray]] = {}
    sizes: Counter[int] = Counter()
    refused: dict[int, list[str]] = {}
    began, last = np.inf, -np.inf
    for image, time_s in frames:
        if time_s - began > seconds:
            break
        faces = analyzer(image, time_s)
        if not faces:
            continue
        began = min(began, time_s)
        if time_s - last < SPACING_S - 1e-6:
            continue
        last = time_s
        for face in faces:
            assert face.track_id is not None, "video mode gives ids"
            sizes[face.track_id] += round(face.box.area)
            reason = quality(image, face).reason
            if reason:
                refused.setdefault(face.track_id, []).append(reason)
            else:
                gathered.setdefault(face.track_id, []).append(embedder(image, [face])[0])
    if not sizes:
        raise InputError("no face in these seconds: hold the camera at a person within about two metres")
    track = sizes.most_common(1)[0][0]
    return _enrolment(gathered.get(track, []), refused.get(track, []))


def from_photos(photos: Iterable[ImageArray], embedder: FaceEmbedder, analyzer: Analyzer | None = None) -> Enrolment:
    """The largest face of each photo.

    Args:
        photos: of one person.
        embedder: the network.
        analyzer: in image mode, with ``landmarks`` and ``pose``.

    Raises:
        InputError: no photo shows a face that is good enough; the message says why.
    """
    analyzer = analyzer or Analyzer(("landmarks", "pose"))
    vectors: list[FloatArray] = []
    refused: list[str] = []
    for image in photos:
        faces: list[Face] = analyzer(image)
        if not faces:
            refused.append("no face")
            continue
        face = max(faces, key=lambda f: f.box.area)
        reason = quality(image, face).reason
        if reason:
            refused.append(reason)
        else:
            vectors.append(embedder(image, [face])[0])
    return _enrolment(vectors, refused)


def _enrolment(vectors: list[FloatArray], refused: list[str]) -> Enrolment:
    if not vectors:
        why = "; ".join(f"{count} x {reason}" for reason, count in Counter(refused).most_common(3))
        raise InputError(f"no face was good enough to enrol: {why or 'nothing was given'}")
    every = np.stack(vectors)
    return Enrolment(every[farthest_points(every, FRAMES)], len(vectors) + len(refused), dict(Counter(refused)))
