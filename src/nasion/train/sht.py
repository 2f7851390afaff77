"""SHT: points on very small faces, learned together with what the face would look like sharp.

One network places points on an enlarged small face and paints it sharp; each stream helps the other. A second network
turns the painted face into another pose and is only told both poses by the heatmaps, so its error teaches the points of
faces that nobody labelled. Faces without labels are faces whose points are NaN: ``hide`` and ``unlabelled`` make them.

What the first network paints is a guess that fits the small picture, never evidence of who it shows.

Source: "Supervision-by-Hallucination-and-Transfer: A Weakly-Supervised Approach for Robust and Precise Facial Landmark
Detection", arXiv 2601.12919. Of the paper only the abstract was to be had: layers, weights and schedule are ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nasion.core import ImageArray, InputError, Scheme
from nasion.train.data import LandmarkSet, stored_side
from nasion.train.lowres import crop_side, enlarge, shrink
from nasion.train.recipe import Batch, Progress, Stage

if TYPE_CHECKING:
    from torch import Tensor, nn

SMALLEST_FACE = 12.0  # px, root of the area of the face's box
UNTOUCHED = 0.2  # of the training pictures keep their size
SIGMA = 1.0  # px of the heatmaps
HEAT, EDGES, MOVED, AGREE = 10.0, 0.1, 0.5, 0.1  # weights beside 1 for the painted picture
TURN, GROW, SHIFT = 30.0, 0.15, 0.1  # degrees, logarithm, share of the picture: how the transfer's targets differ


class SHT:
    """The recipe.

    Args:
        hallucinate: paint the sharp face too; without, the network only places points.
        transfer: have a second stage with the re-posing network.
        guided: show the heatmaps to the stream that paints.
        width: channels of the first stage; 32 gives 1.3 million parameters.
    """

    name = "sht"

    def __init__(self, hallucinate: bool = True, transfer: bool = True, guided: bool = True, width: int = 32) -> None:
        self.hallucinate, self.guided, self.width = hallucinate, guided, width
        alone = Stage("alone", share=0.7 if transfer else 1.0, rate=2e-3, trains=("place",))
        self.stages = (alone, Stage("transfer", share=0.3, rate=1e-3)) if transfer else (alone,)
        self._data: LandmarkSet | None = None

    def prepare(self, data: LandmarkSet) -> None:
        """Remember the faces: what is painted must look like them undamaged, so the loop's views will not do."""
        self._data = data

    def build(self, points: int, size: int) -> nn.Module:
        """Both networks: ``place`` and ``move``."""
        if size % 16:
            raise InputError(f"sht halves its views four times: give a size that 16 divides, such as 96, not {size}")
        from torch import nn

        from nasion.train.sht_net import DualHallucination, Transfer

        return nn.ModuleDict(
            {
                "place": DualHallucination(points, self.width, self.hallucinate, self.guided),
                "move": Transfer(points, self.width),
            }
        )

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """Heatmaps and picture; in the second stage also the re-posed face and agreement between the heatmaps."""
        import torch
        from torch.nn import functional

        rng = np.random.default_rng(int(torch.randint(2**31, (1,))))
        sharp, points = self._views(batch.index, rng)
        first, refined, painted = model["place"](lower(sharp, rng))
        terms = {"heatmaps": HEAT * (heatmap_loss(first, points) + heatmap_loss(refined, points)) / 2}
        if painted is not None:
            terms["picture"] = picture_loss(painted, sharp)
        if step.stage != "transfer":
            return terms

        moves = random_moves(rng, len(sharp))
        other = _sample(sharp, moves)
        _, heat_other, painted_other = model["place"](lower(other, rng))
        terms["heatmaps"] = (terms["heatmaps"] + HEAT * heatmap_loss(heat_other, _move(points, moves))) / 2
        source = sharp if painted is None else painted
        terms["transfer"] = MOVED * functional.l1_loss(model["move"](source, refined, heat_other), other)
        agree = functional.mse_loss(_sample(refined, moves), heat_other)
        if painted_other is not None:
            terms["picture"] = (terms["picture"] + picture_loss(painted_other, other)) / 2
            agree = agree + functional.mse_loss(model["place"](painted_other)[1], heat_other)
        terms["agreement"] = AGREE * 100 * agree  # mean squares of maps that are mostly zero are small
        return terms

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """The refined heatmaps' peaks."""
        from nasion.train.heatmaps import peaks

        return peaks(model["place"](images)[1])

    def _views(self, index: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Undamaged views (B, 3, S, S) -1..1 of faces, turned, shifted, mirrored, and their points (B, K, 2)."""
        import torch

        from nasion.train.score import to_input

        if self._data is None:
            raise InputError("sht cuts views of its own: call prepare(data) first, as fit does")
        data, chosen = self._data, index.numpy()
        images, points, side = data.images[chosen], data.points[chosen].copy(), data.images.shape[1]
        for i in np.flatnonzero(rng.random(len(images)) < 0.5):
            images[i] = images[i, :, ::-1].copy()
            points[i] = points[i][data.scheme.flip] * (-1, 1) + (side - 1, 0)
        moves = random_moves(rng, len(images))
        moves[:, :, :2] *= data.size / side
        moves[:, :, 2] *= data.size / side
        units = torch.from_numpy(((points + 0.5) / side).astype(np.float32))
        return _sample(to_input(images), moves, data.size), _move(units, moves)


def lower(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Pictures (B, 3, S, S) -1..1 made small, each by chance, and enlarged again."""
    from nasion.train.score import to_input

    images = to_images(pictures)
    size = images.shape[1]
    low = crop_side(SMALLEST_FACE)
    for i, image in enumerate(images):
        if rng.random() >= UNTOUCHED:
            images[i] = enlarge(shrink(image, round(float(np.exp(rng.uniform(np.log(low), np.log(size))))), rng), size)
    return to_input(images)


def to_images(pictures: Tensor) -> ImageArray:
    """(B, 3, S, S) -1..1 to uint8 (B, S, S, 3)."""
    found = pictures.detach().add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1)
    return np.array(found.numpy())


def sharpen(model: nn.Module, images: ImageArray) -> ImageArray:
    """Painted faces, uint8 (N, S, S, 3) for enlarged ones of the same shape. A guess: label it as synthetic.

    Args:
        model: a trained network of this recipe, with the picture stream.
        images: RGB uint8 (N, S, S, 3), views as for every landmark network, enlarged to S.
    """
    import torch

    from nasion.train.score import to_input

    with torch.inference_mode():
        return to_images(model["place"](to_input(images))[2])


def heatmap_loss(found: Tensor, points: Tensor) -> Tensor:
    """Adaptive wing loss of heatmaps (B, K, h, h) over the points (B, K, 2) that are known, crop units."""
    from nasion.train.heatmaps import adaptive_wing, gaussians

    known = points.isfinite().all(2)
    costs = adaptive_wing(found, gaussians(points, found.shape[-1], SIGMA))
    return (costs * known).sum() / known.sum().clamp_min(1)


def picture_loss(found: Tensor, truth: Tensor) -> Tensor:
    """Mean distance of colours, and of their differences to the next pixels."""
    from torch.nn import functional

    across = functional.l1_loss(found.diff(dim=3), truth.diff(dim=3))
    return functional.l1_loss(found, truth) + EDGES * (
        across + functional.l1_loss(found.diff(dim=2), truth.diff(dim=2))
    )


def random_moves(rng: np.random.Generator, count: int) -> Tensor:
    """(count, 2, 3) float32: where the new picture's places, -1..1, are found in the old one."""
    import torch

    turn, grow = np.radians(rng.uniform(-TURN, TURN, count)), np.exp(rng.uniform(-GROW, GROW, count))
    c, s = np.cos(turn) * grow, np.sin(turn) * grow
    shift = rng.uniform(-2 * SHIFT, 2 * SHIFT, (count, 2))
    rows = np.stack([np.stack([c, -s, shift[:, 0]], 1), np.stack([s, c, shift[:, 1]], 1)], 1)
    return torch.from_numpy(rows.astype(np.float32))


def _sample(pictures: Tensor, moves: Tensor, size: int | None = None) -> Tensor:
    from torch.nn import functional

    side = size or pictures.shape[-1]
    grid = functional.affine_grid(moves, [*pictures.shape[:2], side, side], align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def _move(points: Tensor, moves: Tensor) -> Tensor:
    """Crop units (B, K, 2) of the old pictures to those of the new."""
    import torch

    old = 2 * points - 1 - moves[:, None, :, 2]
    return (torch.linalg.solve(moves[:, None, :, :2], old[..., None])[..., 0] + 1) / 2


def hide(data: LandmarkSet, keep: float, seed: int = 0) -> LandmarkSet:
    """The set with the labels of all but a share ``keep`` of its faces taken away."""
    hidden = np.random.default_rng(seed).permutation(len(data))[round(keep * len(data)) :]
    points, visible = data.points.copy(), data.visible.copy()
    points[hidden], visible[hidden] = np.nan, 0
    return replace(data, points=points, visible=visible)


def unlabelled(images: Iterable[ImageArray], layout: Scheme, size: int) -> LandmarkSet:
    """Faces that our detector finds in pictures, all points unknown, to be added with ``join``.

    Args:
        images: RGB uint8 (H, W, 3).
        layout: of the set that they go with.
        size: px, side of its views.
    """
    from nasion.detect import FaceDetector
    from nasion.landmark.view import cut, view_matrix

    detector, side = FaceDetector(), stored_side(size)
    crops, names = [], []
    for i, image in enumerate(images):
        for k, face in enumerate(detector.detect(image)):
            matrix = view_matrix(face.landmarks, size)
            matrix[:, 2] += (side - size) / 2
            crops.append(cut(image, matrix, side))
            names.append(f"unlabelled/{i}/{k}")
    shape = (len(crops), len(layout))
    stack = np.stack(crops) if crops else np.zeros((0, side, side, 3), np.uint8)
    points = np.full((*shape, 2), np.nan, np.float32)
    return LandmarkSet(stack, points, np.zeros(shape, np.float32), layout, tuple(names), size)


def join(labelled: LandmarkSet, other: LandmarkSet) -> LandmarkSet:
    """Two sets of one layout and size as one."""
    return replace(
        labelled,
        images=np.concatenate([labelled.images, other.images]),
        points=np.concatenate([labelled.points, other.points]),
        visible=np.concatenate([labelled.visible, other.visible]),
        names=labelled.names + other.names,
    )
