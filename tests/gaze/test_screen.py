"""Screens, targets, smoothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasion.core import Camera, InputError, scheme
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.gaze import RegardSmoother, Screen, calibration_points, pursuit
from nasion.gaze.canonical import NODES, BlinkGate, lift, openness, raw_features
from nasion.gaze.screen import angle_between, meet_plane

SCREEN = Screen(300, 200, camera_x=0.4, camera_above_mm=8)


@given(st.floats(-1, 2), st.floats(-1, 2))
def test_fractions_and_millimetres_are_inverse(x: float, y: float) -> None:
    np.testing.assert_allclose(SCREEN.to_fraction(SCREEN.to_mm(np.array([[x, y]]))), [[x, y]], atol=1e-9)


def test_the_viewers_left_is_the_pictures_right() -> None:
    left, right = SCREEN.to_mm(np.array([[0.0, 0.0], [1.0, 1.0]]))
    np.testing.assert_allclose(left, (120, 8))
    np.testing.assert_allclose(right, (-180, 208))


@given(st.floats(-200, 200), st.floats(0, 300), st.floats(200, 900))
def test_looks_meet_the_plane_where_they_aim(x: float, y: float, z: float) -> None:
    start = np.array([[30.0, -20.0, z]])
    np.testing.assert_allclose(meet_plane(start, (np.array([[x, y, 0]]) - start) * 0.3), [[x, y]], atol=1e-6)


def test_looks_away_meet_nothing() -> None:
    start = np.array([[0.0, 0, 500]] * 2)
    assert np.isnan(meet_plane(start, np.array([[0, 0, 1.0], [1, 0, -0.01]]))).all()


def test_degrees_are_those_of_each_axis() -> None:
    """The same share of a wide screen is a larger angle across than down."""
    eyes, middle = np.array([[0.0, 0, 500]]), np.zeros((1, 2))
    across, down = (angle_between(middle + share * SCREEN.size, middle, eyes)[0] for share in ((0.1, 0), (0, 0.1)))
    assert across == pytest.approx(np.degrees(np.arctan(30 / 500)))
    assert down == pytest.approx(np.degrees(np.arctan(20 / 500)))


def test_a_screen_has_a_size() -> None:
    with pytest.raises(InputError, match=r"10\.\.10000 mm"):
        Screen(0, 200)


def test_calibrations_begin_in_the_middle_and_stay_inside() -> None:
    for count in (1, 5, 9):
        points = calibration_points(count)
        assert points[0].tolist() == [0.5, 0.5]
        assert len(np.unique(points, axis=0)) == count
        assert points.min() >= 0.1 - 1e-9
        assert points.max() <= 0.9 + 1e-9
    corners = set(map(tuple, calibration_points(5)[1:].round(3).tolist()))
    assert corners == {(a, b) for a in (0.1, 0.9) for b in (0.1, 0.9)}
    with pytest.raises(InputError, match="not 7"):
        calibration_points(7)


def test_the_pursuit_target_runs_round_smoothly() -> None:
    path = pursuit(np.linspace(0, 5, 301))
    np.testing.assert_allclose(path[0], path[-1], atol=1e-9)
    np.testing.assert_allclose(np.ptp(path, axis=0), (0.8, 0.8), atol=0.01)
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).max() < 0.04


def test_smoothing_steadies_rest_and_lets_jumps_through() -> None:
    rng = np.random.default_rng(0)
    truth = np.where(np.arange(120)[:, None] < 60, (50.0, 60.0), (210.0, 120.0))
    noisy, smooth = truth + rng.normal(0, 8, truth.shape), RegardSmoother(8.0)
    out = np.stack([smooth(point, i / 30) for i, point in enumerate(noisy)])
    rest = np.r_[20:60, 80:120]
    assert np.linalg.norm(out - truth, axis=1)[rest].mean() < 0.7 * np.linalg.norm(noisy - truth, axis=1)[rest].mean()
    assert np.linalg.norm(out[60] - truth[60]) < 30


def test_smoothing_bridges_gaps_and_refuses_the_past() -> None:
    smooth = RegardSmoother(5.0)
    assert np.isnan(smooth(np.full(2, np.nan), 0.0)).all()
    for i in range(10):
        smooth(np.array([10.0 * i, 0.0]), i / 10)
    assert smooth(np.full(2, np.nan), 1.0)[0] == pytest.approx(100, abs=15)
    with pytest.raises(InputError, match="in order"):
        smooth(np.zeros(2), 0.5)
    with pytest.raises(InputError, match="above 0"):
        RegardSmoother(0)


def face(opening: float = 1.0) -> np.ndarray:
    """(478, 3) px of the mean face, its lids this much open."""
    points = scheme("dense478").template.astype(np.float64) * 2 + (300, 240, 0)
    for upper, lower in ((159, 145), (386, 374)):
        middle = (points[upper] + points[lower]) / 2
        for lid in (upper, lower):
            points[lid] = middle + opening * (points[lid] - middle)
    return points


def test_blinks_are_those_much_narrower_than_before() -> None:
    gate, wide = BlinkGate(), float(openness(face()[None])[0])
    assert not any(gate.shut(wide) for _ in range(20))
    assert gate.shut(0.5 * wide)
    assert not gate.shut(0.95 * wide)


def test_raw_features_are_those_of_the_face_not_of_the_picture() -> None:
    turn = angles_to_rotation(0, 0, 35)
    still, moved = raw_features(np.stack([face(), 1.7 * face() @ turn.T + (40, -30, 9)]))
    np.testing.assert_allclose(moved[:-3], still[:-3], atol=1e-9)
    assert np.abs(moved[-3:] - still[-3:]).max() > 0.5  # the angles do say how the head is turned


def test_lifting_undoes_the_projection() -> None:
    camera, solid = Camera.for_image(640, 480), scheme("dense478").template[list(NODES)] + (10.0, 20.0, 500.0)
    depth = (solid[:, 2] - 500) * camera.fx / 500
    points = np.concatenate([camera.project(solid), depth[:, None]], axis=1)
    np.testing.assert_allclose(lift(points[None], np.array([[10.0, 20, 500]]), camera)[0], solid, atol=1e-6)
