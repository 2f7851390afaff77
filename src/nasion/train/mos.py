"""MOS: faces, five points and head pose in one pass, its tasks weighted by what the network is unsure of.

The recipe composes its own scenes (``mos_scenes``) out of the faces it is given, so it takes the same labelled photos
as every other system; it needs no boxes and no pose labels. What it exports is a detector: ``nasion.FaceDetector`` and
``--detector`` read it, and its faces carry a pose.

Source: Liu et al., "MOS: A Low Latency and Lightweight Framework for Face Detection, Landmark Localization, and Head
Pose Estimation", BMVC 2021. The paper's forms of three ideas were not to be had; built are: Kendall's uncertainty
weights for its task weighting, Hopenet's loss for its pose loss, and for its online feedback sampling that sizes of
faces are drawn the more often the more of the loss they hold.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasion.core import InputError, IntArray, Landmarks, scheme
from nasion.media.paths import prepare_output
from nasion.train.data import LandmarkSet
from nasion.train.recipe import Batch, Progress, Stage, require_torch
from nasion.train.traced import traced

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nasion.train.mos_scenes import Heads

SCENE = 128  # px, side of most training scenes
LARGE, LARGE_SHARE = 2, 0.25  # every fourth batch is of a quarter as many scenes, they and their faces twice as large
RENDERED = 1600  # synthetic heads to go with the photos: they bring the turned ones; two minutes
RENDERED_SHARE = 0.4  # of the faces in the scenes
MOST_FACES = 3  # a scene
EVEN = 0.5  # share of the feedback sampling that stays even over sizes
MEMORY = 0.98  # of the running share of the loss, a step


class MOS:
    """The recipe.

    Args:
        learned: weigh the tasks by learned uncertainty; otherwise they simply add up.
        stitch: let the tasks exchange features.
        pose: learn poses; without, the three angles are neither taught nor to be believed.
        feedback: draw face sizes by their share of the loss.
        rendered: how many synthetic heads go with the photos.
    """

    name = "mos"
    usage = "analyze PHOTO --detector"
    stages = (Stage("train", rate=4e-3, batch=12),)

    def __init__(
        self,
        learned: bool = True,
        stitch: bool = True,
        pose: bool = True,
        feedback: bool = True,
        rendered: int = RENDERED,
    ) -> None:
        self.learned, self.stitch, self.pose, self.feedback, self.rendered = learned, stitch, pose, feedback, rendered
        self._photos: Heads | None = None
        self._heads: Heads | None = None

    def adapt(self, data: LandmarkSet) -> LandmarkSet:
        """The faces with the five points that this system places."""
        points = np.stack([Landmarks.from_points(p, data.scheme).to("coarse5").points for p in data.points])
        known = np.asarray(np.isfinite(points).all(2))
        return replace(data, points=points, visible=known.astype(np.float32), scheme=scheme("coarse5"))

    def prepare(self, data: LandmarkSet) -> None:
        """Read the poses of the faces and render heads."""
        from nasion.train.mos_scenes import from_photos, rendered

        self._photos = from_photos(data)
        self._heads = rendered(0, self.rendered)

    def build(self, points: int, size: int) -> nn.Module:
        """The small network; ``size`` is free."""
        import torch

        from nasion.train.mos_net import Mos
        from nasion.train.mos_scenes import EDGES

        model = Mos(stitch=self.stitch)
        model.register_buffer("held", torch.full((len(EDGES) - 1,), 1 / (len(EDGES) - 1)))
        return model

    def draw(self, data: LandmarkSet, index: IntArray, rng: np.random.Generator) -> Batch:
        """Which faces stand in the scenes; ``loss`` composes them, as their sizes hang on what it was so far."""
        import torch

        rows, empty = torch.from_numpy(np.asarray(index)), torch.zeros(len(index), 0)
        return Batch(empty, empty, empty, empty, rows, data.scheme)

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """The six tasks on scenes around the batch's faces."""
        import torch

        from nasion.train.mos_loss import task_losses, weigh
        from nasion.train.mos_net import priors
        from nasion.train.mos_scenes import EDGES, bin_of

        rng = np.random.default_rng(int(torch.randint(2**31, (1,))))
        chances = EVEN / len(model.held) + (1 - EVEN) * model.held.double().numpy()
        if not self.feedback:
            chances = np.ones(len(EDGES) - 1)
        large = LARGE if rng.random() < LARGE_SHARE else 1
        scenes = [self._scene(rng, int(i), chances, large) for i in batch.index[:: large**2]]
        images = torch.from_numpy(np.stack([image for image, _ in scenes])).permute(0, 3, 1, 2).float()
        faces = [torch.from_numpy(found) for _, found in scenes]
        if not self.pose:
            for found in faces:
                found[:, 14:] = torch.nan
        losses, share, side = task_losses(model(images), priors(*images.shape[2:]), faces)
        bins = torch.from_numpy(bin_of(side.numpy()))
        mean = torch.zeros_like(model.held).scatter_add_(0, bins, share)
        mean /= torch.bincount(bins, minlength=len(mean)).clamp_min(1)
        if mean.sum() > 0:
            model.held.lerp_(mean / mean.sum(), 1 - MEMORY)
        return weigh(losses, model.log_variance if self.learned else None, self.pose)

    def _scene(
        self, rng: np.random.Generator, index: int, chances: np.ndarray, large: int
    ) -> tuple[np.ndarray, np.ndarray]:
        from nasion.train.mos_scenes import compose, draw_sides

        if self._photos is None or self._heads is None:
            raise InputError("mos composes scenes of faces: call prepare(data) first, as fit does")
        count = int(rng.integers(1, MOST_FACES + 1))
        heads = []
        for k in range(count):
            synthetic = len(self._heads) > 0 and rng.random() < RENDERED_SHARE
            source = self._heads if synthetic else self._photos
            at = int(rng.integers(len(source))) if synthetic or k else index
            heads.append((source.images[at], source.faces[at]))
        return compose(rng, large * SCENE, heads, large * draw_sides(rng, chances, count, 0.75 * SCENE))

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """(N, 5, 2) the points of the surest face of each view."""
        import torch

        from nasion.train.mos_net import Decoded

        side = images.shape[-1]
        spare = -side % 32
        rows = Decoded(model)(torch.nn.functional.pad((images + 1) * 127.5, (0, spare, 0, spare)))
        best = rows[:, :, 4].argmax(1)
        points = torch.gather(rows[:, :, 5:15], 1, best[:, None, None].expand(-1, 1, 10))
        return (points.reshape(-1, 5, 2) + 0.5) / side

    def export(self, model: nn.Module, path: Path) -> Path:
        """Write the ONNX file that ``nasion.FaceDetector`` reads: ``image`` in, ``faces`` (N, A, 18) out.

        Raises:
            MissingExtraError: PyTorch or the library ``onnx`` is not installed.
            MediaError: the file cannot be written.
        """
        torch = require_torch()
        from nasion.train.mos_net import Decoded

        target = prepare_output(path)
        axes = {"image": {0: "n", 2: "h", 3: "w"}, "faces": {0: "n", 1: "a"}}
        target.write_bytes(traced(Decoded(model).eval(), {"image": torch.zeros(1, 3, 128, 160)}, ["faces"], axes=axes))
        return target
