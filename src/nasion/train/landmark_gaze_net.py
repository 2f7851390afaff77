"""The networks of LandmarkGaze: a residual perceptron on all points, and two encoders, one an eye.

Source: "Is Geometry Enough? An Evaluation of Landmark-Based Gaze Estimation", arXiv 2603.24724; layers and parameter
counts (442,115 and 80,131) are the published ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

EYE, SHARED = 18, 6  # numbers of each eye, and of how eyes and head lie to each other


class ResBlock(nn.Module):
    """x plus twice (linear, batch norm, GELU, dropout) of it."""

    def __init__(self, width: int):
        super().__init__()
        layer = (nn.Linear(width, width), nn.BatchNorm1d(width), nn.GELU(), nn.Dropout(0.1))
        again = (nn.Linear(width, width), nn.BatchNorm1d(width), nn.GELU(), nn.Dropout(0.1))
        self.body = nn.Sequential(*layer, *again)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Holistic(nn.Module):
    """40 numbers (`nasion.gaze.features.holistic`) to (N, 3), not yet of unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(40, 256), nn.BatchNorm1d(256), nn.GELU(), *(ResBlock(256) for _ in range(3)),
            nn.Linear(256, 128), nn.GELU(), nn.Linear(128, 3),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class TwoBranch(nn.Module):
    """42 numbers (`nasion.gaze.features.two_branch`) to (N, 3). The two encoders share no weights, as published."""

    def __init__(self) -> None:
        super().__init__()
        self.right, self.left = self._encoder(), self._encoder()
        self.head = nn.Sequential(
            nn.Linear(64 + 64 + SHARED, 128), nn.BatchNorm1d(128), nn.GELU(), nn.Dropout(0.1),
            nn.Linear(128, 64), nn.GELU(), nn.Linear(64, 3),
        )  # fmt: skip

    @staticmethod
    def _encoder() -> nn.Module:
        return nn.Sequential(nn.Linear(EYE, 64), nn.BatchNorm1d(64), nn.GELU(), *(ResBlock(64) for _ in range(3)))

    def joined(self, x: Tensor) -> Tensor:
        """(N, 134): both eyes' codes and how they lie to each other."""
        right, left, shared = x.split([EYE, EYE, SHARED], dim=1)
        return torch.cat([self.right(right), self.left(left), shared], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.joined(x))


class Doubt(nn.Module):
    """How far a `TwoBranch` network is off, from its own codes: (N, 134) to (N,) degrees, above 0.5."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64 + 64 + SHARED, 32), nn.GELU(), nn.Linear(32, 1))

    def forward(self, codes: Tensor) -> Tensor:
        return 0.5 + nn.functional.softplus(self.body(codes)[:, 0] + 3)


class WithDoubt(nn.Module):
    """What is exported: unit gaze vectors in the virtual camera's frame, and the degrees by which they may be off."""

    def __init__(self, net: TwoBranch, doubt: Doubt):
        super().__init__()
        self.net, self.doubt = net, doubt

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        codes = self.net.joined(x)
        out = self.net.head(codes)
        return out / out.norm(dim=1, keepdim=True), self.doubt(codes)


def angle(found: Tensor, truth: Tensor) -> Tensor:
    """(N,) degrees between (N, 3) directions; ``truth`` has unit length."""
    cosine = (nn.functional.normalize(found, dim=1) * truth).sum(1)
    return torch.rad2deg(torch.acos(cosine.clamp(-1 + 1e-6, 1 - 1e-6)))
