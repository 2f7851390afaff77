"""A small convolutional network on log-polar views, or on ordinary ones under a circular mask.

Source: "Foveated Retinotopy Improves Classification and Localization in CNNs", arXiv 2402.15480.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nasion.train.blocks import ConvBN

WIDTHS = (16, 32, 64)


class Ring(nn.Module):
    """A 3x3 convolution that knows that the last direction is beside the first; rings end where they end."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inner, outer, 3, stride, bias=False)
        self.norm = nn.BatchNorm2d(outer)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(functional.pad(x, (1, 1, 0, 0), mode="circular"), (0, 0, 1, 1))
        return functional.relu(self.norm(self.conv(x)))


class SmallNet(nn.Module):
    """Views (N, S, S, 3) uint8 to (N,) logits.

    Args:
        log_polar: whether columns are directions.
    """

    def __init__(self, log_polar: bool) -> None:
        super().__init__()
        layers, inner = [], 3
        for width in WIDTHS:
            for stride in (2, 1):
                layers.append(Ring(inner, width, stride) if log_polar else ConvBN(inner, width, 3, stride))
                inner = width
        self.body, self.head = nn.Sequential(*layers), nn.Linear(inner, 1)
        self.log_polar = log_polar

    def forward(self, views: Tensor) -> Tensor:
        x = views.permute(0, 3, 1, 2).float() / 127.5 - 1
        # averaging over directions makes the answer bear turns of the picture, over rings its enlargement
        return self.head(self.body(x).mean((2, 3)))[:, 0]


class Probability(nn.Module):
    """What is exported."""

    def __init__(self, net: SmallNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, views: Tensor) -> Tensor:
        return torch.sigmoid(self.net(views))
