"""Gaussian heatmaps: as targets, read off, and the adaptive wing loss between maps.

Source: Wang, Bo and Fuxin, "Adaptive Wing Loss for Robust Face Alignment via Heatmap Regression", ICCV 2019.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

OMEGA, THETA, EPSILON, ALPHA = 14.0, 0.5, 1.0, 2.1
NEAR, EXTRA = 0.2, 10.0  # pixels next to a target of at least 0.2 weigh 11 times as much


def gaussians(points: Tensor, size: int, sigma: float) -> Tensor:
    """Target maps with a peak of 1.

    Args:
        points: (B, K, 2) x and y, 0..1 of the picture from its left and top edge; NaN where unknown.
        size: side of the maps, px.
        sigma: px of the map.

    Returns:
        (B, K, size, size); zero everywhere for unknown points.
    """
    grid = torch.arange(size, device=points.device, dtype=points.dtype)
    away = grid - (points[..., None] * size - 0.5)  # (B, K, 2, size)
    x, y = torch.exp(-away.square() / (2 * sigma**2)).nan_to_num(nan=0.0).unbind(2)
    return y[..., :, None] * x[..., None, :]


def adaptive_wing(found: Tensor, target: Tensor) -> Tensor:
    """The weighted adaptive wing loss of each map: (B, K, h, w) twice to (B, K), the mean over its pixels."""
    power = ALPHA - target
    away = (found - target).abs()
    ratio = (THETA / EPSILON) ** power
    slope = OMEGA * power * ratio / THETA / (1 + ratio)
    offset = THETA * slope - OMEGA * torch.log1p(ratio)
    # the curve's own power is only taken of what lies on it: it grows without bound where the other branch is used
    bent = OMEGA * torch.log1p((away.clamp(1e-6, THETA) / EPSILON) ** power)
    loss = torch.where(away < THETA, bent, slope * away - offset)
    near = functional.max_pool2d(target, 3, 1, 1) >= NEAR
    return (loss * (1 + EXTRA * near)).mean((2, 3))


def peaks(heatmaps: Tensor, reach: int = 2) -> Tensor:
    """Where heatmaps are highest, between pixels.

    Args:
        heatmaps: (B, K, h, w).
        reach: the answer is the mean place of the positive values within so many pixels of the highest one: the
            highest pixel alone is off by up to half a pixel, which is 1.5 % of a 64 px face.

    Returns:
        (B, K, 2) x and y, 0..1 of the picture from its left and top edge.
    """
    height, width = heatmaps.shape[2:]
    flat = heatmaps.flatten(2)
    highest = flat.argmax(2)
    rows = torch.arange(height, device=heatmaps.device).repeat_interleave(width)
    columns = torch.arange(width, device=heatmaps.device).repeat(height)
    top, left = (highest // width)[..., None], (highest % width)[..., None]
    near = ((rows - top).abs() <= reach) & ((columns - left).abs() <= reach)
    weight = flat.clamp_min(0) * near + 1e-9 * ((rows == top) & (columns == left))
    weight = weight / weight.sum(2, keepdim=True)
    return torch.stack([((weight * columns).sum(2) + 0.5) / width, ((weight * rows).sum(2) + 0.5) / height], 2)
