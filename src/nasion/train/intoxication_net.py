"""Graph attention on landmarks, a small (2+1)D residual net on crops, a recurrent layer each, and a gate between them.

Source: arXiv 2512.04536 (outline only: sizes are ours); attention: Velickovic et al., "Graph Attention Networks", ICLR
2018; factorised convolutions: Tran et al., "A Closer Look at Spatiotemporal Convolutions", CVPR 2018.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nasion.clinic.binary_state.graph import CHANNELS, neighbours

SLOPE, TEMPERATURE = 0.2, 2.0  # of the leaky rectifier; of the gate, so that it does not saturate early
SPREAD = (0.7, 0.7, 0.05, 0.05, 0.05, 0.05)  # of the nodes' channels, about


class GraphAttention(nn.Module):
    """e_ij = LeakyReLU(a . [W h_i || W h_j]), softmax over neighbours, ELU of the weighted sum; heads side by side.

    Args:
        inputs: channels of a node.
        heads, width: the output has ``heads * width`` channels.
        mask: (N, N) bool, who is whose neighbour.
    """

    def __init__(self, inputs: int, heads: int, width: int, mask: Tensor) -> None:
        super().__init__()
        self.heads, self.width = heads, width
        self.map = nn.Linear(inputs, heads * width, bias=False)
        self.here, self.there = (nn.Parameter(torch.randn(heads, width) / width**0.5) for _ in range(2))
        self.register_buffer("mask", mask)

    def attention(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, C) to weights (B, heads, N, N), rows summing to 1, 0 off the graph; and W h (B, N, heads, width)."""
        mapped = self.map(h).unflatten(-1, (self.heads, self.width))
        here, there = ((mapped * a).sum(-1).transpose(1, 2) for a in (self.here, self.there))
        score = functional.leaky_relu(here[..., :, None] + there[..., None, :], SLOPE)
        return torch.softmax(score.masked_fill(~cast("Tensor", self.mask), -torch.inf), -1), mapped

    def forward(self, h: Tensor) -> Tensor:
        """(B, N, C) to (B, N, heads * width)."""
        weight, mapped = self.attention(h)
        return functional.elu((weight @ mapped.transpose(1, 2)).transpose(1, 2).flatten(2))


def averaged(layer: nn.GRU, frames: Tensor) -> Tensor:
    """(B, T, C) through a recurrent layer to (B, D), the mean of its states over the frames.

    The first state is given: by default the export would fix the number of shots in it.
    """
    first = (frames[:, :1, :1] * 0).transpose(0, 1).repeat(1, 1, layer.hidden_size)
    return cast("Tensor", layer(frames, first)[0].mean(1))


class LandmarkBranch(nn.Module):
    """(B, T, N, 6) nodes to (B, D)."""

    def __init__(self, heads: int, width: int, out: int, mask: Tensor) -> None:
        super().__init__()
        both = heads * width
        self.register_buffer("spread", torch.tensor(SPREAD))
        self.layers = nn.Sequential(
            GraphAttention(CHANNELS, heads, width, mask), GraphAttention(both, heads, width, mask)
        )
        self.recurrent = nn.GRU(2 * both, out, batch_first=True)

    def forward(self, nodes: Tensor) -> Tensor:
        """The recurrent layer's states, their mean over the frames."""
        frames = self.layers((nodes / self.spread).flatten(0, 1))
        pooled = torch.cat([frames.mean(1), frames.amax(1)], -1).unflatten(0, (-1, nodes.shape[1]))
        return averaged(self.recurrent, pooled)


class SpaceThenTime(nn.Module):
    """A factorised convolution, (2+1)D: 3 x 3 within each frame, then 3 frames at each place; (B, T, C, H, W)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.space = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.time = nn.Conv2d(outputs, outputs, (3, 1), padding=(1, 0))
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, frames: Tensor) -> Tensor:
        """Without the last rectifier, so that a residual can be added before it."""
        length = frames.shape[1]
        maps = functional.relu(self.space(frames.flatten(0, 1))).unflatten(0, (-1, length))
        height = maps.shape[3]
        moved = self.norm(self.time(maps.transpose(1, 2).flatten(3)))  # (B, C, T, H W)
        return cast("Tensor", moved.unflatten(3, (height, height)).transpose(1, 2))


class PixelBranch(nn.Module):
    """(B, T, 3, 32, 32) crops to (B, D): two reducing layers, one residual block, a recurrent layer over the frames."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self.stem, self.down, self.residual = (
            SpaceThenTime(3, 24, 2),
            SpaceThenTime(24, 32, 2),
            SpaceThenTime(32, 32, 1),
        )
        self.recurrent = nn.GRU(32 * 16, out, batch_first=True)

    def forward(self, crops: Tensor) -> Tensor:
        """The recurrent layer's states, their mean over the frames."""
        crops = crops - crops.mean((1, 3, 4), keepdim=True)  # of each colour over the shot: light and skin say nothing
        crops = crops / (crops.square().mean((1, 3, 4), keepdim=True).sqrt() + 0.05)
        maps = functional.relu(self.down(functional.relu(self.stem(crops))))
        maps = functional.relu(maps + self.residual(maps))
        pooled = functional.avg_pool2d(maps.flatten(0, 1), 2).flatten(1)  # 8 px to 4: where things are stays known
        return averaged(self.recurrent, pooled.unflatten(0, (-1, crops.shape[1])))


class Fusion(nn.Module):
    """Both branches, the gate and the answer.

    Args:
        heads, width: of the graph attention.
        out: D, of each branch.
    """

    def __init__(self, heads: int = 4, width: int = 16, out: int = 64) -> None:
        super().__init__()
        mask = torch.from_numpy(np.array(neighbours()))
        self.landmarks, self.pixels = LandmarkBranch(heads, width, out, mask), PixelBranch(out)
        # normed, so that a branch without news cannot fall silent and must be gated away
        self.to_l, self.to_v = (nn.Sequential(nn.Linear(out, out), nn.LayerNorm(out)) for _ in range(2))
        self.gate = nn.Sequential(nn.Linear(2 * out, 32), nn.Tanh(), nn.Linear(32, 2))
        last = cast("nn.Linear", self.gate[-1])
        nn.init.normal_(last.weight, std=1e-3)
        nn.init.zeros_(last.bias)
        self.dropout = nn.Dropout(0.2)
        self.answer = nn.Linear(out, 1)

    def forward(self, nodes: Tensor, crops: Tensor, have: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits and gates.

        Args:
            nodes: (B, T, 68, 6).
            crops: (B, T, 32, 32, 3) uint8.
            have: (B, 2) bool, which branches are there; None for both.

        Returns:
            (B,) logits, (B, 2) weights of landmarks and pixels.
        """
        return self.fuse(*self.branches(nodes, crops, have), have)

    def branches(self, nodes: Tensor, crops: Tensor, have: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What landmarks and pixels say, (B, D) each, normed; a branch that no clip has says zeros, at no cost."""
        used = (True, True) if have is None else have.any(0).tolist()
        nothing = nodes.new_zeros(len(nodes), self.answer.in_features)
        f_l = self.to_l(self.landmarks(nodes)) if used[0] else nothing
        pixels = crops.permute(0, 1, 4, 2, 3).float() * (1 / 64) - 2
        return f_l, self.to_v(self.pixels(pixels)) if used[1] else nothing

    def fuse(self, f_l: Tensor, f_v: Tensor, have: Tensor | None) -> tuple[Tensor, Tensor]:
        """Logits and gates of both branches' vectors, see `forward`."""
        if have is not None:
            f_l, f_v = f_l * have[:, :1], f_v * have[:, 1:]
        score = self.gate(torch.cat([f_l, f_v], -1)) / TEMPERATURE
        if have is not None:
            score = score.masked_fill(~have, -torch.inf)
        gates = torch.softmax(score, -1)
        fused = gates[:, :1] * f_l + gates[:, 1:] * f_v
        return self.told(fused), gates

    def told(self, vector: Tensor) -> Tensor:
        """(B,) logits of (B, D): the fused vector, or one branch's alone."""
        return cast("Tensor", self.answer(self.dropout(vector))[:, 0])


class Exported(nn.Module):
    """``nodes`` and ``crops`` of shots to ``probability`` (B,) and ``gates`` (B, 2)."""

    def __init__(self, net: Fusion) -> None:
        super().__init__()
        self.net = net

    def forward(self, nodes: Tensor, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities and gates."""
        logits, gates = self.net(nodes, crops)
        return torch.sigmoid(logits), gates
