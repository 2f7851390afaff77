"""The synthetic head's benches: renders are the same for every landmarker, and figures follow the points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nasion.core import Landmarks, scheme
from nasion.landmark.landmarker import Placement
from nasion.report.bench import synth_fit, synth_landmarks
from nasion.report.bench.synth_fit import bench_synth_fit
from nasion.report.bench.synth_landmarks import BANDS, measure, renders
from nasion.synth.model import HeadModel


class Off:
    """A landmarker that puts all points of the truth ``px`` too far right."""

    truth: Landmarks

    def __init__(self, name: str, **_: object) -> None:
        self.px = float(Path(name).stem)

    def place(self, image: object, faces: list[object]) -> list[Placement]:
        points = Off.truth.points + np.array([self.px, 0, 0], np.float32)
        return [Placement(Landmarks.from_points(points, scheme("ibug68")), 1.0)]


@pytest.fixture
def _offset_landmarkers(monkeypatch: pytest.MonkeyPatch) -> None:
    def known(faces: int, model: HeadModel):
        for made in renders(faces, model):
            Off.truth = made.sample.truth.landmarks("ibug68")
            yield made

    monkeypatch.setattr(synth_landmarks, "SIZE", 64)
    monkeypatch.setattr(synth_landmarks, "Landmarker", Off)
    monkeypatch.setattr(synth_landmarks, "renders", known)


@pytest.mark.usefixtures("_offset_landmarkers")
def test_points_that_are_off_by_more_have_a_larger_error_in_every_band() -> None:
    table, numbers = measure(["0.onnx", "2.onnx"], 2)
    assert len(table.rows) == 2 * 2 * len(BANDS)
    assert [row[0] for row in table.rows[:2]] == ["0.onnx", "0.onnx"]
    for band in BANDS:
        exact, off = (numbers[name][f"{band[0]}..{band[1]}"] for name in ("0.onnx", "2.onnx"))
        for kind in ("bare", "occluded"):
            assert exact[kind]["nme"] == pytest.approx(0, abs=1e-6)
            # 2 px over outer eye corners that are as far apart as from the front, however the head is turned
            assert off[kind]["nme"] == pytest.approx(2 / (64 * 0.34), rel=0.35)


def test_renders_fall_into_their_bands_and_hide_something_when_occluded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synth_landmarks, "SIZE", 48)
    made = list(renders(2, HeadModel.load()))
    for one in made:
        assert one.band[0] <= abs(one.sample.scene.pose.yaw) <= one.band[1]
        assert bool(one.sample.truth.occluders) == (one.kind == "occluded")
    bare, covered = made[0].sample, made[1].sample
    assert np.array_equal(bare.truth.points, covered.truth.points)
    assert (covered.occluder >= 0).any()


@pytest.mark.usefixtures("fake_models")
def test_fits_are_counted_and_photos_stay_in_the_folder_named(
    bench_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nasion.report.bench.synth_sheets.DRAWS", 2)
    monkeypatch.setattr("nasion.report.bench.synth_sheets.CELL", 48)
    monkeypatch.setattr(synth_fit, "synth_batch", lambda *_: iter(()))
    monkeypatch.setattr(synth_fit, "_on_renders", lambda *_: ((), {}))
    numbers = bench_synth_fit(bench_data, tmp_path / "sheets", limit=2).numbers["photos"]
    errors = numbers["errors"]
    found = len(errors["dense, fitted head"]["per_face"])
    assert found + numbers["missed"] == 2
    # the fake landmarker places the mean face: the mean head explains it, and so does a fit
    assert errors["dense, fitted head"]["mean"] < errors["dense, mean head in the best pose"]["mean"] + 0.01
    assert sorted(path.name for path in (tmp_path / "sheets").iterdir()) == [
        "draws.png",
        "draws_beside_photos.png",
        "fits.png",
    ]
