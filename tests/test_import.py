"""`import nasion` is light: it loads nothing heavy until a name is used."""

import subprocess
import sys
from pathlib import Path

import pytest

import nasion

HEAVY = {"numpy", "cv2", "onnxruntime", "torch", "av", "pyarrow", "scipy", "PIL", "rich", "typer"}


def modules_after(statement: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter has loaded after ``statement``."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return {name.partition(".")[0] for name in answer.stdout.split()}


def test_importing_nasion_loads_nothing_heavy() -> None:
    assert not modules_after("import nasion") & HEAVY


def test_data_model_needs_only_numpy() -> None:
    assert modules_after("from nasion import Face, Landmarks, Pose, scheme") & HEAVY == {"numpy"}


def test_analysis_never_loads_torch() -> None:
    assert "torch" not in modules_after("from nasion import Analyzer, analyze, open_video, read_image")


def test_a_photo_is_read_without_scipy(tmp_path: Path) -> None:
    """Its import takes 0.8 s, more than the whole of `nasion analyze photo.jpg`."""
    picture = tmp_path / "grey.png"
    statement = f"""
import sys
import numpy, PIL.Image
PIL.Image.fromarray(numpy.full((64, 64, 3), 90, "uint8")).save({str(picture)!r})
from nasion.cli.main import app as main
sys.argv = ["nasion", "analyze", {str(picture)!r}, "--out", {str(tmp_path / "faces.parquet")!r}]
try:
    main()
except SystemExit:
    pass
"""
    assert "scipy" not in modules_after(statement)


def test_front_door_lists_and_refuses_names() -> None:
    assert set(nasion.__all__) <= set(dir(nasion))
    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        nasion.analyse  # noqa: B018  # the look-up is the test
