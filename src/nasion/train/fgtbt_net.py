"""FGTBT's network: a mixed transformer whose every block is told where the edges are.

Source: "FGTBT: Frequency-Guided Task-Balancing Transformer for Unified Facial Landmark Detection", arXiv 2601.12863,
and its released code, with two of that code's slips put right: tokens are transposed before they become an image, and
the channel attention pools over one picture, not over the batch. Blocks: Xie et al., "SegFormer", NeurIPS 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
EDGE_SIGMA = 20.0  # bins: cycles over the picture that the high-pass filter halves, about
UNION = 124


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a network.

    Attributes:
        widths, depths, heads, reductions: of the four stages.
        fuse, mix, neck: channels of the head, from the fused stages to what is enlarged.
        drop_path: chance that a block is passed by, growing evenly over the blocks.
    """

    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
    heads: tuple[int, int, int, int] = (1, 2, 5, 8)
    reductions: tuple[int, int, int, int] = (8, 4, 2, 1)
    fuse: int = 768
    mix: int = 256
    neck: int = 128
    drop_path: float = 0.1


PUBLISHED = Plan((64, 128, 320, 512), (3, 6, 18, 3))  # MiT-B4, 480 px
SMALL = Plan((32, 64, 160, 256), (2, 2, 2, 2), fuse=128, mix=64, neck=48)  # MiT-B0, 128 px
TINY = Plan((16, 32, 80, 128), (1, 1, 2, 1), heads=(1, 2, 5, 8), fuse=64, mix=48, neck=32, drop_path=0.0)


class HighPass(nn.Module):
    """``|Re IFFT((1 - exp(-D^2 / (2 sigma^2))) FFT(x))|``, D the distance to the spectrum's centre in bins.

    The Gaussian is a product of one along each axis, so what it lets through is ``A x A'`` with one symmetric circulant
    matrix ``A``: the same numbers as the two transforms, without complex ones, which ONNX lacks.
    """

    def __init__(self, size: int, sigma: float = EDGE_SIGMA) -> None:
        super().__init__()
        bins = torch.fft.fftfreq(size, 1 / size, dtype=torch.float64)
        kernel = torch.fft.ifft(torch.exp(-bins.square() / (2 * sigma**2))).real
        shift = (torch.arange(size)[:, None] - torch.arange(size)[None]) % size
        self.low: Tensor
        self.register_buffer("low", kernel[shift].float())

    def forward(self, x: Tensor) -> Tensor:
        x = x - x.mean((2, 3), keepdim=True)  # the filter takes the mean away: without it the rounding is smaller
        return (x - self.low @ x @ self.low).abs()


class PatchEmbedding(nn.Module):
    """Overlapping patches to tokens, wrapped in normalised 1x1 convolutions."""

    def __init__(self, inner: int, outer: int, kernel: int, stride: int) -> None:
        super().__init__()
        middle = max(outer // 2, 4)
        self.body = nn.Sequential(
            *(nn.BatchNorm2d(inner), nn.ReLU(), nn.Conv2d(inner, middle, 1)),
            *(nn.BatchNorm2d(middle), nn.ReLU(), nn.Conv2d(middle, outer, kernel, stride, kernel // 2)),
            *(nn.BatchNorm2d(outer), nn.ReLU(), nn.Conv2d(outer, outer, 1)),
        )
        self.norm = nn.LayerNorm(outer)

    def forward(self, x: Tensor) -> tuple[Tensor, int, int]:
        x = self.body(x)
        height, width = x.shape[2:]
        return self.norm(x.flatten(2).transpose(1, 2)), height, width


def to_map(tokens: Tensor, height: int, width: int) -> Tensor:
    """(B, N, C) tokens to (B, C, height, width): transposed, not merely reshaped."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], height, width)


class Attention(nn.Module):
    """Self-attention whose keys and values come from a smaller map."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.pair, self.out = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.reduce = nn.Conv2d(width, width, reduction, reduction) if reduction > 1 else None
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, height: int, width: int) -> Tensor:
        batch, count, channels = x.shape
        small = x
        if self.reduce is not None:
            small = self.norm(self.reduce(to_map(x, height, width)).flatten(2).transpose(1, 2))
        query = self.query(x).reshape(batch, count, self.heads, -1).transpose(1, 2)
        pair = self.pair(small).reshape(batch, small.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = query @ pair[0].transpose(2, 3) * (channels // self.heads) ** -0.5
        return self.out((scores.softmax(-1) @ pair[1]).transpose(1, 2).reshape(batch, count, channels))


class MixedMlp(nn.Module):
    """Two linear layers with a depthwise convolution between them."""

    def __init__(self, width: int, expand: int = 4) -> None:
        super().__init__()
        inner = width * expand
        self.into, self.out = nn.Linear(width, inner), nn.Linear(inner, width)
        self.depthwise = nn.Conv2d(inner, inner, 3, 1, 1, groups=inner)

    def forward(self, x: Tensor, height: int, width: int) -> Tensor:
        mixed = self.depthwise(to_map(self.into(x), height, width)).flatten(2).transpose(1, 2)
        return self.out(functional.gelu(mixed))


class ChannelAttention(nn.Module):
    """Weights channels by their largest and mean value within one picture."""

    def __init__(self, width: int, reduction: int = 16) -> None:
        super().__init__()
        inner = max(width // reduction, 2)
        self.body = nn.Sequential(nn.Linear(width, inner), nn.ReLU(), nn.Linear(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.body(x.amax((2, 3))) + self.body(x.mean((2, 3))))
        return x * gate[:, :, None, None]


class StructureRegularisation(nn.Module):
    """What a block gets to see of the edges and of the stage's first tokens, added to its input."""

    def __init__(self, width: int, shared: nn.Linear) -> None:
        super().__init__()
        both = width + 2 * (width // 4)
        self.attention = ChannelAttention(both)
        self.mix = nn.Sequential(nn.BatchNorm2d(both), nn.ReLU(), nn.Conv2d(both, both, 1))
        self.narrow, self.shared = nn.Linear(both, width // 4), shared

    def forward(self, x: Tensor, edges: Tensor, first: Tensor, height: int, width: int) -> Tensor:
        joined = self.attention(to_map(torch.cat([x, edges, first], 2), height, width))
        joined = (joined + self.mix(joined)).flatten(2).transpose(1, 2)
        return x + self.shared(functional.gelu(self.narrow(joined)))


class DropPath(nn.Module):
    """Leaves a residual branch out for some pictures of a batch while training."""

    def __init__(self, chance: float) -> None:
        super().__init__()
        self.chance = chance

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.chance == 0:
            return x
        keep = torch.rand(x.shape[0], 1, 1, device=x.device) >= self.chance
        return x * keep / (1 - self.chance)


class Block(nn.Module):
    """One transformer block, told about structure first unless ``shared`` is None."""

    def __init__(self, width: int, heads: int, reduction: int, chance: float, shared: nn.Linear | None) -> None:
        super().__init__()
        self.structure = None if shared is None else StructureRegularisation(width, shared)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.mlp = Attention(width, heads, reduction), MixedMlp(width)
        self.drop = DropPath(chance)

    def forward(self, x: Tensor, edges: Tensor | None, first: Tensor | None, height: int, width: int) -> Tensor:
        if self.structure is not None and edges is not None and first is not None:
            x = self.structure(x, edges, first, height, width)
        x = x + self.drop(self.attention(self.norm1(x), height, width))
        return x + self.drop(self.mlp(self.norm2(x), height, width))


class Bottleneck(nn.Module):
    """ResNet's: narrow, convolve, widen, with a projected skip."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        middle = max(outer // 2, 8)
        self.body = nn.Sequential(
            *(nn.Conv2d(inner, middle, 1, bias=False), nn.BatchNorm2d(middle), nn.ReLU()),
            *(nn.Conv2d(middle, middle, 3, 1, 1, bias=False), nn.BatchNorm2d(middle), nn.ReLU()),
            *(nn.Conv2d(middle, outer, 1, bias=False), nn.BatchNorm2d(outer)),
        )
        self.skip = nn.Sequential(nn.Conv2d(inner, outer, 1, bias=False), nn.BatchNorm2d(outer))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.body(x) + self.skip(x))


class FrequencyGuided(nn.Module):
    """Pictures (B, 3, S, S) float 0..1, S a multiple of 32, to heatmaps (B, 124, S / 2, S / 2).

    Args:
        size: S, px.
        plan: widths and depths.
        edges: whether the high-pass picture is injected; without it the network is a plain mixed transformer.
    """

    def __init__(self, size: int, plan: Plan = SMALL, edges: bool = True) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1))
        self.high_pass = HighPass(size) if edges else None
        kernels, strides, inner = (7, 3, 3, 3), (4, 2, 2, 2), (3, *plan.widths[:3])
        self.embed = nn.ModuleList(map(PatchEmbedding, inner, plan.widths, kernels, strides))
        self.norms = nn.ModuleList(nn.LayerNorm(w) for w in plan.widths)
        chances = torch.linspace(0, plan.drop_path, sum(plan.depths)).tolist()
        self.stages = nn.ModuleList()
        for w, depth, heads, reduction in zip(plan.widths, plan.depths, plan.heads, plan.reductions, strict=True):
            shared = nn.Linear(w // 4, w) if edges else None
            here, chances = chances[:depth], chances[depth:]
            self.stages.append(nn.ModuleList(Block(w, heads, reduction, chance, shared) for chance in here))
        if edges:
            quarter = tuple(w // 4 for w in plan.widths)
            self.edge_embed = nn.ModuleList(map(PatchEmbedding, (3, *quarter[:3]), quarter, kernels, strides))
            self.reduce = nn.ModuleList(nn.Linear(w, w // 4) for w in plan.widths)
        self.lateral = nn.ModuleList(nn.Linear(w, plan.fuse) for w in plan.widths)
        self.fuse = nn.Sequential(
            *(nn.Conv2d(4 * plan.fuse, plan.fuse, 1, bias=False), nn.BatchNorm2d(plan.fuse), nn.ReLU()),
            *(nn.Dropout(0.1), nn.Conv2d(plan.fuse, plan.mix, 1), Bottleneck(plan.mix, plan.neck)),
            *(nn.ConvTranspose2d(plan.neck, plan.neck, 4, 2, 1), nn.BatchNorm2d(plan.neck), nn.ReLU()),
            nn.Conv2d(plan.neck, UNION, 3, 1, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        x = (images - self.mean) / self.deviation
        edge_map = None if self.high_pass is None else self.high_pass(x)
        laterals: list[Tensor] = []
        for k, (embed, blocks, norm) in enumerate(zip(self.embed, self.stages, self.norms, strict=True)):
            tokens, height, width = embed(x)
            edges = first = None
            if edge_map is not None:
                edges, _, _ = self.edge_embed[k](edge_map)
                edge_map, first = to_map(edges, height, width), self.reduce[k](tokens)
            for block in blocks:
                tokens = block(tokens, edges, first, height, width)
            tokens = norm(tokens)
            x = to_map(tokens, height, width)
            level = to_map(self.lateral[k](tokens), height, width)
            if k:
                level = functional.interpolate(level, scale_factor=2.0**k, mode="bilinear", align_corners=False)
            laterals.append(level)
        heatmaps: Tensor = self.fuse(torch.cat(laterals, 1))
        return heatmaps
