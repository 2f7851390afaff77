"""A z-buffered triangle rasteriser in NumPy: which triangle each pixel sees, where on it, and how far away.

Triangles are cut into rows of pixels, rows into pixels, all triangles at once; no loop runs over triangles or pixels.
The inverse depth 1/z of a plane is linear in the picture, so it is compared and interpolated in place of z, which is
not (Blinn, "Hyperbolic Interpolation", IEEE CG&A 1992). A pixel belongs to a triangle when its centre does; on an edge
that two triangles share it belongs to exactly one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray, IntArray

NEAREST_MM = 10.0  # closer than this to the lens nothing is drawn
THIN_PX2 = 1e-9  # twice the area below which a triangle is a line and covers no pixel


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """What each pixel sees.

    Attributes:
        triangle: (H, W) int32, row of the triangle array; -1 where there is none.
        inverse_depth: (H, W) float32, 1 / z in 1/mm; 0 where there is none.
    """

    triangle: IntArray
    inverse_depth: FloatArray


def rasterise(
    pixels: FloatArray, depth: FloatArray, triangles: IntArray, size: tuple[int, int], *, both_sides: bool = False
) -> Raster:
    """Draw triangles into a z-buffer.

    Args:
        pixels: (V, 2) px of the vertices, pixel centres at integers.
        depth: (V,) mm along the camera's z axis. Triangles with a vertex nearer than ``NEAREST_MM`` are left out.
        triangles: (T, 3) vertex rows; the right-hand rule gives the outward side (x right, y down, z forward).
        size: (width, height) px.
        both_sides: whether triangles that show their back are drawn too.

    Returns:
        The nearest triangle of every pixel.
    """
    width, height = size
    found = np.full(width * height, -1, np.int32)
    buffer = np.zeros(width * height, np.float32)
    ids, place, near = _fragments(pixels, depth, triangles, width, height, both_sides)
    # Far to near, so that the first pass leaves almost nothing to mend: an assignment keeps the last of equal indices.
    while len(ids):
        buffer[place] = near
        found[place] = ids
        hidden = near > buffer[place]
        ids, place, near = ids[hidden], place[hidden], near[hidden]
    return Raster(found.reshape(height, width), buffer.reshape(height, width))


def _fragments(
    pixels: FloatArray, depth: FloatArray, triangles: IntArray, width: int, height: int, both_sides: bool
) -> tuple[IntArray, IntArray, FloatArray]:
    """Every pixel of every triangle: (F,) triangle, (F,) flat pixel index, (F,) 1/z, triangles from far to near."""
    x, y = (np.asarray(pixels[:, k], np.float64)[triangles] for k in (0, 1))
    z = np.asarray(depth, np.float64)[triangles]
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    keep = (np.abs(area) if both_sides else -area) > THIN_PX2
    with np.errstate(invalid="ignore"):  # points behind the camera have no pixel: NaN
        keep &= lowest(z) > NEAREST_MM
        keep &= (highest(x) >= 0) & (lowest(x) <= width - 1) & (highest(y) >= 0) & (lowest(y) <= height - 1)
    kept = np.flatnonzero(keep)
    kept = kept[np.argsort(-(z[kept, 0] + z[kept, 1] + z[kept, 2]), kind="stable")]
    x, y, z = x[kept], y[kept], z[kept]
    # Edges must not depend on the triangle they are computed for: sort the ends by height, then by vertex row.
    order = np.lexsort((triangles[kept], y), axis=1)
    x, y, w = (np.take_along_axis(a, order, 1) for a in (x, y, 1 / z))
    slope_x, slope_y, at_origin = _planes(x, y, w)
    top = np.clip(np.ceil(y[:, 0]), 0, height).astype(np.int64)
    bottom = np.clip(np.ceil(y[:, 2]), 0, height).astype(np.int64)
    owner, step = expand(np.maximum(bottom - top, 0))
    row = top[owner] + step
    along = _edge(x, y, 0, 2)[owner] + _slope(x, y, 0, 2)[owner] * row
    lower = row >= y[owner, 1]
    bent = np.where(
        lower,
        _edge(x, y, 1, 2)[owner] + _slope(x, y, 1, 2)[owner] * row,
        _edge(x, y, 0, 1)[owner] + _slope(x, y, 0, 1)[owner] * row,
    )
    left = np.clip(np.ceil(np.minimum(along, bent)), 0, width).astype(np.int64)
    right = np.clip(np.ceil(np.maximum(along, bent)), 0, width).astype(np.int64)
    start = at_origin[owner] + slope_y[owner] * row + slope_x[owner] * left
    span, step = expand(np.maximum(right - left, 0))
    owner32 = kept.astype(np.int32)[owner]
    near = start.astype(np.float32)[span] + slope_x[owner].astype(np.float32)[span] * step.astype(np.float32)
    return owner32[span], (row * width + left)[span] + step, near


def _planes(x: FloatArray, y: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Slopes along x and y and value at the origin of the plane through three points each."""
    x1, x2, y1, y2 = x[:, 1] - x[:, 0], x[:, 2] - x[:, 0], y[:, 1] - y[:, 0], y[:, 2] - y[:, 0]
    w1, w2 = w[:, 1] - w[:, 0], w[:, 2] - w[:, 0]
    area = x1 * y2 - x2 * y1
    slope_x, slope_y = (w1 * y2 - w2 * y1) / area, (w2 * x1 - w1 * x2) / area
    return slope_x, slope_y, w[:, 0] - slope_x * x[:, 0] - slope_y * y[:, 0]


def _slope(x: FloatArray, y: FloatArray, a: int, b: int) -> FloatArray:
    rise = y[:, b] - y[:, a]
    return np.asarray(np.where(rise > 0, (x[:, b] - x[:, a]) / np.where(rise > 0, rise, 1), 0.0))


def _edge(x: FloatArray, y: FloatArray, a: int, b: int) -> FloatArray:
    """Where the line through two corners meets row 0."""
    return np.asarray(x[:, a] - _slope(x, y, a, b) * y[:, a])


def lowest(three: FloatArray) -> FloatArray:
    """(N,) smallest of (N, 3); several times as fast as ``min`` along so short an axis."""
    return np.asarray(np.minimum(np.minimum(three[:, 0], three[:, 1]), three[:, 2]))


def highest(three: FloatArray) -> FloatArray:
    """(N,) largest of (N, 3)."""
    return np.asarray(np.maximum(np.maximum(three[:, 0], three[:, 1]), three[:, 2]))


def expand(counts: IntArray) -> tuple[IntArray, IntArray]:
    """For counts (2, 3): owners 0 0 1 1 1 and steps 0 1 0 1 2."""
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - first[owner]


def barycentric(
    pixels: FloatArray, depth: FloatArray, corners: IntArray, x: FloatArray, y: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Where on their triangles pixels look, in perspective.

    Args:
        pixels: (V, 2) px of the vertices.
        depth: (V,) mm.
        corners: (N, 3) vertex rows of the triangle each pixel sees.
        x, y: (N,) px.

    Returns:
        (N, 3) float32 weights of the corners, which sum to 1, and (N,) float32 depth, mm.
    """
    px, py = pixels[:, 0].astype(np.float64), pixels[:, 1].astype(np.float64)
    inverse = 1 / depth
    x0, x1, x2 = (px[corners[:, k]] - x for k in range(3))
    y0, y1, y2 = (py[corners[:, k]] - y for k in range(3))
    weights = inverse[corners]
    weights[:, 0] *= x1 * y2 - x2 * y1
    weights[:, 1] *= x2 * y0 - x0 * y2
    weights[:, 2] *= x0 * y1 - x1 * y0
    weights /= (weights[:, 0] + weights[:, 1] + weights[:, 2])[:, None]
    d = depth[corners]
    d *= weights
    return weights.astype(np.float32), (d[:, 0] + d[:, 1] + d[:, 2]).astype(np.float32)
