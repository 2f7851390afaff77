"""The network of the eye refiner: a crop of one eye to its 21 points, how far off each may be, whether the iris shows.

A small hourglass. Its maps are 4 px coarse, but the mean of a map is not; a perceptron then lets the points speak with
each other, so that an iris half under a lid is placed by what is left of it. 107 thousand weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasion.landmark.eye_points import HEIGHT, IRIS, POINTS, WIDTH

STRIDE = 4
FLOOR = 4.0  # 8-bit levels added to a crop's contrast, so that the noise of an even one does not become its pattern


def conv(before: int, after: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(after), nn.ReLU())


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(width, width), nn.Conv2d(width, width, 3, 1, 1, bias=False))
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.norm(self.body(x)))


class EyeNet(nn.Module):
    """(N, 3, HEIGHT, WIDTH) levels 0..255 to what ``forward`` says."""

    columns: Tensor
    rows: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(conv(3, 16, 5, 2), conv(16, 32, 3, 2), Residual(32))
        self.coarse = nn.Sequential(conv(32, 48, 3, 2), Residual(48))
        self.up = nn.Conv2d(48, 32, 1)
        self.maps = nn.Sequential(conv(32, 32), nn.Conv2d(32, len(POINTS), 1))
        count = len(POINTS)
        self.together = nn.Sequential(nn.Linear(2 * count + 48, 96), nn.ReLU())
        self.correction = nn.Linear(96, 2 * count)
        self.spread = nn.Linear(96, count)
        self.shows = nn.Linear(96, len(IRIS))
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)
        middle = (STRIDE - 1) / 2
        self.register_buffer("columns", torch.arange(WIDTH // STRIDE) * STRIDE + middle, persistent=False)
        self.register_buffer("rows", torch.arange(HEIGHT // STRIDE) * STRIDE + middle, persistent=False)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Places the points.

        Returns:
            ``points`` (N, 21, 2) px of the crop, ``rough`` the same before the points spoke with each other, ``sigma``
            (N, 21) px and ``shows`` (N, 5), the logit that each iris point can be seen.
        """
        mean = x.mean((1, 2, 3), keepdim=True)
        spread = ((x - mean) ** 2).mean((1, 2, 3), keepdim=True).sqrt()
        fine = self.fine((x - mean) / (spread + FLOOR))
        coarse = self.coarse(fine)
        up = nn.functional.interpolate(self.up(coarse), scale_factor=2, mode="nearest")
        maps = self.maps(torch.relu(fine + up))
        weight = maps.flatten(2).softmax(2).reshape(maps.shape)
        across = (weight.sum(2) * self.columns).sum(2)
        down = (weight.sum(3) * self.rows).sum(2)
        rough = torch.stack([across, down], 2)
        scaled = (rough - torch.tensor([WIDTH / 2, HEIGHT / 2])) / (WIDTH / 4)
        code = self.together(torch.cat([scaled.flatten(1), coarse.mean((2, 3))], 1))
        points = rough + self.correction(code).reshape(rough.shape)
        sigma = nn.functional.softplus(self.spread(code)) + 0.15
        return {"points": points, "rough": rough, "sigma": sigma, "shows": self.shows(code)}


class Exported(nn.Module):
    """What the file holds: (N, HEIGHT, WIDTH, 3) uint8 crops to points and sigma, px, and ``shows``, 0..1."""

    scale: Tensor

    def __init__(self, net: EyeNet, scale: Tensor) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("scale", scale)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        out = self.net(crops.permute(0, 3, 1, 2).float())
        return out["points"], out["sigma"] * self.scale, torch.sigmoid(out["shows"])
