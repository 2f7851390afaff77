"""The embedded detector on real photos, odd sizes and bad input; YuNet through the same door where its weights are."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import shared_data
from nasion.core import Box, Face, ImageArray, InputError
from nasion.detect import FaceDetector
from nasion.detect.detector import TWICE_THRESHOLD

# where the faces are, read off the pictures by eye: x0, y0, x1, y1
ASTRONAUT, HOPPER = Box(178, 70, 272, 178), Box(170, 110, 340, 340)


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector(threads=1)


def only(faces: list[Face]) -> Face:
    assert len(faces) == 1, f"one face expected, got {[(f.box, round(f.score, 2)) for f in faces]}"
    return faces[0]


def check_points(face: Face) -> None:
    """Left is the subject's: at image right on an upright face; the nose between eyes and mouth."""
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks.points
    assert face.landmarks.scheme.name == "coarse5"
    assert left_eye[0] > nose[0] - 0.3 * face.box.width > right_eye[0] - 0.6 * face.box.width
    assert left_eye[0] > right_eye[0]
    assert left_mouth[0] > right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    points = face.landmarks.points
    assert (points[:, 0] > face.box.x0).all()
    assert (points[:, 0] < face.box.x1).all()


def test_astronaut(detector: FaceDetector, astronaut: ImageArray) -> None:
    face = only(detector.detect(astronaut))
    assert face.box.iou(ASTRONAUT) > 0.6
    assert TWICE_THRESHOLD <= face.score <= 1
    check_points(face)
    assert (face.landmarks.sigma > 0).all()


def test_hopper(detector: FaceDetector, hopper: ImageArray) -> None:
    face = only(detector.detect(hopper))
    assert face.box.iou(HOPPER) > 0.5
    check_points(face)


def test_flipped_picture_flips_the_answer(detector: FaceDetector, astronaut: ImageArray) -> None:
    width = astronaut.shape[1]
    face, mirrored = (detector.detect(np.ascontiguousarray(astronaut[:, ::step]))[0] for step in (1, -1))
    back = mirrored.landmarks.flip(width).points
    size = np.sqrt(face.box.area)
    assert np.linalg.norm(back - face.landmarks.points, axis=1).max() < 0.1 * size
    assert abs((width - 1 - mirrored.box.x1) - face.box.x0) < 0.1 * size


def test_shifted_picture_shifts_the_answer(detector: FaceDetector, astronaut: ImageArray) -> None:
    x, y = 64, 32  # whole strides, so that even the grid of cells is the same
    moved = np.zeros_like(astronaut)
    moved[y:, x:] = astronaut[:-y, :-x]
    face, other = detector.detect(astronaut)[0], detector.detect(moved)[0]
    assert np.abs(other.box.to_array() - face.box.to_array() - (x, y, x, y)).max() < 4


@pytest.mark.parametrize("scale", [0.25, 0.5, 1.7, 4.0])
def test_size_of_the_picture_does_not_matter(detector: FaceDetector, astronaut: ImageArray, scale: float) -> None:
    resized = np.asarray(cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    face, other = detector.detect(astronaut)[0], detector.detect(resized)[0]
    assert face.box.iou(Box(*(float(v / scale) for v in other.box.to_array()))) > 0.75


def test_close_up(detector: FaceDetector, astronaut: ImageArray) -> None:
    close = np.asarray(cv2.resize(astronaut[60:190, 165:290], (1500, 1560)), np.uint8)
    face = only(detector.detect(close))
    assert face.box.width > 700
    check_points(face)


def test_small_crop(detector: FaceDetector, astronaut: ImageArray) -> None:
    small = np.asarray(cv2.resize(astronaut[40:200, 145:305], (48, 48), interpolation=cv2.INTER_AREA), np.uint8)
    assert only(detector.detect(small)).box.width > 15


def test_bgr_is_another_picture(detector: FaceDetector, astronaut: ImageArray) -> None:
    right = only(detector.detect(astronaut))
    wrong = detector.detect(np.ascontiguousarray(astronaut[..., ::-1]))
    assert not wrong or np.abs(wrong[0].box.to_array() - right.box.to_array()).max() > 0.1
    assert not wrong or wrong[0].score < right.score


def test_two_faces_sorted_by_score(detector: FaceDetector, astronaut: ImageArray, hopper: ImageArray) -> None:
    pair = np.concatenate([astronaut, hopper[:512, :512]], axis=1)
    faces = detector.detect(pair)
    assert len(faces) == 2
    assert faces[0].score >= faces[1].score
    assert {face.box.center[0] > 512 for face in faces} == {True, False}


def test_batch_is_the_same_as_one_by_one(detector: FaceDetector, astronaut: ImageArray, hopper: ImageArray) -> None:
    blank = np.full((512, 512, 3), 90, np.uint8)
    images = [astronaut, hopper, blank, np.ascontiguousarray(astronaut[:, ::-1])]
    together = detector.detect_batch(images)
    for image, faces in zip(images, together, strict=True):
        alone = detector.detect(image)
        assert len(alone) == len(faces)
        for a, b in zip(alone, faces, strict=True):
            np.testing.assert_allclose(a.box.to_array(), b.box.to_array(), atol=0.05)
            np.testing.assert_allclose(a.landmarks.points, b.landmarks.points, atol=0.05)
    assert detector.detect_batch([]) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (10, 10000), (10000, 10), (31, 33), (700, 3)])
def test_odd_shapes(detector: FaceDetector, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full((*shape, 3), 127, np.uint8)) == []


@pytest.mark.parametrize("value", [0, 127, 255])
def test_flat_pictures_have_no_face(detector: FaceDetector, value: int) -> None:
    assert detector.detect(np.full((480, 640, 3), value, np.uint8)) == []


def test_noise_has_no_face(detector: FaceDetector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    assert detector.detect(noise) == []
    assert detector.detect(np.asarray(cv2.resize(noise[:30, :40], (640, 480)), np.uint8)) == []


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((0, 10, 3), np.uint8),
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.full((10, 10, 3), np.nan),
        np.zeros((2, 10, 10, 3), np.uint8),
    ],
    ids=["empty", "grey", "alpha", "float", "nan", "rank 4"],
)
def test_what_is_not_a_picture(detector: FaceDetector, bad: ImageArray) -> None:
    with pytest.raises(InputError, match="image"):
        detector.detect(bad)


def test_a_list_is_not_a_picture(detector: FaceDetector) -> None:
    with pytest.raises(InputError, match="list"):
        detector.detect([[1, 2, 3]])  # type: ignore[arg-type]  # what the test is about


@pytest.mark.parametrize("options", [{"threshold": 0.0}, {"threshold": 1.5}])
def test_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(InputError):
        FaceDetector(**options)  # type: ignore[arg-type]  # what the test is about


def test_threshold(astronaut: ImageArray) -> None:
    few, many = FaceDetector(threshold=0.9, threads=1), FaceDetector(threshold=0.01, threads=1)
    assert len(few.detect(astronaut)) <= 1 < len(many.detect(astronaut))
    assert all(face.score >= 0.01 for face in many.detect(astronaut))


def test_every_annotated_face_of_the_public_photos(detector: FaceDetector) -> None:
    folder = shared_data("landmarks68")
    lines = (folder / "val.csv").read_text().splitlines()[1:]
    missed = []
    for line in lines[::6]:  # every sixth: the bench measures them all
        file, *numbers = line.split(",")
        points = np.array(numbers, np.float64).reshape(-1, 2)
        image = np.asarray(cv2.imread(str(folder / file)), np.uint8)[..., ::-1]
        truth = Box.around(points)
        if max((face.box.iou(truth) for face in detector.detect(np.ascontiguousarray(image))), default=0.0) < 0.4:
            missed.append(file)
    assert missed == []


@pytest.mark.parametrize("name", ["yunet", "yunet_n_dynamic"])
def test_yunet_by_name(name: str, astronaut: ImageArray, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = shared_data().parent / "models"
    if not weights.is_dir():
        pytest.skip(f"YuNet's weights are absent: {weights} does not exist")
    monkeypatch.setenv("NASION_MODELS", str(weights))
    other = FaceDetector(name, threshold=0.6, threads=1)
    face = only(other.detect(astronaut))
    assert face.box.iou(ASTRONAUT) > 0.6
    check_points(face)
    faces = other.detect_batch([astronaut, np.ascontiguousarray(astronaut[::2, ::2])])
    assert [len(f) for f in faces] == [1, 1]


def test_yunet_and_ours_agree_on_the_points(
    detector: FaceDetector, astronaut: ImageArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights: Path = shared_data().parent / "models"
    if not weights.is_dir():
        pytest.skip(f"YuNet's weights are absent: {weights} does not exist")
    monkeypatch.setenv("NASION_MODELS", str(weights))
    ours, theirs = only(detector.detect(astronaut)), only(FaceDetector("yunet", threads=1).detect(astronaut))
    apart = np.linalg.norm(ours.landmarks.points - theirs.landmarks.points, axis=1)
    assert apart.max() < 0.12 * ours.box.width


def test_dark_pictures_are_looked_at_brighter_and_bright_ones_as_they_are(hopper: ImageArray) -> None:
    from nasion.detect.light import auto_gamma

    dark = np.rint(255 * (hopper / 255.0) ** 5).astype(np.uint8)
    plain, bright = (FaceDetector(brighten=b, threshold=0.05, threads=1) for b in (False, True))
    assert bright.detect(dark)[0].score > plain.detect(dark)[0].score
    assert bright.detect(dark)[0].box.iou(plain.detect(hopper)[0].box) > 0.8
    light = np.full((40, 40, 3), 180, np.uint8)
    assert (auto_gamma(light) == light).all()
    assert auto_gamma(np.full((40, 40, 3), 20, np.uint8)).mean() == pytest.approx(0.45 * 255, abs=3)
