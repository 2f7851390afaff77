"""The correction of the dense points: found where it exists, the same in the exported graph."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch absent")

from training.landmarker.export import Exported  # noqa: E402
from training.landmarker.readout import Correction, correction  # noqa: E402
from training.nets.landmarker import Landmarker  # noqa: E402

from nasion.metrics import LogitMap  # noqa: E402


def faces(rng: np.random.Generator, count: int, modes: np.ndarray) -> np.ndarray:
    return rng.normal(0, 1, (count, len(modes))) @ modes


def test_an_error_that_follows_from_the_shape_is_taken_out_on_unseen_faces() -> None:
    rng = np.random.default_rng(0)
    modes, wrong = rng.normal(0, 0.05, (8, 956)), rng.normal(0, 0.01, (8, 956))
    weights = rng.normal(0, 1, (400, 8)), rng.normal(0, 1, (50, 8))
    placed, unseen = (w @ modes for w in weights)
    found = correction(placed, weights[0] @ (modes + wrong) + 0.003, rank=8)
    truth = (weights[1] @ (modes + wrong) + 0.003).reshape(-1, 478, 2) + 0.5
    before = unseen.reshape(-1, 478, 2) + 0.5
    left = np.abs(found(before) - truth).mean() / np.abs(before - truth).mean()
    assert left < 0.2  # the ridge keeps a sixth of it


def test_shapes_beyond_its_rank_are_left_as_they_are() -> None:
    rng = np.random.default_rng(1)
    modes = rng.normal(0, 1, (2, 956)) * [[1.0], [0.01]]
    placed = faces(rng, 300, modes)
    found = correction(placed, 2 * placed, rank=1)
    rare = (placed.mean(0) + modes[1]).reshape(1, 478, 2) + 0.5
    common = (placed.mean(0) + modes[0]).reshape(1, 478, 2) + 0.5
    moved = [np.abs(found(p) - p - found.bias.reshape(478, 2)).mean() for p in (rare, common)]
    assert moved[0] < 0.02 * moved[1]


def test_the_exported_graph_corrects_the_478_points_and_leaves_the_68() -> None:
    rng = np.random.default_rng(2)
    net = Landmarker(8, depths=(1, 1, 1, 1)).eval()
    readout = np.concatenate([np.eye(1092, 136), np.zeros((1, 136))])
    seen = LogitMap(1.0, 0.0), LogitMap(1.0, 0.0)
    none = Correction(np.zeros(956), np.zeros((956, 3)), np.zeros((3, 956)), np.zeros(956))
    into, out = rng.normal(0, 1, (956, 3)), rng.normal(0, 1e-3, (3, 956))
    some = Correction(rng.normal(0, 0.1, 956), into, out, rng.normal(0, 0.01, 956))
    crops = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        plain, corrected = (Exported(net, readout, c, 64, (1.0, 1.0), seen)(crops) for c in (none, some))
    wanted = some((plain[1][..., :2].numpy() + 0.5) / 64) * 64 - 0.5
    np.testing.assert_allclose(corrected[1][..., :2].numpy(), wanted, atol=1e-2)
    assert np.abs(wanted - plain[1][..., :2].numpy()).max() > 0.1
    for index, name in ((0, "ibug68"), (2, "visibility"), (3, "sigma"), (4, "presence")):
        np.testing.assert_array_equal(plain[index].numpy(), corrected[index].numpy(), err_msg=name)
    np.testing.assert_array_equal(plain[1][..., 2].numpy(), corrected[1][..., 2].numpy())
