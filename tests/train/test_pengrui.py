"""The decoupling module: its people, its losses, and that a little training parts expression from person."""

from pathlib import Path

import numpy as np
import pytest

from nasion.core import InputError
from nasion.expression.imitation import Decoupler
from nasion.train.pengrui import Pengrui, export
from nasion.train.pengrui_faces import Grid, grid, observed, person, shape, units
from nasion.train.recipe import Course


@pytest.fixture(scope="module")
def faces() -> Grid:
    return grid(3, 6, people=6, shown=8)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch absent: pip install 'nasion[train]'")


def spread(codes: np.ndarray, axis: int) -> float:
    """Root mean square distance from the mean along an axis of (A, B, C)."""
    return float(np.sqrt(((codes - codes.mean(axis, keepdims=True)) ** 2).sum(-1).mean()))


def test_people_of_a_group_show_the_same_expressions(faces: Grid) -> None:
    assert faces.shapes.shape == (6, 6, 8, 468, 3)
    moved = (faces.shapes - faces.rest[:, :, None]).reshape(6, 6, 8, -1)
    alike = spread(moved[0], 0)
    assert alike < 0.4 * spread(moved[0], 1)  # by person little, by expression much
    assert spread(faces.shapes[0].reshape(6, 8, -1), 0) > 2 * alike  # the people themselves differ
    again = grid(3, 1, people=6, shown=8)
    np.testing.assert_array_equal(again.shapes[0], faces.shapes[0])


def test_observed_shapes_are_off_by_the_given_spread(faces: Grid) -> None:
    shapes = faces.shapes[0]
    off = observed(shapes, np.random.default_rng(0), 0.01, 0.0, 0.0) - shapes
    np.testing.assert_allclose(off.std((0, 1, 2)), (0.01, 0.01, 0.02), rtol=0.02)
    assert np.abs(off.mean()) < 0.002
    tilted = observed(shapes, np.random.default_rng(0), 0.0, 0.0, 2.0)
    apart = np.linalg.norm(tilted[..., 33, :] - tilted[..., 263, :], axis=-1)
    np.testing.assert_allclose(apart, np.linalg.norm(shapes[..., 33, :] - shapes[..., 263, :], axis=-1), rtol=0.01)
    assert np.abs(tilted - shapes).max() > 0.02


def test_a_little_training_parts_expression_from_person(torch, faces: Grid, tmp_path: Path) -> None:
    from nasion.train import fit

    recipe = Pengrui()
    trained = fit(recipe, recipe.take(faces), steps=40, seed=0)
    assert {"mine", "swapped", "across", "cycle", "alike", "steady", "silent", "shared"} <= set(trained.log[-1])
    assert trained.log[-1]["across"] < 0.5 * trained.log[0]["across"]
    decoupler = Decoupler(export(trained.model, tmp_path / "imitation.onnx"))
    rng = np.random.default_rng(9)
    people, shown = [person(rng) for _ in range(5)], [units(rng) for _ in range(6)]
    seen = np.stack([[shape(who, one) for one in shown] for who in people])
    codes = decoupler.codes(seen.reshape(-1, 468, 3)).reshape(5, 6, -1)
    who = decoupler.people(seen.reshape(-1, 468, 3)).reshape(5, 6, -1)
    raw = seen.reshape(5, 6, -1)
    assert codes.shape[-1] == 96
    assert who.shape[-1] == 64
    leak, before = spread(codes, 0) / spread(codes, 1), spread(raw, 0) / spread(raw, 1)
    assert leak < 0.5 * before
    assert spread(who, 1) < spread(who, 0)
    with torch.no_grad():
        direct = trained.model(torch.from_numpy(seen.reshape(-1, 468, 3).astype(np.float32)))[0].numpy()
    np.testing.assert_allclose(codes.reshape(-1, 96), direct, atol=1e-3)


def test_a_term_can_be_left_out(torch, faces: Grid) -> None:
    recipe = Pengrui(terms_off=("across", "alike"))
    data = recipe.take(faces)
    batch = recipe.draw(data, np.array([0, 2]), np.random.default_rng(0))
    terms = recipe.loss(recipe.build(5, 1), batch, None)
    assert "mine" in terms
    assert not {"across", "alike"} & set(terms)


def test_wrong_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave"):
        Pengrui().make(tmp_path, tmp_path / "x.onnx", Course(1))
    with pytest.raises(InputError, match="take"):
        Pengrui().build(5, 1)
