"""A small network for faces on event surfaces: cells 8 px apart, each with a score, a box and five points."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # its name everywhere
from torch import Tensor, nn

from nasion.train.blocks import ConvBN

STRIDE = 8
UNIT = 32.0  # px: what boxes and points are counted in, so that answers are about 1
NEAR = 0.12  # of the box's sides: cells whose centre lies so near the face's answer for it
AROUND = 0.35  # cells so near that do not are asked nothing


class Residual(nn.Module):
    """Two 3x3 convolutions and what went in."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(ConvBN(channels, channels), ConvBN(channels, channels, act=False))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


class EventFaces(nn.Module):
    """(N, 1, H, W) surfaces -1..1 to (N, 15, H/8, W/8): score logit, box and five points from the cell's centre."""

    def __init__(self) -> None:
        super().__init__()
        self.early = nn.Sequential(ConvBN(1, 16, 5, 2), ConvBN(16, 24, 3, 2), ConvBN(24, 48, 3, 2), Residual(48))
        self.middle = nn.Sequential(ConvBN(48, 64, 3, 2), Residual(64), Residual(64))
        self.late = nn.Sequential(ConvBN(64, 96, 3, 2), Residual(96))
        self.down_late, self.down_middle = ConvBN(96, 64, 1), ConvBN(64, 48, 1)
        self.head = nn.Sequential(ConvBN(48, 64), nn.Conv2d(64, 15, 1))
        nn.init.constant_(self.head[1].bias[:1], -4.0)  # few cells hold a face

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        middle = self.middle(early)
        middle = middle + F.interpolate(self.down_late(self.late(middle)), scale_factor=2.0)
        found: Tensor = self.head(early + F.interpolate(self.down_middle(middle), scale_factor=2.0))
        return found


def centres(height: int, width: int) -> Tensor:
    """(H/8, W/8, 2) px, x and y of the cells' centres."""
    y, x = torch.meshgrid(
        torch.arange(height // STRIDE) * STRIDE + (STRIDE - 1) / 2,
        torch.arange(width // STRIDE) * STRIDE + (STRIDE - 1) / 2,
        indexing="ij",
    )
    return torch.stack([x, y], -1)


def decode(found: Tensor) -> Tensor:
    """(N, 15, h, w) answers to (N, h w, 15) rows: box px, score 0..1, five points px (``nasion.detect``)."""
    rows = found.permute(0, 2, 3, 1)
    middle = centres(rows.shape[1] * STRIDE, rows.shape[2] * STRIDE)
    place = rows[..., 1:] * UNIT + middle.repeat(1, 1, 7)
    low, high = torch.minimum(place[..., :2], place[..., 2:4]), torch.maximum(place[..., :2], place[..., 2:4])
    return torch.cat([low, high, rows[..., :1].sigmoid(), place[..., 4:]], -1).flatten(1, 2)


class Decoded(nn.Module):
    """(N, 3, H, W) pictures of surfaces, 0..255, to rows: what is exported."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        return decode(self.net(image.mean(1, keepdim=True) / 127.5 - 1.0))


def losses(found: Tensor, boxes: Tensor, points: Tensor, there: Tensor) -> dict[str, Tensor]:
    """The terms of the loss.

    Args:
        found: (B, 15, h, w) answers.
        boxes: (B, 4) px.
        points: (B, 5, 2) px.
        there: (B,) bool, whether the picture holds a face.
    """
    rows = found.permute(0, 2, 3, 1)
    middle = centres(rows.shape[1] * STRIDE, rows.shape[2] * STRIDE)[None]
    face, side = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    away = ((middle - face[:, None, None]).abs() / side[:, None, None]).amax(-1)
    nearest = away.flatten(1).amin(1)[:, None, None]
    answers = ((away <= NEAR) | (away <= nearest)) & there[:, None, None]
    asked = (answers | (away > AROUND) | ~there[:, None, None]).float()
    logit = rows[..., 0]
    target = answers.float()
    miss = (target - logit.sigmoid()).abs().square()  # focal: what is known already weighs little (Lin et al., 2017)
    score = F.binary_cross_entropy_with_logits(logit, target, reduction="none") * miss * asked
    count = target.sum().clamp_min(1.0)
    aim = torch.cat([boxes, points.flatten(1)], 1)[:, None, None] - middle.repeat(1, 1, 1, 7)
    off = F.smooth_l1_loss(rows[..., 1:], aim / UNIT, reduction="none", beta=0.05) * target[..., None]
    return {
        "score": score.sum() / count,
        "box": off[..., :4].sum() / count,
        "points": 1.5 * off[..., 4:].sum() / count,
    }
