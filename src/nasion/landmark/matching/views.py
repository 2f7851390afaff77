"""Two calibrated cameras see the same faces: which points, and which faces, belong together, by geometry alone.

No descriptors, no training, and the two sets may follow different landmark layouts. Pixels are undistorted (an ideal
pinhole camera); a calibration that is off by a pixel acts like a pixel of noise on every point.

Two costs: the distance to the epipolar line (px) and the distance between the two half-lines of sight (the unit of the
rig). They differ by the depth, so a threshold for one is none for the other. Only the second sees that two lines of
sight would meet behind a camera.

Points that lie on one epipolar line cannot be told apart by either: with the cameras side by side, the corners of both
eyes nearly do. Tilt the rig, or heed ``Matching.ambiguous``.

Source: Clerc et al., "HOT-POT: Optimal Transport for Sparse Stereo Matching", arXiv 2601.12423. The normalisation of
the epipolar cost is the symmetric one of Hartley and Zisserman, "Multiple View Geometry", 2004.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from nasion.core import Camera, FloatArray, InputError
from nasion.landmark.matching.plan import Matching, match

ViewCost = Literal["ray", "epipolar"]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A calibrated camera of a rig: a world point X stands at ``rotation @ X + translation`` in its frame.

    Attributes:
        camera: its intrinsics, px.
        rotation: (3, 3), world to camera frame (x right, y down, z forward).
        translation: (3,) in the unit of the rig, such as mm.
    """

    camera: Camera
    rotation: FloatArray
    translation: FloatArray

    def __post_init__(self) -> None:
        turn, shift = np.asarray(self.rotation, np.float64), np.asarray(self.translation, np.float64)
        if turn.shape != (3, 3) or shift.shape != (3,) or not np.isfinite(shift).all():
            raise InputError(f"a view needs a (3, 3) rotation and a (3,) translation, got {turn.shape}, {shift.shape}")
        if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-4) or np.linalg.det(turn) < 0:
            raise InputError("the rotation of a view must be a rotation: orthogonal, determinant 1")

    @property
    def center(self) -> FloatArray:
        """(3,) where the camera stands in the world."""
        return np.asarray(-self.rotation.T @ self.translation)

    def rays(self, pixels: FloatArray) -> FloatArray:
        """(N, 2) px to (N, 3) unit directions in the world."""
        return np.asarray(self.camera.rays(np.asarray(pixels, np.float64)) @ self.rotation)

    def project(self, points: FloatArray) -> FloatArray:
        """(N, 3) world points to (N, 2) px; NaN at or behind the camera."""
        return self.camera.project(np.asarray(points) @ self.rotation.T + self.translation)


@dataclass(frozen=True, slots=True, eq=False)
class FaceMatching:
    """Faces of two views, and the points of each pair of faces.

    Attributes:
        faces: pairs of faces; the cost is the mean cost of a transported point.
        points: for each pair of ``faces``, in its order, the pairs of points.
    """

    faces: Matching
    points: tuple[Matching, ...]


def fundamental_matrix(a: View, b: View) -> FloatArray:
    """(3, 3) F with y^T F x = 0 for the homogeneous pixels x in view a and y in view b of one point."""
    turn = b.rotation @ a.rotation.T
    tx, ty, tz = b.translation - turn @ a.translation
    cross = np.array([[0, -tz, ty], [tz, 0, -tx], [-ty, tx, 0]])
    inner = cross @ turn
    return np.asarray(np.linalg.inv(b.camera.matrix).T @ inner @ np.linalg.inv(a.camera.matrix))


def epipolar_cost(x: FloatArray, y: FloatArray, a: View, b: View) -> FloatArray:
    """Mean distance of two points to each other's epipolar line.

    Args:
        x, y: (n, 2) px in view a and (m, 2) px in view b.

    Returns:
        (n, m) px; 0 for points on one line, also for those that would meet behind a camera.
    """
    f = fundamental_matrix(a, b)
    xh, yh = (np.column_stack([points, np.ones(len(points))]) for points in (_pixels(x), _pixels(y)))
    in_b, in_a = xh @ f.T, yh @ f  # the lines of x in b and of y in a
    off = np.abs(in_b @ yh.T)
    per_px = 1 / np.linalg.norm(in_b[:, None, :2], axis=2) + 1 / np.linalg.norm(in_a[None, :, :2], axis=2)
    return np.asarray(0.5 * off * per_px)


def ray_cost(x: FloatArray, y: FloatArray, a: View, b: View) -> FloatArray:
    """Distance between the half-lines of sight.

    Args:
        x, y: (n, 2) px in view a and (m, 2) px in view b.

    Returns:
        (n, m) in the unit of the rig; above 0 where the lines would meet behind a camera.
    """
    s, t = _closest(x, y, a, b)
    gap = (a.center + s[..., None] * a.rays(_pixels(x))[:, None]) - (b.center + t[..., None] * b.rays(_pixels(y)))
    return np.asarray(np.linalg.norm(gap, axis=-1))


def triangulate(x: FloatArray, y: FloatArray, a: View, b: View) -> FloatArray:
    """The world point of each pair: the middle of the shortest segment between its half-lines of sight.

    Args:
        x, y: (P, 2) px in view a and in view b, pair by pair.

    Returns:
        (P, 3) in the unit of the rig.
    """
    if len(x) != len(y):
        raise InputError(f"pairs need as many points in both views, got {len(x)} and {len(y)}")
    s, t = (np.diagonal(v)[:, None] for v in _closest(x, y, a, b))
    return np.asarray((a.center + s * a.rays(_pixels(x)) + b.center + t * b.rays(_pixels(y))) / 2)


def match_views(
    x: FloatArray,
    y: FloatArray,
    a: View,
    b: View,
    *,
    cost: ViewCost = "ray",
    count: int | None = None,
    price: float | None = None,
) -> Matching:
    """Pair the points of two views.

    Args:
        x, y: (n, 2) and (m, 2) px, undistorted, in any order and any layout.
        a, b: the cameras.
        cost: ``"ray"`` in the unit of the rig, or ``"epipolar"`` in px.
        count, price: how many pairs, or what a point alone costs in the unit of the cost; see `match`.

    Raises:
        InputError: points that are not finite (N, 2), or an unknown cost.
        MissingExtraError: POT is not installed.
    """
    return match(_costs(cost)(x, y, a, b), count=count, price=price)


def match_faces(
    faces_a: Sequence[FloatArray],
    faces_b: Sequence[FloatArray],
    a: View,
    b: View,
    *,
    cost: ViewCost = "ray",
    count: int | None = None,
) -> FaceMatching:
    """Pair the faces of two views (hierarchical transport): a pair of faces costs what its points' best plan costs.

    Args:
        faces_a, faces_b: one (n, 2) px array for each face.
        a, b: the cameras.
        cost: as for `match_views`.
        count: how many pairs of faces; default as many as the view with fewer has.
    """
    if not faces_a or not faces_b:
        raise InputError("matching faces needs at least one face in each view")
    between = _costs(cost)
    inner = [[match(between(x, y, a, b)) for y in faces_b] for x in faces_a]
    # per transported point, or faces with few points would win
    means = np.array([[plan.total / len(plan) for plan in row] for row in inner])
    faces = match(means, count=count)
    return FaceMatching(faces, tuple(inner[i][j] for i, j in faces.pairs))


def read_rig(path: str | os.PathLike[str]) -> tuple[View, View]:
    """Two views from a JSON file: ``{"a": {"fx", "fy", "cx", "cy", "rotation", "translation"}, "b": {...}}``.

    Raises:
        InputError: it cannot be read, or a number is missing.
    """
    try:
        held = json.loads(Path(path).read_text("utf-8"))
        a, b = (
            View(
                Camera(*(float(held[name][key]) for key in ("fx", "fy", "cx", "cy"))),
                np.array(held[name]["rotation"], np.float64),
                np.array(held[name]["translation"], np.float64),
            )
            for name in ("a", "b")
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is no rig: it must hold views a and b, each with fx, fy, cx, cy (px), rotation (3 x 3) and "
            f"translation (3 numbers): {error}"
        ) from error
    return a, b


def _closest(x: FloatArray, y: FloatArray, a: View, b: View) -> tuple[FloatArray, FloatArray]:
    """(n, m) each: how far along both half-lines their nearest points are, never behind the camera."""
    d, e = a.rays(_pixels(x))[:, None], b.rays(_pixels(y))[None]
    between = b.center - a.center
    cosine, along_d, along_e = (d * e).sum(-1), (d @ between) + 0 * e[..., 0], (e @ between) + 0 * d[..., 0]
    sine = 1 - cosine**2
    with np.errstate(divide="ignore", invalid="ignore"):
        s, t = (along_d - cosine * along_e) / sine, (cosine * along_d - along_e) / sine
    inside = (sine > 1e-12) & (s >= 0) & (t >= 0)
    # else the nearest points lie at the start of one of them
    at_a, at_b = np.maximum(-along_e, 0), np.maximum(along_d, 0)
    from_a = np.linalg.norm(between + at_a[..., None] * e, axis=-1)
    from_b = np.linalg.norm(between - at_b[..., None] * d, axis=-1)
    first = from_a <= from_b
    return np.where(inside, s, np.where(first, 0.0, at_b)), np.where(inside, t, np.where(first, at_a, 0.0))


def _costs(name: ViewCost) -> Callable[[FloatArray, FloatArray, View, View], FloatArray]:
    if name not in get_args(ViewCost):
        raise InputError(f"there is no cost {name!r}; take one of {', '.join(get_args(ViewCost))}")
    return ray_cost if name == "ray" else epipolar_cost


def _pixels(points: FloatArray) -> FloatArray:
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.isfinite(points).all():
        raise InputError(f"points of a view are finite (N, 2) px, at least one; got an array of shape {points.shape}")
    return points
