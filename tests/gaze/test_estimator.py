"""The task ``gaze`` with the weights of the package, on points that are known exactly."""

import numpy as np
import pytest

from nasion.core import Camera, Face, Landmarks, ModelError, Pose, scheme
from nasion.core.gaze import gaze_vector
from nasion.gaze import Encoder, Gaze, LandmarkGaze
from nasion.gaze.canonical import NODES
from nasion.gaze.encoder import cloud
from nasion.models import catalogue
from nasion.synth import HeadModel, HeadParameters, place

SIZE = 400
IMAGE = np.zeros((SIZE, SIZE, 3), np.uint8)
CAMERA = Camera.for_image(SIZE, SIZE)


def looking(yaw: float, pitch: float, *, turned: float = 0.0, sigma: float = 1.0, shut: bool = False) -> Face:
    """A mean head 500 mm away whose eyes look ``yaw`` and ``pitch`` degrees aside in it."""
    pose = place(turned, 0.0, 0.0, (0.0, 0.0, 500.0))
    lids = (0.0, 0.0) if shut else (None, None)
    points = HeadModel.load().points(HeadParameters(gaze=((yaw, pitch), (yaw, pitch)), lids=lids))
    solid = points @ pose.camera_rotation.T + pose.translation
    depth = (solid[:, 2:] - 500) * CAMERA.fx / 500
    pixels = np.concatenate([CAMERA.project(solid), depth], axis=1)
    landmarks = Landmarks.from_points(pixels, scheme("dense478"), sigma=sigma)
    return Face(landmarks.box, 0.9, landmarks).with_reading("pose", pose)


@pytest.fixture(scope="module")
def reader() -> LandmarkGaze:
    return LandmarkGaze()


def test_eyes_that_turn_are_followed(reader) -> None:
    """To both sides, up and down, further than the head alone would say and with the right signs."""
    left, right, up, down = reader.read(IMAGE, [looking(*g) for g in ((20, 0), (-20, 0), (0, 14), (0, -20))])
    assert left.yaw - right.yaw > 15
    assert up.pitch - down.pitch > 10
    assert left.vector[0] < right.vector[0]
    for gaze in (left, right, up, down):
        assert isinstance(gaze, Gaze)
        assert np.linalg.norm(gaze.vector) == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(gaze_vector(np.array([gaze.yaw, gaze.pitch])), gaze.vector, atol=1e-5)
        assert 0.5 < gaze.expected_error < 30


def test_the_head_carries_the_eyes(reader) -> None:
    straight, turned = reader.read(IMAGE, [looking(0, 0), looking(0, 0, turned=25.0)])
    assert turned.yaw - straight.yaw == pytest.approx(25, abs=12)


def test_faces_are_read_one_by_one_as_together(reader) -> None:
    faces = [looking(10, -5), looking(-15, 8)]
    together = reader.read(IMAGE, faces)
    apart = [reader.read(IMAGE, [face])[0] for face in faces]
    np.testing.assert_allclose([g.vector for g in together], [g.vector for g in apart], atol=1e-5)


def test_shut_eyes_and_blur_are_not_believed(reader) -> None:
    sharp, blurred, shut = reader.read(IMAGE, [looking(5, 0), looking(5, 0, sigma=20.0), looking(5, 0, shut=True)])
    assert blurred.expected_error > 3 * sharp.expected_error
    assert blurred.reliability < 0.5
    assert blurred.reason
    assert shut.reliability < 0.5
    assert "shut" in shut.reason
    assert sharp.reliability > blurred.reliability


def test_no_pose_no_gaze(reader) -> None:
    nan = float("nan")
    lost = looking(0, 0).with_reading("pose", Pose(0.0, "lost", nan, nan, nan, (nan, nan, nan)))
    nothing, something = reader.read(IMAGE, [lost, looking(0, 0)])
    assert nothing.reliability == 0
    assert np.isnan(nothing.vector).all()
    assert "no pose" in nothing.reason
    assert np.isfinite(something.vector).all()


def test_other_models_are_refused() -> None:
    with pytest.raises(ModelError, match="reads no gaze"):
        LandmarkGaze("detector")
    with pytest.raises(ModelError, match="no gaze encoder"):
        Encoder("detector")


def test_the_weights_stay_small() -> None:
    assert sum(catalogue()[name].size for name in ("gaze", "gaze_encoder")) < 650_000


def test_the_shipped_encoder_turns_with_the_face() -> None:
    rng, face = np.random.default_rng(0), looking(5, -5)
    points = face.landmarks.points[None, list(NODES)].astype(np.float64)
    solid, _ = cloud(points, face.pose.camera_rotation[None], np.array([face.pose.translation]), CAMERA)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    encoder = Encoder()
    (code, way), (again, turned) = encoder(solid), encoder((solid - solid[:, :1]) @ turn.T + (30, -40, 200))
    np.testing.assert_allclose(again, code, atol=2e-3 * max(1.0, np.abs(code).max()))
    np.testing.assert_allclose(turned, way @ turn.T, atol=2e-3)
