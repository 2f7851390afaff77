"""Finish the landmarker and export it to ONNX: read-out, presence, calibration, 8 bits, figures.

    python -m training.landmarker.export --name v1 --out src/nasion/models/weights/landmarker.onnx

The graph takes ``crops`` (N, S, S, 3) uint8 RGB and gives, in crop px (pixel centres at integers): ``ibug68`` (N,
68, 2), ``dense478`` (N, 478, 3), ``visibility`` (N, 546) 0..1 and ``sigma`` (N, 546) px, 68 then 478, and
``presence`` (N,) 0..1. Sigma is scaled on jittered and damaged views of held-out people, midway between what makes
the 68 % circle (1.515 sigma) and what makes the 95 % circle (2.448 sigma) hold its share; `visibility` makes the
probabilities honest. Weights trained on everybody (``train --all``) take the numbers that an earlier state of the
same training, which had not seen the held-out people, printed: ``--scales`` and ``--visibility``. The graph as trained
stays in ``float.onnx`` beside ``ema.pt``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import Tensor, nn

from nasion.landmark.landmarker import SHIFT
from nasion.metrics import LogitMap
from training.landmarker.faces import CONVENTION, Faces, to_input
from training.landmarker.prepare import WORK
from training.landmarker.presence import teach
from training.landmarker.quantize import quantize
from training.landmarker.readout import Correction, apply, fit, fit_dense, placed, views
from training.landmarker.visibility import honest
from training.nets.landmarker import Landmarker

OUTPUTS = ["ibug68", "dense478", "visibility", "sigma", "presence"]
CORRECTED = 3000  # faces without human labels that the correction of the 478 points is fitted on, beside those with
WITHIN_68_PERCENT, WITHIN_95_PERCENT = 1.515, 2.448  # sigma per axis of a round Gaussian in two dimensions


class Exported(nn.Module):
    """The network with its read-out to the 68 points, the correction of the 478 and its pixel contract."""

    def __init__(
        self,
        net: Landmarker,
        readout: np.ndarray,
        correction: Correction,
        size: int,
        scales: tuple[float, float],
        visibility: tuple[LogitMap, LogitMap],
    ) -> None:
        super().__init__()
        self.net, self.size = net, size
        self.readout = linear(readout[:-1], readout[-1])
        into = linear(correction.into, -correction.mean @ correction.into)
        self.correction = nn.Sequential(into, linear(correction.out, correction.bias))
        self.register_buffer("scale", per_point(*scales))
        self.register_buffer("stretch", per_point(*(m.scale for m in visibility)))
        self.register_buffer("shift", per_point(*(m.bias for m in visibility)))

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        out = self.net(crops.permute(0, 3, 1, 2).float() * (1 / 127.5) - 1)
        size, xy = self.size, out["dense"][..., :2]
        placed = torch.cat([out["anchors"][:, :68], xy], 1) - 0.5
        ibug = (self.readout(placed.flatten(1)).view(-1, 68, 2) + 0.5) * size - 0.5
        xy = xy + self.correction((xy - 0.5).flatten(1)).view_as(xy)
        dense = torch.cat([xy * size - 0.5, out["dense"][..., 2:] * size], -1)
        sigma = out["log_sigma"].exp() * self.scale * size
        seen = (out["visibility"] * self.stretch + self.shift).sigmoid()
        return ibug, dense, seen, sigma, out["presence"].sigmoid()


def linear(weights: np.ndarray, bias: np.ndarray) -> nn.Linear:
    """The layer that takes rows ``x`` to ``x @ weights + bias``."""
    layer = nn.Linear(*weights.shape)
    layer.weight.data = torch.from_numpy(np.ascontiguousarray(weights.T, np.float32))
    layer.bias.data = torch.from_numpy(np.asarray(bias, np.float32))
    return layer


def per_point(first: float, second: float) -> Tensor:
    """(546,): one number for the 68 points, one for the 478."""
    return torch.cat([torch.full((68,), first), torch.full((478,), second)])


def inter_ocular(points: np.ndarray, right: int, left: int) -> np.ndarray:
    return np.linalg.norm(points[:, right] - points[:, left], axis=1)[:, None]


@torch.no_grad()
def calibrate(
    net: Landmarker, readout: np.ndarray, correction: Correction, faces: Faces, size: int
) -> tuple[float, float]:
    """Sigma factors from people held out, printed with their NME. Says nothing of weights that were trained on them."""
    images, labels = views(faces, faces.held_human, size, seed=9)
    images = np.ascontiguousarray(images)
    rows, trust = placed(net, images), log_sigma(net, images)[:, :68]
    iod = inter_ocular(labels, 36, 45)
    for name, guess in (("heatmaps", rows[:, :136].reshape(-1, 68, 2) + 0.5), ("read-out", apply(readout, rows))):
        error = np.linalg.norm(guess - labels, axis=2)
        print(f"68 points by {name}: held-out NME {(error / iod).mean():.4f}, inner {(error / iod)[:, 17:].mean():.4f}")
    first = factor(error, trust)
    batch = faces.held_batch(size)
    out = net(batch["image"])
    dense, truth = out["dense"][..., :2].numpy(), batch["dense"][..., :2].numpy()
    for name, guess in (("the mesh", dense), ("corrected", correction(dense))):
        error = np.linalg.norm(guess - truth, axis=2)
        nme = (error / inter_ocular(truth, 33, 263)).mean()
        print(f"478 points by {name}: held-out distance to the teacher {nme:.4f} of the outer-eye distance")
    return first, factor(error, out["log_sigma"][:, 68:].numpy())


def log_sigma(net: Landmarker, images: np.ndarray) -> np.ndarray:
    parts = [net(to_input(images[i : i + 64]))["log_sigma"] for i in range(0, len(images), 64)]
    return np.asarray(torch.cat(parts).numpy())


def factor(error: np.ndarray, trust: np.ndarray) -> float:
    """What sigma must be multiplied with: midway between the factors right for the 68 % and for the 95 % circle.

    The errors have longer tails than a Gaussian, so no factor serves both.
    """
    ratio = error / np.exp(trust)
    inner, outer = np.quantile(ratio, 0.683) / WITHIN_68_PERCENT, np.quantile(ratio, 0.95) / WITHIN_95_PERCENT
    print(f"sigma factor for the 68 % circle {inner:.3f}, for the 95 % circle {outer:.3f}")
    return float(np.sqrt(inner * outer))


@torch.no_grad()
def write(exported: Exported, path: Path, size: int) -> None:
    """The float graph, checked against PyTorch on noise."""
    example = torch.randint(0, 256, (2, size, size, 3), dtype=torch.uint8)
    torch.onnx.export(
        exported, (example,), str(path), input_names=["crops"], output_names=OUTPUTS, opset_version=18,
        dynamic_shapes={"crops": {0: torch.export.Dim("n", min=1, max=4096)}}, external_data=False, verbose=False,
    )  # fmt: skip
    onnx.checker.check_model(onnx.load(path))
    for name, a, b in zip(OUTPUTS, answers(path, example.numpy()).values(), exported(example), strict=True):
        print(f"{name}: largest difference ONNX to PyTorch {np.abs(a - b.numpy()).max():.2e}")


def compare(whole: Path, small: Path, faces: Faces, size: int) -> None:
    """Print what 8 bits cost on views of held-out people."""
    images, labels = views(faces, faces.held_human, size, seed=9)
    first, second = (answers(path, np.ascontiguousarray(images)) for path in (whole, small))
    iod = inter_ocular(labels, 36, 45)
    nme = [100 * (np.linalg.norm((a["ibug68"] + 0.5) / size - labels, axis=2) / iod).mean() for a in (first, second)]
    print(f"68 points: held-out NME {nme[0]:.3f} % in float, {nme[1]:.3f} % in 8 bits")
    for name in OUTPUTS:
        print(f"{name}: 8 bits to float, mean difference {np.abs(first[name] - second[name]).mean():.4f}")


def answers(path: Path, crops: np.ndarray) -> dict[str, np.ndarray]:
    """What the graph says about (N, S, S, 3) crops, by output."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    parts = [session.run(OUTPUTS, {"crops": crops[i : i + 16]}) for i in range(0, len(crops), 16)]
    return {name: np.concatenate(column) for name, column in zip(OUTPUTS, zip(*parts, strict=True), strict=True)}


def name_shift(path: Path) -> None:
    """Write into the model's metadata how far HELEN's labels lie from the 68 points that it gives."""
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {SHIFT: f"{CONVENTION:.4f}"})
    onnx.save(model, path)


def to_pixels(images: Tensor) -> np.ndarray:
    """The inverse of ``to_input``: (N, S, S, 3) uint8."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--scales", type=float, nargs=2, help="sigma factors from an earlier run with held-out faces")
    parser.add_argument("--visibility", type=float, nargs=4, help="its maps: scale and bias for the 68, for the 478")
    args = parser.parse_args()
    if (args.scales is None) != (args.visibility is None):
        parser.error("--scales and --visibility come from one earlier run: give both or neither")
    net = Landmarker.of(torch.load(WORK / args.name / "ema.pt", weights_only=True))
    net.eval()
    faces = Faces(args.scales is not None, ("turned",), shown=True)
    readout = fit(net, faces, faces.human, args.size)
    others = np.random.default_rng(4).permutation(faces.other)[:CORRECTED]
    correction = fit_dense(net, faces, np.concatenate([faces.human, others]), args.size)
    scales = tuple(args.scales) if args.scales else calibrate(net, readout, correction, faces, args.size)
    if args.visibility:
        seen = LogitMap(*args.visibility[:2]), LogitMap(*args.visibility[2:])
    else:
        seen = honest(net, faces, args.size)
    print("visibility maps: " + ", ".join(f"{m.scale:.3f} {m.bias:.3f}" for m in seen))
    print(f"presence: {teach(net, faces, args.data, args.size):.4f} right on faces, graphics and scenery kept apart")
    print(f"sigma factors: 68 points {scales[0]:.3f}, 478 points {scales[1]:.3f}")
    exported = Exported(net, readout, correction, args.size, scales, seen).eval()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    whole = WORK / args.name / "float.onnx"
    write(exported, whole, args.size)
    rng = np.random.default_rng(3)
    quantize(whole, args.out, to_pixels(faces.batch(rng, 256, 0.4, (0.25,), args.size)["image"]))
    compare(whole, args.out, faces, args.size)
    name_shift(args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
