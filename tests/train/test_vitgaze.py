"""ViTGaze's mechanism: guidance, shapes, weights by name, what seconds can teach, and the file that follows gaze."""

from pathlib import Path

import numpy as np
import pytest

from nasion.core import Box, InputError, ModelError
from nasion.gaze.following import GazeFollower
from nasion.train.gaze_scenes import SIDE, GazeScene, Heads, draw_scene, render_heads
from nasion.train.recipe import Course, Progress, find_recipe
from nasion.train.vitgaze import Followed, GazeFollowing, evaluate, make_scenes, train_vitgaze, varied

torch = pytest.importorskip("torch", reason="PyTorch absent")

from nasion.train.vitgaze_net import PUBLISHED, SMALL, Shape, ViTGaze, head_masks, normalised  # noqa: E402
from nasion.train.vitgaze_weights import load_vitgaze  # noqa: E402

TINY = Shape(patch=14, dim=24, depth=12, heads=6, taps=(2, 5, 8, 11), native=70, guide=2)


@pytest.fixture(scope="module")
def heads() -> Heads:
    return render_heads(1, 5)


@pytest.fixture(scope="module")
def trained(heads: Heads) -> Followed:
    return train_vitgaze(make_scenes(heads, 24, 0), steps=6, seed=1)


def test_scenes_keep_their_promise(heads: Heads) -> None:
    for scene in make_scenes(heads, 40, 3):
        away = scene.things[:, :2] / 2 + scene.things[:, 2:] / 2 - scene.eyes
        cosine = away @ scene.gaze[:2] / np.linalg.norm(away, axis=1) / np.linalg.norm(scene.gaze[:2])
        near = np.degrees(np.arccos(np.clip(cosine, -1, 1))) < 30
        if scene.inside:
            assert near.sum() == 1  # what is looked at, and nothing else
            assert np.linalg.norm(away[near][0] + scene.eyes - scene.target) < 2
        elif np.hypot(*scene.gaze[:2]) > 0.45:
            assert not near.any()
        back = scene.mirror().mirror()
        np.testing.assert_allclose(back.heads, scene.heads)
        np.testing.assert_array_equal(back.image, scene.image)
        assert scene.mirror().gaze[0] == -scene.gaze[0]


def test_heads_without_one_that_looks_aside_are_refused(heads: Heads) -> None:
    from dataclasses import replace

    ahead = replace(heads, gaze=np.tile([0.0, 0.0, -1.0], (len(heads), 1)))
    with pytest.raises(InputError, match="looks aside"):
        draw_scene(np.random.default_rng(0), ahead, inside=1.0)


def test_guidance_weighs_the_head_alone(heads: Heads) -> None:
    torch.manual_seed(0)
    net = ViTGaze(SMALL).eval()
    scene = normalised(torch.randint(0, 256, (1, SIDE, SIDE, 3), generator=torch.Generator().manual_seed(2)))
    boxes = torch.tensor([[8.0, 8, 24, 30], [40, 34, 56, 60]])
    masks = head_masks(boxes, SIDE)
    with torch.no_grad():
        weights, _ = net.pam(scene, masks)
        attention, features = net.backbone(scene)
        again, _ = net.backbone(scene)
        maps, _, _ = net.read(scene, attention, features, masks)
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    outside = torch.nn.functional.max_pool2d(masks, SMALL.patch).flatten(1) == 0
    assert weights[outside].max() == 0
    assert outside.any(1).all()
    assert torch.equal(attention, again)  # another head: another map, the same backbone output to the bit
    assert not torch.allclose(maps[0], maps[1])
    torch.testing.assert_close(attention.sum(-1).max(), torch.tensor(1.0), atol=0.2, rtol=0)


def test_boxes_are_enlarged_by_a_tenth() -> None:
    mask = head_masks(torch.tensor([[20.0, 10.0, 30.0, 30.0]]), 64)[0, 0]
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert (columns[0], columns[-1], rows[0], rows[-1]) == (19, 31, 8, 32)


def test_shapes_of_the_published_network() -> None:
    assert PUBLISHED.channels == 24
    net = ViTGaze(TINY).eval()  # as deep, with as many heads and taps, 16 times narrower
    scene, masks = torch.zeros(1, 3, 434, 434), head_masks(torch.tensor([[100.0, 60, 200, 200]]), 434)
    with torch.no_grad():
        attention, features = net.backbone(scene)
        maps, inside, heads = net(scene, masks)
    assert attention.shape == (1, 24, 31 * 31, 31 * 31)
    assert features.shape == (1, 31 * 31, 24)
    assert heads.shape == (1, 1, 31, 31)
    assert maps.shape == (1, 8 * 31, 8 * 31)
    assert inside.shape == (1,)


def test_positions_are_interpolated_only_where_they_must_be() -> None:
    backbone = ViTGaze(TINY).backbone
    assert torch.equal(backbone.positions(5), backbone.pos_embed[:, 1:])
    smooth = torch.linspace(0, 1, 5)[None, :, None].expand(5, 5, 24).reshape(1, 25, 24)
    backbone.pos_embed.data[:, 1:] = smooth
    wider = backbone.positions(10).reshape(10, 10, 24)[:, :, 0]
    assert (wider.diff(dim=1)[:, 1:-1] > 0).all()
    assert wider.std(dim=0).max() < 1e-5


def test_weights_come_by_name_from_two_files(tmp_path: Path) -> None:
    torch.manual_seed(3)
    source = ViTGaze(TINY).eval()
    state = {name: value.numpy() for name, value in source.state_dict().items()}
    spine = {n.removeprefix("backbone."): v for n, v in state.items() if n.startswith("backbone.")}
    rest = {f"model.{n}": v for n, v in state.items() if not n.startswith("backbone.")}
    np.savez(tmp_path / "dino.npz", **spine, mask_token=np.zeros((1, 24), "f4"))
    np.savez(tmp_path / "heads.npz", **rest)
    found = load_vitgaze(tmp_path / "dino.npz", tmp_path / "heads.npz", shape=TINY)
    scene, masks = torch.rand(1, 3, 70, 70), head_masks(torch.tensor([[10.0, 10, 40, 40]]), 70)
    with torch.no_grad():
        for a, b in zip(source(scene, masks), found(scene, masks), strict=True):
            assert torch.equal(a, b)
    with pytest.raises(ModelError, match="arrays of ViTGaze are missing"):
        load_vitgaze(tmp_path / "dino.npz", shape=TINY)
    with pytest.raises(ModelError, match="has shape"):
        load_vitgaze(tmp_path / "dino.npz", tmp_path / "heads.npz", shape=Shape(**{**vars_of(TINY), "guide": 4}))


def vars_of(shape: Shape) -> dict[str, object]:
    return {name: getattr(shape, name) for name in Shape.__dataclass_fields__}


def test_losses_leave_out_those_who_look_outside(heads: Heads) -> None:
    recipe, scenes = GazeFollowing(), make_scenes(heads, 12, 2)
    torch.manual_seed(4)
    model = recipe.build(5, 1).eval()

    def heat(chosen: list[GazeScene]) -> object:
        batch = recipe.draw(recipe.take(chosen), np.arange(len(chosen)), np.random.default_rng(0))
        return recipe.loss(model, batch, Progress("train", 0, 0.0))["heat"]

    outside = [s for s in scenes if not s.inside]
    one = next(s for s in scenes if s.inside)
    assert outside and heat(outside) == 0
    torch.testing.assert_close(heat([one, *outside]), heat([one]), rtol=1e-4, atol=1e-4)  # the same seed, the same view


def test_a_batch_shows_each_scene_both_ways_round(heads: Heads) -> None:
    recipe, scenes = GazeFollowing(), [s for s in make_scenes(heads, 12, 2) if s.inside][:4]
    order = [2, 0, 3, 1]
    batch = recipe.draw(recipe.take(scenes), np.array(order), np.random.default_rng(1))
    torch.testing.assert_close(batch.images[:4], batch.images[4:].flip(-1))
    torch.testing.assert_close(batch.visible[:4], batch.visible[4:].flip(-1), atol=1e-4, rtol=0)
    torch.testing.assert_close(batch.points[:4], batch.points[4:] * torch.tensor([-1.0, 1.0]))
    for row, at in enumerate(order):
        scene, (mine, every, _, bell) = scenes[at], batch.visible[row].numpy()
        np.testing.assert_allclose(batch.points[row], scene.gaze[:2], atol=1e-6)
        y, x = np.unravel_index(bell.argmax(), bell.shape)
        assert np.abs(np.array([x, y]) - scene.target).max() <= 0.51
        head = np.argwhere(mine > 0)[:, ::-1]  # enlarged by a tenth, and moved by up to another
        assert (head >= scene.heads[0, :2] - 8).all() and (head <= scene.heads[0, 2:] + 8).all()
        assert (every >= mine).all()
    assert len({tuple(varied(scenes[0], np.random.default_rng(k)).heads[0]) for k in range(8)}) > 2


def test_one_map_for_both_ways_round_costs_nothing(heads: Heads) -> None:
    recipe, scenes = GazeFollowing(), make_scenes(heads, 3, 2)
    model = recipe.build(5, 1).eval()
    batch = recipe.draw(recipe.take(scenes), np.arange(3), np.random.default_rng(0))
    told = torch.zeros(6), torch.zeros(6, 1, 8, 8)
    slope = torch.linspace(0, 1, SIDE).expand(6, SIDE, SIDE)
    for maps, same in ((batch.images[:, 0], True), (slope, False)):  # one that turns with its scene; one that does not
        model.net.read = lambda *_, maps=maps: (maps, *told)
        assert (recipe.loss(model, batch, Progress("train", 0, 0.0))["same"] == 0) == same


def test_training_goes_down_and_the_file_says_the_same(trained: Followed, heads: Heads, tmp_path: Path) -> None:
    before = train_vitgaze(make_scenes(heads, 24, 0), steps=1, seed=1)
    assert sum(trained.loss.values()) < sum(before.loss.values())
    scene = make_scenes(heads, 3, 9)[0]
    maps, inside = trained.predict([scene])
    follower = GazeFollower(trained.export(tmp_path / "gaze.onnx"), both_ways=False)
    assert (follower.session.metadata["steps"], follower.session.metadata["system"]) == ("6", "vitgaze")
    two = np.concatenate([scene.heads[:1], [[2, 2, 20, 20]]])
    first, _ = follower.read(scene.image, [Box(*box) for box in two.tolist()])
    assert first.inside == pytest.approx(float(inside[0]), abs=1e-4)
    if np.ptp(maps[0]) > 1e-6:
        level = (maps[0] - maps[0].min()) / np.ptp(maps[0])
        assert np.abs(first.heatmap - level).max() < 1e-3


def test_evaluation_of_perfect_maps(heads: Heads) -> None:
    from nasion.metrics.following import gaussian_map

    scenes = make_scenes(heads, 20, 4)
    maps = np.stack([gaussian_map(s.target, SIDE, 3.0) for s in scenes])
    found = evaluate(maps, np.array([float(s.inside) for s in scenes]), scenes)
    assert found.distance < 0.005
    assert found.auc > 0.99
    assert found.outside == 1


def test_the_recipe_is_found_and_wants_no_pictures(tmp_path: Path) -> None:
    recipe = find_recipe("vitgaze")
    with pytest.raises(InputError, match="rendered scenes"):
        recipe.make(tmp_path, tmp_path / "x.onnx", Course(1))  # type: ignore[attr-defined]  # of its own
    with pytest.raises(InputError, match="no scenes"):
        train_vitgaze([], steps=1)
