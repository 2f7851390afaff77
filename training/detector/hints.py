"""Hints of the teacher: the squared distance of the features, through a linear map, to the teacher's.

Source: Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from nasion.train.detector_targets import Targets


class Hints(torch.nn.Module):
    """Linear maps from the student's features to the teacher's; not part of what ships."""

    def __init__(self, widths: tuple[int, ...], teacher: int = 64) -> None:
        super().__init__()
        self.maps = torch.nn.ModuleList(
            torch.nn.Sequential(torch.nn.BatchNorm2d(width, affine=False), torch.nn.Conv2d(width, teacher, 1))
            for width in widths
        )
        for _, last in self.maps:
            torch.nn.init.zeros_(last.weight)

    def forward(
        self, features: tuple[torch.Tensor, ...], hints: list[tuple[np.ndarray, ...]], wanted: list[Targets]
    ) -> torch.Tensor:
        """Mean squared distance over the teacher's variance per channel; cells near a face count for more."""
        target = torch.from_numpy(np.stack([t.score for t in wanted])).float()
        near, start = [], 0
        for f in features[:3]:
            cells_here = f.shape[2] * f.shape[3]
            score = target[:, start : start + cells_here].reshape(len(target), 1, *f.shape[2:])
            near.append(functional.max_pool2d(score, 3, 1, 1).add(0.2))
            start += cells_here
        total = torch.zeros(())
        for i, (f, linear) in enumerate(zip(features, self.maps, strict=True)):
            teacher = torch.from_numpy(np.stack([h[i] for h in hints]))
            spread = teacher.std((0, 2, 3), keepdim=True)
            spread = spread.clamp(min=0.3 * float(spread.mean()))  # some channels hardly ever speak
            error = ((linear(f) - teacher) / spread) ** 2 * near[i % 3]
            total = total + error.mean() / near[i % 3].mean()
        return total / len(self.maps)
