"""The cone finds what lies on the line of sight; the network's door shows what the network says."""

import numpy as np
import pytest

from nasion.core import Box, Camera, Face, Gaze, InputError, Landmarks, ModelError, scheme
from nasion.gaze.following import (
    GazeFollower,
    cone_strength,
    eye_middle,
    follow_gaze,
    head_box,
    look_along,
    picture_way,
    saliency,
)
from nasion.metrics.following import gaussian_map
from nasion.models.store import find_model


def looker(x: float, y: float, vector: tuple[float, float, float], side: float = 60.0) -> Face:
    points = np.array([[x + 12, y, 0], [x - 12, y, 0], [x, y + 12, 0], [x + 10, y + 25, 0], [x - 10, y + 25, 0]], "f4")
    landmarks = Landmarks(points, np.ones(5, "f4"), np.ones(5, "f4"), scheme("coarse5"))
    gaze = Gaze(1.0, "", vector, 0.0, 0.0, 10.0)
    box = Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    return Face(box, 0.9, landmarks).with_reading("gaze", gaze)


def test_the_only_object_in_the_cone_is_found() -> None:
    rng, size = np.random.default_rng(3), (400, 300)
    for _ in range(25):
        eyes = rng.uniform((120, 90), (280, 210))
        angle = rng.uniform(0, 2 * np.pi)
        way = np.array([np.cos(angle), np.sin(angle)])
        spot = eyes + way * rng.uniform(50, 85)
        behind = eyes - way * 80
        things = [Box(*(at - 9), *(at + 9)) for at in (spot, behind)]
        found = look_along(eyes, 0.9 * way, size, things)
        assert np.linalg.norm((np.array(found.point) - spot) / size) < 0.05
        assert found.inside > 0.9
        assert found.heatmap.max() == pytest.approx(1)


def test_nothing_in_the_cone_is_outside_and_so_is_a_look_into_the_camera() -> None:
    eyes, thing = np.array([200.0, 150.0]), [Box(300, 140, 320, 160)]
    assert look_along(eyes, np.array([-0.9, 0.0]), (400, 300), thing).inside == 0
    assert look_along(eyes, np.array([0.9, 0.0]), (400, 300), thing).inside > 0.9
    assert look_along(eyes, np.array([0.1, 0.0]), (400, 300), thing).inside < 0.1


def test_the_cone_halves_at_its_half_angle() -> None:
    eyes, way = np.zeros(2), np.array([1.0, 0.0])
    at = 100 * np.array([[1, 0], [np.cos(np.radians(20)), np.sin(np.radians(20))], [-1, 0]])
    np.testing.assert_allclose(cone_strength(at, eyes, way), [1, 0.5, 0], atol=1e-6)


def test_perspective_turns_the_line_of_sight() -> None:
    camera = Camera.for_image(400, 300)
    middle = np.array([camera.cx, camera.cy])
    np.testing.assert_allclose(picture_way(np.array([0.6, 0, -0.8]), middle, camera), [0.6, 0])
    # somebody at the right edge who looks straight away from the camera's plane looks towards the middle
    assert picture_way(np.array([0.0, 0, 1.0]), middle + np.array([150, 0]), camera)[0] < 0


def test_two_people_who_look_at_each_other() -> None:
    image = np.full((300, 400, 3), 120, np.uint8)
    faces = [looker(90, 150, (0.95, 0, -0.3)), looker(310, 150, (-0.95, 0, -0.3)), looker(200, 60, (np.nan,) * 3)]
    first, second, third = follow_gaze(image, faces)
    assert third is None
    assert first is not None and first.face == 1
    assert second is not None and second.face == 0
    assert first.inside > 0.9
    np.testing.assert_allclose(eye_middle(faces[0]), (90, 150))


def test_what_stands_out() -> None:
    image = np.full((240, 320, 3), 90, np.uint8)
    image[:] = image + np.random.default_rng(0).integers(0, 4, image.shape, dtype=np.uint8)
    image[60:90, 220:250] = (250, 40, 40)
    y, x = np.unravel_index(saliency(image).argmax(), (64, 64))
    assert abs(x * 5 - 235) < 25
    assert abs(y * 3.75 - 75) < 25


def test_a_model_of_another_kind_is_refused() -> None:
    with pytest.raises(ModelError, match="nasion train vitgaze"):
        GazeFollower(find_model("gaze"))


def test_head_boxes_hold_the_face() -> None:
    face = looker(100, 100, (1, 0, 0))
    head = head_box(face)
    assert head.x0 < face.box.x0 and head.y0 < face.box.y0 and head.x1 > face.box.x1 and head.y1 > face.box.y1


class Lopsided:
    """A session that sees a bell 10 cells to the right of the head and 5 down, and a false one at the left edge."""

    output_names = ("maps", "inside")

    def __init__(self, path: str, threads: int) -> None:
        self.path, self.input_shapes, self.runs = path, {"scene": (1, 64, 64, 3), "heads": (1, 4)}, 0

    def run(self, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.runs += 1
        (x0, y0, x1, y1), scene = given["heads"][0], given["scene"][0]
        way = 1 if scene[:, 32:].mean() > scene[:, :32].mean() else -1  # towards the brighter half
        bell = gaussian_map(np.array([(x0 + x1) / 2 + 10 * way, (y0 + y1) / 2 + 5]), 64, 3.0)
        wrong = gaussian_map(np.array([2.0, 3.0]), 64, 3.0)
        return {"maps": 7 * (bell + 0.4 * wrong)[None] - 2, "inside": np.array([0.8 if way > 0 else 0.6])}


def test_the_networks_peak_is_found_between_cells_of_a_wide_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nasion.gaze.following.Session", Lopsided)
    image = np.zeros((320, 640, 3), np.uint8)
    image[:, 320:] = 200
    found = GazeFollower("gaze.onnx", both_ways=False).read(image, [Box(78, 178, 128, 208)])[0]
    np.testing.assert_allclose(found.point, (103 + 100, 193 + 25), atol=0.3)  # the highest cells: 1.5 and 1 px off
    assert found.heatmap.max() == pytest.approx(1)
    assert found.inside == 0.8


def test_a_picture_the_other_way_round_is_read_the_other_way_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nasion.gaze.following.Session", Lopsided)
    image = np.zeros((320, 640, 3), np.uint8)
    image[:, 320:] = 200
    box, turned = Box(78, 178, 128, 208), Box(639 - 128, 178, 639 - 78, 208)
    follower = GazeFollower("gaze.onnx")
    here, there = follower.read(image, [box])[0], follower.read(image[:, ::-1], [turned])[0]
    assert follower.session.runs == 4
    np.testing.assert_allclose(here.heatmap, there.heatmap[:, ::-1], atol=1e-5)
    np.testing.assert_allclose(here.point, (639 - there.point[0], there.point[1]), atol=1e-3)
    assert here.inside == there.inside == pytest.approx(0.7)
    once = GazeFollower("gaze.onnx", both_ways=False)
    here, there = once.read(image, [box])[0], once.read(image[:, ::-1], [turned])[0]
    assert np.corrcoef(here.heatmap.ravel(), there.heatmap[:, ::-1].ravel())[0, 1] < 0.9


def test_following_nobody_is_refused(tmp_path: object) -> None:
    class Nobody(GazeFollower):
        def __init__(self) -> None:
            self.side, self.both_ways = 64, True

    with pytest.raises(InputError, match="at least one head"):
        Nobody().read(np.zeros((64, 64, 3), np.uint8), [])
