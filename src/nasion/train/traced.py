"""A network as an ONNX graph: the one place where PyTorch's exporter is called."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from nasion.core import MissingExtraError
from nasion.train.recipe import require_torch

if TYPE_CHECKING:
    from torch import Tensor, nn

OPSET = 17


def traced(
    net: nn.Module,
    example: Mapping[str, Tensor],
    outputs: Sequence[str],
    *,
    facts: Mapping[str, str] | None = None,
    axes: Mapping[str, Mapping[int, str]] | None = None,
    opset: int = OPSET,
) -> bytes:
    """The network as an ONNX file's bytes.

    Args:
        net: in evaluation mode; takes the inputs in order, gives the outputs in order.
        example: input name to a small batch that the network is traced with.
        outputs: names.
        facts: for the file's metadata.
        axes: per input and output the axes whose length stays free; by default the first of each.
        opset: version of the operators.

    Raises:
        MissingExtraError: PyTorch or the library ``onnx`` is not installed.
    """
    torch = require_torch()
    if find_spec("onnx") is None:
        raise MissingExtraError('the export needs onnx: pip install "nasion[train]"')
    import onnx

    graph = io.BytesIO()
    free = axes if axes is not None else {name: {0: "n"} for name in (*example, *outputs)}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracer's remarks about shapes, fixed by contract or named in axes
        torch.onnx.export(
            net, tuple(example.values()), graph, input_names=list(example), output_names=list(outputs), dynamo=False,
            opset_version=opset, dynamic_axes={name: dict(of) for name, of in free.items()},
        )  # fmt: skip
    held = onnx.load_from_string(graph.getvalue())
    onnx.helper.set_model_props(held, dict(facts or {}))
    return bytes(held.SerializeToString())
