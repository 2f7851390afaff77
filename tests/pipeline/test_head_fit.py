"""The head on a photo: the largest face, files that say what was found, and a scene that comes back from them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nasion.core import Box, Face, ImageArray, InputError, Landmarks, MediaError, scheme
from nasion.pipeline.head_fit import PhotoFit, fit_photo, fit_sheet, read_fit, write_fit
from nasion.synth.model import HeadModel
from nasion.synth.parameters import HeadParameters
from nasion.synth.scene import Sample, Scene, place, portrait, render_scene

DENSE = scheme("dense478")
SIZE = (160, 120)


@pytest.fixture(scope="module")
def sample() -> Sample:
    camera, depth = portrait(SIZE, fill=0.7)
    head = HeadParameters(identity=np.array([1.0, -0.8]), expression={12: (0.5, 0.2)}, tone=6.0, gaze=((4, 2), (4, 2)))
    return render_scene(Scene(head, place(-14, 5, 3, (0.0, -8.0, depth)), camera, SIZE), HeadModel.load())


class TruePoints:
    """An Analyzer that knows the answer: one face, and in ``all_of_them`` a smaller one beside it."""

    def __init__(self, sample: Sample, faces: int = 1) -> None:
        own = Landmarks.from_points(sample.truth.points, DENSE, 0.4)
        small = own.transform(np.array([[0.2, 0, 3], [0, 0.2, 3]]))
        self._faces = [Face(Box.around(p.points), 0.9, p) for p in (small, own)][2 - faces :]

    def __call__(self, image: ImageArray) -> list[Face]:
        return self._faces


def found(sample: Sample, faces: int = 1) -> PhotoFit:
    return fit_photo(sample.image, TruePoints(sample, faces), sample.truth.camera)  # type: ignore[arg-type]  # stand-in


def test_the_largest_face_is_taken_and_the_others_are_counted(sample: Sample) -> None:
    one, two = found(sample), found(sample, 2)
    assert (one.others, two.others) == (0, 1)
    assert two.fit.geometry.points == pytest.approx(one.fit.geometry.points, abs=1e-6)
    with pytest.raises(InputError, match="no face was found"):
        fit_photo(sample.image, TruePoints(sample, 0))  # type: ignore[arg-type]  # stand-in


def test_the_sheet_shows_four_pictures_and_the_pasted_face_is_the_photos(sample: Sample) -> None:
    sheet = fit_sheet(sample.image, found(sample), panel=96)
    assert sheet.shape == (96, 384, 3)
    photo, laid, overlay, neutral = np.split(sheet.astype(int), 4, axis=1)
    assert np.abs(laid - photo).mean() < 12
    assert (laid[:4, :4] == photo[:4, :4]).all()  # beside the face it is the photo
    assert ((overlay[..., 1] > 180) & (overlay[..., 0] < 120)).sum() > 100  # green points
    assert np.abs(neutral - photo).mean() > 15


def test_a_fit_comes_back_from_its_file(sample: Sample, tmp_path: Path) -> None:
    fit = found(sample)
    files = write_fit(tmp_path / "new", sample.image, fit, "a.png")
    assert [path.name for path in files] == ["fit.json", "fit.png"]
    record = json.loads(files[0].read_text())
    assert record["photo"] == "a.png"
    assert record["error"]["dense_over_interocular"] == pytest.approx(fit.fit.geometry.error)
    assert len(record["points"]) == 478
    scene = read_fit(files[0])
    assert scene.size == SIZE
    again = render_scene(scene, HeadModel.load())
    assert again.truth.points == pytest.approx(fit.fit.geometry.points, abs=0.1)
    assert again.truth.points == pytest.approx(sample.truth.points, abs=1.5)
    assert np.abs(scene.head.albedo - fit.fit.head.albedo).max() < 1e-3


def test_files_that_are_no_fit_and_folders_that_cannot_be_written(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "fit.json").write_text('{"nasion_fit_schema": "1"}')
    (tmp_path / "old.json").write_text('{"nasion_fit_schema": "0"}')
    for name in ("fit.json", "old.json", "none.json"):
        with pytest.raises(MediaError, match="no fit"):
            read_fit(tmp_path / name)
    with pytest.raises(MediaError, match="cannot write"):
        write_fit(tmp_path / "fit.json", sample.image, found(sample), "a.png")


def test_a_real_photo(astronaut: ImageArray) -> None:
    fit = fit_photo(astronaut)
    assert fit.others == 0
    assert fit.fit.geometry.error < 0.025
    assert fit.fit.geometry.pose.reliability > 0.75
    assert fit.fit.head.sides(12)[0] > 0.2  # she smiles
    assert abs(fit.fit.geometry.pose.yaw) < 25
    assert fit.fit.skin_error < 20
