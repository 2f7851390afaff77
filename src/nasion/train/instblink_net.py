"""InstBlink's network: learned queries, each a person over a clip, refined stage by stage.

Every query is a box and a feature, the same at the start for all frames of a clip. A stage lets the queries of a frame
look at each other, each query look at itself in the other frames (with the same weights), and reads the picture under
its box by a dynamic convolution: the query makes the weights of two 1x1 convolutions of its 7x7 RoIAlign feature. Then
it says whether a face is there and moves the box; the last one also says whether the face blinks. Matching to the true
people is Hungarian and by whole tubes: a query is one person in all frames, or nobody.

Source: Zeng et al., "Real-time Multi-person Eyeblink Detection in the Wild for Untrimmed Video", CVPR 2023, and its
released code; Sun et al., "Sparse R-CNN", CVPR 2021. In small: the embedded detector's backbone in ResNet-50's place,
64 channels, 12 queries, 3 stages. What is done otherwise:

- Query boxes begin as a grid, for a few minutes of training would not spread them.
- One map is read, of stride 8, where the paper takes the level of the pyramid that suits the box: all faces are small.
- Blinks are read by ``Eyes`` from the upper half of the box on a map of stride 2, once, after the last stage has moved
  the box, and go through a convolution along time. The paper's head sees the query alone, which is what
  a 7x7 feature of the whole face left of it: an eye of 8 x 3 px is two cells of stride 4, one of 49 bins, and a head
  that read those never told a shut eye from an open one on people that it had not seen.
- The blink loss counts where the box lies on the face, for elsewhere there are no lids to see.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional

from nasion.train.detector_net import WIDTHS, Detector, conv

QUERIES, STAGES, WIDTH, INNER, HEADS = 12, 3, 64, 32, 4
BINS = 7  # of RoIAlign, one sample each: a bin is about one cell of the map
BAND, BAND_BINS = (0.08, 0.52), (12, 24)  # the eyes: from forehead to nose, shares of the box; rows and columns
AROUND = 5  # frames that the convolution along time sees
GRID = (4, 3)  # columns and rows of the queries' first boxes
FINE = 16  # channels of the first half of the detector's stem, at stride 2


class Backbone(nn.Module):
    """(M, 3, H, W) 0..255 RGB to the detector's maps of strides 8, 16 and 32.

    Normalisations stay in evaluation mode, as in the released configuration.
    """

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.unit = detector.unit
        self.stem = detector.stem
        self.stages = nn.ModuleList([detector.stage8, detector.stage16, detector.stage32])

    def forward(self, images: Tensor) -> list[Tensor]:
        x, maps = self.stem(images if self.unit is None else images * self.unit), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def train(self, mode: bool = True) -> Backbone:
        return super().train(False)


class Neck(nn.Module):
    """Maps of three strides to one at stride 8, from the top down."""

    def __init__(self) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(count, WIDTH, 1) for count in WIDTHS[:3])

    def forward(self, maps: list[Tensor]) -> Tensor:
        top = self.laterals[-1](maps[-1])
        for lateral, finer in zip(list(self.laterals)[-2::-1], maps[-2::-1], strict=True):
            top = lateral(finer) + functional.interpolate(top, scale_factor=2.0, mode="nearest")
        return functional.relu(top)


class Attention(nn.Module):
    """Multi-head self-attention over the last but one axis of (..., L, C), with residual and normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.inward, self.outward = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        heads = self.inward(x).unflatten(-1, (3, HEADS, WIDTH // HEADS))
        q, k, v = (heads[..., i, :, :].transpose(-2, -3) for i in range(3))
        weights = (q @ k.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5).softmax(-1)
        return self.norm(x + self.outward((weights @ v).transpose(-2, -3).flatten(-2)))


class DynamicConv(nn.Module):
    """A query's own two 1x1 convolutions over the 7x7 feature under its box.

    Args:
        own: False for the same two for all queries.
    """

    def __init__(self, own: bool = True) -> None:
        super().__init__()
        self.own = own
        self.weights = nn.Linear(WIDTH, 2 * WIDTH * INNER)
        self.norms = nn.ModuleList(nn.LayerNorm(count) for count in (INNER, WIDTH, WIDTH))
        self.out = nn.Linear(BINS * BINS * WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, query: Tensor, under: Tensor) -> Tensor:
        """Queries (M, C) and features (M, 49, C) to (M, C)."""
        first, second = (
            self.weights(query if self.own else torch.ones_like(query)).unflatten(-1, (2, WIDTH * INNER)).unbind(-2)
        )
        x = functional.relu(self.norms[0](under @ first.unflatten(-1, (WIDTH, INNER))))
        x = functional.relu(self.norms[1](x @ second.unflatten(-1, (INNER, WIDTH))))
        x = functional.relu(self.norms[2](self.out(x.flatten(-2))))
        return self.norm(query + x)


class Stage(nn.Module):
    """One refinement of all queries in all frames."""

    def __init__(self, temporal: bool = True, dynamic: bool = True) -> None:
        super().__init__()
        self.temporal = temporal
        self.attention, self.dynamic = Attention(), DynamicConv(dynamic)
        self.feed = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.ReLU(), nn.Linear(4 * WIDTH, WIDTH))
        self.norm = nn.LayerNorm(WIDTH)
        self.face = nn.Linear(WIDTH, 1)
        self.box = nn.Sequential(_layer(), _layer(), nn.Linear(WIDTH, 4))
        nn.init.constant_(self.face.bias, -2.0)
        nn.init.zeros_(self.box[-1].weight)
        nn.init.zeros_(self.box[-1].bias)

    def forward(self, maps: Tensor, boxes: Tensor, query: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One clip or several.

        Args:
            maps: (B * T, C, h, w).
            boxes: (B, T, N, 4) centre and size, fractions of the frame.
            query: (B, T, N, C).

        Returns:
            The boxes and queries of the next stage, and logits (B, T, N) of a face.
        """
        query = self.attention(query)
        if self.temporal:
            query = self.attention(query.transpose(1, 2)).transpose(1, 2)
        under = roi_align(maps, boxes.flatten(0, 1)).transpose(1, 2)
        query = self.dynamic(query.flatten(0, 2), under).view_as(query)
        query = self.norm(query + self.feed(query))
        shift = self.box(query)
        centre = boxes[..., :2] + shift[..., :2] * boxes[..., 2:]
        extent = boxes[..., 2:] * shift[..., 2:].clamp(-2, 2).exp()
        moved = torch.cat([centre.clamp(-0.5, 1.5), extent.clamp(0.01, 2)], -1)
        return moved, query, self.face(query)[..., 0]


class Eyes(nn.Module):
    """Who blinks: the band of the eyes under each box, from a map of stride 2 of its own.

    Args:
        detector: whose first convolution this one's begins as.
        temporal: whether it looks at other frames.
    """

    def __init__(self, detector: Detector, temporal: bool = True) -> None:
        super().__init__()
        self.unit, self.temporal = detector.unit, temporal
        self.stem = deepcopy(detector.stem[0])
        rows, columns = BAND_BINS
        self.read = nn.Sequential(
            conv(FINE, 32, 3, 2), conv(32, 32), nn.Flatten(),
            nn.Linear(32 * (rows // 2) * (columns // 2), WIDTH),
        )  # fmt: skip
        self.person, self.norm = nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH)
        nn.init.zeros_(self.person.weight)
        nn.init.zeros_(self.person.bias)
        self.around, self.head = nn.Conv1d(WIDTH, WIDTH, AROUND, padding=AROUND // 2), nn.Linear(WIDTH, 1)
        nn.init.constant_(self.head.bias, -1.0)

    def train(self, mode: bool = True) -> Eyes:
        super().train(mode)
        self.stem.train(False)  # normalisation as in the backbone
        return self

    def fine(self, clips: Tensor) -> Tensor:
        """(B, T, 3, H, W) 0..255 to (B * T, 16, H / 2, W / 2)."""
        images = clips.flatten(0, 1)
        return self.stem(images if self.unit is None else images * self.unit)

    def forward(self, fine: Tensor, boxes: Tensor, query: Tensor) -> Tensor:
        """Boxes (B, T, N, 4), centre and size, and their queries (B, T, N, C) to logits (B, T, N)."""
        middle, high = (BAND[0] + BAND[1] - 1) / 2, BAND[1] - BAND[0]
        x, y, w, h = boxes.unbind(-1)
        band = torch.stack([x, y + middle * h, w, high * h], -1)
        under = roi_align(fine, band.flatten(0, 1), BAND_BINS).unflatten(-1, BAND_BINS)
        seen = functional.relu(self.norm(self.read(under).view_as(query) + self.person(query)))
        if self.temporal:
            tubes = seen.transpose(1, 2)  # (B, N, T, C)
            near = self.around(tubes.flatten(0, 1).transpose(1, 2)).transpose(1, 2).view_as(tubes)
            seen = (tubes + functional.relu(near)).transpose(1, 2)
        return self.head(seen)[..., 0]


def _layer() -> nn.Sequential:
    return nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH), nn.ReLU())


Said = tuple[Tensor, Tensor, Tensor | None]
"""Boxes (B, T, N, 4), centre and size in fractions, and logits (B, T, N) of face and, from the last stage, blink."""


Maps = tuple[Tensor, Tensor]


class InstBlink(nn.Module):
    """(B, T, 3, H, W) RGB 0..255, H and W multiples of 32, to what every stage says.

    Args:
        detector: whose backbone this one begins with.
        temporal: whether queries look at themselves in other frames.
        dynamic: whether each query makes its own convolutions; otherwise all share one pair.
    """

    def __init__(self, detector: Detector | None = None, temporal: bool = True, dynamic: bool = True) -> None:
        super().__init__()
        detector = detector or Detector()
        self.eyes = Eyes(detector, temporal)
        self.backbone, self.neck = Backbone(detector), Neck()
        self.stages = nn.ModuleList(Stage(temporal, dynamic) for _ in range(STAGES))
        self.start = Start()

    def forward(self, clips: Tensor) -> list[Said]:
        return self.refine(self.maps(clips), *self.start(*clips.shape[:2]))

    def maps(self, clips: Tensor) -> Maps:
        """What the stages and the eyes read: (B * T, C, H / 8, W / 8) and (B * T, 16, H / 2, W / 2)."""
        return self.neck(self.backbone(clips.flatten(0, 1))), self.eyes.fine(clips)

    def blinks(self, clips: Tensor, boxes: Tensor) -> Tensor:
        """Logits of blinks (B, T, P) in boxes that are known: (B, T, P, 4). For learning only."""
        return self.eyes(self.eyes.fine(clips), boxes, self._anybody(boxes))

    def hinted(self, maps: Maps, boxes: Tensor, eyes: bool = True) -> list[Said]:
        """What the stages say of boxes that stand near people already: (B, T, P, 4), with a query like the others.

        For learning only: it teaches stages to move boxes and to see blinks before the queries find anybody.
        """
        return self.refine(maps, boxes, self._anybody(boxes), eyes)

    def refine(self, maps: Maps, boxes: Tensor, query: Tensor, eyes: bool = True) -> list[Said]:
        """All stages, one after the other; then the eyes under the last boxes, if asked for."""
        coarse, fine = maps
        said: list[Said] = []
        for stage in self.stages:
            boxes, query, face = stage(coarse, boxes.detach(), query)
            said.append((boxes, face, None))
        if eyes:
            said[-1] = (boxes, face, self.eyes(fine, boxes.detach(), query))
        return said

    def _anybody(self, boxes: Tensor) -> Tensor:
        return self.start.features.mean(0).expand(*boxes.shape[:3], WIDTH)


class Start(nn.Module):
    """The learned queries: boxes that begin as a grid, and features."""

    def __init__(self) -> None:
        super().__init__()
        columns, rows = GRID
        x, y = torch.meshgrid((torch.arange(columns) + 0.5) / columns, (torch.arange(rows) + 0.5) / rows, indexing="xy")
        size = torch.tensor([1.2 / columns, 1.2 / rows]).expand(columns * rows, 2)
        self.boxes = nn.Parameter(torch.cat([torch.stack([x.flatten(), y.flatten()], 1), size], 1))
        self.features = nn.Parameter(torch.randn(columns * rows, WIDTH))

    def forward(self, batch: int, frames: int) -> tuple[Tensor, Tensor]:
        return tuple(part.expand(batch, frames, *part.shape) for part in (self.boxes, self.features))


class Contract(nn.Module):
    """The exported network: ``frames`` (T, H, W, 3) uint8 of one clip.

    Gives ``boxes`` (T, N, 4) as x0, y0, x1, y1 in fractions, ``face`` and ``blink`` (T, N) 0..1.
    """

    def __init__(self, net: InstBlink) -> None:
        super().__init__()
        self.net = net

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        boxes, face, blink = (part[0] for part in self.net(frames.permute(0, 3, 1, 2)[None].float())[-1])
        return corners(boxes), face.sigmoid(), blink.sigmoid()


def roi_align(maps: Tensor, boxes: Tensor, bins: tuple[int, int] = (BINS, BINS)) -> Tensor:
    """(M, C, h, w) under boxes (M, N, 4), centre and size, to (M * N, C, rows * columns): bilinear, one sample each."""
    down, across = ((torch.arange(count, device=maps.device) + 0.5) / count - 0.5 for count in bins)
    x = (boxes[..., 0, None] + boxes[..., 2, None] * across)[:, :, None, :].expand(-1, -1, bins[0], -1)
    y = (boxes[..., 1, None] + boxes[..., 3, None] * down)[:, :, :, None].expand(-1, -1, -1, bins[1])
    grid = 2 * torch.stack([x, y], -1).flatten(2, 3) - 1  # (M, N, rows * columns, 2)
    return functional.grid_sample(maps, grid, align_corners=False).transpose(1, 2).flatten(0, 1)


def corners(boxes: Tensor) -> Tensor:
    """(..., 4) centre and size to x0, y0, x1, y1."""
    return torch.cat([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1)
