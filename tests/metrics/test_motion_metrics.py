"""Jitter, lag and how much of a movement was kept."""

import numpy as np
import pytest

from nasion.core import InputError
from nasion.metrics import jitter, lag_frames, range_kept

T = np.arange(90.0)
PATH = np.stack([12 * np.sin(T / 7), 5 * np.cos(T / 11)], 1)[:, None] + np.random.default_rng(0).normal(0, 9, (1, 6, 2))


def delayed(frames):
    at = T - frames
    return np.stack([12 * np.sin(at / 7), 5 * np.cos(at / 11)], 1)[:, None] + PATH[:1] - PATH[:1, :1] + PATH[0, 0] * 0


@pytest.mark.parametrize("late", [-0.5, 0.0, 0.2, 1.0, 2.3])
def test_lag_is_found_to_a_twentieth_of_a_frame(late):
    truth = delayed(0)
    assert lag_frames(delayed(late), truth) == pytest.approx(late, abs=0.051)


def test_nothing_lags_where_nothing_moves():
    still = np.ones((20, 3, 2))
    assert np.isnan(lag_frames(still, still))


def test_jitter_is_the_second_difference_over_the_size():
    zigzag = np.zeros((10, 2, 2))
    zigzag[1::2, 0, 0] = 3.0
    assert jitter(zigzag, 60.0) == pytest.approx([6 / 60, 0])
    assert jitter(np.linspace(0, 50, 10)[:, None, None] * np.ones((1, 1, 2)), 60.0) == pytest.approx([0], abs=1e-12)


def test_jitter_passes_over_missing_frames():
    path = PATH.copy()
    path[30] = np.nan
    assert np.isfinite(jitter(path, 60.0)).all()


def test_range_kept():
    blink = np.r_[np.ones(30), np.zeros(5), np.ones(30)]
    assert range_kept(blink, blink) == 1
    assert range_kept(0.5 + 0.5 * blink, blink) == pytest.approx(0.5)
    assert np.isnan(range_kept(blink, np.ones(65)))


def test_too_short_a_clip_is_refused():
    with pytest.raises(InputError):
        jitter(PATH[:2], 1.0)
    with pytest.raises(InputError):
        lag_frames(PATH[:6], PATH[:6])
    with pytest.raises(InputError):
        lag_frames(PATH, PATH[:80])
