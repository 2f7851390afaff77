"""FGTBT: the union of layouts, the balance between them, the edges, and that partial labels teach only their points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nasion.core import InputError, Landmarks, scheme
from nasion.train.data import LandmarkSet, stored_side
from nasion.train.fgtbt import BETA, FGTBT, LISTS, as_union, balance, layouts, merge, occurrence, only

SIZE = 32


def faces(name: str, count: int = 8, seed: int = 0) -> LandmarkSet:
    rng, k, side = np.random.default_rng(seed), len(scheme(name)), stored_side(SIZE)
    return LandmarkSet(
        rng.integers(0, 256, (count, side, side, 3), np.uint8),
        rng.uniform(15, 35, (count, k, 2)).astype(np.float32),
        np.ones((count, k), np.float32),
        scheme(name),
        tuple(f"{name}/{seed}/{i}" for i in range(count)),
        SIZE,
    )


@pytest.mark.parametrize("name", LISTS)
def test_each_layout_goes_into_the_union_and_back(name: str) -> None:
    data = faces(name)
    union = as_union(data)
    assert union.scheme.name == "union124"
    np.testing.assert_array_equal(union.points[:, list(LISTS[name])], data.points)
    assert np.isnan(np.delete(union.points, LISTS[name], axis=1)).all()
    there = Landmarks.from_points(data.points[0], data.scheme).to("union124")
    np.testing.assert_array_equal(there.to(name).points, data.points[0])


def test_the_union_holds_the_published_number_of_shared_points() -> None:
    assert np.bincount(occurrence(), minlength=5).tolist() == [0, 70, 33, 6, 15]
    for point in (24, 78, 84, 90, 96):  # chin and eye corners
        assert occurrence()[point] == 4


def test_weights_are_the_published_ones() -> None:
    np.testing.assert_allclose(balance(np.arange(1, 5)), [1.0, 0.5263, 0.3690, 0.2908], atol=1e-4)
    assert (balance(np.arange(1, 5), beta=0.0) == 1).all()
    assert balance(np.zeros(1, int))[0] == 0
    with pytest.raises(InputError, match="beta"):
        balance(np.ones(1, int), beta=1.0)


def test_dense_points_fill_what_the_union_names() -> None:
    union = as_union(faces("dense478"))
    known = np.isfinite(union.points[0]).all(1)
    assert known[list(LISTS["ibug68"])].all() and known[[122, 123]].all()
    assert not known[[0, 2]].any()  # WFLW's own jaw points


@given(st.lists(st.sampled_from(sorted(LISTS)), min_size=1, max_size=4, unique=True))
def test_merged_sets_are_as_long_as_each_other_and_known_by_their_points(names: list[str]) -> None:
    merged = merge([faces(name, count=3 + k) for k, name in enumerate(names)])
    assert len(merged) == len(names) * (2 + len(names))
    found = layouts(merged)
    assert sorted(set(found)) == sorted(names)
    assert {found.count(name) for name in names} == {2 + len(names)}


def test_merging_refuses_views_of_two_sizes() -> None:
    other = faces("cofw29")
    with pytest.raises(InputError, match="size"):
        merge([faces("ibug68"), LandmarkSet(other.images, other.points, other.visible, other.scheme, other.names, 48)])


def test_a_layout_outside_the_union_is_refused() -> None:
    with pytest.raises(InputError, match="coarse5"):
        as_union(faces("coarse5"))
    with pytest.raises(InputError, match="5 points"):
        FGTBT(plan="tiny").build(5, SIZE)


def test_sizes_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(InputError, match="32 divides"):
        FGTBT().build(68, 80)


def test_only_hides_what_a_layout_lacks() -> None:
    assert set(layouts(only(faces("dense478"), "cofw29"))) == {"cofw29"}
    assert set(layouts(only(faces("dense478"), "wflw98"))) == {"wflw98"}


def write_table(path, data: LandmarkSet) -> None:
    """A table of the set beside its pictures."""
    path.parent.mkdir(exist_ok=True)
    columns = ",".join(f"x{i},y{i}" for i in range(data.points.shape[1]))
    lines = [f"file,{columns}"]
    for i, (image, points) in enumerate(zip(data.images, data.points, strict=True)):
        Image.fromarray(image).save(path.parent / f"{path.stem}{i}.png")
        lines.append(f"{path.stem}{i}.png," + ",".join(f"{v:.2f}" for v in points.ravel()))
    path.write_text("\n".join(lines))


def test_a_folder_of_two_layouts_is_one_union(tmp_path) -> None:
    write_table(tmp_path / "a.csv", faces("ibug68", 20))
    write_table(tmp_path / "b.csv", faces("cofw29", 22))
    merged = FGTBT().load(tmp_path, SIZE)
    assert merged.scheme.name == "union124"
    assert len(merged) == 44
    assert FGTBT().load(tmp_path / "a.csv", SIZE).scheme.name == "ibug68"
    with pytest.raises(InputError, match="folder"):
        FGTBT().load(tmp_path / "absent", SIZE)


# ---------------------------------------------------------------------------------------------- with PyTorch


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch absent: training needs the extra `train`")


def test_high_pass_is_the_fourier_filter(torch) -> None:
    from nasion.train.fgtbt_net import HighPass

    size, sigma = 48, 20.0
    image = torch.rand(2, 3, size, size)
    bins = torch.arange(size) - size // 2
    keep = 1 - torch.exp(-(bins[:, None] ** 2 + bins**2) / (2 * sigma**2))
    spectrum = torch.fft.fftshift(torch.fft.fft2(image), dim=(2, 3)) * keep
    expected = torch.fft.ifft2(torch.fft.ifftshift(spectrum, dim=(2, 3))).real.abs()
    assert (HighPass(size)(image) - expected).abs().max() < 1e-6


def test_high_pass_ignores_brightness(torch) -> None:
    from nasion.train.fgtbt_net import HighPass

    image = torch.rand(1, 3, 64, 64)
    assert HighPass(64)(torch.full_like(image, 0.7)).max() < 1e-6
    assert (HighPass(64)(image + 0.25) - HighPass(64)(image)).abs().max() < 1e-6


def test_tokens_become_an_image_the_right_way_round(torch) -> None:
    from nasion.train.fgtbt_net import to_map

    image = torch.rand(2, 5, 3, 4)
    assert torch.equal(to_map(image.flatten(2).transpose(1, 2), 3, 4), image)


def test_a_picture_is_placed_the_same_in_any_batch(torch) -> None:
    recipe = FGTBT(plan="tiny")
    model = recipe.build(68, SIZE).eval()
    images = torch.rand(4, 3, SIZE, SIZE) * 2 - 1
    with torch.inference_mode():
        together, alone = model(images), model(images[:1])
    assert (together[:1] - alone).abs().max() < 1e-5


def test_channel_attention_looks_at_one_picture(torch) -> None:
    from nasion.train.fgtbt_net import ChannelAttention

    weigh, pictures = ChannelAttention(256), torch.rand(3, 256, 4, 4) * 5  # 16 units: not all of them asleep
    alone = torch.cat([weigh(picture[None]) for picture in pictures])
    assert (weigh(pictures) - alone).abs().max() < 1e-5
    assert not torch.equal(alone[0], pictures[0])


def test_edges_reach_every_block(torch) -> None:
    model = FGTBT(plan="tiny").build(68, SIZE)
    model(torch.rand(2, 3, SIZE, SIZE)).square().sum().backward()
    for stage in model.stages:
        for block in stage:
            assert block.structure.narrow.weight.grad.abs().max() > 0
    for embed in model.edge_embed:
        assert embed.body[2].weight.grad.abs().max() > 0
    bare = FGTBT(plan="tiny", edges=False).build(68, SIZE)
    assert not hasattr(bare, "edge_embed") and bare.stages[0][0].structure is None


def loss_and_gradient(torch, recipe: FGTBT, data: LandmarkSet):
    from nasion.train.loop import draw
    from nasion.train.recipe import Progress

    recipe.prepare(data)
    torch.manual_seed(0)
    model = recipe.build(len(data.scheme), SIZE)
    batch = draw(data, np.arange(len(data)), np.random.default_rng(0), 0.0)
    loss = recipe.loss(model, batch, Progress("train", 0, 0.0))["heatmaps"]
    loss.backward()
    return float(loss.detach()), model.fuse[-1].bias.grad


def test_points_without_labels_get_no_gradient(torch) -> None:
    _, gradient = loss_and_gradient(torch, FGTBT(plan="tiny"), as_union(faces("cofw29", 4)))
    taught = np.zeros(124, bool)
    taught[list(LISTS["cofw29"])] = True
    assert (gradient[taught] != 0).all()
    assert (gradient[~taught] == 0).all()


def test_points_that_more_sets_share_weigh_less(torch) -> None:
    data = merge([faces("cofw29", 3), faces("aflw19", 3), faces("ibug68", 3)])
    _, balanced = loss_and_gradient(torch, FGTBT(plan="tiny"), data)
    _, alike = loss_and_gradient(torch, FGTBT(plan="tiny", beta=0.0), data)
    held = occurrence(["cofw29", "aflw19", "ibug68"])
    for count in (1, 2, 3):
        points = torch.from_numpy(np.flatnonzero(held == count))
        ratio = (balanced / alike)[points]
        np.testing.assert_allclose(ratio, (1 - BETA) / (1 - BETA**count), rtol=1e-3)


def test_every_set_counts_the_same_however_many_of_its_faces_are_drawn(torch) -> None:
    one, many = faces("cofw29", 2), faces("ibug68", 2)
    same, _ = loss_and_gradient(torch, FGTBT(plan="tiny", beta=0.0), merge([one, many]))
    parts = [loss_and_gradient(torch, FGTBT(plan="tiny", beta=0.0), as_union(data))[0] for data in (one, many)]
    assert same == pytest.approx(sum(parts), rel=0.15)  # batch statistics differ a little


def test_heatmaps_are_read_between_pixels(torch) -> None:
    from nasion.train.heatmaps import gaussians, peaks

    points = torch.rand(3, 7, 2) * 0.7 + 0.15
    assert (peaks(gaussians(points, 32, 1.0)) - points).abs().max() * 32 < 0.06


def test_adaptive_wing_is_continuous_and_zero_at_the_target(torch) -> None:
    from nasion.train.heatmaps import adaptive_wing, gaussians

    target = gaussians(torch.rand(1, 2, 2), 16, 1.0)
    assert adaptive_wing(target, target).max() < 1e-4
    near = torch.tensor([0.4999, 0.5001]).view(2, 1, 1, 1)
    below, above = adaptive_wing(near, torch.zeros_like(near)).flatten().tolist()
    assert below == pytest.approx(above, rel=1e-3)


def test_it_learns_where_points_are(torch) -> None:
    """Faces are a bright square; the union's points lie on it. A few steps must bring them there."""
    from nasion.train.loop import fit
    from nasion.train.score import evaluate

    rng, side, count = np.random.default_rng(0), stored_side(SIZE), 48
    template = rng.uniform(-6, 6, (19, 2))
    images = np.full((count, side, side, 3), 40, np.uint8)
    points = np.empty((count, 19, 2), np.float32)
    for i, centre in enumerate(rng.uniform(side / 2 - 4, side / 2 + 4, (count, 2))):
        x, y = centre.astype(int)
        images[i, y - 7 : y + 8, x - 7 : x + 8] = 220
        points[i] = template + centre.astype(int)
    data = LandmarkSet(images, points, np.ones((count, 19), np.float32), scheme("aflw19"), ("a",) * count, SIZE)
    recipe = FGTBT(plan="tiny")
    before = evaluate(recipe, fit(recipe, data, steps=1, strength=0.0).model, data).nme
    after = evaluate(recipe, fit(recipe, data, steps=30, strength=0.0).model, data).nme
    assert after < 0.5 * before
