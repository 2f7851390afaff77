"""The network of the detector's second look: a candidate's crop and what the first look said to score, box and points.

A plain little pyramid of strides, then a perceptron over all that is left of the crop and the first look's numbers:
MTCNN's second stage (Zhang et al., 2016) with normalisations, and with the first stage's answer as a further input.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasion.detect.second import PRIOR, SIDE

WIDTHS = (16, 32, 48, 64)
CODE = 96
FLOOR = 6.0  # 8-bit levels added to a crop's contrast, so that the noise of an even one does not become its pattern
PLACES = 14  # box and five points


def conv(before: int, after: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    layer = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(after), nn.ReLU())


class SecondNet(nn.Module):
    """(N, 3, SIDE, SIDE) levels 0..255 and (N, 16) of ``nasion.detect.second.prior``."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.trunk = nn.Sequential(conv(3, a, 2), conv(a, b, 2), conv(b, c, 2), conv(c, d), conv(d, c, 1, 1))
        left = -(-SIDE // 8)
        self.code = nn.Sequential(nn.Linear(c * left * left + PRIOR, CODE), nn.ReLU())
        self.score = nn.Linear(CODE, 1)
        self.places = nn.Linear(CODE, PLACES)
        nn.init.zeros_(self.places.weight)
        nn.init.zeros_(self.places.bias)

    def forward(self, crops: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
        """The logit (N,), and box and points (N, 14) in the square, -1..1 from edge to edge."""
        mean = crops.mean((1, 2, 3), keepdim=True)
        spread = ((crops - mean) ** 2).mean((1, 2, 3), keepdim=True).sqrt()
        seen = self.trunk((crops - mean) / (spread + FLOOR))
        code = self.code(torch.cat([seen.flatten(1), prior], dim=1))
        return self.score(code)[:, 0], prior[:, 2:] + self.places(code)


class Shipped(nn.Module):
    """What the file holds: (N, SIDE, SIDE, 3) uint8 and the prior to scores, 0..1, and places.

    Args:
        net: the network.
        slope, shift: of the logistic curve that makes its logit the share of such candidates that are faces.
    """

    def __init__(self, net: SecondNet, slope: float, shift: float) -> None:
        super().__init__()
        self.net, self.slope, self.shift = net, slope, shift

    def forward(self, crops: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
        logit, places = self.net(crops.permute(0, 3, 1, 2).float(), prior)
        return torch.sigmoid(self.slope * logit + self.shift), places
