"""The landmarker: one aligned crop in, 68 + 478 points with visibility, sigma and a face-presence score out.

A small inverted-residual backbone with a top-down path ends in one heatmap per *anchor*: the 68 iBUG points and 150
of the 478 dense points (lids, irises, lips, brows, nose, face oval, cheeks). Soft-argmax turns heatmaps into
coordinates. The other dense points lie on a smooth surface and are read off the anchors by a linear map (the same for
x and y, so it turns with the head) plus a small residual network that also gives depth. Features pooled under each
heatmap (the local evidence of OccFace, arXiv 2602.10728) say whether a point is visible and how far off it may be.

Sources: Sandler et al., "MobileNetV2", CVPR 2018 (blocks); Sun et al., "Integral Human Pose Regression", ECCV 2018
(soft-argmax); Kendall and Gal, "What Uncertainties Do We Need", NeurIPS 2017 (sigma).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# MediaPipe mesh indices that get a heatmap of their own
LIDS = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LIDS += (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
IRISES = tuple(range(468, 478))
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
LIPS += (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
BROWS = (46, 53, 52, 65, 55, 70, 63, 105, 66, 107, 276, 283, 282, 295, 285, 300, 293, 334, 296, 336)
NOSE = (168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 97, 326, 327, 48, 278, 64, 294, 129, 358)
OVAL = (10, 297, 284, 389, 454, 361, 397, 379, 400, 152, 176, 150, 172, 132, 234, 162, 54, 67)
CHEEKS = (50, 280, 205, 425, 187, 411, 123, 352, 147, 376)
DENSE_ANCHORS = LIDS + IRISES + LIPS + BROWS + NOSE + OVAL + CHEEKS
ANCHORS = 68 + len(DENSE_ANCHORS)
SIZE = 128  # px, side of the crop the network is trained on; any multiple of 32 runs


def conv(cin: int, cout: int, k: int = 1, s: int = 1, groups: int = 1, act: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(cin, cout, k, s, k // 2, groups=groups, bias=False), nn.BatchNorm2d(cout)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if act else nn.Sequential(*layers)


class InvertedResidual(nn.Module):
    def __init__(self, cin: int, cout: int, stride: int = 1, expand: int = 3, k: int = 3) -> None:
        super().__init__()
        mid = cin * expand
        self.body = nn.Sequential(conv(cin, mid), conv(mid, mid, k, stride, groups=mid), conv(mid, cout, act=False))
        self.skip = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.skip else self.body(x)


def stage(cin: int, cout: int, blocks: int, expand: int, k: int = 3) -> nn.Sequential:
    return nn.Sequential(
        InvertedResidual(cin, cout, 2, 4, k), *(InvertedResidual(cout, cout, 1, expand, k) for _ in range(blocks))
    )


class Landmarker(nn.Module):
    """See the module's words.

    Args:
        width: channels of the 32 x 32 stage; the deeper stages have 2, 4 and 6 times as many.
        stride: px of the crop that a cell of the heatmaps covers, 4 or 8.
        depths: how many blocks follow the first one of each stage.

    ``forward`` takes (N, 3, S, S) float in -1..1 and returns a dict: ``logits`` (N, ANCHORS, S/stride, S/stride),
    ``anchors`` (N, ANCHORS, 2) and ``dense`` (N, 478, 3) in crop units (0 is the left or top edge, 1 the right or
    bottom edge), ``visibility`` (N, 546) logits, ``log_sigma`` (N, 546) natural log of crop units, ``presence`` (N,)
    logit.
    """

    def __init__(self, width: int = 32, stride: int = 4, depths: tuple[int, ...] = (2, 4, 4, 2)) -> None:
        super().__init__()
        w = width
        self.stride = stride
        self.stem = conv(3, w // 2, 3, 2)
        self.s4 = stage(w // 2, w, depths[0], 3)
        self.s8 = stage(w, 2 * w, depths[1], 3)
        self.s16 = stage(2 * w, 4 * w, depths[2], 3, k=5)
        self.s32 = stage(4 * w, 6 * w, depths[3], 2)
        f = self.features = 2 * w
        self.top = conv(6 * w, f)
        self.lateral16, self.lateral8 = conv(4 * w, f), conv(2 * w, f)
        self.mix16, self.mix8 = InvertedResidual(f, f, 1, 1), InvertedResidual(f, f, 1, 1)
        if stride == 4:
            self.lateral4 = conv(w, f)
        self.last = nn.Sequential(InvertedResidual(f, f, 1, 2), InvertedResidual(f, f, 1, 2))
        self.heat = nn.Conv2d(f, ANCHORS, 1)
        self.pool = nn.Sequential(conv(6 * w, 6 * w), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        g = 6 * w
        self.presence = nn.Linear(g, 1)
        self.local = nn.Parameter(torch.randn(ANCHORS, 2, f) * 0.02)  # local evidence to (visibility, log sigma)
        self.local_bias = nn.Parameter(torch.tensor([2.0, -4.5]).repeat(ANCHORS, 1))
        self.spread_weight = nn.Parameter(torch.full((ANCHORS,), 0.3))
        self.mesh = nn.Linear(ANCHORS, 478)
        self.residual = nn.Sequential(nn.Linear(g + 2 * ANCHORS, 160), nn.ReLU(), nn.Linear(160, 478 * 3))
        self.dense_trust = nn.Sequential(nn.Linear(2 * ANCHORS + g, 64), nn.ReLU(), nn.Linear(64, 2 * 478))
        nn.init.normal_(self.residual[-1].weight, std=0.002)
        nn.init.zeros_(self.residual[-1].bias)

    @classmethod
    def of(cls, state: dict[str, Tensor]) -> Landmarker:
        """The network that these weights belong to."""
        blocks = {key.split(".body")[0] for key in state if ".body" in key}
        depths = tuple(sum(b.startswith(f"{name}.") for b in blocks) - 1 for name in ("s4", "s8", "s16", "s32"))
        stride = 4 if any(key.startswith("lateral4") for key in state) else 8
        net = cls(2 * len(state["stem.0.weight"]), stride, depths)
        net.load_state_dict(state)
        return net

    def adopt(self, state: dict[str, Tensor]) -> bool:
        """Take over those weights of another one that fit by name and shape; whether all did."""
        own = self.state_dict()
        fit = {key: value for key, value in state.items() if key in own and own[key].shape == value.shape}
        self.load_state_dict(own | fit)
        return fit.keys() == own.keys()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        c4 = self.s4(self.stem(x))
        c8 = self.s8(c4)
        c16 = self.s16(c8)
        c32 = self.s32(c16)
        up = nn.functional.interpolate
        p16 = self.mix16(self.lateral16(c16) + up(self.top(c32), scale_factor=2.0))
        p8 = self.mix8(self.lateral8(c8) + up(p16, scale_factor=2.0))
        fine = self.last(p8 if self.stride == 8 else self.lateral4(c4) + up(p8, scale_factor=2.0))
        logits = self.heat(fine).float()
        n, _, h, w = logits.shape
        p = logits.flatten(2).softmax(-1)
        ys = (torch.arange(h, device=x.device, dtype=torch.float32) + 0.5) / h
        xs = (torch.arange(w, device=x.device, dtype=torch.float32) + 0.5) / w
        grid = torch.stack([xs.repeat(h), ys.repeat_interleave(w)], -1)
        # features, place and squared place under each heatmap in one product
        looked_at = [fine.float().flatten(2).transpose(1, 2), grid.expand(n, -1, -1)]
        moments = p @ torch.cat([*looked_at, grid.square().sum(1, keepdim=True).expand(n, -1, -1)], 2)
        evidence, anchors, square = moments.split([fine.shape[1], 2, 1], 2)
        spread = (square[..., 0] - anchors.square().sum(-1)).clamp_min(1e-7).log() * 0.5  # log of heatmap std
        trust = (evidence[:, :, None] * self.local).sum(-1) + self.local_bias
        sigma_k = trust[..., 1] + self.spread_weight * (spread + 4.0)
        visible_k = trust[..., 0]
        g = self.pool(c32).float()
        flat = (anchors - 0.5).flatten(1)
        xy = self.mesh(anchors.transpose(1, 2)).transpose(1, 2)
        extra = self.residual(torch.cat([g, flat], 1)).view(n, 478, 3)
        dense = torch.cat([xy + extra[..., :2], extra[..., 2:]], -1)
        dense_trust = self.dense_trust(torch.cat([visible_k, sigma_k + 4.5, g], 1)).view(n, 2, 478)
        return {
            "logits": logits,
            "anchors": anchors,
            "dense": dense,
            "visibility": torch.cat([visible_k[:, :68], dense_trust[:, 0] + 2.0], 1),
            "log_sigma": torch.cat([sigma_k[:, :68], dense_trust[:, 1] - 4.5], 1).clamp(-7.0, 0.0),
            "presence": self.presence(g)[:, 0],
        }
