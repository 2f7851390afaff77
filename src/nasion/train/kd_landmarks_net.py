"""Student and teachers of the KD-Loss, and the loss itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasion.train.blocks import MobileNetV2, masked_mean
from nasion.train.kd_landmarks import ASSIST, BAND, MAIN, STEEP, TOLERANT, TOUGH


class Regressor(nn.Sequential):
    """MobileNetV2, mean over the map, dropout where asked, one linear layer: (N, K, 2) crop units."""

    def __init__(self, points: int, width: float, dropout: float = 0.0):
        trunk = MobileNetV2(width)
        super().__init__(trunk, nn.Dropout(dropout), nn.Linear(trunk.out, 2 * points))

    def forward(self, images: Tensor) -> Tensor:
        """Points."""
        return super().forward(images).unflatten(-1, (-1, 2)) + 0.5


class Pupil(nn.Module):
    """The student, with its two teachers while it learns from them (``teacher`` is their width)."""

    def __init__(self, points: int, student: float, teacher: float | None):
        super().__init__()
        self.student = Regressor(points, student)
        if teacher is not None:
            self.tough = Regressor(points, teacher, dropout=0.5)
            self.tolerant = Regressor(points, teacher, dropout=0.5)


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
