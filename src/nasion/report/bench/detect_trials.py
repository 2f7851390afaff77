"""Hard cases for a face detector: masks, turned pictures, and pictures in which nothing is a face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasion.core import FloatArray, ImageArray
from nasion.report.bench.data import BoxPhoto, clip, data_file
from nasion.report.bench.detect_systems import Detections, true_box
from nasion.report.bench.faceless import crops_below

EMPTY_CLIP, EMPTY_STEP = "no_face.mp4", 5
CROPS = 200
TURNED_EVERY = 3  # of the held-out photos
# every crop was looked at: below the boxed faces these two show one more, a close-up and a poster
FACE_BELOW = ("maksssksksss113.webp", "maksssksksss439.webp")


@dataclass(frozen=True, slots=True)
class Trial:
    """Pictures and what to count on them.

    Attributes:
        name: of the column.
        paths: the pictures.
        truth: per picture (M, 4) boxes to be found; None where it is known only whether there is a face.
        faces: whether there is one; without, every box is false.
    """

    name: str
    paths: tuple[Path, ...]
    truth: tuple[FloatArray, ...] | None = None
    faces: bool = True

    def score(self, found: Detections) -> float:
        """Share of the true boxes found, of the pictures with a face found, or the number of false faces."""
        kept = found.counted()
        if self.truth is not None:
            hits = [np.isin(np.arange(len(t)), true_box(boxes, t)) for boxes, t in zip(kept, self.truth, strict=True)]
            return float(np.concatenate(hits).mean())
        if self.faces:
            return float(np.mean([len(boxes) > 0 for boxes in kept]))
        return float(sum(map(len, kept)))


def trials(data: Path, held_out: Sequence[BoxPhoto], folder: Path, limit: int | None = None) -> list[Trial]:
    """The hard cases.

    Args:
        data: the data folder.
        held_out: photos that our detector never saw in training.
        folder: where pictures made here are kept while the systems look at them.
        limit: only so many pictures of each kind.
    """
    from nasion.media import read_image

    masked = sorted(data_file(data, "hard/masked").iterdir())[:limit]
    images = [read_image(photo.path) for photo in held_out]
    boxes = [np.array([box.to_array() for box in photo.boxes], np.float64) for photo in held_out]
    turned = range(0, len(held_out), TURNED_EVERY)[:limit]
    clear = [i for i, photo in enumerate(held_out) if photo.path.name not in FACE_BELOW]
    crops = crops_below([images[i] for i in clear], [boxes[i] for i in clear], CROPS if limit is None else limit)
    return [
        Trial(f"face found, {len(masked)} masks", tuple(masked)),
        *(
            Trial(
                f"recall, {words}",
                _keep(folder / words, [np.rot90(images[i], quarters) for i in turned]),
                tuple(turn_boxes(boxes[i], images[i].shape[1], images[i].shape[0], quarters) for i in turned),
            )
            for words, quarters in (("lying", 1), ("upside-down", 2))
        ),
        Trial(f"false faces, {len(crops)} crops", _keep(folder / "crops", crops), faces=False),
        _empty_clip(data, folder, limit),
    ]


def turn_boxes(boxes: FloatArray, width: int, height: int, quarters: int) -> FloatArray:
    """(N, 4) boxes of a picture of ``width`` x ``height`` px after ``numpy.rot90`` by so many quarter turns."""
    for _ in range(quarters % 4):
        x0, y0, x1, y1 = boxes.T
        boxes = np.stack([y0, width - 1 - x1, y1, width - 1 - x0], axis=1)
        width, height = height, width
    return boxes


def _empty_clip(data: Path, folder: Path, limit: int | None) -> Trial:
    from nasion.media import open_video

    with open_video(clip(data, EMPTY_CLIP), step=EMPTY_STEP) as video:
        frames = [frame.image for frame in video][:limit]
    return Trial(f"false faces, {len(frames)} frames", _keep(folder / "clip", frames), faces=False)


def _keep(folder: Path, images: Sequence[ImageArray]) -> tuple[Path, ...]:
    from PIL import Image

    folder.mkdir(parents=True)
    paths = [folder / f"{i:03d}.png" for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(np.ascontiguousarray(image)).save(path, compress_level=1)
    return tuple(paths)
