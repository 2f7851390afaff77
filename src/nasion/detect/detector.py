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
from nasion.detect.second import SecondLook
from nasion.detect.suppression import apart, suppress
from nasion.detect.tiles import tiles
from nasion.models import Session

LONGEST = 640  # px of a picture's longer side that the network sees, at most
ENLARGED = 1.28  # a smaller picture is made at most this many times larger
DEFAULT_THRESHOLD = 0.65  # chosen on pictures that no gradient saw, see the card
# with a second look the first one may be at a smaller picture, from a low score on; chosen on the same pictures
TWICE_ENLARGED, CANDIDATE, TWICE_THRESHOLD = 1.0, 0.05, 0.5
MOST_LOOKED_AT, MOST_IN_TILES = 100, 1000
SECOND = "detector_second"
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
        threshold: faces scoring less are not reported, 0..1; by default as chosen for the embedded detector.
        second_look: have a second network look at each candidate again, for better scores, boxes and points; or the
            name or file of that network. By default with ``"detector"`` only; with files made from it if asked for.
        device, threads: as for ``nasion.models.Session``.

    Raises:
        InputError: ``threshold`` out of range; ``second_look`` for another kind of detector.
        ModelError: as for ``nasion.models.Session``.
    """

    def __init__(
        self,
        model: str | Path = "detector",
        *,
        tiles: bool = False,
        brighten: bool = False,
        threshold: float | None = None,
        second_look: bool | str | Path | None = None,
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        again = model == "detector" if second_look is None else second_look
        if threshold is None:
            threshold = TWICE_THRESHOLD if again else DEFAULT_THRESHOLD
        if not 0 < threshold <= 1:
            raise InputError(f"the threshold must be above 0 and at most 1, got {threshold}")
        self.tiles, self.brighten, self.threshold = tiles, brighten, threshold
        self._lowest, self._enlarged = (min(CANDIDATE, threshold), TWICE_ENLARGED) if again else (threshold, ENLARGED)
        self.session = Session(ALIASES.get(str(model), model), device=device, threads=threads)
        ((self._input, shape),) = self.session.input_shapes.items()
        height, width = shape[2:]
        self._fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None
        self._single = shape[0] == 1
        self._yunet = "cls_8" in self.session.output_names
        self._mos = self.session.output_names == ("faces",)
        if again and "stride8" not in self.session.output_names:
            raise InputError(f"second_look is for the embedded detector and files made from it, not for {model}")
        self.second = SecondLook(SECOND if again is True else again, device=device, threads=threads) if again else None

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
        if self.second is not None:
            found = self._look_again(self.second, images, found)
        nested = NESTED_IN_TILES if self.tiles else NESTED  # the coarser size of a picture places a small face badly
        return [_faces(_best(rows, nested)) for rows in found]

    def _look_again(
        self, second: SecondLook, images: Sequence[ImageArray], found: Sequence[FloatArray]
    ) -> list[FloatArray]:
        """Candidates (N, 15) of each image, scored and placed by the second network."""
        most = MOST_IN_TILES if self.tiles else MOST_LOOKED_AT
        few = [rows[suppress(rows[:, :4], rows[:, 4], SAME_FACE)[:most]] for rows in found]
        return [rows[rows[:, 4] >= self.threshold] for rows in second(images, few)]

    def _fit(self, image: ImageArray) -> Canvas:
        return fit(image, LONGEST, self._enlarged, self._fixed)

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
        planes = np.empty((len(pixels), 3, *pixels[0].shape[:2]), np.float32)
        for blob, canvas in zip(planes, pixels, strict=True):
            for plane, channel in zip(blob[::-1] if self._yunet else blob, cv2.split(canvas), strict=True):
                plane[:] = channel  # YuNet takes BGR
        outputs = self.session.run({self._input: planes})
        if self._yunet:
            return read_yunet(outputs, pixels[0].shape[1], self._lowest)
        if self._mos:
            return read_mos(outputs, self._lowest)
        return read_embedded(outputs, self._lowest)


def _best(rows: FloatArray, nested: float) -> FloatArray:
    """One candidate per face, best first."""
    if len(rows) > MOST_CANDIDATES:
        rows = rows[np.argsort(-rows[:, 4], kind="stable")[:MOST_CANDIDATES]]
    rows = rows[suppress(rows[:, :4], rows[:, 4], SAME_FACE)]
    return rows[apart(rows[:, :4], nested)]


def _faces(rows: FloatArray) -> list[Face]:
    sigma = POINT_SIGMA * np.sqrt((rows[:, 2] - rows[:, 0]) * (rows[:, 3] - rows[:, 1]))
    points, known, errors = (
        rows[:, 5:15].reshape(-1, 5, 2),
        rows[:, 4:5].repeat(5, axis=1),
        sigma[:, None].repeat(5, axis=1),
    )
    faces = []
    for i, (x0, y0, x1, y1, score, *more) in enumerate(rows.tolist()):
        # the network does not say which of the five can be seen: they are as sure as the face is
        face = Face(Box(x0, y0, x1, y1), score, Landmarks(points[i], known[i], errors[i], _COARSE5))
        if len(more) > 10:
            (yaw, pitch, roll), unknown = more[10:], float("nan")
            face = face.with_reading("pose", Pose(score, "", yaw, pitch, roll, (unknown, unknown, unknown)))
        faces.append(face)
    return faces
