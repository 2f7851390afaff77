"""The network of the baseline."""

from __future__ import annotations

import torch.nn.functional as F  # its name everywhere
from torch import Tensor, nn

from nasion.train.blocks import ConvBN, MobileNetV2, soft_argmax


class HeatmapNet(nn.Module):
    """Features of strides 16 and 8 brought to stride 4, one heatmap per point.

    Args:
        points: how many.
        width: of the MobileNetV2 trunk.
        inner: channels where the scales meet.
    """

    def __init__(self, points: int, width: float = 0.5, inner: int = 64):
        super().__init__()
        self.trunk = MobileNetV2(width)
        del self.trunk.last, self.trunk.groups[5:]  # stride 32 sees no more than stride 16 at this size
        a, b, c = self.trunk.widths
        self.from4, self.from8, self.from16 = (ConvBN(n, inner, 1) for n in (a, b, c))
        self.mix8, self.mix4 = ConvBN(inner, inner, 3, groups=inner), ConvBN(inner, inner, 3, groups=inner)
        self.heat = nn.Conv2d(inner, points, 1)

    def heatmaps(self, images: Tensor) -> Tensor:
        """(N, K, S/4, S/4) logits."""
        s4, s8, s16 = self.trunk.features(images)
        x = self.mix8(self.from8(s8) + F.interpolate(self.from16(s16), size=s8.shape[-2:], mode="bilinear"))
        x = self.mix4(self.from4(s4) + F.interpolate(x, size=s4.shape[-2:], mode="bilinear"))
        return self.heat(x)

    def forward(self, images: Tensor) -> Tensor:
        """(N, K, 2) crop units."""
        return soft_argmax(self.heatmaps(images))
