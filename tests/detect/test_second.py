"""The second look: where crops come from, what comes back, and that scores, boxes and false faces get better by it."""

from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest

from conftest import shared_data
from nasion.core import Box, ImageArray, InputError
from nasion.detect import FaceDetector, second
from nasion.detect.detector import DEFAULT_THRESHOLD, SECOND, TWICE_THRESHOLD
from nasion.detect.second import CONTEXT, SIDE, SecondLook, cut, into, out_of, prior, windows
from nasion.media import read_image
from nasion.metrics import match_boxes
from nasion.models.store import find_model
from nasion.report.bench.data import boxed_photos
from nasion.report.bench.detect import held_out_names
from nasion.report.bench.faceless import crops_below

ASTRONAUT = Box(178, 70, 272, 178)  # read off the picture by eye


def candidate(box: tuple[float, float, float, float], score: float) -> np.ndarray:
    """A row whose five points stand where a face of this box would have them."""
    x0, y0, x1, y1 = box
    at = np.array([(0.68, 0.4), (0.32, 0.4), (0.5, 0.6), (0.65, 0.8), (0.35, 0.8)])
    points = at * (x1 - x0, y1 - y0) + (x0, y0)
    return np.array([[*box, score, *points.ravel()]], np.float32)


@pytest.fixture(scope="module")
def again() -> SecondLook:
    return SecondLook(SECOND, threads=1)


def test_places_go_into_squares_and_out_again() -> None:
    rng = np.random.default_rng(3)
    rows = rng.uniform(-40, 300, (50, 15)).astype(np.float32)
    rows[:, 2:4] = rows[:, :2] + rng.uniform(3, 200, (50, 2))
    rows[:, 4] = rng.uniform(0, 1, 50)
    squares = windows(rows)
    np.testing.assert_allclose(out_of(into(rows, squares), rows[:, 4], squares), rows, atol=1e-3)
    np.testing.assert_allclose(squares[:, 2], CONTEXT * (rows[:, 2:4] - rows[:, :2]).max(axis=1), atol=0.51)
    # the box is in the middle, but for the rounding of a square of few pixels
    middle = into(rows, squares)[:, :4].reshape(-1, 2, 2).mean(axis=1) * squares[:, 2:] / 2
    assert np.abs(middle).max() <= 1.01
    numbers = prior(rows, squares)
    assert numbers.shape == (50, 16)
    np.testing.assert_allclose(1 / (1 + np.exp(-numbers[:, 0])), np.clip(rows[:, 4], 1e-4, 1 - 1e-4), atol=1e-5)
    assert (np.abs(numbers[:, 1]) <= 2).all()


@pytest.mark.parametrize(("x", "y", "side"), [(20, 30, 60), (-25, 10, 95), (40, 50, 90), (30, 40, 200)])
def test_a_crop_shows_what_its_places_say(x: int, y: int, side: int) -> None:
    """A bright dot of the picture is where ``into`` says, also where the square hangs over the picture's border."""
    image = np.zeros((120, 110, 3), np.uint8)
    dot = np.array([55.0, 62.0])
    image[58:67, 51:60] = 255
    squares = np.array([[x, y, side]])
    crop = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    cut(image, squares, crop)
    light = crop[0, ..., 0].astype(float)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    centre = np.array([(light * columns).sum(), (light * rows).sum()]) / light.sum()
    row = np.zeros((1, 15), np.float32)
    row[0, :2] = row[0, 2:4] = dot
    told = (into(row, squares)[0, :2] + 1) * SIDE / 2 - 0.5
    np.testing.assert_allclose(centre, told, atol=0.6)


def test_a_displaced_doubted_box_is_put_right(again: SecondLook, astronaut: ImageArray) -> None:
    rows = np.concatenate([candidate(box, 0.15) for box in ((195, 80, 290, 190), (165, 55, 255, 160))])
    for row, (x0, y0, x1, y1, score, *points) in zip(rows, again([astronaut], [rows])[0], strict=True):
        before, after = Box(*row[:4].tolist()).iou(ASTRONAUT), Box(x0, y0, x1, y1).iou(ASTRONAUT)
        assert after > before + 0.05
        assert score > 2 * row[4]
        off, first = (np.abs(np.reshape(p, (5, 2))[:2] - [(243, 112), (206, 113)]).mean() for p in (points, row[5:]))
        assert off < first  # of eyes placed by hand


def test_what_is_no_face_is_not_believed(again: SecondLook, astronaut: ImageArray) -> None:
    boxes = ((330, 300, 400, 380), (60, 380, 140, 470), (10, 20, 80, 100))  # suit, patch, flag
    rows = np.concatenate([candidate(box, 0.6) for box in boxes])
    assert (again([astronaut], [rows])[0][:, 4] < 0.3).all()


def test_a_face_that_fills_the_picture_is_believed_half_by_the_first_look(
    again: SecondLook, astronaut: ImageArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    close, row = np.ascontiguousarray(astronaut[72:175, 180:270]), candidate((-2, -2, 92, 106), 0.9)
    both = again([close], [row])[0][0, 4]
    monkeypatch.setattr(second, "SHOWN", 0.0)
    alone = again([close], [row])[0][0, 4]
    logits = [np.log(s / (1 - s)) for s in (both, alone, 0.9)]
    assert logits[0] == pytest.approx((logits[1] + logits[2]) / 2, abs=1e-3)
    assert abs(both - alone) > 0.02


def test_pictures_keep_their_candidates(again: SecondLook, astronaut: ImageArray, hopper: ImageArray) -> None:
    face, other, none = candidate((178, 70, 272, 178), 0.9), candidate((170, 110, 340, 340), 0.9), np.zeros((0, 15))
    together = again([astronaut, hopper, astronaut], [face, none, np.concatenate([face, other])])
    assert [len(rows) for rows in together] == [1, 0, 2]
    np.testing.assert_allclose(together[0], again([astronaut], [face])[0], atol=1e-3)
    np.testing.assert_allclose(together[2][1:], again([astronaut], [other])[0], atol=1e-3)
    assert [len(rows) for rows in again([hopper], [np.zeros((0, 15), np.float32)])] == [0]


def test_who_is_looked_at_twice(tmp_path: Path) -> None:
    own = Path(copyfile(find_model("detector"), tmp_path / "own.onnx"))
    twice, file, once = (
        FaceDetector(threads=1),
        FaceDetector(own, threads=1),
        FaceDetector(second_look=False, threads=1),
    )
    assert twice.second is not None
    assert twice.threshold == TWICE_THRESHOLD
    assert (file.second, once.second) == (None, None)
    assert file.threshold == once.threshold == DEFAULT_THRESHOLD
    assert FaceDetector(own, second_look=True, threads=1).second is not None
    with pytest.raises(InputError, match="landmarker"):
        FaceDetector("landmarker", second_look=True, threads=1)


def test_more_faces_and_fewer_false_ones_than_with_one_look() -> None:
    every = boxed_photos(shared_data())
    fresh = held_out_names([photo.path.name for photo in every])
    photos = [photo for photo in every if photo.path.name in fresh][:60]
    truth = [np.array([box.to_array() for box in photo.boxes]) for photo in photos]
    images = [read_image(photo.path) for photo in photos]
    crops = crops_below(images, truth, 40)
    found, false = {}, {}
    for looks in (1, 2):
        detector = FaceDetector(second_look=looks == 2, threads=1)
        hits = 0
        for image, boxes in zip(images, truth, strict=True):
            faces = detector.detect(image)
            rows = np.array([[*face.box.to_array(), face.score] for face in faces]).reshape(-1, 5)
            hits += int((match_boxes(rows[:, :4], rows[:, 4], boxes, 0.4) >= 0).sum())
        found[looks], false[looks] = hits, sum(len(detector.detect(crop)) for crop in crops)
    assert found[2] > found[1]
    assert false[2] <= false[1]
