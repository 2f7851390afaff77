import json

import numpy as np
import pytest
from PIL import Image

from fakes import FakeDetector, FakeLandmarker, picture
from nasion.core import NasionError
from nasion.report.bench import conformal
from nasion.report.bench.conformal import bench_conformal
from nasion.report.bench.conformal_taught import ALPHAS, CLICKED, standard_error
from nasion.report.bench.data import FacePhoto
from nasion.report.bench.result import write


@pytest.fixture
def squares(tmp_path):
    """Ten photos of a square, labelled where `FakeLandmarker` puts the 68 points, give or take a pixel."""
    rng, photos = np.random.default_rng(0), []
    for i in range(10):
        image = picture(("red", 130 + 6 * i, 100 + 3 * i, 70 + 3 * i))
        Image.fromarray(image).save(tmp_path / f"{i}.png")
        placed = FakeLandmarker().place_many([(image, FakeDetector().detect(image)[0])])[0].landmarks
        points = placed.to("ibug68").points[:, :2] + rng.normal(0, 1, (68, 2))
        photos.append(FacePhoto(tmp_path / f"{i}.png", points))
    return photos


@pytest.mark.usefixtures("fake_models")
def test_every_region_is_counted(squares, tmp_path, monkeypatch):
    monkeypatch.setattr(conformal, "helen", lambda _, part="val": squares[:4] if part == "val" else squares[4:])
    monkeypatch.setattr(conformal, "describe_models", lambda *_: {})
    for name, value in {"EXAMPLES": 6, "SETS": 1, "COMPARED": 1, "PATCH_COUNTS": (20,), "PATCH_REPEATS": 2}.items():
        monkeypatch.setattr(conformal, name, value)
    result = bench_conformal(tmp_path)
    numbers = result.numbers
    caos = numbers["taught"]["CAOS"]
    assert (caos["faces"], caos["sets_of_examples"]) == (4, 1)
    assert caos["alpha"]["0.1"]["coverage"] == 1  # six examples cannot promise 90 %: the whole view
    assert caos["alpha"]["0.1"]["share_median"] > 1
    assert caos["alpha"]["0.2"]["share_median"] < 0.1
    assert len(caos["alpha"]["0.1"]["coverage_by_point"]) == len(CLICKED)
    circles = numbers["circles"]["alpha"]
    assert [circles[f"{a:g}"]["coverage"] for a in ALPHAS] == sorted(circles[f"{a:g}"]["coverage"] for a in ALPHAS)
    assert {row["method"] for row in numbers["patches"]} == {
        *("CAOS", "CAOS as published", "split, aggregated", "split, one example")
    }
    files = write(result, tmp_path / "results")
    assert {file.suffix for file in files} == {".json", ".md", ".png"}
    assert json.loads(files[0].read_text())["numbers"]["points"] == list(CLICKED)


@pytest.mark.usefixtures("fake_models")
def test_too_few_photos_are_no_measurement(squares, tmp_path, monkeypatch):
    monkeypatch.setattr(conformal, "helen", lambda *_: squares)
    with pytest.raises(NasionError, match="takes 20"):
        bench_conformal(tmp_path)
    with pytest.raises(NasionError, match="too few to measure"):
        bench_conformal(tmp_path, limit=1)


def test_the_standard_error_knows_that_points_of_a_photo_go_together():
    rng = np.random.default_rng(0)
    alone = rng.random((20, 10, 90)) < 0.9
    together = np.repeat(rng.random((20, 1, 90)) < 0.9, 10, axis=1)
    whole_photos = np.broadcast_to(rng.random((1, 1, 90)) < 0.9, (20, 10, 90))
    assert standard_error(alone) < standard_error(together) < standard_error(whole_photos)
    assert standard_error(whole_photos) == pytest.approx(np.sqrt(0.09 / 90), rel=0.4)
