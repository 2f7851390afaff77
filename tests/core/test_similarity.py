"""Similarities, affine algebra and Procrustes: what was done to points is found again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasion.core import InputError
from nasion.core.geometry.procrustes import generalized_procrustes, procrustes
from nasion.core.geometry.rotation import rotation_from_vector
from nasion.core.geometry.similarity import apply_affine, compose, invert_affine, umeyama


def random_similarity(rng, d, scale=True):
    linear = rotation_from_vector(rng.normal(size=3)) if d == 3 else rotation_from_vector(rng.normal() * np.eye(3)[2])
    size = rng.uniform(0.1, 10) if scale else 1.0
    return np.c_[size * linear[:d, :d], rng.normal(size=d) * 100]


cases = given(st.integers(0, 10_000), st.sampled_from([2, 3]), st.booleans())


@cases
def test_umeyama_finds_the_similarity(seed, d, scale):
    rng = np.random.default_rng(seed)
    matrix, points = random_similarity(rng, d, scale), rng.normal(size=(8, d))
    np.testing.assert_allclose(umeyama(points, apply_affine(matrix, points), scale=scale), matrix, atol=1e-8)


@cases
def test_umeyama_never_reflects(seed, d, scale):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(8, d))
    mirrored = points * np.r_[-1, np.ones(d - 1)]
    assert np.linalg.det(umeyama(points, mirrored, scale=scale)[:, :d]) > 0


@cases
def test_points_without_weight_do_not_count_even_as_nan(seed, d, scale):
    rng = np.random.default_rng(seed)
    matrix, points = random_similarity(rng, d, scale), rng.normal(size=(8, d))
    target = apply_affine(matrix, points)
    target[2], target[5] = 1e6, np.nan
    weights = np.ones(8)
    weights[[2, 5]] = 0
    np.testing.assert_allclose(umeyama(points, target, weights, scale), matrix, atol=1e-8)


def test_weights_are_counts():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 5, 2))
    twice = [0, 0, 1, 2, 3, 4]
    np.testing.assert_allclose(umeyama(a, b, np.array([2.0, 1, 1, 1, 1])), umeyama(a[twice], b[twice]), atol=1e-12)


@given(st.integers(0, 10_000), st.sampled_from([2, 3]))
def test_inverse_and_composition(seed, d):
    rng = np.random.default_rng(seed)
    f, g, points = random_similarity(rng, d), random_similarity(rng, d), rng.normal(size=(4, 6, d))
    np.testing.assert_allclose(apply_affine(compose(f, g), points), apply_affine(f, apply_affine(g, points)), atol=1e-7)
    np.testing.assert_allclose(compose(f, invert_affine(f)), np.eye(d, d + 1), atol=1e-9)


def test_a_tiny_map_is_not_a_flat_one():
    np.testing.assert_allclose(invert_affine(np.eye(3, 4) * 1e-6)[:, :3], np.eye(3) * 1e6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: umeyama(np.zeros((3, 2)), np.zeros((4, 2))), r"same N.*\(3, 2\) and \(4, 2\)"),
        (lambda: umeyama(np.ones((3, 2)), np.zeros((3, 2))), "coincide"),
        (lambda: umeyama(np.eye(2), np.eye(2), np.array([1.0, -1.0])), "weights"),
        (lambda: umeyama(np.eye(2), np.full((2, 2), np.nan)), "NaN"),
        (lambda: apply_affine(np.eye(2, 3), np.zeros((4, 3))), "2-D points"),
        (lambda: apply_affine(np.eye(3), np.zeros((4, 2))), r"\(3, 3\)"),
        (lambda: invert_affine(np.zeros((2, 3))), "flattens"),
        (lambda: compose(), "at least one"),
        (lambda: compose(np.eye(2, 3), np.eye(3, 4)), "2-D and 3-D"),
        (lambda: generalized_procrustes(np.zeros((3, 2))), r"\(F, N, d\)"),
        (lambda: generalized_procrustes(np.ones((1, 3, 2))), "coincide"),
    ],
)
def test_bad_input_teaches(call, message):
    with pytest.raises(InputError, match=message):
        call()


@given(st.integers(0, 10_000), st.sampled_from([2, 3]))
def test_procrustes_leaves_nothing_of_a_similarity(seed, d):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(9, d))
    target = apply_affine(random_similarity(rng, d), points)
    aligned, left = procrustes(points, target)
    np.testing.assert_allclose(aligned, target, atol=1e-7)
    assert left < 1e-7
    noisy = target + rng.normal(size=target.shape)
    aligned, left = procrustes(points, noisy, np.ones(9))
    assert left == pytest.approx(np.sqrt(((aligned - noisy) ** 2).sum(1).mean()))


def test_generalized_procrustes_finds_the_common_shape():
    rng = np.random.default_rng(1)
    shape = rng.normal(size=(20, 2))
    shapes = np.stack([
        apply_affine(random_similarity(rng, 2), shape + rng.normal(size=shape.shape) * 0.01) for _ in range(50)
    ])  # fmt: skip
    result = generalized_procrustes(shapes)
    assert result.converged
    assert procrustes(shape, result.mean)[1] < 0.01
    assert np.sqrt((result.mean**2).sum(1).mean()) == pytest.approx(1)
    assert np.abs(result.aligned - result.mean).max() < 0.1


def test_generalized_procrustes_stays_turned_like_the_first_shape():
    rng = np.random.default_rng(2)
    shapes = rng.normal(size=(1, 12, 3)) + 0.1 * rng.normal(size=(10, 12, 3))
    mean = generalized_procrustes(shapes).mean
    turn = umeyama(mean, shapes[0])[:, :3]
    np.testing.assert_allclose(turn / np.cbrt(np.linalg.det(turn)), np.eye(3), atol=0.02)
