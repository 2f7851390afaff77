"""The ConvLSTM1D network on tensors of geometric change, in the published size and in a small one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasion.core import FloatArray
from nasion.expression.sequence.presets import dense_parameters

FILTERS = 8
WIDE, NARROW = 2048, 1024


class Cell(nn.Module):
    """One ConvLSTM cell, kernel 1, one input channel: every feature has a state of 8 numbers, and all share weights.

    i, f, o = sigma(W x + U h + b), g = tanh(.), c = f c + i g, h = o tanh(c); no peepholes.
    """

    def __init__(self, filters: int = FILTERS) -> None:
        super().__init__()
        self.filters = filters
        self.gates = nn.Linear(1 + filters, 4 * filters)
        with torch.no_grad():
            self.gates.bias[filters : 2 * filters] = 1.0  # gates that forget begin open (Jozefowicz et al., ICML 2015)

    def forward(self, steps: Tensor) -> Tensor:
        """(B, T, A) to the last hidden state (B, A, 8)."""
        h = steps.new_zeros(steps.shape[0], steps.shape[2], self.filters)
        c = h
        for x in steps.unbind(1):
            i, f, o, g = self.gates(torch.cat([x[..., None], h], -1)).chunk(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return h


class ExpressionNet(nn.Module):
    """(B, T, A) changes to (B, classes) logits.

    Args:
        mean, scale: (A,) of the features, from the training part.
        classes: how many.
        basis: (P, A) principal directions of the standardised features: the small variant, whose cell runs along them;
            None is the published net.
        dropout: before the last layers.

    Raises:
        InputError: the published net on more features than it can flatten.
    """

    def __init__(
        self, mean: FloatArray, scale: FloatArray, classes: int, basis: FloatArray | None = None, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        length = len(mean) if basis is None else len(basis)
        wide, narrow = (WIDE, NARROW) if basis is None else (128, 64)
        dense_parameters(length, classes, FILTERS, wide, narrow)
        self.basis: Tensor | None
        self.register_buffer("basis", None if basis is None else torch.tensor(basis, dtype=torch.float32))
        self.cell = Cell()
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(dropout), nn.Linear(FILTERS * length, wide), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(wide, narrow), nn.ReLU(), nn.Linear(narrow, classes),
        )  # fmt: skip

    def forward(self, steps: Tensor) -> Tensor:
        """Logits."""
        found: Tensor = self.head(self.cell(self.standardised(steps)))
        return found

    def standardised(self, steps: Tensor) -> Tensor:
        """(B, T, A or P) what the cell reads."""
        centred = ((steps - self.mean) / self.scale).clamp(-8, 8)
        return centred if self.basis is None else centred @ self.basis.T


class Probabilities(nn.Module):
    """What is exported: ``changes`` (N, T, A) to ``probabilities`` (N, classes)."""

    def __init__(self, net: ExpressionNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, changes: Tensor) -> Tensor:
        """Rows sum to 1."""
        return torch.softmax(self.net(changes), -1)
