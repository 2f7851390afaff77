"""Faces to label maps: through the view and back, each its own."""

import numpy as np
import pytest

from nasion.core import Box, Face, InputError, Landmarks, ModelError, scheme
from nasion.parse import REGIONS, FaceParser, Parsing
from nasion.parse.parser import face_roi, landmark_roi

RED, BLUE = (200, 30, 30), (30, 30, 200)


class Painter:
    """Stands in for the network: red is skin, blue is hair."""

    def __init__(self, model, **_) -> None:
        self.path, self.input_shapes = model, {"views": ("n", 96, 96, 3)}
        self.metadata = {"view": "polar"} if model == "parser.onnx" else {}

    def run(self, inputs):
        views = inputs["views"][:, ::2, ::2].astype(float)
        out = np.zeros((len(views), len(REGIONS), 48, 48), np.float32)
        out[:, 0] = 0.4
        out[:, REGIONS.index("skin")] = views[..., 0] - views[..., 2] > 100
        out[:, REGIONS.index("hair")] = views[..., 2] - views[..., 0] > 100
        return {"regions": out}


@pytest.fixture
def parser(monkeypatch) -> FaceParser:
    monkeypatch.setattr("nasion.parse.parser.Session", Painter)
    return FaceParser("parser.onnx")


def face_at(x: float, y: float, width: float, turn: float = 0.0) -> Face:
    layout = scheme("ibug68")
    points = layout.template[:, :2] * width / 140
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    points = points @ np.array([[c, s], [-s, c]]) + (x, y)
    landmarks = Landmarks.from_points(points, layout)
    return Face(landmarks.box, 1.0, landmarks)


def scene() -> np.ndarray:
    image = np.full((300, 400, 3), 120, np.uint8)
    image[80:220, 140:260] = BLUE
    image[100:200, 160:240] = RED
    return image


@pytest.mark.parametrize("turn", [0.0, 37.0, 180.0])
def test_labels_lie_where_the_picture_has_them(parser, turn) -> None:
    image = scene()
    (found,) = parser.parse(image, [face_at(200, 140, 110, turn)])
    assert found.labels.shape == image.shape[:2] and found.labels.dtype == np.uint8
    skin, hair = found.mask("skin"), found.mask("hair")
    assert skin[105:195, 165:235].mean() > 0.97
    assert hair[84:96, 165:235].mean() > 0.9
    assert not found.labels[:50].any() and not found.labels[250:].any()


def test_every_face_has_a_map_of_its_own(parser) -> None:
    found = parser.parse(scene(), [face_at(200, 140, 110), face_at(60, 260, 20)])
    assert len(found) == 2
    assert found[0].labels.any()
    assert parser.parse(scene(), []) == []


def test_a_face_outside_the_picture_has_no_labels(parser) -> None:
    (found,) = parser.parse(scene(), [face_at(5000, 5000, 40)])
    assert not found.labels.any()


def test_the_view_turns_with_the_eyes_and_is_round() -> None:
    plain, turned = (landmark_roi(face_at(100, 100, 90, t).landmarks) for t in (0.0, 30.0))
    assert turned.turn - plain.turn == pytest.approx(30, abs=1e-3)
    assert plain.a == plain.b == pytest.approx(turned.a, rel=1e-4)
    away = np.array([plain.x - 100, plain.y - 100])
    c, s = np.cos(np.radians(30)), np.sin(np.radians(30))
    assert np.allclose((turned.x - 100, turned.y - 100), np.array([[c, -s], [s, c]]) @ away, atol=1e-2)


def test_a_face_with_few_points_is_seen_by_its_box() -> None:
    five = Landmarks.from_points(np.array([[60, 40], [40, 40], [50, 50], [57, 60], [43, 60]]), scheme("coarse5"))
    roi = face_roi(Face(Box(30, 20, 70, 80), 1.0, five))
    assert (roi.x, roi.y, roi.turn) == (50, 50, 0)
    assert np.pi * roi.a**2 == pytest.approx(40 * 60)


def test_what_is_no_parser_is_refused(monkeypatch) -> None:
    monkeypatch.setattr("nasion.parse.parser.Session", Painter)
    with pytest.raises(ModelError, match="nasion train rtnet-tanh-polar"):
        FaceParser("landmarker.onnx")


def test_unknown_regions_are_named() -> None:
    with pytest.raises(InputError, match=r"'beard'.*skin"):
        Parsing(np.zeros((2, 2), np.uint8)).mask("beard")
