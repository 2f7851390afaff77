"""The rule of first looks: the larger face first, detail grows with every look, mirrored pictures mirror the looks."""

import numpy as np
import pytest

from nasion.core import Face, ImageArray, InputError
from nasion.detect import FaceDetector
from nasion.gaze.first_looks import PARTS, first_looks


@pytest.fixture(scope="module")
def picture(astronaut_path: object, hopper_path: object) -> ImageArray:
    from conftest import rgb

    small = rgb(hopper_path)[::2, ::2]  # type: ignore[arg-type]
    large = rgb(astronaut_path)  # type: ignore[arg-type]
    out = np.full((512, 768, 3), 128, np.uint8)
    out[:, 256:] = large
    out[100 : 100 + small.shape[0], : small.shape[1]] = small
    return out


@pytest.fixture(scope="module")
def faces(picture: ImageArray) -> list[Face]:
    return sorted(FaceDetector().detect(picture), key=lambda f: -f.box.area)


def test_the_larger_face_first_and_never_the_same_place_twice(picture: ImageArray, faces: list[Face]) -> None:
    looks = first_looks(picture, faces, 4)
    assert looks[0].face == 0
    assert {look.face for look in looks} == {0, 1}
    assert len({(look.x, look.y) for look in looks}) == 4
    for look in looks:
        box = faces[look.face].box
        assert box.x0 <= look.x <= box.x1
        assert box.y0 <= look.y <= box.y1
        assert look.part in PARTS


def test_every_look_shows_more(picture: ImageArray, faces: list[Face]) -> None:
    seen = [look.seen for look in first_looks(picture, faces[:1], 5)]
    assert seen == sorted(seen)
    assert 0.5 < seen[0] < seen[-1] <= 1


def test_the_first_look_is_between_eyes_and_mouth(picture: ImageArray, faces: list[Face]) -> None:
    for face in faces:
        (look,) = first_looks(picture, [face], 1)
        eyes, mouth = (face.landmarks.points[rows, :2].mean(axis=0) for rows in ([0, 1], [3, 4]))
        assert eyes[1] - 4 <= look.y <= mouth[1] + 4
        assert abs(look.x - (eyes[0] + mouth[0]) / 2) < 0.25 * face.box.width


def test_detail_draws_the_eye(picture: ImageArray, faces: list[Face]) -> None:
    face = faces[0]
    blank = picture.copy()
    y = int(face.landmarks.points[2, 1])  # below the tip of the nose all is smooth
    blank[y:, int(face.box.x0) - 20 : int(face.box.x1) + 20] = 180
    assert first_looks(blank, [face], 1)[0].y < first_looks(picture, [face], 1)[0].y


def test_nobody_to_look_at(picture: ImageArray, faces: list[Face]) -> None:
    with pytest.raises(InputError, match="at least one face"):
        first_looks(picture, [], 1)
