"""InstBlink's network: learned queries, each a person over a clip, refined stage by stage; and its losses.

Every query is a box and a feature, the same at the start for all frames of a clip. A stage lets the queries of a frame
look at each other, each query look at itself in the other frames (with the same weights), and reads the picture under
its box by a dynamic convolution: the query makes the weights of two 1x1 convolutions of its 7x7 RoIAlign feature. Then
it says whether a face is there, moves the box, and says whether the face blinks. Matching to the true people is
Hungarian and by whole tubes: a query is one person in all frames, or nobody.

Source: Zeng et al., "Real-time Multi-person Eyeblink Detection in the Wild for Untrimmed Video", CVPR 2023, and its
released code; Sun et al., "Sparse R-CNN", CVPR 2021. In small: the embedded detector's backbone in ResNet-50's place,
64 channels, 12 queries, 3 stages. Query boxes begin as a grid, for a few minutes of training would not spread them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from nasion.train.detector_net import WIDTHS, Detector

QUERIES, STAGES, WIDTH, INNER, HEADS = 12, 3, 64, 32, 4
BINS = 7  # of RoIAlign, one sample each: a bin is about one cell of the map
ALPHA, GAMMA = 0.25, 2.0  # of the focal losses
BLINK_ALPHA = (
    0.75  # the released code inverts the labels of the blink loss, so that blinks weigh more than their absence
)
FACE, DISTANCE, OVERLAP, BLINK = 2.0, 5.0, 2.0, 5.0  # weights of the losses; the first three also of the matching
GRID = (4, 3)  # columns and rows of the queries' first boxes
STEM = 32  # channels of the detector's stem, at stride 4


class Backbone(nn.Module):
    """(M, 3, H, W) 0..255 RGB to (M, 64, H / 4, W / 4): the detector's strides 4 to 32, brought together.

    Normalisations stay in evaluation mode, as in the released configuration.
    """

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.unit = detector.unit
        self.stages = nn.ModuleList([detector.stem, detector.stage8, detector.stage16, detector.stage32])

    def forward(self, images: Tensor) -> list[Tensor]:
        x, maps = images if self.unit is None else images * self.unit, []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def train(self, mode: bool = True) -> Backbone:
        return super().train(False)


class Neck(nn.Module):
    """Maps of four strides to one at stride 4, from the top down."""

    def __init__(self) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(count, WIDTH, 1) for count in (STEM, *WIDTHS[:3]))

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
        self.blink = nn.Sequential(_layer(), _layer(), nn.Linear(WIDTH, 1))
        for head in (self.face, self.blink[-1]):
            nn.init.constant_(head.bias, -2.0)
        nn.init.zeros_(self.box[-1].weight)
        nn.init.zeros_(self.box[-1].bias)

    def forward(self, maps: Tensor, boxes: Tensor, query: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One clip or several.

        Args:
            maps: (B * T, C, h, w).
            boxes: (B, T, N, 4) centre and size, fractions of the frame.
            query: (B, T, N, C).

        Returns:
            The boxes and queries of the next stage, and logits (B, T, N) of face and blink.
        """
        query = self.attention(query)
        if self.temporal:
            query = self.attention(query.transpose(1, 2)).transpose(1, 2)
        under = roi_align(maps, boxes.flatten(0, 1))
        query = self.dynamic(query.flatten(0, 2), under).view_as(query)
        query = self.norm(query + self.feed(query))
        shift = self.box(query)
        centre = boxes[..., :2] + shift[..., :2] * boxes[..., 2:]
        extent = boxes[..., 2:] * shift[..., 2:].clamp(-2, 2).exp()
        moved = torch.cat([centre.clamp(-0.5, 1.5), extent.clamp(0.01, 2)], -1)
        return moved, query, self.face(query)[..., 0], self.blink(query)[..., 0]


def _layer() -> nn.Sequential:
    return nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH), nn.ReLU())


Said = tuple[Tensor, Tensor, Tensor]
"""Boxes (B, T, N, 4), centre and size in fractions, and logits (B, T, N) of face and blink."""


class InstBlink(nn.Module):
    """(B, T, 3, H, W) RGB 0..255, H and W multiples of 32, to what every stage says.

    Each is boxes (B, T, N, 4) as centre and size in fractions, and logits (B, T, N) of face and blink.

    Args:
        detector: whose backbone this one begins with.
        temporal: whether queries look at themselves in other frames.
        dynamic: whether each query makes its own convolutions; otherwise all share one pair.
    """

    def __init__(self, detector: Detector | None = None, temporal: bool = True, dynamic: bool = True) -> None:
        super().__init__()
        self.backbone, self.neck = Backbone(detector or Detector()), Neck()
        self.stages = nn.ModuleList(Stage(temporal, dynamic) for _ in range(STAGES))
        self.start = Start()

    def forward(self, clips: Tensor) -> list[Said]:
        return self.refine(self.maps(clips), *self.start(*clips.shape[:2]))

    def maps(self, clips: Tensor) -> Tensor:
        """What the stages read: (B * T, C, h, w)."""
        return self.neck(self.backbone(clips.flatten(0, 1)))

    def hinted(self, maps: Tensor, boxes: Tensor) -> list[Said]:
        """What the stages say of boxes that stand near people already: (B, T, P, 4), with a query like the others.

        For learning only: it teaches stages to move boxes and to see blinks before the queries find anybody.
        """
        query = self.start.features.mean(0).expand(*boxes.shape[:3], WIDTH)
        return self.refine(maps, boxes, query)

    def refine(self, maps: Tensor, boxes: Tensor, query: Tensor) -> list[Said]:
        """All stages, one after the other."""
        said = []
        for stage in self.stages:
            boxes, query, face, blink = stage(maps, boxes.detach(), query)
            said.append((boxes, face, blink))
        return said


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


def roi_align(maps: Tensor, boxes: Tensor) -> Tensor:
    """(M, C, h, w) under boxes (M, N, 4), centre and size, to (M * N, 49, C): bilinear, one sample a bin."""
    steps = (torch.arange(BINS, device=maps.device) + 0.5) / BINS - 0.5
    x = (boxes[..., 0, None] + boxes[..., 2, None] * steps)[:, :, None, :].expand(-1, -1, BINS, -1)
    y = (boxes[..., 1, None] + boxes[..., 3, None] * steps)[:, :, :, None].expand(-1, -1, -1, BINS)
    grid = 2 * torch.stack([x, y], -1).flatten(2, 3) - 1  # (M, N, 49, 2)
    found = functional.grid_sample(maps, grid, align_corners=False)
    return found.permute(0, 2, 3, 1).flatten(0, 1)


def corners(boxes: Tensor) -> Tensor:
    """(..., 4) centre and size to x0, y0, x1, y1."""
    return torch.cat([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1)


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU, -1..1, of (..., 4) corners (Rezatofighi et al., CVPR 2019)."""
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp_min(0).prod(-1)
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - shared
    return shared / union.clamp_min(1e-9) - (hull - union) / hull.clamp_min(1e-9)


def focal(logit: Tensor, target: Tensor, alpha: float = ALPHA) -> Tensor:
    """Focal loss of each logit (Lin et al., ICCV 2017); ``alpha`` weighs what is there, the rest of 1 what is not."""
    p = logit.sigmoid()
    right = torch.where(target > 0.5, p, 1 - p)
    weight = torch.where(target > 0.5, alpha, 1 - alpha) * (1 - right) ** GAMMA
    return weight * functional.binary_cross_entropy_with_logits(logit, target, reduction="none")


@dataclass(frozen=True, slots=True)
class Target:
    """The people of a clip.

    Attributes:
        boxes: (P, T, 4) corners, fractions; NaN where absent.
        blinking: (P, T) 0 or 1.
    """

    boxes: Tensor
    blinking: Tensor


def match_tubes(boxes: Tensor, face: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    """Queries and the people they are, by the cost of whole tubes.

    Args:
        boxes: (T, N, 4) corners. face: (T, N) logits.
        target: of the same frames.

    Returns:
        Two index tensors of one length: rows of N, rows of P.
    """
    from scipy.optimize import linear_sum_assignment

    there = target.boxes.isfinite().all(-1)  # (P, T)
    true = target.boxes.nan_to_num()[:, None]  # (P, 1, T, 4)
    found = boxes.transpose(0, 1)[None]  # (1, N, T, 4)
    weight = there[:, None] / there.sum(1).clamp_min(1)[:, None, None]
    logit = face.t()[None]
    likely = focal(logit, torch.ones_like(logit)) - focal(logit, torch.zeros_like(logit))
    cost = FACE * likely + DISTANCE * (found - true).abs().sum(-1) - OVERLAP * giou(found, true)
    people, queries = linear_sum_assignment((cost * weight).sum(-1).detach().numpy())
    return torch.from_numpy(queries), torch.from_numpy(people)


def clip_losses(said: list[Said], targets: list[Target], matched: bool = False) -> dict[str, Tensor]:
    """Losses over all stages and clips; blinks count on matched queries where the face is in view.

    Args:
        said: of ``InstBlink``.
        targets: one per clip.
        matched: the first queries are the people, in order, and the others nobody's business: hints, not finds.
    """
    total = {name: torch.zeros(()) for name in ("face", "distance", "overlap", "blink")}
    for boxes, face, blink in said:
        seen = sum(int(t.boxes.isfinite().all(-1).sum()) for t in targets) or 1
        for b, target in enumerate(targets):
            placed = corners(boxes[b])
            if matched:
                queries = people = torch.arange(len(target.boxes))
            else:
                queries, people = match_tubes(placed, face[b], target)
            there = target.boxes[people].isfinite().all(-1).t()  # (T, K)
            wanted = torch.zeros_like(face[b])
            wanted[:, queries] = there.float()
            told = focal(face[b], wanted)
            true = target.boxes[people].transpose(0, 1)[there]
            found = placed[:, queries][there]
            shut = target.blinking[people].t()[there].float()
            total["face"] = total["face"] + FACE * (told[wanted > 0] if matched else told).sum() / seen
            total["distance"] = total["distance"] + DISTANCE * (found - true).abs().sum() / seen
            total["overlap"] = total["overlap"] + OVERLAP * (1 - giou(found, true)).sum() / seen
            total["blink"] = total["blink"] + (
                BLINK * focal(blink[b][:, queries][there], shut, BLINK_ALPHA).sum() / seen
            )
    return total
