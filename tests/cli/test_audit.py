"""``nasion audit landmarks`` with squares for faces: the plumbing from pictures to the report."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import nasion.landmark
from fakes import FakeLandmarker, picture
from nasion.core import Landmarks
from nasion.landmark.landmarker import Placement
from nasion.media import write_image

PICTURES = 90


class Shaky(FakeLandmarker):
    """Lies by up to a pixel, twice as far on blue squares; the same picture gives the same lie."""

    def __init__(self, *_, **__) -> None:
        super().__init__()

    def place_many(self, pairs, *, passes=None):
        placed = super().place_many(pairs, passes=passes)
        return [self._shaken(image, placement) for (image, _), placement in zip(pairs, placed, strict=True)]

    @staticmethod
    def _shaken(image, placement):
        points = placement.landmarks
        rng = np.random.default_rng(int(image[:, : image.shape[1] // 2].sum()))
        lie = 2.0 if (image[..., 2] > 200).any() else 1.0
        moved = points.points + rng.uniform(-lie, lie, points.points.shape).astype(np.float32)
        return Placement(Landmarks(moved, points.visibility, points.sigma, points.scheme), 1.0)


@pytest.fixture(autouse=True)
def _shaky(monkeypatch):
    from nasion.pipeline import analyzer

    monkeypatch.setattr(nasion.landmark, "Landmarker", Shaky)
    monkeypatch.setattr(analyzer, "_load_landmarker", lambda model, *_: model)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """90 pictures of red and blue squares of chance sizes with labels, one without a face, one that is broken."""
    rng, rows = np.random.default_rng(0), ["file,colour,name,yaw,pitch,roll"]
    pictures = tmp_path / "pictures"
    for i in range(PICTURES):
        colour = ("red", "blue")[i % 2]
        side, x, y = rng.uniform(50, 90), rng.uniform(70, 90), rng.uniform(55, 65)
        face = picture((colour, x, y, side), width=160, height=120)
        face = np.where(face == 120, rng.integers(80, 160), face) + rng.integers(-20, 20, face.shape)
        write_image(pictures / f"{i}.png", face.clip(0, 255).astype(np.uint8))
        rows.append(f"{i}.png,{colour},person {i},{','.join(map(str, rng.normal(0, 10, 3)))}")
    write_image(pictures / "none.png", picture(width=160, height=120))
    (pictures / "broken.png").write_bytes(b"no picture")
    rows += ["none.png,red,nobody,0,0,0", "broken.png,blue,nobody either,0,0,0"]
    (pictures / "labels.csv").write_text("\n".join(rows) + "\n")
    return pictures


def test_from_pictures_to_a_report(run, folder, tmp_path):
    out = tmp_path / "report"
    done = run("audit", "landmarks", folder, "--labels", "labels.csv", "--out", out, "--reference", "colour=red")
    assert done.exit_code == 1, done.output  # one picture could not be read
    assert "broken.png" in done.stderr
    # blue squares are darker, so the pictures of the two do not overlap: the audit has to refuse
    assert "No controlled figure: with so few faces" in " ".join(done.stdout.split())
    assert "That is not accuracy" in " ".join(done.stdout.split())
    held = json.loads((out / "audit.json").read_text())
    assert not held["truth"]
    assert held["faces"] == PICTURES + 1  # the broken one is in none of the figures
    assert held["found"] == PICTURES
    (colour,) = held["attributes"]  # names are no groups
    assert [level["name"] for level in colour["levels"]] == ["red", "blue"]
    assert colour["levels"][0]["missed"] == 1
    assert colour["levels"][1]["raw"]["value"] == pytest.approx(2, abs=0.4)
    assert colour["levels"][1]["controlled"] is None
    page = (out / "audit.html").read_text()
    assert page.count("<img") == 3
    assert "perceived" in page
    assert "broken.png" in page
    assert pq.read_table(out / "groups.parquet").num_rows == 2
    assert pq.read_table(out / "faces.parquet").num_rows == PICTURES + 2


def test_a_second_run_keeps_what_is_there(run, folder, tmp_path, monkeypatch):
    out = tmp_path / "report"
    options = ("audit", "landmarks", folder, "--labels", "labels.csv", "--out", out, "--json", "--resume")
    first = json.loads(run(*options).stdout)
    seen = []
    place = Shaky.place_many
    monkeypatch.setattr(Shaky, "place_many", lambda self, pairs, **k: (seen.extend(pairs), place(self, pairs, **k))[1])
    assert json.loads(run(*options).stdout) == first
    assert len(seen) <= 2 * 6  # the last picture again, looked at once and through five more crops


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--labels", "nowhere.csv"), "nowhere.csv"),
        (("--labels", "labels.csv", "--attributes", "age"), "no attribute age"),
        (("--labels", "labels.csv", "--reference", "red"), "attribute and level"),
    ],
)
def test_bad_usage_is_refused_before_any_work(run, folder, tmp_path, options, message):
    done = run("audit", "landmarks", folder, "--out", tmp_path / "report", *options)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "report").exists()
