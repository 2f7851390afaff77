"""The embedded detector's weights come out of its file and go back into one, and its targets say what labels say."""

from pathlib import Path

import numpy as np
import pytest

from nasion.core import ModelError
from nasion.models import Session
from nasion.train.detector_targets import SURE, Dense, targets
from nasion.train.detector_views import SIDE, move, settle, similarity, view_of_face


def row(x0: float, y0: float, x1: float, y1: float, kind: float = 1.0) -> np.ndarray:
    return np.array([x0, y0, x1, y1, kind, *([np.nan] * 10), 1.0], np.float32)


def grid(stride: int = 8, side: int = 64) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[: side // stride, : side // stride]
    middle = (np.stack([x, y], -1).reshape(-1, 2) + 0.5).astype(np.float32) * stride
    return middle, np.full(len(middle), float(stride), np.float32)


def test_labels_overrule_a_blind_teacher_and_silence_an_unsure_one() -> None:
    middle, stride = grid()
    blind = targets(Dense.nothing(middle), np.stack([row(24, 24, 48, 48), row(0, 0, 16, 16, 0.0)]), middle, stride)
    best = blind.score.argmax()
    assert blind.score[best] == pytest.approx(SURE, abs=1e-3)
    assert middle[best].tolist() == [36, 36]
    np.testing.assert_allclose(blind.box[best], [24, 24, 48, 48])
    assert set(map(tuple, middle[blind.weight == 0].tolist())) == {(4, 4), (4, 12), (12, 4), (12, 12)}
    seen = Dense(np.full(len(middle), 0.5, np.float32), np.tile([28, 28, 36, 36], (len(middle), 1)).astype(np.float32),
                 np.zeros((len(middle), 10), np.float32))  # fmt: skip
    assert targets(seen, np.stack([row(0, 0, 64, 64, 0.0)]), middle, stride).weight.max() == 0
    assert targets(seen, np.stack([row(0, 0, 64, 64, -1.0)]), middle, stride).score.max() == 0


def test_labels_move_with_the_picture() -> None:
    rows = np.stack([row(10, 20, 30, 60)])
    rows[0, 5:15] = np.arange(10)
    matrix = similarity(np.array([20.0, 40.0]), 2.0, 0.0, np.array([100.0, 100.0]), True)
    moved = move(rows, matrix, True)
    np.testing.assert_allclose(moved[0, :4], [80, 60, 120, 140])
    np.testing.assert_allclose(moved[0, 5:7], (matrix[:, :2] @ rows[0, 7:9]) + matrix[:, 2])  # sides change places
    assert len(settle(move(rows, similarity(np.zeros(2), 1, 0, np.full(2, 1000.0), False), False))) == 0


def test_views_hold_the_face_they_are_about() -> None:
    rng = np.random.default_rng(0)
    image = np.zeros((200, 300, 3), np.uint8)
    image[80:120, 140:180] = 255
    for _ in range(20):
        view, rows = view_of_face(rng, image, np.stack([row(140, 80, 179, 119)]), (20, 60))
        assert view.shape == (SIDE, SIDE, 3) and len(rows) == 1
        x0, y0, x1, y1 = np.clip(rows[0, :4], 0, SIDE - 1).astype(int)
        assert view[y0:y1, x0:x1].mean() > 150


@pytest.fixture
def torch():
    pytest.importorskip("onnx", reason="onnx absent: it comes with the extra `train`")
    return pytest.importorskip("torch", reason="PyTorch absent: training needs the extra `train`")


def test_the_shipped_file_comes_back_as_the_network_that_made_it(torch, tmp_path: Path) -> None:
    from nasion.train.detector_file import Shipped, read_detector, write_detector

    net, curve = read_detector("detector")
    picture = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 255
    with torch.no_grad():
        ours = Shipped(net, curve)(picture)
    for a, b in zip(Session("detector", threads=1).run({"image": picture.numpy()}).values(), ours, strict=True):
        np.testing.assert_allclose(a, b.numpy(), atol=1e-4)
    again, same = read_detector(write_detector(net, curve, tmp_path / "again.onnx"))
    assert (same.slope, same.shift) == pytest.approx((curve.slope, curve.shift))
    assert all(torch.allclose(a, b, rtol=1e-4) for a, b in zip(net.parameters(), again.parameters(), strict=True))


def test_weights_come_back_in_the_size_that_a_usual_learning_rate_suits(torch) -> None:
    """The file's first layer takes 0..255: its weights of 0.0014 were scrambled by ten steps of 3e-4."""
    from nasion.train.detector_file import _convolutions, read_detector

    for layer, norm in _convolutions(read_detector("detector")[0]):
        if norm is not None:
            size = layer.weight.square().mean((1, 2, 3)).sqrt() * layer.weight[0].numel() ** 0.5
            torch.testing.assert_close(size, torch.ones_like(size))
            assert 0.05 < norm.weight.abs().median() < 20


def test_another_network_is_refused(torch) -> None:
    from nasion.train.detector_file import read_detector

    with pytest.raises(ModelError, match="not a file of the embedded detector"):
        read_detector("landmarker")
