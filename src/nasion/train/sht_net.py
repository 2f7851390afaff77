"""SHT's networks: one that sharpens a face and places its points together, one that re-poses a face.

Source: "Supervision-by-Hallucination-and-Transfer: A Weakly-Supervised Approach for Robust and Precise Facial Landmark
Detection", arXiv 2601.12919. The paper's layers were not to be had; these are ours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nasion.train.blocks import ConvBN, soft_argmax
from nasion.train.heatmaps import gaussians

CODES = 16  # channels that K heatmaps are brought to before pictures and maps are joined
DOT = 1.0  # px of the half-size picture, standard deviation of the dots that painting is shown for points
PEAK = 6.3  # that a heatmap's values sum up to: one of a Gaussian of one px then peaks at 1
FARTHEST = 0.6  # of the picture, that the transfer network may move a pixel


class Residual(nn.Module):
    """Two 3x3 convolutions and a skip."""

    def __init__(self, inner: int, outer: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(ConvBN(inner, outer, 3, stride), ConvBN(outer, outer, 3, act=False))
        self.skip = nn.Identity() if stride == 1 and inner == outer else ConvBN(inner, outer, 1, stride, act=False)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.body(x) + self.skip(x))


class Exchange(nn.Module):
    """Two streams take from each other what a 1x1 gate lets through; unless ``both``, only the points hear."""

    def __init__(self, points: int, picture: int, both: bool = True) -> None:
        super().__init__()
        self.both = both
        self.to_points, self.to_picture = nn.Conv2d(picture, points, 1), nn.Conv2d(points, picture, 1)
        self.gates = nn.Conv2d(points + picture, 2, 1)

    def forward(self, points: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
        gate = torch.sigmoid(self.gates(torch.cat([points, picture], 1)))
        into_points = gate[:, :1] * self.to_points(picture)
        return points + into_points, picture + gate[:, 1:] * self.to_picture(points) if self.both else picture


class DualHallucination(nn.Module):
    """Enlarged small faces (B, 3, S, S) in -1..1, S a multiple of 16, to heatmaps and sharpened faces.

    Args:
        points: K.
        size: S.
        width: channels of the first stage; the four have 1, 2, 4 and 4 times as many.
        guided: whether the picture stream is told of the points: their stream, their heatmaps, and dots where they are.

    Attributes:
        prior: (K, S/4, S/4) logits that the first heatmaps begin with; zero unless the recipe knows better.
    """

    def __init__(self, points: int, size: int, width: int = 32, guided: bool = True) -> None:
        super().__init__()
        self.prior: Tensor
        self.register_buffer("prior", torch.zeros(points, size // 4, size // 4))
        w, f = width, 2 * width
        self.guided = guided
        self.stem = ConvBN(3, w, 3, 2)
        self.e2, self.e4 = Residual(w, w), Residual(w, 2 * w, 2)
        self.e8, self.e16 = Residual(2 * w, 4 * w, 2), Residual(4 * w, 4 * w, 2)
        self.p16, self.p8, self.p4 = ConvBN(4 * w, f, 1), ConvBN(4 * w, f, 1), ConvBN(2 * w, f, 1)
        self.mix8, self.mix4 = ConvBN(f, f), ConvBN(f, f)
        self.first = nn.Conv2d(f, points, 1)
        self.refine = nn.Sequential(ConvBN(f + CODES, f), nn.Conv2d(f, points, 1))
        self.code = nn.Conv2d(points, CODES, 1)
        self.h16, self.h8, self.h4 = ConvBN(4 * w, f, 1), ConvBN(4 * w, f, 1), ConvBN(2 * w, f, 1)
        self.blend8, self.blend4 = ConvBN(f, f), ConvBN(f + CODES, f)
        self.exchange8, self.exchange4 = Exchange(f, f, guided), Exchange(f, f, guided)
        self.lift, self.dots = nn.Conv2d(f, w, 1), nn.Conv2d(points, w, 1)
        self.fine = nn.Sequential(Residual(w, w), Residual(w, w))
        self.paint = nn.Conv2d(w + 12, 12, 3, 1, 1)  # four pixels of three colours each, also as they came
        nn.init.zeros_(self.paint.weight)  # to begin with the picture stays as it came
        nn.init.zeros_(self.paint.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the first and the refined heatmaps (B, K, S/4, S/4), and the sharpened faces (B, 3, S, S)."""
        c2 = self.e2(self.stem(x))
        c4 = self.e4(c2)
        c8 = self.e8(c4)
        c16 = self.e16(c8)
        points = self.mix8(self.p8(c8) + _double(self.p16(c16)))
        picture = self.blend8(self.h8(c8) + _double(self.h16(c16)))
        points, picture = self.exchange8(points, picture)
        points = self.mix4(self.p4(c4) + _double(points))
        first = self.prior + self.first(points)
        codes = self.code(maps(first))
        picture = self.h4(c4) + _double(picture)
        picture = self.blend4(torch.cat([picture, codes if self.guided else torch.zeros_like(codes)], 1))
        points, picture = self.exchange4(points, picture)
        refined = first + self.refine(torch.cat([points, codes], 1))
        fine = c2 + _double(self.lift(picture))
        if self.guided:
            fine = fine + self.dots(gaussians(soft_argmax(refined), fine.shape[-1], DOT))
        fine = self.fine(fine)
        painted = self.paint(torch.cat([fine, functional.pixel_unshuffle(x, 2)], 1))
        return first, refined, x + functional.pixel_shuffle(painted, 2)


def maps(logits: Tensor) -> Tensor:
    """Heatmaps (B, K, h, w) of at least 0, each with the same sum."""
    return PEAK * logits.flatten(2).softmax(2).unflatten(2, logits.shape[2:])


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class Transfer(nn.Module):
    """A face, its heatmaps and the heatmaps of a pose to the face in that pose.

    It may move the pixels of the face it was given and add a coarse tint, a sixteenth as fine as the picture: it never
    sees the target, and what it adds is too coarse to paint one. So only heatmaps that say where the parts really are
    make its picture right.
    """

    def __init__(self, points: int, width: int = 32) -> None:
        super().__init__()
        self.code = nn.Conv2d(points, CODES, 1)
        self.look = ConvBN(3, CODES, 5, 4)
        self.body = nn.Sequential(
            Residual(3 * CODES, 2 * width, 2), Residual(2 * width, 2 * width, 2), Residual(2 * width, 2 * width)
        )
        self.spread = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * width, 6))
        self.flow, self.tint = nn.Conv2d(2 * width, 2, 3, 1, 1), nn.Conv2d(2 * width, 3, 3, 1, 1)
        for layer in (self.flow, self.tint, self.spread[2]):  # to begin with nothing moves
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, face: Tensor, own: Tensor, wanted: Tensor) -> Tensor:
        """(B, 3, S, S) in -1..1 and heatmaps, twice (B, K, S/4, S/4), to (B, 3, S, S)."""
        size = face.shape[2:]
        x = self.body(torch.cat([self.look(face), self.code(own), self.code(wanted)], 1))
        same = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).expand(len(face), 2, 3)
        grid = functional.affine_grid(same + self.spread(x).view(-1, 2, 3), [len(face), 3, *size], align_corners=False)
        bend = functional.interpolate(self.flow(x), size=size, mode="bilinear", align_corners=False)
        grid = grid + 2 * FARTHEST * torch.tanh(bend).permute(0, 2, 3, 1)
        moved = functional.grid_sample(face, grid, padding_mode="border", align_corners=False)
        return moved + functional.interpolate(self.tint(x), size=size, mode="bilinear", align_corners=False)
