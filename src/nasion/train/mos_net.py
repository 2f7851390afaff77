"""MOS's network: one pass for boxes, five points and head pose of every face.

Source: Liu et al., "MOS: A Low Latency and Lightweight Framework for Face Detection, Landmark Localization, and Head
Pose Estimation", BMVC 2021, and its released inference code. Plain 3x3 convolutions stand where the release has
deformable ones, which ONNX Runtime lacks. Cross-stitch: Misra et al., CVPR 2016; context: Najibi et al., "SSH",
ICCV 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from nasion.train.blocks import ConvBN, channels

STRIDES = (8, 16, 32)
ANCHORS = ((16.0, 32.0), (64.0, 128.0), (256.0, 512.0))  # px, squares, two a cell
CENTRE, SIZE = 0.1, 0.2  # variances of the coder
BINS, STEP, FIRST = 66, 3.0, -99.0  # an angle of bin i is 3 i - 99 degrees
TASKS = ("class", "box", "points", "yaw", "pitch", "roll")
OUTPUTS = {"class": 2, "box": 4, "points": 10}
MEAN = (123.0, 117.0, 104.0)  # RGB
FRONTAL = ((0.2, -0.3), (-0.2, -0.3), (0.0, -0.04), (0.17, 0.18), (-0.17, 0.18))  # from a box's middle, in its sides
SPREAD = {"yaw": 30.0, "pitch": 12.0, "roll": 12.0}  # degrees, standard deviation over faces


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a network.

    Attributes:
        width: MobileNet's multiplier.
        neck: channels of the pyramid.
        angle: channels of an angle's head.
    """

    width: float
    neck: int
    angle: int


SMALL = Plan(0.25, 32, 32)


class Separable(nn.Sequential):
    """MobileNetV1's block (Howard et al., 2017): depthwise, then across channels."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__(ConvBN(c_in, c_in, 3, stride, groups=c_in), ConvBN(c_in, c_out, 1))


class Backbone(nn.Module):
    """MobileNetV1, shortened, with taps of 256, 512 and 1024 channels (times the width) at strides 8, 16 and 32.

    The paper's MobileNetV2 at a quarter of its width passes 8 channels on at stride 8: as good after 120 steps, and
    each took 1.4 times as long.
    """

    def __init__(self, width: float) -> None:
        super().__init__()
        stem, b, c, d, e = (channels(count, width) for count in (64, 128, 256, 512, 1024))
        self.outputs = (c, d, e)
        self.at8 = nn.Sequential(
            ConvBN(3, stem, 3, 2), Separable(stem, b, 2), Separable(b, b), Separable(b, c, 2), Separable(c, c)
        )
        self.at16 = nn.Sequential(Separable(c, d, 2), *(Separable(d, d) for _ in range(3)))
        self.at32 = nn.Sequential(Separable(d, e, 2), Separable(e, e))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        at8 = self.at8(x)
        at16 = self.at16(at8)
        return at8, at16, self.at32(at16)


class Context(nn.Module):
    """SSH's context module: half the channels see 3x3, a quarter 5x5 and a quarter 7x7."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half, quarter = width // 2, width // 4
        self.near = ConvBN(width, half, act=False)
        self.start, self.middle = ConvBN(width, quarter), ConvBN(quarter, quarter, act=False)
        self.far = nn.Sequential(ConvBN(quarter, quarter), ConvBN(quarter, quarter, act=False))

    def forward(self, x: Tensor) -> Tensor:
        start = self.start(x)
        return functional.relu(torch.cat([self.near(x), self.middle(start), self.far(start)], 1))


class CrossStitch(nn.Module):
    """Every task's features become a learned mixture of all tasks' features, channel by channel.

    ``weights`` is (to, from, channels): 0.9 of the own and 0.1 of each other to begin with.
    """

    def __init__(self, tasks: int, channels: int) -> None:
        super().__init__()
        start = 0.1 + 0.8 * torch.eye(tasks)
        self.weights = nn.Parameter(start[:, :, None].repeat(1, 1, channels))

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, C, h, w) to the same shape."""
        return torch.einsum("abc,nbchw->nachw", self.weights, features)


class Level(nn.Module):
    """Branches and heads of one level of the pyramid."""

    def __init__(self, plan: Plan, stitch: bool) -> None:
        super().__init__()
        neck = plan.neck
        self.context = Context(neck)
        self.branches = nn.ModuleList(nn.Sequential(nn.Conv2d(neck, neck, 1), nn.ReLU()) for _ in TASKS)
        self.stitch = CrossStitch(len(TASKS), neck) if stitch else None
        self.heads = nn.ModuleList()
        for task in TASKS:
            if task in OUTPUTS:
                self.heads.append(nn.Conv2d(neck, 2 * OUTPUTS[task], 1))
            else:
                self.heads.append(nn.Sequential(ConvBN(neck, plan.angle), nn.Conv2d(plan.angle, 2 * BINS, 1)))

    def expect(self) -> None:
        """Have the heads begin with what is known before any face was seen.

        A face stands in one anchor of a hundred, it looks ahead, more or less, and its points lie where they do on
        most: a bias has far to go at the optimiser's pace (the eyes' is 3, hundreds of steps of 0.01).
        """
        degrees = FIRST + STEP * torch.arange(BINS)
        with torch.no_grad():
            for task, head in zip(TASKS, self.heads, strict=True):
                if task == "class":
                    head.bias.view(2, 2)[:] = torch.tensor([2.3, -2.3])
                elif task == "points":
                    head.bias.view(2, 10)[:] = torch.tensor(FRONTAL).flatten() / CENTRE
                elif task in SPREAD:
                    head[1].bias.view(2, BINS)[:] = -(degrees / SPREAD[task]).square() / 2

    def forward(self, x: Tensor) -> list[Tensor]:
        """Per task (B, h * w * 2, outputs): the two anchors of a cell follow each other."""
        x = self.context(x)
        features = torch.stack([branch(x) for branch in self.branches], 1)
        if self.stitch is not None:
            features = self.stitch(features)
        answers = []
        for k, head in enumerate(self.heads):
            y = head(features[:, k].contiguous())
            answers.append(y.permute(0, 2, 3, 1).reshape(y.shape[0], -1, y.shape[1] // 2))
        return answers


class Mos(nn.Module):
    """RGB (B, 3, H, W) float 0..255, H and W multiples of 32, to a dict of task to (B, A, outputs) raw answers.

    Args:
        plan: widths.
        stitch: whether the tasks exchange features.

    Attributes:
        log_variance: (6,) the learned uncertainty of each task, in the order of ``TASKS``.
    """

    def __init__(self, plan: Plan = SMALL, stitch: bool = True) -> None:
        super().__init__()
        self.mean: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.backbone = Backbone(plan.width)
        self.laterals = nn.ModuleList(ConvBN(c, plan.neck, 1) for c in self.backbone.outputs)
        self.merges = nn.ModuleList(ConvBN(plan.neck, plan.neck) for _ in range(2))
        self.levels = nn.ModuleList(Level(plan, stitch) for _ in STRIDES)
        self.log_variance = nn.Parameter(torch.zeros(len(TASKS)))
        for level in self.levels:
            level.expect()

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        c8, c16, c32 = self.backbone((images - self.mean) / 64)
        p32 = self.laterals[2](c32)
        p16 = self.merges[0](self.laterals[1](c16) + functional.interpolate(p32, scale_factor=2.0, mode="nearest"))
        p8 = self.merges[1](self.laterals[0](c8) + functional.interpolate(p16, scale_factor=2.0, mode="nearest"))
        answers = [level(p) for level, p in zip(self.levels, (p8, p16, p32), strict=True)]
        return {task: torch.cat([answer[k] for answer in answers], 1) for k, task in enumerate(TASKS)}


def priors(height: int, width: int) -> Tensor:
    """(A, 3): centre x, y and side of every anchor, px, pixel centres at integers; in the order of the answers."""
    parts = []
    for stride, sides in zip(STRIDES, ANCHORS, strict=True):
        y = ((torch.arange(height // stride) + 0.5) * stride - 0.5)[:, None].repeat(1, width // stride)
        x = ((torch.arange(width // stride) + 0.5) * stride - 0.5)[None].repeat(height // stride, 1)
        place = torch.stack([x, y], -1).reshape(-1, 1, 2).repeat(1, 2, 1)
        side = torch.tensor(sides).reshape(1, 2, 1).repeat(place.shape[0], 1, 1)
        parts.append(torch.cat([place, side], 2).reshape(-1, 3))
    return torch.cat(parts)


def encode(anchors: Tensor, boxes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """What the network should answer: anchors (P, 3), boxes (P, 4) px and points (P, 5, 2) px to (P, 4) and (P, 10)."""
    place, side = anchors[:, :2], anchors[:, 2:]
    centre, extent = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    box = torch.cat([(centre - place) / side / CENTRE, (extent / side).log() / SIZE], 1)
    return box, ((points - place[:, None]) / side[:, None] / CENTRE).flatten(1)


def decode(anchors: Tensor, box: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """The way back, with any leading dimensions of the answers: boxes (..., A, 4) and points (..., A, 5, 2), px."""
    place, side = anchors[:, :2], anchors[:, 2:]
    centre, half = place + CENTRE * box[..., :2] * side, side * (SIZE * box[..., 2:]).exp() / 2
    spots = place[:, None] + CENTRE * points.unflatten(-1, (5, 2)) * side[:, None]
    return torch.cat([centre - half, centre + half], -1), spots


def angle(bins: Tensor) -> Tensor:
    """Logits (..., 66) to degrees (...): the expected bin."""
    steps = torch.arange(BINS, device=bins.device, dtype=bins.dtype)
    return STEP * (bins.softmax(-1) * steps).sum(-1) + FIRST


class Decoded(nn.Module):
    """What is exported: pictures to (B, A, 18) rows.

    A row is x0, y0, x1, y1, score, five points x y (coarse5 order), yaw, pitch, roll; px and degrees.
    """

    def __init__(self, net: Mos) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        answers = self.net(images)
        anchors = priors(images.shape[2], images.shape[3])
        boxes, points = decode(anchors, answers["box"], answers["points"])
        score = answers["class"].softmax(-1)[..., 1:]
        angles = [angle(answers[task])[..., None] for task in ("yaw", "pitch", "roll")]
        return torch.cat([boxes, score, points.flatten(-2), *angles], -1)
