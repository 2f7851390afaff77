"""``nasion train``: from a folder to a working model, and its refusals."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from drawn_crops import drawn_set
from nasion.core import Landmarks
from nasion.detect import FaceDetector
from nasion.landmark import Landmarker
from nasion.media import write_image, write_pts

Run = Callable[..., Any]
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch absent: pip install 'nasion[train]'")


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Thirty small pictures with a .pts file each."""
    data, folder = drawn_set(30), tmp_path / "faces"
    for i, (image, points) in enumerate(zip(data.images, data.points, strict=True)):
        write_image(folder / f"{i:02}.png", image)
        write_pts(folder / f"{i:02}.pts", Landmarks.from_points(points, data.scheme))
    return folder


def test_systems_are_listed(run: Run) -> None:
    done = run("train", "list")
    assert done.exit_code == 0
    listed = {"baseline", "kd-landmarks", "worldcomp2d", "or-face-selfsup", "featenhancer"}
    assert listed <= set(done.stdout.split())


@needs_torch
def test_a_folder_becomes_a_model(run: Run, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "mine.onnx"
    done = run("train", "baseline", faces, "--out", out, "--minutes", "0.02", "--size", "32", "--seed", "3")
    assert done.exit_code == 0, done.stderr
    assert "held-out NME" in done.stdout
    assert "coarse5" in done.stdout
    assert Landmarker(out).size == 32


@needs_torch
def test_a_system_has_the_size_it_was_measured_with(run: Run, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.onnx"
    done = run("train", "kd-landmarks", faces, "--out", out, "--minutes", "0.01")
    assert done.exit_code == 0, done.stderr
    assert Landmarker(out).size == 64


@needs_torch
def test_a_bad_picture_is_named_and_the_rest_is_used(run: Run, faces: Path, tmp_path: Path) -> None:
    (faces / "05.png").write_bytes(b"no picture")
    out = tmp_path / "mine.onnx"
    done = run("train", "baseline", faces, "--out", out, "--minutes", "0.01", "--size", "32")
    assert done.exit_code == 1
    assert "05.png" in done.stderr
    assert out.exists()


def test_absent_pytorch_names_the_extra(run: Run, faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nasion.train.recipe.find_spec", lambda _: None)
    done = run("train", "baseline", faces)
    assert done.exit_code == 1
    assert 'pip install "nasion[train]"' in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("yolo", "."), "no training system 'yolo'; there are baseline"),
        (("baseline",), "name the labelled pictures"),
        (("baseline", ".", "--out", "model.pt"), "models are written as .onnx"),
        (("or-face-selfsup", ".", "--out", "model.pt"), "models are written as .onnx"),
        (("baseline", ".", "--source", "."), "--source is for or-face-selfsup"),
    ],
)
def test_bad_usage(run: Run, arguments: tuple[str, ...], message: str) -> None:
    done = run("train", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr


@needs_torch
@pytest.mark.parametrize(("keep", "message"), [(0, "no labels"), (3, "gives 3 labelled faces, training needs 20")])
def test_bad_folders(run: Run, faces: Path, tmp_path: Path, keep: int, message: str) -> None:
    for label in sorted(faces.glob("*.pts"))[keep:]:
        label.unlink()
    done = run("train", "baseline", faces, "--out", tmp_path / "mine.onnx", "--size", "32")
    assert done.exit_code == 2
    assert message in done.stderr


@needs_torch
def test_no_folder(run: Run, tmp_path: Path) -> None:
    done = run("train", "baseline", tmp_path / "gone", "--out", tmp_path / "mine.onnx")
    assert done.exit_code == 2
    assert "gone is no folder" in done.stderr


@needs_torch
@pytest.mark.parametrize("system", ["or-face-selfsup", "featenhancer"])
def test_unlabelled_pictures_become_a_detector(run: Run, hopper_path: Path, tmp_path: Path, system: str) -> None:
    pictures, out = tmp_path / "pictures", tmp_path / "mine.onnx"
    pictures.mkdir()
    (pictures / "a.jpg").write_bytes(hopper_path.read_bytes())
    (pictures / "b.jpg").write_bytes(b"no picture")
    done = run("train", system, pictures, "--out", out, "--minutes", "0.01")
    assert done.exit_code == 1  # of the two one could be read
    assert "b.jpg" in done.stderr and f"--detector {out}" in done.stdout.replace("\n", "")
    assert FaceDetector(out, threads=1).session.metadata["system"] == system
    refused = run("train", system, "--out", out)
    assert refused.exit_code == 2 and "name the folder of" in refused.stderr
