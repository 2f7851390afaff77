"""OccFace: which points of a face are hidden, learned on the evidence of the embedded landmarker.

The landmarker stays as it is. A small module reads the features under each of its heatmaps, lets the landmarks of a
face tell each other what they see, and says for every point whether it is visible and how far its place is to be moved.
It learns from photos, with or without labels, over which things are pasted (``masking``), and from rendered heads whose
visibility is exact, self-occlusion included. What it exports is the landmarker again, with better visibility.

Conventions: a point is hidden when the head itself or something opaque stands before it (more than half of its Gaussian
covered). A clear lens hides nothing, nor does a shadow. In photos a point that nothing was pasted over counts as
visible if the landmarker thought so before, else as unknown.

Source: "OccFace: Unified Occlusion-Aware Facial Landmark Detection with Per-Point Visibility", arXiv 2602.10728. Only
the abstract was to be had: the layers, the weights of the losses and the schedule are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasion.core import FloatArray, ImageArray, InputError, NasionError, scheme
from nasion.core.schemes.occ100 import DENSE_INDEX
from nasion.media.paths import prepare_output, safe_name
from nasion.metrics import OcclusionScores, fit_logit_map, occlusion_scores
from nasion.train.damage import damage
from nasion.train.data import FEWEST, LandmarkSet, load_folder
from nasion.train.occface_views import (
    PASTED,
    SPARSE,
    Known,
    covered_views,
    hidden_view,
    known_photos,
    known_renders,
    views,
)
from nasion.train.recipe import Batch, Progress, Stage, require_torch
from nasion.train.renders import NOTHING, POINTS, rendered
from nasion.train.traced import traced

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nasion.train.occface_trunk import Trunk

# rendered heads with each kind of thing before the face
KINDS = {
    NOTHING: 480,
    "bar": 280,
    "noise": 280,
    **dict.fromkeys(("glasses", "hand", "mask", "sunglasses", "hair"), 120),
}
SEED, HELD_SEED = 0, 700_000  # of the rendered heads to learn from, and of those that make probabilities honest
LABELS = (".pts", ".ljson")
PHOTOS = 0.6  # of a batch, where there are photos and renders
NEAREST = 3  # anchors that a point of the mesh follows
WHOLE = 0.98  # of a photo's points that the landmarker must have seen for it to say how honest probabilities are
MOVE = 2.0  # weight of the places beside 1 for visibility


class OccFace:
    """The recipe.

    Args:
        heads: which modules learn side by side on the very same views: ``full``, and ``local`` without context, to
            compare. The first is exported.
        renders: how many rendered heads with each kind of thing before the face; empty for none.
        masking: paste along the parts of the face (``masking``); otherwise anywhere (``damage.occlude``).
        model: the landmarker that it grows on, a name of the catalogue or a path.
    """

    name = "occface"
    stages = (Stage("train", rate=2e-3, batch=32),)

    def __init__(
        self,
        heads: tuple[str, ...] = ("full",),
        renders: dict[str, int] | None = None,
        masking: bool = True,
        model: str | Path = "landmarker",
    ) -> None:
        self.heads, self.kinds, self.masking, self.model = heads, KINDS if renders is None else renders, masking, model
        self._trunk: Trunk | None = None
        self._photos: Known | None = None
        self._heads: Known | None = None

    @property
    def trunk(self) -> Trunk:
        """The frozen landmarker, opened on first use."""
        if self._trunk is None:
            from nasion.train.occface_trunk import Trunk

            self._trunk = Trunk(self.model, threads=1)
        return self._trunk

    def load(self, path: Path, size: int) -> LandmarkSet:
        """Labelled faces, or any pictures: then our detector finds the faces. ``size`` is the landmarker's."""
        from nasion.media import read_image
        from nasion.media.sources import IMAGE_EXTENSIONS
        from nasion.train.sht import unlabelled

        size = self.trunk.size
        pictures = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_EXTENSIONS) if path.is_dir() else []
        labelled = any(p.with_suffix(end).is_file() for p in pictures for end in LABELS)
        if not pictures or labelled or list(path.glob("*.csv")):
            return load_folder(path, size=size)
        skipped = []

        def readable() -> Iterator[ImageArray]:
            for picture in pictures:
                try:
                    yield read_image(picture)
                except NasionError as error:
                    skipped.append(f"{safe_name(picture)}: {error}")

        found = unlabelled(readable(), scheme("occ100"), size)
        if len(found) < FEWEST:
            raise InputError(
                f"{safe_name(path)} shows {len(found)} faces in {len(pictures)} pictures, training needs {FEWEST}"
            )
        return replace(found, skipped=tuple(skipped))

    def adapt(self, data: LandmarkSet) -> LandmarkSet:
        """The faces with the 100 points of ``occ100``, as the landmarker places them."""
        known = known_photos(data, self.trunk)
        rows = SPARSE + np.array(DENSE_INDEX)
        visible = np.nan_to_num(known.visible[:, rows])
        return replace(data, points=known.points[:, rows], visible=visible, scheme=scheme("occ100"))

    def prepare(self, data: LandmarkSet) -> None:
        """Read the photos with the landmarker and render heads."""
        self._photos = known_photos(data, self.trunk)
        self._heads = known_renders(rendered(self.kinds, SEED), self.trunk.size) if self.kinds else None

    def build(self, points: int, size: int) -> nn.Module:
        """The modules; ``points`` and ``size`` are the landmarker's."""
        import torch
        from torch import nn

        from nasion.train.occface_net import Occlusion

        seen = self.trunk(views(self._faces()[0].images[:64], self.trunk.size))
        readout = torch.from_numpy(mesh_readout(seen.pooled[..., -3:-1], seen.points[:, SPARSE:] / self.trunk.size))
        shape = self.trunk.anchors, self.trunk.features, readout, SPARSE
        return nn.ModuleDict({name: Occlusion(*shape, context=name == "full") for name in self.heads})

    def draw(self, data: LandmarkSet, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Views with things before the faces. ``points`` are all 546; ``visible`` is NaN where unknown."""
        import torch

        from nasion.train.score import to_input

        sources, size = self._faces(), self.trunk.size
        images, points, visible, known = [], [], [], []
        for i in index:
            photo = self._photos is not None and (len(sources) == 1 or rng.random() < PHOTOS)
            source = sources[0] if photo else sources[-1]
            row = int(i) if photo else int(rng.integers(len(source)))
            share = PASTED if photo else PASTED / 2
            view = hidden_view(source, row, rng, size, rng.random() < share, self.masking)
            images.append(damage(view[0], rng))
            points.append((view[1] + 0.5) / size)
            visible.append(view[2])
            known.append(np.full(POINTS, float(photo)))
        at, sure, seen = (torch.from_numpy(np.stack(rows).astype(np.float32)) for rows in (points, known, visible))
        rows = torch.from_numpy(np.asarray(index, np.int64))
        return Batch(to_input(np.stack(images)), at, sure, seen, rows, data.scheme)

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """Cross entropy of visibility, and the distance of the moved points from where they were before the pasting."""
        import torch.nn.functional as F  # its name everywhere

        evidence, seen = self._look(batch.images)
        placed = (seen + 0.5) / self.trunk.size
        sure = batch.visible.isfinite().float()
        sure[:, :SPARSE] *= (POINTS - SPARSE) / SPARSE  # both layouts count the same
        truth = batch.visible.nan_to_num()
        terms = {}
        for name, head in model.items():
            logits, shift = head(*evidence)
            cost = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
            terms[f"{name} visibility"] = (cost * sure).sum() / sure.sum().clamp_min(1)
            away = F.smooth_l1_loss(placed + shift, batch.points, reduction="none", beta=0.02).sum(-1)
            terms[f"{name} places"] = MOVE * 10 * (away * batch.known).sum() / batch.known.sum().clamp_min(1)
        return terms

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """The points of ``occ100``."""
        evidence, placed = self._look(images)
        moved = (placed + 0.5) / self.trunk.size + model[self.heads[0]](*evidence)[1]
        return moved[:, [SPARSE + i for i in DENSE_INDEX]]

    def finish(self, model: nn.Module, held: LandmarkSet) -> str:
        """Make the probabilities honest on people held out, things pasted over three in four; says how good they are.

        The maps are fitted on one half of the photos and as many rendered heads of other people: on photos alone they
        say too much on heads, whose hidden jaws no photo's label knows. Of the photos only those count that the
        landmarker took for seen from ear to ear (``WHOLE``): where it was unsure there is no label, and the labels that
        are left say visible too often. The figures come from the other half.
        """
        import torch

        from nasion.train.occface_net import parts

        photos = known_photos(held, self.trunk)
        images, _, visible = covered_views(photos, self.trunk.size, seed=1)
        half = len(images) // 2
        whole = np.isfinite(photos.visible[:half]).mean(axis=1) >= WHOLE
        rows = np.flatnonzero(whole if whole.any() else ~whole)
        fit_on, known_of = images[rows], visible[rows]
        if self.kinds:
            share = min(1.0, len(rows) / sum(self.kinds.values()))
            others = {kind: max(1, round(share * count)) for kind, count in self.kinds.items()}
            heads = known_renders(rendered(others, HELD_SEED), self.trunk.size)
            more, _, flags = covered_views(heads, self.trunk.size, seed=2)
            fit_on, known_of = np.concatenate([fit_on, more]), np.concatenate([known_of, flags])
        line = ""
        for head in model.values():
            logits = self.logits(head, fit_on)
            for i, part in enumerate(parts(SPARSE)):
                known = np.isfinite(known_of[:, part])
                said = 1 / (1 + np.exp(-logits[:, part][known].astype(np.float64)))
                fitted = fit_logit_map(said, known_of[:, part][known] > 0.5)
                head.honest[i] = torch.tensor([fitted.scale, fitted.bias])
            scores = judge(self.visibility(head, images[half:]), visible[half:])
            line = line or (
                f"held-out faces, things pasted over three in four: ROC-AUC {scores.roc_auc:.3f}, average precision of "
                f"hidden points {scores.average_precision:.3f} ({scores.hidden:.0%} are), calibration error "
                f"{scores.calibration_error:.3f}"
            )
        return line

    def logits(self, head: nn.Module, images: ImageArray) -> FloatArray:
        """(N, 546) raw, of views uint8 (N, S, S, 3)."""
        return np.concatenate([self._run(head, images[i : i + 32])[0] for i in range(0, len(images), 32)])

    def visibility(self, head: nn.Module, images: ImageArray) -> FloatArray:
        """(N, 546) honest probabilities, of views uint8 (N, S, S, 3)."""
        raw, maps = self.logits(head, images), head.honest.numpy().astype(np.float64)
        scale, bias = (np.repeat(maps[:, i], (SPARSE, POINTS - SPARSE)) for i in (0, 1))
        return np.asarray(1 / (1 + np.exp(-np.clip(raw * scale + bias, -30, 30))))

    def places(self, head: nn.Module, images: ImageArray) -> tuple[FloatArray, FloatArray]:
        """(N, 546, 2) px twice: as the landmarker places the points, and moved by the head."""
        runs = [self._run(head, images[i : i + 32]) for i in range(0, len(images), 32)]
        placed, shift = (np.concatenate([run[k] for run in runs]) for k in (2, 1))
        return placed, placed + shift * self.trunk.size

    def export(self, model: nn.Module, path: Path) -> Path:
        """Write the landmarker with the first module on it, for ``nasion.landmark.Landmarker`` and ``--landmarker``.

        Raises:
            MissingExtraError: PyTorch or the library ``onnx`` is not installed.
            MediaError: the file cannot be written.
            ModelError: the module does not fit onto the landmarker.
        """
        torch = require_torch()
        from nasion.train.occface_net import Grown
        from nasion.train.occface_trunk import EVIDENCE, graft

        target = prepare_output(path)
        seen = self.trunk(np.zeros((2, self.trunk.size, self.trunk.size, 3), np.uint8))
        evidence = (torch.from_numpy(a) for a in (seen.heat, seen.pooled, *seen.scales))
        inputs = (*evidence, torch.zeros(2, SPARSE, 2), torch.zeros(2, POINTS - SPARSE, 3))
        example = dict(zip((*EVIDENCE, "ibug68", "dense478"), inputs, strict=True))
        head = Grown(model[self.heads[0]], self.trunk.size).eval()
        gives = ["ibug68_out", "dense478_out", "visibility_out"]
        graft(self.trunk, traced(head, example, gives, opset=18), target)
        return target

    def _faces(self) -> tuple[Known, ...]:
        found = tuple(s for s in (self._photos, self._heads) if s is not None and len(s))
        if not found:
            raise InputError("occface cuts views of its own: call prepare(data) first, as fit does")
        return found

    def _look(self, images: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """What a head takes, and all 546 points in crop px, of input images (N, 3, S, S) -1..1."""
        import torch

        from nasion.train.occface_net import gather
        from nasion.train.sht import to_images

        seen = self.trunk(to_images(images))
        heat, pooled, *scales = (torch.from_numpy(a) for a in (seen.heat, seen.pooled, *seen.scales))
        return (gather(heat, pooled, tuple(scales)), pooled[..., -3:-1]), torch.from_numpy(seen.points)

    def _run(self, head: nn.Module, images: ImageArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        import torch

        from nasion.train.score import to_input

        head.eval()
        with torch.inference_mode():
            evidence, placed = self._look(to_input(images))
            logits, shift = head(*evidence)
        return logits.numpy(), shift.numpy(), placed.numpy()


def mesh_readout(anchors: FloatArray, dense: FloatArray) -> FloatArray:
    """(P, A - 68) float32: each point of the mesh follows the nearest anchors, by the inverse of the distance.

    Args:
        anchors: (N, A, 2) places of the anchors on some faces; the first 68 carry no mesh.
        dense: (N, P, 2) places of the points on the same faces.
    """
    mean, points = anchors[:, SPARSE:].mean(0), dense.mean(0)
    away = np.linalg.norm(points[:, None] - mean[None], axis=2)
    near = np.argsort(away, axis=1)[:, :NEAREST]
    weight = np.zeros_like(away)
    np.put_along_axis(weight, near, 1 / (np.take_along_axis(away, near, 1) + 0.005), 1)
    return np.asarray(weight / weight.sum(1, keepdims=True), np.float32)


def judge(visibility: FloatArray, visible: FloatArray) -> OcclusionScores:
    """Score probabilities against flags with NaN where unknown."""
    return occlusion_scores(np.where(np.isfinite(visible), visibility, np.nan), np.nan_to_num(visible, nan=1) < 0.5)
