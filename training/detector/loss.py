"""Which cells answer for which face, and what a wrong answer costs.

Assignment: SimOTA (Ge et al., "YOLOX", 2021) over the whole batch at once. Score: quality focal loss with the
overlap as its target (Li et al., "Generalized Focal Loss", NeurIPS 2020). Box: GIoU. Points: smooth L1 over the size of
the face.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from training.detector.net import STRIDES

MOST_CELLS = 10  # a face is given at most this many cells


def cells(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Corner (A, 2) px and stride (A,) of every cell, in the order of ``flatten``."""
    corners, strides = [], []
    for s in STRIDES:
        y, x = torch.meshgrid(torch.arange(height // s), torch.arange(width // s), indexing="ij")
        corners.append(torch.stack([x, y], -1).reshape(-1, 2) * float(s))
        strides.append(torch.full((x.numel(),), float(s)))
    return torch.cat(corners), torch.cat(strides)


def flatten(maps: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Maps (B, 15, h, w) to (B, A, 15)."""
    return torch.cat([m.flatten(2).transpose(1, 2) for m in maps], dim=1)


def decode(raw: torch.Tensor, corner: torch.Tensor, stride: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, A, 15) to boxes (B, A, 4) and points (B, A, 5, 2), px."""
    center = raw[..., 1:3] * stride[:, None] + corner
    half = raw[..., 3:5].clamp(-4, 5).exp() * stride[:, None] / 2
    points = raw[..., 5:].unflatten(-1, (5, 2)) * stride[:, None, None] + corner[:, None]
    return torch.cat([center - half, center + half], -1), points


def overlap(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """IoU and GIoU of broadcast (..., 4) boxes."""
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - shared
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1)
    iou = shared / union.clamp(min=1e-6)
    return iou, iou - (hull - union) / hull.clamp(min=1e-6)


@torch.no_grad()
def assign(
    logit: torch.Tensor,
    boxes: torch.Tensor,
    corner: torch.Tensor,
    stride: torch.Tensor,
    truth: torch.Tensor,
    owner: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cells for faces.

    Args:
        logit: (B, A). boxes: (B, A, 4) px. truth: (N, 4) px, the faces of the batch. owner: (N,) their picture.

    Returns:
        face (P,) and cell (P,): pairs, each cell of a picture at most once.
    """
    middle = corner + stride[:, None] / 2
    size = truth[:, 2:] - truth[:, :2]
    away = (middle[None] - (truth[:, None, :2] + truth[:, None, 2:]) / 2).abs()
    # near the centre of the face, measured in cells: were a large face to choose among dozens of cells, its choice
    # would change from step to step, and every cell would learn to be unsure
    near = stride[None, :, None]
    candidate = (away < torch.minimum(torch.maximum(size[:, None] * 0.35, near), 1.5 * near)).all(-1)
    off_center = away.sum(-1) / stride[None]
    iou = overlap(boxes[owner], truth[:, None])[0]
    scale = (size.prod(-1).sqrt()[:, None] / (stride[None] * 3.5)).log2().abs()
    score = logit[owner].sigmoid()
    # a score of s costs -log(s): cells that already see the face keep it; scale and centre decide while all are blind
    cost = -(score + 1e-6).log() * 0.5 - 3 * (iou + 1e-6).log().clamp(min=-6)
    cost += 1.5 * scale + 0.5 * off_center + 1e5 * (~candidate)
    count = torch.topk(iou * candidate, MOST_CELLS, dim=1).values.sum(1).int().clamp(1, MOST_CELLS)
    value, cell = torch.topk(-cost, MOST_CELLS, dim=1)
    chosen = (torch.arange(MOST_CELLS)[None] < count[:, None]) & (value > -1e4)
    face, rank = chosen.nonzero(as_tuple=True)
    cell, price = cell[face, rank], -value[face, rank]
    flat = owner[face] * logit.shape[1] + cell
    best = torch.full((logit.numel(),), torch.inf).scatter_reduce(0, flat, price, "amin")
    keep = price <= best[flat]
    return face[keep], cell[keep]


def detection_loss(
    raw: torch.Tensor, corner: torch.Tensor, stride: torch.Tensor, rows: torch.Tensor, owner: torch.Tensor
) -> tuple[torch.Tensor, dict[str, float]]:
    """The loss of a batch.

    Args:
        raw: (B, A, 15) the network's answers.
        rows: (M, 16) labels (see ``prepare.py``). owner: (M,) int64, the picture of each.
    """
    boxes, points = decode(raw, corner, stride)
    logit = raw[..., 0]
    real = rows[:, 4] == 1
    truth, of = rows[real], owner[real]
    face, cell = assign(logit, boxes, corner, stride, truth[:, :4], of)
    picture = of[face]
    iou, giou = overlap(boxes[picture, cell], truth[face, :4])
    extent = (truth[face, 2:4] - truth[face, 0:2]).prod(-1).sqrt()
    share = (extent / 48).clamp(1, 4)  # large faces are rare in a batch, and their points matter most

    weight = torch.ones_like(logit)
    middle = corner + stride[:, None] / 2
    for box, b in zip(rows[~real, :4], owner[~real].tolist(), strict=True):
        reach = torch.maximum((box[2:] - box[:2]) / 2, stride[:, None] / 2)
        weight[b][((middle - (box[:2] + box[2:]) / 2).abs() < reach).all(-1)] = 0
    target = torch.zeros_like(logit)
    # small faces overlap poorly even when they are seen well: start their target at 0.3
    target[picture, cell] = 0.3 + 0.7 * iou.detach().clamp(0, 1)
    weight[picture, cell] = share
    focus = (target - logit.sigmoid()).detach().abs() ** 2
    bce = functional.binary_cross_entropy_with_logits(logit, target, reduction="none")
    positives = share.sum().clamp(min=1)
    score_loss = (bce * focus * weight).sum() / positives

    box_loss = ((1 - giou) * share).sum() / positives
    known = (~truth[face, 5].isnan()) * share
    error = (points[picture, cell] - truth[face, 5:15].nan_to_num().unflatten(-1, (5, 2))) / extent[:, None, None]
    point_loss = functional.smooth_l1_loss(error, torch.zeros_like(error), beta=0.05, reduction="none").mean((1, 2))
    point_loss = (point_loss * known).sum() / known.sum().clamp(min=1)
    total = 2 * score_loss + 2 * box_loss + 4 * point_loss
    parts = {
        "loss": float(total.detach()),
        "score": float(score_loss.detach()),
        "box": float(box_loss.detach()),
        "points": float(point_loss.detach()),
        "cells": len(face) / max(int(real.sum()), 1),
    }
    return total, parts
