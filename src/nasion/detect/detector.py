"""Faces in pictures: the embedded detector, or YuNet by name.

The network, its training and its sources are described in ``training/detector`` and on the model's card.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from nasion.core import Box, Face, FloatArray, ImageArray, InputError, Landmarks, Pose, scheme
from nasion.detect.canvas import MULTIPLE, Canvas, check_image, fit
from nasion.detect.heads import read_embedded, read_mos, read_yunet
from nasion.detect.second_look import UNSEEN, look_again
from nasion.detect.suppression import suppress
from nasion.models import Session

DEFAULT_THRESHOLD = 0.65
LONGEST = 640  # px of the longer side that the network sees
SHRINK = 3  # a picture is also looked at three and nine times smaller, for an eighth more time,
LARGEST = 120  # because the embedded network is at its best on faces up to this many px
WORTH_A_LOOK = 0.25  # candidates from this score on are looked at again
SAME_FACE = 0.45  # boxes that overlap more are one face
POINT_SIGMA = (
    0.05  # of the five points, over the root of the box's area; 0.042 on the 90 HELEN test photos, more on small faces
)
MOST_CANDIDATES = 2000
BATCH = 8
ALIASES = {"yunet": "yunet_2023mar"}


class FaceDetector:
    """Finds faces.

    Args:
        model: a name of the catalogue (``"detector"``, ``"yunet"``, ...) or the path of an ONNX file that
            answers as one of them does. Faces of a file from `nasion train mos` carry a ``pose``.
        threshold: faces scoring less are not reported, 0..1.
        longest: the length in px that a picture's longer side is resized to. Larger finds smaller faces and costs
            quadratically more time.
        device, threads: as for ``nasion.models.Session``.

    Raises:
        InputError: ``threshold`` or ``longest`` out of range.
        ModelError: as for ``nasion.models.Session``.
    """

    def __init__(
        self,
        model: str | Path = "detector",
        *,
        threshold: float = DEFAULT_THRESHOLD,
        longest: int = LONGEST,
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        if not 0 < threshold <= 1:
            raise InputError(f"the threshold must be above 0 and at most 1, got {threshold}")
        if longest < MULTIPLE:
            raise InputError(f"longest must be at least {MULTIPLE} px, got {longest}")
        self.session = Session(ALIASES.get(str(model), model), device=device, threads=threads)
        self.threshold, self.longest = threshold, longest
        ((self._input, shape),) = self.session.input_shapes.items()
        height, width = shape[2:]
        self._fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None
        self._single = shape[0] == 1
        self._yunet = "cls_8" in self.session.output_names
        self._mos = self.session.output_names == ("faces",)
        self._floor = threshold if self._yunet or self._mos else min(threshold, WORTH_A_LOOK)

    def detect(self, image: ImageArray) -> list[Face]:
        """The faces of one RGB uint8 (H, W, 3) image, best score first, each with ``coarse5`` points."""
        return self.detect_batch([image])[0]

    def detect_batch(self, images: Sequence[ImageArray]) -> list[list[Face]]:
        """``detect`` for several images; those of one size go through the network together."""
        for image in images:
            check_image(image)
        if self._yunet or self._mos:
            canvases = [fit(image, self.longest, self._fixed) for image in images]
            found = [_best(rows) for rows in self._look(canvases)]
        else:
            found = [
                self._sure(image, rows) for image, rows in zip(images, self._look_at_all_sizes(images), strict=True)
            ]
        return [[_face(row) for row in rows] for rows in found]

    def _look_at_all_sizes(self, images: Sequence[ImageArray]) -> list[FloatArray]:
        canvases = [fit(image, self.longest, self._fixed) for image in images]
        found = self._look(canvases)
        longest = self.longest
        while longest > LARGEST:
            longest = max(longest // SHRINK, MULTIPLE)
            canvases = [canvas.shrunk(longest) for canvas in canvases]
            for i, (canvas, rows) in enumerate(zip(canvases, self._look(canvases), strict=True)):
                # of a smaller picture only the faces that were too large before: the others are blurred now
                least = LARGEST / SHRINK / max(canvas.scale)
                large = np.sqrt((rows[:, 2:4] - rows[:, :2]).prod(axis=1)) >= least
                found[i] = np.concatenate([found[i], rows[large]])
        return found

    def _sure(self, image: ImageArray, rows: FloatArray) -> FloatArray:
        """What is left of the candidates after the second look, best first."""
        rows = look_again(image, _best(rows), lambda crops: self._read(crops, UNSEEN))
        return _best(rows[rows[:, 4] >= self.threshold])

    def _look(self, canvases: Sequence[Canvas]) -> list[FloatArray]:
        """Candidates (N, 15) in each canvas, in px of its picture."""
        groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for i, canvas in enumerate(canvases):
            groups[canvas.pixels.shape].append(i)
        found: dict[int, FloatArray] = {}
        batch = 1 if self._single else BATCH
        for members in groups.values():
            for start in range(0, len(members), batch):
                chunk = members[start : start + batch]
                pixels = [canvases[j].pixels for j in chunk]
                for i, rows in zip(chunk, self._read(pixels, self._floor), strict=True):
                    found[i] = canvases[i].back(rows)
        return [found[i] for i in range(len(canvases))]

    def _read(self, pixels: Sequence[ImageArray], threshold: float) -> list[FloatArray]:
        """Candidates (N, 15) above the threshold in each canvas; all canvases have one size."""
        blob = np.asarray(cv2.dnn.blobFromImages(pixels, swapRB=self._yunet), np.float32)  # YuNet takes BGR
        outputs = self.session.run({self._input: blob})
        if self._yunet:
            return read_yunet(outputs, pixels[0].shape[1], threshold)
        if self._mos:
            return read_mos(outputs, threshold)
        return read_embedded(outputs, threshold)


def _best(rows: FloatArray) -> FloatArray:
    """One candidate per face, best first."""
    rows = rows[np.argsort(-rows[:, 4], kind="stable")[:MOST_CANDIDATES]]
    return rows[suppress(rows[:, :4], rows[:, 4], SAME_FACE)]


def _face(row: FloatArray) -> Face:
    x0, y0, x1, y1, score = (float(v) for v in row[:5])
    sigma = POINT_SIGMA * float(np.sqrt((x1 - x0) * (y1 - y0)))
    # the network does not say which of the five can be seen: they are as sure as the face is
    points = Landmarks(
        row[5:15].reshape(5, 2),
        np.full(5, score, np.float32),
        np.full(5, sigma, np.float32),
        scheme("coarse5"),
    )
    face = Face(Box(x0, y0, x1, y1), score, points)
    if len(row) == 15:
        return face
    yaw, pitch, roll = (float(v) for v in row[15:])
    unknown = float("nan")
    return face.with_reading("pose", Pose(score, "", yaw, pitch, roll, (unknown, unknown, unknown)))
