"""The occlusion module of OccFace: local evidence at each landmark, context across landmarks, a gate between them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

HEADS = 4


class Mix(nn.Module):
    """A transformer layer over the landmarks of a face (B, A, D): attention, then two dense layers, both residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dense = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        b, a, d = x.shape
        q, k, v = self.project(self.before(x)).view(b, a, 3, HEADS, d // HEADS).permute(2, 0, 3, 1, 4)
        share = (q @ k.transpose(2, 3) * (d // HEADS) ** -0.5).softmax(-1)
        x = x + self.out((share @ v).transpose(1, 2).reshape(b, a, d))
        return x + self.dense(self.after(x))


class Evidence(nn.Module):
    """Local evidence e_k (B, A, D) from what ``gather`` finds under each heatmap.

    Args:
        anchors: landmarks.
        features: under each heatmap, all scales together.
        width: D.
    """

    def __init__(self, anchors: int, features: int, width: int) -> None:
        super().__init__()
        self.features = features
        self.norm = nn.LayerNorm(features)
        self.read = nn.Linear(features + 3, width)
        self.identity = nn.Parameter(torch.randn(anchors, width) * 0.02)
        self.settle = nn.Sequential(nn.LayerNorm(width), nn.ReLU())

    def forward(self, found: Tensor) -> Tensor:
        features, shape = found[..., : self.features], found[..., self.features :]
        return self.settle(self.read(torch.cat([self.norm(features), shape], -1)) + self.identity)


def gather(heat: Tensor, pooled: Tensor, scales: tuple[Tensor, ...]) -> Tensor:
    """What lies under each heatmap: features of every scale, then its peak, entropy and spread.

    Args:
        heat: (B, A, H * H) probabilities.
        pooled: (B, A, F + 3) features under each heatmap, its mean place x, y, its mean squared place.
        scales: (B, C, h, h) features, coarse to fine; the finest has the heatmaps' resolution.

    Returns:
        (B, A, F + sum of C + 3).
    """
    found, side = [pooled[..., :-3]], scales[-1].shape[-1]
    for scale in scales:
        h = scale.shape[-1]
        share = heat if h == side else heat.unflatten(2, (h, side // h, h, side // h)).sum((3, 5)).flatten(2)
        found.append(share @ scale.flatten(2).transpose(1, 2))
    return torch.cat([*found, heat_shape(heat), spread(pooled)], -1)


def heat_shape(heat: Tensor) -> Tensor:
    """(B, A, 2): the peak of each heatmap (B, A, H * H) and its entropy, nats / 4."""
    return torch.stack([heat.amax(-1), -(heat * (heat + 1e-8).log()).sum(-1) / 4], -1)


def spread(pooled: Tensor) -> Tensor:
    """(B, A, 1): the logarithm of each heatmap's standard deviation in crop units, + 4."""
    place, square = pooled[..., -3:-1], pooled[..., -1:]
    return (square - place.square().sum(-1, keepdim=True)).clamp_min(1e-7).log() * 0.5 + 4


class Occlusion(nn.Module):
    """Visibility of every landmark and a correction of its place.

    Args:
        anchors: landmarks with a heatmap; the first ``sparse`` are points themselves, the others carry a dense mesh.
        features: under each heatmap, all scales together.
        readout: (P, A - sparse) how the mesh's points follow from its anchors; rows sum to 1.
        sparse: how many of the anchors are points of their own.
        width: of a token.
        context: let the landmarks of a face tell each other, through a gate; without, each has its own evidence only.

    ``forward`` takes what ``gather`` found (B, A, features + 3) and the places of the heatmaps (B, A, 2), and gives
    logits (B, sparse + P) and shifts (B, sparse + P, 2); places and shifts are in crop units.
    """

    def __init__(
        self, anchors: int, features: int, readout: Tensor, sparse: int, width: int = 64, context: bool = True
    ) -> None:
        super().__init__()
        self.sparse, self.context = sparse, context
        self.evidence = Evidence(anchors, features, width)
        self.register_buffer("readout", readout)
        self.own = nn.Parameter(torch.zeros_like(readout))  # what visibility of the mesh follows beyond that
        if context:
            self.place = nn.Linear(2, width)
            self.mix = nn.Sequential(Mix(width), Mix(width))
            self.gate = nn.Linear(2 * width, width)
        self.visible = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
        self.shift = nn.Linear(width, 2)
        nn.init.zeros_(self.shift.weight)
        nn.init.zeros_(self.shift.bias)
        self.register_buffer("honest", torch.tensor([[1.0, 0.0], [1.0, 0.0]]))

    def forward(self, found: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        e = u = self.evidence(found)
        if self.context:
            c = self.mix(e + self.place(places - 0.5))
            g = self.gate(torch.cat([e, c], -1)).sigmoid()
            u = g * e + (1 - g) * c
        logits, shift = self.visible(u)[..., 0], 0.1 * self.shift(u)
        mesh = (self.readout + self.own).t()
        s = self.sparse
        logits = torch.cat([logits[:, :s], logits[:, s:] @ mesh], 1)
        return logits, torch.cat([shift[:, :s], self.readout @ shift[:, s:]], 1)


class Grown(nn.Module):
    """What is put onto the landmarker's graph: points in crop px and honest probabilities.

    Args:
        head: trained.
        size: px, side of the crop.
    """

    def __init__(self, head: Occlusion, size: int) -> None:
        super().__init__()
        self.head, self.size = head, size

    def forward(self, heat: Tensor, pooled: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        *scales, ibug, dense = rest
        logits, shift = self.head(gather(heat, pooled, tuple(scales)), pooled[..., -3:-1])
        s = self.head.sparse
        seen = torch.cat(
            [logits[:, part] * self.head.honest[i, 0] + self.head.honest[i, 1] for i, part in enumerate(parts(s))], 1
        )
        shift = shift * self.size
        moved = torch.cat([dense[..., :2] + shift[:, s:], dense[..., 2:]], -1)
        return ibug + shift[:, :s], moved, seen.sigmoid()


def parts(sparse: int) -> tuple[slice, slice]:
    """Columns of the sparse points and of the mesh."""
    return slice(0, sparse), slice(sparse, None)
