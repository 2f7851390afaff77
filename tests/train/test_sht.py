"""SHT: small pictures, the two streams and what they tell each other, the re-posing network, faces without labels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasion.core import InputError, scheme
from nasion.train.data import LandmarkSet, stored_side
from nasion.train.lowres import FACE, coded, crop_side, enlarge, psnr, shrink
from nasion.train.sht import POSE, SHT, VIEW, hide, join, unlabelled, usual_places

SIZE = 32


def faces(count: int = 8, seed: int = 0) -> LandmarkSet:
    """A bright square with 19 points on it, each where its mirrored one says."""
    rng, side = np.random.default_rng(seed), stored_side(SIZE)
    template = np.random.default_rng(1).uniform(-6, 6, (19, 2))
    template = (template + template[scheme("aflw19").flip] * (-1, 1)) / 2
    images = np.full((count, side, side, 3), 60, np.uint8)
    points = np.empty((count, 19, 2), np.float32)
    for i, centre in enumerate(rng.uniform(side / 2 - 3, side / 2 + 3, (count, 2))):
        x, y = centre.astype(int)
        images[i, y - 7 : y + 8, x - 7 : x + 8] = rng.integers(150, 250, 3)
        points[i] = template + np.array([x, y])
    visible = np.ones((count, 19), np.float32)
    return LandmarkSet(images, points, visible, scheme("aflw19"), tuple(f"{seed}/{i}" for i in range(count)), SIZE)


# ---------------------------------------------------------------------------------------------- small pictures


@given(st.integers(6, 40), st.integers(41, 80))
def test_resizing_keeps_centres(low: int, size: int) -> None:
    """A ramp stays the same ramp: pixel x of S lies at (x + 0.5) s / S - 0.5 of s."""
    x = (np.arange(size) + 0.5) / size
    ramp = np.broadcast_to((40 + 170 * x)[None, :, None], (size, size, 3)).round().astype(np.uint8)
    small = shrink(ramp, low)[low // 2, :, 0]
    np.testing.assert_allclose(small, 40 + 170 * (np.arange(low) + 0.5) / low, atol=1.6)
    back = enlarge(shrink(ramp, low), size)[size // 2, :, 0].astype(float)
    inner = slice(size // low + 1, -(size // low) - 1)
    np.testing.assert_allclose(back[inner], ramp[0, inner, 0], atol=5)


def test_damage_is_drawn_and_repeats() -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)
    many = [shrink(image, 20, np.random.default_rng(seed)) for seed in range(8)]
    assert len({m.tobytes() for m in many}) > 6
    assert (shrink(image, 20, np.random.default_rng(3)) == many[3]).all()
    assert psnr(coded(image, 20)[None], image[None])[0] < psnr(coded(image, 90)[None], image[None])[0]


def test_psnr() -> None:
    black = np.zeros((2, 4, 4, 3), np.uint8)
    grey = black + np.array([0, 16], np.uint8)[:, None, None, None]
    found = psnr(grey, black)
    assert np.isinf(found[0])
    assert found[1] == pytest.approx(20 * np.log10(255 / 16))


def test_the_size_of_a_face() -> None:
    assert crop_side(24 * FACE) == 24
    assert crop_side(1.0) == 4


# ---------------------------------------------------------------------------------------------- faces without labels


def test_hidden_labels_are_unknown_points() -> None:
    data = faces(20)
    few = hide(data, 0.1)
    assert np.isfinite(few.points).all((1, 2)).sum() == 2
    assert np.isfinite(data.points).all()
    both = join(data, few)
    assert len(both) == 40 and len(both.names) == 40


def test_labels_of_whole_people_can_be_hidden() -> None:
    data = faces(20)
    people = replace(data, names=tuple(f"set/{i // 4}/{i % 4}" for i in range(20)))
    known = np.isfinite(hide(people, 0.4, by="person").points).all((1, 2)).reshape(5, 4)
    assert (known.all(1) | ~known.any(1)).all() and known.all(1).sum() == 2


def test_unlabelled_faces_are_found(astronaut) -> None:
    found = unlabelled([astronaut, np.zeros((64, 64, 3), np.uint8)], scheme("ibug68"), 64)
    assert len(found) == 1
    assert np.isnan(found.points).all() and found.points.shape == (1, 68, 2)
    assert found.views()[0].shape == (1, 64, 64, 3)
    assert len(unlabelled([], scheme("ibug68"), 64)) == 0


def test_sizes_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(InputError, match="16 divides"):
        SHT().build(68, 100)


# ---------------------------------------------------------------------------------------------- with PyTorch


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch absent: training needs the extra `train`")


def terms_of(torch, recipe: SHT, data: LandmarkSet, model=None, step: int = 0):
    from nasion.train.recipe import Progress

    recipe.prepare(data)
    torch.manual_seed(0)
    model = model or recipe.build(19, SIZE)
    batch = recipe.draw(data, np.arange(len(data)), np.random.default_rng(0))
    return model, recipe.loss(model, batch, Progress("", step, 0.5))


def test_it_stays_small(torch) -> None:
    model = SHT().build(68, 64)
    assert sum(p.numel() for p in model["place"].parameters()) < 1.5e6


def test_before_training_the_picture_stays_as_it_came(torch) -> None:
    model = SHT(width=8, transfer=True).build(19, SIZE).eval()
    image = torch.rand(2, 3, SIZE, SIZE) * 2 - 1
    assert torch.equal(model["place"](image)[2], image)
    assert (model["move"](image, *torch.rand(2, 2, 19, 8, 8)) - image).abs().max() < 1e-5


def test_each_stream_hears_the_other(torch) -> None:
    from nasion.train.sht_net import DualHallucination

    torch.manual_seed(0)
    net = DualHallucination(5, SIZE, width=8)
    torch.nn.init.normal_(net.paint.weight)
    image = torch.rand(2, 3, SIZE, SIZE)
    net(image)[1].square().sum().backward()
    assert net.h8.get_parameter("0.weight").grad.abs().max() > 0  # points learn from the picture stream
    net.zero_grad()
    net(image)[2].sum().backward()
    assert net.first.weight.grad.abs().max() > 0  # and the picture from the heatmaps
    deaf = DualHallucination(5, SIZE, width=8, guided=False)
    torch.nn.init.normal_(deaf.paint.weight)
    deaf(image)[2].sum().backward()
    heard = [name for name, p in deaf.named_parameters() if p.grad is not None]
    assert "h4.0.weight" in heard
    assert not [
        name for name in heard if name.partition(".")[0] in ("p16", "p8", "p4", "mix8", "mix4", "first", "code")
    ]


def test_painting_is_shown_where_the_points_are(torch) -> None:
    """The same picture with other points is painted otherwise, where the dots are, unless painting is told nothing."""
    from nasion.train.sht_net import DualHallucination

    for guided in (True, False):
        torch.manual_seed(0)
        net = DualHallucination(1, SIZE, width=8, guided=guided).eval()
        torch.nn.init.normal_(net.paint.weight)
        torch.nn.init.zeros_(net.code.weight)  # leaves the dots
        image = torch.zeros(1, 3, SIZE, SIZE)
        painted = []
        for column in (1, 6):
            net.prior.zero_()
            net.prior[0, 4, column] = 30.0
            painted.append(net(image)[2])
        apart = (painted[0] - painted[1]).abs().mean((0, 1, 2))
        if guided:
            assert apart[[5, 26]].min() > 5 * apart[[15, 16]].max()
        else:
            assert apart.max() == 0


def test_the_transfer_network_never_sees_its_target(torch) -> None:
    """Given the heatmaps of the pose it has, it must give back what it got: there is nothing to copy from."""
    from nasion.train.sht_net import Transfer

    net = Transfer(5, width=8)
    assert list(net.forward.__annotations__) == ["face", "own", "wanted", "return"]
    picture, maps = torch.rand(1, 3, 32, 32), torch.rand(1, 5, 8, 8)
    torch.nn.init.normal_(net.tint.weight)
    added = net(picture, maps, maps) - picture
    assert added.diff(dim=3).abs().max() < 0.35 * added.abs().max()  # a coarse tint, no drawing


def test_points_follow_the_moved_picture(torch) -> None:
    from nasion.train.heatmaps import gaussians, peaks
    from nasion.train.sht import moved, random_moves, sampled

    points = torch.rand(4, 6, 2) * 0.4 + 0.3
    moves = random_moves(np.random.default_rng(0), 4, POSE)
    found = peaks(sampled(gaussians(points, 64, 1.0), moves))
    assert (found - moved(points, moves)).abs().max() * 64 < 0.25


def test_moves_stay_within_twice_their_spread(torch) -> None:
    from nasion.train.sht import random_moves

    moves = random_moves(np.random.default_rng(0), 400, VIEW)
    turn = torch.rad2deg(torch.atan2(moves[:, 1, 0], moves[:, 0, 0]))
    assert 6 < turn.std() < 9 and turn.abs().max() <= 16.001
    assert moves[:, :, 2].abs().max() <= 2 * 2 * VIEW[2] + 1e-6  # the picture is 2 wide


def test_views_carry_their_points_along(torch) -> None:
    """In every view the points lie on the bright square that they belong to."""
    batch = SHT(width=8).draw(faces(16), np.arange(16), np.random.default_rng(0))
    assert batch.images.shape == (16, 3, SIZE, SIZE)
    for image, place in zip(batch.images, batch.points, strict=True):
        x, y = (place * SIZE - 0.5).round().long().clamp(0, SIZE - 1).T
        assert (image[:, y, x].mean(0) > -0.2).float().mean() > 0.9  # -0.53 beside it


def test_half_of_a_batch_has_labels_where_some_faces_have_none(torch) -> None:
    recipe = SHT(width=8, transfer=True)
    for share in (0.1, 0.9):
        batch = recipe.draw(hide(faces(40), share), np.arange(16), np.random.default_rng(0))
        assert batch.known[:8].all() and not batch.known[8:].any()
        assert batch.points.isfinite().all()
    assert not recipe.draw(hide(faces(8), 0.0), np.arange(8), np.random.default_rng(0)).known.any()
    assert recipe.draw(faces(8), np.arange(8), np.random.default_rng(0)).known.all()


def test_the_first_heatmaps_say_where_points_usually_lie(torch) -> None:
    """A network that has learned nothing places the mean face."""
    data, recipe = faces(16), SHT(width=8)
    recipe.prepare(data)
    model = recipe.build(19, SIZE)
    torch.nn.init.zeros_(model["place"].first.weight)
    torch.nn.init.zeros_(model["place"].first.bias)
    first = model["place"].eval()(torch.zeros(1, 3, SIZE, SIZE))[0]
    from nasion.train.blocks import soft_argmax

    assert (soft_argmax(first)[0] - torch.from_numpy(usual_places(data))).abs().max() * SIZE < 1.5
    assert (usual_places(hide(data, 0.0)) == 0.5).all()


def test_heatmaps_are_taught_by_their_shape_and_their_mean(torch) -> None:
    """Least for the right Gaussian; a point that is unknown or outside costs nothing by its shape."""
    from nasion.train.heatmaps import gaussians
    from nasion.train.sht import heatmap_loss

    points, known = torch.full((1, 1, 2), 0.5), torch.ones(1, 1)
    right = gaussians(points, 16, 1.0).clamp_min(1e-9).log()
    aside = gaussians(points + 0.1, 16, 1.0).clamp_min(1e-9).log()
    assert heatmap_loss(right, points, known) < 1e-3
    assert heatmap_loss(aside, points, known) > 1
    assert heatmap_loss(torch.zeros(1, 1, 16, 16), points, known) > 1  # the mean is right, the shape is not
    assert heatmap_loss(aside, points, 0 * known) == 0


def test_terms(torch) -> None:
    data = faces(4)
    assert set(terms_of(torch, SHT(width=8), data)[1]) == {"heatmaps", "picture"}
    assert set(terms_of(torch, SHT(width=8, hallucinate=False), data)[1]) == {"heatmaps"}
    both = {"heatmaps", "picture", "transfer", "agreement"}
    assert set(terms_of(torch, SHT(width=8, transfer=True), data)[1]) == both
    terms = terms_of(torch, SHT(width=8, transfer=True), hide(data, 0.0))[1]
    assert float(terms["heatmaps"].detach()) == 0 and float(terms["agreement"].detach()) > 0


@pytest.mark.parametrize("term", ["transfer", "agreement"])
def test_faces_without_labels_teach_the_points(torch, term: str) -> None:
    data, recipe = hide(faces(4), 0.0), SHT(width=8, transfer=True)
    model, _ = terms_of(torch, recipe, data)
    for layer in (model["move"].flow, model["move"].tint):
        torch.nn.init.normal_(layer.weight, std=0.1)
    _, terms = terms_of(torch, recipe, data, model)
    model.zero_grad()
    terms[term].backward()
    gradient = model["place"].first.weight.grad
    assert gradient is not None and gradient.abs().max() > 0
    assert all(p.grad is None for p in model["teacher"].parameters())


def test_the_teacher_follows_slowly(torch) -> None:
    recipe = SHT(width=8, transfer=True)
    model, _ = terms_of(torch, recipe, faces(4))
    before = model["teacher"].first.bias.detach().clone()
    with torch.no_grad():
        model["place"].first.bias += 1
    terms_of(torch, recipe, faces(4), model, step=90)
    torch.testing.assert_close(model["teacher"].first.bias - before, torch.full((19,), 0.09))


def test_what_the_teacher_finds_is_moved_with_the_face(torch, monkeypatch) -> None:
    """A face without labels is shown in another pose, and its points are asked for as far away."""
    import nasion.train.sht as module
    from nasion.train.blocks import soft_argmax

    data, recipe = hide(faces(8), 0.0), SHT(width=8, transfer=True)
    monkeypatch.setattr(module, "UNTOUCHED", 1.0)
    model, _ = terms_of(torch, recipe, data)
    views = recipe.draw(data, np.arange(8), np.random.default_rng(0)).images
    flip = torch.from_numpy(np.array(data.scheme.flip))
    found = soft_argmax((model["teacher"](views)[1] + model["teacher"](views.flip(3))[1][:, flip].flip(3)) / 2)
    shown, asked = [], []
    model["place"].register_forward_hook(lambda _, inputs, __: shown.append(inputs[0]))
    true_loss = module.heatmap_loss
    monkeypatch.setattr(module, "heatmap_loss", lambda a, points, b: asked.append(points) or true_loss(a, points, b))
    terms_of(torch, recipe, data, model)

    def squares(pictures):
        return torch.stack([(picture.mean(0) > -0.2).nonzero().float().mean(0).flip(0) for picture in pictures])

    went, wanted = squares(shown[0]) - squares(views), (asked[-1] - found).mean(1) * SIZE
    assert went.norm(dim=1).mean() > 0.5
    assert (went - wanted).norm(dim=1).mean() < 0.5 * went.norm(dim=1).mean()


def test_transfer_goes_where_the_wanted_heatmaps_say(torch) -> None:
    """Swap test: shown heatmaps of a shifted face, the trained network shifts the picture, and by about as much."""
    from nasion.train.heatmaps import gaussians
    from nasion.train.sht_net import Transfer

    torch.manual_seed(0)
    net = Transfer(1, width=8).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3)

    def blob(centre):
        return gaussians(centre[:, None], SIZE, 3.0).expand(-1, 3, -1, -1) * 2 - 1

    for _ in range(120):
        here, there = torch.rand(2, 16, 2) * 0.4 + 0.3
        maps = [gaussians(place[:, None], SIZE // 4, 1.0) for place in (here, there)]
        loss = torch.nn.functional.l1_loss(net(blob(here), *maps), blob(there))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    net.eval()
    here = torch.full((2, 2), 0.5)
    there = torch.tensor([[0.35, 0.5], [0.65, 0.6]])
    moved = net(blob(here), gaussians(here[:, None], 8, 1.0), gaussians(there[:, None], 8, 1.0)).mean(1)
    weight = (moved + 1).clamp_min(0.5) - 0.5
    grid = (torch.arange(SIZE) + 0.5) / SIZE
    found = torch.stack([(weight.sum(1) * grid).sum(1), (weight.sum(2) * grid).sum(1)], 1) / weight.sum((1, 2))[:, None]
    to_target, to_source = (found - there).norm(dim=1), (found - here).norm(dim=1)
    assert (to_target < to_source).all()


def test_it_learns(torch) -> None:
    """Beyond the mean face, which it begins with."""
    from nasion.train.loop import fit
    from nasion.train.score import evaluate

    data, recipe = faces(32), SHT(width=8)
    begin = evaluate(recipe, fit(recipe, data, steps=2).model, data).nme
    assert evaluate(recipe, fit(recipe, data, steps=48).model, data).nme < 0.8 * begin


def test_it_paints(torch) -> None:
    from nasion.train.score import to_input
    from nasion.train.sht import picture_loss, sharpen

    data = faces(16)
    views = data.views()[0]
    low = np.stack([enlarge(shrink(view, 12), SIZE) for view in views])
    torch.manual_seed(0)
    model = SHT(width=8).build(19, SIZE)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(50):
        optimiser.zero_grad()
        picture_loss(model["place"](to_input(low))[2], to_input(views)).backward()
        optimiser.step()
    painted = sharpen(model.eval(), low)
    assert painted.shape == low.shape and painted.dtype == np.uint8
    assert psnr(painted, views).mean() > psnr(low, views).mean() + 0.25
