"""Export the landmarker to ONNX, calibrate its sigma and visibility on held-out faces, and print its figures.

    python -m training.landmarker.export --name v1 --out src/nasion/models/weights/landmarker.onnx

The graph takes ``crops`` (N, S, S, 3) uint8 RGB and gives, in crop px (pixel centres at integers): ``ibug68`` (N, 68,
2), ``dense478`` (N, 478, 3), ``visibility`` (N, 546) 0..1 and ``sigma`` (N, 546) px, 68 then 478, and ``presence``
(N,) 0..1. Sigma is scaled so that 68 % of the held-out points lie within 1.515 sigma, one factor for the 68 and one
for the 478.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import Tensor, nn

from training.landmarker.faces import Faces, to_input
from training.landmarker.prepare import WORK
from training.nets.landmarker import Landmarker

WITHIN_68_PERCENT = 1.515  # sigma per axis of a round Gaussian in two dimensions


class Exported(nn.Module):
    """The network with its pixel contract around it."""

    def __init__(self, net: Landmarker, size: int, scale68: float, scale478: float) -> None:
        super().__init__()
        self.net, self.size = net, size
        self.register_buffer("scale", torch.cat([torch.full((68,), scale68), torch.full((478,), scale478)]))

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        out = self.net(crops.permute(0, 3, 1, 2).float() * (1 / 127.5) - 1)
        size = self.size
        ibug = out["anchors"][:, :68] * size - 0.5
        dense = torch.cat([out["dense"][..., :2] * size - 0.5, out["dense"][..., 2:] * size], -1)
        sigma = out["log_sigma"].exp() * self.scale * size
        return ibug, dense, out["visibility"].sigmoid(), sigma, out["presence"].sigmoid()


@torch.no_grad()
def sigma_scales(net: Landmarker, faces: Faces, size: int) -> tuple[float, float]:
    """Factors that make the 68 % ellipse hold 68 % of held-out points, from augmented views of unseen people."""
    ratios: list[list[np.ndarray]] = [[], []]
    for which, index in enumerate((faces.held_human, faces.held_other)):
        views = faces.plain(index, size)
        for i in range(0, len(index), 64):
            out = net(to_input(views[i : i + 64]))
            part = slice(0, 68) if which == 0 else slice(68, 546)
            guess = out["anchors"][:, :68] if which == 0 else out["dense"][..., :2]
            truth = faces.ibug if which == 0 else faces.dense[..., :2]
            error = np.linalg.norm(guess.numpy() - truth[index[i : i + 64]], axis=2)
            ratios[which].append((error / np.exp(out["log_sigma"][:, part].numpy())).ravel())
    first, second = (float(np.quantile(np.concatenate(r), 0.683) / WITHIN_68_PERCENT) for r in ratios)
    return first, second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--scales", type=float, nargs=2, help="sigma factors from an earlier run with held-out faces")
    args = parser.parse_args()
    net = Landmarker(args.width)
    net.load_state_dict(torch.load(WORK / args.name / "ema.pt", weights_only=True))
    net.eval()
    scales = tuple(args.scales) if args.scales else sigma_scales(net, Faces(False), args.size)
    print(f"sigma factors: 68 points {scales[0]:.3f}, 478 points {scales[1]:.3f}")
    exported = Exported(net, args.size, *scales).eval()
    example = torch.randint(0, 256, (2, args.size, args.size, 3), dtype=torch.uint8)
    names = ["ibug68", "dense478", "visibility", "sigma", "presence"]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        exported, (example,), str(args.out), input_names=["crops"], output_names=names, dynamo=False, opset_version=17,
        dynamic_axes={name: {0: "n"} for name in ["crops", *names]}, do_constant_folding=True,
    )  # fmt: skip
    onnx.checker.check_model(onnx.load(args.out))
    session = ort.InferenceSession(str(args.out), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = exported(example)
    for name, a, b in zip(names, session.run(None, {"crops": example.numpy()}), expected, strict=True):
        print(f"{name}: largest difference ONNX to PyTorch {np.abs(a - b.numpy()).max():.2e}")
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
