"""What a wrong answer of the embedded detector's network costs.

Score: focal loss towards a soft target (Li et al., "Generalized Focal Loss", NeurIPS 2020). Box: GIoU. Points: smooth
L1 over the size of the face. Boxes and points count by their cell's target score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nasion.core import ImageArray
from nasion.train.detector_net import STRIDES, Detector
from nasion.train.detector_targets import SEEN, Dense, Targets

SHARE = {8: 1.0, 16: 1.2, 32: 2.0}  # large faces are rare in a batch, and their points matter most
FOCUS = 1.5


def cells(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Corner (A, 2) px and stride (A,) of every cell, in the order of ``flatten``."""
    corners, strides = [], []
    for s in STRIDES:
        y, x = torch.meshgrid(torch.arange(height // s), torch.arange(width // s), indexing="ij")
        corners.append(torch.stack([x, y], -1).reshape(-1, 2) * float(s))
        strides.append(torch.full((x.numel(),), float(s)))
    return torch.cat(corners), torch.cat(strides)


def flatten(maps: tuple[Tensor, ...]) -> Tensor:
    """Maps (B, 15, h, w) to (B, A, 15)."""
    return torch.cat([m.flatten(2).transpose(1, 2) for m in maps], dim=1)


def decode(raw: Tensor, corner: Tensor, stride: Tensor) -> tuple[Tensor, Tensor]:
    """Answers (..., A, 15) of cells (A, 2), (A,) to boxes (..., A, 4) and points (..., A, 5, 2), px."""
    center = raw[..., 1:3] * stride[..., None] + corner
    half = raw[..., 3:5].clamp(-4, 5).exp() * stride[..., None] / 2
    points = raw[..., 5:].unflatten(-1, (5, 2)) * stride[..., None, None] + corner[..., None, :]
    return torch.cat([center - half, center + half], -1), points


def answers(net: Detector, views: Sequence[ImageArray]) -> list[Dense]:
    """What a network says of every cell of some views (H, W, 3) uint8 of one size, sides multiples of 32."""
    with torch.no_grad():
        raw = flatten(net(torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).float()))
        box, points = decode(raw, *cells(*views[0].shape[:2]))
        score = raw[..., 0].sigmoid()
    parts = score.numpy(), box.numpy(), points.flatten(2).numpy()
    return [Dense(*answer) for answer in zip(*parts, strict=True)]


def overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and GIoU of broadcast (..., 4) boxes."""
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - shared
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1)
    iou = shared / union.clamp(min=1e-6)
    return iou, iou - (hull - union) / hull.clamp(min=1e-6)


def detection_loss(
    raw: Tensor, corner: Tensor, stride: Tensor, wanted: list[Targets]
) -> tuple[Tensor, dict[str, float]]:
    """The loss of a batch: raw (B, A, 15) against one ``Targets`` per picture."""
    share = torch.tensor([SHARE[int(s)] for s in stride])
    target = torch.from_numpy(np.stack([t.score for t in wanted])).float()
    weight = torch.from_numpy(np.stack([t.weight for t in wanted])).float() * share
    logit = raw[..., 0]
    focus = (target - logit.sigmoid()).detach().abs() ** FOCUS
    bce = functional.binary_cross_entropy_with_logits(logit, target, reduction="none")
    total = (target * share).sum().clamp(min=1)
    score_loss = (bce * focus * weight).sum() / total

    picture, cell = (target > SEEN).nonzero(as_tuple=True)
    trust = (target * share)[picture, cell]
    boxes, points = decode(raw[picture, cell], corner[cell], stride[cell])
    true_box = torch.from_numpy(np.stack([t.box for t in wanted])).float()[picture, cell]
    box_loss = ((1 - overlap(boxes, true_box)[1]) * trust).sum() / trust.sum().clamp(min=1)
    known = torch.from_numpy(np.stack([t.point_weight for t in wanted])).float()[picture, cell] * share[cell]
    true_points = torch.from_numpy(np.stack([t.points for t in wanted])).float()[picture, cell].unflatten(-1, (5, 2))
    extent = (true_box[:, 2:] - true_box[:, :2]).clamp(min=1).prod(-1).sqrt()
    error = (points - true_points) / extent[:, None, None]
    point_loss = functional.smooth_l1_loss(error, torch.zeros_like(error), beta=0.05, reduction="none").mean((1, 2))
    point_loss = (point_loss * known).sum() / known.sum().clamp(min=1)
    loss = 2 * score_loss + 2 * box_loss + 4 * point_loss
    parts = {"loss": float(loss.detach()), "score": float(score_loss.detach()), "box": float(box_loss.detach())}
    return loss, parts | {"points": float(point_loss.detach())}
