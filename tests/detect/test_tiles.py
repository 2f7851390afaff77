"""Very large pictures: the tiles' geometry, and small and huge faces in one picture."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasion.core import FloatArray, ImageArray
from nasion.detect import FaceDetector
from nasion.detect.tiles import FINER, OVERLAP, Tile, tiles
from nasion.metrics.detection import match_boxes

FACE = (178, 70, 272, 178)  # of the astronaut, x0, y0, x1, y1


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(200, 800))
def test_tiles_cover_the_picture_at_every_size(width: int, height: int, side: int) -> None:
    levels: dict[float, list[Tile]] = {}
    for tile in tiles(width, height, side):
        levels.setdefault(tile.scale, []).append(tile)
        assert 0 <= tile.x0 < tile.x1 <= width
        assert 0 <= tile.y0 < tile.y1 <= height
        assert max(tile.x1 - tile.x0, tile.y1 - tile.y0) * tile.scale <= side + 2
    scales = sorted(levels)
    assert scales[-1] == 1
    assert all(b / a <= FINER + 1e-9 for a, b in itertools.pairwise(scales))
    for found in levels.values():
        assert max(t.x1 for t in found) == width
        assert max(t.y1 for t in found) == height
        for low, high in (("x0", "x1"), ("y0", "y1")):
            cuts = sorted({(getattr(t, low), getattr(t, high)) for t in found})
            for (_, end), (start, _) in itertools.pairwise(cuts):
                assert end - start >= OVERLAP * (cuts[0][1] - cuts[0][0]) - 2


@given(st.floats(0, 1), st.floats(0, 1), st.floats(8, 400), st.integers(1000, 5000))
def test_every_face_is_seen_whole_and_large_enough(x: float, y: float, face: float, width: int) -> None:
    height, side = 2000, 640
    corner = np.array([x * (width - 1 - face), y * (height - 1 - face)])
    box = np.array([[*corner, *(corner + face)]])
    seen = [
        t.scale * face
        for t in tiles(width, height, side)
        if (box[0, :2] >= (t.x0, t.y0)).all()
        and (box[0, 2:] <= (t.x1 - 1, t.y1 - 1)).all()
        and t.trusted(box, width, height)[0]
    ]
    # as large as in the picture, or as large as the next coarser size shows what outgrows a tile's overlap
    assert max(seen, default=0) >= min(face, OVERLAP * side / FINER - 8) - 1e-6


def test_a_box_at_an_inner_edge_is_not_trusted() -> None:
    tile = Tile(1000, 0, 1640, 640, 1.0, whole=False)
    boxes = np.array(
        [[1000, 50, 1040, 90], [1100, 0, 1140, 40], [1100, 50, 1400, 350], [1100, 50, 1140, 90]], np.float32
    )
    assert tile.trusted(boxes, 3000, 2000).tolist() == [False, True, False, True]


@pytest.fixture(scope="module")
def crowd(astronaut_path: Path) -> tuple[ImageArray, FloatArray]:
    """3600 x 2700 px: a face of 900 px, and 40 of 20 to 45 px anywhere, some across the tiles' edges."""
    astronaut = np.asarray(cv2.imread(str(astronaut_path)), np.uint8)[..., ::-1]
    rng = np.random.default_rng(3)
    picture = np.full((2700, 3600, 3), (96, 110, 120), np.uint8)
    truth = []

    def place(scale: float, x: int, y: int) -> None:
        shown = np.asarray(
            cv2.resize(astronaut[20:230, 130:330], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        )
        picture[y : y + shown.shape[0], x : x + shown.shape[1]] = shown
        truth.append((np.array(FACE) - (130, 20, 130, 20)) * scale + (x, y, x, y))

    place(9.0, 0, 400)
    for row in range(5):
        for column in range(8):
            x, y = 1850 + 210 * column + rng.integers(0, 100), 20 + 520 * row + rng.integers(0, 400)
            place(float(rng.uniform(0.2, 0.45)), int(x), int(y))
    return picture, np.array(truth)


def recall(detector: FaceDetector, picture: ImageArray, truth: FloatArray) -> tuple[float, int]:
    faces = detector.detect(picture)
    boxes = np.array([f.box.to_array() for f in faces]).reshape(-1, 4)
    match = match_boxes(boxes, np.array([f.score for f in faces]), truth, 0.4)
    return float(np.isin(np.arange(len(truth)), match).mean()), int((match < 0).sum())


def test_tiles_find_the_small_and_the_huge_once(crowd: tuple[ImageArray, FloatArray]) -> None:
    picture, truth = crowd
    whole, _ = recall(FaceDetector(threads=1), picture, truth)
    tiled, extra = recall(FaceDetector(tiles=True, threads=1), picture, truth)
    assert whole < 0.2
    assert tiled > 0.9
    assert extra <= 4  # badges and collars


def test_the_network_never_sees_more_than_one_tile(crowd: tuple[ImageArray, FloatArray]) -> None:
    detector = FaceDetector(tiles=True, threads=1)
    run, shapes = detector.session.run, []

    def spy(inputs: dict[str, FloatArray]) -> dict[str, FloatArray]:
        shapes.extend(value.shape for value in inputs.values())
        return run(inputs)

    detector.session.run = spy  # type: ignore[method-assign]  # to look on
    detector.detect(crowd[0])
    assert len(shapes) > 20
    assert max(np.prod(shape) for shape in shapes) <= 3 * 672 * 672


def test_a_small_picture_has_one_tile(astronaut: ImageArray) -> None:
    assert [t.whole for t in tiles(512, 512, 640)] == [True]
    plain, tiled = (FaceDetector(tiles=on, threads=1).detect(astronaut) for on in (False, True))
    assert [f.box for f in plain] == [f.box for f in tiled]
