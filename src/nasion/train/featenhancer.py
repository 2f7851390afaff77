"""A module in front of the detector that learns to read the dark, from bright photos alone.

Photos are darkened as a camera would (``low_light``); what to find in the dark view is what the detector finds in the
bright one. First only the module learns, then the detector behind it, too, at a tenth of its rate. What is written is
one file, module and detector together, for ``nasion.FaceDetector`` and ``--detector``.

Source: Hashmi et al., "FeatEnHancer: Enhancing Hierarchical Features for Object Detection and Beyond Under Low-Light
Vision", ICCV 2023.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, InputError
from nasion.detect.detector import ENLARGED
from nasion.models import Session
from nasion.train.clips import read_clips
from nasion.train.detector_targets import Targets, targets
from nasion.train.detector_views import view_of_face
from nasion.train.loop import LARGEST_GRADIENT, learning_rate
from nasion.train.low_light import some_darkness
from nasion.train.pseudo_labels import LIKELY, View, look
from nasion.train.recipe import Course, Report, require_torch

if TYPE_CHECKING:
    from torch import Tensor

    from nasion.train.detector_file import Curve
    from nasion.train.detector_net import Detector
    from nasion.train.featenhancer_net import FeatEnHancer

VIEW, BATCH = 96, 8  # px; views a step
SIZES = (10.0, 64.0)  # px of a face in a view
FINEST = 1.5  # px of a picture for each that the detector sees of it, at most
RATE, HOST_RATE = 1.5e-3, 3e-4  # of the module; of the detector, a tenth of what it was trained with
ALONE = 0.3  # of the steps before the detector learns, too


@dataclass(frozen=True, slots=True)
class Enhanced:
    """What came out.

    Attributes:
        module: in front of the detector; None where only the detector was trained.
        net, curve: the detector.
        steps: done.
        loss: mean over the last fifth of the steps.
    """

    module: FeatEnHancer | None
    net: Detector
    curve: Curve
    steps: int
    loss: float

    def write(self, path: Path) -> Path:
        """Module and detector as one file that ``nasion.FaceDetector`` reads."""
        from nasion.train.detector_file import write_detector
        from nasion.train.featenhancer_net import Front

        front = None if self.module is None else Front(self.module)
        return write_detector(self.net, self.curve, path, front=front, metadata={"system": "featenhancer"})


def train_enhancer(
    pictures: Sequence[ImageArray],
    *,
    model: str | Path = "detector",
    module: bool = True,
    host: bool = True,
    host_rate: float = HOST_RATE,
    minutes: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    report: Report | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Enhanced:
    """Train the module, the detector behind it, or both.

    Args:
        pictures: bright photos with faces, RGB uint8.
        model: the detector to begin with: a name, or a file of the embedded detector's network.
        module: put the module in front; False trains the detector alone on the same views, the fair comparison.
        host: let the detector learn in the last part of the steps; in all of them where there is no module.
        host_rate: the detector's highest learning rate.
        minutes: how long; or
        steps: how many steps. Exactly one of the two.
        seed: of weights, views and darkness.
        threads: PyTorch's; None leaves them as they are.
        report: called after each step with the fraction done and the terms of the loss.
        clock: what ``minutes`` are counted with, seconds.

    Raises:
        InputError: no picture, nothing that learns, or not exactly one of ``minutes`` and ``steps``.
        MissingExtraError: PyTorch or onnx is not installed.
        ModelError: ``model`` is another network.
    """
    if (minutes is None) == (steps is None) or (minutes or steps or 0) <= 0:
        raise InputError(f"give a positive number of minutes or of steps, got minutes={minutes}, steps={steps}")
    if not pictures or not (module or host):
        raise InputError("there is nothing to learn: give at least one picture, and train the module, the host or both")
    torch = require_torch()
    from nasion.train.detector_file import read_detector
    from nasion.train.detector_loss import cells, detection_loss, flatten
    from nasion.train.featenhancer_net import FeatEnHancer, Front

    if threads is not None:
        torch.set_num_threads(threads)
    torch.manual_seed(seed)
    net, curve = read_detector(model)
    bright = copy.deepcopy(net).requires_grad_(False)
    front = Front(FeatEnHancer().to(memory_format=torch.channels_last)) if module else None
    groups = [] if front is None else [{"params": list(front.parameters()), "rate": RATE}]
    groups += [{"params": list(net.parameters()), "rate": host_rate}] if host else []
    optimiser = torch.optim.AdamW(groups, lr=RATE, weight_decay=0.0)
    session = Session(model, threads=threads)
    known = [_faces(session, picture) for picture in pictures]
    grid, began, step, losses = cells(VIEW, VIEW), clock(), 0, []
    while (done := step / steps if steps else (clock() - began) / (60 * (minutes or 1.0))) < 1:
        net.requires_grad_(host and (front is None or done >= ALONE))
        images, wanted = draw(np.random.default_rng((seed, step)), pictures, known, bright)
        for group in optimiser.param_groups:
            group["lr"] = group["rate"] * learning_rate(done)
        seen = images if front is None else front(images)
        loss, terms = detection_loss(flatten(net(seen)), *grid, wanted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        learning = [p for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
        torch.nn.utils.clip_grad_norm_(learning, LARGEST_GRADIENT)
        optimiser.step()
        losses.append(terms["loss"])
        step += 1
        if report is not None:
            report(done, {"loss": terms["loss"]})
    made = None if front is None else front.module.eval()
    return Enhanced(made, net.eval(), curve, step, float(np.mean(losses[-max(len(losses) // 5, 1) :])))


def draw(
    rng: np.random.Generator, pictures: Sequence[ImageArray], known: Sequence[FloatArray], bright: Detector
) -> tuple[Tensor, list[Targets]]:
    """Dark views (B, 3, S, S) 0..255 and what the detector answers to the bright ones."""
    import torch

    from nasion.train.detector_loss import answers, cells

    chosen = rng.integers(len(pictures), size=BATCH)
    views = [view_of_face(rng, pictures[i], known[i], SIZES, VIEW)[0] for i in chosen]
    corner, stride = (part.numpy() for part in cells(VIEW, VIEW))
    none = np.zeros((0, 16), np.float32)
    wanted = [targets(dense, none, corner + stride[:, None] / 2, stride) for dense in answers(bright, views)]
    images = torch.from_numpy(np.stack([_taken_in_the_dark(rng, view) for view in views])).permute(0, 3, 1, 2).float()
    return images.contiguous(memory_format=torch.channels_last), wanted


class LowLight:
    """`nasion train featenhancer`: learn from a folder of bright pictures, write module and detector as one file.

    Attributes:
        skipped: files that could not be read, and why; after ``make``.
    """

    name = "featenhancer"

    def __init__(self) -> None:
        self.skipped = tuple[str, ...]()

    def make(self, data: Path | None, out: Path, course: Course) -> list[str]:
        """Train, and write an ONNX file for ``nasion.FaceDetector``.

        Args:
            data: folder of bright pictures with faces, no labels needed.
            out: ``.onnx`` file to write.
            course: its parts are as for ``train_enhancer``.

        Returns:
            What to tell the user, line by line.

        Raises:
            InputError: ``data`` is left out, or nothing in it can be read.
        """
        if data is None:
            raise InputError(f"name the folder of bright pictures, no labels needed: nasion train {self.name} FOLDER")
        clips, failed = read_clips(data)
        self.skipped = tuple(failed)
        pictures = [frame for clip in clips for frame in clip]
        made = train_enhancer(pictures, **course.options())
        made.write(out)
        return [
            f"{made.steps} steps on {len(pictures)} pictures, loss {made.loss:.3f} at the end",
            f"wrote {out}; try: nasion analyze PHOTO --detector {out}",
        ]


def _taken_in_the_dark(rng: np.random.Generator, view: ImageArray) -> ImageArray:
    """A view (S, S, 3) as the detector would see a dark picture of another size: resized, its noise with it."""
    side = round(len(view) * rng.uniform(1 / ENLARGED, FINEST))
    there, back = (cv2.INTER_AREA, cv2.INTER_LINEAR) if side < len(view) else (cv2.INTER_LINEAR, cv2.INTER_AREA)
    taken = some_darkness(rng, np.asarray(cv2.resize(view, (side, side), interpolation=there), np.uint8))
    return np.asarray(cv2.resize(taken, view.shape[1::-1], interpolation=back), np.uint8)


def _faces(session: Session, picture: ImageArray) -> FloatArray:
    rows, _ = look(session, picture, View())
    return rows[rows[:, 4] >= LIKELY]
