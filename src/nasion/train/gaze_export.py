"""Small networks as ONNX files whose only free axis is the number of faces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasion.core import ModelError
from nasion.media.paths import prepare_output
from nasion.models import Session
from nasion.train.recipe import require_torch
from nasion.train.traced import traced

if TYPE_CHECKING:
    from torch import Tensor, nn

CLOSE = 1e-3  # that ONNX Runtime's numbers may differ from PyTorch's, which are of the order of 1


def export_graph(
    net: nn.Module, example: Mapping[str, Tensor], outputs: tuple[str, ...], path: Path, facts: Mapping[str, str]
) -> Path:
    """Write a network and check the file against PyTorch.

    Args:
        net: in evaluation mode; takes the inputs in order, gives the outputs in order.
        example: input name to a batch of at least 2.
        outputs: names.
        path: ``.onnx`` file to write.
        facts: for the file's metadata.

    Raises:
        MissingExtraError: the library ``onnx`` is not installed.
        MediaError: the file cannot be written.
        ModelError: the file does not give what PyTorch gives.
    """
    torch, target = require_torch(), prepare_output(path)
    target.write_bytes(traced(net, {name: part[:2] for name, part in example.items()}, outputs, facts=facts))
    with torch.no_grad():
        expected = [out.numpy() for out in net(*example.values())]
    found = Session(target, threads=1).run({name: part.numpy() for name, part in example.items()})
    for name, wanted in zip(outputs, expected, strict=True):
        if found[name].shape != wanted.shape or not np.abs(found[name] - wanted).max() <= CLOSE:
            raise ModelError(f"{target}: ONNX Runtime's {name} is not PyTorch's; export again with other versions")
    return target
