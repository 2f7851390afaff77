"""InstBlink's losses: people matched to queries by whole tubes; faces, boxes and blinks of those that are matched.

Source: Zeng et al., "Real-time Multi-person Eyeblink Detection in the Wild for Untrimmed Video", CVPR 2023, and its
released code, whose weights these are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from nasion.train.instblink_net import Said, corners

ALPHA, GAMMA = 0.25, 2.0  # of the focal losses
BLINK_ALPHA = 0.75  # the released code inverts the labels of this loss: blinks weigh more than their absence
FACE, DISTANCE, OVERLAP, BLINK = 2.0, 5.0, 2.0, 5.0  # weights of the losses; the first three also of the matching
ON_FACE = 0.2  # GIoU from which a box lies on the face


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
    """Losses over all stages and clips; blinks count on matched queries whose box lies on a face in view.

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
            total["face"] = total["face"] + FACE * (told[wanted > 0] if matched else told).sum() / seen
            total["distance"] = total["distance"] + DISTANCE * (found - true).abs().sum() / seen
            overlap = giou(found, true)
            total["overlap"] = total["overlap"] + OVERLAP * (1 - overlap).sum() / seen
            if blink is not None:
                on = overlap.detach() > ON_FACE
                shut = target.blinking[people].t()[there][on].float()
                told = focal(blink[b][:, queries][there][on], shut, BLINK_ALPHA)
                total["blink"] = total["blink"] + BLINK * told.sum() / seen
    return total
