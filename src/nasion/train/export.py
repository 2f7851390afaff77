"""A trained network as an ONNX file that ``nasion.landmark.Landmarker`` takes.

The graph takes ``crops`` (N, S, S, 3) uint8 RGB and gives ``points`` (N, K, 2) and ``sigma`` (N, K), both in crop px
with pixel centres at integers. The file's metadata name the ``scheme``, the ``system`` and the held-out figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasion.core import FloatArray, ModelError, Scheme
from nasion.media.paths import prepare_output
from nasion.models import Session
from nasion.train.recipe import Recipe, require_torch
from nasion.train.score import Scores
from nasion.train.traced import traced

if TYPE_CHECKING:
    from torch import nn

CLOSE = 0.05  # px that ONNX Runtime's points may differ from PyTorch's


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the file, how many numbers it holds, and by how many px its points differ from PyTorch's."""

    path: Path
    parameters: int
    difference: float


def export_onnx(
    recipe: Recipe, model: nn.Module, path: str | Path, *, scheme: Scheme, size: int, scores: Scores
) -> Exported:
    """Write the network behind the pixel contract of the module, and check the file against PyTorch.

    Args:
        recipe, model: what was trained.
        path: ``.onnx`` file to write.
        scheme: layout of the points.
        size: px, side of the crops.
        scores: of held-out faces; their spread becomes ``sigma``.

    Raises:
        MissingExtraError: the library ``onnx`` is not installed.
        MediaError: the file cannot be written.
        ModelError: the file does not give what PyTorch gives.
    """
    torch = require_torch()
    from nasion.train.export_net import PixelContract

    target = prepare_output(path)
    contract = PixelContract(recipe, model, size, _known(scores.sigma)).eval()
    example = torch.randint(0, 256, (3, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    inner = {} if scores.inner is None else {"nme_inner51": f"{scores.inner:.5f}"}
    facts = {"scheme": scheme.name, "system": recipe.name, "nme_held_out": f"{scores.nme:.5f}", **inner}
    made = traced(contract, {"crops": example[:2]}, ["points", "sigma"], facts=facts)
    with torch.no_grad():
        expected = [out.numpy() for out in contract(example)]  # of another number of crops than was traced
    target.write_bytes(made)
    found = list(Session(target, threads=1).run({"crops": example.numpy()}).values())
    if [a.shape for a in found] != [a.shape for a in expected]:
        raise ModelError(f"{target}: traced for two crops, it gives {[a.shape for a in found]} for three")
    difference = float(np.abs(found[0] - expected[0]).max())
    if not difference <= CLOSE:
        raise ModelError(f"{target}: ONNX Runtime places points {difference:.3g} px from where PyTorch does")
    import onnx

    weights = onnx.load_from_string(made).graph.initializer
    parameters = sum(int(np.prod(t.dims)) for t in weights if t.data_type == onnx.TensorProto.FLOAT)
    return Exported(target, parameters, difference)


def _known(sigma: FloatArray) -> FloatArray:
    """A point without a single held-out label gets the largest sigma of the others."""
    return np.where(np.isfinite(sigma), sigma, np.nanmax(sigma)).astype(np.float32)
