"""The networks of One Eye gaze: four small encoders, a landmark net, a head, and the ensemble of them that is exported.

Source: Athavale, Motati and Kalahasty, "One Eye is All You Need", arXiv 2211.11936. Layers are the published ones: of
one eye the residual network has 305,966 weights, the Inception network 327,846. In the residual network's last block
both ways are pooled, from 4 x 4 cells: only so do they meet at 2 x 2.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from nasion.gaze.one_eye import SIDE

FEATURES, CODE = 512, 4  # numbers of an encoded eye; of the last hidden layer, kept for calibration
MOMENTUM, DROP, HEAD_DROP = 0.1, 0.02, 0.12  # PyTorch's momentum is one less the published 0.9
MEAN = (0.5425, 0.4076, 0.3741)  # RGB: the published order is BGR
SPAN = 5.0  # cm, about the spread of targets: the last layer's numbers are of the order of 1
SPREAD = 0.2  # the published 0.02 is for loading published weights: it makes numbers of the order of 25


def conv(before: int, after: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Sequential:
    """A convolution with what follows each."""
    layer = nn.Conv2d(before, after, kernel, stride, padding)
    return nn.Sequential(layer, nn.BatchNorm2d(after, momentum=MOMENTUM), nn.LeakyReLU(), nn.Dropout(DROP))


def pool() -> nn.Module:
    """Means of 2 x 2 cells."""
    return nn.AvgPool2d(2)


class Two(nn.Module):
    """Two ways whose ends are added."""

    def __init__(self, main: nn.Module, short: nn.Module) -> None:
        super().__init__()
        self.main, self.short = main, short

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x) + self.short(x)


class Inception(nn.Module):
    """Four ways side by side: 1 x 1; 3 x 3 and 5 x 5 behind a 1 x 1; pooled and 1 x 1."""

    def __init__(self, before: int, one: int, three: int, five: int, pooled: int, *, middle: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(before, one, 1)
        self.three = nn.Sequential(nn.Conv2d(before, middle, 1), nn.Conv2d(middle, three, 3, padding=1))
        self.five = nn.Sequential(nn.Conv2d(before, five, 1), nn.Conv2d(five, five, 5, padding=2))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(before, pooled, 1))
        width = one + three + five + pooled
        self.after = nn.Sequential(nn.BatchNorm2d(width, momentum=MOMENTUM), nn.LeakyReLU(), nn.Dropout(DROP))

    def forward(self, x: Tensor) -> Tensor:
        return self.after(torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], 1))


def _stem() -> tuple[nn.Module, ...]:
    return conv(3, 32, 7, 2), pool()


def plain() -> nn.Module:
    """Three convolutions: the baseline."""
    layers = (*_stem(), conv(32, 64, 5, 2), pool(), conv(64, 128, 3), pool())
    return nn.Sequential(*layers, nn.Flatten())


def resnet() -> nn.Module:
    """Three blocks, the last two with a shortcut."""
    first = nn.Sequential(conv(3, 32, 4), conv(32, 32, 4, 2), pool())
    second = Two(
        nn.Sequential(conv(32, 64, 3), conv(64, 64, 3, 2), pool()), nn.Sequential(conv(32, 64, 5, 2), pool())
    )  # fmt: skip
    third = Two(
        nn.Sequential(conv(64, 128, 2), conv(128, 128, 2), pool()), nn.Sequential(conv(64, 128, 3), pool())
    )  # fmt: skip
    return nn.Sequential(first, second, third, nn.Flatten())


def _modules() -> tuple[nn.Sequential, nn.Sequential]:
    a = nn.Sequential(Inception(32, 16, 32, 8, 8, middle=32), conv(64, 64, 5, 2), pool())
    b = nn.Sequential(Inception(64, 32, 64, 16, 16, middle=64), conv(128, 128, 3), pool())
    return a, b


def inception() -> nn.Module:
    """Two Inception modules."""
    return nn.Sequential(*_stem(), *_modules(), nn.Flatten())


def inception_resnet() -> nn.Module:
    """Both: Inception modules with shortcuts."""
    a, b = _modules()
    first = Two(a, nn.Sequential(conv(32, 64, 5, 2), pool()))
    return nn.Sequential(*_stem(), first, Two(b, nn.Sequential(conv(64, 128, 3), pool())), nn.Flatten())


ENCODERS = {"plain": plain, "resnet": resnet, "inception": inception, "inception-resnet": inception_resnet}


class EyeGaze(nn.Module):
    """One encoder, shared by the eyes, with corners and a head.

    Args:
        encoder: a name of ``ENCODERS``.
        eyes: 1 or 2.
    """

    def __init__(self, encoder: str, eyes: int = 1) -> None:
        super().__init__()
        self.encoder = ENCODERS[encoder]()
        widths = (4 * eyes, 128, 16, 16)
        self.corners = nn.Sequential(
            *(part for a, b in pairwise(widths) for part in
              (nn.Linear(a, b), nn.BatchNorm1d(b, momentum=MOMENTUM), nn.ReLU()))
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.Linear(FEATURES * eyes + 16, 8), nn.BatchNorm1d(8, momentum=MOMENTUM), nn.ReLU(), nn.Dropout(HEAD_DROP),
            nn.Linear(8, CODE), nn.BatchNorm1d(CODE, momentum=MOMENTUM), nn.ReLU(), nn.Dropout(HEAD_DROP),
        )  # fmt: skip
        self.out = nn.Linear(CODE, 2)
        self.register_buffer("mean", torch.tensor(MEAN).reshape(1, 3, 1, 1), persistent=False)

    mean: Tensor

    def forward(self, crops: Tensor, corners: Tensor) -> tuple[Tensor, Tensor]:
        """(N, E, SIDE, SIDE, 3) uint8 and (N, 4 E) to (N, 2) cm and the (N, 4) code."""
        flat = crops.reshape(-1, SIDE, SIDE, 3).permute(0, 3, 1, 2).float() / 255
        seen = self.encoder((flat - self.mean) / SPREAD).reshape(corners.shape[0], -1)
        code = self.head(torch.cat([seen, self.corners(corners)], 1))
        return self.out(code) * SPAN, code


class Ensemble(nn.Module):
    """What is exported: M networks side by side.

    Gives ``point`` (N, 2) cm, by a linear map of all codes; ``points`` (N, M, 2) cm, each network's own; ``codes``
    (N, M, 4).
    """

    def __init__(self, members: list[EyeGaze], joint: nn.Linear) -> None:
        super().__init__()
        self.members, self.joint = nn.ModuleList(members), joint

    def forward(self, crops: Tensor, corners: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        points, codes = zip(*(member(crops, corners) for member in self.members), strict=True)
        return self.joint(torch.cat(codes, 1)), torch.stack(points, 1), torch.stack(codes, 1)
