"""How far a landmarker contradicts itself on a face: what can be measured where nobody placed the true points.

The same face is looked at mirrored, and through crops that are shifted, scaled and turned a little; the two heads of
the network are compared with each other. A landmarker that contradicts itself is wrong at least once; one that agrees
with itself may still be wrong: **consistency is not accuracy**. How far one tells about the other is measured on faces
with human points by ``nasion bench audit``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from nasion.audit.capture import blur_effect, surroundings
from nasion.core import Face, FloatArray, ImageArray, Landmarks, Reading, convert
from nasion.landmark import Placement

# turn in degrees, factor, and shift over the face's size: as far off as crops around a detector's five points are
JITTERS = ((8.0, 1.06, 0.03, -0.03), (-8.0, 0.94, -0.03, 0.03), (4.0, 0.94, 0.04, 0.04), (-4.0, 1.06, -0.04, -0.04))
REGIONS = {
    "jaw": ("jaw",),
    "brows": ("left_brow", "right_brow"),
    "nose": ("nose",),
    "eyes": ("left_eye", "right_eye"),
    "mouth": ("mouth",),
}


class PointPlacer(Protocol):
    """What is asked of a landmarker; `nasion.landmark.Landmarker` is one."""

    def place_many(self, pairs: Sequence[tuple[ImageArray, Face]], *, passes: int | None = None) -> Sequence[Placement]:
        """Points for each (image, face), the crop cut anew ``passes`` times."""


@dataclass(frozen=True, slots=True)
class Consistency(Reading):
    """One face as the audit sees it. Errors are fractions of the face's size, the root of its points' box's area.

    Attributes:
        mirror: mean distance of the 68 points to those placed on the mirrored picture.
        mirror_jaw, mirror_brows, mirror_nose, mirror_eyes, mirror_mouth: the same over one region.
        jitter: mean distance to the points placed through four crops moved by a few per cent and degrees.
        heads: mean distance between the network's own 68 points and those converted from its dense ones.
        sigma: the mean error per axis that the network expects.
        eye_distance: between the outer eye corners: divides an error into the inter-ocular unit.
        height: of the points' box, px.
        blur: of the face, 0 sharp to 1 blurred (`blur_effect`).
        light, contrast: mean and standard deviation of the luma around the face, 0..1.
        hidden: mean probability 0..1 that a point cannot be seen, as the network says.
        mouth: opening of the inner lips over the mouth's width.
        off_center: distance of the face from the picture's middle over the face's size: which face the label means.
    """

    mirror: float
    mirror_jaw: float
    mirror_brows: float
    mirror_nose: float
    mirror_eyes: float
    mirror_mouth: float
    jitter: float
    heads: float
    sigma: float
    eye_distance: float
    height: float
    blur: float
    light: float
    contrast: float
    hidden: float
    mouth: float
    off_center: float


class LandmarkConsistency:
    """Task ``consistency``: reads `Consistency`.

    Args:
        landmarker: the one under audit; it looks at five more crops of each face.
    """

    name, needs, gives = "consistency", ("landmarks",), Consistency

    def __init__(self, landmarker: PointPlacer) -> None:
        self._landmarker = landmarker

    def read(self, image: ImageArray, faces: list[Face]) -> list[Consistency]:
        """One reading per face; all crops of all faces go through the network together."""
        width = image.shape[1]
        mirrored = np.ascontiguousarray(image[:, ::-1])
        looks: list[tuple[ImageArray, Face]] = []
        for face in faces:
            guess = face.landmarks.to("coarse5")
            looks.append((mirrored, Face(face.box, face.score, guess.flip(width))))
            looks += [(image, Face(face.box, face.score, guess.transform(m))) for m in _jitters(face.landmarks)]
        placed = [p.landmarks for p in self._landmarker.place_many(looks, passes=1)]
        luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)
        each = len(JITTERS) + 1
        return [
            _reading(luma, face.landmarks, placed[each * i].flip(width), placed[each * i + 1 : each * (i + 1)])
            for i, face in enumerate(faces)
        ]


def _reading(luma: FloatArray, points: Landmarks, mirrored: Landmarks, jittered: Sequence[Landmarks]) -> Consistency:
    own = points.to("ibug68")
    here, box = own.points[:, :2], own.box
    size = float(np.sqrt(max(box.area, 1.0)))
    mirror = _apart(mirrored, here) / size
    jitter = np.mean([_apart(other, here) for other in jittered]) / size
    regions = {
        f"mirror_{name}": float(mirror[np.concatenate([own.scheme.index(g) for g in groups])].mean())
        for name, groups in REGIONS.items()
    }
    dense = points if points.scheme.name == "dense478" else None
    heads = float("nan") if dense is None else float(_apart(convert(dense, "ibug68"), here).mean()) / size
    height, width = luma.shape
    inside = box.clipped(width, height)
    crop = luma[int(inside.y0) : int(inside.y1) + 1, int(inside.x0) : int(inside.x1) + 1]
    light, contrast = surroundings(luma, box, _skin(here))
    middle = np.hypot(box.center[0] - (width - 1) / 2, box.center[1] - (height - 1) / 2)
    cut = box.area and inside.area / box.area
    return Consistency(
        reliability=float(np.clip(cut, 0, 1)),
        reason="" if cut >= 0.5 else "most of the face lies outside the picture",
        mirror=float(mirror.mean()),
        **regions,
        jitter=float(jitter),
        heads=heads,
        sigma=float(own.sigma.mean()) / size,
        eye_distance=float(np.linalg.norm(here[36] - here[45])) / size,
        height=float(box.height),
        blur=blur_effect(crop),
        light=light,
        contrast=contrast,
        hidden=float(1 - own.visibility.mean()),
        mouth=float(np.linalg.norm(here[62] - here[66]) / max(float(np.linalg.norm(here[48] - here[54])), 1e-6)),
        off_center=float(middle) / size,
    )


def _apart(other: Landmarks, here: FloatArray) -> FloatArray:
    """(68,) px."""
    return np.asarray(np.linalg.norm(other.to("ibug68").points[:, :2] - here, axis=1))


def _jitters(points: Landmarks) -> list[FloatArray]:
    """(2, 3) maps that move a guess, and with it the crop, about the face's middle."""
    size, (x, y) = float(np.sqrt(max(points.box.area, 1.0))), points.box.center
    maps: list[FloatArray] = []
    for degrees, factor, right, down in JITTERS:
        angle = np.radians(degrees)
        linear = factor * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        maps.append(np.column_stack([linear, np.array([x, y]) - linear @ (x, y) + size * np.array([right, down])]))
    return maps


def _skin(points: FloatArray) -> FloatArray:
    """(N + 3, 2) the points, and the forehead above them, which the 68 leave out."""
    brows, chin = points[17:27], points[8]
    up = brows.mean(axis=0) - chin
    return np.concatenate([points, brows[[0, 4, 9]] + 0.5 * up])
