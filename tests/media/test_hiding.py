"""Hidden faces stay hidden, at every size, and the rest of the picture stays as it was."""

import cv2
import numpy as np
import pytest

from nasion.core import Box, Face, ImageArray, InputError, Landmarks, scheme
from nasion.detect import FaceDetector
from nasion.media import hide_faces
from nasion.media.hiding import CELLS


def face(x0: float, y0: float, x1: float, y1: float) -> Face:
    points = np.tile([(x0 + x1) / 2, (y0 + y1) / 2], (5, 1)).astype(np.float32)
    return Face(
        Box(x0, y0, x1, y1), 1.0, Landmarks(points, np.ones(5, np.float32), np.ones(5, np.float32), scheme("coarse5"))
    )


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.25])
def test_a_detector_does_not_find_it_again(astronaut: ImageArray, hopper: ImageArray, scale: float) -> None:
    timid, detector = FaceDetector(threshold=0.3, threads=1), FaceDetector(threads=1)
    for picture in (astronaut, hopper):
        found = timid.detect(picture)
        assert found
        hidden = hide_faces(picture, found)
        small = np.asarray(cv2.resize(hidden, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        again = [Box(*(f.box.to_array() / scale).tolist()) for f in detector.detect(small)]
        assert all(box.iou(f.box) < 0.3 for box in again for f in found)


def test_nothing_finer_than_the_patch_is_left() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 120, 3), np.uint8)
    hidden = hide_faces(noise, [face(40, 30, 69, 69)])
    changed = (hidden != noise).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (34, 75, 22, 77)  # a fifth on each side
    patch = hidden[22:78, 34:76].astype(int)
    assert np.abs(np.diff(patch, axis=0)).max() <= 2 and np.abs(np.diff(patch, axis=1)).max() <= 3  # noise is gone
    assert CELLS == 2


def test_a_face_at_the_edge_or_outside(hopper: ImageArray) -> None:
    assert (hide_faces(hopper, []) == hopper).all()
    edge = hide_faces(hopper, [face(-30, -30, 20, 20)])
    assert (edge[:20, :20] != hopper[:20, :20]).any() and (edge[60:] == hopper[60:]).all()
    assert (hide_faces(hopper, [face(-300, -300, -200, -200)]) == hopper).all()
    with pytest.raises(InputError, match="grow"):
        hide_faces(hopper, [], grow=-0.1)
