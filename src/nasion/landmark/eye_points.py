"""Irises and lids placed again, from crops of the eyes at the picture's own resolution.

The landmarker sees a whole face in 128 px: an iris is six of them wide, and its points follow the eye's turn only in
part. A small second network looks at each eye alone, cut out along the points that were placed, and puts its five iris
points and sixteen lid points where they are; the right eye is mirrored, so that one network serves both. Its recipe is
``training/eye_points``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from nasion.core import FloatArray, ImageArray, IntArray, Landmarks, ModelError, scheme
from nasion.landmark.view import cut
from nasion.models import Session

WIDTH, HEIGHT = 64, 40  # px of a crop
EYE = 38.0  # px of the crop that the wider of both eyes takes from corner to corner
SMALLEST = 4.0  # px of eye width below which there is nothing to see
HIDDEN = 0.3  # mean visibility of an eye's lids below which the landmarker's guess is as good as any
OUTER, INNER = 263, 362  # of the left eye
# dense478, the left eye: its iris, then its lids from the outer corner along the upper lid and back along the lower one
POINTS = (473, 474, 475, 476, 477, 263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
IRIS = (0, 1, 2, 3, 4)  # rows of POINTS
OUTPUTS = {"points", "sigma", "shows"}


@cache
def eye_rows() -> IntArray:
    """(2, 21): where ``POINTS`` of the left eye are in ``dense478``, and their mirror images of the right eye."""
    left = np.array(POINTS)
    return np.stack([left, scheme("dense478").flip[left]])


def eye_views(points: FloatArray) -> FloatArray | None:
    """Where to cut.

    Args:
        points: (478, 2) px of the picture.

    Returns:
        (2, 2, 3) similarities from px of the picture to px of a WIDTH x WIDTH square around the left and the right eye,
        which is not mirrored yet; its rows from (WIDTH - HEIGHT) / 2 on are the crop. None where the eyes are too small
        or not finite.
    """
    xy = np.asarray(points[:, :2], np.float64)
    rows = eye_rows()
    ends = xy[rows[:, [POINTS.index(OUTER), POINTS.index(INNER)]]]  # (eye, outer and inner, 2)
    width = float(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).max())
    across = ends[0, 0] - ends[1, 0]  # from the right eye's outer corner to the left one's
    length = float(np.linalg.norm(across))
    if not np.isfinite(length) or not np.isfinite(width) or min(width, length) < SMALLEST:
        return None
    c, s = across / length * (EYE / width)
    linear = np.array([[c, s], [-s, c]])
    shift = (WIDTH - 1) / 2 - ends.mean(axis=1) @ linear.T
    return np.concatenate([np.broadcast_to(linear, (2, 2, 2)), shift[:, :, None]], axis=2)


def eye_crop(image: ImageArray, view: FloatArray, mirrored: bool) -> ImageArray:
    """The (HEIGHT, WIDTH, 3) crop under one similarity of `eye_views`."""
    edge = (WIDTH - HEIGHT) // 2
    crop = cut(image, view, WIDTH)[edge : edge + HEIGHT]
    return np.ascontiguousarray(crop[:, ::-1]) if mirrored else crop


def to_crop(points: FloatArray, view: FloatArray, mirrored: bool) -> FloatArray:
    """(N, 2) px of the picture to px of the crop."""
    found = points @ view[:, :2].T + view[:, 2] - (0, (WIDTH - HEIGHT) / 2)
    return np.asarray(found * (-1, 1) + (WIDTH - 1, 0) if mirrored else found)


def to_picture(points: FloatArray, view: FloatArray, mirrored: bool) -> FloatArray:
    """The inverse of `to_crop`."""
    found = points * (-1, 1) + (WIDTH - 1, 0) if mirrored else points
    scale = view[0, 0] ** 2 + view[1, 0] ** 2
    edge = np.array([0, (WIDTH - HEIGHT) / 2])
    return np.asarray((found + edge - view[:, 2]) @ view[:, :2] / scale)


class EyeRefiner:
    """Places eye points again.

    Args:
        model: a name of the catalogue or the path of an ONNX file with the same contract.
        device, threads: as for `nasion.models.Session`.

    Raises:
        ModelError: the model cannot be loaded or is no eye refiner.
    """

    def __init__(self, model: str | Path = "eye_points", *, device: str = "cpu", threads: int | None = None) -> None:
        self.session = Session(model, device=device, threads=threads)
        if not set(self.session.output_names) >= OUTPUTS:
            raise ModelError(f"{self.session.path} refines no eyes: it gives {', '.join(self.session.output_names)}")

    def refine(self, image: ImageArray, landmarks: Sequence[Landmarks]) -> list[Landmarks]:
        """Faces of one picture with better eye points.

        Args:
            image: RGB uint8 (H, W, 3).
            landmarks: of its faces. Other schemes than ``dense478``, eyes that are hidden, and eyes of which a picture
                shows less than 4 px are given back as they came.

        Returns:
            One per face, in order: x, y and sigma of both irises and the lids are new, and the irises' visibility;
            depth stays.
        """
        return self.refine_many([(image, one) for one in landmarks])

    def refine_many(self, pairs: Sequence[tuple[ImageArray, Landmarks]]) -> list[Landmarks]:
        """``refine`` for faces of several pictures at once."""
        rows = eye_rows()
        crops, places = [], []
        for number, (image, points) in enumerate(pairs):
            views = eye_views(points.points) if points.scheme.name == "dense478" else None
            for side in (0, 1) if views is not None else ():
                assert views is not None, "sides are only looked at where there are views"
                if float(points.visibility[rows[side, len(IRIS) :]].mean()) >= HIDDEN:
                    crops.append(eye_crop(image, views[side], side == 1))
                    places.append((number, side, views[side]))
        found = [points for _, points in pairs]
        if not crops:
            return found
        out = self.session.run({"crops": np.stack(crops)})
        for k, (number, side, view) in enumerate(places):
            found[number] = _placed(found[number], rows[side], side == 1, view, {n: out[n][k] for n in OUTPUTS})
        return found


def _placed(
    landmarks: Landmarks, rows: IntArray, mirrored: bool, view: FloatArray, out: dict[str, FloatArray]
) -> Landmarks:
    points, sigma, visibility = landmarks.points.copy(), landmarks.sigma.copy(), landmarks.visibility.copy()
    points[rows, :2] = to_picture(out["points"].astype(np.float64), view, mirrored)
    sigma[rows] = out["sigma"] / np.hypot(view[0, 0], view[1, 0])
    iris = rows[list(IRIS)]
    visibility[iris] = np.minimum(visibility[iris], out["shows"])
    return replace(landmarks, points=points, sigma=sigma, visibility=visibility)
