"""The detector's network: a small convolutional backbone, a top-down feature pyramid, one shared head.

Ours. The parts are common knowledge: depthwise-separable residual blocks (MobileNetV2), a top-down feature pyramid
(FPN), an anchor-free head that reads a box and five points from every cell (FCOS, YOLOX, YuNet).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

STRIDES = (8, 16, 32)
CHANNELS = 15  # a cell's answer: score, box centre x y, log width, log height, five points x y


def conv(inner: int, outer: int, kernel: int = 3, stride: int = 1, groups: int = 1, relu: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inner, outer, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outer),
    ]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))


class Separable(nn.Module):
    """Depthwise, then pointwise; with a residual where the shapes allow it."""

    def __init__(self, inner: int, outer: int, stride: int = 1, kernel: int = 3) -> None:
        super().__init__()
        self.depth = conv(inner, inner, kernel, stride, groups=inner, relu=False)
        self.point = conv(inner, outer, 1)
        self.residual = stride == 1 and inner == outer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.point(self.depth(x))
        return x + y if self.residual else y


class Detector(nn.Module):
    """RGB 0..255, (B, 3, H, W) with H and W multiples of 32, to one (B, 15, H / s, W / s) map per stride s.

    Channel 0 is a logit; 1..2 the box centre minus the cell's corner, in strides; 3..4 the log of width and height in
    strides; 5..14 the five points minus the cell's corner, in strides (coarse5 order).
    """

    def __init__(self, stem: int = 16, low: int = 32, mid: int = 48, high: int = 96, top: int = 128) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, stem, 3, 2), conv(stem, low, 3, 2), Separable(low, low))
        self.stage8 = nn.Sequential(conv(low, mid, 3, 2), *(Separable(mid, mid) for _ in range(3)))
        self.stage16 = nn.Sequential(Separable(mid, high, 2, 5), *(Separable(high, high) for _ in range(4)))
        self.stage32 = nn.Sequential(Separable(high, top, 2, 5), *(Separable(top, top) for _ in range(3)))
        self.lateral8, self.lateral16, self.lateral32 = conv(mid, mid, 1), conv(high, mid, 1), conv(top, mid, 1)
        self.merge8, self.merge16 = Separable(mid, mid), Separable(mid, mid)
        self.head = Separable(mid, mid, 1, 5)
        self.score_tower, self.box_tower = Separable(mid, mid), Separable(mid, mid)
        self.score, self.box = nn.Conv2d(mid, 1, 1), nn.Conv2d(mid, CHANNELS - 1, 1)
        nn.init.constant_(self.score.bias, -4.6)  # a cell is a face one time in a hundred before it has seen any
        nn.init.normal_(self.box.weight, std=0.01)
        nn.init.zeros_(self.box.bias)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        c8 = self.stage8(self.stem(x * (1 / 255)))
        c16 = self.stage16(c8)
        c32 = self.stage32(c16)
        p32 = self.lateral32(c32)
        p16 = self.merge16(self.lateral16(c16) + functional.interpolate(p32, scale_factor=2.0, mode="nearest"))
        p8 = self.merge8(self.lateral8(c8) + functional.interpolate(p16, scale_factor=2.0, mode="nearest"))
        maps = []
        for p in (p8, p16, p32):
            shared = self.head(p)
            maps.append(torch.cat([self.score(self.score_tower(shared)), self.box(self.box_tower(shared))], dim=1))
        return maps[0], maps[1], maps[2]
