"""What the landmarker is trained to get right."""

from __future__ import annotations

import torch
from torch import Tensor

from training.landmarker.faces import TAUGHT
from training.nets.landmarker import DENSE_ANCHORS, IRISES, LIDS

HEATMAP_STD = {4: 1.2, 8: 0.9}  # cells, by the px that a cell covers
EYES = 2.0  # loudness of the lids and irises: a blink moves a lid by 4 % of the face, everything about eyes hangs on it
_LOUD_ANCHORS = torch.ones(68 + len(DENSE_ANCHORS))
_LOUD_ANCHORS[36:48] = EYES
_LOUD_ANCHORS[68 : 68 + len(LIDS + IRISES)] = EYES
_LOUD_DENSE = torch.ones(478)
_LOUD_DENSE[list(LIDS + IRISES)] = EYES


def losses(out: dict[str, Tensor], batch: dict[str, Tensor], readout: Tensor | None) -> dict[str, Tensor]:
    """Each term of the loss, already weighted.

    Args:
        out: the network's answers. batch: as ``Faces.batch`` gives it.
        readout: (2 * 546 + 1, 136) the map of ``readout.fit``, once there is one worth learning through. It stays as it
            is: the labels of the 68 points, by hand or `taught`, teach every point that the map reads.
    """
    anchors = torch.cat([batch["ibug"], batch["dense"][:, list(DENSE_ANCHORS), :2]], 1)
    w68 = batch["w68"].clone()
    # pseudo labels of the jaw line are the least sure: the teacher's oval is a 3-D contour, iBUG's the visible one
    w68[:, :17] *= torch.where(w68[:, :17] >= TAUGHT, 1.0, 0.3)
    weight = torch.cat([w68, batch["wd"][:, None].expand(-1, len(DENSE_ANCHORS))], 1)
    inside = ((anchors > 0.0) & (anchors < 1.0)).all(-1).float()
    weight = weight * inside * _LOUD_ANCHORS
    total = weight.sum().clamp_min(1)

    logits = out["logits"]
    h, w = logits.shape[2:]
    cells, wide = (torch.arange(h) + 0.5) / h, HEATMAP_STD[batch["image"].shape[2] // h]
    gx = torch.exp(-0.5 * ((cells - anchors[..., :1]) * w / wide) ** 2)
    gy = torch.exp(-0.5 * ((cells - anchors[..., 1:]) * h / wide) ** 2)
    gx, gy = gx / gx.sum(-1, keepdim=True).clamp_min(1e-6), gy / gy.sum(-1, keepdim=True).clamp_min(1e-6)
    expected = torch.einsum("nkh,nkhw,nkw->nk", gy, logits, gx)
    cross = torch.logsumexp(logits.flatten(2), -1) - expected
    heat = (cross * weight).sum() / total

    off = out["anchors"] - anchors
    # L1 with a logarithmic core: half a crop pixel matters as much as the tenth one (wing loss, CVPR 2018)
    wing = torch.log1p(off.abs() / 0.004).sum(-1)
    place = (wing * weight).sum() / total

    read = torch.zeros(())
    if readout is not None:
        placed = torch.cat([out["anchors"][:, :68], out["dense"][..., :2]], 1).flatten(1) - 0.5
        read_off = (placed @ readout[:-1] + readout[-1] + 0.5).unflatten(1, (68, 2)) - batch["ibug"]
        sure = (batch["w68"] >= TAUGHT).float() * inside[:, :68]
        read = (torch.log1p(read_off.abs() / 0.004).sum(-1) * sure).sum() / sure.sum().clamp_min(1)

    dense_off = out["dense"] - batch["dense"]
    wd = batch["wd"][:, None]
    mesh = (torch.log1p(dense_off.abs() / 0.006).sum(-1) * wd * _LOUD_DENSE).sum()
    mesh = mesh / (wd.sum().clamp_min(1) * _LOUD_DENSE.sum())

    # sigma by the Gaussian likelihood of the frozen error; the gradient may not move the points
    err2 = torch.cat([off[:, :68], dense_off[..., :2]], 1).detach().square().mean(-1)
    ws = torch.cat([(batch["w68"] == 1).float(), wd.expand(-1, 478)], 1)
    nll = (out["log_sigma"] + 0.5 * (err2 + 1e-7) * torch.exp(-2 * out["log_sigma"])).clamp(max=10)
    sigma = (nll * ws).sum() / ws.sum().clamp_min(1)

    seen = torch.nn.functional.binary_cross_entropy_with_logits(out["visibility"], batch["visible"], reduction="none")
    wv = batch["wd"][:, None]
    vis = (seen * wv).sum() / (wv.sum().clamp_min(1) * 546)
    presence = torch.nn.functional.binary_cross_entropy_with_logits(out["presence"], batch["face"])
    return {
        "heat": 0.5 * heat, "place": 1.0 * place, "mesh": 1.0 * mesh, "sigma": 0.1 * sigma, "vis": 2.0 * vis,
        "presence": 0.3 * presence, "read": 0.5 * read,
    }  # fmt: skip
