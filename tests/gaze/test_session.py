"""Sessions: a synthetic person before a screen, read by a plain geometric encoder, so that no weights are needed."""

import numpy as np
import pytest

from nasion.core import Camera, Face, InputError, Landmarks, scheme
from nasion.core.gaze import gaze_angles
from nasion.gaze import GazeSession, Screen, calibration_points, pursuit
from nasion.gaze.canonical import CORNERS, IRISES
from nasion.synth import HeadModel, HeadParameters, place

CAMERA, SCREEN = Camera.for_image(640, 480), Screen(320, 200)
KAPPA = np.array([4.0, -2.0])  # degrees: what every look is off by before calibration
EYES = np.stack([eye.centre for eye in HeadModel.load().eyes(HeadParameters())])


class EyeballEncoder:
    """Directions out of the middle of both eyes, 7.2 mm behind the corners; the embedding is where the irises are."""

    caution = 0.5

    def __call__(self, points):
        origin = points[:, 34:35]
        axes = (points[:, 35:38] - origin) / 60
        centre = points[:, list(CORNERS)].mean(1) + 7.2 * axes[:, 2] - 1.2 * axes[:, 1]
        way = points[:, list(IRISES)].mean(1) - centre
        local = np.einsum("bki,bi->bk", axes, way) / 12
        return local, way / np.linalg.norm(way, axis=1, keepdims=True)


def looking(target, at=(15.0, 30.0, 520.0), yaw=3.0, shut=False) -> Face:
    """The mean head that looks at a fraction of the screen, its eyes' axes off by ``KAPPA``; points are exact."""
    pose = place(yaw, -4.0, 1.0, at)
    way = np.append(SCREEN.to_mm(np.asarray(target)), 0) - (EYES @ pose.camera_rotation.T + at)
    (ly, lp), (ry, rp) = (gaze_angles(way @ pose.camera_rotation) - KAPPA).tolist()
    lids = (0.0, 0.0) if shut else (None, None)
    points = HeadModel.load().points(HeadParameters(gaze=((ly, lp), (ry, rp)), lids=lids))
    solid = points @ pose.camera_rotation.T + at
    depth = (solid[:, 2:] - at[2]) * CAMERA.fx / at[2]
    landmarks = Landmarks.from_points(np.concatenate([CAMERA.project(solid), depth], axis=1), scheme("dense478"))
    return Face(landmarks.box, 0.9, landmarks).with_reading("pose", pose)


@pytest.fixture(scope="module")
def shown():
    return calibration_points(9)


@pytest.fixture(scope="module")
def asked():
    return np.random.default_rng(0).uniform(0.1, 0.9, (14, 2))


@pytest.fixture
def session():
    return GazeSession(SCREEN, CAMERA, EyeballEncoder())


@pytest.fixture(scope="module")
def faces(shown, asked):
    return [looking(t) for t in shown], [looking(t) for t in asked]


def test_nine_looks_halve_the_error(session, faces, shown, asked) -> None:
    before = session.accuracy(faces[1], asked)
    session.calibrate(faces[0], shown)
    after = session.accuracy(faces[1], asked)
    assert 3 < before.mean_deg < 15
    assert after.mean_deg < 0.5 * before.mean_deg
    assert session.error_deg < 0.5 * before.rms_deg
    assert session.correction.kind != "none"


@pytest.mark.parametrize("count", [1, 3, 5, 9])
def test_no_count_of_looks_does_harm(session, faces, shown, asked, count) -> None:
    before = session.accuracy(faces[1], asked).mean_deg
    session.calibrate(faces[0][:count], shown[:count])
    assert session.accuracy(faces[1], asked).mean_deg <= 1.02 * before


def test_a_moving_target_calibrates_too(session, faces, asked) -> None:
    path = pursuit(np.linspace(0, 5, 32, endpoint=False))
    session.calibrate([looking(t) for t in path], path)
    assert session.accuracy(faces[1], asked).mean_deg < 2.5


def test_accuracy_counts_in_every_unit(session, faces, shown, asked) -> None:
    session.calibrate(faces[0], shown)
    said = session.accuracy(faces[1], asked, pixels=(3200, 2000))
    assert said.frames == len(asked)
    assert said.mean_px == pytest.approx(10 * said.mean_mm, rel=1e-6)
    assert said.mean_deg == pytest.approx(np.degrees(said.mean_mm / 520), rel=0.25)
    assert np.hypot(said.x_mm, said.y_mm) <= said.mean_mm * 1.001


def test_looks_say_where_and_how_far_to_believe_them(session, faces, shown, asked) -> None:
    wild = session.look(faces[1])
    assert all(r.reliability < 0.5 and r.reason for r in wild)
    session.calibrate(faces[0], shown)
    good, shut, gone = session.look([faces[1][0], looking((0.5, 0.5), shut=True), None])
    assert good.reliability > 0.5
    assert good.reason == ""
    assert (good.x, good.y) == pytest.approx(asked[0], abs=0.12)
    assert (good.x_mm, good.y_mm) == pytest.approx((good.x * 320, good.y * 200))
    for nothing, words in ((shut, "shut"), (gone, "no face")):
        assert np.isnan(nothing.x)
        assert nothing.reliability == 0
        assert words in nothing.reason


def test_a_look_far_off_the_screen_is_not_believed(session, faces, shown) -> None:
    session.calibrate(faces[0], shown)
    (away,) = session.look([looking((1.9, 0.5))])
    assert away.reliability < 0.5
    assert "off the screen" in away.reason


def test_drift_is_seen_and_its_absence_too(session, faces, shown, asked) -> None:
    session.calibrate(faces[0], shown)
    assert not session.drift(faces[1][:5], asked[:5]).drifted
    moved = np.clip(asked[:5] - (0.25, 0), 0, 1)  # the person looks a quarter of the screen to the right of the targets
    drift = session.drift(faces[1][:5], moved)
    assert drift.drifted
    assert drift.x_mm == pytest.approx(320 * (asked[:5] - moved)[:, 0].mean(), abs=20)


def test_a_calibration_is_kept(session, faces, shown, tmp_path) -> None:
    with pytest.raises(InputError, match="no calibration to save"):
        session.save(tmp_path / "c.npz")
    session.calibrate(faces[0], shown)
    session.save(tmp_path / "c.npz")
    again = GazeSession.load(tmp_path / "c.npz", EyeballEncoder())
    assert again.screen == SCREEN
    assert again.camera == CAMERA
    a, b = (s.look(faces[1][:1])[0] for s in (session, again))
    assert (a.x, a.y, a.error_deg) == pytest.approx((b.x, b.y, b.error_deg))
    (tmp_path / "d.npz").write_bytes(b"no")
    with pytest.raises(InputError, match="is no calibration"):
        GazeSession.load(tmp_path / "d.npz", EyeballEncoder())


def test_frames_without_eyes_are_left_out_or_refused(session, faces, shown) -> None:
    assert session.calibrate([*faces[0], None, looking((0.5, 0.5), shut=True)], [*shown, (0, 0), (0, 0)]).frames == 9
    with pytest.raises(InputError, match="none of 1 frames"):
        session.calibrate([None], np.zeros((1, 2)))
    with pytest.raises(InputError, match="need targets of shape"):
        session.calibrate(faces[0], shown[:3])
