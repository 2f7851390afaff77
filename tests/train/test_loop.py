"""The training loop: it learns, repeats itself and goes on where it stopped; its models work behind a detector."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drawn_crops import drawn_set
from nasion.core import Face, InputError, Landmarks, MissingExtraError, ModelError
from nasion.landmark import Landmarker
from nasion.train import evaluate, find_recipe, fit
from nasion.train.data import LandmarkSet
from nasion.train.loop import learning_rate
from nasion.train.recipe import RECIPES, Stage, require_torch
from nasion.train.score import eye_distance, score

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch absent: pip install 'nasion[train]'")


class Small:
    """Linear on the shrunken view: trains in a second."""

    name = "small"
    stages = (Stage("first", 0.5, 2e-2, ("map",), 16), Stage("second", 0.5, 2e-2, ("bias",), 16))

    def build(self, points: int, size: int) -> Any:
        from torch import nn

        net = nn.Module()
        net.map = nn.Linear(3 * 64, 2 * points)
        net.bias = nn.Linear(1, 2 * points)
        return net

    def predict(self, model: Any, images: Any) -> Any:
        from torch.nn.functional import interpolate

        small = interpolate(images, size=(8, 8), mode="bilinear").flatten(1)
        return (model.map(small) + model.bias(small[:, :1])).unflatten(-1, (-1, 2)) * 0.3 + 0.5

    def loss(self, model: Any, batch: Any, step: Any) -> Any:
        return {"mse": (self.predict(model, batch.images) - batch.points).square().mean()}


def test_every_recipe_loads_without_pytorch() -> None:
    for name in RECIPES:
        recipe = find_recipe(name)
        assert recipe.name == name
        assert hasattr(recipe, "make") or recipe.stages  # what trains by itself has no stages of the common loop
    with pytest.raises(InputError, match=r"no training system 'yolo'.*baseline"):
        find_recipe("yolo")


def test_absent_pytorch_is_said_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nasion.train.recipe.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install \"nasion\[train\]\""):
        require_torch()


@pytest.mark.parametrize("length", [{}, {"minutes": 1.0, "steps": 3}, {"steps": 0}, {"minutes": -1.0}])
def test_one_length_is_needed(length: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="minutes or of steps"):
        fit(find_recipe("baseline"), drawn_set(), **length)


def test_learning_rate_rises_shortly_and_falls_to_a_hundredth() -> None:
    rates = [learning_rate(f) for f in np.linspace(0, 1, 101)]
    assert max(rates) == pytest.approx(1.0, abs=0.01)
    assert np.argmax(rates) == 3
    assert rates[-1] == pytest.approx(0.01)
    assert (np.diff(rates[4:]) < 0).all()


def test_scores() -> None:
    data = drawn_set()
    _, truth = data.views()
    scores = score(truth + np.array([3, 4]), truth, data.scheme)
    np.testing.assert_allclose(scores.errors, 5 / eye_distance(truth, data.scheme), rtol=1e-5)
    np.testing.assert_allclose(scores.sigma, 5 / 1.515, rtol=1e-5)
    assert scores.inner is None
    assert scores.failures == 1.0


@needs_torch
def test_it_learns_and_repeats_itself() -> None:
    data = drawn_set()
    untrained = evaluate(Small(), fit(Small(), data, steps=2).model, data)
    one, two = (fit(Small(), data, steps=120, seed=4, strength=0.0) for _ in range(2))
    assert evaluate(Small(), one.model, data).nme < 0.6 * untrained.nme
    for a, b in zip(one.model.parameters(), two.model.parameters(), strict=True):
        assert np.array_equal(a.detach(), b.detach())
    assert one.steps == 120
    other = fit(Small(), data, steps=120, seed=5, strength=0.0)
    assert not np.array_equal(one.model.map.weight.detach(), other.model.map.weight.detach())


@needs_torch
@pytest.mark.parametrize("stop", [5, 33])
def test_a_resumed_run_takes_the_same_steps(tmp_path: Path, stop: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted in the first and in the second stage."""
    data, checkpoint, done = drawn_set(), tmp_path / "run.pt", [0]
    whole = fit(Small(), data, steps=40, seed=1)

    def interrupt(fraction: float, terms: dict[str, float]) -> None:
        done[0] += 1
        if done[0] == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Small(), data, steps=40, seed=1, checkpoint=checkpoint, report=interrupt)
    again = fit(Small(), data, steps=40, seed=1, checkpoint=checkpoint)
    assert again.steps == 40
    for a, b in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        np.testing.assert_array_equal(a.detach(), b.detach())
    with pytest.raises(ModelError, match="seed 1, not of small with seed 2"):
        fit(Small(), data, steps=40, seed=2, checkpoint=checkpoint)
    checkpoint.write_bytes(b"rubbish")
    with pytest.raises(ModelError, match=r"run\.pt is no checkpoint"):
        fit(Small(), data, steps=40, seed=1, checkpoint=checkpoint)


@needs_torch
def test_stages_freeze_what_they_do_not_train_and_share_the_length() -> None:
    data = drawn_set()
    seen: list[dict[str, Any]] = []

    class Watched(Small):
        def loss(self, model: Any, batch: Any, step: Any) -> Any:
            frozen = {name: not next(child.parameters()).requires_grad for name, child in model.named_children()}
            seen.append({"stage": step.stage, **frozen, "training": model.map.training})
            return super().loss(model, batch, step)

    fit(Watched(), data, steps=10)
    assert seen[:5] == [{"stage": "first", "map": False, "bias": True, "training": True}] * 5
    assert seen[5:] == [{"stage": "second", "map": True, "bias": False, "training": False}] * 5


@needs_torch
def test_minutes_are_those_of_the_clock() -> None:
    ticks = iter(range(10_000))
    done = fit(Small(), drawn_set(), minutes=1.0, clock=lambda: float(next(ticks)))
    assert 15 < done.steps < 60  # two looks at the clock a step
    late = iter(range(0, 10_000, 100))
    assert fit(Small(), drawn_set(), minutes=1.0, clock=lambda: float(next(late))).steps == 2, "one a stage"


@needs_torch
def test_a_loss_that_is_no_number_stops() -> None:
    class Broken(Small):
        def loss(self, model: Any, batch: Any, step: Any) -> Any:
            return {"mse": super().loss(model, batch, step)["mse"] * float("nan")}

    with pytest.raises(ModelError, match="stopped being a number at step 0 of stage first"):
        fit(Broken(), drawn_set(), steps=3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, LandmarkSet]:
    from nasion.train.export import export_onnx

    data = drawn_set(60, size=32)
    model = fit(Small(), data, steps=150, strength=0.0).model
    path = tmp_path_factory.mktemp("made") / "mine.onnx"
    scores = evaluate(Small(), model, data)
    assert export_onnx(Small(), model, path, scheme=data.scheme, size=32, scores=scores).difference < 1e-3
    return path, scores, data


@needs_torch
class TestExport:
    def test_it_works_behind_a_detector(self, made: tuple[Path, Any, LandmarkSet]) -> None:
        """The picture is a stored crop; the face is roughly known."""
        path, scores, data = made
        placer = Landmarker(path)
        assert placer.scheme == "coarse5"
        for i in range(5):
            guess = Landmarks.from_points(data.points[i], data.scheme)
            placed = placer.place(data.images[i], [Face(guess.box, 1.0, guess)])[0]
            error = np.linalg.norm(placed.landmarks.points - data.points[i], axis=1).mean()
            assert error / eye_distance(data.points[i : i + 1], data.scheme)[0] < 3 * scores.nme + 0.05
            assert placed.presence == 1.0
            assert (placed.landmarks.sigma > 0).all()

    def test_several_views_of_it_agree(self, made: tuple[Path, Any, LandmarkSet]) -> None:
        path, _, data = made
        guess = Landmarks.from_points(data.points[0], data.scheme)
        face = [Face(guess.box, 1.0, guess)]
        one, several = (Landmarker(path, accurate=a).place(data.images[0], face)[0].landmarks for a in (False, True))
        assert 0 < np.linalg.norm(one.points - several.points, axis=1).max() < 4

    def test_a_file_without_its_scheme_is_refused(self, made: tuple[Path, Any, LandmarkSet], tmp_path: Path) -> None:
        onnx = pytest.importorskip("onnx", reason="PyTorch absent: onnx comes with it")
        bare = onnx.load(made[0])
        del bare.metadata_props[:]
        onnx.save(bare, tmp_path / "bare.onnx")
        with pytest.raises(ModelError, match=r"bare\.onnx.*scheme ''"):
            Landmarker(tmp_path / "bare.onnx")


def test_another_model_is_no_landmarker() -> None:
    with pytest.raises(ModelError, match=r"detector\.onnx is no landmarker"):
        Landmarker("detector")
