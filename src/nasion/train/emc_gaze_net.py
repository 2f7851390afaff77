"""The encoder of EMC-Gaze: a small E(3)-equivariant graph network on the face's points.

Layers as in Satorras, Hoogeboom and Welling, "E(n) Equivariant Graph Neural Networks", ICML 2021: messages from what
two points are and how far apart they lie, points moved along the lines between them. What is read out are invariants
(the embedding) and a combination of lines between points (the direction), so turning or moving the whole face, its
frame included, turns the direction and leaves the embedding alone.

The published layer sizes were not to be had (arXiv 2603.12388 states 944,423 parameters); this one is small.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from nasion.core import IntArray
from nasion.core.schemes.dense478 import mean_face
from nasion.gaze.canonical import CORNERS, EYES, IRISES, NODES
from nasion.gaze.encoder import AXIS, CLOUD

HIDDEN, LAYERS, NEAR, CODE = 12, 2, 8, 8
FUSED = 64
_FRAME = (34, 35, 36, 37)  # origin, then x, y, z
_NOSE, _BROW = 26, 27


def neighbours() -> IntArray:
    """(38, 8): whom each point hears. Eyes hear the head's axes, the irises and their own lids."""
    place = mean_face()[list(NODES)].astype(np.float64)
    out = []
    for node in range(len(NODES)):
        eye = next((part for part in EYES if part.start <= node < part.stop), None)
        if eye is None:
            first, pool = [*_FRAME, *IRISES], [n for n in range(26, 34) if n != node]
        else:
            own = eye.start
            first = [*_FRAME[1:], IRISES[0] if own else IRISES[1], *([own] if node != own else [])]
            pool = [n for n in range(eye.start, eye.stop) if n not in (node, own)]
        pool.sort(key=lambda n: float(np.linalg.norm(place[n] - place[node])))
        out.append((first + pool)[:NEAR])
    out += [[*IRISES, *CORNERS, _NOSE, _BROW]] * 4
    return np.array(out)


class Layer(nn.Module):
    """One round of messages; every point hears exactly ``NEAR`` others, so no scatter is needed."""

    def __init__(self) -> None:
        super().__init__()
        h = HIDDEN
        self.here, self.there = nn.Linear(h, h), nn.Linear(h, h, bias=False)
        self.far, self.edge = nn.Linear(1, h, bias=False), nn.Parameter(torch.zeros(CLOUD, NEAR, h))
        self.message = nn.Sequential(nn.SiLU(), nn.Linear(h, h), nn.SiLU())
        self.push = nn.Linear(h, 1)
        self.node = nn.Sequential(nn.Linear(2 * h, h), nn.SiLU(), nn.Linear(h, h))
        nn.init.normal_(self.edge, 0, 0.3)
        nn.init.normal_(self.push.weight, 0, 0.01)
        nn.init.zeros_(self.push.bias)

    def forward(self, h: Tensor, x: Tensor, near: Tensor, gap: Tensor) -> tuple[Tensor, Tensor]:
        """H (N, 38, H), x (N, 38, 3), gap (N, 38, 8) standardised distances."""
        heard = self.there(h)[:, near.reshape(-1)].reshape(-1, CLOUD, NEAR, HIDDEN)
        m = self.message(self.here(h)[:, :, None] + heard + self.edge + self.far(gap[..., None]))
        lines = x[:, :, None] - x[:, near.reshape(-1)].reshape(-1, CLOUD, NEAR, 3)
        return h + self.node(torch.cat([h, m.sum(2)], dim=2)), x + (lines * self.push(m)).mean(2)


class Encoder(nn.Module):
    """(N, 38, 3) mm to the (N, 8) embedding and the (N, 3) unit direction.

    Args:
        usual: (38, 8) mean and (38, 8) spread of the distances, in units of the distance of the irises; None until
            `fit_scale`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("near", torch.from_numpy(neighbours()))
        self.register_buffer("mean", torch.zeros(CLOUD, NEAR))
        self.register_buffer("spread", torch.ones(CLOUD, NEAR))
        self.kind = nn.Parameter(torch.randn(CLOUD, HIDDEN))
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        # each eye's own geometry, the head's, and both together
        inside = 13 * (HIDDEN + NEAR)
        self.eyes = nn.ModuleList(nn.Sequential(nn.Linear(inside, 32), nn.SiLU()) for _ in EYES)
        self.head = nn.Sequential(nn.Linear(12 * (HIDDEN + NEAR), 24), nn.SiLU())
        self.fuse = nn.Sequential(nn.Linear(32 + 32 + 24, FUSED), nn.SiLU(), nn.Linear(FUSED, FUSED), nn.SiLU())
        self.code = nn.Linear(FUSED, CODE)
        self.lines = nn.Linear(FUSED, len(_FRAME) - 1 + 4)
        self.log_strength = nn.Parameter(torch.tensor(0.0))  # of the ridge in training

    def gaps(self, x: Tensor) -> Tensor:
        """(N, 38, 8) distances over the distance of the irises, which itself then says nothing."""
        lines = x[:, :, None] - x[:, self.near.reshape(-1)].reshape(-1, CLOUD, NEAR, 3)
        unit = (x[:, IRISES[0]] - x[:, IRISES[1]]).pow(2).sum(1).sqrt()
        return (lines.pow(2).sum(3) + 1e-4).sqrt() / unit[:, None, None]

    def fit_scale(self, x: Tensor) -> None:
        """Learn the usual distances from (N, 38, 3) examples."""
        gaps = self.gaps(x)
        self.mean.copy_(gaps.mean(0))
        self.spread.copy_(gaps.std(0) + 1e-3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        gap = ((self.gaps(x) - self.mean) / self.spread).clamp(-5, 5)
        unit = (x[:, IRISES[0]] - x[:, IRISES[1]]).pow(2).sum(1).sqrt()[:, None, None]
        h, moved = self.kind + 0 * gap[..., :1], (x - x[:, _FRAME[0], None]) / unit
        for layer in self.layers:
            h, moved = layer(h, moved, self.near, gap)
        known = torch.cat([h, gap], dim=2)
        parts = [net(known[:, part].flatten(1)) for net, part in zip(self.eyes, EYES, strict=True)]
        fused = self.fuse(torch.cat([*parts, self.head(known[:, 26:].flatten(1))], dim=1))
        weight = self.lines(fused)
        origin = x[:, _FRAME[0]]
        axes = [(x[:, n] - origin) / AXIS for n in _FRAME[1:]]
        seen = [moved[:, iris] - moved[:, corner] for iris, corner in zip((0, 0, 13, 13), CORNERS, strict=True)]
        way = (torch.stack([*axes, *seen], dim=1) * weight[..., None]).sum(1) - axes[2]
        return self.code(fused), way / (way.pow(2).sum(1, keepdim=True) + 1e-8).sqrt()
