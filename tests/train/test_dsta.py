"""DSTA's network and what it learns from: the branches stay apart, permutations are undone, the flow is a density."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch absent")

from nasion.core import scheme  # noqa: E402
from nasion.track.refiner import PAST  # noqa: E402
from nasion.train.dsta import DSTA, ClipSet, window_at, windows  # noqa: E402
from nasion.train.dsta_clips import Clip, put_before  # noqa: E402
from nasion.train.dsta_goal import facing, rings, steady  # noqa: E402
from nasion.train.dsta_net import FRAMES, Dsta, Flow, neighbourhoods, rle  # noqa: E402

COUNT = 546


def clip(seed=0, frames=24):
    rng = np.random.default_rng(seed)
    path = rng.uniform(40, 140, (1, COUNT, 2)) + np.cumsum(rng.normal(0, 0.5, (frames, 1, 2)), 0)
    raw = (path + rng.normal(0, 0.5, path.shape) + 2.0).astype(np.float32)
    ones = np.ones((frames, COUNT), np.float32)
    blinks = np.arange(frames) % 12 < 3
    return Clip(raw, ones, ones, path.astype(np.float32), ones < 0, blinks, np.full(frames, 50, np.float32))


def stirred():
    """A network whose heads say something: fresh ones leave every point where it is."""
    torch.manual_seed(0)
    net = Dsta()
    for part in (net.place[1], net.spread[1]):
        torch.nn.init.normal_(part.weight, std=0.3)
    return net.eval()


def inputs(batch=2):
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(batch, FRAMES, COUNT, 2, generator=generator) - 0.5
    return points, torch.rand(batch, FRAMES, COUNT, 3, generator=generator), torch.ones(batch, FRAMES)


def test_no_points_past_reaches_another_point():
    net = stirred()
    points, told, seen = inputs()
    other = points.clone()
    other[:, [0, 1, 2, 3, 5, 6], 100] += 1.0  # every frame but the middle one
    with torch.inference_mode():
        before, after = net(points, told, seen)[0], net(other, told, seen)[0]
    change = (before - after).abs().amax((0, 2))
    assert change[100] > 0
    change[100] = 0
    assert change.max() == 0


def test_neighbours_in_the_frame_do_reach_it():
    net = stirred()
    points, told, seen = inputs()
    group = next(g for g in neighbourhoods() if 100 in g)
    mate = int(next(i for i in group if i != 100))
    other = points.clone()
    other[:, PAST, 100] += 1.0
    with torch.inference_mode():
        change = (net(points, told, seen)[0] - net(other, told, seen)[0]).abs().amax((0, 2))
    assert change[mate] > 0
    assert change[[i for i in range(COUNT) if i not in group]].max() == 0


def test_groups_are_put_back_in_order():
    groups = neighbourhoods()
    assert sorted(np.concatenate(groups).tolist()) == list(range(COUNT))
    net = Dsta()
    one_hot = torch.arange(COUNT)
    assert torch.equal(one_hot[net.table].flatten()[net.back], one_hot)


def test_some_groups_alone_give_what_all_together_give():
    net = stirred()
    points, told, seen = inputs()
    only = torch.tensor([3, 20])
    with torch.inference_mode():
        whole, part = net(points, told, seen)[0], net(points, told, seen, only)[0]
    there = net.there[only].flatten() > 0
    assert torch.allclose(whole[:, net.chosen(only)][:, there], part[:, there], atol=1e-5)


def test_facing_points_lie_above_each_other_and_no_group_cuts_a_pair():
    mean = np.concatenate([scheme(name).template[:, :2] for name in ("dense478", "ibug68")])
    pairs, net = np.concatenate([facing(ring) for ring in rings()]), Dsta()
    above, below = mean[pairs[:, 0]], mean[pairs[:, 1]]
    assert (np.abs(above - below)[:, 0] < 6).all()  # mm
    assert (np.abs(above - below)[:, 1] > 1).all()
    only = torch.tensor([*net.lively.tolist(), 20])
    one, other = net.facing_in(only)
    found = net.chosen(only)[torch.stack([one, other], 1)]
    assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, pairs.tolist()))
    assert not net.facing_in(torch.tensor([20]))[0].numel()


def test_a_rounded_blink_costs_more_than_the_same_error_of_the_whole_eye():
    """Lids half as far apart as they should be, and both moved by as much: the gaps tell them apart."""
    from nasion.train.dsta import Windows
    from nasion.train.recipe import Progress

    one, recipe = clip(frames=FRAMES), DSTA()
    model = recipe.build(COUNT, 96)
    upper, lower = np.concatenate([facing(ring) for ring in rings()]).T
    costs = {}
    for name, sign in (("shifted", 1.0), ("rounded", -1.0)):
        target = one.raw[PAST][None].copy()
        target[:, upper, 1] += 2
        target[:, lower, 1] += 2 * sign
        batch = Windows(one.raw[None], one.sigma[None], one.visibility[None], np.zeros((1, FRAMES), np.float32),
                        np.ones((1, FRAMES), np.float32), target)  # fmt: skip
        torch.manual_seed(0)
        costs[name] = float(recipe.loss(model, batch, Progress("train", 0, 0.0))["gaps"].detach())
    assert costs["shifted"] == pytest.approx(0, abs=1e-3)
    assert costs["rounded"] > 1


def test_a_fresh_network_changes_nothing_and_unseen_frames_count_for_nothing():
    points, told, seen = inputs()
    with torch.inference_mode():
        assert torch.allclose(Dsta().eval()(points, told, seen)[0], points[:, PAST], atol=1e-6)
        seen[:, 6] = 0
        net, other = stirred(), points.clone()
        other[:, 6] += 5
        assert torch.equal(net(points, told, seen)[0], net(other, told, seen)[0])


def test_the_flow_is_a_density():
    flow = Flow().eval()
    axis = torch.linspace(-8, 8, 161)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    with torch.inference_mode():
        assert flow(grid).exp().sum() * 0.1**2 == pytest.approx(1.0, abs=0.01)


def test_the_loss_wants_the_sigma_that_the_errors_have():
    errors = torch.distributions.Laplace(0.0, 1.0).sample((4000, 2))
    losses = {s: rle(Flow(), errors, torch.full((4000,), s), torch.zeros(4000, 2)).mean() for s in (0.2, 1.0, 6.0)}
    assert losses[1.0] < min(losses[0.2], losses[6.0])


def test_the_goal_keeps_the_landmarkers_own_habit():
    one = clip()
    goal = steady(one)
    assert (goal - one.truth).mean() == pytest.approx(2.0, abs=0.1)
    assert np.abs(np.diff(goal - one.truth, axis=0)).max() < 0.15


def test_the_goal_shows_as_much_of_a_blink_as_the_landmarker_does():
    """Lids that come half as near as they should are not taught to close; noise on them is still taken away."""
    one, rng = clip(frames=40), np.random.default_rng(0)
    shut = np.zeros(40)
    shut[10:16] = (0.3, 0.8, 1, 1, 0.8, 0.3)
    raw, truth = one.raw.copy(), one.truth.copy()
    for ring in rings():
        upper, lower = facing(ring).T
        truth[:, upper] = truth[:, lower]
        truth[:, upper, 1] -= 8 * (1 - shut[:, None])
        raw[:, lower] = truth[:, lower] + 2
        raw[:, upper, 0], raw[:, upper, 1] = truth[:, upper, 0] + 2, truth[:, lower, 1] + 2 - 8 + 4 * shut[:, None]
        raw[:, ring] += rng.normal(0, 0.2, (40, len(ring), 2))
    blinking = replace(one, raw=raw, truth=truth, blinks=shut > 0)
    goal = steady(blinking)
    upper, lower = facing(rings()[3]).T
    gap = (goal[:, lower, 1] - goal[:, upper, 1]).mean(1)
    assert np.ptp(gap) == pytest.approx(4, abs=0.4)
    assert np.abs(np.diff(gap[20:])).max() < 0.05


def test_windows_at_the_ends_are_filled_and_marked():
    one = clip()
    points, _, _, when, seen = window_at(one, np.arange(-PAST, 3), 0)
    assert seen.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert (points[:PAST] == one.raw[0]).all()
    assert when == pytest.approx(np.arange(-PAST, 3) / 30)
    made = windows([one, clip(1)], [steady(one), steady(clip(1))], np.array([0, 1, 0]), np.random.default_rng(0))
    assert made.points.shape == (3, FRAMES, COUNT, 2)
    assert (made.seen[:, PAST] == 1).all()


def test_something_in_front_hides_what_it_covers():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(20, 100, (478, 2)), rng.uniform(40, 80, (68, 2))])
    image = np.zeros((120, 120, 3), np.uint8)
    out, hidden = put_before(image, points, "left_eye", 3)
    assert hidden.any()
    assert not hidden.all()
    inside = np.rint(points[hidden]).astype(int)
    assert (out[inside[:, 1], inside[:, 0]] > 0).any(1).mean() > 0.9


def test_it_learns_and_exports(tmp_path):
    from nasion.track import Refiner
    from nasion.train import fit

    recipe, data = DSTA(), ClipSet(tuple(clip(i) for i in range(3)), ("a", "b", "c"), 96)
    trained = fit(recipe, data, steps=3, seed=0)
    path = recipe.export(trained.model, tmp_path / "refiner.onnx")
    assert Refiner(path).ahead == 2
    assert "held-out clips" in recipe.finish(trained.model, data.take([1]))
