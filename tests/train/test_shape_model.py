"""The shape model of the tolerant teacher."""

import numpy as np
import pytest

from nasion.core import InputError, scheme
from nasion.train.shape_model import LIMIT, ShapeModel


def faces(count: int = 200, seed: int = 0) -> np.ndarray:
    """Faces of a crop: the mean face with broad, narrow and jittered variation, each turned and shifted a little."""
    template = scheme("ibug68").template
    assert template is not None
    mean = template[:, :2] / 250 + 0.5
    rng = np.random.default_rng(seed)
    modes = rng.normal(0, 1, (6, 68, 2)) * 0.01
    shapes = mean + np.einsum("nm,mkd->nkd", rng.normal(0, 1, (count, 6)) * (3, 2, 1.5, 1, 0.7, 0.5), modes)
    angle = rng.normal(0, 0.2, count)
    turn = np.stack([np.stack([np.cos(angle), -np.sin(angle)], 1), np.stack([np.sin(angle), np.cos(angle)], 1)], 1)
    return (shapes - 0.5) @ turn.transpose(0, 2, 1) + 0.5 + rng.normal(0, 0.02, (count, 1, 2))


def test_all_variance_gives_the_shapes_back() -> None:
    shapes = faces(60)
    model = ShapeModel.fit(shapes, 1.0)
    inside = model.strangeness(shapes) <= LIMIT
    assert inside.mean() > 0.8
    np.testing.assert_allclose(model.smooth(shapes)[inside], shapes[inside], atol=1e-6)


def test_ninety_per_cent_smooths_and_no_mode_leaves_three_sigma() -> None:
    shapes = faces()
    model = ShapeModel.fit(shapes, 0.9)
    assert len(model.modes) < len(ShapeModel.fit(shapes, 1.0).modes)
    wild = shapes + np.random.default_rng(1).normal(0, 0.05, shapes.shape)
    soft = model.smooth(wild)
    assert np.linalg.norm(soft - wild, axis=2).mean() > 0.001
    assert model.strangeness(soft).max() <= LIMIT + 1e-6


def test_how_a_face_stands_does_not_matter() -> None:
    shapes = faces()
    model = ShapeModel.fit(shapes, 0.9)
    turned = (shapes @ np.array([[0.0, -1], [1, 0]])) * 0.5 + (3, 4)
    np.testing.assert_allclose(model.strangeness(turned), model.strangeness(shapes), rtol=1e-9)
    there = (model.smooth(shapes) @ np.array([[0.0, -1], [1, 0]])) * 0.5 + (3, 4)
    np.testing.assert_allclose(model.smooth(turned), there, atol=1e-9)


def test_what_is_no_face_is_strange() -> None:
    shapes = faces()
    model = ShapeModel.fit(shapes, 0.9)
    scrambled = shapes[:20, np.random.default_rng(2).permutation(68)]
    assert np.median(model.strangeness(scrambled)) > 2 * np.median(model.strangeness(shapes))


def test_faces_with_unknown_points_are_left_out() -> None:
    shapes = faces(40)
    holed = shapes.copy()
    holed[::2, 3] = np.nan
    np.testing.assert_allclose(ShapeModel.fit(holed).mean, ShapeModel.fit(shapes[1::2]).mean)


@pytest.mark.parametrize(("count", "variance"), [(9, 0.9), (20, 0.0), (20, 1.5)])
def test_too_little_is_refused(count: int, variance: float) -> None:
    with pytest.raises(InputError, match="10 whole shapes"):
        ShapeModel.fit(faces(count), variance)
