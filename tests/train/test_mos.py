"""MOS: anchors, angles, the exchange between tasks, the weights of tasks, its scenes, and the detector it exports."""

from pathlib import Path

import numpy as np
import pytest

from nasion.core import scheme
from nasion.core.geometry.rotation import angles_to_rotation
from nasion.detect.heads import read_mos
from nasion.train.data import LandmarkSet, stored_side
from nasion.train.mos import MOS
from nasion.train.mos_scenes import EDGES, bin_of, compose, draw_sides, rendered, turned


@pytest.fixture(scope="module")
def heads():
    return rendered(3, 8)


def similarity(degrees: float, scale: float, mirrored: bool) -> np.ndarray:
    c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    linear = np.array([[c, -s], [s, c]]) @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    return np.concatenate([linear, [[50], [60]]], 1)


def project(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """(478, 2) of the mean face, far away."""
    return (scheme("dense478").template @ angles_to_rotation(yaw, pitch, roll).T)[:, :2]


@pytest.mark.parametrize("degrees", [0.0, 25.0, -70.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_poses_follow_the_picture(degrees: float, mirrored: bool) -> None:
    face = np.concatenate([[0, 0, 10, 10], np.zeros(10), [35.0, -12.0, 8.0]]).astype(np.float32)
    matrix = similarity(degrees, 2.0, mirrored)
    yaw, pitch, roll = turned(face[None], matrix, degrees, mirrored)[0, 14:]
    moved = project(35.0, -12.0, 8.0) @ matrix[:, :2].T
    again = 2.0 * project(yaw, pitch, roll)
    if mirrored:
        again = again[scheme("dense478").flip]
        assert np.abs(moved - again).mean() < 0.6  # mm: the mean face is symmetric up to that
    else:
        np.testing.assert_allclose(moved, again, atol=1e-3)


def test_points_keep_their_side_in_a_mirror(heads) -> None:
    matrix = np.array([[-1.0, 0, 127], [0, 1, 0]])
    before, after = heads.faces[:1], turned(heads.faces[:1], matrix, 0.0, True)
    left = before[0, 4:14].reshape(5, 2)[0]
    np.testing.assert_allclose(after[0, 4:14].reshape(5, 2)[1], (127 - left[0], left[1]), rtol=1e-5)
    assert after[0, 14] == pytest.approx(-before[0, 14], abs=1e-3)


def test_rendered_heads_turn_the_way_the_house_says(heads) -> None:
    """yaw > 0 turns to image-left: the nose lies left of the middle of the eyes."""
    five = heads.faces[:, 4:14].reshape(-1, 5, 2)
    nose = five[:, 2, 0] - five[:, :2, 0].mean(1)
    sure = np.abs(heads.faces[:, 14]) > 15
    assert sure.sum() >= 3
    assert (np.sign(nose[sure]) == -np.sign(heads.faces[sure, 14])).all()


def test_scenes_hold_what_they_say(heads) -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        chosen = [(heads.images[i], heads.faces[i]) for i in rng.integers(0, len(heads), 3)]
        image, faces = compose(rng, 128, chosen, rng.uniform(20, 60, 3))
        assert image.shape == (128, 128, 3) and image.dtype == np.uint8
        assert 1 <= len(faces) <= 3
        for face in faces:
            low, high = face[:2], face[2:4]
            inside = face[4:14].reshape(5, 2)
            assert (inside > low - 2).all() and (inside < high + 2).all()
            assert ((low + high) / 2 > 0).all() and ((low + high) / 2 < 128).all()


def test_sizes_with_more_of_the_loss_are_drawn_more_often() -> None:
    rng, chances = np.random.default_rng(0), np.array([0.02, 0.02, 0.9, 0.04, 0.02])
    bins = bin_of(draw_sides(rng, chances, 400, 96.0))
    assert np.bincount(bins, minlength=len(EDGES) - 1)[2] > 300
    assert draw_sides(rng, np.ones(5), 400, 96.0).max() <= 96


def test_candidates_below_the_threshold_go() -> None:
    rows = np.zeros((2, 3, 18), np.float32)
    rows[0, :, 4] = 0.2, 0.9, 0.6
    assert [len(found) for found in read_mos({"faces": rows}, 0.55)] == [2, 0]


# ---------------------------------------------------------------------------------------------- with PyTorch


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch absent: training needs the extra `train`")


def test_the_coder_comes_back(torch) -> None:
    from nasion.train.mos_net import decode, encode, priors

    anchors = priors(96, 128)
    assert len(anchors) == 2 * (12 * 16 + 6 * 8 + 3 * 4)
    centre, extent = torch.rand(len(anchors), 2) * 100, torch.rand(len(anchors), 2) * 90 + 5
    boxes = torch.cat([centre - extent / 2, centre + extent / 2], 1)
    points = centre[:, None] + torch.randn(len(anchors), 5, 2) * 20
    back, spots = decode(anchors, *encode(anchors, boxes, points))
    assert (back - boxes).abs().max() < 1e-4
    assert (spots - points).abs().max() < 1e-4


def test_anchors_stand_on_pixel_centres(torch) -> None:
    from nasion.train.mos_net import priors

    assert priors(32, 32)[0].tolist() == [3.5, 3.5, 16.0]  # the first cell's 8 px are 0..7


def test_angles_are_the_expected_bin(torch) -> None:
    from nasion.train.mos_net import angle

    for i in (0, 20, 33, 65):
        bins = torch.full((66,), -1e9)
        bins[i] = 0
        assert float(angle(bins)) == 3 * i - 99
    assert float(angle(torch.zeros(66, dtype=torch.float64))) == pytest.approx(-1.5, abs=1e-12)


def test_tasks_that_exchange_nothing_are_a_network_without_exchange(torch) -> None:
    from nasion.train.mos_net import Mos

    torch.manual_seed(0)
    with_stitch, without = Mos(), Mos(stitch=False)
    state = {k: v for k, v in with_stitch.state_dict().items() if "stitch" not in k}
    without.load_state_dict(state)
    image = torch.rand(1, 3, 64, 64) * 255
    before, alone = with_stitch.eval()(image), without.eval()(image)
    assert any(not torch.equal(before[task], alone[task]) for task in alone)
    for level in with_stitch.levels:
        level.stitch.weights.data = torch.eye(6)[:, :, None].expand_as(level.stitch.weights).clone()
    after = with_stitch(image)
    assert all(torch.equal(after[task], alone[task]) for task in alone)


def test_before_training_it_expects_a_face_that_looks_ahead(torch) -> None:
    """Points of the usual face in every anchor, angles of 0, no face for sure."""
    from nasion.train.mos_net import FRONTAL, Level, Plan, angle, decode, priors

    level = Level(Plan(0.25, 16, 16), stitch=True).eval()
    level.expect()
    found = dict(zip(("class", "box", "points", "yaw", "pitch", "roll"), level(torch.zeros(1, 16, 4, 4)), strict=True))
    assert found["class"].softmax(-1)[..., 1].max() < 0.05
    assert all(angle(found[task]).abs().max() < 5 for task in ("yaw", "pitch", "roll"))
    anchors = priors(32, 32)[:32]
    _, points = decode(anchors, found["box"], found["points"])
    usual = (points[0] - anchors[:, None, :2]) / anchors[:, None, 2:]
    assert (usual - torch.tensor(FRONTAL)).abs().max() < 0.1


def test_every_face_finds_an_anchor(torch) -> None:
    from nasion.train.mos_loss import match
    from nasion.train.mos_net import priors

    anchors = priors(128, 128)
    boxes = torch.tensor([[10.0, 10, 19, 21], [40, 40, 100, 110], [0, 0, 127, 127]])
    owner = match(anchors, boxes)
    assert set(owner[owner >= 0].tolist()) == {0, 1, 2}
    assert (owner == -2).any() and (owner == -1).any()


def answers_and_faces(torch):
    from nasion.train.mos_net import Mos, priors

    torch.manual_seed(0)
    answers = Mos()(torch.rand(2, 3, 64, 64) * 255)
    face = torch.tensor([[10.0, 10, 50, 52, *([30.0] * 10), 20.0, -5.0, 3.0]])
    return answers, priors(64, 64), face


def test_what_is_unknown_teaches_nothing(torch) -> None:
    from nasion.train.mos_loss import task_losses

    answers, anchors, face = answers_and_faces(torch)
    full, _, side = task_losses(answers, anchors, [face, torch.zeros(0, 17)])
    assert all(float(loss.detach()) > 0 for loss in full.values())
    assert side == pytest.approx(np.full(len(side), np.sqrt(40 * 42)), rel=1e-4)
    bare = face.clone()
    bare[:, 4:] = torch.nan
    bare[:, 14] = 120.0  # beyond the bins
    losses, _, _ = task_losses(answers, anchors, [bare, torch.zeros(0, 17)])
    assert [float(losses[task]) for task in ("points", "yaw", "pitch", "roll")] == [0, 0, 0, 0]
    assert float(losses["box"]) == float(full["box"])
    empty, _, _ = task_losses(answers, anchors, [torch.zeros(0, 17)] * 2)
    assert float(empty["box"]) == 0 and float(empty["class"]) > 0


def test_learned_weights_settle_at_the_loss(torch) -> None:
    """exp(-s) L + s is least at s = log L: a task that cannot be learned comes to weigh less."""
    from nasion.train.mos_loss import weigh
    from nasion.train.mos_net import TASKS

    losses = {task: torch.tensor(float(k + 1)) for k, task in enumerate(TASKS)}
    s = torch.tensor([np.log(k + 1) for k in range(6)], requires_grad=True)
    sum(weigh(losses, s).values()).backward()
    assert s.grad.abs().max() < 1e-6
    assert weigh(losses, None)["roll"] == 6
    assert set(weigh(losses, s, pose=False)) == {"class", "box", "points"}


def labelled(heads) -> LandmarkSet:
    """The rendered heads as a set with five points; sides as the loop wants them."""
    size, side = 80, stored_side(80)
    images = np.pad(heads.images, ((0, 0), (0, side - 128), (0, side - 128), (0, 0)))
    points = heads.faces[:, 4:14].reshape(-1, 5, 2)
    return LandmarkSet(
        images, points, np.ones(points.shape[:2], np.float32), scheme("coarse5"), ("x",) * len(images), size
    )


def test_it_trains_exports_and_detects(torch, heads, tmp_path: Path) -> None:
    """A few steps, then the file behind the detector says what PyTorch says, poses included."""
    from nasion.detect import FaceDetector
    from nasion.train.loop import fit
    from nasion.train.mos_net import Decoded
    from nasion.train.score import evaluate

    recipe, data = MOS(rendered=8), labelled(heads)
    model = fit(recipe, data, steps=2).model
    assert float(model.held.sum()) == pytest.approx(1, abs=1e-4)
    assert model.log_variance.abs().max() > 0
    assert np.isfinite(evaluate(recipe, model, data).nme)  # views of 80 px, which 32 does not divide

    recipe.export(model, tmp_path / "mos.onnx")
    picture = np.random.default_rng(0).integers(0, 256, (64, 640, 3), np.uint8)  # the detector takes it as it is
    with torch.inference_mode():
        rows = Decoded(model)(torch.from_numpy(picture).permute(2, 0, 1)[None].float())[0].numpy()
    best = rows[rows[:, 4].argmax()]
    found = FaceDetector(tmp_path / "mos.onnx", threshold=float(best[4]) - 1e-4, threads=1).detect(picture)
    face = found[0]
    np.testing.assert_allclose(face.box.to_array(), best[:4], atol=0.01)
    np.testing.assert_allclose(face.landmarks.points, best[5:15].reshape(5, 2), atol=0.01)
    assert (face.pose.yaw, face.pose.pitch, face.pose.roll) == pytest.approx(tuple(best[15:]), abs=0.01)
    batch = FaceDetector(tmp_path / "mos.onnx", threshold=0.01, threads=1).detect_batch([picture] * 2)
    assert len(batch[0]) == len(batch[1])


def test_five_points_are_taken_from_any_layout() -> None:
    side = stored_side(80)
    points = np.random.default_rng(0).uniform(20, 90, (2, 68, 2)).astype(np.float32)
    data = LandmarkSet(
        np.zeros((2, side, side, 3), np.uint8), points, np.ones((2, 68), np.float32), scheme("ibug68"), ("a", "b"), 80
    )
    five = MOS().adapt(data)
    assert five.scheme.name == "coarse5"
    np.testing.assert_allclose(five.points[:, 2], points[:, 30])
    np.testing.assert_allclose(five.points[:, 0], points[:, [42, 45]].mean(1), rtol=1e-5)
