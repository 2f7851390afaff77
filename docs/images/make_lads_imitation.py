"""Draw the pictures of the manual's pages on LADS and imitation: rendered heads, two photos that come with our extras.

python docs/images/make_lads_imitation.py [--model imitation.onnx]
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from nasion.cli.imitate import scene_of
from nasion.core import ImageArray
from nasion.expression.imitation import Decoupler, Imitator, LinearDecoupler, RobotFace, calibrate, shape_of
from nasion.landmark.events import KINDS
from nasion.landmark.view import cut, view_matrix
from nasion.media import read_image, write_image
from nasion.pipeline import Analyzer
from nasion.synth.model import HeadModel
from nasion.synth.sampling import sample_head
from nasion.synth.scene import render_scene
from nasion.train.lads_clips import rendered_clip, surfaces

HERE = Path(__file__).parent
SEED, CLIP, INSTANTS = 900, 0, (5, 9, 13, 17, 21, 25, 29, 33)
GAP, SIDE, TARGETS = 4, 224, (1, 3, 12)


def event_surfaces() -> ImageArray:
    """A row a kind of surface, columns over 0.9 s of a head that turns, rests and turns back."""
    clip = rendered_clip(SEED, CLIP, "slow")
    rows = []
    for kind in KINDS:
        images = surfaces([clip], kind, (240,)).images
        cells = [cv2.copyMakeBorder(images[i], 0, GAP, 0, GAP, cv2.BORDER_CONSTANT, value=255) for i in INSTANTS]
        name = np.full((images.shape[1] + GAP, 76), 255, np.uint8)
        cv2.putText(name, kind, (2, 66), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 0, 1, cv2.LINE_AA)
        rows.append(np.hstack([name, *cells]))
    sheet = np.vstack(rows)[:-GAP, :-GAP]
    return np.repeat(sheet[..., None], 3, axis=2)


def photos() -> list[Path]:
    """Eileen Collins of scikit-image, Grace Hopper of matplotlib."""
    found = []
    for package, inside in (
        ("skimage", "data/astronaut.png"),
        ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    ):
        spec = find_spec(package)
        assert spec is not None, "pip install 'nasion[demo]'"
        assert spec.origin is not None
        found.append(Path(spec.origin).parent / inside)
    return found


def imitations(model: Path | None) -> ImageArray:
    """A row a photo: the photo, then three heads of nobody with its expression."""
    decoupler = Decoupler(model) if model else LinearDecoupler()
    heads = [sample_head(np.random.default_rng(number)) for number in TARGETS]
    robots = [RobotFace.ideal(head) for head in heads]
    maps = [calibrate(lambda c, r=robot: decoupler.codes(r.shapes(c)), robot.names, samples=800) for robot in robots]
    analyzer, rows = Analyzer(("landmarks",)), []
    for path in photos():
        image = read_image(path)
        face = max(analyzer(image), key=lambda f: f.box.area)
        cells = [cut(image, view_matrix(face.landmarks, SIDE), SIDE)]
        for robot, mapped in zip(robots, maps, strict=True):
            commands = Imitator(decoupler, mapped)(shape_of(face.landmarks)).commands
            cells.append(render_scene(scene_of(robot, commands, SIDE), HeadModel.load()).image)
        rows.append(
            np.hstack([cv2.copyMakeBorder(c, 0, GAP, 0, GAP, cv2.BORDER_CONSTANT, value=(255,) * 3) for c in cells])
        )
    return np.asarray(np.vstack(rows)[:-GAP, :-GAP])


def main() -> None:
    """Both pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=None, help="network of nasion train pengrui-expression-imitation")
    args = parser.parse_args()
    write_image(HERE / "lads_surfaces.png", event_surfaces())
    write_image(HERE / "imitation.jpg", imitations(args.model), quality=88)


if __name__ == "__main__":
    main()
