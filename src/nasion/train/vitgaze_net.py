"""ViTGaze's network: where in the scene somebody looks, read off a plain vision transformer's attention.

The transformer sees the scene once, whoever is asked about. The attention of several blocks between all pairs of
patches is kept; which of its rows count for a person is decided by where that person's head is. Modules are named as
in the published code, so that published weights fit by name.

Source: Song et al., "ViTGaze: Gaze Following with Interaction Features in Vision Transformers", Visual Intelligence
2:31 (2024), arXiv 2403.12778.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

OUTSIDE = -1e9  # score of a patch outside the head's box
GROWN = 0.1  # of its size that the head's box is enlarged by on each side
MAP = 64  # side of the maps that are trained and scored
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the pictures that DINOv2 saw


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a network.

    Attributes:
        patch: px.
        dim, depth, heads: of the transformer.
        taps: numbers of the blocks whose attention is kept.
        native: px, side of the pictures that its positions were learned on.
        guide: channels of the spatial guidance.
        scales: learned factors on each block's two parts, as DINOv2 has them.
        stem: three convolutions in the place of one: a transformer without pretraining learns faster behind them (Xiao
            et al., "Early Convolutions Help Transformers See Better", NeurIPS 2021).
    """

    patch: int = 14
    dim: int = 384
    depth: int = 12
    heads: int = 6
    taps: tuple[int, ...] = (2, 5, 8, 11)
    native: int = 518
    guide: int = 8
    scales: bool = True
    stem: bool = False

    @property
    def channels(self) -> int:
        """Of the interaction features: kept blocks times heads."""
        return len(self.taps) * self.heads


PUBLISHED = Shape()
SMALL = Shape(patch=8, dim=72, depth=4, heads=6, taps=(0, 1, 2, 3), native=64, scales=False, stem=True)
"""What a few CPU minutes can train on scenes of 64 px; as many interaction channels as the published one."""


class Attention(nn.Module):
    """Self-attention that can show its matrix."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, L, D) to tokens and attention (B, heads, L, L)."""
        count, length, dim = x.shape
        q, k, v = self.qkv(x).reshape(count, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        attention = ((q * (dim // self.heads) ** -0.5) @ k.transpose(-2, -1)).softmax(-1)
        return self.proj((attention @ v).transpose(1, 2).reshape(count, length, dim)), attention


class Scale(nn.Module):
    """A learned factor on each channel."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Mlp(nn.Module):
    """Two layers, four times as wide between them."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """A transformer block, norms first."""

    def __init__(self, dim: int, heads: int, scales: bool) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(dim, 1e-6), Attention(dim, heads)
        self.norm2, self.mlp = nn.LayerNorm(dim, 1e-6), Mlp(dim)
        self.ls1, self.ls2 = (Scale(dim) if scales else nn.Identity() for _ in range(2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        found, attention = self.attn(self.norm1(x))
        x = x + self.ls1(found)
        return x + self.ls2(self.mlp(self.norm2(x))), attention


class PatchEmbed(nn.Module):
    """Patches to tokens."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        if shape.stem:
            half, quarter = shape.dim // 2, shape.dim // 4
            self.proj: nn.Module = nn.Sequential(
                nn.Conv2d(3, quarter, 3, 2, 1), nn.BatchNorm2d(quarter), nn.ReLU(),
                nn.Conv2d(quarter, half, 3, 2, 1), nn.BatchNorm2d(half), nn.ReLU(),
                nn.Conv2d(half, shape.dim, shape.patch // 4, shape.patch // 4),
            )  # fmt: skip
        else:
            self.proj = nn.Conv2d(3, shape.dim, shape.patch, shape.patch)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, S, S) to (B, D, H, W)."""
        return self.proj(x)


class Backbone(nn.Module):
    """The vision transformer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.patch_embed = PatchEmbed(shape)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, (shape.native // shape.patch) ** 2 + 1, shape.dim))
        self.blocks = nn.ModuleList([Block(shape.dim, shape.heads, shape.scales) for _ in range(shape.depth)])
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.trunc_normal_(self.cls_token, std=0.02)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scenes (B, 3, S, S) to patch attention (B, C, HW, HW) and the last features (B, HW, D)."""
        patches = self.patch_embed(x)
        tokens = patches.flatten(2).transpose(1, 2) + self.positions(patches.shape[-1])
        first = (self.cls_token + self.pos_embed[:, :1]).expand(len(tokens), -1, -1)
        tokens, kept = torch.cat([first, tokens], 1), []
        for number, block in enumerate(self.blocks):
            tokens, attention = block(tokens)
            if number in self.shape.taps:
                kept.append(attention[:, :, 1:, 1:])
        return torch.cat(kept, 1), tokens[:, 1:]

    def positions(self, side: int) -> Tensor:
        """(1, side * side, D): the learned positions, interpolated where the scene has another number of patches."""
        known = self.shape.native // self.shape.patch
        if side == known:
            return self.pos_embed[:, 1:]
        grid = self.pos_embed[:, 1:].reshape(1, known, known, -1).permute(0, 3, 1, 2)
        grid = functional.interpolate(grid, (side, side), mode="bicubic", align_corners=False)
        return grid.flatten(2).transpose(1, 2)


class Guidance(nn.Module):
    """Which patches of a head say where it looks: weights over patches, 0 outside the head's box."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.patch = shape.patch
        self.patch_embed = nn.Sequential()
        self.patch_embed.add_module("patch_embed", nn.Conv2d(3, shape.guide, shape.patch, shape.patch))
        self.patch_embed.add_module("act_layer", nn.ReLU())
        self.embed, self.aux_embed = nn.Conv2d(shape.guide, 1, 1), nn.Conv2d(shape.guide, 1, 1)

    def forward(self, scenes: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (P, HW) that sum to 1, and scores of a patch belonging to any head (P, 1, H, W).

        Args:
            scenes: (P, 3, S, S), or one for all.
            masks: (P, 1, S, S), 1 inside each head's box.
        """
        inside = functional.max_pool2d(masks, self.patch)
        embedded = self.patch_embed(scenes)
        scores = (self.embed(embedded) * inside).masked_fill(inside <= 0, OUTSIDE)
        return scores.flatten(1).softmax(1), self.aux_embed(embedded)


class Regressor(nn.Module):
    """Interaction features of a person to a heatmap eight times as fine."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = (channels, 16, 8, 1)
        self.decoder = nn.Sequential()
        for i in range(3):
            self.decoder.add_module(
                f"upsample{i + 1}", nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            )
            self.decoder.add_module(f"conv{i + 1}", nn.Conv2d(widths[i], widths[i + 1], 3, padding=1))
            self.decoder.add_module(f"bn{i + 1}", nn.BatchNorm2d(widths[i + 1]))
            self.decoder.add_module(f"relu{i + 1}", nn.ReLU())
        self.decoder.add_module("conv", nn.Conv2d(1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(x)


class Classifier(nn.Module):
    """A person's feature to the logit of looking at something inside the picture."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.classifier = nn.Sequential()
        self.classifier.add_module("linear0", nn.Linear(dim, dim))
        self.classifier.add_module("relu", nn.ReLU())
        self.classifier.add_module("linear1", nn.Linear(dim, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(x)[:, 0]


class ViTGaze(nn.Module):
    """All of it."""

    def __init__(self, shape: Shape = SMALL) -> None:
        super().__init__()
        self.shape = shape
        self.backbone, self.pam = Backbone(shape), Guidance(shape)
        self.regressor, self.classifier = Regressor(shape.channels), Classifier(shape.dim)

    def forward(self, scenes: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Heatmaps (P, 8H, 8W), logits of looking inside (P,), scores of patches belonging to any head (P, 1, H, W).

        Args:
            scenes: (B, 3, S, S), normalised.
            masks: (P, 1, S, S) head boxes; person i is in scene i, or all are in the only one.
        """
        attention, features = self.backbone(scenes)
        return self.read(scenes, attention, features, masks)

    def read(self, scenes: Tensor, attention: Tensor, features: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The cheap part, once for each person, from what the backbone gave."""
        weights, heads = self.pam(scenes, masks)
        mine = (weights[:, None, None] @ attention).squeeze(2)  # (P, C, HW)
        side = int(heads.shape[-1])
        maps = self.regressor(mine.reshape(-1, self.shape.channels, side, side))
        return maps[:, 0], self.classifier((weights[:, None] @ features).squeeze(1)), heads


def head_masks(boxes: Tensor, side: int) -> Tensor:
    """Boxes (P, 4) px of a scene of ``side`` px, enlarged as the network wants them, as masks (P, 1, side, side)."""
    grow = GROWN * (boxes[:, 2:] - boxes[:, :2])
    low, high = boxes[:, :2] - grow, boxes[:, 2:] + grow
    at = torch.arange(side, dtype=boxes.dtype)
    x = (at >= low[:, :1]) & (at <= high[:, :1])
    y = (at >= low[:, 1:]) & (at <= high[:, 1:])
    return (y[:, :, None] & x[:, None, :])[:, None].to(boxes.dtype)


def normalised(images: Tensor) -> Tensor:
    """(B, S, S, 3) 0..255 to what the transformer takes, (B, 3, S, S)."""
    mean, spread = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, SPREAD))
    return (images.permute(0, 3, 1, 2).float() / 255 - mean) / spread


class Schooling(nn.Module):
    """What a network without pretraining is asked besides: which way a person looks, which patches show things."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.way, self.things = nn.Linear(dim, 2), nn.Linear(dim, 1)


class Schooled(nn.Module):
    """What is trained: the small network and its schooling."""

    def __init__(self) -> None:
        super().__init__()
        self.net = ViTGaze()
        self.school = Schooling(self.net.shape.dim)


class Contract(nn.Module):
    """What is exported: ``scene`` (1, S, S, 3) uint8 and ``heads`` (P, 4) px to ``maps`` and ``inside`` 0..1."""

    def __init__(self, net: ViTGaze, side: int) -> None:
        super().__init__()
        self.net, self.side = net, side

    def forward(self, scene: Tensor, heads: Tensor) -> tuple[Tensor, Tensor]:
        maps, inside, _ = self.net(normalised(scene), head_masks(heads, self.side))
        return maps, inside.sigmoid()
