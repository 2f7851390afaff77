"""The module of FeatEnHancer in front of a landmark network: points on faces in the dark.

The host learns in the light first. Then the same faces are darkened as a camera would (``low_light``), the true points
stay, and first the module learns alone in front of the frozen host, then both, the host at a tenth of the rate. Module
and host become one file for ``nasion.landmark.Landmarker`` and ``--landmarker``.

Source: Hashmi et al., "FeatEnHancer: Enhancing Hierarchical Features for Object Detection and Beyond Under Low-Light
Vision", ICCV 2023.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nasion.train.baseline import Baseline
from nasion.train.low_light import some_darkness
from nasion.train.recipe import Batch, Progress, Stage

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nasion.train.baseline_net import HeatmapNet

LIGHT, ALONE, BOTH = "light", "module", "both"  # names of the stages
RATE = Baseline.stages[0].rate  # of the module; of the host in the light, and a tenth of it in the dark
VIEWS = 16  # in the dark a step: the module costs several times what the host does
STEPS_IN_THE_LIGHT = 0.3  # of the steps; they are cheap
STEPS_ALONE = 0.3  # of those in the dark


class DarkLandmarks:
    """`nasion train featenhancer-landmarks`: a landmark model for the dark, from labelled faces in good light.

    Args:
        module: False leaves the module out: the host alone learns the same dark views for as many steps, which is what
            the module has to beat.
        host: trained in the light already; None trains one first.
        slow: False lets the host learn at the full rate in the dark, too.
    """

    def __init__(self, module: bool = True, host: HeatmapNet | None = None, slow: bool = True) -> None:
        self.name = "featenhancer-landmarks" if module else "featenhancer-landmarks-host"
        self.module, self.host = module, host
        dark, tenth = 1 - STEPS_IN_THE_LIGHT, ("host",) if slow else ()
        light = Stage(LIGHT, STEPS_IN_THE_LIGHT, RATE, ("host",))
        alone = Stage(ALONE, STEPS_ALONE * dark, RATE, ("module",), VIEWS)
        both = Stage(BOTH, (1 - STEPS_ALONE) * dark, RATE, (), VIEWS, slow=tenth)
        stages = (alone, both) if module else (replace(both, share=dark),)
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
