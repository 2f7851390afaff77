"""Triangles with skin on them: what the renderer draws, be it the head or something in front of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nasion.core import FloatArray, IntArray
from nasion.synth.surface import Paint


def plain_paint(colour: tuple[float, float, float], gloss: float = 0.2) -> Paint:
    """A paint of one linear RGB colour all over."""
    return Paint(np.full((4, 4, 3), colour, np.float32), np.zeros((4, 4), np.uint8), np.full((4, 4), gloss, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """A surface in the camera frame.

    Attributes:
        vertices: (V, 3) float64 mm.
        normals: (V, 3) float32, unit, outward.
        triangles: (T, 3) int32; the right-hand rule gives the outward side.
        uv: (V, 2) float32, 0..1 in the paint's atlas.
        part: (T,) uint8, pieces between which edges are smoothed.
        paint: its colours.
        both_sides: whether its back can be seen (sheets) or not (closed bodies).
        name: what it is: ``"head"`` or an occluder's name.
        alpha: 1 for opaque things; below it what is behind shines through (clear lenses).
    """

    vertices: FloatArray
    normals: FloatArray
    triangles: IntArray
    uv: FloatArray
    part: IntArray
    paint: Paint
    both_sides: bool = False
    name: str = "head"
    alpha: float = 1.0


def beyond(mesh: Mesh, depth: float) -> Mesh | None:
    """The part of a mesh whose triangles lie wholly at ``depth`` mm or farther from the lens; None if none does."""
    near = mesh.vertices[:, 2] < depth
    if not near.any():
        return mesh
    keep = ~near[mesh.triangles].any(axis=1)
    if not keep.any():
        return None
    used, renumbered = np.unique(mesh.triangles[keep], return_inverse=True)
    return replace(
        mesh,
        vertices=mesh.vertices[used],
        normals=mesh.normals[used],
        triangles=renumbered.reshape(-1, 3).astype(np.int32),
        uv=mesh.uv[used],
        part=mesh.part[keep],
    )


def vertex_normals(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """(V, 3) float32 unit normals: the mean of the triangles around each vertex, weighted by their area.

    Vertices that no triangle uses, and those of triangles without area, get (0, 0, -1), towards the viewer.
    """
    corners = np.asarray(vertices, np.float64)[triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.stack(
        [np.bincount(triangles.ravel(), np.repeat(faces[:, k], 3), minlength=len(vertices)) for k in range(3)], axis=1
    )
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(length > 0, total / np.where(length > 0, length, 1), (0.0, 0.0, -1.0)).astype(np.float32)


def sheet(points: FloatArray, uv: FloatArray | None = None) -> tuple[FloatArray, IntArray, FloatArray]:
    """A (R, C, 3) grid of points as vertices, triangles and texture coordinates.

    The outward side is the one from which the rows run downwards when the columns run to the right.
    """
    rows, columns = points.shape[:2]
    corner = np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)
    a, b, c, d = corner, corner + 1, corner + columns, corner + columns + 1
    triangles = np.stack([np.stack([a, c, b], -1), np.stack([b, c, d], -1)], -2).reshape(-1, 3)
    if uv is None:
        v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
        uv = np.stack([u, v], axis=-1)
    return points.reshape(-1, 3), triangles.astype(np.int32), uv.reshape(-1, 2).astype(np.float32)


def tube(line: FloatArray, radius: FloatArray | float, sides: int = 8, *, closed: bool = False) -> FloatArray:
    """A (N, sides + 1, 3) grid around a (N, 3) line, to be made into triangles by ``sheet``.

    Args:
        line: points along the middle; neighbours differ.
        radius: mm, one number or (N,).
        sides: around the tube.
        closed: whether the last point joins the first (then it repeats it).
    """
    ahead = np.gradient(line, axis=0)
    if closed:
        ahead[0] = ahead[-1] = line[1] - line[-2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    helper = np.eye(3)[int(np.argmin(np.abs(ahead).max(0)))]
    across = np.cross(ahead, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    upward = np.cross(ahead, across)
    angle = np.linspace(0, 2 * np.pi, sides + 1)[None, :, None]
    size = np.broadcast_to(np.asarray(radius, np.float64), (len(line),))[:, None, None]
    return np.asarray(line[:, None] + size * (np.cos(angle) * across[:, None] + np.sin(angle) * upward[:, None]))
