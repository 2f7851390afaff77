"""The embedded landmarker as a frozen trunk: what it sees under each heatmap, and how a head grows onto its graph.

Its ONNX file is opened where the evidence lies: the heatmaps after their softmax, the features pooled under them, and
the features that each scale brings into the top-down path. Names in the file mean nothing, so the places are found
by how the graph is built.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasion.core import FloatArray, ImageArray, MissingExtraError, ModelError
from nasion.models import Session, find_model

if TYPE_CHECKING:
    import onnx

EVIDENCE = ("heat", "pooled", "scale0", "scale1", "scale2")
OWN = ("ibug68", "dense478", "visibility", "sigma", "presence")
PASS = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the trunk says about crops (N, S, S, 3).

    Attributes:
        heat: (N, A, H * W) probability of each anchor's place.
        pooled: (N, A, F + 3) features under each heatmap, its mean place x, y in crop units, its mean squared place.
        scales: (N, C, h, w) features that the trunk adds to its top-down path, coarse to fine.
        points: (N, 546, 2) px of the crop, ``ibug68`` then ``dense478``.
        visibility: (N, 546) what it says itself, 0..1.
    """

    heat: FloatArray
    pooled: FloatArray
    scales: tuple[FloatArray, ...]
    points: FloatArray
    visibility: FloatArray


class Trunk:
    """The landmarker with its evidence in the open.

    Args:
        model: a name of the catalogue or the path of a file built like the embedded one.
        threads: within one operator.

    Attributes:
        size: px, side of its crops.
        anchors: how many heatmaps; ``features``, how many features lie under each, all scales together.

    Raises:
        ModelError: the model is built in another way.
        MissingExtraError: the library ``onnx`` is not installed.
    """

    def __init__(self, model: str | Path = "landmarker", *, threads: int | None = None) -> None:
        self.path = find_model(model)
        graph = _load(self.path)
        self.places = _places(graph, self.path)
        for name in self.places.values():
            graph.graph.output.add().name = name
        with tempfile.TemporaryDirectory() as folder:
            opened = Path(folder, "trunk.onnx")
            opened.write_bytes(graph.SerializeToString())
            self._session = Session(opened, threads=threads)
        self.size = int(self._session.input_shapes["crops"][1])
        seen = self(np.zeros((1, self.size, self.size, 3), np.uint8))
        self.anchors = seen.pooled.shape[1]
        self.features = seen.pooled.shape[2] - 3 + sum(scale.shape[1] for scale in seen.scales)

    def __call__(self, crops: ImageArray) -> Seen:
        """Look at crops, uint8 RGB (N, S, S, 3)."""
        out = self._session.run({"crops": np.ascontiguousarray(crops)})
        found = {key: out[name] for key, name in self.places.items()}
        points = np.concatenate([out["ibug68"], out["dense478"][..., :2]], 1)
        scales = tuple(found[key] for key in EVIDENCE[2:])
        return Seen(found["heat"], found["pooled"], scales, points, out["visibility"])


def graft(trunk: Trunk, head: bytes, path: Path) -> None:
    """Write the landmarker with a head on its evidence that replaces its points and its visibility.

    Args:
        trunk: the landmarker.
        head: ONNX, inputs named ``EVIDENCE``, ``ibug68`` and ``dense478``, outputs ``ibug68_out``, ``dense478_out`` and
            ``visibility_out``.
        path: file to write; it keeps the contract of the embedded landmarker.

    Raises:
        ModelError: the two do not fit together.
    """
    import onnx
    from onnx import compose

    body, top = _load(trunk.path), onnx.load_from_string(head)
    for name in trunk.places.values():
        body.graph.output.add().name = name
    top = compose.add_prefix(top, "occface_")
    top.ir_version = body.ir_version
    del body.opset_import[1:], top.opset_import[1:]
    joints = [(name, f"occface_{key}") for key, name in trunk.places.items()]
    joints += [(name, f"occface_{name}") for name in ("ibug68", "dense478")]
    try:
        whole = compose.merge_models(body, top, io_map=joints)
        # the replaced outputs must bear the names of what they replace
        inner = {name: f"trunk_{name}" for name in ("ibug68", "dense478", "visibility")}
        inner |= {f"occface_{name}_out": name for name in ("ibug68", "dense478", "visibility")}
        for node in whole.graph.node:
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    names[i] = inner.get(name, name)
        outputs = {o.name: o for o in body.graph.output if o.name in OWN}
        del whole.graph.output[:]
        whole.graph.output.extend(outputs[name] for name in OWN)
        onnx.checker.check_model(whole)
    except (ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(f"the head does not fit onto {trunk.path.name}: {error}") from error
    path.write_bytes(whole.SerializeToString())


def _load(path: Path) -> onnx.ModelProto:
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError('opening a model needs onnx: pip install "nasion[train]"') from error
    return onnx.load(path)


def _places(model: onnx.ModelProto, path: Path) -> dict[str, str]:
    """The names under which a graph holds its evidence."""
    maker = {name: node for node in model.graph.node for name in node.output}
    users: dict[str, list[Any]] = defaultdict(list)
    for node in model.graph.node:
        for name in node.input:
            users[name].append(node)

    def step(name: str, kind: str) -> Any:
        """The first node of a kind that a tensor reaches through changes of precision."""
        node = next(iter(users[name]))
        while node.op_type in PASS:
            node = next(iter(users[node.output[0]]))
        return node if node.op_type == kind else None

    softmax = [node for node in model.graph.node if node.op_type == "Softmax"]
    resizes = [node for node in model.graph.node if node.op_type == "Resize"]
    pooled = [n for n in users[softmax[0].output[0]] if n.op_type == "MatMul"] if len(softmax) == 1 else []
    sums = [step(node.output[0], "Add") for node in resizes]
    if len(pooled) != 1 or len(sums) != len(EVIDENCE) - 2 or None in sums:
        raise ModelError(f"{path.name} is not built like the embedded landmarker: no head can be put onto it")

    def resized(name: str) -> bool:
        while name in maker and maker[name].op_type in PASS:
            name = maker[name].input[0]
        return name in maker and maker[name].op_type == "Resize"

    brought = [next(name for name in node.input if not resized(name)) for node in sums]
    return dict(zip(EVIDENCE, (softmax[0].output[0], pooled[0].output[0], *brought), strict=True))
