"""What a wrong answer costs.

Score: focal loss towards a soft target (Li et al., "Generalized Focal Loss", NeurIPS 2020). Box: GIoU. Points: smooth
L1 over the size of the face. Boxes and points count by their cell's target score. Hints: the squared distance of the
features, through a linear map, to the teacher's (Romero et al., "FitNets", ICLR 2015).
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from training.detector.net import STRIDES
from training.detector.targets import SEEN, Targets

SHARE = {8: 1.0, 16: 1.2, 32: 2.0}  # large faces are rare in a batch, and their points matter most
FOCUS = 1.5


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
    """Answers (..., A, 15) of cells (A, 2), (A,) to boxes (..., A, 4) and points (..., A, 5, 2), px."""
    center = raw[..., 1:3] * stride[..., None] + corner
    half = raw[..., 3:5].clamp(-4, 5).exp() * stride[..., None] / 2
    points = raw[..., 5:].unflatten(-1, (5, 2)) * stride[..., None, None] + corner[..., None, :]
    return torch.cat([center - half, center + half], -1), points


def overlap(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """IoU and GIoU of broadcast (..., 4) boxes."""
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - shared
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1)
    iou = shared / union.clamp(min=1e-6)
    return iou, iou - (hull - union) / hull.clamp(min=1e-6)


def detection_loss(
    raw: torch.Tensor, corner: torch.Tensor, stride: torch.Tensor, wanted: list[Targets]
) -> tuple[torch.Tensor, dict[str, float]]:
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


class Hints(torch.nn.Module):
    """Linear maps from the student's features to the teacher's; not part of what ships."""

    def __init__(self, widths: tuple[int, ...], teacher: int = 64) -> None:
        super().__init__()
        self.maps = torch.nn.ModuleList(
            torch.nn.Sequential(torch.nn.BatchNorm2d(width, affine=False), torch.nn.Conv2d(width, teacher, 1))
            for width in widths
        )
        for _, last in self.maps:
            torch.nn.init.zeros_(last.weight)

    def forward(
        self, features: tuple[torch.Tensor, ...], hints: list[tuple[np.ndarray, ...]], wanted: list[Targets]
    ) -> torch.Tensor:
        """Mean squared distance over the teacher's variance per channel; cells near a face count for more."""
        target = torch.from_numpy(np.stack([t.score for t in wanted])).float()
        near, start = [], 0
        for f in features[:3]:
            cells_here = f.shape[2] * f.shape[3]
            score = target[:, start : start + cells_here].reshape(len(target), 1, *f.shape[2:])
            near.append(functional.max_pool2d(score, 3, 1, 1).add(0.2))
            start += cells_here
        total = torch.zeros(())
        for i, (f, linear) in enumerate(zip(features, self.maps, strict=True)):
            teacher = torch.from_numpy(np.stack([h[i] for h in hints]))
            spread = teacher.std((0, 2, 3), keepdim=True)
            spread = spread.clamp(min=0.3 * float(spread.mean()))  # some channels hardly ever speak
            error = ((linear(f) - teacher) / spread) ** 2 * near[i % 3]
            total = total + error.mean() / near[i % 3].mean()
        return total / len(self.maps)
