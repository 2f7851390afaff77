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
from nasion.detect.canvas import Canvas, check_image, fit, shift
from nasion.detect.heads import read_embedded, read_mos, read_yunet
from nasion.detect.light import auto_gamma
from nasion.detect.suppression import apart, suppress
from nasion.detect.tiles import tiles
from nasion.models import Session

LONGEST = 640  # px of a picture's longer side that the network sees, at most
ENLARGED = 1.28  # a smaller picture is made at most this many times larger
DEFAULT_THRESHOLD = 0.65  # chosen on pictures that no gradient saw, see the card
SAME_FACE = 0.4  # boxes that overlap more are one face
NESTED, NESTED_IN_TILES = 0.9, 0.6  # and so are boxes of two sizes that share this part of the smaller one
POINT_SIGMA = 0.05  # of the five points, over the root of the box's area; 0.045 on the 90 HELEN test photos
MOST_CANDIDATES = 2000
BATCH = 8
ALIASES = {"yunet": "yunet_2023mar"}
_COARSE5 = scheme("coarse5")


class FaceDetector:
    """Finds faces.

    Args:
        model: a name of the catalogue (``"detector"``, ``"yunet"``, ...) or the path of an ONNX file that
            answers as one of them does. Faces of a file from `nasion train mos` carry a ``pose``.
        tiles: look at a larger picture in overlapping tiles too, up to its own size: finds the small faces of very
            large photos; time grows with the picture's area, memory does not.
        brighten: bring the mean of dark pictures to the middle first, by a power of the values: finds more faces at
            night, changes nothing where the light is good.
        threshold: faces scoring less are not reported, 0..1.
        device, threads: as for ``nasion.models.Session``.

    Raises:
        InputError: ``threshold`` out of range.
        ModelError: as for ``nasion.models.Session``.
    """

    def __init__(
        self,
        model: str | Path = "detector",
        *,
        tiles: bool = False,
        brighten: bool = False,
        threshold: float = DEFAULT_THRESHOLD,
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        if not 0 < threshold <= 1:
            raise InputError(f"the threshold must be above 0 and at most 1, got {threshold}")
        self.tiles, self.brighten, self.threshold = tiles, brighten, threshold
        self.session = Session(ALIASES.get(str(model), model), device=device, threads=threads)
        ((self._input, shape),) = self.session.input_shapes.items()
        height, width = shape[2:]
        self._fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None
        self._single = shape[0] == 1
        self._yunet = "cls_8" in self.session.output_names
        self._mos = self.session.output_names == ("faces",)

    def detect(self, image: ImageArray) -> list[Face]:
        """The faces of one RGB uint8 (H, W, 3) image, best score first, each with ``coarse5`` points."""
        return self.detect_batch([image])[0]

    def detect_batch(self, images: Sequence[ImageArray]) -> list[list[Face]]:
        """``detect`` for several images; those of one size go through the network together."""
        for image in images:
            check_image(image)
        if self.brighten:
            images = [auto_gamma(image) for image in images]
        if self.tiles:
            found = [self._find_in_tiles(image) for image in images]
        else:
            found = self._find([self._fit(image) for image in images])
        nested = NESTED_IN_TILES if self.tiles else NESTED  # the coarser size of a picture places a small face badly
        return [[_face(row) for row in _best(rows, nested)] for rows in found]

    def _fit(self, image: ImageArray) -> Canvas:
        return fit(image, LONGEST, ENLARGED, self._fixed)

    def _find_in_tiles(self, image: ImageArray) -> FloatArray:
        """Candidates (N, 15) in px of the picture, over all of its tiles."""
        height, width = image.shape[:2]
        found = []
        for tile in tiles(width, height, LONGEST):
            (rows,) = self._find([self._fit(image[tile.y0 : tile.y1, tile.x0 : tile.x1])])
            rows = shift(rows, tile.x0, tile.y0)
            found.append(rows[tile.trusted(rows[:, :4], width, height)])
        return np.concatenate(found)

    def _find(self, canvases: Sequence[Canvas]) -> list[FloatArray]:
        """Candidates (N, 15) in each canvas, in px of its picture."""
        groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for i, canvas in enumerate(canvases):
            groups[canvas.pixels.shape].append(i)
        found: dict[int, FloatArray] = {}
        batch = 1 if self._single else BATCH
        for members in groups.values():
            for start in range(0, len(members), batch):
                chunk = members[start : start + batch]
                for i, rows in zip(chunk, self._read([canvases[j].pixels for j in chunk]), strict=True):
                    found[i] = canvases[i].back(rows)
        return [found[i] for i in range(len(canvases))]

    def _read(self, pixels: Sequence[ImageArray]) -> list[FloatArray]:
        """Candidates (N, 15) in each canvas; all canvases have one size."""
        order = -1 if self._yunet else 1  # YuNet takes BGR
        planes = np.stack([cv2.split(canvas)[::order] for canvas in pixels])
        outputs = self.session.run({self._input: planes.astype(np.float32)})
        if self._yunet:
            return read_yunet(outputs, pixels[0].shape[1], self.threshold)
        if self._mos:
            return read_mos(outputs, self.threshold)
        return read_embedded(outputs, self.threshold)


def _best(rows: FloatArray, nested: float) -> FloatArray:
    """One candidate per face, best first."""
    if len(rows) > MOST_CANDIDATES:
        rows = rows[np.argsort(-rows[:, 4], kind="stable")[:MOST_CANDIDATES]]
    rows = rows[suppress(rows[:, :4], rows[:, 4], SAME_FACE)]
    return rows[apart(rows[:, :4], nested)]


def _face(row: FloatArray) -> Face:
    x0, y0, x1, y1, score = row[:5].tolist()
    sigma = POINT_SIGMA * float(np.sqrt((x1 - x0) * (y1 - y0)))
    # the network does not say which of the five can be seen: they are as sure as the face is
    points = Landmarks(row[5:15].reshape(5, 2), np.full(5, score, np.float32), np.full(5, sigma, np.float32), _COARSE5)
    face = Face(Box(x0, y0, x1, y1), score, points)
    if len(row) == 15:
        return face
    yaw, pitch, roll = row[15:].tolist()
    unknown = float("nan")
    return face.with_reading("pose", Pose(score, "", yaw, pitch, roll, (unknown, unknown, unknown)))
