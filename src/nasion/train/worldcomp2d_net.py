"""The three networks of WorldComp2D, its glimpses and its losses.

Points are (x, y) crop units here; the networks see them as 2 px / 255 - 1 of a 256 px crop, as in the paper.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # its name everywhere
from torch import Tensor, nn

from nasion.core import FloatArray
from nasion.train.recipe import Batch

PAPER_SIDE = 256  # px of the crop that all lengths below belong to
GLIMPSE, WIDE = 27, 109  # px: sides of the two windows; both become 27 cells
REACH = 53.0  # px: a landmark this far in x and y is still in the wide window
EDGE, MIDDLE, FAR = 64, 128, 192  # px: rows and columns of the nine fixations
JITTER = 5  # px
TEMPERATURE, FALL = 0.05, 0.025  # of the contrastive loss; weights fall by e every 40 px
HEAT_SPREAD = 1.5  # px
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GREY_MEAN, GREY_STD, GREY_PADDING = 0.4637, 0.2591, 3.0
FREE_MOVE = {29: 2.0}  # px that AuxLoc may move a point, by number of points; else 1


def conv(c_in: int, c_out: int, stride: int) -> nn.Sequential:
    """3x3 convolution, batch normalisation, ReLU."""
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True))


class ProximityEncoder(nn.Sequential):
    """PdEnc: (N, 2c, 27, 27) glimpses to (N, 256) on the unit sphere; 1,091,520 parameters for grey (c = 1)."""

    def __init__(self, channels: int):
        super().__init__(
            conv(2 * channels, 32, 2), conv(32, 32, 1), conv(32, 64, 2), conv(64, 64, 1), conv(64, 128, 2),
            conv(128, 256, 2), nn.Flatten(), nn.Linear(1024, 512, bias=False), nn.BatchNorm1d(512),
            nn.ReLU(inplace=True), nn.Linear(512, 256),
        )  # fmt: skip

    def forward(self, glimpses: Tensor) -> Tensor:
        """Embeddings of length 1."""
        return F.normalize(super().forward(glimpses), dim=-1)


class Locator(nn.Sequential):
    """Loc: nine embeddings and their places (N, 9 * 258) to offsets (N, K, 2); 1,482,810 parameters for 29 points."""

    def __init__(self, points: int):
        super().__init__(
            nn.Linear(9 * 258, 512, bias=False), nn.BatchNorm1d(512), nn.ReLU(inplace=True),
            nn.Linear(512, 512, bias=False), nn.BatchNorm1d(512), nn.ReLU(inplace=True), nn.Linear(512, 2 * points),
        )  # fmt: skip
        nn.init.zeros_(self[-1].weight)  # untrained it says the mean face, and learns from there
        nn.init.zeros_(self[-1].bias)

    def forward(self, seen: Tensor) -> Tensor:
        """Offsets from the mean face, normalised coordinates."""
        return super().forward(seen).tanh().unflatten(-1, (-1, 2))


class _Mixer(nn.Module):
    """Depthwise 3x3, pointwise 1x1, group normalisation, SiLU, added to what came in."""

    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, groups=width), nn.Conv2d(width, width, 1), nn.GroupNorm(6, width),
            nn.SiLU(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Refiner(nn.Sequential):
    """AuxLoc: (N, c + 1, 27, 27), the glimpse and a plane that says which point, to heatmaps (N, 27, 27); 4 K."""

    def __init__(self, channels: int, width: int = 24):
        super().__init__(
            nn.Conv2d(channels + 1, width, 3, padding=1), nn.GroupNorm(6, width), nn.SiLU(),
            *(_Mixer(width) for _ in range(4)), nn.Conv2d(width, 1, 1),
        )  # fmt: skip

    def forward(self, patches: Tensor) -> Tensor:
        """Heatmaps."""
        return super().forward(patches)[:, 0]


class WorldComp2DNet(nn.Module):
    """All three.

    Args:
        prior: (K, 2) crop units, the mean face.
        channels: 3 for RGB, 1 for grey.
    """

    def __init__(self, prior: FloatArray, channels: int = 3):
        super().__init__()
        self.encoder, self.locator, self.refiner = (
            ProximityEncoder(channels), Locator(len(prior)), Refiner(channels)
        )  # fmt: skip
        line = torch.tensor([EDGE, MIDDLE, FAR], dtype=torch.float32)
        grid = torch.stack([line.repeat(3), line.repeat_interleave(3)], -1)
        mean, std = (IMAGENET_MEAN, IMAGENET_STD) if channels == 3 else ((GREY_MEAN,), (GREY_STD,))
        self.padding = 0.0 if channels == 3 else GREY_PADDING
        self.free = FREE_MOVE.get(len(prior), 1.0)
        for name, value in (
            ("prior", torch.as_tensor(prior, dtype=torch.float32)), ("fixations", (grid + 0.5) / PAPER_SIDE),
            ("mean", torch.tensor(mean)[:, None, None]), ("std", torch.tensor(std)[:, None, None]),
        ):  # fmt: skip
            self.register_buffer(name, value)

    def normalise(self, images: Tensor) -> Tensor:
        """From -1..1 to the paper's mean and standard deviation; grey is the mean of the channels."""
        images = (images + 1) / 2
        if self.mean.shape[0] == 1:
            images = images.mean(1, keepdim=True)
        return (images - self.mean) / self.std

    def glimpse(self, images: Tensor, at: Tensor, side: int) -> Tensor:
        """Windows of ``side`` px (of 256) around ``at`` (N, G, 2), as (N, G, c, 27, 27)."""
        rows, columns = (_windows(at[..., axis], images.shape[-1], side) for axis in (1, 0))
        seen = rows[:, :, None] @ images[:, None] @ columns[:, :, None].transpose(-1, -2)
        if not self.padding:
            return seen
        inside = rows.sum(-1)[:, :, :, None] * columns.sum(-1)[:, :, None]
        return seen + self.padding * (1 - inside[:, :, None])

    def embed(self, images: Tensor, at: Tensor) -> Tensor:
        """Embeddings (N, G, 256) of glimpses of normalised images at points (N, G, 2)."""
        both = torch.cat([self.glimpse(images, at, GLIMPSE), self.glimpse(images, at, WIDE)], 2)
        return self.encoder(both.flatten(0, 1)).unflatten(0, (-1, at.shape[1]))

    def locate(self, images: Tensor, jitter: Tensor | None = None) -> Tensor:
        """(N, K, 2) crop units, before refinement; ``jitter`` (N, 9, 2) moves the fixations of this call only."""
        at = self.fixations + 0 * images[:, :1, 0, :1]  # an expand would fix the number of faces in the export
        if jitter is not None:
            at = at + jitter
        seen = torch.cat([self.embed(images, at), normalised(at)], -1)
        return self.prior + 0.5 * 255 / PAPER_SIDE * self.locator(seen.flatten(1))

    def heat(self, images: Tensor, at: Tensor, which: Tensor) -> Tensor:
        """AuxLoc's heatmaps (N, G, 27, 27) around ``at`` (N, G, 2) for point numbers ``which`` (N or 1, G)."""
        patches = self.glimpse(images, at, GLIMPSE)
        label = 2 * which.to(patches.dtype) / (len(self.prior) - 1) - 1
        plane = label[:, :, None, None, None] + 0 * patches[:, :, :1]
        return self.refiner(torch.cat([patches, plane], 2).flatten(0, 1)).unflatten(0, (-1, at.shape[1]))

    def forward(self, images: Tensor) -> Tensor:
        """(N, K, 2) crop units."""
        images = self.normalise(images)
        at = whole_pixels(self.locate(images))
        which = torch.arange(len(self.prior), device=images.device)[None]
        best = self.heat(images, at, which).flatten(2).argmax(-1)
        move = torch.stack([best % GLIMPSE, torch.div(best, GLIMPSE, rounding_mode="floor")], -1) - GLIMPSE // 2
        return at + move.to(at.dtype).clamp(-self.free, self.free) / PAPER_SIDE


def normalised(at: Tensor) -> Tensor:
    """Crop units to 2 px / 255 - 1 of a 256 px crop."""
    return 2 * (at * PAPER_SIDE - 0.5) / (PAPER_SIDE - 1) - 1


def whole_pixels(at: Tensor) -> Tensor:
    """Crop units to those of the nearest pixel centre of a 256 px crop."""
    return ((at * PAPER_SIDE - 0.5).round() + 0.5) / PAPER_SIDE


def _windows(centre: Tensor, size: int, side: int) -> Tensor:
    """(N, G, 27, size) weights that resample one axis of an image to a window's 27 cells.

    A triangle over each cell, as antialiased bilinear resizing has it: for a window of 27 px around a pixel's centre
    this copies pixels. A cell's weights sum to 1 over the plane; what falls beyond the image is cut off.
    """
    cell = side / GLIMPSE * size / PAPER_SIDE  # image px
    cells = (torch.arange(GLIMPSE, device=centre.device) - GLIMPSE // 2) * cell
    middles = centre[..., None] * size - 0.5 + cells
    beyond = size // 2  # wider than half of any window
    pixels = torch.arange(-beyond, size + beyond, device=centre.device)
    weight = (1 - (middles[..., None] - pixels).abs() / max(cell, 1.0)).clamp_min(0)
    weight = weight / weight.sum(-1, keepdim=True).clamp_min(1e-6)
    return weight[..., beyond : beyond + size]


def proximity_loss(model: WorldComp2DNet, batch: Batch, *, weighted: bool) -> Tensor:
    """The proximity-weighted contrastive loss of the encoder.

    Each face is looked at twice: at a random landmark of its own, and at a random place. An anchor's landmark is looked
    for in every other glimpse; those whose wide window holds it are its positives, the nearer the heavier.
    """
    images, count = model.normalise(batch.images), len(batch.images)
    usable = batch.known + 1e-6  # a face without labels is still looked at, and is nobody's anchor
    kind = torch.multinomial(usable, 1)[:, 0]
    rows = torch.arange(count)
    landmark = batch.points[rows, kind]
    at = torch.stack([landmark, torch.rand_like(landmark)], 1)
    z = model.embed(images, at).transpose(0, 1).flatten(0, 1)  # anchors first, then the random places
    where = batch.points[:, kind].transpose(0, 1).repeat(1, 2, 1)  # (anchor, glimpse): the anchor's landmark there
    known = batch.known[:, kind].T.repeat(1, 2) * batch.known[rows, kind][:, None]
    apart = (where - at.transpose(0, 1).flatten(0, 1)).mul(PAPER_SIDE)
    weight = 1 + torch.exp(-FALL * apart.norm(dim=-1)) if weighted else torch.ones(apart.shape[:2])
    itself = torch.cat([torch.eye(count, dtype=torch.bool), torch.zeros(count, count, dtype=torch.bool)], 1)
    weight = weight * (apart.abs().amax(-1) <= REACH) * known * ~itself
    alike = (z[:count] @ z.T / TEMPERATURE).masked_fill(itself, -torch.inf)
    chance = alike.log_softmax(-1).masked_fill(itself, 0)
    positives = (weight > 0).sum(-1)
    each = -(weight * chance).sum(-1) / positives.clamp_min(1)
    return each.sum() / (positives > 0).sum().clamp_min(1)


def locator_loss(model: WorldComp2DNet, batch: Batch) -> Tensor:
    """Mean squared error of the normalised coordinates; the fixations of each face are jittered, on a copy."""
    shape = (len(batch.images), 9, 2)
    jitter = torch.randint(-JITTER, JITTER + 1, shape).to(batch.images.dtype) / PAPER_SIDE
    found = model.locate(model.normalise(batch.images), jitter)
    wrong = (normalised(found) - normalised(batch.points)).square().mean(-1)
    return (wrong * batch.known).sum() / batch.known.sum().clamp_min(1)


def refiner_loss(model: WorldComp2DNet, batch: Batch, each: int) -> Tensor:
    """Mean squared error to a Gaussian at the truth, for ``each`` random points a face that lie in their patch."""
    images = model.normalise(batch.images)
    which = torch.rand(batch.known.shape).topk(min(each, batch.known.shape[1])).indices
    with torch.no_grad():
        found = torch.gather(model.locate(images), 1, which[..., None].expand(-1, -1, 2))
    jitter = torch.randint(-JITTER, JITTER + 1, found.shape).to(found.dtype) / PAPER_SIDE
    at = whole_pixels(found + jitter)
    truth = torch.gather(batch.points, 1, which[..., None].expand(-1, -1, 2))
    off = (truth - at) * PAPER_SIDE
    inside = (off.abs().amax(-1) <= GLIMPSE / 2) * torch.gather(batch.known, 1, which)
    cells = torch.arange(GLIMPSE, dtype=off.dtype) - GLIMPSE // 2
    x, y = (torch.exp(-((cells - off[..., k, None]) ** 2) / (2 * HEAT_SPREAD**2)) for k in (0, 1))
    wrong = (model.heat(images, at, which) - y[..., :, None] * x[..., None, :]).square().mean((-1, -2))
    return (wrong * inside).sum() / inside.sum().clamp_min(1)
