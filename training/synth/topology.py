"""Our own triangulation of the 478-point layout, refined, with holes for eyes and mouth.

The right half of the mean face is unrolled around the head and triangulated (Delaunay), the left half is its mirror
image. The lids between margin and crease and everything behind the mouth are left open: ``nasion.synth`` closes
them with parts that move. Each edge then gets a vertex in its middle, placed by a thin-plate spline through the points
around it, so that a coarse face becomes a smooth one and stays a linear function of its points.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse
from scipy.spatial import Delaunay

from nasion.core import FloatArray, IntArray, scheme

AXIS_DEPTH = 75.0  # mm behind the eyes: the axis round which the face is unrolled
TILT = 0.55  # y grows by this much of z: looks from below, so that the nose does not fold over its own underside
MARGIN = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)  # the right eye's
CREASE = (130, 247, 30, 29, 27, 28, 56, 190, 243, 112, 26, 22, 23, 24, 110, 25)  # one ring out, column for column
RIM = (  # the lips from their outer edge inward: right corner, upper lip to the midline; lower lip from the midline
    ((61, 185, 40, 39, 37), 0, (146, 91, 181, 84), 17),
    ((76, 184, 74, 73, 72), 11, (77, 90, 180, 85), 16),
    ((62, 183, 42, 41, 38), 12, (96, 89, 179, 86), 15),
    ((78, 191, 80, 81, 82), 13, (95, 88, 178, 87), 14),
)
INNER_LIPS = 0.42  # size of the mouth's opening over the outer edge of the lips in the layout: room for their colours
ROUND = 0.8  # how far a new vertex goes from the middle of its edge towards the spline's surface


@dataclass(frozen=True)
class Mesh:
    """The refined face.

    Attributes:
        coarse: (T / 4, 3) of the 468 points, outward; triangle t of it is t, t + T / 4, t + T / 2, t + 3 T / 4 of the
            refined face's.
        triangles: (T, 3) of the refined face, outward.
        weights: (V, 468) sparse: refined vertices from dense points; the first 468 are the points themselves.
        layout: (V, 2) where the vertices lie in the unrolled face.
        mirror: (V,) the partner of each vertex on the other side.
        edges: (V, 2) the two coarse points of each vertex (twice the same for the coarse points).
    """

    coarse: IntArray
    triangles: IntArray
    weights: sparse.csr_array
    layout: FloatArray
    mirror: IntArray
    edges: IntArray


def unrolled(points: FloatArray) -> FloatArray:
    """(N, 2) mm: arc length round the head's axis, height seen a little from below."""
    x, y, z = np.moveaxis(points, -1, 0)
    return np.stack(
        [AXIS_DEPTH * 1.1 * np.arctan2(x, AXIS_DEPTH - z), y + TILT * z * np.exp(-((x / 45) ** 2))], axis=-1
    )


def lip_rings() -> IntArray:
    """(4, 20) the lips' rings, each from the right corner over the upper lip and back under the lower one."""
    left = scheme("dense478").mirror
    return np.array(
        [
            (*upper, top, *(left[i] for i in upper[::-1]), *(left[i] for i in lower), bottom, *lower[::-1])
            for upper, top, lower, bottom in RIM
        ]
    )


def inside(polygon: FloatArray, points: FloatArray) -> np.ndarray:
    """(M,) whether points lie in a closed polygon (even-odd rule)."""
    a, b = polygon, np.roll(polygon, -1, axis=0)
    x, y = points[:, None, 0], points[:, None, 1]
    crosses = (a[:, 1] > y) != (b[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = (b[:, 0] - a[:, 0]) * (y - a[:, 1]) / (b[:, 1] - a[:, 1]) + a[:, 0]
    return np.asarray((crosses & (x < at)).sum(1) % 2 == 1)


def coarse(face: FloatArray) -> tuple[IntArray, FloatArray]:
    """(T, 3) outward triangles of the 468 points, and the layout (468, 2). ``face`` has an open mouth."""
    layout = scheme("dense478")
    mirror = layout.flip[:468]
    flat = unrolled(face[:468])
    rings = lip_rings()
    outer = flat[rings[0]]
    middle = (outer.min(0) + outer.max(0)) / 2
    for k, ring in enumerate(rings):
        flat[ring] = middle + (outer - middle) * (1 - (1 - INNER_LIPS) * k / 3)
    right = np.flatnonzero(flat[:, 0] <= 1e-6)
    triangles = right[Delaunay(flat[right]).simplices]
    centre = flat[triangles].mean(1)
    outline = flat[list(layout.index("face_oval"))]
    keep = inside(outline, centre) & ~inside(outer, centre) & ~inside(flat[list(CREASE)], centre)
    triangles = triangles[keep]
    ab, ac = (flat[triangles[:, k]] - flat[triangles[:, 0]] for k in (1, 2))
    turn = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    triangles[turn > 0] = triangles[turn > 0][:, ::-1]
    halves = np.concatenate([triangles, mirror[triangles][:, ::-1]])
    return np.concatenate([halves, *(strip(a, b) for a, b in pairwise(rings))]), flat


def strip(outer: IntArray, inner: IntArray) -> IntArray:
    """(2N, 3) triangles between two closed rings of N points that run clockwise in the image."""
    a, b, c, d = outer, np.roll(outer, -1), inner, np.roll(inner, -1)
    # the diagonals lean the same way on both sides of the face: towards the middle of the ring's two arcs
    n = len(outer)
    lean = np.arange(n) % (n // 2) < n // 4
    first = np.where(lean[:, None], np.stack([a, c, b], axis=1), np.stack([a, c, d], axis=1))
    second = np.where(lean[:, None], np.stack([b, c, d], axis=1), np.stack([a, d, b], axis=1))
    return np.concatenate([first, second])


def refine(triangles: IntArray, flat: FloatArray, mirror: IntArray, solid: FloatArray) -> Mesh:
    """One vertex more per edge, four triangles for each."""
    n = len(flat)
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    unique, inverse, count = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    middle = n + inverse.reshape(3, -1).T
    a, b, c = triangles.T
    ab, bc, ca = middle.T
    fine = np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    rows = sparse.lil_array((n + len(unique), n))
    rows.setdiag(1.0)
    around: list[set[int]] = [set() for _ in range(n)]
    rim: list[set[int]] = [set() for _ in range(n)]
    for (i, j), k in zip(unique.tolist(), count, strict=True):
        around[i].add(j)
        around[j].add(i)
        if k == 1:
            rim[i].add(j)
            rim[j].add(i)
    for e, ((i, j), k) in enumerate(zip(unique.tolist(), count, strict=True)):
        row = np.zeros(n)
        row[[i, j]] = 0.5 * (1 - ROUND)
        if k == 1:  # along a rim: the four-point rule, so that eyes and lips keep their outlines to themselves
            row[[i, j]] += ROUND * 9 / 16
            for end, other in ((i, j), (j, i)):
                beyond = [p for p in rim[end] if p != other] or [end]
                row[beyond] -= ROUND / 16 / len(beyond)
        else:
            near = np.array(sorted(around[i] | around[j] | {i, j}))
            local, at = in_plane(solid[near], solid[[i, j]].mean(0))
            row[near] += ROUND * spline_weights(local, at)
        rows[[n + e], :] = row
    partner = {tuple(edge): n + e for e, edge in enumerate(unique.tolist())}
    fine_mirror = np.array([*mirror, *(partner[tuple(sorted(mirror[edge].tolist()))] for edge in unique)])
    layout = np.concatenate([flat, flat[unique].mean(1)])
    both = np.concatenate([np.repeat(np.arange(n)[:, None], 2, axis=1), unique])
    return Mesh(triangles, fine, sparse.csr_array(rows), layout, fine_mirror, both)


def build() -> Mesh:
    """The refined mesh, from the metric mean face."""
    layout = scheme("dense478")
    face = np.asarray(layout.template, np.float64)
    face = ((face + face[layout.flip] * (-1, 1, 1)) / 2)[:468]
    triangles, flat = coarse(face)
    return refine(triangles, flat, layout.flip[:468], face)


def in_plane(points: FloatArray, at: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(N, 2) points and (2,) another one in the plane that lies best through (N, 3) points: little is foreshortened."""
    middle = points.mean(0)
    axes = np.linalg.svd(points - middle)[2][:2]
    return (points - middle) @ axes.T, (at - middle) @ axes.T


def spline_weights(control: FloatArray, at: FloatArray) -> FloatArray:
    """(N,) weights, summing to one, of the thin-plate spline through ``control`` at one point."""
    scale = np.abs(control - at).max()
    p, q = (control - at) / scale, np.zeros(2)
    r2 = ((p[:, None] - p[None]) ** 2).sum(2)
    kernel = np.where(r2 > 0, r2 * np.log(np.where(r2 > 0, r2, 1)), 0) / 2
    n = len(p)
    affine = np.c_[np.ones(n), p]
    system = np.block([[kernel + 1e-3 * np.eye(n), affine], [affine.T, np.zeros((3, 3))]])
    s2 = ((p - q) ** 2).sum(1)
    right = np.concatenate([np.where(s2 > 0, s2 * np.log(np.where(s2 > 0, s2, 1)), 0) / 2, [1, *q]])
    return np.asarray(np.linalg.solve(system, right)[:n])
