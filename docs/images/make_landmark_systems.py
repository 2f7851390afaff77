"""Draw what WorldComp2D, KD-Loss and FGTBT look at and minimise, and what they have learned.

python docs/images/make_landmark_systems.py [MODELS HELEN]        (extras ``demo`` and ``train``)

MODELS holds the weights that ``benchmarks/landmark_systems.py --models MODELS`` and ``benchmarks/fgtbt.py --weights
MODELS/fgtbt.pt`` leave; HELEN is the table of faces they were trained on, of which no pixel is shown. Without them only
the pictures that need no training are drawn.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nasion import Analyzer, read_image
from nasion.core import FloatArray, ImageArray
from nasion.core.schemes.maps import NAMED_DENSE
from nasion.landmark.view import cut, view_matrix
from nasion.media import write_image
from nasion.train import LandmarkSet, load_csv, split
from nasion.train.data import box_matrix, mean_points
from nasion.train.fgtbt import FGTBT, LISTS, as_union
from nasion.train.kd_landmarks import TOUGH, KDLandmarks
from nasion.train.kd_landmarks_net import assist_term, main_term
from nasion.train.score import predict_pixels, to_input
from nasion.train.worldcomp2d import WorldComp2D, latent_distances
from nasion.train.worldcomp2d_net import GLIMPSE, PAPER_SIDE, WIDE, WorldComp2DNet

HERE = Path(__file__).parent
CELL = 84  # px of a drawn glimpse
TALL, SIZE, DARK = 300, 64, 2.5  # px of a panel, px that the networks saw, gamma
GREY, GREEN, ORANGE = (190, 190, 190), (60, 255, 120), (255, 170, 40)


def face(aligned: bool = True) -> ImageArray:
    """The astronaut's face as networks see it, 256 px; ``aligned`` as for ``load_csv``."""
    spec = find_spec("skimage")
    assert spec is not None, "pip install nasion[demo]"
    image = read_image(Path(str(spec.origin)).parent / "data" / "astronaut.png")
    (found,) = Analyzer(max_faces=1, tasks=("landmarks",))(image)
    matrix = (view_matrix if aligned else box_matrix)(found.landmarks.to("ibug68"), PAPER_SIDE)
    return cut(image, matrix, PAPER_SIDE)


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


def trained(recipe: Any, weights: Path, learn: LandmarkSet, size: int) -> Any:
    """A recipe's network with kept weights."""
    recipe.prepare(learn)
    model = recipe.build(68, size)
    model.load_state_dict(torch.load(weights, weights_only=True))
    return model.eval()


def placed(crop: ImageArray, points: FloatArray, colour: tuple[int, int, int]) -> ImageArray:
    """Points (K, 2), crop units, over the crop at the height of the figures."""
    shown = cv2.resize(crop, (TALL, TALL), interpolation=cv2.INTER_CUBIC)
    for x, y in points * TALL * 8:
        cv2.circle(shown, (round(float(x)), round(float(y))), 18, colour, -1, cv2.LINE_AA, 3)
    return shown


def found(recipe: Any, model: Any, crop: ImageArray, size: int) -> FloatArray:
    """Crop units of every point on the crop shrunk to ``size``."""
    small = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)[None]
    return (predict_pixels(recipe, model, small)[0] + 0.5) / size


def side_by_side(path: Path, panels: list[ImageArray], plot: Figure | None = None) -> None:
    """Panels of equal height, then the figure."""
    if plot is not None:
        canvas = FigureCanvasAgg(plot)
        canvas.draw()
        panels = [*panels, np.asarray(canvas.buffer_rgba())[..., :3]]
    gap = np.full((TALL, 12, 3), 255, np.uint8)
    write_image(path, np.concatenate([part for panel in panels for part in (panel, gap)][:-1], axis=1))


def embedding(models: Path, learn: LandmarkSet, held: LandmarkSet, size: int) -> Figure:
    """Distance in the embedding against distance in the picture, with the paper's weights and without."""
    figure = Figure(figsize=(TALL * 1.45 / 80, TALL / 80), dpi=80, layout="constrained")
    axes = figure.subplots()
    files = {"weighted by nearness": "worldcomp2d-0.pt", "weights 1": "worldcomp2d-encoder-with-weights-1-0.pt"}
    for label, name in files.items():
        radii, apart, ratio = latent_distances(trained(WorldComp2D(), models / name, learn, size), held)
        axes.plot(radii, apart.mean(1), "o-", ms=4, label=f"{label}: other landmarks {ratio:.1f} times as far")
    axes.set_xlabel("px of 256 from the landmark")
    axes.set_ylabel("distance in the embedding")
    axes.set_ylim(0)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def results(models: Path, table: Path, crop: ImageArray) -> None:
    """What the trained networks say about the astronaut, whom none of them has seen."""
    learn, held = split(load_csv(table, size=SIZE, aligned=False))
    square, locator = face(aligned=False), trained(WorldComp2D(), models / "worldcomp2d-0.pt", learn, SIZE)
    panels = [placed(square, mean_points(learn), GREY)]
    panels.append(placed(square, found(WorldComp2D(), locator, square, SIZE), GREEN))
    side_by_side(HERE / "worldcomp2d_trained.png", panels, embedding(models, learn, held, SIZE))
    learn, held = split(load_csv(table, size=SIZE))
    panels = [placed(crop, mean_points(learn), GREY)]
    students = {"kd-landmarks-student-alone-0.pt": KDLandmarks(distil=False), "kd-landmarks-0.pt": KDLandmarks()}
    for name, recipe in students.items():
        panels.append(placed(crop, found(recipe, trained(recipe, models / name, learn, SIZE), crop, SIZE), GREEN))
    side_by_side(HERE / "kd_landmarks_trained.png", panels)
    if (models / "fgtbt.pt").exists():
        union, recipe, size = as_union(learn), FGTBT(plan="tiny"), 32
        recipe.prepare(union)
        net = recipe.build(124, size)
        net.load_state_dict(torch.load(models / "fgtbt.pt", weights_only=True))
        extra = sorted(set(NAMED_DENSE) - set(LISTS["ibug68"]))
        panels = []
        for gamma in (1.0, DARK):
            view = (255 * (crop / 255.0) ** gamma).astype(np.uint8)
            points = found(recipe, net.eval(), view, size)
            shown = placed(view, points[list(LISTS["ibug68"])], GREEN)
            panels.append(placed(shown, points[extra], ORANGE))
        side_by_side(HERE / "fgtbt_points.png", panels)


if __name__ == "__main__":
    astronaut = face()
    write_image(HERE / "worldcomp2d_views.png", glimpses(astronaut))
    losses(HERE / "kd_landmarks_loss.png")
    if len(sys.argv) == 3:
        results(Path(sys.argv[1]), Path(sys.argv[2]), astronaut)
