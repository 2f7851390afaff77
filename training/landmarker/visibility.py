"""Make the probability of being seen honest on faces of which a third is hidden.

The training shows mostly free faces, and there the probabilities are right (calibration error 0.01); on faces behind
things they are too high. A logistic map of the logits, fitted on people held out whose faces were covered twice over,
gives away a little on free faces (0.03 to 0.04) for a third of the error on covered ones.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch

from nasion.metrics import LogitMap, fit_logit_map
from nasion.train.damage import occlude
from training.landmarker.augment import warp
from training.landmarker.faces import Faces, to_input
from training.nets.landmarker import Landmarker

OTHERS = 200  # held-out faces with the teacher's labels, beside the human-labelled ones


@torch.no_grad()
def honest(net: Landmarker, faces: Faces, size: int, seed: int = 11) -> tuple[LogitMap, LogitMap]:
    """The maps for the 68 and for the 478 points."""
    rng = np.random.default_rng(seed)
    cv2.setNumThreads(1)
    index = [i for i in faces.held_human if faces.has_dense[i]] + list(faces.held_other[:OTHERS])
    images, seen = np.empty((len(index), size, size, 3), np.uint8), np.empty((len(index), 546), bool)
    for row, i in enumerate(index):
        image, view = warp(faces.crops[i], rng, size, wild=rng.random() < 0.25)
        mask = occlude(image, rng, faces.texture(rng)) | occlude(image, rng, faces.texture(rng))
        where = np.concatenate([faces.ibug[i], faces.dense[i, :, :2]]) @ view[:, :2].T + view[:, 2]
        x, y = np.clip(np.round(where * size - 0.5).astype(int), 0, size - 1).T
        images[row], seen[row] = image, (faces.visible[i] > 0.5) & (mask[y, x] <= 127)
    parts = [net(to_input(images[k : k + 64]))["visibility"].sigmoid() for k in range(0, len(images), 64)]
    said = torch.cat(parts).numpy()
    return fit_logit_map(said[:, :68], seen[:, :68]), fit_logit_map(said[:, 68:], seen[:, 68:])
