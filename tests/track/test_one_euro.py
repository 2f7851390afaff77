import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasion.core import InputError
from nasion.track import OneEuroFilter


def run(points: np.ndarray, times: np.ndarray, size: float = 100.0, **options: float) -> np.ndarray:
    smooth = OneEuroFilter(**options)
    return np.stack([smooth(p, float(t), size) for p, t in zip(points, times, strict=True)])


def test_resting_points_become_steadier() -> None:
    rng = np.random.default_rng(0)
    noisy = rng.normal(50, 0.5, (200, 20, 2))
    smoothed = run(noisy, np.arange(200) / 25)
    assert smoothed[50:].std() < 0.7 * noisy[50:].std()


def test_a_fast_point_lags_less_than_a_twentieth_of_the_face() -> None:
    times = np.arange(50) / 25
    path = np.zeros((50, 1, 2))
    path[:, 0, 0] = times * 200  # two face sizes a second
    assert abs(run(path, times)[-1] - path[-1]).max() < 5


def test_the_first_points_pass_unchanged_and_the_type_is_kept() -> None:
    points = np.array([[1, 2, 3]], np.float32)
    smooth = OneEuroFilter()
    assert smooth(points, 0.0, 100.0) is points
    assert smooth(points + 1, 0.04, 100.0).dtype == np.float32


@given(scale=st.floats(0.05, 50), seed=st.integers(0, 1000))
def test_small_and_large_faces_behave_alike(scale: float, seed: int) -> None:
    points = np.random.default_rng(seed).normal(0, 10, (12, 3, 2)).cumsum(axis=0)
    times = np.arange(12) / 30
    np.testing.assert_allclose(
        run(points * scale, times, 100 * scale), run(points, times) * scale, rtol=1e-6, atol=1e-6
    )


@given(angle=st.floats(-3.2, 3.2))
def test_turning_the_camera_turns_the_result(angle: float) -> None:
    points = np.random.default_rng(3).normal(0, 10, (12, 3, 2)).cumsum(axis=0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    times = np.arange(12) / 30
    np.testing.assert_allclose(run(points @ turn, times), run(points, times) @ turn, atol=1e-9)


def test_real_time_counts_not_the_number_of_frames() -> None:
    points = np.array([[[0.0, 0.0]], [[10.0, 0.0]]])
    soon, late = (run(points, np.array([0.0, gap]), speed_gain=0.0)[1, 0, 0] for gap in (0.01, 1.0))
    assert soon < 2
    assert late > 8


def test_frames_with_one_time_stamp_do_no_harm() -> None:
    points = np.ones((4, 2, 2)).cumsum(axis=0)
    assert np.isfinite(run(points, np.zeros(4))).all()


def test_time_that_goes_backwards_is_refused() -> None:
    smooth = OneEuroFilter()
    smooth(np.zeros((2, 2)), 1.0, 100.0)
    with pytest.raises(InputError, match="time goes backwards"):
        smooth(np.zeros((2, 2)), 0.5, 100.0)


def test_another_number_of_points_is_refused() -> None:
    smooth = OneEuroFilter()
    smooth(np.zeros((2, 2)), 1.0, 100.0)
    with pytest.raises(InputError, match=r"began with \(2, 2\) and now got \(3, 2\)"):
        smooth(np.zeros((3, 2)), 2.0, 100.0)


@pytest.mark.parametrize("wrong", [{"min_cutoff": 0.0}, {"speed_gain": -1.0}, {"speed_cutoff": float("nan")}])
def test_cutoffs_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="cutoffs of a One-Euro filter"):
        OneEuroFilter(**wrong)
