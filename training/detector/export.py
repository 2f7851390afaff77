"""Write the averaged weights as ONNX, check them against PyTorch, and make the int8 form for comparison.

Use:
    python -m training.detector.export --work DIR --out DIR [--int8]

The graph takes ``image`` (B, 3, H, W) float32 RGB 0..255, H and W multiples of 32, and gives ``stride8``, ``stride16``
and ``stride32`` (B, 15, h, w) with the score already a probability: a logistic curve fitted on scenes that training did
not see turns the network's logit into the share of such boxes that are faces (Platt 1999).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import nn

from training.detector.net import STRIDES, Detector
from training.detector.scenes import SIDE, Scenes, Store
from training.detector.teacher import iou_matrix
from training.detector.train import find

CALIBRATION_PHOTOS = 120
CALIBRATION_SCENES, CALIBRATION_SEED = 400, 1999


class Shipped(nn.Module):
    """The network with its logits turned to scores."""

    def __init__(self, net: Detector, slope: float, shift: float) -> None:
        super().__init__()
        self.net, self.slope, self.shift = net, slope, shift

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        maps = self.net(x)
        return tuple(torch.cat([(self.slope * m[:, :1] + self.shift).sigmoid(), m[:, 1:]], dim=1) for m in maps)


def calibrate(net: Detector, work: Path) -> tuple[float, float]:
    """Slope and shift of the logistic curve, by Newton's method over the boxes found in fresh scenes."""
    scenes, net = Scenes(work, CALIBRATION_SEED), net.eval()
    logits, hits = [], []
    for place in range(CALIBRATION_SCENES):
        image, rows = scenes.scene(0, place)
        found = find(net, image, SIDE, 0.05)
        faces, ignored = rows[rows[:, 4] == 1], rows[rows[:, 4] == 0]
        if len(ignored):
            found = found[iou_matrix(found, ignored).max(axis=1) < 0.2]
        match = iou_matrix(found, faces) >= 0.4
        taken = np.zeros(len(faces), bool)
        for i in range(len(found)):  # best first
            free = np.flatnonzero(match[i] & ~taken)
            taken[free[:1]] = True
            logits.append(np.log(found[i, 4] / (1 - found[i, 4])))
            hits.append(len(free) > 0)
    design, target = np.stack([logits, np.ones(len(logits))], axis=1), np.array(hits, np.float64)
    weights = np.array([1.0, 0.0])
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ weights))
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(2)
        weights -= np.linalg.solve(hessian, design.T @ (p - target))
    share = np.mean(hits)
    print(f"score = sigmoid({weights[0]:.3f} logit + {weights[1]:.3f}): {len(hits)} boxes, {share:.2f} of them faces")
    return float(weights[0]), float(weights[1])


def export(net: Detector, path: Path, slope: float, shift: float) -> None:
    names = [f"stride{s}" for s in STRIDES]
    axes = {"image": {0: "batch", 2: "height", 3: "width"}}
    axes |= {n: {0: "batch", 2: f"height_{n}", 3: f"width_{n}"} for n in names}
    shipped = Shipped(net, slope, shift).eval()
    torch.onnx.export(
        shipped,
        (torch.rand(1, 3, 320, 320),),
        str(path),
        input_names=["image"],
        output_names=names,
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    onnx.checker.check_model(str(path))
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    probe = torch.rand(2, 3, 96, 160) * 255
    with torch.no_grad():
        wanted = shipped(probe)
    for a, b in zip(session.run(None, {"image": probe.numpy()}), wanted, strict=True):
        assert np.abs(a - b.numpy()).max() < 1e-3, "ONNX and PyTorch disagree"


def quantise(path: Path, out: Path, work: Path) -> None:
    """Static int8 (QDQ) calibrated on training photos; the last layers stay float."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    photos = Store.load(work, "crowds")

    class Photos(CalibrationDataReader):
        def __init__(self) -> None:
            self.order = iter(np.linspace(0, len(photos) - 1, CALIBRATION_PHOTOS).astype(int))

        def get_next(self) -> dict[str, np.ndarray] | None:
            i = next(self.order, None)
            if i is None:
                return None
            image = cv2.resize(photos.picture(int(i)), (448, 352))
            return {"image": image.transpose(2, 0, 1)[None].astype(np.float32)}

    prepared = out.with_suffix(".prepared.onnx")
    quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    graph = onnx.load(str(prepared)).graph
    convolutions = [n.name for n in graph.node if n.op_type == "Conv"]
    last = [
        n.name
        for n in graph.node
        if n.op_type == "Conv"
        and n.output[0] in {i for c in graph.node if c.op_type in ("Concat", "Sigmoid", "Slice") for i in c.input}
    ]
    quantize_static(
        str(prepared),
        str(out),
        Photos(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        nodes_to_exclude=[*last, convolutions[0]],
        op_types_to_quantize=["Conv", "Add", "Relu"],
    )
    prepared.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--int8", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    net = Detector()
    net.load_state_dict(torch.load(args.work / "ema.pt"))
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "detector.onnx"
    export(net, path, *calibrate(net, args.work))
    print(f"{path}: {path.stat().st_size} bytes, {sum(p.numel() for p in net.parameters())} parameters")
    if args.int8:
        quantise(path, args.out / "detector_int8.onnx", args.work)


if __name__ == "__main__":
    main()
