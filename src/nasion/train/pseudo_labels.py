"""Labels that a detector gives itself: what several views of a picture agree on, and what neighbouring frames confirm.

Views: other sizes, mirrored, a little turned. Fusion: Solovyev et al., "Weighted Boxes Fusion", Image and Vision
Computing 2021. A face that frame after frame is sure of and one frame in between is not, is there in that one, too.

Candidates and labels are rows of 16 float32 as in ``detector_views``; column 4 holds a candidate's score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray
from nasion.detect.canvas import fit
from nasion.detect.detector import ENLARGED, LONGEST
from nasion.detect.heads import read_embedded
from nasion.detect.suppression import suppress
from nasion.metrics.detection import iou_matrix, match_boxes
from nasion.models import Session
from nasion.train.detector_views import MIRRORED

SURE, LIKELY, UNLIKELY = 0.8, 0.5, 0.2  # a face by itself; with support from other frames; below, none
AGREED = 0.5  # share of the views that could see a face of that size and did
SEEN_IN_VIEW = 0.1  # score from which a view has a say
SAME = 0.55  # IoU of one face in two views
VISIBLE_PX = (10.0, 300.0)  # root of a box's area between which a view could see a face
LINKED, SHORTEST_TRACK, LONGEST_GAP = 0.3, 5, 3  # IoU from frame to frame; frames; frames


@dataclass(frozen=True, slots=True)
class View:
    """How a picture is looked at: times the usual size, perhaps mirrored, turned by so many degrees."""

    scale: float = 1.0
    mirrored: bool = False
    degrees: float = 0.0


VIEWS = (
    View(0.5), View(1.0), View(1.5), View(2.0), View(1.0, mirrored=True), View(1.5, mirrored=True),
    View(1.0, degrees=10.0), View(1.0, degrees=-10.0),
)  # fmt: skip


def look(session: Session, image: ImageArray, view: View) -> tuple[FloatArray, float]:
    """What the detector finds in one view.

    Args:
        session: an embedded detector.
        image: RGB uint8 (H, W, 3).
        view: how.

    Returns:
        Candidates (N, 16) in px of the picture, one a face, and how many px of the view a px of the picture is.
    """
    height, width = image.shape[:2]
    c, s = np.cos(np.radians(view.degrees)), np.sin(np.radians(view.degrees))
    middle, linear = np.array([(width - 1) / 2, (height - 1) / 2]), np.array([[c, -s], [s, c]])
    if view.mirrored:
        linear = linear @ np.diag([-1.0, 1.0])
    there = np.concatenate([linear, (middle - linear @ middle)[:, None]], axis=1)
    if view.mirrored or view.degrees:
        image = np.asarray(cv2.warpAffine(image, there, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    canvas = fit(image, round(LONGEST * view.scale), ENLARGED * view.scale)
    blob = np.asarray(cv2.dnn.blobFromImages([canvas.pixels]), np.float32)
    (rows,) = read_embedded(session.run({"image": blob}), SEEN_IN_VIEW)
    rows = canvas.back(rows[suppress(rows[:, :4], rows[:, 4], SAME)])
    # an upright face in the turned view is a turned face of the same size in the picture
    size = rows[:, 2:4] - rows[:, :2]
    back = linear.T
    centre = ((rows[:, :2] + rows[:, 2:4]) / 2 - middle) @ back.T + middle
    points = (rows[:, 5:15].reshape(-1, 5, 2) - middle) @ back.T + middle
    points = points[:, MIRRORED] if view.mirrored else points
    score = rows[:, 4:5]
    found = np.concatenate([centre - size / 2, centre + size / 2, score, points.reshape(-1, 10), score], axis=1)
    return found.astype(np.float32), canvas.scale[0]


def fuse(found: Sequence[FloatArray], scales: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    """What the views have found, one row a face.

    Args:
        found: per view (N, 16) candidates. scales: per view, px of it a px of the picture.

    Returns:
        Candidates (M, 16), best first: box and points are the means of the views', weighted by score, the score is
        their mean; and (M,) the share of the views that could have seen the face that did.
    """
    rows = np.concatenate([np.zeros((0, 16), np.float32), *found])
    view = np.repeat(np.arange(len(found)), [len(f) for f in found])
    clusters: list[list[int]] = []
    means = np.zeros((0, 16), np.float32)
    for i in np.argsort(-rows[:, 4], kind="stable"):
        shared = iou_matrix(rows[i : i + 1, :4], means[:, :4])[0]
        k = int(shared.argmax()) if len(shared) else -1
        if k >= 0 and shared[k] > SAME:
            clusters[k].append(int(i))
            means[k] = _mean(rows[clusters[k]])
        else:
            clusters.append([int(i)])
            means = np.concatenate([means, rows[i : i + 1]])
    agreed = np.zeros(len(clusters), np.float32)
    for k, members in enumerate(clusters):
        side = float(np.sqrt(np.prod(means[k, 2:4] - means[k, :2])))
        could = {v for v, scale in enumerate(scales) if VISIBLE_PX[0] <= side * scale <= VISIBLE_PX[1]}
        did = {int(view[i]) for i in members}
        agreed[k] = len(did) / max(len(could | did), 1)
    order = np.argsort(-means[:, 4], kind="stable")
    return means[order], agreed[order]


def _mean(rows: FloatArray) -> FloatArray:
    weight = rows[:, 4] / rows[:, 4].sum()
    out = np.asarray(weight @ rows, np.float32)
    out[4] = out[15] = rows[:, 4].mean()
    return out


def fill_gaps(frames: Sequence[FloatArray]) -> list[FloatArray]:
    """Faces that the frames before and after are sure of, in frames that are not.

    Args:
        frames: per frame of one clip (N, 16) candidates that are likely faces.

    Returns:
        Per frame (M, 17): the candidates that belong to a track of at least 5 frames, with 0 in the last column, and
        faces placed between two of a track at most 4 frames apart, with 1 there and no points.
    """
    tracks: list[list[tuple[int, FloatArray]]] = []
    for t, rows in enumerate(frames):
        alive = [track for track in tracks if t - track[-1][0] <= LONGEST_GAP + 1]
        last = np.array([track[-1][1] for track in alive], np.float32).reshape(-1, 16)
        shared = iou_matrix(rows[:, :4], last[:, :4])
        free = np.ones(len(rows), bool)
        while shared.size and shared.max() >= LINKED:
            i, k = np.unravel_index(int(shared.argmax()), shared.shape)
            alive[int(k)].append((t, rows[i]))
            free[i], shared[i], shared[:, k] = False, -1, -1
        tracks += [[(t, row)] for row in rows[free]]
    out: list[list[FloatArray]] = [[] for _ in frames]
    for track in tracks:
        if len(track) < SHORTEST_TRACK:
            continue
        for (a, before), (b, after) in zip(track, [*track[1:], track[-1]], strict=True):
            out[a].append(np.append(before, 0))
            for t in range(a + 1, b):
                between = before + (after - before) * np.float32((t - a) / (b - a))
                between[5:15] = np.nan
                out[t].append(np.append(between, 1))
    return [np.array(rows, np.float32).reshape(-1, 17) for rows in out]


def label(session: Session, clips: Sequence[Sequence[ImageArray]], views: Sequence[View] = VIEWS) -> list[FloatArray]:
    """Labels of pictures.

    Args:
        session: the teacher, an embedded detector.
        clips: frames in order; a single picture is a clip of one.
        views: how each picture is looked at.

    Returns:
        Per picture, over all clips, (N, 16) rows: kind 1 for a face (sure by itself and agreed on by the views, or
        likely and confirmed by other frames, or between two frames that are sure), 0 for a place to ignore.
    """
    labels = []
    for clip in clips:
        fused = [fuse(*zip(*(look(session, image, view) for view in views), strict=True)) for image in clip]
        likely = [rows[rows[:, 4] >= LIKELY] for rows, _ in fused]
        linked = fill_gaps(likely) if len(clip) >= SHORTEST_TRACK else [np.zeros((0, 17), np.float32)] * len(clip)
        labels += [decide(rows, agreed, tracked) for (rows, agreed), tracked in zip(fused, linked, strict=True)]
    return labels


def decide(rows: FloatArray, agreed: FloatArray, tracked: FloatArray) -> FloatArray:
    """Faces and places to ignore in one picture, (N, 16).

    Args:
        rows: (M, 16) candidates. agreed: (M,) of ``fuse``. tracked: (T, 17) of ``fill_gaps``.
    """
    confirmed = iou_matrix(rows[:, :4], tracked[tracked[:, 16] == 0, :4]).max(axis=1, initial=0) > 0.99
    face = ((rows[:, 4] >= SURE) & (agreed >= AGREED)) | ((rows[:, 4] >= LIKELY) & confirmed)
    filled = tracked[tracked[:, 16] == 1, :16]
    apart = iou_matrix(filled[:, :4], rows[face, :4]).max(axis=1, initial=0) < LINKED
    faces = np.concatenate([rows[face], filled[apart]])
    ignored = rows[~face & (rows[:, 4] >= UNLIKELY)]
    ignored = ignored[iou_matrix(ignored[:, :4], faces[:, :4]).max(axis=1, initial=0) < LINKED]
    out = np.concatenate([faces, ignored])
    out[:, 4] = np.repeat([1, 0], [len(faces), len(ignored)])
    return out


def change(before: Sequence[FloatArray], after: Sequence[FloatArray]) -> float:
    """How much two sets of labels differ: the share of their faces that the other lacks, 0..1."""
    pairs = [(a[a[:, 4] == 1], b[b[:, 4] == 1]) for a, b in zip(before, after, strict=True)]
    total = sum(len(a) + len(b) for a, b in pairs)
    same = sum(int((match_boxes(a[:, :4], a[:, 15], b[:, :4], 0.5) >= 0).sum()) for a, b in pairs)
    return 1 - 2 * same / total if total else 0.0
