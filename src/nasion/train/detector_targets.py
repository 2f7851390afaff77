"""What every cell of a scene should answer: a teacher's own dense answer, put right by labels.

Dense distillation (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015, cell by cell): the teacher's
score is a soft target everywhere, so no assignment has to be searched and the background teaches too. Labels overrule
it: a labelled face counts as one where the teacher is blind, its box and points replace the teacher's, and what is
marked as surely no face counts as none whatever the teacher says. NumPy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasion.core import FloatArray
from nasion.metrics.detection import iou_matrix

SURE = 0.92  # the target of a labelled face at its centre; the teacher's mean on large clear faces
SEEN = 0.1  # below this target a cell has no box to learn
# a face of r strides (root of its area) is answered for by a stride: rises over the first pair, falls over the second;
# read off the teacher's mean scores for single faces of 8 to 220 px
BANDS = {8: (0.0, 0.01, 4.0, 6.0), 16: (1.4, 2.0, 4.5, 7.0), 32: (2.4, 3.6, 98.0, 99.0)}
NEAR, FAR = 0.12, 0.42  # from the face's centre, in faces: full target, none
LEAST_REACH = 2.5  # strides: a smaller face reaches as far as one of this size, so that it has a cell at all


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """A teacher's answer at every cell of one scene, in the order of ``detector_loss.cells``.

    Attributes:
        score: (A,) 0..1.
        box: (A, 4) px.
        points: (A, 10) px, coarse5.
    """

    score: FloatArray
    box: FloatArray
    points: FloatArray

    @classmethod
    def nothing(cls, middle: FloatArray) -> Dense:
        """Of a teacher that sees no face in any of the cells around ``middle`` (A, 2) px: only labels speak."""
        here = middle.astype(np.float32)
        return cls(np.zeros(len(here), np.float32), np.tile(here, 2), np.tile(here, 5))


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """One scene's; A cells in the order of ``detector_loss.cells``.

    Attributes:
        score: (A,) 0..1. weight: (A,) of the score.
        box: (A, 4) px; counts by ``score``.
        points: (A, 10) px, coarse5. point_weight: (A,).
    """

    score: FloatArray
    weight: FloatArray
    box: FloatArray
    points: FloatArray
    point_weight: FloatArray


def prior(rows: FloatArray, middle: FloatArray, stride: FloatArray) -> FloatArray:
    """(M, A): how far each cell should answer for each labelled face, 0..1."""
    size = rows[:, 2:4] - rows[:, :2]
    center = (rows[:, :2] + rows[:, 2:4]) / 2
    reach = np.maximum(size[:, None], LEAST_REACH * stride[None, :, None])
    off = (np.abs(middle[None] - center[:, None]) / reach).max(-1)
    near = np.clip((FAR - off) / (FAR - NEAR), 0, 1)
    strides = np.sqrt(size.prod(1))[:, None] / stride[None]
    edges = np.array([BANDS[int(s)] for s in stride]).T
    rise = np.clip((strides - edges[0]) / (edges[1] - edges[0]), 0, 1)
    fall = np.clip((edges[3] - strides) / (edges[3] - edges[2]), 0, 1)
    return near * rise * fall


def targets(teacher: Dense, rows: FloatArray, middle: FloatArray, stride: FloatArray) -> Targets:
    """Targets of one scene.

    Args:
        teacher: its answers at every cell.
        rows: (M, 16) labels; column 4 is 1 for a face, between 0 and 1 for one that is as likely as that, 0 for a place
            to ignore, -1 for a place where there surely is none.
        middle: (A, 2) px the cells' centres. stride: (A,).
    """
    score, weight = teacher.score.copy(), np.ones_like(teacher.score)
    box, points, point_weight = teacher.box.copy(), teacher.points.copy(), teacher.score.copy()
    for kind in (-1, 0):
        for x0, y0, x1, y1 in rows[rows[:, 4] == kind, :4]:
            # the teacher's box, and the cell itself, lie in that place
            center = (box[:, :2] + box[:, 2:]) / 2
            inside = ((center > (x0, y0)) & (center < (x1, y1))).all(1)
            inside &= ((middle > (x0, y0) - stride[:, None]) & (middle < (x1, y1) + stride[:, None])).all(1)
            if kind == -1:
                score[inside] = 0
            else:
                weight[inside] = 0
    faces = rows[rows[:, 4] > 0]
    if not len(faces):
        return Targets(score, weight, box, points, point_weight * (score > SEEN))
    wanted = prior(faces, middle, stride) * (SURE * faces[:, 4:5])
    owner = wanted.argmax(0)
    strength = wanted[owner, np.arange(len(score))]
    seen = np.flatnonzero(score > SEEN)
    owned = strength > np.maximum(score, SEEN)
    overlap = iou_matrix(box[seen], faces[:, :4])
    best = overlap.argmax(1)
    same = overlap[np.arange(len(seen)), best] > 0.3
    owner[seen[same]], owned[seen[same]] = best[same], True
    weight[strength > SEEN] = 1
    score = np.maximum(score, strength)
    box[owned] = faces[owner[owned], :4]
    labelled = owned.copy()
    labelled[owned] = ~np.isnan(faces[owner[owned], 5])
    points[labelled] = faces[owner[labelled], 5:15]
    point_weight[labelled] = score[labelled]
    return Targets(score, weight, box, points, point_weight * (score > SEEN))
