"""The module of FeatEnHancer in front of a landmark network: points on faces in the dark.

The host learns in the light first. Then the same faces are darkened as a camera would (``low_light``), the true points
stay, and first the module learns alone in front of the frozen host, then both at a tenth of the host's rate. Module
and host become one file for ``nasion.landmark.Landmarker`` and ``--landmarker``.

Source: Hashmi et al., "FeatEnHancer: Enhancing Hierarchical Features for Object Detection and Beyond Under Low-Light
Vision", ICCV 2023.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from nasion.train.baseline import Baseline
from nasion.train.low_light import some_darkness
from nasion.train.recipe import Batch, Progress, Stage

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nasion.train.baseline_net import HeatmapNet

LIGHT, ALONE, BOTH = "light", "module", "both"  # names of the stages
RATE = 1.5e-3  # of the module while it learns alone
HOST_RATE = Baseline.stages[0].rate / 10
VIEWS = 16  # in the dark a step: the module costs several times what the host does
STEPS_IN_THE_LIGHT = 0.3  # of the steps; they are cheap


class DarkLandmarks:
    """`nasion train featenhancer-landmarks`: a landmark model for the dark, from labelled faces in good light.

    Args:
        module: False leaves the module out: the host alone learns the same dark views for as many steps, which is what
            the module has to beat.
        host: trained in the light already; None trains one first.
        host_rate: learning rate of the host in the dark.
    """

    def __init__(self, module: bool = True, host: HeatmapNet | None = None, host_rate: float = HOST_RATE) -> None:
        self.name = "featenhancer-landmarks" if module else "featenhancer-landmarks-host"
        self.module, self.host = module, host
        dark = (1 - STEPS_IN_THE_LIGHT) / 2
        light = Stage(LIGHT, STEPS_IN_THE_LIGHT, Baseline.stages[0].rate, ("host",))
        alone = Stage(ALONE, dark, RATE, ("module",), VIEWS), Stage(BOTH, dark, host_rate, (), VIEWS)
        stages = alone if module else (Stage(BOTH, 2 * dark, host_rate, (), VIEWS),)
        self.stages = stages if host is not None else (light, *stages)

    def build(self, points: int, size: int) -> nn.Module:
        """The host, the same for one seed with and without the module, and the module in front of it."""
        from nasion.train.baseline_net import HeatmapNet
        from nasion.train.featenhancer_net import FeatEnHancer, Lit

        host = HeatmapNet(points) if self.host is None else copy.deepcopy(self.host)
        return Lit(host, FeatEnHancer() if self.module else None)

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """The distance of the points: in the light the host's, afterwards in the dark."""
        from nasion.train.blocks import point_loss

        found = model.host(batch.images) if step.stage == LIGHT else model(self._darkened(batch, step))
        return {"points": point_loss(found, batch.points, batch.known)}

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """Points of the host behind the module."""
        return model(images)

    def _darkened(self, batch: Batch, step: Progress) -> Tensor:
        from nasion.train.score import to_input

        rng = np.random.default_rng((step.step, *batch.index.tolist()))
        pixels = ((batch.images + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
        return to_input(np.stack([some_darkness(rng, np.ascontiguousarray(view)) for view in pixels]))
