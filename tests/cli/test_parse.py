"""``nasion parse``: label maps and pictures of every face, and what happens when there is none."""

from collections.abc import Callable
from json import loads
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasion.media import read_image
from nasion.parse import REGIONS


class Everything:
    """Stands in for the network: all that it sees is skin."""

    def __init__(self, model, **_) -> None:
        self.path, self.metadata = model, {"view": "crop"}
        self.input_shapes = {"views": ("n", 64, 64, 3)}

    def run(self, inputs):
        out = np.zeros((len(inputs["views"]), len(REGIONS), 32, 32), np.float32)
        out[:, 1] = 1
        return {"regions": out}


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nasion.parse.parser.Session", Everything)


def test_every_face_gets_a_label_map(run: Callable[..., Any], photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("parse", photos, "--model", "p.onnx", "--out", out, "--draw", "--json")
    assert done.exit_code == 0, done.stderr
    rows = [loads(line) for line in done.stdout.splitlines()]
    assert sorted(Path(row["labels"]).name for row in rows) == [
        "a-0.labels.png", "b-0.labels.png", "b-1.labels.png", "d-0.labels.png",
    ]  # fmt: skip
    assert {path.name for path in out.glob("*.jpg")} == {"a.jpg", "b.jpg", "c.jpg", "d.jpg"}
    row = rows[0]
    labels, image = read_image(row["labels"])[..., 0], read_image(photos / "a.png").astype(int)
    assert labels.shape == image.shape[:2]
    assert set(np.unique(labels)) == {0, 1}
    assert row["pixels"]["skin"] == (labels == 1).sum() > 1000
    assert labels[140, 140] == 1 and labels[0, 0] == 0  # the middle of the face, the corner of the picture
    changed = np.abs(read_image(out / "a.jpg") - image).max(2) > 30
    assert changed[labels == 1].mean() > 0.9 > 0.1 > changed[labels == 0].mean()


def test_what_fails_is_named_and_the_rest_is_done(run: Callable[..., Any], photos: Path, tmp_path: Path) -> None:
    done = run("parse", "gone.jpg", photos / "a.png", "--model", "p.onnx", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "gone.jpg" in done.stderr
    assert (tmp_path / "out" / "a-0.labels.png").is_file()
    assert "1 failed" in done.stdout
