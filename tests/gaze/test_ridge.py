"""Corrections: the ridge, and the promise that none makes things worse."""

import numpy as np
import pytest

from nasion.core import InputError
from nasion.gaze.ridge import fit_guarded, fit_ridge


def test_a_free_ridge_finds_the_line_and_a_strong_one_the_mean() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(40, 5)), rng.normal(size=(5, 2))
    y = x @ w + (3, -1)
    weights, constant = fit_ridge(x, y, 1e-9)
    np.testing.assert_allclose(weights, w, atol=1e-6)
    np.testing.assert_allclose(constant, (3, -1), atol=1e-6)
    for strength in (1e12, np.inf):
        weights, constant = fit_ridge(x, y, strength)
        np.testing.assert_allclose(x @ weights + constant, np.tile(y.mean(0), (40, 1)), atol=1e-6)


def test_few_rows_and_many_give_the_same_ridge() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(6, 9)), rng.normal(size=(6, 2))
    few = fit_ridge(x, y, 0.5)
    centred = x - x.mean(0)
    many = np.linalg.solve(centred.T @ centred + 0.5 * np.eye(9), centred.T @ (y - y.mean(0)))
    np.testing.assert_allclose(few[0], many, atol=1e-9)


def test_a_plain_offset_is_learned_as_one() -> None:
    rng = np.random.default_rng(2)
    x, wanted = rng.normal(size=(9, 6)), np.tile((0.1, -0.2), (9, 1)) + rng.normal(0, 0.02, (9, 2))
    found = fit_guarded(x, wanted, np.arange(9), caution=0.2)
    assert found.kind != "none"
    np.testing.assert_allclose(found(x), wanted, atol=0.08)
    np.testing.assert_allclose(found(x).mean(axis=0), (0.1, -0.2), atol=0.02)


def test_what_cannot_be_foretold_is_left_alone() -> None:
    """Noise alone: a correction that fits it would do harm, and on targets left out it shows."""
    rng = np.random.default_rng(3)
    kinds = [
        fit_guarded(rng.normal(size=(9, 6)), rng.normal(0, 0.1, (9, 2)), np.arange(9), caution=1.0).kind
        for _ in range(40)
    ]
    assert kinds.count("ridge") <= 12


@pytest.mark.parametrize("count", [1, 3, 5, 9, 16])
def test_never_worse_than_uncalibrated(count: int) -> None:
    """People whose looks are off by an offset, a gain and noise of many sizes: on average no count does harm."""
    rng = np.random.default_rng(count)
    before, after = [], []
    for _ in range(150):
        offset, gain, noise = rng.normal(0, 0.06, 2), rng.normal(0, 0.15, (2, 2)), rng.uniform(0.01, 0.06)
        x = rng.normal(0, 0.3, (count + 30, 2))
        features = np.concatenate([x, rng.normal(0, 0.3, (len(x), 6))], axis=1)
        wanted = offset + x @ gain + rng.normal(0, noise, x.shape)
        found = fit_guarded(features[:count], wanted[:count], np.arange(count), caution=0.5)
        before.append(np.linalg.norm(wanted[count:], axis=1).mean())
        after.append(np.linalg.norm((wanted - found(features))[count:], axis=1).mean())
    assert np.mean(after) <= 1.02 * np.mean(before)
    if count >= 9:
        assert np.mean(after) < 0.75 * np.mean(before)


def test_frames_of_one_target_are_left_out_together() -> None:
    """Five frames a target: features that only tell targets apart must not look useful."""
    rng = np.random.default_rng(4)
    target = np.repeat(np.arange(5), 5)
    features = np.eye(5)[target] + rng.normal(0, 0.01, (25, 5))
    wanted = rng.normal(0, 0.1, (5, 2))[target] + rng.normal(0, 0.001, (25, 2))
    together = fit_guarded(features, wanted, target)
    apart = fit_guarded(features, wanted, np.arange(25))
    assert apart.kind == "ridge"
    assert apart.left_out["ridge"] < 0.2 * together.left_out["ridge"]


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(InputError, match="at least one"):
        fit_guarded(np.zeros((0, 3)), np.zeros((0, 2)), np.zeros(0, int))
