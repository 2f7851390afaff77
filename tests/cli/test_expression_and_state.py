"""``nasion video --tasks expression`` and ``nasion state``: what is printed where the user meets them."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from fakes import picture
from nasion.media import VideoWriter

Run = Callable[..., Any]


@pytest.fixture
def still_clip(tmp_path: Path) -> Path:
    """Two seconds of a face that does nothing."""
    path = tmp_path / "still.mp4"
    with VideoWriter(path, fps=10) as video:
        for _ in range(20):
            video.write(picture(("red", 160, 120, 90)))
    return path


def test_expression_says_what_it_is_not_and_a_still_face_shows_nothing(
    run: Run, still_clip: Path, tmp_path: Path
) -> None:
    files = [tmp_path / "shown.csv", tmp_path / "shown.png", tmp_path / "shown.html"]
    options = ("--events", files[0], "--plot", files[1], "--report", files[2])
    done = run("video", still_clip, "--tasks", "expression", *options)
    assert done.exit_code == 0, done.output
    assert "shown expression" in done.stdout and "not felt emotion" in done.stdout
    assert all(file.stat().st_size for file in files)
    assert "shows_" not in files[0].read_text()
    assert "not felt emotion" in files[2].read_text()


def test_expression_wants_the_dense_points_and_a_network_of_its_own(run: Run, still_clip: Path) -> None:
    done = run("video", still_clip, "--tasks", "expression", "--scheme", "coarse5")
    assert done.exit_code == 2 and "dense points" in done.stderr
    done = run("video", still_clip, "--tasks", "expression", "--expression-model", "gaze")
    assert done.exit_code == 1 and "convlstm1d-expression" in done.stderr


def test_state_and_its_training_refuse_without_the_flag(run: Run, still_clip: Path, tmp_path: Path) -> None:
    done = run("state", still_clip, "--model", tmp_path / "s.onnx")
    assert done.exit_code == 2
    assert "NOT FOR ENFORCEMENT" in done.stderr and "--i-understand-research-only" in done.stderr
    assert "not for enforcement" in run("state", "--help").stdout
    if find_spec("torch") is not None:
        done = run("train", "intoxication-gat-3dresnet", tmp_path, "--out", tmp_path / "s.onnx")
        assert done.exit_code == 2 and "NOT FOR ENFORCEMENT" in done.stderr


def test_state_reads_a_clip_with_a_model_of_ones_own(run: Run, still_clip: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch absent: pip install 'nasion[train]'")
    from nasion.train.intoxication import export
    from nasion.train.intoxication_net import Fusion

    model = export(Fusion(2, 4, 16).eval(), tmp_path / "s.onnx", "tired")
    done = run("state", still_clip, tmp_path / "none.mp4", "--model", model, "--i-understand-research-only")
    assert done.exit_code == 1 and "none.mp4" in done.stderr
    assert "NOT FOR ENFORCEMENT" in done.stdout and "tired" in done.stdout and "still.mp4" in done.stdout
