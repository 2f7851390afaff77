"""Which points the camera can see: exact ray casting, done in the picture.

All rays start at the camera, so a ray meets a triangle exactly when the point's pixel lies inside the projected one;
the triangle hides the point when it is nearer there. Boxes around the projected triangles leave a few candidates
per point.
"""

from __future__ import annotations

import numpy as np

from nasion.core import BoolArray, Camera, FloatArray, IntArray
from nasion.synth.raster import NEAREST_MM, expand, highest, lowest

MARGIN_MM = 0.4  # how much nearer something must be to hide a point: more than the mesh is off the curves it stands for


def hidden(
    points: FloatArray,
    vertices: FloatArray,
    triangles: IntArray,
    camera: Camera,
    own: IntArray | None = None,
    margin: float = MARGIN_MM,
) -> BoolArray:
    """Whether triangles, seen from either side, stand between the camera and points.

    Args:
        points: (N, 3) mm, camera frame.
        vertices: (V, 3) mm, camera frame.
        triangles: (T, 3).
        camera: whose eye it is; only its centre matters.
        own: (N,) vertex rows that the points are: triangles touching a point's own vertex do not hide it.
        margin: mm along the z axis.

    Returns:
        (N,) bool.
    """
    result = np.zeros(len(points), bool)
    pixels, depth = camera.project(np.asarray(vertices, np.float64)), np.asarray(vertices[:, 2], np.float64)
    at, far = camera.project(np.asarray(points, np.float64)), np.asarray(points[:, 2], np.float64)
    usable = triangles[lowest(depth[triangles]) > NEAREST_MM]
    x, y = pixels[:, 0][usable], pixels[:, 1][usable]
    order = np.argsort(at[:, 1], kind="stable")
    sorted_y = at[order, 1]
    first = np.searchsorted(sorted_y, lowest(y), side="left")
    last = np.searchsorted(sorted_y, highest(y), side="right")
    which, step = expand(last - first)  # pairs of a triangle and a point at its height
    who = order[first[which] + step]
    px = at[who, 0]
    near = (lowest(x)[which] <= px) & (px <= highest(x)[which])
    who, which = who[near], which[near]
    if own is not None:
        corners, mine = usable[which], own[who]
        other = (corners[:, 0] != mine) & (corners[:, 1] != mine) & (corners[:, 2] != mine)
        who, which = who[other], which[other]
    x, y, w = x[which] - at[who, :1], y[which] - at[who, 1:], 1 / depth[usable[which]]
    turn = [x[:, i] * y[:, j] - x[:, j] * y[:, i] for i, j in ((1, 2), (2, 0), (0, 1))]
    area = turn[0] + turn[1] + turn[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.stack(turn, axis=1) / area[:, None]
        inverse = np.einsum("nk,nk->n", share, w)
    inside = (lowest(share) >= 0) & (np.abs(area) > 1e-12)
    front = inside & (1 / np.where(inside, inverse, 1) < far[who] - margin)
    result[who[front]] = True
    return result
