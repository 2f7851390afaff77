"""The command line with fakes in place of the models: what is tested here is the plumbing, not the networks."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fakes import FakeDetector, FakeLandmarker, picture
from nasion.cli.main import app
from nasion.core import ImageArray
from nasion.media import VideoWriter, write_image
from nasion.pipeline import analyzer


@pytest.fixture(autouse=True)
def _fake_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyzer, "_load_detector", lambda *_: FakeDetector())
    monkeypatch.setattr(analyzer, "_load_landmarker", lambda *_: FakeLandmarker())


@pytest.fixture
def run() -> Callable[..., Any]:
    """Runs ``nasion`` with the given arguments; the result has ``exit_code``, ``stdout`` and ``stderr``."""

    def run(*arguments: object) -> Any:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})

    return run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder: ``a.png`` one face, ``b.png`` two faces, ``c.png`` none, and in ``more/`` another with one."""
    folder = tmp_path / "photos"
    write_image(folder / "a.png", picture(("red", 100, 100, 80)))
    write_image(folder / "b.png", picture(("red", 100, 100, 80), ("blue", 220, 120, 60)))
    write_image(folder / "c.png", picture())
    write_image(folder / "more" / "d.png", picture(("green", 200, 100, 90)))
    return folder


FACE = picture(("red", 100, 100, 80))
NONE = picture()


def clip(path: Path, frames: Sequence[ImageArray], fps: float = 25.0) -> Path:
    """A video of these pictures."""
    with VideoWriter(path, fps) as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.fixture
def face_clip(tmp_path: Path) -> Path:
    """Twenty frames of one face that wanders."""
    return clip(tmp_path / "face.mp4", [picture(("red", 60 + 5 * i, 100, 80)) for i in range(20)])


@pytest.fixture
def face_noface_clip(tmp_path: Path) -> Path:
    return clip(tmp_path / "face_noface.mp4", [FACE] * 10 + [NONE] * 10)


@pytest.fixture
def noface_face_clip(tmp_path: Path) -> Path:
    return clip(tmp_path / "noface_face.mp4", [NONE] * 10 + [FACE] * 10)


@pytest.fixture
def noface_clip(tmp_path: Path) -> Path:
    return clip(tmp_path / "noface.mp4", [NONE] * 10)
