"""The network of RTNet in small: bottlenecks that look along angle and distance and, beside it, along x and y."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # its name everywhere
from torch import Tensor, nn

from nasion.core import FloatArray
from nasion.parse.tanh_polar import cartesian_to_polar, polar_to_cartesian


class MixedPad(nn.Module):
    """What lies beyond a map's edge.

    Args:
        width: rows and columns added on each side.
        polar: the first row follows the last, and the outermost columns go on; otherwise zeros.
    """

    def __init__(self, width: int, polar: bool) -> None:
        super().__init__()
        self.width, self.polar = width, polar

    def forward(self, x: Tensor) -> Tensor:
        w = self.width
        if not self.polar:
            return F.pad(x, (w, w, w, w))
        x = torch.cat([x[:, :, -w:], x, x[:, :, :w]], 2)
        return F.pad(x, (w, w, 0, 0), mode="replicate")


def conv(c_in: int, c_out: int, kernel: int, polar: bool, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Padding, convolution, batch normalisation, ReLU."""
    pad = [MixedPad(dilation * (kernel // 2), polar)] if kernel > 1 else []
    return nn.Sequential(
        *pad, nn.Conv2d(c_in, c_out, kernel, stride, dilation=dilation, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()
    )


class Resample(nn.Module):
    """A fixed resampling of square maps: each cell is read at a column and row of the old map.

    Args:
        at: (h, h, 2) column and row.
        wraps: the last row is followed by the first.
    """

    def __init__(self, at: FloatArray, wraps: bool) -> None:
        super().__init__()
        side = len(at)
        self.wraps = wraps
        rows = side + 2 if wraps else side
        x, y = at[..., 0], at[..., 1] + wraps
        grid = torch.stack([torch.from_numpy((2 * v + 1) / n - 1) for v, n in ((x, side), (y, rows))], -1)
        self.register_buffer("grid", grid[None].float())

    def forward(self, x: Tensor) -> Tensor:
        if self.wraps:
            x = torch.cat([x[:, :, -1:], x, x[:, :, :1]], 2)
        grid = self.grid.repeat(x.shape[0], 1, 1, 1)
        return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


class HybridBlock(nn.Module):
    """A bottleneck with two 3 x 3 convolutions side by side: in the map as it is, and in its Cartesian twin.

    Args:
        c_in, c_out: channels.
        side: of the maps; 0 leaves the twin out, and both convolutions see the map as it is.
        polar: pad as a polar map asks for.
        dilation: of the convolutions.
    """

    def __init__(self, c_in: int, c_out: int, side: int, polar: bool, dilation: int = 1) -> None:
        super().__init__()
        half = c_out // 2
        self.reduce = nn.ModuleList(conv(c_in, half, 1, polar) for _ in range(2))
        self.look = nn.ModuleList(
            (conv(half, half, 3, polar, 1, dilation), conv(half, half, 3, polar and not side, 1, dilation))
        )
        self.there: nn.Module = Resample(polar_to_cartesian(side), True) if side else nn.Identity()
        self.back: nn.Module = Resample(cartesian_to_polar(side), False) if side else nn.Identity()
        self.join = nn.Sequential(nn.Conv2d(2 * half, c_out, 1, bias=False), nn.BatchNorm2d(c_out))
        self.short = nn.Conv2d(c_in, c_out, 1, bias=False) if c_in != c_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        first = self.look[0](self.reduce[0](x))
        second = self.back(self.look[1](self.there(self.reduce[1](x))))
        return F.relu(self.join(torch.cat([first, second], 1)) + self.short(x))


class RTNet(nn.Module):
    """Views (N, 3, T, T) to logits (N, classes, T / 2, T / 2).

    Args:
        classes: how many.
        size: px, T.
        polar: the views are tanh-polar: pad so, and look at the Cartesian twin too.
        circular: with ``polar``, whether the rows wrap; off, zeros are padded, which leaves a seam.
        width: channels of the first stage.
    """

    def __init__(self, classes: int, size: int, polar: bool = True, circular: bool = True, width: int = 12) -> None:
        super().__init__()
        wrap, twin, w = polar and circular, size // 4 if polar else 0, width
        self.stem = conv(3, w, 3, wrap, 2)
        self.first = HybridBlock(w, 2 * w, 0, wrap)
        self.down = conv(2 * w, 3 * w, 3, wrap, 2)
        self.deep = nn.Sequential(
            HybridBlock(3 * w, 4 * w, 0, wrap),
            *(HybridBlock(4 * w, 4 * w, twin, wrap, dilation) for dilation in (1, 2, 4)),
        )
        self.narrow = conv(4 * w, 2 * w, 1, wrap)
        self.head = nn.Sequential(
            conv(4 * w, 2 * w, 1, wrap), conv(2 * w, 2 * w, 3, wrap), nn.Conv2d(2 * w, classes, 1)
        )
        self.wraps = wrap

    def forward(self, x: Tensor) -> Tensor:
        fine = self.first(self.stem(x))
        deep = self.narrow(self.deep(self.down(fine)))
        return self.head(torch.cat([fine, enlarge(deep, self.wraps)], 1))


def enlarge(x: Tensor, wraps: bool) -> Tensor:
    """Twice as large, bilinear; row i of the old map is row 2 i of the new one, as strides leave it."""
    after = x[:, :, :1] if wraps else x[:, :, -1:]
    x = torch.stack([x, (x + torch.cat([x[:, :, 1:], after], 2)) / 2], 3).flatten(2, 3)
    x = torch.stack([x, (x + torch.cat([x[..., 1:], x[..., -1:]], 3)) / 2], 4)
    return x.flatten(3, 4)


def parsing_loss(logits: Tensor, labels: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Cross entropy and Dice, the mean over the classes that are there.

    Args:
        logits: (N, C, h, h). labels: (N, h, h) int64.
        weight: (C,) of each class in the cross entropy.
    """
    entropy = F.cross_entropy(logits, labels, weight)
    p = logits.softmax(1)
    truth = F.one_hot(labels, logits.shape[1]).permute(0, 3, 1, 2).float()
    both = (p * truth).sum((0, 2, 3))
    total = (p + truth).sum((0, 2, 3))
    there = (truth.sum((0, 2, 3)) > 0).float()
    dice = 1 - 2 * both / total.clamp_min(1e-6)
    return entropy, (dice * there).sum() / there.sum().clamp_min(1)


class Contract(nn.Module):
    """Views (N, T, T, 3) uint8 RGB to probabilities (N, C, T / 2, T / 2).

    Args:
        model: trained.
    """

    def __init__(self, model: RTNet) -> None:
        super().__init__()
        self.model = model

    def forward(self, views: Tensor) -> Tensor:
        return self.model(views.permute(0, 3, 1, 2).float() * (1 / 127.5) - 1).softmax(1)
