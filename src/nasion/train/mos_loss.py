"""What MOS learns from: which anchor answers for which face, and the weighted sum of its tasks.

Matching, hard negatives and box loss: Deng et al., "RetinaFace", CVPR 2020. Angles: Ruiz et al., "Hopenet", CVPRW
2018. Task weights: Kendall, Gal and Cipolla, "Multi-Task Learning Using Uncertainty", CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from nasion.train.mos_net import BINS, FIRST, STEP, TASKS, angle, encode

OVERLAP = 0.35  # an anchor that overlaps a face by this much answers for it; the best one always does
UNSURE = 0.2  # below this it is background
NEGATIVES = 7  # a positive
BOX = 2.0
MSE = 0.005  # of squared degrees, beside the cross entropy over bins: 14 degrees off weigh as much as one nat
LIMIT = 99.0  # degrees that the bins reach; labels beyond are left out


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """IoU of (N, 4) and (M, 4) boxes, (N, M)."""
    low, high = torch.maximum(a[:, None, :2], b[None, :, :2]), torch.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clamp_min(0).prod(-1)
    area = (a[:, 2:] - a[:, :2]).prod(-1)[:, None] + (b[:, 2:] - b[:, :2]).prod(-1)[None]
    return shared / (area - shared).clamp_min(1e-6)


def match(anchors: Tensor, boxes: Tensor) -> Tensor:
    """(A,) which face an anchor answers for: its index, -1 for background, -2 for neither taught nor punished."""
    squares = torch.cat([anchors[:, :2] - anchors[:, 2:] / 2, anchors[:, :2] + anchors[:, 2:] / 2], 1)
    shared = overlap(squares, boxes)
    best, face = shared.max(1)
    face = torch.where(best >= OVERLAP, face, torch.where(best >= UNSURE, -2, -1))
    face[shared.argmax(0)] = torch.arange(len(boxes))
    return face


def angle_loss(bins: Tensor, degrees: Tensor) -> Tensor:
    """(P, 66) logits and (P,) degrees within +-99 to (P,): cross entropy of the bin and squared error of the angle."""
    nearest = ((degrees - FIRST) / STEP).round().long().clamp(0, BINS - 1)
    return functional.cross_entropy(bins, nearest, reduction="none") + MSE * (angle(bins) - degrees).square()


def task_losses(
    answers: Mapping[str, Tensor], anchors: Tensor, faces: list[Tensor]
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """The loss of each task over a batch.

    Args:
        answers: of the network.
        anchors: (A, 3).
        faces: per picture (F, 17): box, five points, yaw, pitch, roll; px and degrees, NaN where unknown.

    Returns:
        A scalar per task; (P,) the box, point and class loss of every positive anchor and (P,) the side of its face in
        px, for feedback sampling.
    """
    matches = [match(anchors, f[:, :4]) if len(f) else torch.full((len(anchors),), -1, dtype=torch.long) for f in faces]
    assigned = torch.stack(matches)
    picture, cell = (assigned >= 0).nonzero(as_tuple=True)
    start = torch.tensor([0, *(len(f) for f in faces)]).cumsum(0)
    truth = torch.cat(faces)[start[picture] + assigned[picture, cell]]

    costs = functional.cross_entropy(
        answers["class"].flatten(0, 1), (assigned >= 0).long().flatten(), reduction="none"
    ).view_as(assigned)
    quiet = torch.where(assigned == -1, costs, torch.zeros_like(costs))
    hard = quiet.flatten().topk(min(max(NEGATIVES * len(cell), 32), quiet.numel())).values  # over the whole batch
    count = max(len(cell), 1)
    losses = {"class": (costs[picture, cell].sum() + hard.sum()) / count}

    box, points = encode(anchors[cell], truth[:, :4], truth[:, 4:14].reshape(-1, 5, 2))
    off = functional.smooth_l1_loss(answers["box"][picture, cell], box, reduction="none").sum(1)
    losses["box"] = BOX * off.sum() / count
    known = points.isfinite().all(1)
    miss = functional.smooth_l1_loss(answers["points"][picture, cell][known], points[known], reduction="none").sum(1)
    losses["points"] = miss.sum() / max(int(known.sum()), 1)
    for k, task in enumerate(("yaw", "pitch", "roll")):
        degrees = truth[:, 14 + k]
        within = degrees.abs() <= LIMIT  # false for NaN
        losses[task] = angle_loss(answers[task][picture, cell][within], degrees[within]).sum()
        losses[task] = losses[task] / max(int(within.sum()), 1)

    share = (costs[picture, cell] + off).detach()
    share[known] += miss.detach()
    side = (truth[:, 2:4] - truth[:, :2]).prod(1).sqrt()
    return losses, share, side


def weigh(losses: Mapping[str, Tensor], log_variance: Tensor | None, pose: bool = True) -> dict[str, Tensor]:
    """Terms that add up to the total: ``exp(-s) L + s`` for each task, or the plain losses without ``log_variance``.

    Args:
        losses: a scalar per task.
        log_variance: (6,) s, in the order of ``TASKS``.
        pose: whether the three angles count.
    """
    tasks = TASKS if pose else TASKS[:3]
    if log_variance is None:
        return {task: losses[task] for task in tasks}
    return {task: (-log_variance[k]).exp() * losses[task] + log_variance[k] for k, task in enumerate(tasks)}
