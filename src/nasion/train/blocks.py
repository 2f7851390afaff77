"""Pieces that several networks share: MobileNet blocks, soft-argmax, losses over known points."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # its name everywhere
from torch import Tensor, nn


class ConvBN(nn.Sequential):
    """Convolution, batch normalisation, ReLU6 (or none)."""

    def __init__(self, c_in: int, c_out: int, kernel: int = 3, stride: int = 1, groups: int = 1, act: bool = True):
        super().__init__(
            nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(c_out),
            *([nn.ReLU6(inplace=True)] if act else []),
        )


class InvertedResidual(nn.Module):
    """The block of MobileNetV2 (Sandler et al., CVPR 2018): expand, depthwise, project, add when shapes allow."""

    def __init__(self, c_in: int, c_out: int, stride: int, expand: int):
        super().__init__()
        wide = c_in * expand
        self.body = nn.Sequential(
            *([ConvBN(c_in, wide, 1)] if expand > 1 else []),
            ConvBN(wide, wide, 3, stride, groups=wide),
            ConvBN(wide, c_out, 1, act=False),
        )
        self.adds = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.adds else self.body(x)


# expansion, channels, repeats, stride of MobileNetV2's seven groups of blocks
MOBILENET_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def channels(count: int, width: float) -> int:
    """MobileNet's rounding of ``width * count`` to a multiple of 8, never below 90 % of it."""
    rounded = max(8, int(count * width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * count * width else rounded


class MobileNetV2(nn.Module):
    """The trunk: (N, 3, S, S) to feature maps at strides 4, 8, 16 and 32, the last with ``self.out`` channels."""

    def __init__(self, width: float = 1.0):
        super().__init__()
        c = channels(32, width)
        self.stem = ConvBN(3, c, 3, 2)
        groups = []
        for expand, count, repeats, stride in MOBILENET_V2:
            c_out = channels(count, width)
            blocks = [
                InvertedResidual(c if i == 0 else c_out, c_out, stride if i == 0 else 1, expand) for i in range(repeats)
            ]
            groups.append(nn.Sequential(*blocks))
            c = c_out
        self.groups = nn.ModuleList(groups)
        self.out = channels(1280, max(1.0, width))
        self.last = ConvBN(c, self.out, 1)
        self.widths = tuple(channels(n, width) for n in (24, 32, 96))

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Maps at strides 4, 8, 16 and 32 (before the final 1x1 convolution), as far as there are blocks."""
        maps = []
        x = self.stem(x)
        for i, group in enumerate(self.groups):
            x = group(x)
            if i in (1, 2, 4, 6):
                maps.append(x)
        return tuple(maps)

    def forward(self, x: Tensor) -> Tensor:
        """(N, out) pooled features."""
        return self.last(self.features(x)[-1]).mean((2, 3))


def soft_argmax(heat: Tensor) -> Tensor:
    """Heatmap logits (N, K, H, W) to the mean place (N, K, 2) under their softmax, crop units (x, y)."""
    height, width = heat.shape[-2:]
    p = heat.flatten(2).softmax(-1).unflatten(2, (height, width))
    x = (torch.arange(width, device=heat.device, dtype=p.dtype) + 0.5) / width
    y = (torch.arange(height, device=heat.device, dtype=p.dtype) + 0.5) / height
    return torch.stack([(p.sum(2) * x).sum(-1), (p.sum(3) * y).sum(-1)], -1)


def masked_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of ``values`` (B, K, ...) over its points weighted by ``weight`` (B, K); 0 when all weights are 0."""
    while weight.dim() < values.dim():
        weight = weight.unsqueeze(-1)
    weight = weight.expand_as(values)
    return (values * weight).sum() / weight.sum().clamp_min(1e-6)


def point_loss(found: Tensor, batch_points: Tensor, known: Tensor) -> Tensor:
    """Mean distance between points, smooth below 1 % of the crop."""
    distance = F.smooth_l1_loss(found, batch_points, reduction="none", beta=0.01).sum(-1)
    return masked_mean(distance, known)
