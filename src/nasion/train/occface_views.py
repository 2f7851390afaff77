"""Faces of which it is known what can be seen: photos as the landmarker sees them, rendered heads, things over both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, IntArray, Landmarks, scheme
from nasion.landmark.view import cut, view_matrix
from nasion.train.damage import occlude
from nasion.train.data import LandmarkSet, random_view, stored_side
from nasion.train.masking import cover_parts, covered, harmless
from nasion.train.renders import Renders

if TYPE_CHECKING:
    from nasion.train.occface_trunk import Trunk

SPARSE = 68  # points of ibug68, before those of dense478
PASTED = 0.75  # of the photos get something pasted over; of the renders, half as many
SURE = 0.5  # visibility from which the landmarker's word on an uncovered photo counts
HARMLESS = 0.3  # of the views get a shadow or a tint
TURN = 0.6  # strength of the views' turning, shifting and scaling


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Crops of faces of which it is known what can be seen.

    Attributes:
        images: RGB uint8 (N, S, S, 3), S = ``stored_side(size)``.
        points: (N, 546, 2) float32 px of ``images``, ``ibug68`` then ``dense478``.
        visible: (N, 546) float32 0..1, NaN where unknown.
    """

    images: ImageArray
    points: FloatArray
    visible: FloatArray

    def __len__(self) -> int:
        return len(self.images)


def known_photos(data: LandmarkSet, trunk: Trunk) -> Known:
    """Photos as the landmarker sees them before anything is pasted over."""
    plain, points, visible = views(data.images, trunk.size), [], []
    offset = (data.images.shape[1] - trunk.size) // 2
    for i in range(0, len(plain), 32):
        seen = trunk(plain[i : i + 32])
        points.append(seen.points + offset)
        visible.append(np.where(seen.visibility >= SURE, 1, np.nan))
    return Known(data.images, np.concatenate(points).astype(np.float32), np.concatenate(visible).astype(np.float32))


def known_renders(heads: Renders, size: int) -> Known:
    """Crops of rendered heads around where a detector would see them."""
    side = stored_side(size)
    images, points = np.empty((len(heads), side, side, 3), np.uint8), np.empty_like(heads.points)
    for i, (image, at) in enumerate(zip(heads.images, heads.points, strict=True)):
        matrix = view_matrix(Landmarks.from_points(at[SPARSE:], scheme("dense478")), size)
        matrix[:, 2] += (side - size) / 2
        images[i], points[i] = cut(image, matrix, side), at @ matrix[:, :2].T + matrix[:, 2]
    # a jaw line of 68 slides along a turned face where people annotate it; the rendered one stays on the skin
    visible = heads.visible.copy()
    visible[:, :17] = np.where(np.abs(heads.yaw[:, None]) < 20, visible[:, :17], np.nan)
    return Known(images, points, visible)


def views(images: ImageArray, size: int) -> ImageArray:
    """The middle ``size`` px of stored crops."""
    o = (images.shape[1] - size) // 2
    return np.ascontiguousarray(images[:, o : o + size, o : o + size])


def hidden_view(
    faces: Known, row: int, rng: np.random.Generator, size: int, paste: bool, parts: bool = True
) -> tuple[ImageArray, FloatArray, FloatArray]:
    """A random view of one face, with things before it if ``paste``, along its parts or anywhere.

    Returns:
        RGB uint8 (size, size, 3), points (546, 2) px, visible (546,) 0..1 with NaN where unknown.
    """
    image, seen = faces.images[row], faces.visible[row]
    at: FloatArray = faces.points[row].astype(np.float64)
    side = image.shape[0]
    if rng.random() < 0.5:
        order = np.concatenate([scheme("ibug68").flip, SPARSE + scheme("dense478").flip])
        image, at, seen = np.ascontiguousarray(image[:, ::-1]), at[order] * (-1, 1) + (side - 1, 0), seen[order]
    matrix = random_view(rng, side, size, TURN)
    seen_as = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    view, at, seen = np.asarray(seen_as, np.uint8), at @ matrix[:, :2].T + matrix[:, 2], seen.copy()
    if rng.random() < HARMLESS:
        harmless(view, rng)
    if paste:
        texture = faces.images[int(rng.integers(len(faces)))]
        if parts:
            mask = cover_parts(view, at, PARTS, rng, texture)
        else:
            mask = occlude(view, rng, texture).astype(np.float32) / 255
        seen[covered(mask, at) >= 0.5] = 0
    seen[((at < 0) | (at > size - 1)).any(1)] = np.nan
    return view, at, seen


def covered_views(faces: Known, size: int, seed: int) -> tuple[ImageArray, FloatArray, FloatArray]:
    """One view of each face, things over three in four, as ``hidden_view`` gives them but stacked."""
    rng = np.random.default_rng(seed)
    made = [hidden_view(faces, i, rng, size, rng.random() < PASTED) for i in range(len(faces))]
    images, points, visible = zip(*made, strict=True)
    return np.stack(images), np.stack(points), np.stack(visible)


def _parts() -> tuple[IntArray, ...]:
    """Rows of the 546 points that get hidden together: parts of the face, its halves, its lower and upper half."""
    layout = scheme("dense478")
    assert layout.template is not None, "dense478 has a template"
    x, y = layout.template[:, 0], layout.template[:, 1]
    wanted = ("left_eye", "right_eye", "left_brow", "right_brow", "nose", "mouth", "chin", "forehead", "jaw")
    groups = [layout.index(name) for name in wanted if name in layout.groups]
    low, middle = np.quantile(y, 0.55), np.median(y)
    halves = [np.flatnonzero(part) for part in (x > 8, x < -8, y > low, y < middle)]
    eyes = np.concatenate([layout.index("left_eye"), layout.index("right_eye")])
    mouth = np.concatenate([layout.index("mouth"), layout.index("nose")])
    return tuple(SPARSE + np.asarray(g) for g in (*groups, *halves, eyes, mouth))


PARTS = _parts()
