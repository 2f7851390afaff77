"""The log-polar network does not care how a picture is turned; the ordinary one does; the file works as a probe."""

from pathlib import Path

import numpy as np
import pytest

from nasion.core import InputError, ModelError
from nasion.gaze.localise import FaceProbe
from nasion.train.gaze_scenes import Heads, render_heads
from nasion.train.recipe import Course, find_recipe
from nasion.train.retinotopy import RETINA, SIDE, Probes, Trained, draw_hidden, draw_probes, masked, train_probe

torch = pytest.importorskip("torch", reason="PyTorch absent")

from nasion.train.retinotopy_net import Ring, SmallNet  # noqa: E402


@pytest.fixture(scope="module")
def heads() -> Heads:
    return render_heads(1, 5)


@pytest.fixture(scope="module")
def probes(heads: Heads) -> Probes:
    return draw_probes(heads, 48, 0)


def test_half_of_the_pictures_are_faces(probes: Probes, heads: Heads) -> None:
    assert probes.face.mean() == 0.5
    again = draw_probes(heads, 6, 0)
    np.testing.assert_array_equal(again.images, probes.images[:6])


def test_turning_the_picture_rolls_the_view(probes: Probes) -> None:
    few = Probes(probes.images[:6], probes.face[:6], probes.head[:6])
    plain, turned = few.views(True), few.views(True, roll=90)
    inner = slice(6, 58)  # without the outermost rings, which see beyond the picture, and the very middle
    rolled = np.roll(plain, SIDE // 4, axis=2)
    assert np.abs(rolled[:, inner].astype(float) - turned[:, inner]).mean() < 6
    assert np.abs(plain[:, inner].astype(float) - turned[:, inner]).mean() > 15


def test_the_network_bears_a_roll_exactly_and_the_ordinary_one_does_not() -> None:
    torch.manual_seed(0)
    views = torch.randint(0, 256, (2, SIDE, SIDE, 3), dtype=torch.uint8)
    polar = SmallNet(True).eval()
    turned = torch.roll(views, 16, dims=2)  # a multiple of the network's stride
    with torch.no_grad():
        torch.testing.assert_close(polar(views), polar(turned), atol=1e-5, rtol=1e-4)
        ring = Ring(3, 4, 1).eval()
        x = torch.rand(1, 3, 8, 12)
        torch.testing.assert_close(torch.roll(ring(x), 5, 3), ring(torch.roll(x, 5, 3)))
        upper = ring(torch.roll(x, 3, 2))
        assert not torch.allclose(torch.roll(ring(x), 3, 2), upper)  # rings have ends
        plain = SmallNet(False).eval()
        assert not torch.allclose(plain(views), plain(torch.rot90(views, 1, (1, 2))), atol=1e-5)


def test_both_see_the_same_disc() -> None:
    white = np.full((SIDE, SIDE, 3), 255, np.uint8)
    seen = masked(white)[..., 0] > 0
    x, y = RETINA.grid(((SIDE - 1) / 2,) * 2, SIDE / 2)
    at = np.rint([y, x]).astype(int).clip(0, SIDE - 1)
    assert seen[at[0][1:-8], at[1][1:-8]].mean() > 0.99
    assert not seen[0, 0] and not seen[-1, -1]
    assert seen.mean() == pytest.approx(np.pi / 4, abs=0.02)


def test_a_false_head_differs_only_inside(heads: Heads) -> None:
    from nasion.train.retinotopy import _head

    empty = np.zeros((SIDE, SIDE, 3), np.float32)
    whole, false = (_head(np.random.default_rng(4), empty, heads, 3, whole=w) for w in (True, False))
    assert whole.shape == false.shape
    assert np.abs(whole - false).max() > 20


def test_training_learns_and_the_file_is_a_probe(probes: Probes, heads: Heads, tmp_path: Path) -> None:
    losses: list[float] = []
    trained = train_probe(probes, steps=8, seed=0, report=lambda _, terms: losses.append(terms["faces"]))
    assert isinstance(trained, Trained)
    assert np.mean(losses[-3:]) < losses[0]
    views = probes.views(True)[:5]
    probe = FaceProbe(trained.export(tmp_path / "probe.onnx"))
    np.testing.assert_allclose(probe(views), trained.chances(views), atol=1e-5)
    assert probe.retina == RETINA
    ((picture, box),) = draw_hidden(heads, 1, 0)
    found = probe.localise(picture)
    assert found.scores.shape == (11, 11)
    assert 0 <= box[0] < box[2] <= picture.shape[1]


def test_refusals(tmp_path: Path, probes: Probes) -> None:
    from nasion.models.store import find_model

    with pytest.raises(ModelError, match="nasion train foveated-retinotopy"):
        FaceProbe(find_model("gaze"))
    with pytest.raises(InputError, match="rendered heads"):
        find_recipe("foveated-retinotopy").make(tmp_path, tmp_path / "x.onnx", Course(1))  # type: ignore[attr-defined]  # of its own
    with pytest.raises(InputError, match="minutes or steps"):
        train_probe(probes)
