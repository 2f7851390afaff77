"""The session says the truth about where it runs, and fails with words."""

from pathlib import Path

import numpy as np
import pytest

from nasion.core import InputError, ModelError
from nasion.models import Session
from nasion.models.session import MAX_THREADS, default_threads


@pytest.fixture(scope="module")
def detector() -> Session:
    return Session("detector", threads=1)


def test_runs_and_says_where(detector: Session) -> None:
    assert detector.provider == "CPUExecutionProvider"
    assert detector.path.name == "detector.onnx"
    (name,) = detector.input_shapes
    out = detector.run({name: np.zeros((1, 3, 64, 96), np.float32)})
    assert tuple(out) == detector.output_names


def test_warm_up(detector: Session) -> None:
    (name,) = detector.input_shapes
    detector.warm_up(**{name: (1, 3, 32, 32)})


@pytest.mark.parametrize("device", ["cuda", "tensorrt", "quantum"])
def test_an_absent_device_is_an_error(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ModelError, match=rf"{device}.*not available.*CPUExecutionProvider"):
        Session("detector", device=device)


def test_a_silent_fallback_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    listed = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: listed)  # says it has it, then has it not
    with pytest.raises(ModelError, match="cuda"):
        Session("detector", device="cuda")


def test_broken_model(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"\x08\x07 this is no model")
    with pytest.raises(ModelError, match=r"cannot load.*broken\.onnx"):
        Session(path)


def test_truncated_model(tmp_path: Path, detector: Session) -> None:
    path = tmp_path / "half.onnx"
    content = detector.path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="cannot load"):
        Session(path)


def test_inputs_that_do_not_fit(detector: Session) -> None:
    (name,) = detector.input_shapes
    with pytest.raises(ModelError, match="could not run"):
        detector.run({name: np.zeros((1, 4, 64, 64), np.float32)})
    with pytest.raises(ModelError, match="could not run"):
        detector.run({"nonsense": np.zeros((1, 3, 64, 64), np.float32)})


def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NASION_THREADS", raising=False)
    assert 1 <= default_threads() <= MAX_THREADS
    monkeypatch.setenv("NASION_THREADS", "7")
    assert default_threads() == 7
    monkeypatch.setenv("NASION_THREADS", "many")
    with pytest.raises(InputError, match="NASION_THREADS"):
        default_threads()
    with pytest.raises(InputError, match="threads"):
        Session("detector", threads=0)
