"""The embedded detector's network and its ONNX file: weights out of the file to train on, and back into one.

The file is all that is needed to go on training. Exporting folds each normalisation into the convolution before it;
here the folded weights are split again: the convolution gets weights of the size that it had at the start of its
training, the normalisation the rest as its scale, so the network says what the file says and steps of a usual size
suit every layer. (The first layer of a file takes 0..255, its weights are a hundredth of what others are: taken as
they are, a few steps of Adam scramble it.) Such a network is trained with its normalisations in evaluation mode: their
scale and shift learn, their statistics stay.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nasion.core import FloatArray, MissingExtraError, ModelError
from nasion.media.paths import prepare_output
from nasion.models import Session
from nasion.models.store import find_model
from nasion.train.detector_net import STRIDES, Detector
from nasion.train.traced import traced

CLOSE = 1e-3  # of scores, and of lengths in strides, that ONNX Runtime may differ from PyTorch


@dataclass(frozen=True, slots=True)
class Curve:
    """The logistic curve from the network's logit to a probability: sigmoid(slope * logit + shift)."""

    slope: float = 1.0
    shift: float = 0.0

    def __call__(self, logit: Tensor) -> Tensor:
        return (self.slope * logit + self.shift).sigmoid()


class Shipped(nn.Module):
    """The network with its logits turned to scores, perhaps behind another one that prepares the picture.

    Args:
        net: the detector.
        curve: of its scores.
        front: takes and gives (B, 3, H, W) 0..255.
    """

    def __init__(self, net: Detector, curve: Curve, front: nn.Module | None = None) -> None:
        super().__init__()
        self.net, self.curve, self.front = copy.deepcopy(net), curve, front
        if self.net.unit is not None:
            with torch.no_grad():  # a multiplication of the whole picture less
                self.net.stem[0][0].weight *= self.net.unit
            self.net.unit = None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        maps = self.net(x if self.front is None else self.front(x))
        return tuple(torch.cat([self.curve(m[:, :1]), m[:, 1:]], dim=1) for m in maps)


def read_detector(model: str | Path = "detector") -> tuple[Detector, Curve]:
    """The network in a detector file, ready to be trained on.

    Args:
        model: a name of the catalogue, or a file that ``write_detector`` wrote.

    Returns:
        The network, in evaluation mode, and the curve of its scores.

    Raises:
        MissingExtraError: the library ``onnx`` is not installed.
        ModelError: the file is not here, or holds another network.
    """
    onnx = _require_onnx()
    path = find_model(model)
    graph = onnx.load(str(path)).graph
    values = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    values |= {n.output[0]: onnx.numpy_helper.to_array(n.attribute[0].t) for n in graph.node if n.op_type == "Constant"}
    foreign = ModelError(
        f"{path} is not a file of the embedded detector's network, so its weights cannot be trained on: take "
        "'detector' or a file that `nasion train or-face-selfsup` wrote"
    )
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    found = [[values[name] for name in node.input[1:3] if name in values] for node in convolutions]
    net = Detector().eval()
    layers = _convolutions(net)
    if len(found) != len(layers):
        raise foreign
    for (layer, norm), pair in zip(layers, found, strict=True):
        if len(pair) != 2 or pair[0].shape != tuple(layer.weight.shape):
            raise foreign
        first = layer is net.stem[0][0] and net.unit is not None
        _fill(layer, norm, pair[0] / net.unit if first else pair[0], pair[1])
    return net, _curve(graph, values, foreign)


def write_detector(
    net: Detector,
    curve: Curve,
    path: str | Path,
    *,
    front: nn.Module | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write a file that ``nasion.FaceDetector`` reads, and check it against PyTorch.

    ``image`` (B, 3, H, W) float32 RGB 0..255, H and W multiples of 32, to ``stride8``, ``stride16`` and ``stride32``
    (B, 15, h, w), the score a probability.

    Args:
        net, curve: the detector.
        path: ``.onnx`` file to write.
        front: see ``Shipped``.
        metadata: what the file says about itself.

    Raises:
        MissingExtraError: the library ``onnx`` is not installed.
        MediaError: the file cannot be written.
        ModelError: the file does not give what PyTorch gives.
    """
    target, names = prepare_output(path), [f"stride{s}" for s in STRIDES]
    axes = {"image": {0: "batch", 2: "height", 3: "width"}}
    axes |= {name: {0: "batch", 2: f"height_{name}", 3: f"width_{name}"} for name in names}
    shipped, example = Shipped(net, curve, front).eval(), {"image": torch.rand(1, 3, 320, 320)}
    target.write_bytes(traced(shipped, example, names, facts=metadata, axes=axes))
    probe = torch.rand(2, 3, 96, 160, generator=torch.Generator().manual_seed(1)) * 255  # of another size than traced
    with torch.no_grad():
        wanted = shipped(probe)
    found = Session(target, threads=1).run({"image": probe.numpy()})
    difference = max(float(np.abs(found[n] - w.numpy()).max()) for n, w in zip(names, wanted, strict=True))
    if not difference <= CLOSE:
        raise ModelError(f"{target}: ONNX Runtime differs from PyTorch by {difference:.3g}")
    return target


def _convolutions(net: Detector) -> list[tuple[nn.Conv2d, nn.BatchNorm2d | None]]:
    """Every convolution with the normalisation behind it, in the order they run, which is the file's."""
    order: list[nn.Conv2d] = []
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    hooks = [c.register_forward_hook(lambda module, *_: order.append(module)) for c in convolutions]
    with torch.no_grad():
        net(torch.zeros(1, 3, 32, 32))
    for hook in hooks:
        hook.remove()
    chains = [list(module) for module in net.modules() if isinstance(module, nn.Sequential)]
    pairs = [pair for chain in chains for pair in pairwise(chain)]
    behind = {a: b for a, b in pairs if isinstance(a, nn.Conv2d) and isinstance(b, nn.BatchNorm2d)}
    return [(layer, behind.get(layer)) for layer in order]


def _fill(layer: nn.Conv2d, norm: nn.BatchNorm2d | None, weight: FloatArray, bias: FloatArray) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight.copy()))
        if norm is None:
            layer.bias.copy_(torch.from_numpy(bias.copy()))
            return
        scale = layer.weight.square().mean((1, 2, 3), keepdim=True).sqrt() * layer.weight[0].numel() ** 0.5
        scale = torch.where(scale > 0, scale, 1.0)  # a channel that died in its training stays dead
        layer.weight /= scale
        norm.running_mean.zero_()
        norm.running_var.fill_(1.0)
        norm.weight.copy_(scale.flatten() * (1.0 + norm.eps) ** 0.5)
        norm.bias.copy_(torch.from_numpy(bias.copy()))


def _curve(graph: Any, values: Mapping[str, FloatArray], foreign: ModelError) -> Curve:
    """Slope and shift: what is multiplied with and added to the logit before the first sigmoid."""
    made = {output: node for node in graph.node for output in node.output}
    first = next((node for node in graph.node if node.op_type == "Sigmoid"), None)
    if first is None:
        raise foreign
    numbers, node = {"Mul": 1.0, "Add": 0.0}, made.get(first.input[0])
    while node is not None and node.op_type in numbers:
        constants = [values[name] for name in node.input if name in values]
        if len(constants) != 1 or constants[0].size != 1:
            raise foreign
        numbers[node.op_type] = float(constants[0])
        node = made.get(next(name for name in node.input if name not in values))
    return Curve(numbers["Mul"], numbers["Add"])


def _require_onnx() -> Any:
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError as error:
        raise MissingExtraError('detector files are read and written with onnx: pip install "nasion[train]"') from error
    return onnx
