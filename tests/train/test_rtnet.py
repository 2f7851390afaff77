"""RTNet: label maps of rendered heads, padding that wraps, the Cartesian twin, the file that comes out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nasion.core import Face, InputError, Landmarks
from nasion.media import write_image
from nasion.parse import REGIONS, FaceParser
from nasion.parse.tanh_polar import VIEWS, warp
from nasion.train.data import LandmarkSet, split
from nasion.train.renders import NOTHING, Renders, rendered
from nasion.train.rtnet import RTNetRecipe, compose, from_folder, from_renders, mirrored, roi_of


@pytest.fixture(scope="module")
def heads() -> Renders:
    return rendered({NOTHING: 8, "mask": 4}, 55)


@pytest.fixture(scope="module")
def data(heads) -> LandmarkSet:
    return from_renders(heads)


def where(held: np.ndarray, name: str) -> np.ndarray:
    return np.argwhere(held == REGIONS.index(name))[:, ::-1]


def test_label_maps_show_what_the_points_say(heads, data) -> None:
    """Every eye's label lies at its own eye's points, lips above each other, left at the subject's left."""
    front = int(np.argmin(np.abs(heads.yaw[:8])))
    held, points = data.images[front, ..., 3], heads.points[front]
    for name, rows in (("right_eye", range(36, 42)), ("left_eye", range(42, 48)), ("upper_lip", (50, 51, 52))):
        assert np.linalg.norm(where(held, name).mean(0) - points[list(rows)].mean(0)) < 8, name
    assert where(held, "left_brow")[:, 0].mean() > where(held, "right_brow")[:, 0].mean()
    assert where(held, "lower_lip")[:, 1].mean() > where(held, "upper_lip")[:, 1].mean()
    assert held.max() < len(REGIONS)


def test_what_stands_before_the_face_is_background(heads, data) -> None:
    masked = [i for i, kind in enumerate(heads.kinds) if kind == "mask"]
    mouths = [(np.isin(data.images[i, ..., 3], (7, 8, 9))).sum() for i in range(len(heads))]
    assert np.mean([mouths[i] for i in masked]) < 0.2 * np.mean([mouths[i] for i in range(8)])


def test_pictures_of_a_person_stay_together(data) -> None:
    learn, held = split(data, parts=2, seed=1)
    assert not set(learn.names) & set(held.names)
    assert len(set(data.names)) == 3


def test_mirroring_swaps_the_sides_and_comes_back(data) -> None:
    scene, roi = data.images[0], roi_of(data, 0)
    there, flipped = mirrored(scene, roi)
    back, again = mirrored(there, flipped)
    assert (back == scene).all() and again == roi
    left = where(scene[..., 3], "left_eye")
    right = where(there[..., 3], "right_eye")
    assert len(left) == len(right)
    assert np.allclose(scene.shape[1] - 1 - left[:, 0].mean(), right[:, 0].mean())


def test_the_person_beside_is_background(data) -> None:
    seen = [compose(data, 0, np.random.default_rng(seed)) for seed in range(30)]
    double = [(scene, roi) for scene, roi in seen if scene.shape[0] != scene.shape[1]]
    assert 3 < len(double) < 25
    own = (data.images[0, ..., 3] > 0).sum()
    for scene, roi in double:
        assert (scene[..., 3] > 0).sum() == own
        y, x = np.argwhere(scene[..., 3] > 0).mean(0)
        assert np.hypot(roi.x - x, roi.y - y) < 80


def test_views_and_their_labels_are_cut_alike(data) -> None:
    """Hair is dark or bright, skin is skin: the label map shows the region where the view shows it."""
    scene, roi = data.images[1], roi_of(data, 1)
    for view in VIEWS.values():
        held = warp(np.ascontiguousarray(scene[..., 3]), roi, 64, view=view, nearest=True)
        marked = scene[..., :3].copy()
        marked[scene[..., 3] == REGIONS.index("nose")] = (255, 0, 0)
        shown = warp(marked, roi, 64, view=view).astype(int)
        red = (shown[..., 0] > 200) & (shown[..., 1] < 60)
        nose = held == REGIONS.index("nose")
        assert (red & nose).sum() > 0.7 * max(red.sum(), 1)


def test_own_label_maps_are_read(tmp_path: Path, heads, data) -> None:
    front = int(np.argmin(np.abs(heads.yaw[:8])))
    held = data.images[front, ..., 3]
    image = np.repeat(np.repeat(heads.images[front], 2, 0), 2, 1)
    write_image(tmp_path / "me.png", image)
    write_image(tmp_path / "me.labels.png", np.repeat(np.repeat(held, 2, 0), 2, 1))
    write_image(tmp_path / "alone.labels.png", held)
    found = from_folder(tmp_path)
    assert len(found) == 1 and len(found.skipped) == 1
    assert "alone" in found.skipped[0]
    share = [(found.images[0, ..., 3] == k).mean() / max((held == k).mean(), 1e-6) for k in (1, 6)]
    assert abs(share[0] - share[1]) < 0.35 * share[1]
    write_image(tmp_path / "me.labels.png", held)
    with pytest.raises(InputError, match="as large as"):
        from_folder(tmp_path)
    with pytest.raises(InputError, match="no label maps"):
        from_folder(tmp_path / "nowhere")


# ---------------------------------------------------------------------------------------------- with PyTorch


@pytest.fixture(scope="module")
def torch():
    pytest.importorskip("onnx", reason="onnx absent: it comes with the extra `train`")
    return pytest.importorskip("torch", reason="PyTorch absent: training needs the extra `train`")


@pytest.mark.parametrize("circular", [True, False])
def test_only_wrapping_rows_turn_with_the_face(torch, circular) -> None:
    """A shift of rows goes through the polar path unchanged; with zeros padded the seam shows."""
    from nasion.train.rtnet_net import HybridBlock

    torch.manual_seed(0)
    net = torch.nn.Sequential(HybridBlock(3, 8, 0, circular), HybridBlock(8, 8, 0, circular, 2)).eval()
    x = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        difference = (net(x.roll(5, 2)) - net(x).roll(5, 2)).abs().max()
    assert (difference < 1e-5) == circular


def test_beyond_the_last_column_it_goes_on(torch) -> None:
    from nasion.train.rtnet_net import MixedPad

    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    out = MixedPad(1, True)(x)[0, 0]
    assert out[0, 1:5].tolist() == x[0, 0, 2].tolist()
    assert out[-1, 1:5].tolist() == x[0, 0, 0].tolist()
    assert out[1, 0] == x[0, 0, 0, 0] and out[1, -1] == x[0, 0, 0, 3]
    assert MixedPad(1, False)(x)[0, 0, 0].abs().max() == 0


def test_the_twin_is_the_same_picture_along_x_and_y(torch, data) -> None:
    """A tanh-polar view resampled is the tanh-Cartesian view, and comes back."""
    from nasion.parse.tanh_polar import TanhCartesian, TanhPolar, cartesian_to_polar, polar_to_cartesian
    from nasion.train.rtnet_net import Resample

    image = np.ascontiguousarray(data.images[1, ..., :3])
    roi = roi_of(data, 1)
    roi = replace(roi, a=0.8 * roi.a, b=0.8 * roi.b)

    def seen(view):
        blurred = warp(image, roi, 64, view=view).astype(np.float32)
        return torch.from_numpy(blurred).permute(2, 0, 1)[None]

    polar, flat = seen(TanhPolar(False)), seen(TanhCartesian())
    there = Resample(polar_to_cartesian(64), True)(polar)
    back = Resample(cartesian_to_polar(64), False)(there)
    inner = slice(12, 52)
    assert (there - flat).abs()[..., inner, inner].mean() < 6
    assert (back - polar).abs()[..., 8:52].mean() < 8
    assert (there - polar).abs().mean() > 20


def test_enlarging_keeps_rows_where_strides_leave_them(torch) -> None:
    from nasion.train.rtnet_net import enlarge

    x = torch.randn(1, 2, 6, 6)
    out = enlarge(x, True)
    assert torch.equal(out[..., ::2, ::2], x)
    assert torch.allclose(out[..., -1, 0], (x[..., -1, 0] + x[..., 0, 0]) / 2)


def test_the_loss_prefers_the_truth(torch) -> None:
    from nasion.train.rtnet_net import parsing_loss

    labels = torch.randint(0, 3, (2, 8, 8))
    right = 8.0 * torch.nn.functional.one_hot(labels, 5).permute(0, 3, 1, 2)
    good, bad = parsing_loss(right, labels), parsing_loss(right.roll(1, 1), labels)
    assert good[0] < 0.1 and good[1] < 0.05
    assert bad[0] > 5 and bad[1] > 0.8


def test_it_learns_and_the_parser_reads_the_file(torch, data, tmp_path: Path) -> None:
    from nasion.train import fit

    recipe = RTNetRecipe()
    losses: list[float] = []
    net = fit(recipe, data, steps=8, seed=0, report=lambda _, terms: losses.append(sum(terms.values()))).model
    assert np.mean(losses[-2:]) < 0.9 * losses[0]
    assert recipe.finish(net, data.take([0, 1])).startswith("held-out people: mean F1")
    path = recipe.export(net, tmp_path / "parser.onnx")
    image = np.ascontiguousarray(data.images[0, ..., :3])
    landmarks = Landmarks.from_points(data.points[0], data.scheme)
    (found,) = FaceParser(path).parse(image, [Face(landmarks.box, 1.0, landmarks)])
    mine = recipe.label(net, image, roi_of(data, 0))
    assert (found.labels == mine).mean() > 0.999


def test_the_verb_needs_no_pictures(torch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from nasion.cli.main import app

    monkeypatch.setattr("nasion.train.rtnet.KINDS", {NOTHING: 24})
    path = tmp_path / "parser.onnx"
    done = CliRunner().invoke(app, ["train", "rtnet-tanh-polar", "--minutes", "0.01", "--out", str(path)])
    assert done.exit_code == 0, done.output
    assert "held-out people: mean F1" in done.output and "nasion parse PHOTO --model" in done.output
    assert FaceParser(path).size == 128
