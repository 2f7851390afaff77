"""The plain system that all others are compared with: a narrow MobileNetV2, heatmaps at stride 4, soft-argmax."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasion.train.recipe import Batch, Progress, Stage

if TYPE_CHECKING:
    from torch import Tensor, nn


class Baseline:
    """Heatmap regression without tricks; the integral loss of Sun et al., "Integral Human Pose Regression", 2018."""

    name = "baseline"
    stages = (Stage("train", rate=3e-3),)

    def build(self, points: int, size: int) -> nn.Module:
        """A network of about half a million parameters; ``size`` is free."""
        from nasion.train.baseline_net import HeatmapNet

        return HeatmapNet(points)

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """The distance of the points."""
        from nasion.train.blocks import point_loss

        return {"points": point_loss(model(batch.images), batch.points, batch.known)}

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """Mean places under the heatmaps."""
        return model(images)
