"""WorldComp2D: landmarks from nine small glimpses of a face crop, in an embedding where nearness means nearness.

Source: "WorldComp2D: Spatio-semantic Representations of Object Identity and Location from Local Views"
(arXiv 2605.11743, ICML 2026), from the description of the method; no code of the authors is used.

Three stages, each frozen before the next. The encoder (PdEnc) learns embeddings of glimpses that come closer the nearer
two glimpses look at the same landmark. The locator (Loc) reads all points off nine embeddings, as offsets from the mean
face. A tiny refiner (AuxLoc) looks once more at each point and moves it by a pixel at most.

Lengths are in px of a 256 px crop, the paper's, and scale with the crop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nasion.core import FloatArray
from nasion.train.data import LandmarkSet, mean_points
from nasion.train.recipe import Batch, Progress, Stage

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nasion.train.worldcomp2d_net import WorldComp2DNet

REFINED = 8  # points of each face that AuxLoc practises on in one step


class WorldComp2D:
    """The recipe.

    Args:
        weighted: whether the contrastive loss weighs by proximity; False is the paper's ablation with all weights 1.
    """

    name = "worldcomp2d"
    size, strength = 64, 0.5
    # the paper trains 2000, 1000 and 1000 epochs
    stages = (
        Stage("encoder", 0.50, 2e-3, ("encoder",), 128, 0.0),
        Stage("locator", 0.45, 3e-3, ("locator",), 50, 0.0),
        Stage("refiner", 0.05, 2e-3, ("refiner",), 16, 0.0),
    )

    def __init__(self, weighted: bool = True) -> None:
        self.weighted = weighted
        self._prior: FloatArray | None = None

    def prepare(self, data: LandmarkSet) -> None:
        """Take the mean face that the locator's offsets are added to."""
        self._prior = mean_points(data)

    def build(self, points: int, size: int) -> nn.Module:
        """The network; without ``prepare`` the mean face is the middle of the crop."""
        from nasion.train.worldcomp2d_net import WorldComp2DNet

        prior = np.full((points, 2), 0.5) if self._prior is None else self._prior
        return WorldComp2DNet(prior, channels=3)

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """The loss of the stage that is on."""
        from nasion.train import worldcomp2d_net as net

        if step.stage == "encoder":
            return {"contrast": net.proximity_loss(model, batch, weighted=self.weighted)}
        if step.stage == "locator":
            return {"offsets": net.locator_loss(model, batch)}
        return {"heatmaps": net.refiner_loss(model, batch, REFINED)}

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """Located, then refined."""
        return model(images)


def latent_profile(
    model: WorldComp2DNet, data: LandmarkSet, *, offsets: int = 10, per_face: int = 4, seed: int = 0
) -> dict[str, float]:
    """What the embedding knows about nearness, measured on faces.

    Args:
        model: trained at least through the stage ``encoder``.
        data: faces, not those of the training.
        offsets: how many distances from a landmark, evenly up to 54 px of 256.
        per_face: landmarks looked at in each face, drawn at random.
        seed: of the draw.

    Returns:
        ``spearman``: rank correlation of the distance in px with the mean distance in the embedding from the landmark's
        class centre, over the offsets. ``spearman_each``: the same over single glimpses. ``ratio``: mean distance
        between glimpses at different landmarks over that between glimpses at the same landmark of different faces.
    """
    from scipy.stats import spearmanr

    radii, found, ratio = latent_distances(model, data, offsets=offsets, per_face=per_face, seed=seed)
    return {
        "spearman": float(spearmanr(radii, found.mean(1)).statistic),
        "spearman_each": float(spearmanr(np.repeat(radii, found.shape[1]), found.ravel()).statistic),
        "ratio": ratio,
    }


def latent_distances(
    model: WorldComp2DNet, data: LandmarkSet, *, offsets: int = 10, per_face: int = 4, seed: int = 0
) -> tuple[FloatArray, FloatArray, float]:
    """What ``latent_profile`` is made of: offsets px of 256 (O,), distances in the embedding (O, N), and the ratio."""
    import torch

    from nasion.train.score import to_input
    from nasion.train.worldcomp2d_net import PAPER_SIDE, REACH

    rng = np.random.default_rng(seed)
    views, points = data.views()
    images = model.normalise(to_input(views))
    at = torch.from_numpy(np.nan_to_num((points + 0.5) / data.size, nan=0.5).astype(np.float32))
    model.eval()
    with torch.inference_mode():
        here = torch.cat([model.embed(images[i : i + 16], at[i : i + 16]) for i in range(0, len(images), 16)])
        centres = torch.nn.functional.normalize(here.mean(0), dim=-1)
        radii = np.linspace(0, REACH, offsets)
        found = np.zeros((offsets, len(images) * per_face))
        chosen = np.stack([rng.choice(at.shape[1], per_face, replace=False) for _ in images])
        for k, radius in enumerate(radii):
            turn = rng.uniform(0, 2 * np.pi, (len(images), per_face))
            shift = np.stack([np.cos(turn), np.sin(turn)], -1) * radius / PAPER_SIDE
            spots = torch.gather(at, 1, torch.from_numpy(chosen)[..., None].expand(-1, -1, 2))
            z = model.embed(images, spots + torch.from_numpy(shift.astype(np.float32)))
            found[k] = (z - centres[torch.from_numpy(chosen)]).norm(dim=-1).numpy().ravel()
    same = np.mean([np.asarray(torch.pdist(here[:, c])).mean() for c in range(here.shape[1])])
    other = np.asarray(torch.cdist(here, here))
    return radii, found, float(other[:, ~np.eye(here.shape[1], dtype=bool)].mean() / same)
