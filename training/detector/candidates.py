"""Mine what the second look learns on: the shipped first look's candidates, faces and others, each with its crop.

Use:
    python -m training.detector.candidates --work DIR --out DIR --models ../shared/models [--minutes 8]

``--work`` is where ``prepare.py`` wrote. Candidates come from the 400 training photos as they are, mirrored, smaller,
larger, lying and upside-down; from crops of them below the lowest chin; from the scenes of ``scenes.py``; from drawn
graphics. The 50 photos kept for choices go to a store of their own, ``choices``. The held-out photos take no part.

A candidate is a face from an overlap (IoU) of 0.3 with one, none below 0.15; what YuNet is unsure of (from a score of
0.12 on, on the photo at two sizes) is neither. Writes ``candidates.npz`` and ``choices.npz``: ``crops`` (N, M, M, 3)
uint8 with ``MARGIN`` of the crop more on each side, ``prior`` (N, 16), ``label`` (N,) 1 or 0, ``truth`` (N, 14) box and
points as ``nasion.detect.second.into`` gives them (NaN where unknown), ``source`` (N,).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from nasion.detect.canvas import fit
from nasion.detect.heads import read_embedded
from nasion.detect.second import SIDE, cut, into, prior, windows
from nasion.detect.suppression import suppress
from nasion.models import Session
from nasion.report.bench.faceless import BELOW
from nasion.train.detector_views import move
from training.detector.scenes import Scenes, Store
from training.detector.teacher import FROM_YUNET, Teacher, grow, iou_matrix
from training.detector.train import halves
from training.landmarker.presence import graphic

LOWEST, LOWEST_BELOW = 0.04, 0.015  # scores of the first look; where nothing is a face
MARGIN = 6  # px of a crop of SIDE px, for shifts and zooms in training
FACE, NONE = 0.3, 0.15
UNSURE = 0.12  # score from which YuNet may have seen an unlabelled face
MOST = 40  # candidates from one picture
SEED = 31


class First:
    """The embedded detector's candidates."""

    def __init__(self) -> None:
        self.session = Session("detector", threads=1)

    def candidates(self, image: np.ndarray, lowest: float, overlap: float, enlarged: float) -> np.ndarray:
        """(N, 15), suppressed, best first."""
        canvas = fit(image, 640, enlarged)
        planes = np.ascontiguousarray(canvas.pixels.transpose(2, 0, 1)[None], np.float32)
        rows = canvas.back(read_embedded(self.session.run({"image": planes}), lowest)[0])
        return rows[suppress(rows[:, :4], rows[:, 4], overlap)][:MOST]


class Mine:
    """Collects candidates."""

    def __init__(self) -> None:
        self.first = First()
        self.parts: dict[str, list[np.ndarray]] = {k: [] for k in ("crops", "prior", "label", "truth", "source")}

    def add(
        self, source: int, image: np.ndarray, rows: np.ndarray, overlap: float = 0.45, enlarged: float = 1.0
    ) -> None:
        """Candidates of one picture; rows (M, 16) as ``prepare.py`` has them, kind 1 a face, 0..1 unsure, -1 none."""
        found = self.first.candidates(image, LOWEST if len(rows) else LOWEST_BELOW, overlap, enlarged)
        faces, unsure = rows[rows[:, 4] == 1], rows[(rows[:, 4] >= 0) & (rows[:, 4] < 1)]
        with_face = iou_matrix(found, faces) if len(faces) else np.zeros((len(found), 1))
        best = with_face.max(axis=1)
        vague = iou_matrix(found, unsure).max(axis=1) > 0.1 if len(unsure) else np.zeros(len(found), bool)
        face = best >= FACE
        keep = face | ((best < NONE) & ~vague)
        found, face, which = found[keep], face[keep], with_face[keep].argmax(axis=1)
        truth = np.full((len(found), 15), np.nan, np.float32)
        if face.any():
            matched = faces[which[face]]
            truth[face] = np.concatenate([matched[:, :5], matched[:, 5:15]], axis=1)
        squares = windows(found)
        wider = squares.copy()
        side = np.rint(squares[:, 2] * (1 + 2 * MARGIN / SIDE)).astype(int)
        wider[:, :2] -= ((side - squares[:, 2]) // 2)[:, None]
        wider[:, 2] = side
        crops = np.empty((len(found), SIDE + 2 * MARGIN, SIDE + 2 * MARGIN, 3), np.uint8)
        cut(image, wider, crops)
        # all in the wider square: training cuts the crop out of it
        numbers = prior(found, squares)
        numbers[:, 2:] = into(found, wider)
        self.parts["crops"].append(crops)
        self.parts["prior"].append(numbers)
        self.parts["label"].append(face.astype(np.uint8))
        self.parts["truth"].append(into(truth, wider))
        self.parts["source"].append(np.full(len(found), source, np.uint8))

    def write(self, path: Path) -> None:
        done = {name: np.concatenate(parts) for name, parts in self.parts.items()}
        np.savez(path, **done)
        for source in np.unique(done["source"]):
            here = done["label"][done["source"] == source]
            print(f"{path.name} {source}: {len(here)} candidates, {here.mean():.2f} faces", flush=True)


def with_doubts(crowds: Store, teacher: Teacher, i: int) -> np.ndarray:
    """A photo's rows and, as unsure, what YuNet sees faintly."""
    rows, image = crowds.rows[i], crowds.picture(i)
    longest = max(image.shape[:2])
    faint = teacher.find(image, (1.0, 640 / longest), UNSURE)
    faint = faint[iou_matrix(faint, rows).max(axis=1) < 0.3] if len(faint) else faint
    more = np.full((len(faint), 16), np.nan, np.float32)
    more[:, :4], more[:, 4], more[:, 15] = grow(faint, FROM_YUNET), 0, faint[:, 4]
    return np.concatenate([rows, more])


def turned(
    image: np.ndarray, rows: np.ndarray, degrees: int, mirrored: bool, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """The whole picture turned by quarters, mirrored, resized, and its rows."""
    height, width = image.shape[:2]
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    image = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    scaled = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]])
    rows = move(rows, scaled, False)
    if mirrored:
        image = image[:, ::-1]
        rows = move(rows, np.array([[-1.0, 0, w - 1], [0, 1, 0]]), True)
    for _ in range(degrees // 90):
        image = np.rot90(image)
        rows = move(rows, np.array([[0.0, 1, 0], [-1, 0, w - 1]]), False)
        w, h = h, w
    return np.ascontiguousarray(image), rows


def photos(mine: Mine, crowds: Store, which: list[int], rng: np.random.Generator) -> None:
    """Whole photos, as they are and otherwise; then face-free crops of them."""
    for i in which:
        image, rows = crowds.picture(i), crowds.rows[i]
        mine.add(0, image, rows)
        mine.add(0, *turned(image, rows, 0, True, 1.0))
        mine.add(0, image, rows, 0.6, 1.28)
        for _ in range(2):
            scale = float(np.exp(rng.uniform(np.log(0.5), np.log(1.4))))
            mine.add(1, *turned(image, rows, 0, bool(rng.random() < 0.5), scale), 0.6)
        mine.add(2, *turned(image, rows, int(rng.choice([90, 180, 270])), bool(rng.random() < 0.5), 1.0))


def below(mine: Mine, crowds: Store, which: list[int], rng: np.random.Generator, each: int) -> None:
    """Crops from below the lowest chin, at any size."""
    for i in which:
        image, rows = crowds.picture(i), crowds.rows[i]
        height, width = image.shape[:2]
        lowest = rows[int(rows[:, 3].argmax())]
        top = int(np.ceil(lowest[3] + BELOW * (lowest[3] - lowest[1])))
        for _ in range(each if min(height - top, width) > 32 else 0):
            side = int(rng.integers(32, min(height - top, width) + 1))
            x, y = int(rng.integers(0, width - side + 1)), int(rng.integers(top, height - side + 1))
            piece = np.rot90(image[y : y + side, x : x + side], int(rng.choice(4, p=[0.7, 0.1, 0.1, 0.1])))
            scale = float(np.exp(rng.uniform(np.log(0.6), np.log(3.0))))
            mine.add(3, *turned(np.ascontiguousarray(piece), rows[:0], 0, bool(rng.random() < 0.5), scale))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=8.0)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    start, rng = time.time(), np.random.default_rng(SEED)
    args.out.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(args.models / "yunet_n_dynamic.onnx")
    crowds = Store.load(args.work, "crowds")
    for i in range(len(crowds)):
        crowds.rows[i] = with_doubts(crowds, teacher, i)
    learnt, kept = halves(crowds)
    print(f"doubts: {time.time() - start:.0f} s", flush=True)
    choices = Mine()
    for i in kept:
        choices.add(0, crowds.picture(i), crowds.rows[i])
        choices.add(0, *turned(crowds.picture(i), crowds.rows[i], 0, True, 1.0))
    below(choices, crowds, kept, rng, 40)
    choices.write(args.out / "choices.npz")
    mine = Mine()
    photos(mine, crowds, learnt, rng)
    print(f"photos: {time.time() - start:.0f} s", flush=True)
    below(mine, crowds, learnt, rng, 40)
    nothing = np.zeros((0, 16), np.float32)
    for _ in range(600):
        mine.add(4, graphic(rng, int(rng.integers(48, 240))), nothing)
    print(f"below: {time.time() - start:.0f} s", flush=True)
    scenes = Scenes(args.work, SEED, learnt)
    scenes.crowds.rows = crowds.rows
    step = 0
    while time.time() - start < 60 * args.minutes:
        image, _, rows = scenes.scene(step, 0)
        mine.add(5, image, rows, 0.45 if step % 2 else 0.6)
        step += 1
    print(f"{step} scenes: {time.time() - start:.0f} s", flush=True)
    mine.write(args.out / "candidates.npz")


if __name__ == "__main__":
    main()
