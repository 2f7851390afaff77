"""The packaged shapes of lids are those that their recipe draws."""

import sys
from pathlib import Path

import numpy as np
import pytest

from nasion.eyes.lid_model import FREE, OPEN_WAYS, lid_shapes

ROOT = Path(__file__).parents[2]
if not (ROOT / "training").is_dir():
    pytest.skip("recipes are not part of the installed package", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from training.eye_points.lid_shapes import drawn  # noqa: E402


@pytest.mark.filterwarnings("ignore")  # eyes that turn as far as they can are drawn back
def test_the_packaged_shapes_fit_eyes_drawn_anew() -> None:
    eyes = drawn(300, seed=77)
    (mean, _), (ways, _) = lid_shapes()
    assert np.abs(eyes.mean(0) - mean).max() < 1.5  # mm, of 600 eyes
    flat, off = ways.reshape(len(ways), -1), (eyes - mean).reshape(len(eyes), -1)
    spread = np.linalg.norm(flat, axis=1)
    along = off @ (flat / spread[:, None]).T
    known = spread / np.where(np.arange(len(ways)) < OPEN_WAYS, FREE, 1)
    assert along.std(0) == pytest.approx(known, rel=0.3)
    left = off - along @ (flat / spread[:, None])
    assert np.sqrt((left**2).sum(1).mean() / len(mean)) < 0.25  # mm a point, that they do not explain
