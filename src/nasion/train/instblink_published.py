"""InstBlink as it was published, for weights that somebody else has trained: ResNet-50, pyramid, 50 queries, 4 stages.

Modules are named as in the published checkpoint, so that its arrays fit by name (``instblink_weights``). What nasion
trains itself is the small relative in ``instblink_net``.

Source: Zeng et al., "Real-time Multi-person Eyeblink Detection in the Wild for Untrimmed Video", CVPR 2023; He et al.,
"Deep Residual Learning", CVPR 2016; Sun et al., "Sparse R-CNN", CVPR 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

MEAN, SPREAD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
STRIDES = (4, 8, 16, 32)
FINEST = 56  # px, side of a box below which the finest level is read; each doubling goes one level up
BINS, SAMPLES = 7, 2  # of RoIAlign; samples a bin along each axis
STEADY = float(np.log(1000 / 16))  # most that a stage may change the logarithm of width or height


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a network.

    Attributes:
        layers, base: blocks of the backbone's four stages; channels of its first convolution.
        channels, inner: of queries and maps; of the dynamic convolutions' middle.
        queries, stages, heads, feed: as many as the names say; units of the feed-forward layer.
        size: (width, height) px of the frames.
    """

    layers: tuple[int, int, int, int] = (3, 4, 6, 3)
    base: int = 64
    channels: int = 256
    inner: int = 64
    queries: int = 50
    stages: int = 4
    heads: int = 8
    feed: int = 2048
    size: tuple[int, int] = (640, 360)


PUBLISHED = Shape()


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with a residual."""

    def __init__(self, inner: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        if stride != 1 or inner != 4 * width:
            shorter = nn.Conv2d(inner, 4 * width, 1, stride, bias=False)
            self.downsample: nn.Module = nn.Sequential(shorter, nn.BatchNorm2d(4 * width))
        else:
            self.downsample = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        return functional.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class ResNet(nn.Module):
    """(M, 3, H, W) normalised to maps of strides 4, 8, 16 and 32."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, shape.base, 7, 2, 3, bias=False), nn.BatchNorm2d(shape.base)
        inner = shape.base
        for number, count in enumerate(shape.layers):
            width = shape.base * 2**number
            first = Bottleneck(inner, width, 1 if number == 0 else 2)
            inner = 4 * width
            others = (Bottleneck(inner, width, 1) for _ in range(count - 1))
            setattr(self, f"layer{number + 1}", nn.Sequential(first, *others))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        maps = []
        for number in range(1, 5):
            x = getattr(self, f"layer{number}")(x)
            maps.append(x)
        return maps


class _Conv(nn.Module):
    """A convolution under the name that the checkpoint has for it."""

    def __init__(self, inner: int, outer: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inner, outer, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Pyramid(nn.Module):
    """Four maps of equal channels, from the top down."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        counts = [4 * shape.base * 2**number for number in range(4)]
        self.lateral_convs = nn.ModuleList(_Conv(count, shape.channels, 1) for count in counts)
        self.fpn_convs = nn.ModuleList(_Conv(shape.channels, shape.channels, 3) for _ in counts)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        sides = [lateral(x) for lateral, x in zip(self.lateral_convs, maps, strict=True)]
        for number in (2, 1, 0):
            sides[number] = sides[number] + functional.interpolate(sides[number + 1], scale_factor=2.0, mode="nearest")
        return [last(side) for last, side in zip(self.fpn_convs, sides, strict=True)]


class Heads(nn.Module):
    """Multi-head self-attention under the names of PyTorch's own, whose traced form has fixed lengths."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.count, width = shape.heads, shape.channels
        self.in_proj_weight = nn.Parameter(torch.randn(3 * width, width) * width**-0.5)
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(M, L, C), every row on its own."""
        heads = functional.linear(x, self.in_proj_weight, self.in_proj_bias).unflatten(-1, (3, self.count, -1))
        q, k, v = (part.transpose(1, 2) for part in heads.unbind(2))
        weights = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1)
        return self.out_proj((weights @ v).transpose(1, 2).flatten(-2))


class Attention(nn.Module):
    """Self-attention along the second axis of (M, L, C), with residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attn = Heads(shape)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.attn(x)


class DynamicConv(nn.Module):
    """A query's own two 1x1 convolutions over the feature under its box."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.inner, channels = shape.inner, shape.channels
        self.dynamic_layer = nn.Linear(channels, 2 * channels * shape.inner)
        self.norm_in, self.norm_out = nn.LayerNorm(shape.inner), nn.LayerNorm(channels)
        self.fc_layer, self.fc_norm = nn.Linear(channels * BINS**2, channels), nn.LayerNorm(channels)

    def forward(self, query: Tensor, under: Tensor) -> Tensor:
        """Queries (M, C) and features (M, 49, C) to (M, C)."""
        first, second = self.dynamic_layer(query).chunk(2, -1)
        x = functional.relu(self.norm_in(under @ first.unflatten(-1, (-1, self.inner))))
        x = functional.relu(self.norm_out(x @ second.unflatten(-1, (self.inner, -1))))
        return functional.relu(self.fc_norm(self.fc_layer(x.flatten(-2))))


class Feed(nn.Module):
    """Two layers with a residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        first = nn.Sequential(nn.Linear(shape.channels, shape.feed), nn.ReLU())
        self.layers = nn.Sequential(first, nn.Linear(shape.feed, shape.channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class BoxHead(nn.Module):
    """One stage: the queries, whether each is a face, and how its box moves."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        channels = shape.channels
        self.attention, self.attention_norm = Attention(shape), nn.LayerNorm(channels)
        self.instance_interactive_conv = DynamicConv(shape)
        self.instance_interactive_conv_norm = nn.LayerNorm(channels)
        self.ffn, self.ffn_norm = Feed(shape), nn.LayerNorm(channels)
        self.cls_fcs, self.fc_cls = _layers(channels, 1), nn.Linear(channels, 1)
        self.reg_fcs, self.fc_reg = _layers(channels, 3), nn.Linear(channels, 4)

    def forward(self, under: Tensor, query: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features (T * N, 49, C) and queries (T, N, C) to queries, logits (T, N) and changes (T, N, 4)."""
        query = self.attention_norm(self.attention(query))
        query = self.attention_norm(self.attention(query.transpose(0, 1))).transpose(0, 1)
        read = self.instance_interactive_conv(query.flatten(0, 1), under).view_as(query)
        query = self.ffn_norm(self.ffn(self.instance_interactive_conv_norm(query + read)))
        return query, self.fc_cls(self.cls_fcs(query))[..., 0], self.fc_reg(self.reg_fcs(query))


def _layers(channels: int, count: int) -> nn.Sequential:
    made: list[nn.Module] = []
    for _ in range(count):
        made += [nn.Linear(channels, channels, bias=False), nn.LayerNorm(channels), nn.ReLU()]
    return nn.Sequential(*made)


class BlinkHead(nn.Module):
    """What runs of the published head: its layers all read the query and the last, a rectifier, is what is used."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.fc_blink = nn.Linear(shape.channels, 1)

    def forward(self, query: Tensor) -> Tensor:
        return self.fc_blink(functional.relu(query))[..., 0]


class _Start(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.init_proposal_bboxes = nn.Embedding(shape.queries, 4)
        self.init_proposal_features = nn.Embedding(shape.queries, shape.channels)


class _Stages(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.bbox_head = nn.ModuleList(BoxHead(shape) for _ in range(shape.stages))
        self.blink_head = nn.ModuleList(BlinkHead(shape) for _ in range(shape.stages))


class PublishedInstBlink(nn.Module):
    """``frames`` (T, H, W, 3) uint8 RGB of one clip to boxes (T, N, 4) as x0, y0, x1, y1 in fractions, face and blink.

    Face and blink are (T, N) 0..1; a query's face is one number for the clip, as in the released code.
    """

    def __init__(self, shape: Shape = PUBLISHED) -> None:
        super().__init__()
        self.shape = shape
        self.backbone, self.neck = ResNet(shape), Pyramid(shape)
        self.rpn_head, self.roi_head = _Start(shape), _Stages(shape)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        width, height = self.shape.size
        mean, spread = (torch.tensor(values)[:, None, None] for values in (MEAN, SPREAD))
        images = (frames.permute(0, 3, 1, 2).float() - mean) / spread
        maps = self.neck(self.backbone(functional.pad(images, (0, -width % 32, 0, -height % 32))))
        unit = torch.tensor((width, height) * 2, dtype=torch.float32)
        boxes = (self.rpn_head.init_proposal_bboxes.weight * unit).expand(frames.shape[0], -1, 4)
        query = self.rpn_head.init_proposal_features.weight.expand(frames.shape[0], -1, -1)
        for stage in self.roi_head.bbox_head:
            query, face, change = stage(read_levels(maps, boxes), query)
            centre = boxes[..., :2] + boxes[..., 2:] * change[..., :2] * 0.5
            boxes = torch.cat([centre, boxes[..., 2:] * change[..., 2:].clamp(-STEADY, STEADY).exp()], -1)
        blink = self.roi_head.blink_head[-1](query).sigmoid()
        placed = torch.cat([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1)
        return placed / unit, face.sigmoid().mean(0).expand_as(face), blink


def read_levels(maps: list[Tensor], boxes: Tensor) -> Tensor:
    """Each box's feature from the level that suits its size: (M, C, h, w) and (M, N, 4) px to (M * N, 49, C).

    RoIAlign with two samples a bin and axis; outside the map by a cell or less counts as its edge, farther as nothing.
    """
    side = boxes[..., 2:].clamp_min(0).prod(-1).sqrt()
    level = (side / FINEST + 1e-6).log2().floor().clamp(0, len(maps) - 1)
    within = (torch.arange(BINS) + 0.5) / BINS - 0.5
    parts = ((torch.arange(SAMPLES) + 0.5) / SAMPLES - 0.5) / BINS
    found = torch.zeros(())
    for number, (stride, grid) in enumerate(zip(STRIDES, maps, strict=True)):
        size = torch.tensor((grid.shape[3], grid.shape[2]), dtype=torch.float32)
        mean = torch.zeros(())
        for down in parts:
            for across in parts:
                x = boxes[..., 0, None] + boxes[..., 2, None] * (within + across)
                y = boxes[..., 1, None] + boxes[..., 3, None] * (within + down)
                at = torch.stack([x[:, :, None].expand(-1, -1, BINS, -1), y[..., None].expand(-1, -1, -1, BINS)], -1)
                at = at.flatten(2, 3) / stride  # (M, N, 49, 2) cells from the map's corner
                near = ((at >= -0.5) & (at <= size + 0.5)).all(-1)[:, None]
                read = functional.grid_sample(grid, 2 * at / size - 1, padding_mode="border", align_corners=False)
                mean = mean + read * near / SAMPLES**2
        found = found + mean * (level == number)[:, None, :, None]
    return found.permute(0, 2, 3, 1).flatten(0, 1)
