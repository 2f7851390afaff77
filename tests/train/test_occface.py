"""OccFace: pasted things and their labels, the module on the landmarker's evidence, the file that comes out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nasion.core import InputError, ModelError, scheme
from nasion.train.data import LandmarkSet, stored_side
from nasion.train.masking import cover_parts, covered, harmless
from nasion.train.occface import OccFace, judge, known_renders, mesh_readout
from nasion.train.occface_views import PARTS, Known, covered_views, hidden_view, views
from nasion.train.renders import NOTHING, POINTS, rendered

# ---------------------------------------------------------------------------------------------- pasted things


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_half_a_gaussian_is_half_hidden(turn) -> None:
    """A mask that ends between two pixels halves a Gaussian on that line; all of it and none of it are 1 and 0."""
    mask = np.zeros((41, 41), np.float32)
    mask[:, 21:] = 1
    points = np.array([[20.5, 20.0], [35.0, 20.0], [5.0, 20.0]])
    middle = np.array([20.0, 20.0])
    quarter = np.linalg.matrix_power(np.array([[0.0, 1.0], [-1.0, 0.0]]), turn)
    found = covered(np.rot90(mask, turn), (points - middle) @ quarter.T + middle)
    assert found == pytest.approx([0.5, 1, 0], abs=0.01)


@pytest.fixture(scope="module")
def heads() -> Known:
    return known_renders(rendered({NOTHING: 8, "bar": 8}, 77), 128)


def test_what_is_pasted_hides_the_chosen_part(heads) -> None:
    """Most of a part's points are under the mask, and only there (and in its shadow) have the pixels changed."""
    rng, hidden, elsewhere = np.random.default_rng(0), [], []
    for i in range(40):
        image = views(heads.images[i % 8][None], 128)[0]
        points = heads.points[i % 8] - 38
        part, plain = PARTS[i % len(PARTS)], image.copy()
        mask = cover_parts(image, points, [part], rng, heads.images[(i + 3) % 8])
        flags = covered(mask, points) >= 0.5
        hidden.append(flags[part].mean())
        elsewhere.append((image != plain).any(2)[mask > 0.9].mean())
        assert mask.shape == (128, 128) and mask.min() >= 0 and mask.max() <= 1
    assert np.mean(hidden) > 0.5
    assert np.mean(elsewhere) > 0.9


def test_shadows_and_tints_change_pixels_and_hide_nothing(heads) -> None:
    changed = 0
    for seed in range(12):
        image = views(heads.images[:1], 128)[0]
        plain = image.copy()
        harmless(image, np.random.default_rng(seed))
        changed += (image != plain).any()
        assert (image.astype(int) - plain <= 90).all()
    assert changed == 12


def test_labels_follow_the_view(heads) -> None:
    """Mirrored, turned, shifted: a point visible on the face is visible in the view, the far cheek stays hidden."""
    rng, seen = np.random.default_rng(3), 0
    for _ in range(20):
        image, points, visible = hidden_view(heads, 2, rng, 128, paste=False)
        assert image.shape == (128, 128, 3) and points.shape == (POINTS, 2)
        inside = np.isfinite(visible)
        assert (points[inside] >= 0).all() and (points[inside] <= 127).all()
        seen += inside.mean()
        right, left = points[68 + 33], points[68 + 263]
        assert right[0] < left[0]  # the subject's right eye stays on the left, mirrored or not
    assert seen / 20 > 0.8
    hidden = hidden_view(heads, 2, np.random.default_rng(5), 128, paste=True)[2]
    assert np.nansum(hidden == 0) > np.nansum(heads.visible[2] == 0)


def test_parts_are_rows_of_the_dense_points() -> None:
    assert len(PARTS) > 8
    assert all(part.min() >= 68 and part.max() < POINTS for part in PARTS)


def test_a_mesh_point_follows_its_nearest_anchors() -> None:
    rng = np.random.default_rng(0)
    anchors = rng.random((3, 68 + 12, 2))
    anchors[:] = anchors[0]
    dense = anchors[:, 68:].repeat(2, 1)
    weight = mesh_readout(anchors, dense)
    assert weight.shape == (24, 12)
    assert np.allclose(weight.sum(1), 1)
    assert (weight.argmax(1) == np.arange(24) // 2).all()


def test_unknown_points_do_not_count() -> None:
    visible = np.array([[1, 0, np.nan, 1.0]])
    assert judge(np.array([[0.9, 0.2, 0.1, 0.8]]), visible).roc_auc == 1.0


# ---------------------------------------------------------------------------------------------- with PyTorch


@pytest.fixture(scope="module")
def torch():
    pytest.importorskip("onnx", reason="onnx absent: it comes with the extra `train`")
    return pytest.importorskip("torch", reason="PyTorch absent: training needs the extra `train`")


def module(torch, context=True):
    from nasion.train.occface_net import Occlusion

    torch.manual_seed(0)
    return Occlusion(68 + 10, 24, torch.full((20, 10), 0.1), 68, width=16, context=context).eval()


@pytest.mark.parametrize("context", [True, False])
def test_landmarks_tell_each_other_only_with_context(torch, context) -> None:
    net = module(torch, context)
    found, places = torch.randn(1, 78, 27), torch.rand(1, 78, 2)
    other = found.clone()
    other[:, 5] += 3
    with torch.no_grad():
        change = (net(found, places)[0] - net(other, places)[0]).abs()[0]
    assert change[5] > 1e-3
    assert (change[:5].max() > 1e-5) == context


def test_the_gate_mixes_evidence_and_context(torch) -> None:
    """Shut, the answer is the local one's; wide open to the context, local evidence alone does not reach it."""
    net = module(torch)
    found, places = torch.randn(1, 78, 27), torch.rand(1, 78, 2)
    with torch.no_grad():
        net.gate.weight.zero_()
        net.gate.bias.fill_(50.0)
        local = net.visible(net.evidence(found))[..., 0][:, :68]
        assert torch.allclose(net(found, places)[0][:, :68], local, atol=1e-5)
        net.gate.bias.fill_(-50.0)
        assert not torch.allclose(net(found, places)[0][:, :68], local, atol=1e-2)


def test_a_fresh_module_moves_no_point(torch) -> None:
    """So the error of visible points is unchanged when it is added; only what is learned moves them."""
    net = module(torch)
    with torch.no_grad():
        assert net(torch.randn(2, 78, 27), torch.rand(2, 78, 2))[1].abs().max() == 0


def test_evidence_is_read_under_the_heatmap(torch) -> None:
    """A heatmap on one cell reads the features of that cell, at every scale."""
    from nasion.train.occface_net import gather

    heat = torch.zeros(1, 1, 8 * 8)
    heat[0, 0, 3 * 8 + 6] = 1.0
    scales = torch.randn(1, 3, 2, 2), torch.randn(1, 3, 4, 4), torch.randn(1, 3, 8, 8)
    pooled = torch.tensor([[[7.0, 0.8, 0.4, 0.9]]])
    found = gather(heat, pooled, scales)[0, 0]
    expected = [torch.tensor([7.0]), scales[0][0, :, 0, 1], scales[1][0, :, 1, 3], scales[2][0, :, 3, 6]]
    assert torch.allclose(found[:10], torch.cat(expected))
    assert found[10] == 1.0 and abs(float(found[11])) < 1e-5  # a sure peak has no entropy


@pytest.fixture(scope="module")
def small(heads) -> LandmarkSet:
    side = stored_side(128)
    assert heads.images.shape[1] == side
    index = np.arange(len(heads)).repeat(2)
    ones = np.ones((len(index), 100), np.float32)
    layout = scheme("occ100")
    names = tuple(f"a/{i}/x" for i in index)
    return LandmarkSet(heads.images[index], heads.points[index][:, :100], ones, layout, names, 128)


@pytest.fixture(scope="module")
def learned(torch, small):
    from nasion.train import fit

    recipe = OccFace(renders={NOTHING: 4, "bar": 4})
    return recipe, fit(recipe, small, steps=8, seed=0)


def test_it_learns_to_see_what_is_hidden(torch, learned, heads) -> None:
    """Eight steps: pasted things on heads; before, it knows nothing."""
    recipe, trained = learned
    images, _, visible = covered_views(heads, 128, seed=9)
    taught = judge(recipe.visibility(trained.model["full"], images), visible)
    torch.manual_seed(0)
    fresh = judge(recipe.visibility(recipe.build(100, 128)["full"].eval(), images), visible)
    assert taught.roc_auc > max(0.6, fresh.roc_auc + 0.05)


def test_finishing_makes_probabilities_honest(learned, small) -> None:
    recipe, trained = learned
    assert recipe.finish(trained.model, small).startswith("held-out faces")
    assert trained.model["full"].honest[0, 0] != 1.0


def test_photos_with_points_left_out_do_not_say_how_honest_probabilities_are(learned, small, monkeypatch) -> None:
    """Where the landmarker was unsure there is no label, and those that are left say visible too often."""
    from nasion.metrics import fit_logit_map
    from nasion.train import occface

    recipe, trained = learned
    real = occface.known_photos

    def unsure(data, trunk):
        known = real(data, trunk)
        visible = np.ones_like(known.visible)
        visible[1::2, 100:] = np.nan
        return replace(known, visible=visible)

    monkeypatch.setattr(occface, "known_photos", unsure)
    monkeypatch.setattr(recipe, "kinds", {})
    before = trained.model["full"].honest.clone()
    recipe.finish(trained.model, small)
    honest = trained.model["full"].honest.numpy().copy()
    trained.model["full"].honest.copy_(before)
    images, _, visible = covered_views(unsure(small, recipe.trunk), 128, seed=1)
    maps = []
    for rows in (slice(0, len(images) // 2, 2), slice(0, len(images) // 2)):
        said, known = recipe.logits(trained.model["full"], images[rows])[:, :68], np.isfinite(visible[rows][:, :68])
        fitted = fit_logit_map(1 / (1 + np.exp(-said[known].astype(np.float64))), visible[rows][:, :68][known] > 0.5)
        maps.append((fitted.scale, fitted.bias))
    assert honest[0] == pytest.approx(maps[0], rel=1e-3, abs=1e-3)
    assert honest[0] != pytest.approx(maps[1], rel=1e-3, abs=1e-3)


def test_the_file_is_the_landmarker_with_the_module_on_it(torch, learned, small, tmp_path: Path) -> None:
    from nasion.landmark import Landmarker

    recipe, trained = learned
    path = recipe.export(trained.model, tmp_path / "occ.onnx")
    crops = views(small.images[:3], 128)
    mine, plain = (Landmarker(model).session.run({"crops": crops}) for model in (path, "landmarker"))
    head = trained.model["full"]
    assert np.abs(mine["visibility"] - recipe.visibility(head, crops)).max() < 1e-4
    moved = recipe.places(head, crops)[1]
    assert np.abs(mine["ibug68"] - moved[:, :68]).max() < 1e-3
    assert np.abs(mine["dense478"][..., :2] - moved[:, 68:]).max() < 1e-3
    for name in ("sigma", "presence"):
        assert np.abs(mine[name] - plain[name]).max() < 1e-4
    assert np.abs(mine["dense478"][..., 2] - plain["dense478"][..., 2]).max() < 1e-4
    assert Landmarker(path).scheme == "dense478"


def test_the_evidence_is_the_landmarkers_own(torch, learned, small) -> None:
    recipe, _ = learned
    seen = recipe.trunk(views(small.images[:2], 128))
    assert np.allclose(seen.heat.sum(2), 1, atol=1e-4)
    assert [s.shape[-1] for s in seen.scales] == [8, 16, 32]
    own = seen.pooled[:, :68, -3:-1] * 128 - 0.5
    assert np.linalg.norm(own - seen.points[:, :68], axis=2).mean() < 3


def test_other_models_are_refused(torch) -> None:
    from nasion.train.occface_trunk import Trunk

    with pytest.raises(ModelError, match="not built like"):
        Trunk("detector")


def test_pictures_without_faces_are_refused(torch, tmp_path: Path) -> None:
    from nasion.media import write_image

    write_image(tmp_path / "grey.png", np.full((64, 64, 3), 99, np.uint8))
    with pytest.raises(InputError, match="shows 0 faces in 1 pictures"):
        OccFace().load(tmp_path, 96)


def test_views_need_prepared_faces() -> None:
    with pytest.raises(InputError, match="prepare"):
        OccFace()._faces()
