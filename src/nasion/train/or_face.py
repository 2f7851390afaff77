"""A face detector that teaches itself a new place: operating rooms, masks, ceiling cameras, without a single label.

Rounds of: the teacher labels the pictures (``pseudo_labels``), a student learns those labels from views made harder,
beside views of the pictures that the detector was made for, where it has to keep saying what it said; the running mean
of the student's weights is the next teacher (Tarvainen and Valpola, "Mean teachers", NeurIPS 2017). It ends when the
labels no longer change.

Source: Issenhuth, Srivastav, Gangi and Padoy, "Face Detection in the Operating Room: Comparison of State-of-the-art
Methods and a Self-supervised Approach", IJCARS 2019 (abstract; the steps are standard practice).
"""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from nasion.core import FloatArray, ImageArray, InputError
from nasion.detect.detector import DEFAULT_THRESHOLD, ENLARGED, LONGEST
from nasion.metrics.detection import match_boxes
from nasion.models import Session
from nasion.train.clips import read_clips
from nasion.train.damage import damage
from nasion.train.detector_targets import Dense, Targets, targets
from nasion.train.detector_views import SIDE, view_of_face
from nasion.train.loop import LARGEST_GRADIENT, learning_rate
from nasion.train.pseudo_labels import LIKELY, View, change, label, look
from nasion.train.recipe import Course, Report, require_torch

if TYPE_CHECKING:
    from torch import Tensor

    from nasion.train.detector_file import Curve
    from nasion.train.detector_net import Detector

RATE = 3e-4  # a tenth of what the detector was trained with
BATCH = 4  # views of the new place a step, and as many of the old one
SIZES = (12.0, 140.0)  # px of a face in a view of the old place
AROUND = (0.6, 1.6)  # times the size at which the detector sees it: of a face in a view of the new place
ROUNDS, SETTLED = 3, 0.02  # change of the labels below which a further round would learn the same
KEEP = 0.98  # of the teacher's weights each step
COARSE = (SIDE / 2, SIDE)  # px that low resolution leaves of a view: a face of 12 px must stay one
MASKED = 0.35  # of the faces get their lower half covered
MONITORED = 60  # pictures of the old place on which forgetting is watched

Clips = Sequence[Sequence[ImageArray]]
Review = Callable[[list[FloatArray]], list[FloatArray]]


@dataclass(frozen=True, slots=True)
class Round:
    """One round.

    Attributes:
        faces: labels given.
        filled: of them, those that only other frames of the clip vouch for.
        ignored: places neither taught nor punished.
        change: share of the faces that differ from the round before, 0..1; 1 in the first.
        loss: mean over the round's steps.
    """

    faces: int
    filled: int
    ignored: int
    change: float
    loss: float


@dataclass(frozen=True, slots=True)
class Adapted:
    """What came out.

    Attributes:
        net: the last teacher.
        curve: of its scores.
        rounds: in order.
        kept: share of the faces found before in pictures of the old place that are found still; NaN without any.
    """

    net: Detector
    curve: Curve
    rounds: tuple[Round, ...]
    kept: float


def adapt_detector(
    clips: Clips,
    source: Sequence[ImageArray] = (),
    *,
    model: str | Path = "detector",
    minutes: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    review: Review | None = None,
    report: Report | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Adapted:
    """Adapt the embedded detector to unlabelled pictures.

    Args:
        clips: pictures of the new place, RGB uint8, each a clip of frames in order; single pictures are clips of one.
            Only frames of one clip confirm each other.
        source: pictures of the kind that the detector is good at. Without them nothing keeps it from forgetting.
        model: the detector to begin with: a name, or a file of the embedded detector's network.
        minutes: how long, over all rounds, labelling included; or
        steps: how many steps, over all rounds. Exactly one of the two.
        seed: of views and their damage.
        threads: PyTorch's; None leaves them as they are.
        review: gets the labels of each round (per picture (N, 16), see ``detector_views``) and gives back those to
            learn: where a person may strike out what is wrong.
        report: called after each step with the fraction done and the terms of the loss.
        clock: what ``minutes`` are counted with, seconds.

    Raises:
        InputError: no pictures, not exactly one of ``minutes`` and ``steps``, or no face was found to learn from.
        MissingExtraError: PyTorch or onnx is not installed.
        ModelError: ``model`` is another network.
    """
    if (minutes is None) == (steps is None) or (minutes or steps or 0) <= 0:
        raise InputError(f"give a positive number of minutes or of steps, got minutes={minutes}, steps={steps}")
    pictures = [image for clip in clips for image in clip]
    if not pictures:
        raise InputError("there are no pictures to adapt to: give at least one clip of one picture")
    torch = require_torch()
    from nasion.train.detector_file import read_detector

    if threads is not None:
        torch.set_num_threads(threads)
    torch.manual_seed(seed)
    student, curve = read_detector(model)
    before = copy.deepcopy(student).requires_grad_(False)
    session = Session(model, threads=threads)
    known = [_likely(session, image) for image in source]
    teacher = copy.deepcopy(student).requires_grad_(False)
    optimiser = torch.optim.AdamW(student.parameters(), lr=RATE, weight_decay=0.0)
    rounds: list[Round] = []
    labels: list[FloatArray] = []
    began, step = clock(), 0
    for number in range(ROUNDS):
        given = label(session, clips)
        given = given if review is None else review(given)
        changed = change(labels, given) if number else 1.0
        if changed < SETTLED:
            break
        labels = given
        faces = [rows[rows[:, 4] == 1] for rows in labels]
        if not sum(map(len, faces)):
            raise InputError(
                f"no face was found in {len(pictures)} pictures that the views agree on: give pictures in which the "
                "detector finds at least some faces"
            )
        losses = []
        while True:
            done = step / steps if steps else (clock() - began) / (60 * (minutes or 1.0))
            if done >= (number + 1) / ROUNDS:
                break
            rng = np.random.default_rng((seed, step))
            images, wanted = _batch(rng, pictures, labels, source, known, before)
            for group in optimiser.param_groups:
                group["lr"] = RATE * learning_rate(min(done, 1.0))
            loss, terms = _loss(student, images, wanted)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(student.parameters(), LARGEST_GRADIENT)
            optimiser.step()
            _follow(teacher, student, step)
            losses.append(terms["loss"])
            step += 1
            if report is not None:
                report(done, {"loss": terms["loss"]})
        rounds.append(_round(labels, changed, losses))
        session = _session(teacher, curve, threads)
    return Adapted(teacher, curve, tuple(rounds), _kept(source[:MONITORED], known, session))


def mask_lower_half(rng: np.random.Generator, view: ImageArray, rows: FloatArray) -> ImageArray:
    """Cover the lower half of some labelled faces with a patch of one colour, as a mask would."""
    view = view.copy()
    for x0, y0, x1, y1 in rows[rows[:, 4] == 1, :4]:
        if rng.random() > MASKED:
            continue
        top, wide = y0 + (y1 - y0) * rng.uniform(0.45, 0.62), x1 - x0
        outline = [(x0, top), ((x0 + x1) / 2, top - 0.08 * (y1 - y0)), (x1, top), (x1 - 0.2 * wide, y1)]
        corners = np.array([*outline, (x0 + 0.2 * wide, y1)])
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        cv2.fillPoly(view, [np.rint(corners * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)
    return view


class ORFace:
    """`nasion train or-face-selfsup`: adapt to a folder of unlabelled pictures and videos, write the detector.

    Attributes:
        source: folder of pictures that the detector is good at and must stay good at.
        skipped: files that could not be read, and why; after ``make``.
    """

    name = "or-face-selfsup"

    def __init__(self, source: Path | None = None) -> None:
        self.source, self.skipped = source, tuple[str, ...]()

    def make(self, data: Path | None, out: Path, course: Course) -> list[str]:
        """Adapt, and write an ONNX file for ``nasion.FaceDetector``.

        Args:
            data: folder of the new place.
            out: ``.onnx`` file to write.
            course: its parts are as for ``adapt_detector``.

        Returns:
            What to tell the user, line by line.

        Raises:
            InputError: ``data`` is left out, or as for ``adapt_detector``.
        """
        if data is None:
            raise InputError(f"name the folder of pictures, no labels needed: nasion train {self.name} FOLDER")
        clips, failed = read_clips(data)
        old, also_failed = read_clips(self.source) if self.source else ([], [])
        self.skipped = (*failed, *also_failed)
        source = [frame for clip in old for frame in clip]
        made = adapt_detector(clips, source, **course.options())
        from nasion.train.detector_file import write_detector

        kept = {} if np.isnan(made.kept) else {"kept_of_source": f"{made.kept:.4f}"}
        write_detector(made.net, made.curve, out, metadata={"system": self.name, **kept})
        lines = [
            f"round {number}: {r.faces} faces labelled ({r.filled} by other frames), {r.ignored} places ignored, "
            f"{100 * r.change:.0f} % new, loss {r.loss:.3f}"
            for number, r in enumerate(made.rounds, 1)
        ]
        lines.append(
            f"of the faces found before in the source pictures {100 * made.kept:.1f} % are still found" if kept else
            "no --source pictures: whether it has forgotten its old domain was not watched"
        )  # fmt: skip
        return [*lines, f"wrote {out}; try: nasion analyze PHOTO --detector {out}"]


def _batch(
    rng: np.random.Generator,
    pictures: Sequence[ImageArray],
    labels: Sequence[FloatArray],
    source: Sequence[ImageArray],
    known: Sequence[FloatArray],
    before: Detector,
) -> tuple[Tensor, list[Targets]]:
    """Views and what to answer: labels in the new place, in the old one what was answered before."""
    import torch

    from nasion.train.detector_loss import answers, cells

    corner, stride = cells(SIDE, SIDE)
    strides = stride.numpy()
    middle = corner.numpy() + strides[:, None] / 2
    nothing, views, wanted = Dense.nothing(middle), [], []
    for _ in range(BATCH):
        i = int(rng.integers(len(pictures)))
        seen_at = min(LONGEST / max(pictures[i].shape[:2]), ENLARGED)
        view, rows = view_of_face(rng, pictures[i], labels[i], AROUND, times=seen_at)
        views.append(damage(mask_lower_half(rng, view, rows), rng, COARSE))
        wanted.append(targets(nothing, rows, middle, strides))
    if source:
        chosen = rng.integers(len(source), size=BATCH)
        clean = [view_of_face(rng, source[i], known[i], SIZES)[0] for i in chosen]
        none = np.zeros((0, 16), np.float32)
        wanted += [targets(dense, none, middle, strides) for dense in answers(before, clean)]
        views += clean  # damaged, they taught to be as sure of what can hardly be seen: 1 point of AP lost at home
    images = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).float()
    return images.contiguous(memory_format=torch.channels_last), wanted


def _loss(net: Detector, images: Tensor, wanted: list[Targets]) -> tuple[Tensor, dict[str, float]]:
    from nasion.train.detector_loss import cells, detection_loss, flatten

    return detection_loss(flatten(net(images)), *cells(*images.shape[2:]), wanted)


def _follow(teacher: Detector, student: Detector, step: int) -> None:
    import torch

    keep = min(KEEP, (1 + step) / (10 + step))
    with torch.no_grad():
        for mean, value in zip(teacher.parameters(), student.parameters(), strict=True):
            mean.lerp_(value, 1 - keep)


def _session(net: Detector, curve: Curve, threads: int | None) -> Session:
    """The network behind ONNX Runtime, which looks at pictures several times as fast."""
    from nasion.train.detector_file import write_detector

    with tempfile.TemporaryDirectory() as folder:
        return Session(write_detector(net, curve, Path(folder) / "teacher.onnx"), threads=threads)


def _likely(session: Session, image: ImageArray) -> FloatArray:
    """(N, 16) faces of a picture looked at once, best first."""
    rows, _ = look(session, image, View())
    return rows[rows[:, 4] >= LIKELY]


def _kept(source: Sequence[ImageArray], known: Sequence[FloatArray], session: Session) -> float:
    """Share of the surely known faces of the old place that are still found."""
    total = still = 0
    for image, rows in zip(source, known, strict=False):
        sure, now = (r[r[:, 4] >= DEFAULT_THRESHOLD] for r in (rows, _likely(session, image)))
        total += len(sure)
        still += int((match_boxes(now[:, :4], now[:, 4], sure[:, :4], 0.5) >= 0).sum())
    return still / total if total else float("nan")


def _round(labels: Sequence[FloatArray], changed: float, losses: Sequence[float]) -> Round:
    rows = np.concatenate(labels)
    face = rows[:, 4] == 1
    filled = face & np.isnan(rows[:, 5])
    return Round(
        int(face.sum()), int(filled.sum()), int((rows[:, 4] == 0).sum()), changed,
        float(np.mean(losses)) if losses else float("nan"),
    )  # fmt: skip
