"""The pixel contract around a trained network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasion.core import FloatArray
from nasion.train.recipe import Recipe


class PixelContract(nn.Module):
    """Crops (N, S, S, 3) uint8 RGB to points (N, K, 2) and sigma (N, K), crop px.

    Args:
        recipe: how points are read off the network; with a method ``sigma(model, images)`` (N, K) in crop units,
            that is used instead of the held-out spread.
        model: the network.
        size: px, S.
        sigma: (K,) px, the held-out spread.
    """

    def __init__(self, recipe: Recipe, model: nn.Module, size: int, sigma: FloatArray):
        super().__init__()
        self.recipe, self.model, self.size = recipe, model, size
        self.register_buffer("spread", torch.from_numpy(sigma))

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Points and sigma."""
        images = crops.permute(0, 3, 1, 2).float() * (1 / 127.5) - 1
        points = self.recipe.predict(self.model, images) * self.size - 0.5
        if hasattr(self.recipe, "sigma"):
            return points, self.recipe.sigma(self.model, images) * self.size
        return points, self.spread + 0 * points[..., 0]  # an expand would fix the number of crops
