"""ONNX Runtime behind one small door: it says which provider really runs and never falls back silently."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasion.core import InputError, ModelError
from nasion.models.store import find_model

MAX_THREADS = 4  # small networks stop gaining there, and the rest of the machine stays usable

# Within a run, worker threads wait awake for the next operator: waking them costs a third of a small network's time.
# Between runs, or where a core is taken, they sleep, for spinning steals the cores that decode and draw.
SPINNING = {
    "session.intra_op.allow_spinning": "1",
    "session.force_spinning_stop": "1",
    "session.intra_op.spin_duration_us": "50",
}

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}


def default_threads() -> int:
    """As many threads as this process may use cores, at most ``MAX_THREADS``; ``NASION_THREADS`` overrides.

    Raises:
        InputError: ``NASION_THREADS`` is not a positive whole number.
    """
    named = os.environ.get("NASION_THREADS")
    if named:
        if not named.isdecimal() or int(named) < 1:
            raise InputError(f"NASION_THREADS must be a whole number from 1, got {named!r}")
        return int(named)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, MAX_THREADS))


class Session:
    """A model ready to run.

    Args:
        model: a name of the catalogue or the path of an ONNX file.
        device: ``"cpu"``, another key of ``PROVIDERS``, or the name of an ONNX Runtime provider.
        threads: within one operator; default ``default_threads()``.

    Attributes:
        path: the file.
        provider: the ONNX Runtime provider that really runs the model.
        input_shapes: input name to its shape; an int where fixed, else the axis' name.
        output_names: in the model's order.
        metadata: what the file says about itself, key to text.

    Raises:
        ModelError: the file is not here, is not a model, or the device is not available.
        InputError: ``threads`` is below 1.
    """

    def __init__(self, model: str | Path, *, device: str = "cpu", threads: int | None = None) -> None:
        import onnxruntime as ort

        if threads is not None and threads < 1:
            raise InputError(f"threads must be at least 1, got {threads}")
        self.path = find_model(model)
        wanted = PROVIDERS.get(device, device)
        available = ort.get_available_providers()
        if wanted not in available:
            raise ModelError(
                f"device {device!r} is not available: ONNX Runtime here has {', '.join(available)}; install the ONNX "
                "Runtime package for that device or use device='cpu'"
            )
        options = ort.SessionOptions()
        options.intra_op_num_threads = default_threads() if threads is None else threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        for name, value in SPINNING.items():
            options.add_session_config_entry(name, value)
        try:
            self._session: Any = ort.InferenceSession(str(self.path), options, providers=[wanted])
        except Exception as error:  # ONNX Runtime's own exceptions share no base class below Exception
            raise ModelError(f"ONNX Runtime cannot load {self.path}: {error}; get the file again") from error
        self.provider: str = self._session.get_providers()[0]
        if self.provider != wanted:
            raise ModelError(
                f"device {device!r} was asked for, but ONNX Runtime would run {self.path.name} on {self.provider}; "
                "repair the device's libraries or use device='cpu'"
            )
        self.input_shapes: dict[str, tuple[int | str, ...]] = {
            i.name: tuple(i.shape) for i in self._session.get_inputs()
        }
        self.output_names: tuple[str, ...] = tuple(o.name for o in self._session.get_outputs())
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Run the model once.

        Args:
            inputs: an array for every input name, of the shape and dtype the model states.

        Returns:
            An array for every output name.

        Raises:
            ModelError: the inputs do not fit the model.
        """
        try:
            outputs = self._session.run(None, dict(inputs))
        except Exception as error:  # as above
            given = {name: (array.dtype.name, array.shape) for name, array in inputs.items()}
            raise ModelError(
                f"{self.path.name} could not run on {given}; it takes {self.input_shapes}: {error}"
            ) from error
        return dict(zip(self.output_names, outputs, strict=True))

    def warm_up(self, **shapes: tuple[int, ...]) -> None:
        """Run once on float32 zeros, so that the first real run is not the slow one.

        Args:
            shapes: the shape of every input; where an input is left out, its axes without a fixed length get length 1.
        """
        filled = {
            name: shapes.get(name, tuple(n if isinstance(n, int) else 1 for n in shape))
            for name, shape in self.input_shapes.items()
        }
        self.run({name: np.zeros(shape, np.float32) for name, shape in filled.items()})
