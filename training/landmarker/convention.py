"""Measure how far HELEN's labels lie from where a network puts the points that treats both sides of a face alike.

    python -m training.landmarker.convention --name v2

A network trained on mirrored samples, asked about a photo and its mirror image, answers without a side. What remains
between the mean of both answers and the labels is the labels' own; only the horizontal part can be told this way.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from training.landmarker.faces import CONVENTION, Faces, to_input
from training.landmarker.prepare import WORK
from training.nets.landmarker import SIZE, Landmarker

PARTS = {"jaw": (0, 17), "brows": (17, 27), "nose": (27, 36), "eyes": (36, 48), "mouth": (48, 68), "all": (0, 68)}


@torch.no_grad()
def both_ways(net: Landmarker, images: np.ndarray, flip: np.ndarray) -> np.ndarray:
    """(N, 68, 2) mean of the heatmaps' answers to (N, S, S, 3) views and to their mirror images, view units."""
    answers = []
    for side in (1, -1):
        views = np.ascontiguousarray(images[:, :, ::side])
        parts = [net(to_input(views[i : i + 64]))["anchors"][:, :68] for i in range(0, len(views), 64)]
        answers.append(torch.cat(parts).numpy())
    return np.asarray((answers[0] + answers[1][:, flip] * (-1, 1) + (1, 0)) / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    args = parser.parse_args()
    faces = Faces(False)
    net = Landmarker.of(torch.load(WORK / args.name / "ema.pt", weights_only=True)).eval()
    for title, index in (("held out", faces.held_human), ("others", faces.human)):
        labels = faces.ibug[index]
        across = np.linalg.norm(labels[:, 36] - labels[:, 45], axis=1)[:, None]
        off = (labels - both_ways(net, faces.plain(index, SIZE), faces.mirrors[0]))[..., 0] / across + CONVENTION
        found = ", ".join(f"{name} {off[:, a:b].mean():.4f}" for name, (a, b) in PARTS.items())
        print(f"{title}, {len(index)} photos, to the right by, over the outer-eye distance: {found}")


if __name__ == "__main__":
    main()
