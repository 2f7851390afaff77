"""KD-Loss: a small student that a tough and a tolerant teacher help to the truth.

Source: Fard and Mahoor, "Facial Landmark Points Detection Using Knowledge Distillation-Based Neural Networks",
CVIU 215 (2022), arXiv 2111.07047, from the description of the method; no code of the authors is used.

The tough teacher learns the true points, the tolerant one points smoothed by a shape model. For each coordinate of the
student, a teacher reflected to the student's side of the truth pulls while the student is worse than the teacher, and
pushes away, towards the truth, once it is better. All lengths are in units of the crop, as in the paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nasion.core import FloatArray
from nasion.train.data import LandmarkSet, mean_points
from nasion.train.recipe import Batch, Progress, Stage
from nasion.train.shape_model import ShapeModel

if TYPE_CHECKING:
    from torch import Tensor, nn

TOUGH, TOLERANT = (1.9, 0.45), (1.8, 0.4)  # alpha: pull from beyond the teacher; beta: push from between
BAND = 0.15  # of the teacher's distance: so close to the truth, teachers keep silent
STEEP = 3.0  # slope of the main term up to the tolerant teacher's error
MAIN, ASSIST = 2.0, 1.0
KEPT_VARIANCE = 0.9
RATE, TEACHERS_RATE = 5e-3, 3e-3


class KDLandmarks:
    """The recipe. Teachers and student are trained on the same crops with the same augmentation.

    Args:
        distil: False trains the student alone with the mean squared error, to compare with.
        teacher, student: widths of the MobileNetV2s. Teachers read heatmaps, which are learned in minutes: one that
            regresses coordinates as the student does would in that time be no better than the student.
    """

    size, strength = 64, 0.1  # with more a network as small as this one is still far off when the time is over

    def __init__(self, distil: bool = True, teacher: float = 0.5, student: float = 0.35) -> None:
        self.name = "kd-landmarks" if distil else "kd-landmarks-alone"
        self.distil, self.teacher, self.student = distil, teacher, student
        alone = Stage("student", 1.0, RATE, ("student",) if distil else (), 32)
        teachers = (
            Stage("tough", 0.5, TEACHERS_RATE, ("tough",)),
            Stage("tolerant", 0.5, TEACHERS_RATE, ("tolerant",)),
        )
        self.stages = (*teachers, alone) if distil else (alone,)
        self._shapes: ShapeModel | None = None
        self._mean: FloatArray | None = None

    def prepare(self, data: LandmarkSet) -> None:
        """Take the mean face, which the student starts from, and fit the shape model to the plain views."""
        self._mean = mean_points(data)
        if self.distil:
            self._shapes = ShapeModel.fit(data.views()[1] / data.size, KEPT_VARIANCE)

    def build(self, points: int, size: int) -> nn.Module:
        """Student, and with ``distil`` both teachers; without ``prepare`` the mean face is the middle of the crop."""
        from nasion.train.kd_landmarks_net import Pupil

        mean = np.full((points, 2), 0.5) if self._mean is None else self._mean
        return Pupil(mean, self.student, self.teacher if self.distil else None)

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """The distance to true or smoothed points for the teachers, the KD loss or MSE for the student."""
        import torch

        from nasion.train.blocks import masked_mean, point_loss
        from nasion.train.kd_landmarks_net import kd_loss

        if not self.distil:
            return {"mse": masked_mean((model.student(batch.images) - batch.points).square(), batch.known)}
        if step.stage == "tough":
            return {"points": point_loss(model.tough(batch.images), batch.points, batch.known)}
        if step.stage == "tolerant":
            return {"points": point_loss(model.tolerant(batch.images), self.soft(batch), batch.known)}
        with torch.no_grad():
            tough, tolerant = model.tough(batch.images), model.tolerant(batch.images)
        return kd_loss(model.student(batch.images), batch.points, tough, tolerant, batch.known)

    def soft(self, batch: Batch) -> Tensor:
        """The batch's points as the shape model has them; unchanged for a face with unknown points."""
        import torch

        assert self._shapes is not None, "fit() calls prepare() first"
        smooth = torch.from_numpy(self._shapes.smooth(batch.points.numpy())).to(batch.points.dtype)
        return torch.where(batch.known.bool().all(1)[:, None, None], smooth, batch.points)

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """The student's points."""
        return model.student(images)
