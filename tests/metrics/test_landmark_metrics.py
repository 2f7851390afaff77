import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nasion.core import InputError
from nasion.metrics import (
    area_under_curve,
    cumulative_error_curve,
    face_size,
    failure_rate,
    nme,
    nme_by_group,
    point_errors,
)

ERRORS = arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 0.3))


def faces(count: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 200, (count, 68, 2))


def square_face() -> np.ndarray:
    """Corners of a 40 x 90 box, outer eye corners 30 apart, pupils 20 apart."""
    points = np.full((68, 2), 20.0)
    points[0], points[1] = (0, 0), (40, 90)
    points[36:42], points[42:48] = (10, 20), (30, 20)
    points[36], points[45] = (5, 20), (35, 20)
    points[37], points[43] = (15, 20), (25, 20)  # the means of the eyes stay at 10 and 30
    return points[None]


@pytest.mark.parametrize(
    ("by", "length"), [("inter_ocular", 30), ("inter_pupil", 20), ("box", 60), ("diagonal", np.hypot(40, 90))]
)
def test_each_normaliser_is_the_length_it_says(by, length):
    assert face_size(square_face(), by)[0] == pytest.approx(length)


def test_nme_is_the_mean_distance_over_the_length():
    truth = square_face()
    found = truth + np.array([3.0, 4.0])
    assert nme(found, truth)[0] == pytest.approx(5 / 30)
    assert nme(found, truth, "box")[0] == pytest.approx(5 / 60)


@given(st.floats(0.1, 50), st.floats(-np.pi, np.pi), st.integers(0, 1000))
def test_nme_by_the_eyes_ignores_scale_and_turn(scale, angle, seed):
    truth, noise = faces(seed=seed), np.random.default_rng(seed + 1).normal(size=(3, 68, 2))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(nme((truth + noise) @ turn, truth @ turn), nme(truth + noise, truth), rtol=1e-6)


def test_the_inner_points_keep_the_normaliser_of_the_whole_face():
    truth = faces()
    found = truth.copy()
    found[:, :17] += 100  # the jaw is wrong, the rest is right
    assert nme(found, truth, points=range(17, 68)) == pytest.approx(np.zeros(3))
    assert (nme(found, truth) > 0).all()


def test_groups_average_back_to_the_whole():
    truth, found = faces(), faces(seed=5)
    parts = nme_by_group(found, truth, {"jaw": range(17), "inner": range(17, 68)})
    np.testing.assert_allclose((17 * parts["jaw"] + 51 * parts["inner"]) / 68, nme(found, truth))


def test_a_lost_point_is_infinitely_wrong_and_an_unknown_one_is_left_out():
    truth, found = faces(), faces() + 1.0
    found[1, 30] = np.nan
    truth[2, 5] = np.nan
    errors = nme(found, truth)
    assert np.isfinite(errors[0])
    assert np.isinf(errors[1])
    assert errors[2] == pytest.approx(np.sqrt(2) / face_size(truth)[2])
    assert np.isnan(point_errors(found, truth)[2, 5])


def test_a_face_without_any_known_point_has_no_error():
    assert np.isnan(nme(faces(), np.full((3, 68, 2), np.nan))).all()


def test_depth_is_not_compared():
    truth = faces()
    found = np.concatenate([truth, np.full((3, 68, 1), 99.0)], axis=2)
    assert nme(found, truth) == pytest.approx(np.zeros(3))


@given(ERRORS)
def test_area_and_curve_agree(errors):
    x, y = cumulative_error_curve(errors, 0.08, steps=20001)
    assert area_under_curve(errors, 0.08) == pytest.approx(np.trapezoid(y, x) / 0.08, abs=1e-3)
    assert (np.diff(y) >= 0).all()
    assert y[-1] == pytest.approx(1 - failure_rate(errors, 0.08))


@given(ERRORS)
def test_a_missed_face_lowers_the_area_and_counts_as_a_failure(errors):
    missed = np.append(errors, [np.inf, np.nan])
    n = len(errors)
    assert area_under_curve(missed) == pytest.approx(area_under_curve(errors) * n / (n + 2))
    assert failure_rate(missed) == pytest.approx((failure_rate(errors) * n + 2) / (n + 2))


def test_bounds_of_the_area():
    assert area_under_curve(np.zeros(4)) == 1
    assert area_under_curve(np.full(4, 0.08)) == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: face_size(np.zeros((2, 5, 2))),
        lambda: face_size(np.zeros((2, 68, 2)), "chin"),
        lambda: nme(np.zeros((2, 68, 2)), np.zeros((3, 68, 2))),
        lambda: nme(np.zeros((68, 2)), np.zeros((68, 2))),
        lambda: area_under_curve(np.zeros(0)),
    ],
)
def test_wrong_shapes_are_named(call):
    with pytest.raises(InputError):
        call()
