"""The embedded detector's network: a small convolutional backbone, a top-down feature pyramid, a small head per stride.

Ours. The parts are common knowledge: depthwise-separable residual blocks (MobileNetV2), a top-down feature pyramid
(FPN), an anchor-free head that reads a box and five points from every cell (FCOS, YOLOX, YuNet). The widths come from
ONNX Runtime's times per layer at 416 x 288 px on one core, where a plain 3 x 3 convolution at stride 4 costs as much as
the whole of strides 16 and 32: full resolution stays narrow, depth goes where pixels are few.

``training/detector`` trains it from the start, ``nasion.train.or_face`` goes on from the shipped weights.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
WIDTHS = (48, 96, 128, 48, 48, 48)  # of the features: backbone at strides 8, 16, 32, then the pyramid
CHANNELS = 15  # a cell's answer: score, box centre x y, log width, log height, five points x y


def conv(inner: int, outer: int, kernel: int = 3, stride: int = 1, groups: int = 1, relu: bool = True) -> nn.Sequential:
    """Convolution without bias, batch normalisation, and a rectifier if wanted."""
    layers: list[nn.Module] = [
        nn.Conv2d(inner, outer, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outer),
    ]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))


class Separable(nn.Module):
    """Depthwise, then pointwise; with a residual where the shapes allow it."""

    def __init__(self, inner: int, outer: int, stride: int = 1, kernel: int = 3) -> None:
        super().__init__()
        self.depth = conv(inner, inner, kernel, stride, groups=inner, relu=False)
        self.point = conv(inner, outer, 1)
        self.residual = stride == 1 and inner == outer

    def forward(self, x: Tensor) -> Tensor:
        y = self.point(self.depth(x))
        return x + y if self.residual else y


def stage(inner: int, outer: int, repeats: int, kernel: int = 3) -> nn.Sequential:
    """Half the resolution, then ``repeats`` residual blocks."""
    blocks = [Separable(outer, outer, 1, kernel) for _ in range(repeats)]
    return nn.Sequential(Separable(inner, outer, 2, kernel), *blocks)


class Detector(nn.Module):
    """RGB 0..255, (B, 3, H, W) with H and W multiples of 32, to one (B, 15, H / s, W / s) map per stride s.

    Channel 0 is a logit; 1..2 the box centre minus the cell's corner, in strides; 3..4 the log of width and height in
    strides; 5..14 the five points minus the cell's corner, in strides (coarse5 order).
    """

    def __init__(self) -> None:
        super().__init__()
        width, high, top = WIDTHS[:3]
        self.unit: float | None = 1 / 255  # to 0..1; None when the first layer's weights do it
        self.stem = nn.Sequential(conv(3, 16, 3, 2), stage(16, 32, 1))
        self.stage8 = stage(32, width, 3)
        self.stage16 = stage(width, high, 4, 5)
        self.stage32 = stage(high, top, 3, 5)
        self.lateral16, self.lateral32 = conv(high, width, 1), conv(top, width, 1)
        self.merge8, self.merge16 = Separable(width, width), Separable(width, width)
        self.towers = nn.ModuleList(Separable(width, width) for _ in STRIDES)
        self.answers = nn.ModuleList(nn.Conv2d(width, CHANNELS, 1) for _ in STRIDES)
        for answer in self.answers:
            nn.init.normal_(answer.weight, std=0.01)
            nn.init.zeros_(answer.bias)
            nn.init.constant_(answer.bias[:1], -4.6)  # a cell is a face one time in a hundred before it has seen any

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Of the backbone at strides 8, 16, 32 and of the pyramid at the same."""
        c8 = self.stage8(self.stem(x if self.unit is None else x * self.unit))
        c16 = self.stage16(c8)
        c32 = self.stage32(c16)
        p32 = self.lateral32(c32)
        p16 = self.merge16(self.lateral16(c16) + functional.interpolate(p32, scale_factor=2.0, mode="nearest"))
        p8 = self.merge8(c8 + functional.interpolate(p16, scale_factor=2.0, mode="nearest"))
        return c8, c16, c32, p8, p16, p32

    def answer(self, pyramid: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The last part: what every level of the pyramid says of its cells."""
        return tuple(answer(tower(p)) for answer, tower, p in zip(self.answers, self.towers, pyramid, strict=True))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.answer(self.features(x)[3:])
