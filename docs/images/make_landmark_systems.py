"""Draw ``worldcomp2d_views.png`` and ``kd_landmarks_loss.png``: what our own code looks at, and what it minimises.

python docs/images/make_landmark_systems.py        (extras ``demo`` and ``train``)
"""

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nasion import Analyzer, read_image
from nasion.core import ImageArray
from nasion.landmark.view import cut, view_matrix
from nasion.media import write_image
from nasion.train.kd_landmarks import TOUGH
from nasion.train.kd_landmarks_net import assist_term, main_term
from nasion.train.score import to_input
from nasion.train.worldcomp2d_net import GLIMPSE, PAPER_SIDE, WIDE, WorldComp2DNet

HERE = Path(__file__).parent
CELL = 84  # px of a drawn glimpse


def face() -> ImageArray:
    """The astronaut's face as networks see it, 256 px."""
    spec = find_spec("skimage")
    assert spec is not None, "pip install nasion[demo]"
    image = read_image(Path(str(spec.origin)).parent / "data" / "astronaut.png")
    (found,) = Analyzer(max_faces=1, tasks=("landmarks",))(image)
    return cut(image, view_matrix(found.landmarks, PAPER_SIDE), PAPER_SIDE)


def glimpses(crop: ImageArray) -> ImageArray:
    """The crop with the nine fixations, beside it what the encoder gets there: near windows, then wide ones."""
    net = WorldComp2DNet(np.full((68, 2), 0.5))
    images = net.normalise(to_input(crop[None]))
    shown = crop.copy()
    for x, y in (net.fixations.numpy() * PAPER_SIDE - 0.5).astype(int):
        for side, colour in ((WIDE, (90, 160, 255)), (GLIMPSE, (255, 210, 60))):
            low, high = (x - side // 2, y - side // 2), (x + side // 2, y + side // 2)
            if side == GLIMPSE or (x, y) == (128, 128):
                cv2.rectangle(shown, low, high, colour, 1)
    panels = [cv2.resize(shown, (3 * CELL, 3 * CELL), interpolation=cv2.INTER_CUBIC)]
    for side in (GLIMPSE, WIDE):
        seen = (net.glimpse(images, net.fixations[None], side)[0] * net.std + net.mean).clamp(0, 1)
        cells = (seen.permute(0, 2, 3, 1).numpy() * 255).astype(np.uint8)
        cells = np.stack([cv2.resize(c, (CELL, CELL), interpolation=cv2.INTER_NEAREST) for c in cells])
        cells[:, [0, -1]] = cells[:, :, [0, -1]] = 255
        panels.append(cells.reshape(3, 3, CELL, CELL, 3).transpose(0, 2, 1, 3, 4).reshape(3 * CELL, 3 * CELL, 3))
    gap = np.full((3 * CELL, 12, 3), 255, np.uint8)
    return np.concatenate([panels[0], gap, panels[1], gap, panels[2]], axis=1)


def losses(path: Path) -> None:
    """The terms for one coordinate whose truth is 0 while both teachers say 0.1."""
    s = torch.linspace(-0.25, 0.25, 2001, requires_grad=True)
    truth, teacher = torch.zeros(1), torch.full((1,), 0.1)
    main, assist = 2 * main_term(s, truth, teacher), assist_term(s, truth, teacher, *TOUGH)
    total = main + 2 * assist
    (slope,) = torch.autograd.grad(total.sum(), s)  # weights are constants to it: the steps of the loss are not seen
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharex=True)
    for values, label in ((main, "main, twice"), (assist, "one teacher")):
        left.plot(s.detach(), values.detach(), label=label)
    left.plot(s.detach(), total.detach(), "k", lw=1, label="all, both teachers")
    right.plot(s.detach(), slope, "k", lw=1)
    left.legend(frameon=False)
    left.set_title("loss")
    right.set_title("slope")
    for axes in (left, right):
        axes.set_xlabel("student minus truth, crop units")
        axes.axvline(0.1, color="0.8", zorder=0)
        axes.axvline(-0.1, color="0.8", zorder=0)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    write_image(HERE / "worldcomp2d_views.png", glimpses(face()))
    losses(HERE / "kd_landmarks_loss.png")
