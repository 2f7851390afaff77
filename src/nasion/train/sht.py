"""SHT: points on very small faces, learned together with what the face would look like sharp.

One network places points on an enlarged small face and paints it sharp; each stream helps the other. Faces that nobody
labelled teach, too: what a slowly following copy of the network finds on a sharp one, the network must find on the same
face moved and made small; and a second network, which turns the painted face back and is only told both poses by the
heatmaps, must get it right. Faces without labels are faces whose points are NaN: ``hide`` and ``unlabelled`` make them.

What the first network paints is a guess that fits the small picture, never evidence of who it shows.

Source: "Supervision-by-Hallucination-and-Transfer: A Weakly-Supervised Approach for Robust and Precise Facial Landmark
Detection", arXiv 2601.12919. Of the paper only the abstract was to be had: layers, weights and schedule are ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nasion.core import FloatArray, ImageArray, InputError, IntArray, Scheme
from nasion.train.data import LandmarkSet, stored_side
from nasion.train.lowres import crop_side, enlarge, shrink
from nasion.train.recipe import Batch, Progress, Stage

if TYPE_CHECKING:
    from torch import Tensor, nn

SMALLEST_FACE = 10.0  # px, root of the area of the face's box: a view of 16 px
UNTOUCHED = 0.2  # of the training pictures keep their size
SIGMA = 1.0  # px of the heatmaps
PLACES, EDGES = 10.0, 0.1  # weights: of the points beside their heatmaps, of the picture's edges beside its colours
PICTURE, MOVED, AGREE = 5.0, 0.5, 1.0  # weights beside 1 for heatmaps and points
RISE = 0.2  # of training, until what the copy finds counts in full
USUAL = 0.12  # of the view: how widely a point lies about its usual place; the heatmaps begin so
ROUND = 0.3  # of the colours' range of 2: errors below count squared
VIEW = (8.0, 0.08, 0.03)  # degrees, logarithm, share of the picture: standard deviations of training views
POSE = (20.0, 0.1, 0.08)  # the same: how the transfer's targets differ from its sources


class SHT:
    """The recipe.

    Args:
        hallucinate: learn to paint the sharp face too; without, the same network only learns to place points.
        transfer: learn from faces without labels too, by transfer between poses; a step then has as many of them as
            of the others.
        guided: tell the stream that paints where the points are.
        width: channels of the first stage; 16 gives 0.25 million parameters, 32 0.94.
    """

    name = "sht"

    def __init__(self, hallucinate: bool = True, transfer: bool = False, guided: bool = True, width: int = 16) -> None:
        self.hallucinate, self.transfer, self.guided, self.width = hallucinate, transfer, guided, width
        few = Stage("labelled", rate=3e-3, batch=16, trains=("place",))
        self.stages = (Stage("transfer", rate=3e-3, batch=32, trains=("place", "move")) if transfer else few,)
        self._data: LandmarkSet | None = None

    def prepare(self, data: LandmarkSet) -> None:
        """Remember the faces: the heatmaps begin as the places that points have on most of them."""
        self._data = data

    def build(self, points: int, size: int) -> nn.Module:
        """The networks ``place`` and, for transfer, ``move`` and ``teacher``, which follows ``place``."""
        if size % 16:
            raise InputError(f"sht halves its views four times: give a size that 16 divides, such as 96, not {size}")
        import torch
        from torch import nn

        from nasion.train.heatmaps import gaussians
        from nasion.train.sht_net import DualHallucination, Transfer

        place = DualHallucination(points, size, self.width, self.guided)
        if self._data is not None:
            usual = torch.from_numpy(usual_places(self._data))[None]
            place.prior.copy_(gaussians(usual, size // 4, USUAL * size / 4)[0].clamp_min(1e-3).log())
        if not self.transfer:
            return nn.ModuleDict({"place": place})
        return nn.ModuleDict({"place": place, "move": Transfer(points, self.width), "teacher": deepcopy(place)})

    def draw(self, data: LandmarkSet, index: IntArray, rng: np.random.Generator) -> Batch:
        """Undamaged views of faces, mirrored, turned, shifted, scaled: what is painted must look like them.

        For transfer, the first half of a batch is of faces that have labels, the rest of others, where there are both;
        faces without labels are only mirrored.
        """
        import torch

        from nasion.train.score import to_input

        index = np.array(index)
        labelled = np.asarray(np.isfinite(data.points).any((1, 2)))
        if self.transfer and labelled.any() and not labelled.all():
            half = len(index) // 2
            index[:half] = rng.choice(np.flatnonzero(labelled), half, replace=labelled.sum() < half)
            rest = len(index) - half
            index[half:] = rng.choice(np.flatnonzero(~labelled), rest, replace=(~labelled).sum() < rest)
        images, points, side = data.images[index], data.points[index].copy(), data.images.shape[1]
        for i in np.flatnonzero(rng.random(len(images)) < 0.5):
            images[i] = images[i, :, ::-1].copy()
            points[i] = points[i][data.scheme.flip] * (-1, 1) + (side - 1, 0)
        moves = random_moves(rng, len(images), VIEW)
        if self.transfer:  # faces without labels are moved later: the copy of the network is best on plain views
            moves[~labelled[index]] = torch.eye(2, 3)
        moves = moves * (data.size / side)
        places = moved(torch.from_numpy(((points + 0.5) / side).astype(np.float32)), moves)
        known = places.isfinite().all(2).float()
        views = sampled(to_input(images), moves, data.size, "bicubic").clamp(-1, 1)
        return Batch(views, places.nan_to_num(0), known, known, torch.from_numpy(index), data.scheme)

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """Heatmaps and picture; with transfer also the re-posed faces and agreement with the copy of the network."""
        import torch
        from torch.nn import functional

        from nasion.train.blocks import soft_argmax
        from nasion.train.heatmaps import gaussians
        from nasion.train.loop import follow
        from nasion.train.sht_net import maps

        rng = np.random.default_rng(int(torch.randint(2**31, (1,))))
        sharp, points, known = batch.images, batch.points, batch.known
        count, heat = len(sharp), sharp.shape[-1] // 4
        hidden = (known.sum(1) == 0).float()[:, None]
        bare = hidden[:, 0] > 0
        if self.transfer:  # faces without labels are shown in another pose, in which the points of the copy must lie
            moves = random_moves(rng, count, POSE)
            moves[bare] = random_moves(rng, int(bare.sum()), VIEW)  # no wider than with labels
            turned = sampled(sharp, moves)
            other = gaussians(moved(points, moves), heat, SIGMA)
            points = points.clone()
            follow(model["teacher"].state_dict(), model["place"], step.step)
            model["teacher"].eval()
            if bare.any():
                flip = torch.from_numpy(np.array(batch.scheme.flip))
                with torch.no_grad():
                    mirrored = model["teacher"](sharp[bare].flip(3))[1][:, flip].flip(3)
                    found = (model["teacher"](sharp[bare])[1] + mirrored) / 2
                points[bare], other[bare] = moved(soft_argmax(found), moves[bare]), maps(found)
            shown = hidden[..., None, None]
            sharp, goal = sharp.lerp(turned, shown), turned.lerp(sharp, shown)
        first, refined, painted = model["place"](lower(sharp, rng))
        terms = {"heatmaps": heatmap_loss(first, points, known) / 2 + heatmap_loss(refined, points, known)}
        if self.hallucinate:
            terms["picture"] = PICTURE * picture_loss(painted, sharp)
        if self.transfer:
            weight = hidden.expand_as(known)
            agree = heatmap_loss(first, points, weight) / 2 + heatmap_loss(refined, points, weight)
            terms["agreement"] = AGREE * min(1.0, step.fraction / RISE) * agree
            own = gaussians(points, heat, SIGMA).lerp(maps(refined), shown)
            face = sharp.lerp(painted, shown) if self.hallucinate else sharp
            terms["transfer"] = MOVED * functional.l1_loss(model["move"](face, own, other), goal)
        return terms

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """The mean places under the refined heatmaps."""
        from nasion.train.blocks import soft_argmax

        return soft_argmax(model["place"](images)[1])


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


def heatmap_loss(found: Tensor, points: Tensor, known: Tensor) -> Tensor:
    """How far heatmaps are from Gaussians around the points that are known, and their mean places from the points.

    Args:
        found: (B, K, h, h) logits.
        points: (B, K, 2) crop units.
        known: (B, K) 0 or 1.
    """
    from nasion.train.blocks import masked_mean, point_loss, soft_argmax
    from nasion.train.heatmaps import gaussians

    target = gaussians(points, found.shape[-1], SIGMA).flatten(2)
    target = target / target.sum(2, keepdim=True).clamp_min(1e-3)  # of a point outside nothing is left
    apart = (target * (target.clamp_min(1e-9).log() - found.flatten(2).log_softmax(2))).sum(2)
    return masked_mean(apart, known) + PLACES * point_loss(soft_argmax(found), points, known)


def usual_places(data: LandmarkSet) -> FloatArray:
    """(K, 2) float32 crop units: each point's mean over the faces that have it; the middle where none has."""
    shift = (data.images.shape[1] - data.size) / 2
    units = (data.points - shift + 0.5) / data.size
    known = np.isfinite(units)
    mean = np.where(known, units, 0).sum(0) / np.maximum(known.sum(0), 1)
    return np.where(known.any(0), mean, 0.5).astype(np.float32)


def picture_loss(found: Tensor, truth: Tensor) -> Tensor:
    """Mean distance of colours, and of their differences to the next pixels, nearly squared.

    Plain distances are least at the median, and half of the training pictures are hardly damaged: painting would begin,
    and stay, with changing nothing.
    """
    from torch.nn import functional

    def apart(a: Tensor, b: Tensor) -> Tensor:
        return functional.smooth_l1_loss(a, b, beta=ROUND) / ROUND

    across = apart(found.diff(dim=3), truth.diff(dim=3)) + apart(found.diff(dim=2), truth.diff(dim=2))
    return apart(found, truth) + EDGES * across


def random_moves(rng: np.random.Generator, count: int, spread: tuple[float, float, float]) -> Tensor:
    """(count, 2, 3) float32: where the new picture's places, -1..1, are found in the old one.

    Args:
        rng: draws.
        count: of moves.
        spread: standard deviations of turn in degrees, logarithm of scale, and shift as a share of the picture; none
            goes beyond twice its own.
    """
    import torch

    scale = np.array([np.radians(spread[0]), spread[1], 2 * spread[2], 2 * spread[2]])  # the picture is 2 wide
    turn, grow, *shift = np.clip(rng.normal(0, 1, (4, count)), -2, 2) * scale[:, None]
    c, s = np.cos(turn) * np.exp(grow), np.sin(turn) * np.exp(grow)
    rows = np.stack([np.stack([c, -s, shift[0]], 1), np.stack([s, c, shift[1]], 1)], 1)
    return torch.from_numpy(rows.astype(np.float32))


def sampled(pictures: Tensor, moves: Tensor, size: int | None = None, mode: str = "bilinear") -> Tensor:
    """Pictures (B, C, S, S) moved: (B, C, size, size)."""
    from torch.nn import functional

    side = size or pictures.shape[-1]
    grid = functional.affine_grid(moves, [*pictures.shape[:2], side, side], align_corners=False)
    return functional.grid_sample(pictures, grid, mode=mode, padding_mode="border", align_corners=False)


def moved(points: Tensor, moves: Tensor) -> Tensor:
    """Crop units (B, K, 2) of the old pictures to those of the new."""
    import torch

    old = 2 * points - 1 - moves[:, None, :, 2]
    return (torch.linalg.solve(moves[:, None, :, :2], old[..., None])[..., 0] + 1) / 2


def hide(data: LandmarkSet, keep: float, seed: int = 0, by: str = "picture") -> LandmarkSet:
    """The set with the labels of all but a share ``keep`` of its pictures or people taken away.

    Args:
        data: labelled faces.
        keep: 0..1.
        seed: another seed keeps others.
        by: ``"picture"``, or ``"person"`` where each person's pictures have a folder of their own.
    """
    keys = [name if by == "picture" else name.rpartition("/")[0] for name in data.names]
    every = list(dict.fromkeys(keys))
    gone = {every[i] for i in np.random.default_rng(seed).permutation(len(every))[round(keep * len(every)) :]}
    hidden = np.array([key in gone for key in keys])
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
