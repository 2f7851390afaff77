"""The networks of DSTA: attention over time for each point alone, over neighbours in the frame, and the flow.

Every point of every frame is a token. What a point says over time and what its neighbours say now are worked out
apart from each other and joined at the end, so that no point's past ever reaches another point.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nasion.core import IntArray, scheme
from nasion.track.refiner import AHEAD, LAYOUT, PAST
from nasion.train.dsta_goal import facing, rings

FRAMES = PAST + 1 + AHEAD
WIDTH, HEADS, BLOCKS = 32, 4, 2  # of a token; attention heads; blocks of each branch
LARGEST = 24  # points in a neighbourhood
FEATURES = 7
MOVED, WORST = 30.0, 0.1  # how much louder movements are than places; the largest sigma, face sizes
PARTS = {
    "dense478": (
        "right_eye", "left_eye", "right_iris", "left_iris", "right_brow", "left_brow", "nose", "outer_lips",
        "inner_lips", "face_oval",
    ),
    "ibug68": ("jaw", "right_brow", "left_brow", "nose", "right_eye", "left_eye", "outer_lips", "inner_lips"),
}  # fmt: skip


def neighbourhoods() -> list[IntArray]:
    """Points of ``LAYOUT`` in groups of at most ``LARGEST``: the named parts, and pieces of the skin between them.

    Every point is in exactly one group; no group mixes the two layouts.
    """
    import numpy as np

    out: list[IntArray] = []
    first = 0
    for name in LAYOUT:
        layout = scheme(name)
        assert layout.template is not None, "both layouts have a mean face"
        left = set(range(len(layout)))
        pieces = []
        for part in PARTS[name]:
            pieces.append(np.array([i for i in layout.index(part) if i in left]))
            left -= set(layout.index(part))
        if left:
            pieces.append(np.array(sorted(left)))
        while pieces:
            piece = pieces.pop(0)
            if len(piece) <= LARGEST:
                out.append(piece + first)
                continue
            place = layout.template[piece]
            order = piece[np.argsort(place[:, int(np.ptp(place, axis=0).argmax())], kind="stable")]
            pieces += [order[: len(order) // 2], order[len(order) // 2 :]]
        first += len(layout)
    return out


class Attention(nn.Module):
    """Pre-norm attention along the second last axis of (..., L, C), then a small perceptron.

    Scores are sums of products instead of a matrix product: for a handful of tokens that is several times as quick.
    """

    def __init__(self, width: int = WIDTH, heads: int = HEADS):
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.both, self.out = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, seen: Tensor, only: int | None = None) -> Tensor:
        """Tokens (M, L, C) with ``seen`` (M, L), 0 where a token must not be looked at; ``only`` one row, if given."""
        normed = self.before(x)
        rows = x if only is None else x[:, only : only + 1]
        asks = self.query(normed if only is None else normed[:, only : only + 1])
        keys, values = self.both(normed).chunk(2, -1)
        asks, keys, values = (t.unflatten(-1, (self.heads, -1)) for t in (asks, keys, values))
        scores = (asks[:, :, None] * keys[:, None]).sum(-1) / math.sqrt(keys.shape[-1])  # (M, Q, L, H)
        scores = scores - 1e4 * (1 - seen[:, None, :, None])
        mixed = (torch.softmax(scores, 2)[..., None] * values[:, None]).sum(2).flatten(-2)
        rows = rows + self.out(mixed)
        return rows + self.mlp(self.after(rows))


class Neighbours(nn.Module):
    """Pre-norm attention inside groups of many points, by matrix products."""

    def __init__(self, width: int = WIDTH, heads: int = HEADS):
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.all, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """Tokens (B, G, K, C) with ``there`` (G, K), 0 for the padding of small groups."""
        asks, keys, values = (
            t.unflatten(-1, (self.heads, -1)).transpose(-2, -3) for t in self.all(self.before(x)).chunk(3, -1)
        )
        scores = asks @ keys.transpose(-1, -2) / math.sqrt(keys.shape[-1]) - 1e4 * (1 - there[:, None, None, :])
        x = x + self.out((torch.softmax(scores, -1) @ values).transpose(-2, -3).flatten(-2))
        return x + self.mlp(self.after(x))


class Dsta(nn.Module):
    """Windows of T frames of N points to where the middle frame's points are, and how sure.

    Positions are in face sizes around the middle frame's face throughout; see ``in_face_sizes``.

    Args:
        spatial, temporal: whether the branch exists.
    """

    def __init__(self, spatial: bool = True, temporal: bool = True):
        super().__init__()
        self.spatial, self.temporal = spatial, temporal
        groups = neighbourhoods()
        count, widest = sum(map(len, groups)), max(map(len, groups))
        table, there, back = (
            torch.zeros(len(groups), widest, dtype=torch.long),
            torch.zeros(len(groups), widest),
            [0] * count,
        )
        for row, group in enumerate(groups):
            table[row, : len(group)], there[row, : len(group)] = torch.from_numpy(group), 1
            for column, point in enumerate(group):
                back[int(point)] = row * widest + column
        lively = set(torch.cat([torch.from_numpy(ring) for ring in rings()]).tolist())
        chosen = [row for row, group in enumerate(groups) if lively & set(group.tolist())]
        pairs = torch.cat([torch.from_numpy(facing(ring)) for ring in rings()])
        self.register_buffer("own", (torch.arange(FRAMES) == PAST).float(), persistent=False)
        self.register_buffer("lively", torch.tensor(chosen), persistent=False)
        self.register_buffer("facing", pairs, persistent=False)
        self.register_buffer("table", table)
        self.register_buffer("there", there)
        self.register_buffer("back", torch.tensor(back))
        self.enter, self.enter_now = nn.Linear(FEATURES, WIDTH), nn.Linear(FEATURES, WIDTH)
        self.who = nn.Parameter(0.02 * torch.randn(count, WIDTH))
        self.who_now = nn.Parameter(0.02 * torch.randn(count, WIDTH))
        self.when = nn.Parameter(0.02 * torch.randn(FRAMES, WIDTH))
        self.over_time = nn.ModuleList(Attention() for _ in range(BLOCKS))
        self.nearby = nn.ModuleList(Neighbours() for _ in range(BLOCKS))
        self.share = nn.Parameter(torch.tensor([1.0, 1.0]))  # the 1x1 convolution from two tokens to one
        self.place = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, FRAMES + 2))
        self.spread = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 1))
        for part in (self.place[1], self.spread[1]):  # to begin with every point stays where it was placed
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)
        nn.init.constant_(self.spread[1].bias, -3.0)

    def forward(self, points: Tensor, told: Tensor, seen: Tensor, only: Tensor | None = None) -> tuple[Tensor, ...]:
        """Refine.

        Args:
            points: (B, T, N, 2) face sizes.
            told: (B, T, N, 3) sigma's logarithm, visibility, time: what else is said of each.
            seen: (B, T) 1 where there is a frame.
            only: (G',) groups to work on; None for all. Training takes a few at a time: groups do not see each other.

        Returns:
            points (B, N, 2), sigma (B, N) and weights (B, N, T) of the frames, which sum to 1; with ``only`` of
            (B, G' K) points in the order of ``chosen``.
        """
        if only is not None:
            index = self.chosen(only)
            points, told = points[:, :, index], told[:, :, index]
        now = points[:, PAST : PAST + 1]
        features = torch.cat([MOVED * (points - now), now.expand_as(points), told], -1)
        joined = self.share[0] * self._over_time(features, seen, only) if self.temporal else 0.0
        if self.spatial:
            joined = joined + self.share[1] * self._nearby(features[:, PAST], only)
        answer = self.place(joined)
        extra = answer[..., :FRAMES] * seen[:, None]
        weights = extra + self.own * (1 - extra.sum(-1, keepdim=True))
        at = (weights[..., None] * points.transpose(1, 2)).sum(2) + WORST * answer[..., FRAMES:]
        return at, WORST * torch.sigmoid(self.spread(joined)[..., 0]) + 1e-5, weights

    def chosen(self, only: Tensor) -> Tensor:
        """(G' K,) the points of some groups; small groups repeat their first point to fill up."""
        return self.table[only].flatten()

    def facing_in(self, only: Tensor) -> tuple[Tensor, Tensor]:
        """The pairs of ``dsta_goal.facing`` in some groups, as rows of ``chosen``; no group cuts a pair."""
        index, real = self.chosen(only), self.there[only].flatten() > 0
        row = torch.full((len(self.back),), -1)
        row[index[real]] = torch.arange(len(index))[real]
        one, other = row[self.facing].T
        return one[one >= 0], other[one >= 0]

    def _over_time(self, features: Tensor, seen: Tensor, only: Tensor | None) -> Tensor:
        """(B, N, C): each point's own tokens over time; no other point's."""
        batch, count = features.shape[0], features.shape[2]
        who = self.who if only is None else self.who[self.chosen(only)]
        x = (self.enter(features) + self.when[:, None] + who).transpose(1, 2).flatten(0, 1)
        look = seen[:, None].expand(-1, count, -1).flatten(0, 1)
        for block in self.over_time[:-1]:
            x = block(x, look)
        return self.over_time[-1](x, look, only=PAST).reshape(batch, count, -1)

    def _nearby(self, now: Tensor, only: Tensor | None) -> Tensor:
        """(B, N, C): the middle frame's points among their neighbours."""
        who, there = self.who_now, self.there
        if only is not None:
            who, there = who[self.chosen(only)], there[only]
        x = self.enter_now(now) + who
        grouped = x.unflatten(1, there.shape) if only is not None else x[:, self.table]
        for block in self.nearby:
            grouped = block(grouped, there)
        flat = grouped.flatten(1, 2)
        return flat if only is not None else flat[:, self.back]


class Flow(nn.Module):
    """RealNVP in the plane: how errors over sigma are spread, beyond a normal distribution. Only for training."""

    def __init__(self, layers: int = 6, width: int = 32):
        super().__init__()

        def net(bounded: bool) -> nn.Sequential:
            parts = [nn.Linear(2, width), nn.LeakyReLU(), nn.Linear(width, width), nn.LeakyReLU(), nn.Linear(width, 2)]
            return nn.Sequential(*parts, *([nn.Tanh()] if bounded else []))

        self.scale = nn.ModuleList(net(True) for _ in range(layers))
        self.shift = nn.ModuleList(net(False) for _ in range(layers))
        self.register_buffer("masks", torch.tensor([[0.0, 1.0], [1.0, 0.0]] * (layers // 2)))

    def forward(self, x: Tensor) -> Tensor:
        """(M, 2) to (M,) log density."""
        log_det = torch.zeros_like(x[:, 0])
        for mask, scale, shift in zip(self.masks, self.scale, self.shift, strict=True):
            kept = mask * x
            s, t = scale(kept) * (1 - mask), shift(kept) * (1 - mask)
            x = (1 - mask) * (x - t) * torch.exp(-s) + kept
            log_det = log_det - s.sum(1)
        return -0.5 * (x**2).sum(1) - math.log(2 * math.pi) + log_det


def rle(flow: Flow, points: Tensor, sigma: Tensor, truth: Tensor) -> Tensor:
    """Residual log-likelihood loss of each point: a Laplace density corrected by the flow.

    Source: Li et al., "Human Pose Regression with Residual Log-likelihood Estimation", ICCV 2021.

    Args:
        flow: of errors over sigma.
        points, truth: (..., 2); sigma: (...). Lengths in one unit.
    """
    off = (points - truth) / sigma[..., None]
    shaped = flow(off.reshape(-1, 2)).reshape(sigma.shape)
    laplace = 2 * torch.log(sigma * math.sqrt(2 * math.pi)) + (off.abs() / math.sqrt(2)).sum(-1)
    return 2 * torch.log(sigma) - shaped + laplace


def in_face_sizes(points: Tensor, sigma: Tensor, visibility: Tensor, time: Tensor) -> tuple[Tensor, ...]:
    """Px to face sizes, the root of the area of the middle frame's box of points, around its middle.

    Returns:
        points (B, T, N, 2), told (B, T, N, 3), middle (B, 1, 2) px and size (B, 1, 1) px. One box serves the window.
    """
    now = points[:, PAST]
    low, high = now.amin(1, keepdim=True), now.amax(1, keepdim=True)
    middle, size = (low + high) / 2, ((high - low).prod(-1, keepdim=True)).sqrt().clamp_min(1.0)
    unsure = torch.log(sigma / size + 1e-4) + 4.5
    when = (10 * time)[:, :, None].expand_as(sigma)
    told = torch.stack([unsure, visibility, when], -1)
    return (points - middle[:, None]) / size[:, None], told, middle, size


class Contract(nn.Module):
    """The exported graph: px in, px out; the flow stays behind."""

    def __init__(self, net: Dsta):
        super().__init__()
        self.net = net

    def forward(
        self, points: Tensor, sigma: Tensor, visibility: Tensor, time: Tensor, seen: Tensor
    ) -> tuple[Tensor, ...]:
        """Points (B, N, 2) px, sigma (B, N) px, weights (B, N, T)."""
        places, told, middle, size = in_face_sizes(points, sigma, visibility, time)
        at, spread, weights = self.net(places, told, seen)
        return at * size + middle, spread * size[..., 0], weights
