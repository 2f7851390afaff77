"""FeatEnHancer: its shape, its darkness, the file that holds module and detector, and that it learns."""

from pathlib import Path

import numpy as np
import pytest

from nasion.core import ImageArray, InputError
from nasion.detect import FaceDetector
from nasion.detect.light import auto_gamma
from nasion.train.low_light import clahe, darken, electrons, equalise


def test_darkness_is_less_light_and_more_noise() -> None:
    rng = np.random.default_rng(0)
    grey = np.full((64, 64, 3), 128, np.uint8)
    for how, expected in (({"gamma": 2.0}, 64), ({"gamma": 3.0}, 32), ({"gamma": 4.0}, 16), ({"stops": 3.0}, 45.7)):
        assert darken(grey, rng, **how).mean() == pytest.approx(expected, abs=1.5)
    relative = [darken(grey, rng, stops=s).std() / darken(grey, rng, stops=s).mean() for s in (0.0, 2.0, 4.0)]
    assert relative[0] < relative[1] < relative[2]
    assert darken(grey, rng, stops=6.0).std() > 1  # without noise a flat wall stays flat
    for wrong in ({"gamma": 0.5}, {"stops": -1.0}, {"iso": 0.0}, {"tint": -0.1}, {"quality": 0}):
        with pytest.raises(InputError, match="gamma must be"):
            darken(grey, rng, **wrong)


def test_noise_is_that_of_a_measured_sensor() -> None:
    """991 electrons a white pixel and 1.8 of read noise at ISO 1600: what theory says of the luma of a grey wall."""
    white, read = electrons(1600.0)
    assert (white, read) == (pytest.approx(991, abs=1), pytest.approx(1.78, abs=0.01))
    assert electrons(6400.0)[0] < white / 3.5  # four times the gain, a quarter of the electrons
    grey, luma = np.full((128, 128, 3), 128, np.uint8), np.array([0.299, 0.587, 0.114])
    mean = 0.2158 * white
    spread = np.sqrt(mean + read**2) / white * 255 * 1.055 / 2.4 * 0.2158 ** (1 / 2.4 - 1)
    seen = darken(grey, np.random.default_rng(0), quality=100) @ luma
    assert seen.std() == pytest.approx(spread * np.linalg.norm(luma), rel=0.06)
    grainy = darken(grey, np.random.default_rng(0), quality=100, iso=6400.0) @ luma
    assert grainy.std() == pytest.approx(2 * seen.std(), rel=0.1)


def test_light_has_a_colour_and_jpeg_takes_detail(astronaut: ImageArray) -> None:
    grey = np.full((32, 32, 3), 128, np.uint8)
    tinted = [darken(grey, np.random.default_rng(i), tint=0.2).mean((0, 1)) for i in range(4)]
    assert all(np.ptp(channels) > 8 and channels.max() == pytest.approx(128, abs=3) for channels in tinted)
    fine, coarse = (darken(astronaut, np.random.default_rng(0), gamma=3.0, quality=q).astype(float) for q in (98, 30))
    assert np.abs(np.diff(coarse, axis=0)).mean() < 0.8 * np.abs(np.diff(fine, axis=0)).mean()


@pytest.mark.parametrize("remedy", [auto_gamma, equalise, clahe])
def test_the_usual_remedies_brighten(astronaut: ImageArray, remedy) -> None:
    dark = darken(astronaut, np.random.default_rng(0), gamma=3.0)
    assert remedy(dark).mean() > 1.15 * dark.mean()
    assert remedy(dark).shape == dark.shape and remedy(dark).dtype == np.uint8


@pytest.fixture
def torch():
    pytest.importorskip("onnx", reason="onnx absent: it comes with the extra `train`")
    return pytest.importorskip("torch", reason="PyTorch absent: training needs the extra `train`")


def test_it_has_the_parameters_of_the_release_and_keeps_every_size(torch) -> None:
    from nasion.train.featenhancer_net import FeatEnHancer

    module = FeatEnHancer()
    assert sum(p.numel() for p in module.parameters()) == 139_400
    torch.nn.init.normal_(module.last.weight, std=0.05)
    for height, width in ((64, 64), (65, 67), (71, 90), (97, 66)):
        assert module(torch.rand(1, 3, height, width)).shape == (1, 3, height, width)


def test_with_its_last_weights_zero_it_changes_nothing(torch) -> None:
    from nasion.train.featenhancer_net import FeatEnHancer

    picture = torch.rand(2, 3, 67, 93)
    module = FeatEnHancer()
    assert (module(picture) - picture).abs().max() == 0
    torch.nn.init.normal_(module.last.weight, std=0.05)
    assert (module(picture) - picture).abs().max() > 0


def test_aggregation_weighs_the_scales_place_by_place(torch) -> None:
    """Features that are what the quarter scale asks for win; heads decide for themselves."""
    from nasion.train.featenhancer_net import HEADS, MAPS, Aggregation

    made = Aggregation()
    made.full, made.quarter = torch.nn.AvgPool2d(8), torch.nn.AvgPool2d(2)
    quarter, full = torch.zeros(1, MAPS, 4, 4), torch.zeros(1, MAPS, 16, 16)
    quarter[:, :3], full[:, :3] = 1.0, 10.0  # head 0: the full scale answers ten times as loudly
    quarter[:, 3:6], full[:, 3:6] = 1.0, -10.0  # head 1: it contradicts
    out = made(full, quarter)
    assert out.shape == (1, MAPS, 2, 2) and MAPS // HEADS == 3
    assert out[0, :3].min() > 9.9 and out[0, 3:6].min() > 0.99 and out[0, 6:].abs().max() == 0


def test_every_scale_has_a_say(torch) -> None:
    from nasion.train.featenhancer_net import FeatEnHancer

    torch.manual_seed(0)
    module = FeatEnHancer()
    torch.nn.init.normal_(module.last.weight, std=0.05)
    module(torch.rand(1, 3, 64, 64)).square().sum().backward()
    silent = [name for name, p in module.named_parameters() if not p.grad.abs().max() > 0]
    assert not silent


def test_it_learns_in_front_of_the_detector_and_goes_into_one_file(
    torch, hopper: ImageArray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from nasion.train import featenhancer
    from nasion.train.detector_file import Shipped, read_detector
    from nasion.train.featenhancer_net import Front

    monkeypatch.setattr(featenhancer, "BATCH", 1)
    monkeypatch.setattr(featenhancer, "ALONE", 0.6)
    shipped = read_detector()[0]
    terms = []
    made = featenhancer.train_enhancer(
        [hopper], steps=3, threads=1, report=lambda done, t: terms.append((done, t["loss"]))
    )
    assert made.steps == len(terms) == 3
    assert made.module.last.weight.abs().max() > 0
    alone = featenhancer.train_enhancer([hopper], steps=1, threads=1, host=False)
    same = zip(shipped.parameters(), alone.net.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in same)  # a frozen host stays as it was
    host_moved = zip(shipped.parameters(), made.net.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in host_moved)
    tuned = featenhancer.train_enhancer([hopper], steps=1, threads=1, module=False)
    assert tuned.module is None

    torch.nn.init.normal_(made.module.last.weight, std=0.02)  # so that it does something to be seen
    picture = hopper[:320, :320]
    with torch.no_grad():
        maps = Shipped(made.net, made.curve, Front(made.module))(
            torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float()
        )
    best = max(float(m[:, 0].max()) for m in maps)
    # 500 px, so that the detector takes the view as it is
    found = FaceDetector(made.write(tmp_path / "dark.onnx"), threshold=1e-3, threads=1)
    answers = found.session.run({"image": np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)})
    assert max(float(m[:, 0].max()) for m in answers.values()) == pytest.approx(best, abs=1e-3)
    assert found.session.metadata["system"] == "featenhancer"


def test_what_cannot_be_learned_is_refused(torch, hopper: ImageArray) -> None:
    from nasion.train.featenhancer import train_enhancer

    for pictures, options, message in (
        ([hopper], {}, "minutes or of steps"), ([], {"steps": 1}, "nothing to learn"),
        ([hopper], {"steps": 1, "module": False, "host": False}, "nothing to learn"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            train_enhancer(pictures, **options)


# ---------------------------------------------------------------------------------- in front of a landmark network


def test_stages_light_module_both_and_the_host_alone_gets_as_many_dark_steps() -> None:
    from nasion.train.featenhancer_landmarks import DarkLandmarks

    module, alone = DarkLandmarks().stages, DarkLandmarks(module=False).stages
    assert [s.trains for s in module] == [("host",), ("module",), ()] and [s.trains for s in alone] == [("host",), ()]
    assert module[0] == alone[0]
    assert sum(s.share for s in module[1:]) == pytest.approx(alone[1].share)
    assert {s.batch for s in module[1:]} == {alone[1].batch}  # the same number of faces, too
    assert {s.rate for s in (*module, *alone)} == {module[0].rate}
    assert [s.slow for s in module] == [(), (), ("host",)] and alone[1].slow == ("host",)  # a tenth of it, in the dark
    assert DarkLandmarks(module=False, slow=False).stages[1].slow == ()


def test_what_is_slow_learns_at_a_tenth_of_the_rate(torch) -> None:
    """The first step of Adam is as long as the rate."""
    from drawn_crops import drawn_set
    from nasion.train import fit
    from nasion.train.featenhancer_landmarks import DarkLandmarks

    data, far = drawn_set(24, size=32), []
    host = DarkLandmarks(module=False).build(len(data.scheme), 32).host.eval()
    for slow in (True, False):
        made = fit(DarkLandmarks(False, host, slow=slow), data, steps=1, threads=1).model.host
        far.append(max(float((a - b).abs().max()) for a, b in zip(copied(host), copied(made), strict=True)))
    assert far[1] == pytest.approx(10 * far[0], rel=0.05)


def test_the_module_learns_before_a_landmark_network_from_its_loss_alone(torch, tmp_path: Path) -> None:
    from drawn_crops import drawn_set
    from nasion.landmark import Landmarker
    from nasion.train import evaluate, fit
    from nasion.train.export import export_onnx
    from nasion.train.featenhancer_landmarks import DarkLandmarks

    data, seen = drawn_set(24, size=32), []
    recipe = DarkLandmarks()
    host = DarkLandmarks(module=False).build(len(data.scheme), 32).host.eval()
    recipe = DarkLandmarks(host=host)
    assert [stage.name for stage in recipe.stages] == ["module", "both"]
    before = copied(host)
    whole = recipe.loss

    def loss(model, batch, step):
        if step.stage == "both" and step.step == 0:
            seen.append((copied(model.host), model.module.last.weight.abs().max()))
        return whole(model, batch, step)

    recipe.loss = loss
    made = fit(recipe, data, steps=4, threads=1)
    frozen, learned = seen[0]
    assert learned > 0 and all(torch.equal(a, b) for a, b in zip(before, frozen, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(before, copied(made.model.host), strict=True))
    out = export_onnx(recipe, made.model, tmp_path / "dark.onnx", scheme=data.scheme, size=32,
                      scores=evaluate(recipe, made.model, data))  # fmt: skip
    assert Landmarker(out.path, threads=1).scheme == data.scheme.name


def copied(net) -> list:
    return [p.detach().clone() for p in net.parameters()]


def test_the_landmark_network_is_shown_the_dark(torch) -> None:
    """In its own stage the host sees the light; afterwards most views are darker than they were."""
    from drawn_crops import drawn_set
    from nasion.train.featenhancer_landmarks import LIGHT, DarkLandmarks
    from nasion.train.loop import draw
    from nasion.train.recipe import Progress

    data, recipe, means = drawn_set(24, size=32), DarkLandmarks(module=False), {}
    batch = draw(data, np.arange(16), np.random.default_rng(0), 0.0)

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.host = self.look

        def look(self, x):
            self.seen = x.mean((1, 2, 3)) + 1
            return torch.zeros(len(x), batch.points.shape[1], 2)

        forward = look

    net = Net()
    for stage in (LIGHT, "both"):
        recipe.loss(net, batch, Progress(stage, 0, 0.0))
        means[stage] = net.seen
    assert torch.equal(means[LIGHT], batch.images.mean((1, 2, 3)) + 1)
    share = means["both"] / means[LIGHT]
    assert 0.05 < share.min() < share.max() <= 1.02 and (share < 0.9).sum() >= 10
