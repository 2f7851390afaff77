"""WorldComp2D: sizes and costs of its networks, its glimpses, and what its losses ask for."""

from typing import Any

import numpy as np
import pytest

from drawn_crops import drawn_set
from nasion.train import Stage, fit
from nasion.train.data import mean_points
from nasion.train.loop import draw
from nasion.train.score import evaluate, score, to_input
from nasion.train.worldcomp2d import WorldComp2D, latent_profile

torch = pytest.importorskip("torch", reason="PyTorch absent: pip install 'nasion[train]'")
net: Any = pytest.importorskip("nasion.train.worldcomp2d_net")


def parameters(module: Any) -> int:
    return sum(p.numel() for p in module.parameters())


def flops(module: Any, *shape: int) -> int:
    """Twice the multiply-accumulates of convolutions and linear layers for one input."""
    counted = [0]

    def count(layer: Any, _: Any, out: Any) -> None:
        counted[0] += 2 * out.numel() * layer.weight[0].numel()

    hooks = [
        layer.register_forward_hook(count)
        for layer in module.modules()
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)
    ]
    module.eval()(torch.zeros(1, *shape))
    for hook in hooks:
        hook.remove()
    return counted[0]


def test_parameter_counts_are_the_papers() -> None:
    assert parameters(net.ProximityEncoder(1)) == 1_091_520
    assert parameters(net.Locator(29)) == 1_482_810
    assert parameters(net.Refiner(1)) == pytest.approx(4000, rel=0.05)


@pytest.mark.parametrize(("points", "channels", "published"), [(29, 1, 294e6), (68, 3, 547e6), (19, 3, 257e6)])
def test_cost_is_the_papers(points: int, channels: int, published: float) -> None:
    cost = 9 * flops(net.ProximityEncoder(channels), 2 * channels, 27, 27)
    cost += flops(net.Locator(points), 9 * 258) + points * flops(net.Refiner(channels), channels + 1, 27, 27)
    assert cost == pytest.approx(published, rel=0.01)


def model_of(points: int = 5, channels: int = 3) -> Any:
    return net.WorldComp2DNet(np.full((points, 2), 0.5), channels)


def test_a_glimpse_copies_pixels_and_pads_with_the_constant() -> None:
    images = torch.randn(2, 1, 256, 256)
    model = model_of(channels=1)
    at = (torch.tensor([[[64.0, 128.0], [3.0, 250.0]]]).expand(2, -1, -1) + 0.5) / 256
    seen = model.glimpse(images, at, net.GLIMPSE)
    np.testing.assert_allclose(seen[:, 0, 0], images[:, 0, 128 - 13 : 128 + 14, 64 - 13 : 64 + 14], atol=1e-5)
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (54, 54), (54, 54)), constant_values=3.0)
    y, x = 250 + 54, 3 + 54
    np.testing.assert_allclose(seen[:, 1, 0], padded[:, 0, y - 13 : y + 14, x - 13 : x + 14], atol=1e-4)


def test_the_wide_glimpse_sees_four_times_as_far() -> None:
    y, x = torch.meshgrid(torch.arange(256.0), torch.arange(256.0), indexing="ij")
    at = torch.full((1, 1, 2), 128.5 / 256)
    for values, axis in ((x, 1), (y, 0)):
        seen = model_of().glimpse(values.expand(1, 3, -1, -1), at, net.WIDE)[0, 0, 0]
        middle = seen[13] if axis == 1 else seen[:, 13]
        steps = middle[1:] - middle[:-1]
        assert float(middle[13]) == pytest.approx(128, abs=0.05)
        np.testing.assert_allclose(steps, 109 / 27, atol=0.05)


def test_glimpses_of_a_smaller_crop_show_the_same() -> None:
    big = torch.nn.functional.interpolate(torch.randn(1, 3, 8, 8), size=(256, 256), mode="bicubic")
    small = torch.nn.functional.interpolate(big, scale_factor=0.5, mode="area")
    at = torch.rand(1, 6, 2) * 0.5 + 0.25
    difference = model_of().glimpse(big, at, net.WIDE) - model_of().glimpse(small, at, net.WIDE)
    assert float(difference.abs().mean()) < 0.03 * float(big.std())


def test_proximity_weights_lie_between_one_and_two_and_vanish_outside_the_window() -> None:
    """With one-hot embeddings in place of the encoder the loss can be worked out by hand."""
    data = drawn_set(6)
    batch = draw(data, np.arange(6), np.random.default_rng(0), strength=0.0)
    model = model_of()
    seen: dict[str, Any] = {}

    def embed(images: Any, at: Any) -> Any:
        seen["at"] = at
        return torch.nn.functional.one_hot(torch.arange(12), 12).float().view(2, 6, 12).transpose(0, 1)

    model.embed = embed
    torch.manual_seed(3)
    loss = float(net.proximity_loss(model, batch, weighted=True))
    torch.manual_seed(3)
    kind = torch.multinomial(batch.known + 1e-6, 1)[:, 0]
    at = seen["at"].transpose(0, 1).reshape(12, 2).numpy() * 256
    total, anchors = 0.0, 0
    for i in range(6):
        terms = []
        for j in range(12):
            apart = batch.points[j % 6, kind[i]].numpy() * 256 - at[j]
            if j != i and (np.abs(apart) <= 53).all():
                weight = 1 + np.exp(-0.025 * np.hypot(*apart))
                assert 1 < weight <= 2
                terms.append(-weight * -np.log(11))  # all similarities are 0: eleven equal chances
        if terms:
            total, anchors = total + np.mean(terms), anchors + 1
    torch.manual_seed(3)
    assert loss == pytest.approx(total / anchors, rel=1e-4)
    assert float(net.proximity_loss(model, batch, weighted=False)) == pytest.approx(np.log(11), rel=1e-4)


def test_an_untrained_locator_gives_the_mean_face_and_its_error() -> None:
    data = drawn_set(20)
    recipe = WorldComp2D()
    recipe.prepare(data)
    model = recipe.build(5, 32).eval()
    images, truth = data.views()
    with torch.no_grad():
        found = model.locate(model.normalise(to_input(images))).numpy()
    mean = np.broadcast_to(mean_points(data), found.shape)
    np.testing.assert_allclose(found, mean, atol=1e-6)
    errors = [score(points * data.size - 0.5, truth, data.scheme).nme for points in (found, mean)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-4)


def test_fixations_do_not_wander_while_training() -> None:
    """The released loop adds its jitter in place; here the fixations stay where they are."""
    data = drawn_set(20)
    recipe = WorldComp2D()
    recipe.prepare(data)
    model = recipe.build(5, 32)
    before = model.fixations.clone()
    batch = draw(data, np.arange(8), np.random.default_rng(0))
    for _ in range(3):
        net.locator_loss(model, batch)
    assert torch.equal(model.fixations, before)


def test_the_refiner_moves_a_point_by_its_limit_at_most() -> None:
    for points, limit in ((29, 2.0), (68, 1.0)):
        model = net.WorldComp2DNet(np.random.default_rng(0).uniform(0.2, 0.8, (points, 2))).eval()
        images = torch.randn(2, 3, 64, 64)
        with torch.no_grad():
            moved = (model(images) - net.whole_pixels(model.locate(model.normalise(images)))) * 256
        assert 0 < float(moved.abs().max()) <= limit + 1e-3


def test_stages_freeze_one_another() -> None:
    recipe = WorldComp2D()
    assert [stage.trains for stage in recipe.stages] == [("encoder",), ("locator",), ("refiner",)]


class Brief(WorldComp2D):
    """Small batches: what the checks below need, in seconds."""

    stages = (
        Stage("encoder", 0.25, 3e-3, ("encoder",), 48, 0.0),
        Stage("locator", 0.70, 2e-3, ("locator",), 24, 0.0),
        Stage("refiner", 0.05, 5e-4, ("refiner",), 8, 0.0),
    )


@pytest.fixture(scope="module")
def trained() -> Any:
    return fit(Brief(), drawn_set(60, sway=0.15), steps=260, seed=1, strength=0.1).model


def test_training_beats_the_mean_face(trained: Any) -> None:
    """On faces of another draw, which stand where they like, it halves the error of guessing the mean face."""
    held = drawn_set(30, seed=9, sway=0.15)
    _, truth = held.views()
    mean = np.broadcast_to(mean_points(held) * held.size - 0.5, truth.shape)
    assert evaluate(WorldComp2D(), trained, held).nme < 0.5 * score(mean, truth, held.scheme).nme


def test_nearness_in_the_picture_is_nearness_in_the_embedding(trained: Any) -> None:
    profile = latent_profile(trained, drawn_set(30, seed=9, sway=0.15))
    assert profile["spearman"] > 0.9
    assert profile["ratio"] > 1.2
