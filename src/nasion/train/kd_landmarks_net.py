"""Student and teachers of the KD-Loss, and the loss itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasion.core import FloatArray
from nasion.train.baseline_net import HeatmapNet
from nasion.train.blocks import MobileNetV2, masked_mean
from nasion.train.kd_landmarks import ASSIST, BAND, MAIN, STEEP, TOLERANT, TOUGH

UNIT = 0.01  # of the crop: a step of Adam moves 1280 weights of a point at once, which in crop units throws it about


class Regressor(nn.Module):
    """MobileNetV2, mean over the map, one linear layer that says how far the points lie from ``mean`` (K, 2)."""

    def __init__(self, mean: FloatArray, width: float):
        super().__init__()
        self.trunk = MobileNetV2(width)
        self.offsets = nn.Linear(self.trunk.out, mean.size)
        nn.init.zeros_(self.offsets.weight)
        nn.init.zeros_(self.offsets.bias)
        self.mean: Tensor
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))

    def forward(self, images: Tensor) -> Tensor:
        """(N, K, 2) crop units."""
        return self.mean + UNIT * self.offsets(self.trunk(images)).unflatten(-1, (-1, 2))


class Pupil(nn.Module):
    """The student, with its two teachers while it learns from them (``teacher`` is their width)."""

    def __init__(self, mean: FloatArray, student: float, teacher: float | None):
        super().__init__()
        self.student = Regressor(mean, student)
        if teacher is not None:
            self.tough, self.tolerant = HeatmapNet(len(mean), teacher), HeatmapNet(len(mean), teacher)


def kd_loss(student: Tensor, truth: Tensor, tough: Tensor, tolerant: Tensor, known: Tensor) -> dict[str, Tensor]:
    """The three terms with their weights; all points (B, K, 2) in crop units, ``known`` (B, K)."""
    main = masked_mean(main_term(student, truth, tolerant), known)
    return {
        "main": MAIN * main,
        "tough": ASSIST * masked_mean(assist_term(student, truth, tough, *TOUGH), known),
        "tolerant": ASSIST * masked_mean(assist_term(student, truth, tolerant, *TOLERANT), known),
    }


def main_term(student: Tensor, truth: Tensor, tolerant: Tensor) -> Tensor:
    """Steep up to the tolerant teacher's error, squared beyond; continuous there. Elementwise."""
    error, limit = (student - truth).abs(), (truth - tolerant).abs()
    return torch.where(error <= limit, STEEP * error, error.square() + STEEP * limit - limit.square())


def assist_term(student: Tensor, truth: Tensor, teacher: Tensor, alpha: float, beta: float) -> Tensor:
    """What one teacher adds, elementwise: positive beyond it, negative between it and the band around the truth.

    The teacher stands on the student's side of the truth; weights are constants to the gradient.
    """
    with torch.no_grad():
        distance = (teacher - truth).abs()
        reflected = truth + torch.sign(student - truth) * distance
        error = (student - truth).abs()
        between = -beta * (error > BAND * distance).to(error.dtype)
        weight = torch.where(error > distance, alpha * torch.ones_like(error), between)
    return weight * (reflected - student).abs()
