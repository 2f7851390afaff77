"""KD-Loss: a small student that a tough and a tolerant teacher help to the truth.

Source: Fard and Mahoor, "Facial Landmark Points Detection Using Knowledge Distillation-Based Neural Networks",
CVIU 215 (2022), arXiv 2111.07047, from the description of the method; no code of the authors is used.

The tough teacher learns the true points, the tolerant one points smoothed by a shape model. For each coordinate of the
student, a teacher reflected to the student's side of the truth pulls while the student is worse than the teacher, and
pushes away, towards the truth, once it is better. All lengths are in units of the crop, as in the paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasion.train.data import LandmarkSet
from nasion.train.recipe import Batch, Progress, Stage
from nasion.train.shape_model import ShapeModel

if TYPE_CHECKING:
    from torch import Tensor, nn

TOUGH, TOLERANT = (1.9, 0.45), (1.8, 0.4)  # alpha: pull from beyond the teacher; beta: push from between
BAND = 0.15  # of the teacher's distance: so close to the truth, teachers keep silent
STEEP = 3.0  # slope of the main term up to the tolerant teacher's error
MAIN, ASSIST = 2.0, 1.0
KEPT_VARIANCE = 0.9
RATE = 1e-3


class KDLandmarks:
    """The recipe. Teachers and student are trained on the same crops with the same augmentation.

    Args:
        distil: False trains the student alone with the mean squared error, to compare with.
        teacher, student: widths of the MobileNetV2s.
    """

    def __init__(self, distil: bool = True, teacher: float = 1.0, student: float = 0.35) -> None:
        self.name = "kd-landmarks" if distil else "kd-landmarks-alone"
        self.distil, self.teacher, self.student = distil, teacher, student
        alone = Stage("student", 1.0, RATE, ("student",) if distil else (), 70)
        teachers = (Stage("tough", 0.5, RATE, ("tough",), 70), Stage("tolerant", 0.5, RATE, ("tolerant",), 70))
        self.stages = (*teachers, alone) if distil else (alone,)
        self._shapes: ShapeModel | None = None

    def prepare(self, data: LandmarkSet) -> None:
        """Fit the shape model to the plain views."""
        if self.distil:
            self._shapes = ShapeModel.fit(data.views()[1] / data.size, KEPT_VARIANCE)

    def build(self, points: int, size: int) -> nn.Module:
        """Student, and with ``distil`` both teachers."""
        from nasion.train.kd_landmarks_net import Pupil

        return Pupil(points, self.student, self.teacher if self.distil else None)

    def loss(self, model: nn.Module, batch: Batch, step: Progress) -> dict[str, Tensor]:
        """MSE to true or smoothed points for the teachers, the KD loss for the student."""
        import torch

        from nasion.train.blocks import masked_mean
        from nasion.train.kd_landmarks_net import kd_loss

        def squared(found: Tensor, wanted: Tensor) -> dict[str, Tensor]:
            return {"mse": masked_mean((found - wanted).square(), batch.known)}

        if not self.distil:
            return squared(model.student(batch.images), batch.points)
        if step.stage == "tough":
            return squared(model.tough(batch.images), batch.points)
        if step.stage == "tolerant":
            return squared(model.tolerant(batch.images), self.soft(batch))
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
