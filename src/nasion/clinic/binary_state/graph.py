"""A face as a graph over time: aligned points with their velocities, and which points are neighbours.

Source: Baroutian et al., "Detection of Intoxicated Individuals from Facial Video Sequences via a Recurrent Fusion
Model", arXiv 2512.04536; its layout of nodes was not published: ours are the 68 points of iBUG.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from nasion.core import BoolArray, FloatArray, InputError, scheme

NODES = 68
CHANNELS = 6  # x, y; how far off the mean face; dx/dt, dy/dt


@cache
def neighbours() -> BoolArray:
    """(68, 68) symmetric: lines of the face, triangles between its points, and every point itself."""
    from scipy.spatial import Delaunay

    layout = scheme("ibug68")
    found = np.eye(NODES, dtype=bool)
    for contour in layout.contours:
        line = np.array(contour.index)
        ends = np.roll(line, -1) if contour.closed else line[1:]
        found[line[: len(ends)], ends] = True
    assert layout.template is not None, "ibug68 has a template"
    for triangle in Delaunay(layout.template[:, :2]).simplices:
        found[np.ix_(triangle, triangle)] = True
    found |= found.T
    found.setflags(write=False)
    return found


def template() -> FloatArray:
    """(68, 2) the mean face, centred, root mean square distance from its middle 1."""
    shape = scheme("ibug68").template
    assert shape is not None, "ibug68 has a template"
    flat = shape[:, :2].astype(np.float64)
    flat = flat - flat.mean(0)
    return np.asarray(flat / np.sqrt((flat**2).sum(1).mean()))


def aligned(points: FloatArray) -> FloatArray:
    """(..., 68, 2) px laid on `template` by the best similarity, frame by frame: where a head is says nothing.

    Raises:
        InputError: the points of a frame coincide.
    """
    goal = template()
    flat = np.asarray(points, np.float64)
    centred = flat - flat.mean(-2, keepdims=True)
    size = (centred**2).sum((-1, -2))
    if not (size > 0).all():
        raise InputError("the points of a frame coincide: they are no face")
    # a similarity of the plane is one complex number
    z, w = centred[..., 0] + 1j * centred[..., 1], goal[:, 0] + 1j * goal[:, 1]
    turn = (z.conj() * w).sum(-1) / size
    laid = z * turn[..., None]
    return np.stack([laid.real, laid.imag], -1)


def nodes(points: FloatArray, time_s: FloatArray) -> FloatArray:
    """(..., T, 68, 6) float32 of (..., T, 68, 2) px at (T,) seconds.

    Aligned places, so that a node knows what it is; how far these are off the mean face; velocities a second.
    """
    if points.shape[-3] != len(time_s) or len(time_s) < 2:
        raise InputError(f"points of {points.shape[-3]} frames need as many times, two or more; got {len(time_s)}")
    places = aligned(points)
    speed = np.gradient(places, time_s, axis=-3)
    return np.concatenate([places, places - template(), speed], axis=-1).astype(np.float32)
