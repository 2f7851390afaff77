"""How the parts of the head hang together: vertices in order, triangles, atlas coordinates, mirror.

Vertices in order: the 478 dense points, the face's refined vertices, lids, mouth, scalp and neck, ears, eyeballs,
teeth, tongue, hair. The atlas has the face in the middle of a disc, the scalp around it and the neck below; a strip at
its foot holds eye, teeth, tongue, ear and hair, which both sides share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from nasion.core import FloatArray, IntArray
from nasion.core.arrays import BoolArray
from nasion.synth import eyes, hair, lids, mouth, skull
from nasion.synth.surface import Part

DISC_CENTRE: Final = np.array([0.5, 0.395])
DISC_SCALE: Final = 0.00265  # atlas widths per mm of the unrolled face
RIM_SCALE: Final = 0.72  # how far the scalp's last row lies beyond the outline: this times the outline's distance
PATCHES: Final = {  # centre and half size in the atlas
    "eye": ((0.075, 0.925), (0.07, 0.07)),
    "teeth": ((0.335, 0.925), (0.165, 0.07)),
    "tongue": ((0.60, 0.925), (0.07, 0.07)),
    "ear": ((0.78, 0.925), (0.055, 0.07)),
    "hair": ((0.925, 0.925), (0.055, 0.07)),
}


@dataclass(frozen=True)
class Blocks:
    """Where each part's vertices start and end."""

    face: slice  # refined vertices beyond the first 468, after the irises
    lids: tuple[slice, slice]  # left, right: rows 1.. of skin, then edge and under
    cavity: slice
    scalp: slice
    ears: tuple[slice, slice]
    eyes: tuple[slice, slice]
    teeth: slice
    tongue: slice
    curtain: slice
    knot: slice
    count: int


@dataclass(frozen=True)
class Assembly:
    """One mesh for all heads.

    Attributes:
        blocks: the vertices' order.
        triangles, uv, part: as in ``Surface``.
        margin: (2, 32) vertices round each eye's margin, left then right, outer corner first over the upper lid; every
            other one is a dense point.
        crease: (2, 32) the same one ring out.
        lips: (40,) vertices of the lips' inner edge.
        outline: (72,) vertices of the face's outline from the forehead's top over the subject's right.
        scalp: (T,) bool, triangles that hair can cover.
        curtain, knot: triangles of hanging hair and of a bun, which only some styles have.
        middle: (2,) mm of the unrolled face, where the disc's centre is.
    """

    blocks: Blocks
    triangles: IntArray
    uv: FloatArray
    part: IntArray
    margin: IntArray
    crease: IntArray
    lips: IntArray
    outline: IntArray
    scalp: BoolArray
    curtain: IntArray
    knot: IntArray
    middle: FloatArray


def blocks(refined: int) -> Blocks:
    """The order for a face with ``refined`` vertices, its 468 points included."""
    lid = (lids.ROWS - 1 + 2) * lids.COLUMNS + lids.COLUMNS // 2
    ear_vertices, ball_vertices = len(skull.right_ear()[0]), len(eyes.ball(4.0)[0])
    sizes = [
        refined - 468, lid, lid, mouth.CAVITY_ROWS * mouth.COLUMNS + 1,
        (skull.SCALP_ROWS + skull.NECK_ROWS) * skull.COLUMNS, ear_vertices, ear_vertices, ball_vertices, ball_vertices,
        6 * mouth.TOOTH_COLUMNS, mouth.TONGUE_GRID[0] * mouth.TONGUE_GRID[1],
        2 * hair.ROWS * hair.COLUMNS, hair.KNOT_GRID[0] * hair.KNOT_GRID[1],
    ]  # fmt: skip
    ends = 478 + np.cumsum([0, *sizes])
    s = [slice(int(a), int(b)) for a, b in pairwise(ends)]
    return Blocks(s[0], (s[1], s[2]), s[3], s[4], (s[5], s[6]), (s[7], s[8]), s[9], s[10], s[11], s[12], int(ends[-1]))


def assemble(triangles: IntArray, layout: FloatArray, rings: Mapping[str, IntArray], lips: BoolArray) -> Assembly:
    """Join the parts.

    Args:
        triangles: of the refined face, numbered without the irises.
        layout: (R, 2) mm, the unrolled face.
        rings: ``margin`` (2, 16) dense points, ``crease`` (2, 32), ``lips`` (40,), ``outline`` (72,) refined vertices.
        lips: (T,) whether a triangle of the face is lip.
    """
    b = blocks(len(layout))

    def moved(index: IntArray) -> IntArray:
        return np.where(index >= 468, index + 10, index)

    uv = np.zeros((b.count, 2))
    middle = (layout[moved_out := rings["outline"]].min(0) + layout[moved_out].max(0)) / 2
    disc = DISC_CENTRE + (layout - middle) * DISC_SCALE
    uv[moved(np.arange(len(layout)))] = disc
    everything, parts = [moved(triangles)], [np.where(lips, Part.LIPS, Part.SKIN)]

    def add(new: IntArray, part: Part) -> None:
        everything.append(new)
        parts.append(np.full(len(new), part))

    margins = []
    for side in (0, 1):
        block = b.lids[side]
        new = np.arange(block.start, block.stop)
        margin = np.empty(lids.COLUMNS, int)
        margin[::2], margin[1::2] = rings["margin"][side], new[: lids.COLUMNS // 2]
        grid = new[lids.COLUMNS // 2 :].reshape(lids.ROWS + 1, lids.COLUMNS)
        skin, (edge, under) = grid[: lids.ROWS - 1], grid[lids.ROWS - 1 :]
        crease = moved(rings["crease"][side])
        sheet = np.stack([under, edge, margin, *skin, crease])
        new_triangles = sheet.ravel()[mouth.grid(len(sheet), lids.COLUMNS, closed=True)]
        # the sheet runs outward; seen from the front the right eye's columns turn clockwise, the left eye's do not
        add(new_triangles if side == 0 else new_triangles[:, ::-1], Part.SKIN)
        margins.append(margin)
        inner, outer = _lid_layout(disc[rings["margin"][side]]), uv[crease]
        uv[margin] = inner
        for k, row in enumerate(skin, start=1):
            uv[row] = inner + (outer - inner) * k / lids.ROWS
        uv[edge] = inner.mean(0) + (inner - inner.mean(0)) * 0.72
        uv[under] = inner.mean(0) + (inner - inner.mean(0)) * 0.4
    _add_mouth(b, add, uv, moved(rings["lips"]))
    _add_scalp(b, add, uv, moved(rings["outline"]))
    _add_separate(b, add, uv)
    triangles = np.concatenate(everything)
    scalp = ((triangles >= b.scalp.start) & (triangles < b.scalp.stop)).any(1)
    curtain, knot = _hair_pieces(b, uv)
    return Assembly(
        b, triangles.astype(np.int32), uv.astype(np.float32),
        np.concatenate(parts).astype(np.uint8), np.array(margins), moved(rings["crease"]), moved(rings["lips"]),
        moved(rings["outline"]), scalp, curtain.astype(np.int32), knot.astype(np.int32), middle,
    )  # fmt: skip


def _hair_pieces(b: Blocks, uv: FloatArray) -> tuple[IntArray, IntArray]:
    """Triangles of the curtain (outside, inside and the edges between) and of the bun; fills in their coordinates."""
    rows, columns = hair.ROWS, hair.COLUMNS
    index = b.curtain.start + np.arange(2 * rows * columns).reshape(2, rows, columns)
    u, v = np.meshgrid(np.linspace(-0.95, 0.95, columns), np.linspace(-0.95, 0.95, rows))
    uv[index] = patch("hair", np.stack([u, v], axis=-1))
    sheet = mouth.grid(rows, columns)
    outside, inside = index[0].ravel()[sheet][:, ::-1], index[1].ravel()[sheet]
    edges = []
    for line, flip in ((index[:, -1, :], 0), (index[:, :, 0], 1), (index[:, :, -1], 0)):
        edge = line.ravel()[mouth.grid(2, line.shape[1])]
        edges.append(edge[:, ::-1] if flip else edge)
    uv[b.knot] = patch("hair", np.random.default_rng(0).uniform(-0.9, 0.9, (b.knot.stop - b.knot.start, 2)) * (0.3, 1))
    return np.concatenate([outside, inside, *edges]), b.knot.start + hair.knot_triangles()


def _lid_layout(ring: FloatArray) -> FloatArray:
    """(32, 2) the margin in the atlas, columns half-way included."""
    out = np.empty((lids.COLUMNS, 2))
    out[::2], out[1::2] = ring, (ring + np.roll(ring, -1, axis=0)) / 2
    return out


def _add_mouth(b: Blocks, add: object, uv: FloatArray, edge: IntArray) -> None:
    assert callable(add)
    cavity = np.arange(b.cavity.start, b.cavity.stop)
    rows = np.concatenate([edge[None], cavity[:-1].reshape(mouth.CAVITY_ROWS, mouth.COLUMNS)])
    sheet = rows.ravel()[mouth.grid(len(rows), mouth.COLUMNS, closed=True)]
    last = rows[-1]
    add(sheet, Part.MOUTH)
    add(np.stack([last, np.full(len(last), cavity[-1]), np.roll(last, -1)], axis=1), Part.MOUTH)
    middle = uv[edge].mean(0)
    for k, row in enumerate(rows[1:], start=1):
        uv[row] = middle + (uv[edge] - middle) * (1 - k / (mouth.CAVITY_ROWS + 1))
    uv[cavity[-1]] = middle


def _add_scalp(b: Blocks, add: object, uv: FloatArray, outline: IntArray) -> None:
    assert callable(add)
    count = skull.SCALP_ROWS + skull.NECK_ROWS
    rows = np.arange(b.scalp.start, b.scalp.stop).reshape(count, skull.COLUMNS)
    everything = np.concatenate([outline[None], rows])
    # columns run from the forehead over the subject's right: counter-clockwise as seen from the front
    sheet = everything.ravel()[mouth.grid(count + 1, skull.COLUMNS, closed=True)]
    rim, middle = uv[outline], DISC_CENTRE
    for k, row in enumerate(rows, start=1):
        uv[row] = middle + (rim - middle) * (1 + RIM_SCALE * k / count)
    neck = (sheet >= rows[skull.SCALP_ROWS - 1, 0]).all(1)
    add(sheet[~neck], Part.SKIN)
    add(sheet[neck], Part.NECK)


def patch(name: str, local: FloatArray) -> FloatArray:
    """Atlas coordinates of -1..1 coordinates in a patch."""
    centre, half = PATCHES[name]
    return np.asarray(np.array(centre) + local * np.array(half))


def _add_separate(b: Blocks, add: object, uv: FloatArray) -> None:
    assert callable(add)
    _, ear_uv, ear = skull.right_ear()
    ball_uv, ball = eyes.ball(4.0)[1], eyes.triangles()
    for side in (0, 1):
        flip = np.array([-1.0, 1.0]) if side == 0 else np.ones(2)
        uv[b.ears[side]] = patch("ear", ear_uv)
        add(b.ears[side].start + (ear[:, ::-1] if side == 0 else ear), Part.EAR)
        uv[b.eyes[side]] = patch("eye", ball_uv * flip * 0.97)
        add(b.eyes[side].start + ball, (Part.LEFT_EYE, Part.RIGHT_EYE)[side])
    columns = mouth.TOOTH_COLUMNS
    across = np.linspace(-1, 1, columns)
    for row in (0, 1):
        for k, v in enumerate((0.05, 0.55, 0.95)):
            start = b.teeth.start + (3 * row + k) * columns
            uv[start : start + columns] = patch("teeth", np.stack([across, np.full(columns, v * (1, -1)[row])], axis=1))
        strip = b.teeth.start + 3 * row * columns + mouth.grid(3, columns)
        add(strip[:, ::-1] if row == 0 else strip, Part.TEETH)
    local = np.meshgrid(np.linspace(-1, 1, mouth.TONGUE_GRID[0]), np.linspace(-1, 1, mouth.TONGUE_GRID[1]))
    uv[b.tongue] = patch("tongue", np.stack(local, axis=-1).reshape(-1, 2) * 0.95)
    add(b.tongue.start + mouth.grid(mouth.TONGUE_GRID[1], mouth.TONGUE_GRID[0])[:, ::-1], Part.TONGUE)
