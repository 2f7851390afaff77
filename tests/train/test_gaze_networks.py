"""The gaze networks themselves; PyTorch is needed."""

import numpy as np
import pytest

from nasion.gaze.encoder import CLOUD, Encoder
from nasion.gaze.features import GROUPS
from nasion.metrics import gaze_error
from nasion.train.emc_gaze import look_at_plane, ridge_head, train_encoder, with_constant
from nasion.train.emc_sessions import Sessions
from nasion.train.landmark_gaze import make_set, train_gaze

torch = pytest.importorskip("torch", reason="PyTorch absent: training needs the extra `train`")


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def count(net) -> int:
    return sum(p.numel() for p in net.parameters())


def test_sizes_are_the_published_ones() -> None:
    from nasion.train.emc_gaze_net import Encoder as Net
    from nasion.train.landmark_gaze_net import Holistic, TwoBranch

    assert count(Holistic()) == 442_115
    assert count(TwoBranch()) == 80_131
    assert count(Net()) < 1_000_000


@pytest.fixture(scope="module")
def data():
    return make_set(None, people=110, views=8)


@pytest.fixture(scope="module")
def trained(data):
    return train_gaze(data, steps=260, held=20)


def test_two_branches_learn_gaze(data, trained) -> None:
    """From true points of shapes never seen; the baseline knows the virtual camera and the head, not the eyes."""
    test = data.part(np.flatnonzero(data.person >= 90))
    ahead = np.tile(data.gaze.mean(axis=0), (len(test.gaze), 1))
    assert trained.error < 0.35 * gaze_error(ahead, test.gaze).mean()
    assert gaze_error(trained.predict(test.points), test.gaze).mean() == pytest.approx(trained.error, rel=1e-5)


def test_irises_matter_more_than_anchors(data, trained) -> None:
    test, rng = data.part(np.flatnonzero(data.person >= 90)), np.random.default_rng(0)

    def shuffled(*groups: str) -> float:
        points = test.points.copy()
        for group in groups:
            middle = points[:, 5:7].mean(1, keepdims=True)  # where the point lies in its own face, not in the picture
            local = points - middle
            points[:, GROUPS[group]] = local[rng.permutation(len(points))][:, GROUPS[group]] + middle
        return float(gaze_error(trained.predict(points), test.gaze).mean())

    assert shuffled("right iris", "left iris") > shuffled("anchors") > trained.error


def test_the_exported_network_says_the_same_and_how_far_it_is_off(data, trained, tmp_path) -> None:
    from nasion.gaze import LandmarkGaze
    from nasion.gaze.features import two_branch

    reader = LandmarkGaze(trained.export(tmp_path / "gaze.onnx"))
    points = data.points[:40]
    out = reader.session.run({"features": two_branch(points)})
    np.testing.assert_allclose(out["gaze"], trained.predict(points), atol=1e-4)
    off = gaze_error(out["gaze"], data.gaze[:40])
    assert out["error"].mean() == pytest.approx(off.mean(), rel=0.6)


def test_the_ridge_is_differentiable_and_ends_at_the_mean() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(2, 7, 3, dtype=torch.double), torch.randn(2, 7, 2, dtype=torch.double)
    strength = torch.tensor(0.7, dtype=torch.double)
    wanted = [v.requires_grad_() for v in (x, y, strength)]
    assert torch.autograd.gradcheck(ridge_head, wanted)
    weights = ridge_head(x, y, torch.tensor(1e12, dtype=torch.double))
    found = with_constant(x) @ weights
    torch.testing.assert_close(found, y.mean(1, keepdim=True).expand(-1, 7, -1), atol=1e-5, rtol=0)


def clouds(seed: int = 0):
    from nasion.core.schemes.dense478 import mean_face
    from nasion.gaze.canonical import NODES

    rng = np.random.default_rng(seed)
    face = np.concatenate([mean_face()[list(NODES)], [[0, 0, 0], [60, 0, 0], [0, 60, 0], [0, 0, 60]]])
    return torch.from_numpy(face + rng.normal(0, 1.5, (5, CLOUD, 3)) + (20, -10, 500)).float()


def test_turning_the_face_turns_the_direction_and_nothing_else() -> None:
    from nasion.train.emc_gaze_net import Encoder as Net

    torch.manual_seed(1)
    net, x = Net().eval(), clouds()
    net.fit_scale(x)
    with torch.no_grad():
        net.layers[0].push.weight.normal_()  # as far as trained layers may push the points
        turn, _ = torch.linalg.qr(torch.randn(3, 3))
        code, way = net(x)
        for matrix in (turn, -turn):  # one of them a reflection
            moved = (x - x[:, 34:35]) @ matrix.T + torch.tensor([5.0, 40.0, -30.0])
            again, turned = net(moved)
            torch.testing.assert_close(again, code, atol=1e-4, rtol=0)
            torch.testing.assert_close(turned, way @ matrix.T, atol=1e-4, rtol=0)
        assert (net(x + torch.randn_like(x))[0] - code).abs().max() > 1e-3
        larger, _ = net(1.3 * x)
        torch.testing.assert_close(larger, code, atol=2e-3, rtol=0)  # a larger face farther away looks the same


def test_sessions_teach_the_encoder(tmp_path) -> None:
    """Sessions in which the irises say where the look goes, up to a constant of each person's."""
    rng, sessions, frames = np.random.default_rng(0), 60, 36
    base = clouds().numpy()[:1] - (20, -10, 500)
    points = np.repeat(base[None, None], sessions, 0).repeat(frames, 1).repeat(2, 2)
    target = rng.uniform(-150, 150, (sessions, frames, 2))
    own = rng.normal(0, 40, (sessions, 1, 2))
    for iris in (0, 13):
        points[:, :, :, iris, :2] += (12 * (target + own) / 500)[:, :, None]
    points[..., 2] += 500
    eyes = np.tile([0.0, 0, 500], (sessions, frames, 2, 1))
    way = np.concatenate([target, np.full((sessions, frames, 1), -500.0)], 2)
    way /= np.linalg.norm(way, axis=2, keepdims=True)
    arrays = [a.astype(np.float32) for a in (points, eyes, target, way)]
    flags = rng.random(sessions) < 0.5, rng.random(sessions) < 0.3
    data = Sessions(*arrays, np.zeros((sessions, frames, 1, 3), np.float32), *flags)
    seen = []
    trained = train_encoder(data, steps=60, held=10, report=lambda done, terms: seen.append((done, terms)))
    assert trained.calibrated < 0.4 * trained.uncalibrated
    assert trained.calibrated < 6
    assert {"query", "agree", "true", "follow"} <= set().union(*(terms for _, terms in seen))
    encoder = Encoder(trained.export(tmp_path / "encoder.onnx"))
    assert encoder.caution == pytest.approx(trained.caution, abs=1e-3)
    code, direction = encoder(points[:3, 0, 0])
    assert code.shape == (3, 8)
    np.testing.assert_allclose(np.linalg.norm(direction, axis=1), 1, atol=1e-4)


def test_looks_meet_the_plane_in_torch_as_in_numpy() -> None:
    from nasion.gaze.screen import meet_plane

    rng = np.random.default_rng(0)
    eyes, way = rng.normal((0, 0, 500), 50, (6, 3)), rng.normal((0, 0, -1), 0.2, (6, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    found = look_at_plane(torch.from_numpy(eyes), torch.from_numpy(way)).numpy() * eyes[:, 2:]
    np.testing.assert_allclose(found, meet_plane(eyes, way), atol=1e-6)
