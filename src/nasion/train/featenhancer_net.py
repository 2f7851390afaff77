"""FeatEnHancer: a picture taken in the dark becomes one that a detector reads better, by that detector's loss alone.

Source: Hashmi et al., "FeatEnHancer: Enhancing Hierarchical Features for Object Detection and Beyond Under Low-Light
Vision", ICCV 2023. The layer list was read off the release, whose licence keeps its code out; 139,400 parameters, as
there. The encoder is that of Guo et al., "Zero-Reference Deep Curve Estimation", CVPR 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH, MAPS = 32, 24  # channels of the encoder; of what it gives, eight groups of RGB
HEADS = 8


def conv(inner: int, outer: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """A convolution that halves or quarters sides upwards, so that scales of odd pictures fit each other."""
    return nn.Conv2d(inner, outer, kernel, stride, kernel // 2)


def resize(x: Tensor, like: Tensor) -> Tensor:
    """To the height and width of another."""
    return functional.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


class Encoder(nn.Module):
    """Seven convolutions with symmetric skips, the same for every scale: (B, 3, h, w) to (B, 24, h, w)."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([conv(3, WIDTH), *(conv(WIDTH, WIDTH) for _ in range(3))])
        self.up = nn.ModuleList([conv(2 * WIDTH, WIDTH), conv(2 * WIDTH, WIDTH), conv(2 * WIDTH, MAPS)])

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for layer in self.down:
            x = functional.relu(layer(x))
            kept.append(x)
        for layer, skip in zip(self.up, (kept[2], kept[1], kept[0]), strict=True):
            x = functional.relu(layer(torch.cat([skip, x], 1)))
        return x


class Aggregation(nn.Module):
    """Scale-aware feature aggregation: at every place, each head weighs the full scale against the quarter one.

    The weights are a softmax over the two scales of their product with the quarter scale's features.
    """

    def __init__(self) -> None:
        super().__init__()
        self.full = nn.Sequential(conv(MAPS, MAPS, 7, 4), conv(MAPS, MAPS, 3, 2))
        self.quarter = conv(MAPS, MAPS, 3, 2)

    def forward(self, full: Tensor, quarter: Tensor) -> Tensor:
        """(B, 24, H, W) and (B, 24, H / 4, W / 4) to (B, 24, H / 8, W / 8)."""
        small, query = self.full(full), self.quarter(quarter)
        scales = torch.stack([small, query], 1).unflatten(2, (HEADS, MAPS // HEADS))  # B, scale, head, 3, h, w
        asked = query.unflatten(1, (HEADS, MAPS // HEADS))[:, None]
        weight = ((scales * asked).sum(3, keepdim=True) * (MAPS // HEADS) ** -0.5).softmax(1)
        return (weight * scales).sum(1).flatten(1, 2)


class FeatEnHancer(nn.Module):
    """(B, 3, H, W) RGB 0..1 to the same: a picture for a detector, not for people. Changes nothing at first."""

    def __init__(self) -> None:
        super().__init__()
        self.to_quarter, self.to_eighth = conv(3, 3, 7, 4), conv(3, 3, 3, 2)
        self.encoder, self.aggregation = Encoder(), Aggregation()
        self.mix, self.last = conv(2 * MAPS, WIDTH), conv(WIDTH, MAPS)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor) -> Tensor:
        quarter = self.to_quarter(x)
        eighth = self.to_eighth(quarter)
        full = self.encoder(x)
        full = full + resize(self.aggregation(full, self.encoder(quarter)), full)
        features = torch.cat([full, resize(self.encoder(eighth), full)], 1)
        residual = torch.tanh(self.last(functional.relu(self.mix(features))))
        return x + residual.unflatten(1, (MAPS // 3, 3)).sum(1)


def lean(module: nn.Module) -> torch.autocast:
    """Products of 16 bits while a module learns, where the processor has them: half the time."""
    able = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    return torch.autocast("cpu", torch.bfloat16, enabled=module.training and able)


class Front(nn.Module):
    """The module before a host that takes 0..255."""

    def __init__(self, module: FeatEnHancer) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        with lean(self.module):
            return self.module(x * (1 / 255)) * 255


class Lit(nn.Module):
    """A host that takes -1..1, behind the module or without one."""

    def __init__(self, host: nn.Module, module: FeatEnHancer | None) -> None:
        super().__init__()
        self.host, self.module = host, module

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, S, S) -1..1 to what the host gives."""
        if self.module is not None:
            with lean(self.module):
                x = 2 * self.module((x + 1) / 2) - 1
        return self.host(x)
